#!/usr/bin/env python3
"""Measure the donuts shift of every frame of a night: JSON and PDF, and a movie of those that moved.

The products lie in shifts_plots/ under the base path.

Example:  python scripts/QC_Donuts.py --night 20240705
"""

import sys

from ngcmos import cli
from ngcmos.names import Stage


def work(job, options):
    """Run the stage over the night."""
    from ngcmos.stages import qc_donuts

    return qc_donuts.run(job)


if __name__ == "__main__":
    sys.exit(cli.run_stage(Stage.QC_DONUTS, __doc__, work))
