"""Run the whole chain over a night, each stage only where something is missing.

QC_Donuts, QC_control, simple_wrapper, check_cmos, adding_headers, create_flats, process_cmos, relative_photometry,
noise_model, season, night_report, in this order. A stage that fails does not stop those that can still work; the
exit code tells, and the table at the end.

With --follow, started in the evening, it works on each frame as it comes, and does the rest at sunrise.
With --deadline it ends on time: the target's field first, movies last. It says what is left, for another run.

Example:  ngcmos run_night --night 20240705 --skip QC_control
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from ngcmos.commands.again import commands_again
from ngcmos.commands.parser import add_chain_options, center_of, deadline
from ngcmos.commands.running import NightCommand
from ngcmos.config import Config
from ngcmos.night.outcome import Outcome

if TYPE_CHECKING:
    from ngcmos.night.folder import Night


def add_options(parser: ArgumentParser) -> None:
    """Options of this command alone."""
    add_chain_options(parser)
    parser.add_argument(
        "--follow",
        action="store_true",
        help="begin tonight's (or the named) night now, frame by frame; ends by itself after sunrise",
    )
    parser.add_argument(
        "--deadline",
        type=deadline,
        metavar="WHEN",
        help="end by then with what matters: 09:30 (of the site), 13:30 UTC or 'sunrise + 2 h'",
    )


def choose_folder(config: Config, options: Namespace) -> Path:
    """The night folder; with --follow that of tonight, waited for."""
    if options.follow:
        from ngcmos.chain.follow import wait_for_folder

        return wait_for_folder(config, directory=options.directory, night=options.night)
    from ngcmos.night.folder import find_folder

    return find_folder(config, directory=options.directory, night=options.night)


def work(config: Config, night: "Night", options: Namespace) -> Outcome:
    """Run the chain over the night, first frame by frame where that is asked for."""
    from ngcmos.chain import night as chain

    if options.follow:
        from ngcmos.chain import follow
        from ngcmos.steps.solve_options import SolveOptions

        follow.require_deadline_behind(options.deadline or "", config, night)
        solving = SolveOptions(options.catalog, center_of(options))
        follow.run(config, night, solving, quiet=options.quiet)
    chosen = chain.RunOptions(
        catalogs=options.catalog,
        center=center_of(options),
        only=options.only,
        skip=options.skip,
        overwrite=options.overwrite,
        commands=commands_again(options, night.folder),
        deadline=options.deadline or "",
    )
    return chain.run(config, night.folder, chosen, workers=options.workers, quiet=options.quiet)


main = NightCommand(__doc__, work, add_options, choose_folder, has_summary=True)
