"""Write AIRMASS and FILTER (where absent), BJD and HJD into the header of every frame of a night.

Example:  ngcmos adding_headers --night 20240705
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
    from ngcmos.stages import adding_headers

    return adding_headers.run(job)


main = stage_command(Stage.ADDING_HEADERS, __doc__, work)
