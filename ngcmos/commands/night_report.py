"""Write the morning page of a night: how it was, what became of every field, and what to do.

night_report.html lies in the night, a copy by date in shifts_plots/ with index.html of all nights. One file that
opens anywhere, without a network.

Example:  ngcmos night_report --night 20240705
"""

from argparse import Namespace
from typing import TYPE_CHECKING

from ngcmos.commands.again import commands_again
from ngcmos.commands.running import stage_command
from ngcmos.names import Stage
from ngcmos.night.outcome import Outcome

if TYPE_CHECKING:
    from ngcmos.night.job import Job


def work(job: "Job", options: Namespace) -> Outcome:
    """Run the stage over the night."""
    from ngcmos.stages import night_report

    return night_report.run(job, commands=commands_again(options, job.folder))


main = stage_command(Stage.NIGHT_REPORT, __doc__, work)
