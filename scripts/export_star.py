#!/usr/bin/env python3
from ngcmos.commands.export_star import main

if __name__ == "__main__":
    raise SystemExit(main())
