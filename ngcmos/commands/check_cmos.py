"""Sort out bad frames: too far off to failed_donuts/, without a plate solution to no_wcs/.

Nothing is deleted or overwritten; --restore brings all frames back.

Example:  ngcmos check_cmos --night 20240705 --dry-run
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
    parser.add_argument("--dry-run", action="store_true", help="say what would be moved, move nothing")
    parser.add_argument("--restore", action="store_true", help="bring all frames back that were set aside")


def work(job: "Job", options: Namespace) -> Outcome:
    """Run the stage over the night."""
    from ngcmos.stages import check_cmos

    return check_cmos.run(job, dry_run=options.dry_run, restore=options.restore)


main = stage_command(Stage.CHECK_CMOS, __doc__, work, add_options=add_options)
