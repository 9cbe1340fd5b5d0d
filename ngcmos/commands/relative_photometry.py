"""Light curves of all stars against comparison stars chosen for each: rel_phot_{field}.fits.

Example:  ngcmos relative_photometry --night 20240705 --tmag_max 13
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
    parser.add_argument("--tmag_max", type=float, metavar="T", help="faintest star (default: the profile's)")
    parser.add_argument("--overwrite", action="store_true", help="make curves anew that are made already")


def work(job: "Job", options: Namespace) -> Outcome:
    """Run the stage over the night."""
    from ngcmos.stages import relative_photometry

    return relative_photometry.run(job, tmag_max=options.tmag_max, overwrite=options.overwrite)


main = stage_command(Stage.RELATIVE_PHOTOMETRY, __doc__, work, add_options=add_options)
