"""The masters that the photometry of a night was made with, found by the checksums that its tables keep.

``read_used(night) -> [UsedMaster, ...]``; without a table none is known.
"""

import collections
import contextlib
import dataclasses
import datetime
from collections.abc import Iterable, Sequence
from pathlib import Path

from astropy.io import fits

from ngcmos.config import Config
from ngcmos.errors import ProductError
from ngcmos.night.filenames import stamp_of
from ngcmos.night.folder import Night
from ngcmos.night.products import photometry_path
from ngcmos.steps.catalog import file_checksum
from ngcmos.tables.table import check_table

KINDS = ("bias", "dark", "flat")
_NONE = "none"


@dataclasses.dataclass(frozen=True)
class UsedMaster:
    """A master, and the fields measured with it.

    Attributes
    ----------
    kind : str
        One of `KINDS`.
    fields : tuple of str
    path : Path or None
        None where there was none, or it is not there any more.
    was_there : bool
        Whether the fields were measured with one at all.
    is_missed : bool
        Whether there was none though the camera usually has one.
    left_out : int
        Frames that were looked at and not used.
    frames : int
        It was made of; 0 where it does not tell.
    age_days : float or None
        From its frames to the evening of the night; None where they have no time stamps.
    """

    kind: str
    fields: tuple[str, ...]
    path: Path | None
    was_there: bool = True
    frames: int = 0
    left_out: int = 0
    age_days: float | None = None
    is_missed: bool = False

    def __str__(self) -> str:
        if self.path is not None:
            return str(self.path)
        if self.was_there:
            return "replaced since"
        return "none: NOT FLATTENED" if self.is_missed else "none, as the profile says"


def read_used(config: Config, night: Night) -> list[UsedMaster]:
    """The masters of the tables of a night, by kind; several of a kind where fields have their own."""
    users: dict[tuple[str, str], list[str]] = collections.defaultdict(list)
    for path in sorted(night.folder.glob(photometry_path(night.folder, "*").name)):
        with contextlib.suppress(ProductError):  # the stage that owns it says so
            header = check_table(path)
            for kind in KINDS:
                users[kind, str(header.get(f"{kind.upper()}SUM", ""))].append(path.stem.removeprefix("phot_"))
    known = _masters_by_checksum((night.folder, config.directories.out)) if users else {}
    found = [_describe(kind, fields, known.get(total), total, night) for (kind, total), fields in users.items()]
    if config.camera.calibration.flat and not config.camera.calibration.reduced:
        missed = [one.kind == "flat" and not one.was_there for one in found]
        found = [dataclasses.replace(one, is_missed=lacks) for one, lacks in zip(found, missed, strict=True)]
    return sorted(found, key=lambda one: KINDS.index(one.kind))


def _masters_by_checksum(folders: Iterable[Path]) -> dict[str, Path]:
    paths = [path for folder in folders for path in sorted(folder.glob("master_*.fits"))]
    return {file_checksum(path): path for path in reversed(paths)}  # the night's own is the last word


def _describe(kind: str, fields: Sequence[str], path: Path | None, checksum: str, night: Night) -> UsedMaster:
    if path is None:
        return UsedMaster(kind, tuple(fields), None, was_there=checksum != _NONE)
    try:
        header = fits.getheader(path)
    except OSError:
        header = fits.Header()
    stamps = [stamp_of(Path(str(name))) for name in header["INPUT*"].values()]
    ages = [_age_days(night.date, stamp) for stamp in stamps if stamp]
    known = [age for age in ages if age is not None]
    left_out = int(header.get("LEFTOUT", 0))
    age_days = min(known, key=abs, default=None)
    return UsedMaster(kind, tuple(fields), path, frames=len(stamps), left_out=left_out, age_days=age_days)


def _age_days(date: str, stamp: datetime.datetime) -> float | None:
    """Days from a time to the midnight (UTC) after the evening of a night; None where that has no date."""
    try:
        evening = datetime.datetime.strptime(date, "%Y%m%d").replace(tzinfo=datetime.UTC)
    except ValueError:
        return None
    return (evening + datetime.timedelta(days=1) - stamp) / datetime.timedelta(days=1)
