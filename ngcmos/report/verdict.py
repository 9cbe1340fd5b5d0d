"""How the night was, in one line, and why: the findings of the morning page.

``judge(fields, ...) -> [Reason, ...]``, the gravest first; ``level_of(reasons)``: good, look or bad; ``sum_up``:
the line. Bad means that photometry is missing; look means that a human should.
"""

import collections
import dataclasses
import re
from collections.abc import Collection, Iterable, Sequence

import numpy as np

from ngcmos.names import Level, Stage, State
from ngcmos.night.reasons import kind_of, say_share
from ngcmos.night.spans import clock, several_nights, span_of, spells
from ngcmos.report.facts import FieldFacts, clear_zero_points_of, cloudy_frames, find_jumps, transparency
from ngcmos.report.runs import StageRun
from ngcmos.report.summary import NightSummary

MOST_MEASURED, HALF_MEASURED = 0.95, 0.5
CLOUDY_SHARE = 0.05
MOVED_SHARE = 0.05
REASONS_TOLD = 3
SHORT = 90  # characters of a reason that may stand in the line of the verdict with others
_FOLDERS = re.compile(r"(?<!\S)/\S*/")
_OF_CLOUD = ("not solved", "hardly any stars – cloud or dome closed", "too few stars")
FRAMES_FOR_SHARES = 10  # fewer frames than this say nothing about shares
GRAVE = (Stage.SIMPLE_WRAPPER, Stage.CHECK_CMOS, Stage.PROCESS_CMOS)
FIELD_LOST, STAGE_FAILED, DISK = "no photometry", "failed stage", "disk"
REFUSALS, NOT_YET, CLOUD = "refused frames", "frames not measured yet", "cloud"
JUMP, MOVED, CALIBRATION, NOTHING = "jumps of the telescope", "large shifts", "calibration", "no frames"


@dataclasses.dataclass(frozen=True)
class Reason:
    """Why a night is not simply good.

    Attributes
    ----------
    level : ngcmos.names.Level
        LOOK or BAD.
    topic : str
        A few words, the same for all fields.
    what : str
        The whole of it.
    """

    level: Level
    topic: str
    what: str


@dataclasses.dataclass(frozen=True)
class Room:
    """Of the disk, in MB: what is free, what work leaves free, and what this night takes."""

    free_mb: float
    reserve_mb: float
    night_mb: float


def level_of(reasons: Iterable[Reason]) -> Level:
    """good, look or bad."""
    levels = {reason.level for reason in reasons}
    return Level.BAD if Level.BAD in levels else Level.LOOK if levels else Level.GOOD


def sum_up(reasons: Iterable[Reason]) -> str:
    """The reasons in one line: a topic that several share is named once, a long one by its beginning."""
    topics = collections.defaultdict(list)
    for reason in reasons:
        topics[reason.topic].append(reason)
    several = {STAGE_FAILED: "stages", CALIBRATION: "remarks"}
    told = []
    for topic, own in topics.items():
        if len(own) > 1:
            told.append(f"{topic} ({len(own)} {several.get(topic, 'fields')})")
        elif len(topics) == 1 or len(own[0].what) <= SHORT:
            told.append(own[0].what)
        else:
            told.append(f"{topic} ({own[0].what.partition(': ')[0]})")
    return "; ".join(told)


def judge(
    fields: Sequence[FieldFacts],
    runs: Sequence[StageRun],
    room: Room,
    *,
    large_px: float,
    others: Iterable[Reason] = (),
) -> list[Reason]:
    """Reasons why a night is not simply good, the gravest first.

    Parameters
    ----------
    fields : sequence of ngcmos.report.facts.FieldFacts
    runs : sequence of ngcmos.report.runs.StageRun
    room : Room
    large_px : float
        What counts as a large shift.
    others : iterable of Reason
        Of `ngcmos.report.oddities`.
    """
    troubles = {field.name: find_trouble(field.name, runs) for field in fields}
    lost = [field.name for field in fields if troubles[field.name] and not field.counts.measured]
    clear = clear_zero_points_of(fields)
    found = _judge_disk(room)
    for field in fields:
        found += _judge_field(field, troubles[field.name], clear[field.name])
    found += judge_stages(runs, told=lost)
    for field in fields:
        if field.counts.measured or field.counts.waiting:
            found += _judge_sky(field, clear[field.name]) + _judge_pointing(field, large_px)
    found += others
    if not fields:
        found.append(
            Reason(Level.LOOK, NOTHING, "no science frames in this night: dome closed, or not copied yet?")
        )
    return sorted(found, key=lambda reason: reason.level != Level.BAD)


def _judge_field(field: FieldFacts, trouble: str, clear: float) -> list[Reason]:
    """What became of the frames of a field; `trouble` is what a stage said of the whole of it."""
    counts = field.counts
    taken, measured, waiting = counts.taken, counts.measured, counts.waiting
    if measured == 0 and (trouble or not waiting):
        when = span_of(field.unix)
        why = trouble or _main_reasons(field, clear)
        lost = f"{field.name}: none of {taken} frames measured{f' ({when})' if when else ''}: {why}"
        return [Reason(Level.BAD, FIELD_LOST, lost)]
    found = []
    if waiting:
        found.append(Reason(Level.LOOK, NOT_YET, f"{field.name}: {waiting} of {taken} frames not measured yet"))
    judged = taken - waiting
    if judged and measured < MOST_MEASURED * judged:
        level = Level.BAD if measured < HALF_MEASURED * judged else Level.LOOK
        found.append(Reason(level, REFUSALS, say_refused(field, clear)))
    return found


def say_refused(field: FieldFacts, clear: float) -> str:
    """How many frames of a field were refused, their share, when, and why; `clear` is the clear zero point."""
    counts, when = field.counts, span_of(field.unix[field.refused])
    share = say_share(counts.refused, counts.taken) + (f", {when}" if when else "")
    refused = f"{counts.refused} of {counts.taken} frames refused ({share})"
    return f"{field.name}: {refused}: {_main_reasons(field, clear)}"


def say_counts(night: NightSummary) -> str:
    """How many frames of a night are measured."""
    number = len(night.fields)
    return f"{night.measured} of {night.taken} frames of {number} field{'' if number == 1 else 's'} measured"


def _main_reasons(field: FieldFacts, clear: float) -> str:
    """The most frequent reasons with their numbers, in a few words; what a cloud explains is that cloud."""
    cloudy = cloudy_frames(field, clear)
    kinds: collections.Counter[str] = collections.Counter()
    for file, is_cloudy in zip(field.files, cloudy, strict=True):
        kind = kind_of(file.reason).lstrip("…, ").partition(",")[0]
        if file.state == State.REFUSED:
            kinds["cloud" if is_cloudy and kind in _OF_CLOUD else kind] += 1
    told = [f"{kind} ({count})" for kind, count in kinds.most_common(REASONS_TOLD)]
    others = sum(kinds.values()) - sum(count for _, count in kinds.most_common(REASONS_TOLD))
    return ", ".join([*told, f"other reasons ({others})"] if others else told) or "no reason is known"


def without_folders(text: str) -> str:
    """A text with paths cut down to their names."""
    return _FOLDERS.sub("", text)


def find_trouble(field: str, runs: Iterable[StageRun]) -> str:
    """What the first stage without which there is no photometry said of a whole field; "" where none failed."""
    for run in runs:
        for trouble in run.troubles if run.failed and run.stage in GRAVE else ():
            if trouble.startswith(f"{field}: "):
                return f"{without_folders(trouble.removeprefix(f'{field}: '))} ({run.stage})"
    return ""


def _judge_sky(field: FieldFacts, clear: float) -> list[Reason]:
    """Clouds: frames that lost light against the clearest of the night; not where all of them were refused."""
    share = transparency(field, clear)
    known = np.isfinite(share)
    cloudy = known & cloudy_frames(field, clear)
    few = known.sum() < FRAMES_FOR_SHARES or cloudy.sum() <= CLOUDY_SHARE * known.sum()
    if few or not (cloudy & ~field.refused).any():
        return []
    when = ", ".join(spells(field.unix[known], cloudy[known]))
    left = f"down to {100 * np.min(share[cloudy]):.0f} % of the light"
    told = f"cloud in {cloudy.sum()} of {known.sum()} frames, {left}, {when} UTC"
    return [Reason(Level.LOOK, CLOUD, f"{field.name}: {told}")]


def _judge_pointing(field: FieldFacts, large_px: float) -> list[Reason]:
    """Jumps, and fields that wandered."""
    places = np.column_stack([field.numbers.shift_x, field.numbers.shift_y])
    jumps = find_jumps(field.unix, places, large_px)
    if jumps:
        dated = several_nights(field.unix)
        told = ", ".join(f"{px:.1f} px at {clock(unix, dated=dated)}" for unix, px in jumps[:3])
        more = f" and {len(jumps) - 3} more" if len(jumps) > 3 else ""
        return [Reason(Level.LOOK, JUMP, f"{field.name}: the telescope jumped by {told} UTC{more}")]
    known = np.isfinite(field.numbers.shift_x)
    if known.sum() >= FRAMES_FOR_SHARES and field.large.sum() > MOVED_SHARE * known.sum():
        far = np.nanmax(np.hypot(*places[field.large].T))
        moved = (
            f"{field.large.sum()} of {known.sum()} frames moved by {large_px:g} px or more, at most {far:.1f} px"
        )
        return [Reason(Level.LOOK, MOVED, f"{field.name}: {moved}")]
    return []


def judge_stages(runs: Iterable[StageRun], *, told: Collection[str] = ()) -> list[Reason]:
    """Stages of the chain that failed, by the ledger; not where they did so only over fields told of already."""
    found, fields = [], tuple(f"{field}: " for field in told)
    for run in runs:
        grave = run.stage in GRAVE
        own = [without_folders(one) for one in run.troubles if not one.startswith(fields)]
        if run.failed and own:
            more = f" (and {len(own) - 1} more)" if len(own) > 1 else ""
            level = Level.BAD if grave else Level.LOOK
            found.append(Reason(level, STAGE_FAILED, f"{run.stage} failed: {own[0]}{more}"))
    return found


def _judge_disk(room: Room) -> list[Reason]:
    free = room.free_mb
    if free < room.reserve_mb:
        full = f"the disk is full: {free:.0f} MB free, work needs {room.reserve_mb:.0f}"
        return [Reason(Level.BAD, DISK, full)]
    if free < room.reserve_mb + 2 * room.night_mb:
        left = f"{free / 1000:.1f} GB free on the disk, less than two nights as this"
        return [Reason(Level.LOOK, DISK, left)]
    return []
