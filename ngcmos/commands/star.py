"""Options of commands about one star, in one night or several."""

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from ngcmos.config import Config

if TYPE_CHECKING:
    from ngcmos.tables.observed import StarId

_NIGHT = re.compile(r"(19|20)\d{6}")


def add_star(parser: argparse.ArgumentParser) -> None:
    """The options --gaia_id and --tic_id, one of which is needed."""
    star = parser.add_mutually_exclusive_group(required=True)
    star.add_argument("--gaia_id", type=id_of, default=0, metavar="ID", help="the star by its Gaia id")
    star.add_argument("--tic_id", type=id_of, default=0, metavar="ID", help="the star by its TIC id")


def id_of(text: str) -> int:
    """The number of an id."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is no id, expected a positive number")
    return value


def star_of(options: argparse.Namespace) -> "StarId":
    """The star that the options name."""
    from ngcmos.tables.observed import StarId

    return StarId(options.gaia_id, options.tic_id)


def add_nights(parser: argparse.ArgumentParser) -> None:
    """The option --nights."""
    parser.add_argument(
        "--nights",
        metavar="NIGHTS",
        help="several nights: all, from and to as 20240701:20240731 (those that are there), or a list",
    )


def folders_of(config: Config, options: argparse.Namespace) -> list[Path]:
    """The folders of the nights that the options name.

    Raises
    ------
    UsageError
        One night is named as well as several, or a date is none.
    NightError
        There is no such night.
    """
    from ngcmos.chain.nights import choose_nights
    from ngcmos.errors import NightError, UsageError
    from ngcmos.night.folder import find_folder

    if options.nights is None:
        return [find_folder(config, directory=options.directory, night=options.night)]
    if options.night is not None or options.directory is not None:
        raise UsageError("--nights and --night (or --directory) both name nights, expected one of them")
    base = config.directories.base
    if options.nights != "all":
        return [find_folder(config, night=name) for name in choose_nights(config, options.nights)]
    found = sorted(path for path in base.iterdir() if path.is_dir() and _NIGHT.fullmatch(path.name))
    if not found:
        raise NightError(f"no night found: no folder as 20240705 in {base}")
    return found
