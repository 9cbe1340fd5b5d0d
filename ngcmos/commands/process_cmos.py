"""Measure all stars of every frame of a night: phot_{field}.fits.

Example:  ngcmos process_cmos --night 20240705
"""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from ngcmos.commands.running import stage_command
from ngcmos.names import Stage
from ngcmos.night.outcome import Outcome

if TYPE_CHECKING:
    from ngcmos.night.job import Job


def add_options(parser: ArgumentParser) -> None:
    """Options of this command alone."""
    parser.add_argument("--overwrite", action="store_true", help="measure again what has been measured")


def work(job: "Job", options: Namespace) -> Outcome:
    """Run the stage over the night."""
    from ngcmos.stages import process_cmos

    return process_cmos.run(job, overwrite=options.overwrite)


main = stage_command(Stage.PROCESS_CMOS, __doc__, work, add_options=add_options)
