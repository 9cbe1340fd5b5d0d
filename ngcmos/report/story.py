"""What became of every frame of a night: where it lies, what the ledger says of it, whether a table holds it.

``read_story(config, folder) -> NightStory``; nothing is written and no run is disturbed. Every frame on disk is
measured, refused or not yet seen:

- refused: check_cmos set it aside, simple_wrapper or process_cmos refused it, or it lies in a folder of those set
  aside for another reason;
- measured: the table of its field holds it, or, while a run is at the night, what that has measured so far;
- not yet seen: all others, also those that were brought back since.
"""

import collections
import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path

from ngcmos.config import Config
from ngcmos.errors import ProductError
from ngcmos.names import Record, Stage, State, Verdict
from ngcmos.night.accounting import LeftOut, sum_up, unseen_among
from ngcmos.night.filenames import is_fits, unnumbered
from ngcmos.night.folder import FAILED_DONUTS, NO_WCS, open_night
from ngcmos.night.ledger import Entry, read_ledger
from ngcmos.night.products import photometry_path
from ngcmos.night.reasons import plain_reason
from ngcmos.night.remarks import Remark, read_remarks
from ngcmos.tables.parts import frames_in_parts
from ngcmos.tables.table import read_frames

BROUGHT_BACK = "brought back"
_NOT_OF_FRAMES = (Record.RUN, Record.REMARK, Record.PRODUCT, Record.KNOWN, Stage.QC_CONTROL)
_REFUSING = (Stage.SIMPLE_WRAPPER, Stage.CHECK_CMOS, Stage.PROCESS_CMOS)

Told = Mapping[str, Entry]  # what the ledger says of a frame, by stage


@dataclasses.dataclass(frozen=True)
class TableFrames:
    """Frames measured of a field, in its table or beside it; without a table, `trouble` says what is wrong."""

    names: frozenset[str] = frozenset()
    trouble: str = ""


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
    state : ngcmos.names.State
    stage, reason : str
        Who refused it and why, or why it was not seen; "" for a measured one.
    known : bool
        Whether the ledger knows it.
    """

    path: Path
    name: str
    field: str
    place: str
    state: State
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
    tables : dict of str to TableFrames
        Of each field on disk.
    others : tuple of ngcmos.night.accounting.LeftOut
        Files of the night that are no science frames.
    remarks : tuple of ngcmos.night.remarks.Remark
    """

    folder: Path
    date: str
    files: tuple[FrameFile, ...]
    told: Mapping[str, Told]
    tables: Mapping[str, TableFrames]
    others: tuple[LeftOut, ...]
    remarks: tuple[Remark, ...]

    @property
    def unseen(self) -> list[LeftOut]:
        """Files that nobody looks at."""
        return unseen_among(self.others)

    @property
    def accounts(self) -> str:
        """How many files of which kind lie in the night."""
        return sum_up(self.others, sum(not file.place for file in self.files))

    @property
    def fields(self) -> list[str]:
        """Names of all fields, on disk or in the ledger."""
        known = {entry.field for stages in self.told.values() for entry in stages.values()}
        return sorted((known | {file.field for file in self.files}) - {""})

    @property
    def names(self) -> list[str]:
        """Names of all frames, on disk or in the ledger."""
        return sorted({file.name for file in self.files} | set(self.told))


def read_story(
    config: Config, folder: Path, entries: Iterable[Entry] | None = None, *, is_held: bool = False
) -> NightStory:
    """The NightStory of a night folder.

    Parameters
    ----------
    config : ngcmos.config.Config
    folder : Path
    entries : iterable of ngcmos.night.ledger.Entry, optional
        What the ledger says; read from it by default.
    is_held : bool
        A run is at the night: frames that it has measured lie beside the table.

    Raises
    ------
    ProductError
        The ledger is missing or damaged.
    """
    told: dict[str, dict[str, Entry]] = collections.defaultdict(dict)
    entries = read_ledger(folder) if entries is None else list(entries)
    for entry in entries:
        if entry.stage not in _NOT_OF_FRAMES and is_fits(entry.frame):
            told[entry.frame][entry.stage] = entry
    night = open_night(config, folder, settle=False)
    found = [(path, field, "") for field, paths in night.whole_fields.items() for path in paths]
    for place in (FAILED_DONUTS, NO_WCS):
        if (folder / place).is_dir():
            aside = open_night(config, folder / place, settle=False).whole_fields
            found += [(path, field, place) for field, paths in aside.items() for path in paths]
    tables = {field: _read_table(folder, field, is_held) for field in sorted({field for _, field, _ in found})}
    files = tuple(_judge(path, field, place, told, tables[field]) for path, field, place in found)
    return NightStory(folder, night.date, files, dict(told), tables, night.others, tuple(read_remarks(entries)))


def _read_table(folder: Path, field: str, is_held: bool) -> TableFrames:
    path = photometry_path(folder, field)
    known = frozenset(frames_in_parts(path)) if is_held else frozenset()
    if not path.exists():
        return TableFrames(known, f"{path.name} is not there" + (" yet" if known else ""))
    try:
        return TableFrames(known | {str(name).strip() for name in read_frames(path)["frame_id"]})
    except ProductError as error:
        return TableFrames(known, str(error))


def _judge(path: Path, field: str, place: str, told: Mapping[str, Told], table: TableFrames) -> FrameFile:
    name = _name_in_ledger(path, place)
    stages = told.get(name, {})
    state, stage, reason = _verdict(name, place, stages, table)
    return FrameFile(path, name, field, place, state, stage, plain_reason(name, reason), bool(stages))


def _name_in_ledger(path: Path, place: str) -> str:
    """Name without the number that a file got when one of its name was set aside before."""
    return unnumbered(path.name) if place else path.name


def _verdict(name: str, place: str, stages: Told, table: TableFrames) -> tuple[State, str, str]:
    """(state, stage, reason) of a frame."""
    solved, checked, measured = (_refusal(stages, stage) for stage in _REFUSING)
    if checked:
        first = solved or checked
        return State.REFUSED, first.stage, first.reason
    if place:
        return State.REFUSED, "", f"lies in {place}/, but {Stage.CHECK_CMOS} did not put it there"
    if solved and _brought_back_at(stages) > solved.at:
        solved = None
    if measured:
        first = solved or measured
        return State.REFUSED, first.stage, first.reason
    if name in table.names:
        return State.MEASURED, "", ""
    if solved:
        return State.REFUSED, solved.stage, solved.reason
    return State.WAITING, "", _why_waiting(stages, table)


def _refusal(stages: Told, stage: Stage) -> Entry | None:
    """What a stage said of a frame that it refused; None where it did not."""
    entry = stages.get(stage)
    return entry if entry is not None and entry.verdict == Verdict.REFUSED else None


def _brought_back_at(stages: Told) -> str:
    """When a frame was brought back, "" where it was not."""
    checked = stages.get(Stage.CHECK_CMOS)
    return checked.at if checked is not None and checked.reason == BROUGHT_BACK else ""


def _why_waiting(stages: Told, table: TableFrames) -> str:
    measured = stages.get(Stage.PROCESS_CMOS)
    if measured is not None and measured.verdict == Verdict.DONE:
        return f"measured, but {table.trouble or 'the table does not hold it'}"
    if _brought_back_at(stages):
        return "brought back, not tried again yet"
    if not stages:
        return "unknown to the ledger"
    last = max(stages.values(), key=lambda entry: entry.at)
    return f"not measured yet, last seen by {last.stage}"
