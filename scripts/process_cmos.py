#!/usr/bin/env python3
"""Measure all stars of every frame of a night: phot_{field}.fits.

Example:  python scripts/process_cmos.py --night 20240705
"""

import sys

from ngcmos import cli
from ngcmos.names import Stage


def add_options(parser):
    """Options of this script alone."""
    parser.add_argument("--overwrite", action="store_true", help="measure again what has been measured")


def work(job, options):
    """Run the stage over the night."""
    from ngcmos.stages import process_cmos

    return process_cmos.run(job, overwrite=options.overwrite)


if __name__ == "__main__":
    sys.exit(cli.run_stage(Stage.PROCESS_CMOS, __doc__, work, add_options=add_options))
