#!/usr/bin/env python3
from ngcmos.commands.measure_camera import main

if __name__ == "__main__":
    raise SystemExit(main())
