"""The options that commands share."""

import argparse
import os
import re

from ngcmos.config import DEFAULT_CAMERA
from ngcmos.errors import UsageError
from ngcmos.keys import CLOCK, MOMENT_EXPECTED, SUNRISE
from ngcmos.night.filenames import is_fits

_EXAMPLE = re.compile(r"^(Example:  | {10})ngcmos (\w+)", re.MULTILINE)


def no_frame(text: str) -> str:
    """Name of a file that an option may write: no FITS file, which could be a frame.

    Raises
    ------
    argparse.ArgumentTypeError
        The name ends as those of frames do.
    """
    if is_fits(text):
        raise argparse.ArgumentTypeError(f"{text} has the name of a FITS file, which may be a frame; give another")
    return text


def deadline(text: str) -> str:
    """When a run has to end, as `ngcmos.chain.deadline` reads it.

    Raises
    ------
    argparse.ArgumentTypeError
        It says no moment.
    """
    if not (CLOCK.fullmatch(text.strip()) or SUNRISE.fullmatch(text.strip())):
        raise argparse.ArgumentTypeError(f"{text!r} is no moment, {MOMENT_EXPECTED}")
    return text


def parser_of(
    doc: str | None, *, prog: str | None = None, night: bool = True, nights: bool = False, camera: bool = True
) -> argparse.ArgumentParser:
    """Parser of a command's options: those all commands share, described by the docstring of its module.

    `prog` is how it was started, None where that was by its script; its examples are of the same way. `night` is
    for commands that work in one night, `nights` for those that are told of several in their own way, `camera` for
    those that need a profile.
    """
    said = (doc or "") if prog else _EXAMPLE.sub(r"\1python scripts/\2.py", doc or "")
    parser = argparse.ArgumentParser(
        prog=prog, description=said, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    if night:
        parser.add_argument("--directory", metavar="DIR", help="the night folder itself")
        parser.add_argument(
            "--night", metavar="YYYYMMDD", help="the night of that evening (default: yesterday evening)"
        )
    if night or nights:
        parser.add_argument("--config", metavar="FILE", help="directories.json (default: looked for, see README)")
    if camera:
        parser.add_argument(
            "--camera",
            metavar="NAME",
            help=f"camera profile: a name or a .toml file (default: of directories.json, else {DEFAULT_CAMERA})",
        )
    if night or nights:
        parser.add_argument(
            "--workers", type=_workers, default=_cores(), metavar="N", help="processes at work (%(default)s)"
        )
    loudness = parser.add_mutually_exclusive_group()
    loudness.add_argument("-v", "--verbose", action="store_true", help="tell more")
    loudness.add_argument("-q", "--quiet", action="store_true", help="tell only what went wrong")
    return parser


def add_catalog(parser: argparse.ArgumentParser) -> None:
    """The option --catalog."""
    parser.add_argument(
        "--catalog",
        action="append",
        default=[],
        metavar="FILE",
        help="TIC extract instead of the network (repeatable)",
    )


def add_center(parser: argparse.ArgumentParser) -> None:
    """The option --center."""
    parser.add_argument(
        "--center",
        nargs=2,
        type=float,
        metavar=("RA", "DEC"),
        help="where the fields are, in degrees, whatever their cards say",
    )


def center_of(options: argparse.Namespace) -> tuple[float, float] | None:
    """What --center says.

    Raises
    ------
    UsageError
        No such place.
    """
    if options.center is None:
        return None
    ra, dec = options.center
    if not (0 <= ra <= 360 and -90 <= dec <= 90):
        raise UsageError(f"--center {ra:g} {dec:g}: expected degrees, RA 0 to 360 and Dec -90 to 90")
    return ra, dec


def add_chain_options(parser: argparse.ArgumentParser) -> None:
    """The options of the chain: catalogs, which stages, whether anew."""
    add_catalog(parser)
    add_center(parser)
    parser.add_argument("--only", action="append", default=[], metavar="STAGE", help="run this stage (repeatable)")
    parser.add_argument(
        "--skip", action="append", default=[], metavar="STAGE", help="leave this one out (repeatable)"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="solve, measure and compare anew what was done before"
    )


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _workers(text: str) -> int:
    value = int(text) if text.isdecimal() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of processes, expected 1 or more")
    return value
