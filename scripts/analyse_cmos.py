#!/usr/bin/env python3
from ngcmos.commands.analyse_cmos import main

if __name__ == "__main__":
    raise SystemExit(main())
