#!/usr/bin/env python3
"""Make master_flat.fits of a night from its evening (else morning) twilight flats.

Example:  python scripts/create_flats.py --night 20240705
"""

import sys

from ngcmos import cli
from ngcmos.names import Stage


def work(job, options):
    """Run the stage over the night."""
    from ngcmos.stages import create_flats

    return create_flats.run(job)


if __name__ == "__main__":
    sys.exit(cli.run_stage(Stage.CREATE_FLATS, __doc__, work))
