#!/usr/bin/env python3
from ngcmos.commands.fit_transit import main

if __name__ == "__main__":
    raise SystemExit(main())
