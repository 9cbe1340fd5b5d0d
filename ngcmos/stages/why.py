"""Why a frame was not measured: its story from the ledger, or the table of all such frames of a field or a night.

``run("20240706044506521", night="20240705") -> text``; nothing is written and no run is disturbed. Every frame on
disk is measured, refused or not yet seen, told by where it lies, by the ledger and by the photometry tables:

- refused: check_cmos set it aside, simple_wrapper or process_cmos refused it, or it lies in a folder of those set
  aside for another reason;
- measured: the table of its field holds it;
- not yet seen: all others, also those that were brought back since.
"""

import collections
import dataclasses
import datetime
import difflib
import re
import zoneinfo
from pathlib import Path

from ngcmos.config import DEFAULT_CAMERA, load_config
from ngcmos.errors import NightError, ProductError, WorkError
from ngcmos.night.folder import FAILED_DONUTS, NO_WCS, find_folder, open_night, stamp_of, unusable_names
from ngcmos.night.ledger import DONE, REFUSED, read_ledger
from ngcmos.night.products import photometry_path
from ngcmos.photometry.table import read_frames
from ngcmos.stages.field_shifts import SHIFTS
from ngcmos.stages.frame_story import plain_reason, tell_frame, tell_frames

SOLVING, CHECK, PHOTOMETRY = "simple_wrapper", "check_cmos", "process_cmos"
ORDER = (SHIFTS, SOLVING, CHECK, "adding_headers", PHOTOMETRY)
BROUGHT_BACK = "brought back"
MEASURED, WAITING = "measured", "not yet seen"
NEAREST = 3

_DATE = re.compile(r"(19|20)\d{6}")
_STAMP_AT_END = re.compile(r"(\d{10})\d{0,7}(\.fits)?$", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class FrameFile:
    """A frame on disk and what became of it.

    Attributes
    ----------
    path : Path
    name : str
        What the ledger calls it; differs from the file's name where one of that name was set aside before.
    field : str
    place : str
        Folder of those set aside that it lies in; "" for the night itself.
    state : {'measured', 'refused', 'not yet seen'}
    stage, reason : str
        Who refused it and why, or why it was not seen; "" for a measured one.
    known : bool
        Whether the ledger knows it.
    """

    path: Path
    name: str
    field: str
    place: str
    state: str
    stage: str
    reason: str
    known: bool


@dataclasses.dataclass(frozen=True)
class NightStory:
    """All that is known of the frames of a night.

    Attributes
    ----------
    folder : Path
    date : str
    files : tuple of FrameFile
    told : dict of str to dict
        {frame: {stage: Entry}} of the ledger.
    tables : dict of str to (set or str)
        Frames in the photometry table of each field, or what is wrong with it.
    left_alone : tuple of str
        Files with names that no script takes; they count nowhere.
    """

    folder: Path
    date: str
    files: tuple
    told: dict
    tables: dict
    left_alone: tuple

    @property
    def fields(self):
        """Names of all fields, on disk or in the ledger."""
        known = {entry.field for stages in self.told.values() for entry in stages.values()}
        return sorted((known | {file.field for file in self.files}) - {""})

    @property
    def names(self):
        """Names of all frames, on disk or in the ledger."""
        return sorted({file.name for file in self.files} | set(self.told))


def run(wanted="", *, camera=DEFAULT_CAMERA, config=None, directory=None, night=None):
    """The story of a frame, or the table of the frames of a field or a night that were not measured.

    Parameters
    ----------
    wanted : str
        A frame's name, a part of it that no other has, or its path; a field; a night as YYYYMMDD or its folder.
        "" is the whole night.
    camera, config, directory, night
        As the options of all scripts.

    Returns
    -------
    str
        Lines of at most 100 characters where no name or path is longer.

    Raises
    ------
    NightError
        There is no such night.
    ProductError
        The ledger is missing or damaged.
    WorkError
        Nothing of that name, or several; the message names the nearest.
    """
    if directory is None and night is None:
        directory, wanted = _split_path(wanted)
    elif "/" in wanted:
        wanted = Path(wanted).name
    settings = load_config(camera=camera, config=config, directory=directory)
    if directory is None and night is None:
        night = _night_in(wanted, settings)
    folder = find_folder(settings, directory=directory, night=night)
    story = read_story(settings, folder)
    subject = "" if wanted in (night, folder.name) else wanted
    return _tell(story, subject)


def _split_path(wanted):
    """(night folder or None, the rest): what a path says."""
    path = Path(wanted)
    if not wanted or not ("/" in wanted or path.exists()):
        return None, wanted
    if path.is_dir() and path.suffix.lower() != ".fits":
        return path.absolute(), ""
    parent = path.absolute().parent
    return parent.parent if parent.name in (FAILED_DONUTS, NO_WCS) else parent, path.name


def _night_in(wanted, config):
    """The night that is named, or that of the time stamp where its folder exists; None where neither is there."""
    base = config.directories.base
    if _DATE.fullmatch(wanted):
        if not (base / wanted).is_dir():
            nights = [path.name for path in base.iterdir() if _DATE.fullmatch(path.name)]
            raise NightError(f"no night {wanted} in {base}; {_nearest(wanted, nights)}")
        return wanted
    stamp = _STAMP_AT_END.search(wanted)
    if not stamp:
        return None
    try:
        time = datetime.datetime.strptime(stamp[1], "%Y%m%d%H").replace(tzinfo=datetime.UTC)
    except ValueError:
        return None
    local = time.astimezone(zoneinfo.ZoneInfo(config.site.timezone))
    date = (local - datetime.timedelta(hours=12)).strftime("%Y%m%d")
    return date if (base / date).is_dir() else None


def read_story(config, folder):
    """The NightStory of a night folder.

    Raises
    ------
    ProductError
        The ledger is missing or damaged.
    """
    told = collections.defaultdict(dict)
    for entry in read_ledger(folder):
        if entry.frame.lower().endswith(".fits"):  # the others are movies
            told[entry.frame][entry.stage] = entry
    night = open_night(config, folder, settle=False)
    found = [(path, field, "") for field, paths in night.fields.items() for path in paths]
    for place in (FAILED_DONUTS, NO_WCS):
        if (folder / place).is_dir():
            aside = open_night(config, folder / place, settle=False).fields
            found += [(path, field, place) for field, paths in aside.items() for path in paths]
    tables = {field: _read_table(folder, field) for field in sorted({field for _, field, _ in found})}
    files = tuple(_judge(path, field, place, told, tables[field]) for path, field, place in found)
    return NightStory(folder, night.date, files, dict(told), tables, tuple(unusable_names(folder)))


def _read_table(folder, field):
    """Names of the frames in the table of a field, or in words why they are not known."""
    path = photometry_path(folder, field)
    if not path.exists():
        return f"{path.name} is not there"
    try:
        return {str(name).strip() for name in read_frames(path)["frame_id"]}
    except ProductError as error:
        return str(error)


def _judge(path, field, place, told, table):
    """The FrameFile of a file."""
    name = _name_in_ledger(path, place)
    stages = told.get(name, {})
    state, stage, reason = _verdict(name, place, stages, table)
    return FrameFile(path, name, field, place, state, stage, plain_reason(name, reason), bool(stages))


def _name_in_ledger(path, place):
    """Name without the number that a file got when one of its name was set aside before."""
    stem = Path(path.stem)
    return stem.stem + path.suffix if place and stem.suffix[1:].isdigit() else path.name


def _verdict(name, place, stages, table):
    """(state, stage, reason) of a frame."""
    solved, checked, measured = (stages.get(stage) for stage in (SOLVING, CHECK, PHOTOMETRY))
    if _is_refused(checked):
        first = solved if _is_refused(solved) else checked
        return REFUSED, first.stage, first.reason
    if place:
        return REFUSED, "", f"lies in {place}/, but {CHECK} did not put it there"
    if _is_refused(measured):
        return REFUSED, PHOTOMETRY, measured.reason
    if not isinstance(table, str) and name in table:
        return MEASURED, "", ""
    back = checked is not None and checked.reason == BROUGHT_BACK
    if _is_refused(solved) and not (back and checked.at > solved.at):
        return REFUSED, SOLVING, solved.reason
    return WAITING, "", _why_waiting(stages, back, measured, table)


def _is_refused(entry):
    return entry is not None and entry.verdict == REFUSED


def _why_waiting(stages, back, measured, table):
    if measured is not None and measured.verdict == DONE:
        lacks = table if isinstance(table, str) else "the table does not hold it"
        return f"measured, but {lacks}"
    if back:
        return "brought back, not tried again yet"
    if not stages:
        return "unknown to the ledger"
    last = max(stages.values(), key=lambda entry: entry.at)
    return f"not measured yet, last seen by {last.stage}"


def _tell(story, subject):
    """The text about a night (subject ""), a field or a frame of it."""
    if not subject:
        return tell_frames(story, f"night {story.date}", story.files)
    if subject in story.fields:
        return _tell_field(story, subject)
    names = [name for name in story.names if subject in (name, Path(name).stem)]
    names = names or [name for name in story.names if subject.lower() in name.lower()]
    if len(names) == 1:
        return tell_frame(story, names[0], ORDER)
    fields = [field for field in story.fields if subject.lower() in field.lower()]
    if len(fields) == 1:
        return _tell_field(story, fields[0])
    if names:
        some = ", ".join(names[:NEAREST])
        raise WorkError(f"{len(names)} frames of {story.folder} have {subject!r} in their names: {some}, ...")
    raise WorkError(f"no frame, field or night {subject!r} in {story.folder}; {_nearest_in(story, subject)}")


def _tell_field(story, field):
    files = [file for file in story.files if file.field == field]
    return tell_frames(story, f"field {field} of night {story.date}", files)


def _nearest_in(story, wanted):
    """The names most alike; of a time stamp, those nearest in time."""
    if wanted.isdigit():
        stamps = [(stamp_of(Path(name)), name) for name in story.names]
        asked = int(wanted.ljust(17, "0")[:17])
        dated = [(abs(int(f"{time:%Y%m%d%H%M%S%f}"[:17]) - asked), name) for time, name in stamps if time]
        return _list_nearest([name for _, name in sorted(dated)[:NEAREST]])
    return _nearest(wanted, [*story.fields, *story.names])


def _nearest(wanted, names):
    return _list_nearest(difflib.get_close_matches(wanted, names, NEAREST, cutoff=0.0))


def _list_nearest(names):
    return f"nearest: {', '.join(names)}" if names else "there is none at all"
