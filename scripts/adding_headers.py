#!/usr/bin/env python3
from ngcmos.commands.listing import command_of

if __name__ == "__main__":
    raise SystemExit(command_of("adding_headers")())
