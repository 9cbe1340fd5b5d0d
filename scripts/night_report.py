#!/usr/bin/env python3
from ngcmos.commands.night_report import main

if __name__ == "__main__":
    raise SystemExit(main())
