"""Fit the transit of a star: is there one, how deep, when, how long; and is it the star that dips.

Writes transit_{gaia_id}.json and transit_{gaia_id}.png into the night (for several nights into the season of the
field), or where --json and --output say. When it is expected stands in targets.csv in OUT, or is said by --period
and --epoch. Reads phot_{field}.fits and rel_phot_{field}.fits; works while another run is at the night.

Example:  ngcmos fit_transit --night 20240705 --gaia_id 2395685455587424512 --period 2.15 --epoch 2455867.4027
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ngcmos.commands.parser import no_frame
from ngcmos.commands.running import Command
from ngcmos.commands.star import add_nights, add_star, folders_of, star_of

if TYPE_CHECKING:
    from ngcmos.transits.ephemeris import Ephemeris


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of this command alone."""
    add_star(parser)
    add_nights(parser)
    parser.add_argument("--period", type=float, metavar="D", help="days from transit to transit")
    parser.add_argument("--epoch", type=float, metavar="BJD", help="mid-time of one of them, BJD_TDB")
    parser.add_argument("--json", type=no_frame, metavar="FILE", help="the result: .json")
    parser.add_argument("--output", type=no_frame, metavar="FILE", help="the figure: .png, .pdf or .svg")
    parser.add_argument("--mcmc", action="store_true", help="errors by Markov chains (emcee) too; takes minutes")


def _ephemeris(options: argparse.Namespace) -> "Ephemeris | None":
    """The ephemeris that the options give."""
    from ngcmos.errors import UsageError
    from ngcmos.transits.ephemeris import Ephemeris

    if options.period is None and options.epoch is None:
        return None
    if options.period is None or options.epoch is None:
        raise UsageError("--period and --epoch belong together, expected both")
    try:
        return Ephemeris(options.period, options.epoch)
    except ValueError as error:
        raise UsageError(f"--period, --epoch: {error}") from None


def work(options: argparse.Namespace) -> int:
    """Fit it; the exit code."""
    from ngcmos.config import load_config
    from ngcmos.report.transit import Asked, run

    ephemeris = _ephemeris(options)
    json, output = (Path(name) if name else None for name in (options.json, options.output))
    asked = Asked(star_of(options), ephemeris, json, output, options.mcmc)
    config = load_config(camera=options.camera, config=options.config, directory=options.directory)
    return run(config, folders_of(config, options), asked).exit_code


main = Command(__doc__, work, add_options=add_options)
