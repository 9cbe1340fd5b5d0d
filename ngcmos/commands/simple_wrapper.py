"""Find the catalog of each field and solve every frame against it: WCS cards, catalogs, DS9 regions.

Example:  ngcmos simple_wrapper --night 20240705 --catalog tic.fits
"""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from ngcmos.commands.parser import add_catalog, add_center, center_of
from ngcmos.commands.running import stage_command
from ngcmos.names import Stage
from ngcmos.night.outcome import Outcome

if TYPE_CHECKING:
    from ngcmos.night.job import Job


def add_options(parser: ArgumentParser) -> None:
    """Options of this command alone."""
    parser.add_argument(
        "--defocus", type=float, default=0.0, metavar="MM", help="defocus of the telescope (%(default)s)"
    )
    parser.add_argument(
        "--force3rd", action="store_true", help="fit the distortion to third order however few the stars"
    )
    parser.add_argument("--save_matched_cat", action="store_true", help="keep the matched stars of each frame")
    add_catalog(parser)
    add_center(parser)
    parser.add_argument("--only", choices=["catalog", "solve"], help="do this part alone")
    parser.add_argument("--overwrite", action="store_true", help="solve frames that are solved already")


def work(job: "Job", options: Namespace) -> Outcome:
    """Run the stage over the night."""
    from ngcmos.stages.simple_wrapper import run
    from ngcmos.steps.solve_options import Part, SolveOptions

    chosen = SolveOptions(
        defocus_mm=options.defocus,
        force3rd=options.force3rd,
        save_matched_cat=options.save_matched_cat,
        catalogs=options.catalog,
        center=center_of(options),
        only=Part(options.only) if options.only else None,
        overwrite=options.overwrite,
    )
    return run(job, chosen)


main = stage_command(Stage.SIMPLE_WRAPPER, __doc__, work, add_options=add_options)
