"""What became of every frame of a night: where it lies, what the ledger says of it, whether a table holds it.

``read_story(config, folder) -> NightStory``; nothing is written and no run is disturbed. Every frame on disk is
measured, refused or not yet seen:

- refused: check_cmos set it aside, simple_wrapper or process_cmos refused it, or it lies in a folder of those set
  aside for another reason;
- measured: the table of its field holds it;
- not yet seen: all others, also those that were brought back since.
"""

import collections
import dataclasses
from pathlib import Path

from ngcmos.errors import ProductError
from ngcmos.night.folder import FAILED_DONUTS, NO_WCS, open_night, unusable_names
from ngcmos.night.ledger import DONE, REFUSED, read_ledger
from ngcmos.night.products import photometry_path
from ngcmos.report.words import plain_reason
from ngcmos.tables.table import read_frames

SOLVING, CHECK, PHOTOMETRY = "simple_wrapper", "check_cmos", "process_cmos"
BROUGHT_BACK = "brought back"
MEASURED, WAITING = "measured", "not yet seen"


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


def read_story(config, folder, entries=None):
    """The NightStory of a night folder.

    Parameters
    ----------
    config : ngcmos.config.Config
    folder : Path
    entries : sequence of ngcmos.night.ledger.Entry, optional
        What the ledger says; read from it by default.

    Raises
    ------
    ProductError
        The ledger is missing or damaged.
    """
    told = collections.defaultdict(dict)
    for entry in read_ledger(folder) if entries is None else entries:
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
