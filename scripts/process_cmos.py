#!/usr/bin/env python3
"""Measure all stars of every frame of a night: phot_{field}.fits.

Example:  python scripts/process_cmos.py --night 20240705
"""

import sys

from ngcmos import cli


def add_options(parser):
    """Options of this script alone."""
    parser.add_argument("--overwrite", action="store_true", help="measure again what has been measured")


def work(config, night, options):
    """Run the stage over the night."""
    from ngcmos.stages import process_cmos

    return process_cmos.run(
        config, night, overwrite=options.overwrite, workers=options.workers, quiet=options.quiet
    )


if __name__ == "__main__":
    sys.exit(cli.run(__doc__, work, add_options=add_options))
