#!/usr/bin/env python3
"""Sort out bad frames: too far off to failed_donuts/, without a plate solution to no_wcs/.

Nothing is deleted or overwritten; --restore brings all frames back.

Example:  python scripts/check_cmos.py --night 20240705 --dry-run
"""

import sys

from ngcmos import cli
from ngcmos.names import Stage


def add_options(parser):
    """Options of this script alone."""
    parser.add_argument("--dry-run", action="store_true", help="say what would be moved, move nothing")
    parser.add_argument("--restore", action="store_true", help="bring all frames back that were set aside")


def work(job, options):
    """Run the stage over the night."""
    from ngcmos.stages import check_cmos

    return check_cmos.run(
        job,
        dry_run=options.dry_run,
        restore=options.restore,
    )


if __name__ == "__main__":
    sys.exit(cli.run_stage(Stage.CHECK_CMOS, __doc__, work, add_options=add_options))
