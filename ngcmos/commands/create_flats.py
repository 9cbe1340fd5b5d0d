"""Make master_flat.fits of a night from its evening (else morning) twilight flats.

Example:  ngcmos create_flats --night 20240705
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
    from ngcmos.stages import create_flats

    return create_flats.run(job)


main = stage_command(Stage.CREATE_FLATS, __doc__, work)
