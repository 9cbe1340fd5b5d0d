"""Measure the donuts shift of every frame of a night: JSON and PDF, and a movie of those that moved.

The products lie in shifts_plots/ under the base path.

Example:  ngcmos QC_Donuts --night 20240705
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
    from ngcmos.stages import qc_donuts

    return qc_donuts.run(job)


main = stage_command(Stage.QC_DONUTS, __doc__, work)
