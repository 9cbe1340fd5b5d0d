"""A night in a few lines, for the end of a run and for cron's mail: verdict first, then why, then where to look.

``tell_night(facts, page) -> lines``, at most `MOST_LINES` of them.
"""

import textwrap
from collections.abc import Sequence
from pathlib import Path

from ngcmos.names import Level
from ngcmos.report.facts import FieldFacts, clear_zero_points_of
from ngcmos.report.night import NightFacts
from ngcmos.report.verdict import (
    DISK,
    FIELD_LOST,
    NOT_YET,
    REFUSALS,
    STAGE_FAILED,
    Reason,
    say_counts,
    say_refused,
)

MOST_LINES = 25
WIDTH = 110
MOST_LINES_A_REASON = 3
_OF_FRAMES = (FIELD_LOST, NOT_YET, REFUSALS)
_MENDED_BY_A_RUN = (FIELD_LOST, STAGE_FAILED, NOT_YET, DISK)


def tell_night(facts: NightFacts, page: Path) -> list[str]:
    """Lines of a night, not all of them sentences.

    Parameters
    ----------
    facts : NightFacts
    page : Path
        The page of the night.
    """
    head = f"Night {facts.date}: {facts.summary.verdict.upper()}, {say_counts(facts.summary)}."
    foot = [f"Page: {page}", *_tell_commands(facts)]
    blocks = [_wrap(reason.level, reason.what) for reason in facts.reasons]
    blocks += _tell_targets(facts)
    blocks += [_wrap(Level.GOOD, text) for text in _tell_good(facts)]
    blocks += [_wrap("files", facts.files)] if facts.files and (facts.unseen or not facts.fields) else []
    return [head, *_fit(blocks, MOST_LINES - 1 - len(foot)), *foot]


def say_night(facts: NightFacts) -> str:
    """A night in one line."""
    night = facts.summary
    told = f"{night.verdict.upper()}, {say_counts(night)}"
    return f"{told}; {night.why}" if night.why else told


def _wrap(label: str, text: str) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=f"  {label:<6}",
        subsequent_indent=" " * 8,
        break_long_words=False,
        break_on_hyphens=False,
        max_lines=MOST_LINES_A_REASON,
        placeholder=" …",
    )


def _fit(blocks: Sequence[list[str]], room: int) -> list[str]:
    """Lines of as many blocks as there is room for, the first of them first; then how many are left out."""
    lines = [line for block in blocks for line in block]
    if len(lines) <= room:
        return lines
    shown: list[str] = []
    for number, block in enumerate(blocks):
        if len(shown) + len(block) > room - 1:
            return [*shown, f"  and {len(blocks) - number} more on the page"]
        shown += block
    return shown


def _tell_targets(facts: NightFacts) -> list[list[str]]:
    """What is found of each target that has a curve."""
    seen = [one for field in facts.targets for one in field.targets if one.has_curve]
    return [_wrap("star", f"{one.name}: {one.said[0]}") for one in seen]


def _tell_good(facts: NightFacts) -> list[str]:
    """What no reason tells of the fields: the few frames refused of each, and those fields that are good."""
    lost = {_field_of(reason) for reason in facts.reasons if reason.topic in _OF_FRAMES}
    fine = [field for field in facts.fields if field.name not in lost]
    clear = clear_zero_points_of(facts.fields)
    told = [say_refused(field, clear[field.name]) for field in fine if field.counts.refused]
    odd = {_field_of(reason) for reason in facts.reasons}
    whole = [field for field in fine if not field.counts.refused and field.name not in odd]
    return [*told, _tell_whole(whole)] if whole else told


def _field_of(reason: Reason) -> str:
    return reason.what.partition(": ")[0]


def _tell_whole(fields: Sequence[FieldFacts]) -> str:
    frames = sum(field.counts.taken for field in fields)
    return f"{', '.join(field.name for field in fields)}: all of {frames} frames measured"


def _tell_commands(facts: NightFacts) -> list[str]:
    """How to go on: a run where that can help, and who tells of each frame."""
    again, why = (text for _, text in (*facts.commands, ("", ""), ("", ""))[:2])
    mended = any(reason.topic in _MENDED_BY_A_RUN for reason in facts.reasons)
    refused = any(field.counts.measured < field.counts.taken for field in facts.fields)
    told = [f"Why each frame: {why}"] if refused and why else []
    return [*told, f"Once that is put right: {again}"] if mended and again else told


def is_silent(facts: NightFacts) -> bool:
    """Whether a night needs no word: good, and every frame measured."""
    return not facts.reasons and all(field.counts.measured == field.counts.taken for field in facts.fields)
