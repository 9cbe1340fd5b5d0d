"""The words for what became of frames: one frame's story, and the table of those that were not measured."""

import collections
import re
import textwrap

from ngcmos.night.folder import stamp_of
from ngcmos.night.ledger import REFUSED

COLUMNS = 100
SOME = 3

_WHOLE_WORDS = {"break_long_words": False, "break_on_hyphens": False}
_NOT_TOLD = ("profile", "reference", "frame_id")
_QUOTED = re.compile(r"b?'[^']*'|b?\"[^\"]*\"")
_NUMBER = re.compile(r"(?<![\w-])[-+]?\d[\d.:T-]*(?![\w-])")
_FRAME = re.compile(r"\S+\.fits", re.IGNORECASE)
_REST = re.compile(r"(, expected| \(|[:;] ).*", re.DOTALL)


def tell_frame(story, name, order):
    """The story of a frame: where it lies, what became of it, and what each stage said.

    Parameters
    ----------
    story : ngcmos.report.story.NightStory
    name : str
        As the ledger calls it.
    order : sequence of str
        Stages in the order of the chain; others come behind.
    """
    stages = story.told.get(name, {})
    files = [file for file in story.files if file.name == name]
    lines = [name]
    for file in files:
        lines += _fact("lies in", f"{file.path.parent}/" + _as_what(file))
        lines += _fact("verdict", _say_verdict(file))
    if not files:
        lines += _fact("lies in", f"neither {story.folder} nor its folders of those set aside: gone")
    if not stages:
        return "\n".join([*lines, "", "  The ledger does not know it: no stage has seen it.", ""])
    lines += ["", f"  {'stage':<16}{'verdict':<9}{'at (UTC)':<21}version"]
    said = {}
    for stage in [*order, *sorted(set(stages) - set(order))]:
        lines += _tell_stage(stage, stages.get(stage), said)
    return "\n".join([*lines, ""])


def _fact(label, text):
    indent = " " * 12
    return textwrap.wrap(text, COLUMNS, initial_indent=f"  {label:<10}", subsequent_indent=indent, **_WHOLE_WORDS)


def _as_what(file):
    return "" if file.path.name == file.name else f"  as {file.path.name}"


def _say_verdict(file):
    who = f" by {file.stage}" if file.stage else ""
    return f"{file.state}{who}" + (f": {file.reason}" if file.reason else "")


def _tell_stage(stage, entry, said):
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
        indent = " " * 18
        lines += textwrap.wrap(text, COLUMNS, initial_indent=indent, subsequent_indent=indent, **_WHOLE_WORDS)
    return lines


def plain_reason(name, reason):
    """A reason without the frame's name before it."""
    return reason.removeprefix(f"{name}: ")


def _format(value):
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e4 else f"{value:.5f}"
    return str(value)


def tell_frames(story, title, files, holder):
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
    for state in sorted(set(counts) - {"measured"}, reverse=True):
        lines += [f"{state}: {counts[state]}", *_tell_groups([file for file in files if file.state == state]), ""]
    lines += _tell_sum(files, counts)
    lines += _tell_remarks(story, files)
    lines += _tell_what_next(story, files, holder)
    return "\n".join([*lines, ""])


def _tell_groups(files):
    """Lines of each reason, the most frequent first: its count, then a line a frame."""
    groups = collections.defaultdict(list)
    for file in files:
        groups[file.stage, kind_of(file.reason)].append(file)
    short = _short_names(files)
    width = max(len(name) for name in short.values())
    lines = []
    for (stage, kind), members in sorted(groups.items(), key=lambda group: (-len(group[1]), group[0])):
        lines.append(_cut(f"{len(members):>5}  {kind}" + (f"  ({stage})" if stage else "")))
        for file in members:
            place = f"{file.place}/" if file.place else "in the night"
            rest = file.reason.removeprefix(kind).lstrip(" ,:;")
            lines.append(_cut(f"       {short[file.path]:<{width}}  {place:<15}{rest}").rstrip())
    return lines


def kind_of(reason):
    """A reason without what differs from frame to frame: names, numbers, quotations, what was expected."""
    text = _FRAME.sub("…", _QUOTED.sub("…", reason))
    return _NUMBER.sub("…", _REST.sub("", text))


def _short_names(files):
    """{path: time stamp of the name}, or the whole name where two have the same stamp or one has none."""
    stamps = {file.path: file.path.name[-22:-5] for file in files if stamp_of(file.path)}
    if len(set(stamps.values())) == len(files):
        return stamps
    return {file.path: file.path.name for file in files}


def _cut(line):
    return line if len(line) <= COLUMNS else line[: COLUMNS - 1] + "…"


def _tell_sum(files, counts):
    """Two lines: the frames on disk by place, and by what became of them."""
    places = collections.Counter(f"{file.place}/" if file.place else "the night" for file in files)
    where = ", ".join(f"{count} in {place}" for place, count in places.items()) or "none"
    parts = " + ".join(f"{counts[state]} {state}" for state in ("measured", REFUSED, "not yet seen"))
    return [f"{len(files)} frames on disk: {where}", f"{len(files)} = {parts}"]


def _tell_remarks(story, files):
    """What does not fit together: frames without a word in the ledger, frames that are gone, odd tables."""
    lines = _tell_names(f"{len(story.left_alone)} left alone, their names are unfit", map(ascii, story.left_alone))
    unknown = [file.path.name for file in files if not file.known]
    lines += _tell_names(f"{len(unknown)} unknown to the ledger", unknown)
    fields = {file.field for file in files}
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


def _tell_what_next(story, files, holder):
    """What to do about frames not yet seen."""
    if not any(file.state == "not yet seen" for file in files):
        return []
    if holder:
        return [f"{holder} is at this night, with those not yet seen too: ask again when it has ended"]
    return [
        f"For those not yet seen run again: scripts/run_night.py --directory {story.folder}",
        "If a stage stopped, the last lines of ngcmos.log there say why.",
    ]


def _tell_names(what, names):
    names = sorted(names)
    some = ", ".join(names[:SOME]) + (", ..." if len(names) > SOME else "")
    return textwrap.wrap(f"{what}: {some}", COLUMNS, subsequent_indent="    ", **_WHOLE_WORDS) if names else []


def _tell_table(story, field, files):
    """A line about the photometry table of a field."""
    table = story.tables[field]
    if isinstance(table, str):
        return [f"no photometry of {field}: {table}"]
    measured = {file.name for file in files if file.state == "measured"}
    extra = sorted(table - measured)
    lines = [f"phot_{field}.fits holds {len(table)} frames"]
    return lines + _tell_names(f"  {len(extra)} of them refused or gone since; run process_cmos", extra)
