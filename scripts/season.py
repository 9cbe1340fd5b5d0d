#!/usr/bin/env python3
from ngcmos.commands.season import main

if __name__ == "__main__":
    raise SystemExit(main())
