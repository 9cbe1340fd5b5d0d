#!/usr/bin/env python3
from ngcmos.commands.noise_model import main

if __name__ == "__main__":
    raise SystemExit(main())
