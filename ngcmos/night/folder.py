"""Which night, which frames it holds, and setting a frame aside without ever losing it."""

import dataclasses
import datetime
import operator
import re
import time
import zoneinfo
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from ngcmos.config import Config
from ngcmos.errors import FrameError, NightError, UsageError, WriteError
from ngcmos.night.accounting import USUAL_TYPES, LeftOut, is_calibration_type, is_science, left_out
from ngcmos.night.fields import Identity, read_identity, sort_into_fields
from ngcmos.night.filenames import is_fits, numbered, unnumbered
from ngcmos.night.frames import as_name, read_frame
from ngcmos.night.heads import head_path
from ngcmos.night.products import force_to_disk, make_folder

FAILED_DONUTS = "failed_donuts"
NO_WCS = "no_wcs"

_NIGHT_NAME = re.compile(r"^(19|20)\d{6}$")


@dataclasses.dataclass(frozen=True)
class Night:
    """A night folder.

    Attributes
    ----------
    folder : Path
        Absolute.
    date : str
        YYYYMMDD of the evening.
    fields : dict of str to tuple of Path
        The science frames of each field in the order of their time stamps; fields in the order of their names.
    growing : tuple of Path
        Frames that are still being written; left for a later run.
    misfits : dict of str to dict of Path to str
        Of each field the frames whose setup is not that of most, and the reason; they are not among the others.
    others : tuple of LeftOut
        All other files of the folder.
    known : dict of Path to Identity
        What was read of each frame, for who opens the night again.
    """

    folder: Path
    date: str
    fields: dict[str, tuple[Path, ...]]
    growing: tuple[Path, ...] = ()
    misfits: dict[str, dict[Path, str]] = dataclasses.field(default_factory=dict)
    others: tuple[LeftOut, ...] = ()
    known: dict[Path, Identity] = dataclasses.field(default_factory=dict, repr=False, compare=False)

    @property
    def whole_fields(self) -> dict[str, list[Path]]:
        """All frames of each field, those that do not fit the others too."""
        return {field: [*paths, *self.misfits.get(field, ())] for field, paths in self.fields.items()}

    def filter_of(self, field: str) -> str:
        """The filter that a field is named by; "" of the usual one, and of a field that is not here."""
        paths = self.fields.get(field) or tuple(self.misfits.get(field, ()))
        names = {self.known[path].filter_name for path in paths if path in self.known}
        return next((name for name in sorted(names) if name and field.endswith(f"_{as_name(name)}")), "")

    def serial_of(self, field: str, cards: Sequence[str]) -> str:
        """The serial number of the camera that took a field, by the first of these cards; "" where none tells."""
        setups = [dict(self.known[path].setup) for path in self.fields.get(field, ()) if path in self.known]
        return next((setup[card] for setup in setups for card in cards if card in setup), "")

    @property
    def frames(self) -> list[Path]:
        """All science frames of the night, field after field."""
        return [path for paths in self.fields.values() for path in paths]


def find_folder(
    config: Config,
    *,
    directory: str | Path | None = None,
    night: str | None = None,
    now: datetime.datetime | None = None,
    current: Path | None = None,
) -> Path:
    """The night folder that the options name, else that of yesterday evening, else the current folder.

    Parameters
    ----------
    config : ngcmos.config.Config
    directory : path, optional
        The night folder itself.
    night : str, optional
        YYYYMMDD of a folder under the base path.
    now : datetime.datetime, optional
        Aware; the clock by default.
    current : path, optional
        The current folder by default.

    Raises
    ------
    UsageError
        Both options, or a night that is no date.
    NightError
        There is no such night; the message names what was looked for.
    """
    if directory is not None and night is not None:
        raise UsageError("--directory and --night name a night each, expected one of them")
    if directory is not None:
        return _existing(Path(directory).absolute())
    base = config.directories.base
    if night is not None:
        if not _is_date(night):
            raise UsageError(f"--night is {night!r}, expected the date of the evening as 20240705")
        return _existing(base / night)
    now = now or datetime.datetime.now(datetime.UTC)
    local = now.astimezone(zoneinfo.ZoneInfo(config.site.timezone))
    yesterday = base / (local - datetime.timedelta(days=1)).strftime("%Y%m%d")
    if yesterday.is_dir():
        return yesterday
    here = Path(current or Path.cwd()).absolute()
    if science_files(here, config.camera.headers.imagetyp):
        return here
    raise NightError(f"no night found: neither {yesterday} nor science frames in the current folder {here}")


def _existing(folder: Path) -> Path:
    if not folder.is_dir():
        raise NightError(f"no night found: {folder} is not a folder")
    return folder


def _is_date(text: str) -> bool:
    try:
        datetime.datetime.strptime(text, "%Y%m%d")
    except ValueError:
        return False
    return bool(_NIGHT_NAME.match(text))


def science_files(folder: Path, imagetyp: Sequence[str] = USUAL_TYPES) -> list[Path]:
    """Would-be science frames of a folder: FITS files that ngcmos has not written and that are no calibration.

    A name with one of the words of `NOT_SCIENCE` is no science frame unless its type says so, in one of the cards
    `imagetyp`.
    """
    named = [path for path in _entries(folder) if is_fits(path.name) and _is_plain(path.name)]
    return [path for path in named if is_science(path, imagetyp)]


def _entries(folder: Path) -> list[Path]:
    try:
        entries = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    except OSError as error:
        raise NightError(f"{folder}: not readable, {error.strerror}") from None
    return sorted(entries, key=operator.attrgetter("name"))  # as paths they take ten times as long


def unusable_names(folder: Path) -> list[str]:
    """Names of would-be frames that tables and logs cannot carry: not printable ASCII, or over 200 characters."""
    entries = [path for path in _entries(folder) if is_fits(path.name) and not _is_plain(path.name)]
    return [path.name for path in entries if is_science(path)]


def _is_plain(name: str) -> bool:
    return name.isascii() and name.isprintable() and len(name) <= 200


def open_night(
    config: Config,
    folder: Path,
    *,
    settle: bool = True,
    known: Night | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Night:
    """The night of a folder, its frames sorted into fields.

    A frame younger than the profile's settling time is looked at twice; if it changed in between it is left
    for a later run. Without `settle` (for who only reads products) all frames count. Headers that were read for
    the Night `known` and have not changed since are not read again.
    """
    camera, before = config.camera, known.known if known else {}
    paths = science_files(folder, camera.headers.imagetyp)
    growing = _still_growing(paths, camera.files.settling_s, sleep) if settle else []
    identities: dict[Path, Identity] = {}
    for path in paths:
        state = file_state(path)
        same = path in before and before[path].state == state
        identities[path] = before[path] if same else read_identity(path, camera, state)
    science = {path: one for path, one in identities.items() if not is_calibration_type(one.image_type)}
    found = sort_into_fields({path: one for path, one in science.items() if path not in growing}, camera)
    others = left_out(_entries(folder), {*science} - {*growing}, growing, (FAILED_DONUTS, NO_WCS))
    date = _date_of(config, folder, list(science))
    return Night(folder, date, found.fields, tuple(growing), found.misfits, others, identities)


def _still_growing(paths: Collection[Path], settling_s: float, sleep: Callable[[float], None]) -> list[Path]:
    before = {path: file_state(path) for path in paths}
    age = {path: time.time() - state[0] for path, state in before.items() if state}
    young = [path for path in age if age[path] < settling_s]
    if not young:
        return []
    sleep(settling_s)
    return [path for path in young if file_state(path) != before[path]]


def file_state(path: Path) -> tuple[float, int] | None:
    """(time of the last change in Unix seconds, size) of a file; None where it is gone or a broken link."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime, status.st_size


def _date_of(config: Config, folder: Path, paths: Collection[Path]) -> str:
    """YYYYMMDD of the evening: the folder's name, else from the first readable frame, else the bare name."""
    if _is_date(folder.name):
        return folder.name
    for path in paths:
        try:
            start = read_frame(path, config.camera, pixels=False).start
        except FrameError:
            continue
        return evening_of(start.to_datetime(timezone=datetime.UTC), config.site.timezone)
    return folder.name


def evening_of(moment: datetime.datetime, timezone: str) -> str:
    """YYYYMMDD of the evening of the night that a moment belongs to: until local noon that of yesterday."""
    local = moment.astimezone(zoneinfo.ZoneInfo(timezone))
    return (local - datetime.timedelta(hours=12)).strftime("%Y%m%d")


def set_aside(path: Path, folder_name: str) -> Path:
    """Move a frame into a folder beside it, never over another file; returns its new path.

    Raises
    ------
    WriteError
        The frame could not be moved; it is where it was.
    """
    return _move(path, path.parent / folder_name, path.name)


def find_frame(folder: Path, name: str) -> Path:
    """Where a frame lies: in the night or in a folder of those set aside; in the night where it is nowhere."""
    places = [folder / name, folder / FAILED_DONUTS / name, folder / NO_WCS / name]
    return next((place for place in places if place.exists()), places[0])


def bring_back(path: Path) -> Path:
    """Move a frame that was set aside to the night again; returns its new path.

    Raises
    ------
    FrameError
        The night holds another frame of that name.
    """
    name = unnumbered(path.name)
    target = path.parent.parent
    if (target / name).exists():
        raise FrameError(f"{path.parent.name}/{path.name}: not brought back, the night holds a frame of that name")
    return _move(path, target, name)


def _move(path: Path, folder: Path, name: str) -> Path:
    """Move a frame, and what is kept beside it, into a folder under a name that is free there."""
    make_folder(folder)
    target = folder / name
    number = 1
    while target.exists() or target.is_symlink():
        number += 1
        target = folder / numbered(name, number)
    try:
        if head_path(path).exists():  # first, so that a frame is never without its cards where it arrives
            head_path(path).replace(head_path(target))
        path.rename(target)
        force_to_disk(folder)
        force_to_disk(path.parent)
    except OSError as error:
        raise WriteError(f"{path}: not moved to {folder.name}/, {error.strerror or error}") from error
    return target
