#!/usr/bin/env python3
"""Write the morning page of a night: how it was, what became of every field, and what to do.

night_report.html lies in the night, a copy by date in shifts_plots/ with index.html of all nights. One file that
opens anywhere, without a network.

Example:  python scripts/night_report.py --night 20240705
"""

import sys

from ngcmos import cli
from ngcmos.names import Stage


def work(job, options):
    """Run the stage over the night."""
    from ngcmos.stages import night_report

    return night_report.run(job, commands=cli.commands_again(options, job.folder))


if __name__ == "__main__":
    sys.exit(cli.run_stage(Stage.NIGHT_REPORT, __doc__, work))
