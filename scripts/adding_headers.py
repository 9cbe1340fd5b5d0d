#!/usr/bin/env python3
"""Write AIRMASS and FILTER (where absent), BJD and HJD into the header of every frame of a night.

Example:  python scripts/adding_headers.py --night 20240705
"""

import sys

from ngcmos import cli
from ngcmos.names import Stage


def work(job, options):
    """Run the stage over the night."""
    from ngcmos.stages import adding_headers

    return adding_headers.run(job)


if __name__ == "__main__":
    sys.exit(cli.run_stage(Stage.ADDING_HEADERS, __doc__, work))
