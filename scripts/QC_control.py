#!/usr/bin/env python3
"""Make a movie of every fifth frame of each field of a night: a close-up and the full frame.

The products lie in shifts_plots/ under the base path.

Example:  python scripts/QC_control.py --night 20240705
"""

import sys

from ngcmos import cli
from ngcmos.names import Stage


def work(job, options):
    """Run the stage over the night."""
    from ngcmos.stages import qc_control

    return qc_control.run(job)


if __name__ == "__main__":
    sys.exit(cli.run_stage(Stage.QC_CONTROL, __doc__, work))
