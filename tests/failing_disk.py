"""The chain of a night on a disk that fails: a script that `torture` begins warm, with BASE FIRST CODE.

The how-manieth file forced to the disk, and each after it, gives the error of that code. Its troubles and how many
files were forced are told as JSON.
"""

import ngcmos.commands.running  # noqa: F401  isort: skip - first, before numpy: keeps its linear algebra to one core, as scripts do

import json
import logging
import os
import sys
from pathlib import Path

from ngcmos.chain.night import RunOptions, run
from ngcmos.config import load_config


def main(base, first, code):
    real, calls = os.fsync, []

    def failing(descriptor):
        calls.append(descriptor)
        if len(calls) >= first:
            raise OSError(code, os.strerror(code))
        real(descriptor)

    os.fsync = failing
    logging.disable()
    config = load_config(camera=str(base / "camera.toml"), config=base / "directories.json")
    outcome = run(config, base / "nights" / "20240705", RunOptions(), quiet=True)
    sys.stdout.write(json.dumps([outcome.troubles, len(calls)]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
