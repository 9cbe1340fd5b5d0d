"""The words for what became of frames: one frame's story, and the table of those that were not measured."""

import collections
import textwrap
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from ngcmos.names import Record, Stage, State
from ngcmos.night.accounting import LeftOut
from ngcmos.night.filenames import stamp_of, time_key
from ngcmos.night.ledger import Entry
from ngcmos.night.reasons import kind_of, plain_reason, shared_reason
from ngcmos.night.remarks import Remark
from ngcmos.report.story import FrameFile, NightStory

COLUMNS = 100
SOME = 3

_NOT_TOLD = ("profile", "reference", "frame_id", "fingerprint", "inputs", "of_field")
_OF_FRAMES = (  # what looks at frames, in the order of the chain
    Record.SHIFTS,
    Stage.SIMPLE_WRAPPER,
    Stage.CHECK_CMOS,
    Stage.ADDING_HEADERS,
    Stage.PROCESS_CMOS,
)


def tell_frame(story: NightStory, name: str) -> str:
    """The story of a frame: where it lies, what became of it, and what each stage said.

    Parameters
    ----------
    story : ngcmos.report.story.NightStory
    name : str
        As the ledger calls it.
    """
    stages = story.told.get(name, {})
    files = [file for file in story.files if file.name == name]
    lines = [name]
    for file in files:
        lines += _fact("lies in", f"{file.path.parent}/" + _as_what(file))
        lines += _fact("verdict", _say_verdict(file))
    if not files:
        lines += _fact("lies in", f"neither {story.folder} nor its folders of those set aside: gone")
    for remark in _remarks_on(story, {file.field for file in files}):
        lines += _fact("remark", str(remark))
    if not stages:
        return "\n".join([*lines, "", "  The ledger does not know it: no stage has seen it.", ""])
    lines += ["", f"  {'stage':<16}{'verdict':<9}{'at (UTC)':<21}version"]
    said: dict[str, str] = {}
    for stage in [*_OF_FRAMES, *sorted(set(stages) - set(_OF_FRAMES))]:
        lines += _tell_stage(stage, stages.get(stage), said)
    return "\n".join([*lines, ""])


def _fact(label: str, text: str) -> list[str]:
    return _wrap(text, f"  {label:<10}", " " * 12)


def _wrap(text: str, first: str, then: str) -> list[str]:
    """Lines of whole words, behind these indents."""
    return textwrap.wrap(
        text,
        COLUMNS,
        initial_indent=first,
        subsequent_indent=then,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _as_what(file: FrameFile) -> str:
    return "" if file.path.name == file.name else f"  as {file.path.name}"


def _say_verdict(file: FrameFile) -> str:
    who = f" by {file.stage}" if file.stage else ""
    return f"{file.state}{who}" + (f": {file.reason}" if file.reason else "")


def _tell_stage(stage: str, entry: Entry | None, said: dict[str, str]) -> list[str]:
    """Lines of a stage: verdict and time, then the reason, then the numbers; `said` collects {reason: stage}."""
    if entry is None:
        return [f"  {stage:<16}not seen"]
    time = entry.at[:19].replace("T", " ")
    lines = [f"  {stage:<16}{entry.verdict:<9}{time:<21}{entry.version}"]
    numbers = {key: value for key, value in entry.numbers.items() if value not in (None, entry.frame)}
    known = ", ".join(f"{key} {_format(value)}" for key, value in numbers.items() if key not in _NOT_TOLD)
    reason = plain_reason(entry.frame, entry.reason)
    first = said.setdefault(reason, stage)
    for text in (reason if first == stage else f"as {first}", known):
        lines += _wrap(text, " " * 18, " " * 18)
    return lines


def _format(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e4 else f"{value:.5f}"
    return str(value)


def tell_frames(story: NightStory, title: str, files: Sequence[FrameFile], holder: str) -> str:
    """All frames that were not measured, grouped by reason, and the sum of all.

    Parameters
    ----------
    story : ngcmos.report.story.NightStory
    title : str
    files : sequence of ngcmos.report.story.FrameFile
        Those of the field or the night.
    holder : str
        The run that is at the night now; "" where there is none.
    """
    counts = collections.Counter(file.state for file in files)
    lines = [f"{title}, {story.folder}", ""]
    for state in sorted(set(counts) - {State.MEASURED}, reverse=True):
        lines += [f"{state}: {counts[state]}", *_tell_groups([file for file in files if file.state == state]), ""]
    lines += _tell_sum(files, counts)
    lines += _tell_oddities(story, files)
    lines += _tell_what_next(story, files, holder)
    return "\n".join([*lines, ""])


def _tell_groups(files: Sequence[FrameFile]) -> list[str]:
    """Lines of each reason, the most frequent first: its count, then a line a frame."""
    groups = collections.defaultdict(list)
    for file in files:
        groups[file.stage, kind_of(file.reason)].append(file)
    short = _short_names(files)
    width = max(len(name) for name in short.values())
    lines = []
    for (stage, _), members in sorted(groups.items(), key=lambda group: (-len(group[1]), group[0])):
        kind = shared_reason([file.reason for file in members])
        lines += _wrap(f"{len(members):>5}  {kind}" + (f"  ({stage})" if stage else ""), "", " " * 7)
        for file in members:
            place = f"{file.place}/" if file.place else "in the night"
            rest = file.reason.removeprefix(kind).lstrip(" ,:;")
            lines.append(_cut(f"       {short[file.path]:<{width}}  {place:<15}{rest}").rstrip())
    return lines


def _short_names(files: Sequence[FrameFile]) -> dict[Path, str]:
    """{path: time stamp of the name}, or the whole name where two have the same stamp or one has none."""
    stamps = {file.path: time_key(file.path)[0] for file in files if stamp_of(file.path)}
    if len(set(stamps.values())) == len(files):
        return stamps
    return {file.path: file.path.name for file in files}


def _cut(line: str) -> str:
    return line if len(line) <= COLUMNS else line[: COLUMNS - 1] + "…"


def _tell_sum(files: Sequence[FrameFile], counts: Mapping[State, int]) -> list[str]:
    """Two lines: the frames on disk by place, and by what became of them."""
    places = collections.Counter(f"{file.place}/" if file.place else "the night" for file in files)
    where = ", ".join(f"{count} in {place}" for place, count in places.items()) or "none"
    parts = " + ".join(f"{counts[state]} {state}" for state in State)
    return [f"{len(files)} frames on disk: {where}", f"{len(files)} = {parts}"]


def _remarks_on(story: NightStory, fields: Collection[str]) -> list[Remark]:
    """Remarks on some fields, and on the whole night."""
    return [remark for remark in story.remarks if remark.field in {"", *fields}]


def _tell_oddities(story: NightStory, files: Sequence[FrameFile]) -> list[str]:
    """What does not fit together: frames without a word in the ledger, frames that are gone, odd tables."""
    lines = _tell_others(story) if files is story.files else []
    unknown = [file.path.name for file in files if not file.known]
    lines += _tell_names(f"{len(unknown)} unknown to the ledger", unknown)
    fields = {file.field for file in files}
    for remark in _remarks_on(story, fields):
        lines += _wrap(str(remark), "", "    ")
    here = {file.name for file in files}
    for field in sorted(fields):
        gone = [
            name
            for name, stages in story.told.items()
            if name not in here and field in {entry.field for entry in stages.values()}
        ]
        lines += _tell_names(f"{len(gone)} of {field} in the ledger, but nowhere on disk", gone)
        lines += _tell_table(story, field, files)
    return lines


def _tell_what_next(story: NightStory, files: Sequence[FrameFile], holder: str) -> list[str]:
    """What to do about frames not yet seen."""
    if not any(file.state == State.WAITING for file in files):
        return []
    if holder:
        return [f"{holder} is at this night, with those not yet seen too: ask again when it has ended"]
    return [
        f"For those not yet seen run again: ngcmos run_night --directory {story.folder}",
        "If a stage stopped, the last lines of ngcmos.log there say why.",
    ]


def _tell_others(story: NightStory) -> list[str]:
    """What the other files of the night are, and which of them nobody looks at."""
    told = [f"{ascii(one.path.name)[1:-1]} ({one.reason})" for one in story.unseen]
    return [f"files: {story.accounts}", *_tell_names("not looked at", told)]


def tell_other(other: LeftOut) -> str:
    """What a file of the night is that is no science frame."""
    return f"{ascii(other.path.name)[1:-1]}\n  {other.kind}, by {other.reason}\n"


def _tell_names(what: str, names: Iterable[str]) -> list[str]:
    names = sorted(names)
    some = ", ".join(names[:SOME]) + (", ..." if len(names) > SOME else "")
    return _wrap(f"{what}: {some}", "", "    ") if names else []


def _tell_table(story: NightStory, field: str, files: Sequence[FrameFile]) -> list[str]:
    """A line about the photometry table of a field."""
    table = story.tables[field]
    if table.trouble:
        return [f"no photometry of {field}: {table.trouble}"]
    measured = {file.name for file in files if file.state == State.MEASURED}
    extra = sorted(table.names - measured)
    lines = [f"phot_{field}.fits holds {len(table.names)} frames"]
    return lines + _tell_names(f"  {len(extra)} of them refused or gone since; run process_cmos", extra)
