#!/usr/bin/env python3
from ngcmos.commands.qc_control import main

if __name__ == "__main__":
    raise SystemExit(main())
