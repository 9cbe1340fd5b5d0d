#!/usr/bin/env python3
from ngcmos.commands.qc_donuts import main

if __name__ == "__main__":
    raise SystemExit(main())
