"""What the name of a file tells: whether it is FITS, its time stamp, and the number it got when set aside."""

import datetime
import re
from pathlib import Path

_ENDING = re.compile(r"\.(fits|fit|fts)(\.(gz|bz2|fz))?\Z", re.IGNORECASE)
_STAMP = re.compile(r"-(\d{17})\Z")
_PARTS = ((0, 4), (4, 6), (6, 8), (8, 10), (10, 12), (12, 14), (14, 17))  # of a stamp: year to millisecond
_NUMBER = re.compile(r"\.\d+\Z")
_RUNNING = re.compile(r"[-_. ]*\d+\Z")


def is_fits(name: str) -> bool:
    """Whether a file is one of FITS by its name: .fits, .fit or .fts in any case, also with .gz, .bz2 or .fz."""
    return _ENDING.search(name) is not None


def split_ending(name: str) -> tuple[str, str]:
    """(name without its ending, ending) of a file, as ("a", ".fits.gz"); by `pathlib` if it is not FITS."""
    match = _ENDING.search(name)
    at = match.start() if match else len(name) - len(Path(name).suffix)
    return name[:at], name[at:]


def unstamped(name: str) -> str:
    """The name of a frame without its time stamp and its ending."""
    return _STAMP.sub("", split_ending(name)[0])


def series_of(name: str) -> str:
    """The name of a frame without its ending, its time stamp and its running number: that of its series."""
    stem = unstamped(name)
    return _RUNNING.sub("", stem) or stem


def running_number(name: str) -> int | None:
    """The number at the end of a frame's name; None without one."""
    match = _RUNNING.search(split_ending(name)[0])
    return int(match[0].lstrip("-_. ")) if match else None


def numbered(name: str, number: int) -> str:
    """The name of a file that is not the first of that name."""
    stem, ending = split_ending(name)
    return f"{stem}.{number}{ending}"


def unnumbered(name: str) -> str:
    """The name that a file had before it was numbered."""
    stem, ending = split_ending(name)
    return _NUMBER.sub("", stem) + ending


def time_key(path: Path) -> tuple[str, str]:
    """Sorts frames by the time stamp in the name, then the name; a name without a stamp sorts by itself."""
    match = _STAMP.search(split_ending(path.name)[0])
    return (match[1], path.name) if match else (path.name, path.name)


def stamp_of(path: Path) -> datetime.datetime | None:
    """Time stamp in the name of a frame as (UTC) datetime, or None where the name has none."""
    match = _STAMP.search(split_ending(path.name)[0])
    if not match:
        return None
    year, month, day, hour, minute, second, thousandths = (int(match[1][first:last]) for first, last in _PARTS)
    try:
        return datetime.datetime(year, month, day, hour, minute, second, 1000 * thousandths, datetime.UTC)
    except ValueError:
        return None
