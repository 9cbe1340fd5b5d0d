#!/usr/bin/env python3
from ngcmos.commands.compare_runs import main

if __name__ == "__main__":
    raise SystemExit(main())
