"""Which night, which frames it holds, and setting a frame aside without ever losing it."""

import dataclasses
import datetime
import re
import time
import zoneinfo
from collections.abc import Callable, Collection
from pathlib import Path

from ngcmos.config import Camera, Config
from ngcmos.errors import FrameError, NightError, UsageError, WriteError
from ngcmos.night.filenames import is_fits, numbered, time_key, unnumbered, unstamped
from ngcmos.night.frames import field_name, read_frame
from ngcmos.night.heads import head_path
from ngcmos.night.images import read_image
from ngcmos.night.products import force_to_disk, make_folder

NOT_SCIENCE = ("evening", "morning", "flat", "bias", "dark", "master", "catalog", "phot")
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
    """

    folder: Path
    date: str
    fields: dict[str, tuple[Path, ...]]
    growing: tuple[Path, ...] = ()

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
    if science_files(here):
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


def science_files(folder: Path) -> list[Path]:
    """Science frames of a folder by their names: those of FITS files, none of the words of `NOT_SCIENCE`."""
    try:
        names = [entry for entry in folder.iterdir() if _is_science_name(entry.name)]
    except OSError as error:
        raise NightError(f"{folder}: not readable, {error.strerror}") from None
    return sorted(names, key=lambda path: path.name)


def _is_science_name(name: str) -> bool:
    return _has_science_words(name) and _is_plain(name)


def _has_science_words(name: str) -> bool:
    lower = name.lower()
    return is_fits(name) and not name.startswith(".") and not any(w in lower for w in NOT_SCIENCE)


def unusable_names(folder: Path) -> list[str]:
    """Names of would-be frames that tables and logs cannot carry: not printable ASCII, or over 200 characters."""
    names = [entry.name for entry in folder.iterdir() if _has_science_words(entry.name)]
    return sorted(name for name in names if not _is_plain(name))


def _is_plain(name: str) -> bool:
    return name.isascii() and name.isprintable() and len(name) <= 200


def open_night(
    config: Config, folder: Path, *, settle: bool = True, sleep: Callable[[float], None] = time.sleep
) -> Night:
    """The night of a folder, its frames sorted into fields.

    A frame younger than the profile's settling time is looked at twice; if it changed in between it is left
    for a later run. Without `settle` (for who only reads products) all frames count.
    """
    paths = science_files(folder)
    growing = _still_growing(paths, config.camera.files.settling_s, sleep) if settle else []
    fields: dict[str, list[Path]] = {}
    for path in paths:
        if path not in growing:
            fields.setdefault(field_of(path, config.camera), []).append(path)
    ordered = {field: tuple(sorted(fields[field], key=time_key)) for field in sorted(fields)}
    return Night(folder, _date_of(config, folder, paths), ordered, tuple(growing))


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


def field_of(path: Path, camera: Camera) -> str:
    """Field of a file; of one that cannot be read, its name without the time stamp."""
    if camera.files.field_length:
        return field_name(path, camera, {})
    try:
        _, header = read_image(path, pixels=False)
        return field_name(path, camera, header)
    except FrameError:
        return unstamped(path.name)


def _date_of(config: Config, folder: Path, paths: Collection[Path]) -> str:
    """YYYYMMDD of the evening: the folder's name, else from the first readable frame, else the bare name."""
    if _is_date(folder.name):
        return folder.name
    zone = zoneinfo.ZoneInfo(config.site.timezone)
    for path in paths:
        try:
            start = read_frame(path, config.camera, pixels=False).start
        except FrameError:
            continue
        local = start.to_datetime(timezone=datetime.UTC).astimezone(zone)
        evening: str = (local - datetime.timedelta(hours=12)).strftime("%Y%m%d")
        return evening
    return folder.name


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
