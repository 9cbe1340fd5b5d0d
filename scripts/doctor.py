#!/usr/bin/env python3
import sys
from pathlib import Path

try:
    from ngcmos.commands.doctor import main
except ImportError as error:  # the wrong Python is the first thing to be told
    version = sys.version.split()[0]
    python = Path(__file__).resolve().parents[1] / ".venv" / "bin" / "python"
    sys.exit(f"BAD     Python {version}, {sys.executable}: {error} -> make install, then {python} {__file__}")

if __name__ == "__main__":
    sys.exit(main(checkout=Path(__file__).resolve().parents[1]))
