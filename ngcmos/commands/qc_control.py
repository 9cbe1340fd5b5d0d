"""Make a movie of every fifth frame of each field of a night: a close-up and the full frame.

The products lie in shifts_plots/ under the base path.

Example:  ngcmos QC_control --night 20240705
"""

from argparse import Namespace
from typing import TYPE_CHECKING

from ngcmos.commands.running import stage_command
from ngcmos.names import Stage
from ngcmos.night.outcome import Outcome

if TYPE_CHECKING:
    from ngcmos.night.job import Job


def work(job: "Job", _options: Namespace) -> Outcome:
    """Run the stage over the night."""
    from ngcmos.stages import qc_control

    return qc_control.run(job)


main = stage_command(Stage.QC_CONTROL, __doc__, work)
