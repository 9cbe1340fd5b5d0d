"""One star over all nights: brings nights into the seasons of their fields, BASE/seasons/{field}/.

Without --night, --directory or --nights all nights under the base path come in. Those that are in it and have not
changed stay, nights whose photometry has changed come in again, those that are gone are taken out. Light curves,
stars and frames are Parquet; season_{field}.html is the page of a season. Any number of runs, in any order, gives
the same.

Example:  ngcmos season --field NG2320-1302 --nights 20240701:20240930
"""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from ngcmos.commands.running import Command

if TYPE_CHECKING:
    from ngcmos.config import Config


def add_options(parser: ArgumentParser) -> None:
    """Options of this command alone."""
    parser.add_argument("--field", metavar="FIELD", help="of this field alone (default: all that are there)")
    parser.add_argument("--nights", metavar="NIGHTS", help="from and to as 20240701:20240930, a list, or all")
    parser.add_argument(
        "--base", action="append", default=[], metavar="DIR", help="nights of another telescope join (repeatable)"
    )
    parser.add_argument(
        "--scheduler", metavar="ADDRESS", help="Dask scheduler whose workers search the stars, as tcp://head:8786"
    )
    parser.add_argument(
        "--completeness", action="store_true", help="plant transits and tell on the page which are found; minutes"
    )
    parser.add_argument("--overwrite", action="store_true", help="make the season anew from all its nights")


def work(options: Namespace) -> int:
    """Bring the nights in; the exit code."""
    import contextlib
    import logging
    from pathlib import Path

    from ngcmos.config import load_config
    from ngcmos.errors import WorkError
    from ngcmos.names import Stage
    from ngcmos.night.lock import hold_night
    from ngcmos.night.outcome import Outcome
    from ngcmos.season.sources import find_fields
    from ngcmos.stages.season import Crew, Wish, bring_in, map_completeness

    config = load_config(camera=options.camera, config=options.config, directory=options.directory)
    outcome, base = Outcome(Stage.SEASON), config.directories.base
    with contextlib.ExitStack() as stack:
        nights = _nights(config, options)
        if nights and not options.nights:  # the one that is named may be at work elsewhere
            stack.enter_context(hold_night(base / nights[0]))
        fields = [options.field] if options.field else find_fields(base)
        if not fields:
            raise WorkError(f"{base}: no night has a phot_*.fits; run {Stage.PROCESS_CMOS} first")
        crew = Crew(options.workers, options.scheduler or "")
        wish = Wish(nights, overwrite=options.overwrite, others=[Path(one) for one in options.base])
        bring_in(config, outcome, fields, wish, crew)
        if options.completeness:
            map_completeness(config, outcome, fields, workers=options.workers)
    logging.getLogger("ngcmos").info("%s", outcome.summary())
    return outcome.exit_code


def _nights(config: "Config", options: Namespace) -> list[str] | None:
    """The nights that are named; None for all."""
    from ngcmos.chain.nights import choose_nights
    from ngcmos.errors import UsageError, WorkError
    from ngcmos.night.folder import find_folder

    named = [bool(option) for option in (options.night, options.directory, options.nights)]
    if sum(named) > 1:
        raise UsageError("--night, --directory and --nights name nights each, expected one of them")
    if options.nights:
        return None if options.nights == "all" else choose_nights(config, options.nights)
    if not any(named):
        return None
    folder = find_folder(config, directory=options.directory, night=options.night)
    if folder.parent.resolve() != config.directories.base.resolve():
        raise WorkError(f"{folder}: not under {config.directories.base}, which holds the nights of its seasons")
    return [folder.name]


main = Command(__doc__, work, add_options=add_options)
