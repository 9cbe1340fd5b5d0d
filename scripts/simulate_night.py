#!/usr/bin/env python3
from ngcmos.commands.simulate_night import main

if __name__ == "__main__":
    raise SystemExit(main())
