#!/usr/bin/env python3
from ngcmos.commands.run_night import main

if __name__ == "__main__":
    raise SystemExit(main())
