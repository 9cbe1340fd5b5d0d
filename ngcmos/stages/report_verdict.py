"""How the night was, in one line, and why: the findings of the morning page.

``judge(fields, ...) -> [Reason, ...]``, the gravest first; ``level_of(reasons)``: good, look or bad; ``sum_up``:
the line. Bad means that photometry is missing; look means that a human should.
"""

import collections
import dataclasses

import numpy as np

from ngcmos.night.ledger import REFUSED
from ngcmos.qc.page import BAD, GOOD, LOOK
from ngcmos.stages.night_story import MEASURED, WAITING
from ngcmos.stages.report_facts import CLEAR, RUN, clear_zero_point, find_jumps, transparency

MOST_MEASURED, HALF_MEASURED = 0.95, 0.5
CLOUDY_SHARE = 0.05
MOVED_SHARE = 0.05
FRAMES_FOR_SHARES = 10  # fewer frames than this say nothing about shares
GRAVE = ("simple_wrapper", "check_cmos", "process_cmos")
FIELD_LOST, STAGE_FAILED, DISK = "no photometry", "failed stage", "disk"
REFUSALS, NOT_YET, CLOUD = "refused frames", "frames not measured yet", "cloud"
JUMP, MOVED, CALIBRATION, NOTHING = "jumps of the telescope", "large shifts", "calibration", "no frames"


@dataclasses.dataclass(frozen=True)
class Reason:
    """Why a night is not simply good.

    Attributes
    ----------
    level : {'look', 'bad'}
    topic : str
        A few words, the same for all fields.
    what : str
        The whole of it.
    """

    level: str
    topic: str
    what: str


def level_of(reasons):
    """good, look or bad."""
    if any(reason.level == BAD for reason in reasons):
        return BAD
    return LOOK if reasons else GOOD


def sum_up(reasons):
    """The reasons in one line: a topic that several share is named once; "" without any."""
    topics = collections.defaultdict(list)
    for reason in reasons:
        topics[reason.topic].append(reason)
    several = {STAGE_FAILED: "stages", CALIBRATION: "remarks"}
    told = [
        own[0].what if len(own) == 1 else f"{topic} ({len(own)} {several.get(topic, 'fields')})"
        for topic, own in topics.items()
    ]
    return "; ".join(told)


def judge(fields, entries, *, large_px, free_mb, reserve_mb, size_mb, calibration=()):
    """Reasons why a night is not simply good, the gravest first.

    Parameters
    ----------
    fields : list of ngcmos.stages.report_facts.FieldFacts
    entries : list of ngcmos.night.ledger.Entry
    large_px : float
        What counts as a large shift.
    free_mb, reserve_mb, size_mb : float
        Free on the disk, what work leaves free, and the size of this night.
    calibration : sequence of str
        What is odd about the masters.
    """
    found = [reason for field in fields for reason in _judge_field(field)]
    found += judge_stages(entries) + _judge_disk(free_mb, reserve_mb, size_mb)
    found += _judge_sky(fields) + [one for field in fields for one in _judge_pointing(field, large_px)]
    found += [Reason(LOOK, CALIBRATION, sentence) for sentence in calibration]
    if not fields:
        found.append(Reason(LOOK, NOTHING, "no science frames in this night: dome closed, or not copied yet?"))
    return sorted(found, key=lambda reason: reason.level != BAD)


def _judge_field(field):
    """What became of the frames of a field."""
    counts = field.counts
    taken, measured, waiting = counts["taken"], counts[MEASURED], counts[WAITING]
    if measured == 0 and taken > waiting:
        return [Reason(BAD, FIELD_LOST, f"{field.name}: none of {taken} frames measured ({_main_reason(field)})")]
    found = []
    if waiting:
        found.append(Reason(LOOK, NOT_YET, f"{field.name}: {waiting} of {taken} frames not measured yet"))
    judged = taken - waiting
    if judged and measured < MOST_MEASURED * judged:
        level = BAD if measured < HALF_MEASURED * judged else LOOK
        refused = f"{counts[REFUSED]} of {taken} frames refused"
        found.append(Reason(level, REFUSALS, f"{field.name}: {refused}, most often: {_main_reason(field)}"))
    return found


def _main_reason(field):
    return field.reasons[0][1] if field.reasons else "no reason is known"


def _judge_sky(fields):
    """Clouds: frames that lost light against the clearest of the night."""
    clear = clear_zero_point(fields)
    found = []
    for field in fields:
        share = transparency(field, clear)
        known = np.isfinite(share)
        cloudy = known & (share < CLEAR)
        if known.sum() >= FRAMES_FOR_SHARES and cloudy.sum() > CLOUDY_SHARE * known.sum():
            span = f"between {clock(field.unix[cloudy].min())} and {clock(field.unix[cloudy].max())} UTC"
            lost = f"{cloudy.sum()} of {known.sum()} frames lost more than {100 * (1 - CLEAR):.0f} % of the light"
            found.append(Reason(LOOK, CLOUD, f"{field.name}: cloud, {lost}, {span}"))
    return found


def _judge_pointing(field, large_px):
    """Jumps, and fields that wandered."""
    jumps = find_jumps(field, large_px)
    if jumps:
        told = ", ".join(f"{px:.1f} px at {clock(unix)}" for unix, px in jumps[:3])
        more = f" and {len(jumps) - 3} more" if len(jumps) > 3 else ""
        return [Reason(LOOK, JUMP, f"{field.name}: the telescope jumped by {told} UTC{more}")]
    known = np.isfinite(field.numbers["shift_x"])
    if known.sum() >= FRAMES_FOR_SHARES and field.large.sum() > MOVED_SHARE * known.sum():
        moved = f"{field.large.sum()} of {known.sum()} frames moved by {large_px:g} px or more"
        return [Reason(LOOK, MOVED, f"{field.name}: {moved}")]
    return []


def judge_stages(entries):
    """Stages of the chain that failed, by the ledger."""
    failed = [entry for entry in entries if entry.stage == RUN and entry.verdict == REFUSED]
    return [
        Reason(BAD if entry.frame in GRAVE else LOOK, STAGE_FAILED, f"{entry.frame} failed: {entry.reason}")
        for entry in failed
    ]


def _judge_disk(free_mb, reserve_mb, size_mb):
    if free_mb < reserve_mb:
        return [Reason(BAD, DISK, f"the disk is full: {free_mb:.0f} MB free, work needs {reserve_mb:.0f}")]
    if free_mb < reserve_mb + 2 * size_mb:
        left = f"{free_mb / 1000:.1f} GB free on the disk, less than two nights as this"
        return [Reason(LOOK, DISK, left)]
    return []


def clock(unix):
    """Time of the day, UTC."""
    return str(np.datetime64(int(unix), "s"))[11:16] if np.isfinite(unix) else "an unknown time"
