#!/usr/bin/env python3
from ngcmos.commands.make_catalog import main

if __name__ == "__main__":
    raise SystemExit(main())
