#!/usr/bin/env python3
"""Light curves of all stars against comparison stars chosen for each: rel_phot_{field}.fits.

Example:  python scripts/relative_photometry.py --night 20240705 --tmag_max 13
"""

import sys

from ngcmos import cli
from ngcmos.names import Stage


def add_options(parser):
    """Options of this script alone."""
    parser.add_argument("--tmag_max", type=float, default=14.0, metavar="T", help="faintest star (default: 14)")
    parser.add_argument("--overwrite", action="store_true", help="make curves anew that are made already")


def work(job, options):
    """Run the stage over the night."""
    from ngcmos.stages import relative_photometry

    return relative_photometry.run(job, tmag_max=options.tmag_max, overwrite=options.overwrite)


if __name__ == "__main__":
    sys.exit(cli.run_stage(Stage.RELATIVE_PHOTOMETRY, __doc__, work, add_options=add_options))
