"""Every file of a night accounted for: science frame, calibration, product, or not looked at with a reason."""

import collections
import dataclasses
import enum
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

from ngcmos.config import HeaderNames
from ngcmos.errors import FrameError
from ngcmos.night.filenames import is_fits, stamp_of
from ngcmos.night.headers import said_first
from ngcmos.night.images import read_image

BY_TYPE = "its IMAGETYP"
NOT_SCIENCE = ("evening", "morning", "flat", "bias", "dark", "master", "catalog", "phot")
USUAL_TYPES = HeaderNames().imagetyp
FOLDER_DEPTH = 2  # as programs sort frames: by target, then by type
_TABLE, _TILES, _START_BYTES = b"XTENSION= 'BINTABLE'", b"ZIMAGE  =", 8 * 2880
_CALIBRATION = re.compile("flat|bias|zero|dark", re.IGNORECASE)
_CALIBRATION_NAME = re.compile(
    r"(?<![a-z])(evening|morning|((sky|dome|twilight|master)[-_ ]?)?(flat|bias|dark|dark[-_ ]?flat))s?(?![a-z])"
    r"|flat[-_ ]?field"
)
_SCIENCE = re.compile("light|object|science", re.IGNORECASE)
_PRODUCT = re.compile(
    r"((rel_)?phot_.*|hot_pixels_.*|master_(bias|dark|flat)\w*\.fits.*|.*_(matched_)?catalog(_input)?\.fits.*|ngcmos\.(log|db).*"
    r"|directories\.json|targets\.csv|exclude\.csv|(comp|exclude)_stars_.*\.txt"
    r"|(light_curve|noise_model|rms_(mags|timescale)|donuts|transit|csv|ecsv|aavso|exoclock|TIC\d+-\d+)_.*"
    r"\.(png|pdf|svg|json|csv|ecsv|txt|tbl)"
    r"|.*\.(reg|head|html|mp4|toml))\Z",
    re.IGNORECASE,
)


class Kind(enum.StrEnum):
    """What a file is that is no science frame."""

    CALIBRATION = "calibration"
    PRODUCT = "product"
    NOT_LOOKED_AT = "not looked at"


@dataclasses.dataclass(frozen=True)
class LeftOut:
    """A file of the night that is no science frame: what it is, and by what that is known."""

    path: Path
    kind: Kind
    reason: str


def is_science(path: Path, imagetyp: Sequence[str] = USUAL_TYPES) -> bool:
    """Whether a FITS file may be a science frame: no product; by its type where its name has such words.

    `imagetyp` are the cards of that, by the profile.
    """
    name = path.name.lower()
    if _PRODUCT.match(name):
        return False
    if not any(word in name for word in NOT_SCIENCE):
        return not _is_table(path)
    return bool(_SCIENCE.search(_type_of(path, imagetyp)))


def is_calibration_type(image_type: str) -> bool:
    """Whether an IMAGETYP is that of a flat, bias or dark."""
    return bool(_CALIBRATION.search(image_type)) and not _SCIENCE.search(image_type)


def _type_of(path: Path, imagetyp: Sequence[str]) -> str:
    try:
        _, header = read_image(path, pixels=False)
    except FrameError:
        return ""
    return said_first(header, imagetyp)


def _is_table(path: Path) -> bool:
    """Whether a file without a time stamp holds tables and no image: a catalog among the frames."""
    if stamp_of(path) is not None or not path.is_file():  # a pipe would be waited for
        return False
    try:
        with path.open("rb") as file:
            start = file.read(_START_BYTES)
        if _TABLE not in start or _TILES in start:  # compressed images lie in tables too
            return False
        read_image(path, pixels=False)
    except OSError:
        return False
    except FrameError:
        return True
    return False


def left_out(
    entries: Collection[Path], science: Collection[Path], growing: Collection[Path], own: Collection[str] = ()
) -> tuple[LeftOut, ...]:
    """The files among the entries of a folder that are no science frames, and would-be frames in folders inside.

    `own` are names of folders into which ngcmos sets frames aside.
    """
    others = [path for path in entries if path not in science]
    files = tuple(_account(path, path in growing) for path in others if not path.is_dir())
    folders = [path for path in others if path.is_dir() and path.name not in own]
    return (*files, *(frame for folder in folders for frame in _frames_inside(folder, folder.name)))


def _frames_inside(folder: Path, told: str, depth: int = FOLDER_DEPTH) -> Iterator[LeftOut]:
    """The would-be frames in a folder of a night and in those inside it; not those of calibration by its name."""
    if _CALIBRATION.search(folder.name):
        return
    try:
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError:
        yield LeftOut(folder, Kind.NOT_LOOKED_AT, "a folder that cannot be read")
        return
    for entry in entries:
        if entry.is_dir():
            yield from _frames_inside(entry, f"{told}/{entry.name}", depth - 1) if depth > 1 else ()
        elif is_fits(entry.name) and not any(word in entry.name.lower() for word in NOT_SCIENCE):
            yield LeftOut(entry, Kind.NOT_LOOKED_AT, f"the folder {told}/ that it lies in")


def _account(path: Path, is_growing: bool) -> LeftOut:
    name = path.name
    if is_growing:
        return LeftOut(path, Kind.NOT_LOOKED_AT, "still being written")
    if _PRODUCT.match(name):
        return LeftOut(path, Kind.PRODUCT, "its name")
    if not is_fits(name):
        return LeftOut(
            path, Kind.NOT_LOOKED_AT, f"its ending {path.suffix}" if path.suffix else "it has no ending"
        )
    if not (name.isascii() and name.isprintable() and len(name) <= 200):
        return LeftOut(path, Kind.NOT_LOOKED_AT, "its name is not printable ASCII of at most 200 characters")
    if _is_table(path):
        return LeftOut(path, Kind.NOT_LOOKED_AT, "a table without an image")
    words = [word for word in NOT_SCIENCE if word in name.lower()]
    if words and not _CALIBRATION_NAME.search(name.lower()):
        return LeftOut(path, Kind.NOT_LOOKED_AT, f"its name has {words[0]}, no IMAGETYP calls it a light frame")
    return LeftOut(path, Kind.CALIBRATION, f"its name has {words[0]}" if words else BY_TYPE)


def unseen_among(others: Iterable[LeftOut]) -> list[LeftOut]:
    """Those files that are not looked at."""
    return [one for one in others if one.kind == Kind.NOT_LOOKED_AT]


def sum_up(others: Iterable[LeftOut], science: int) -> str:
    """How many files of which kind there are, as "300 science frames, 24 calibration, 2 not looked at"."""
    told = list(others)
    counts = collections.Counter(one.kind for one in told)
    by_type = sum(one.reason == BY_TYPE for one in told)
    notes = {Kind.CALIBRATION: f" ({by_type} for {BY_TYPE})" if by_type else ""}
    kinds = [f"{counts[kind]} {kind}{notes.get(kind, '')}" for kind in Kind if counts[kind]]
    parts = [f"{science} science frames", *kinds]
    reasons = collections.Counter(one.reason for one in told if one.kind == Kind.NOT_LOOKED_AT)
    why = ", ".join(f"{count} for {reason}" for reason, count in reasons.most_common(4))
    return ", ".join(parts) + (f" ({why})" if why else "")
