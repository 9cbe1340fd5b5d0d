"""When something held in a night, in words."""

from collections.abc import Iterable

import numpy as np

from ngcmos.arrays import Bools, Floats

SPELLS_SHOWN, SPELL_GAP = 4, 1
JD_1970, DAY_S = 2_440_587.5, 86_400.0


def clock(unix: float, *, dated: bool = False) -> str:
    """Time of the day, UTC; after its date where frames are of several nights."""
    if not np.isfinite(unix):
        return "an unknown time"
    day, _, time = str(np.datetime64(int(unix), "s"))[:16].partition("T")
    return f"{day} {time}" if dated else time


def several_nights(unix: Iterable[float]) -> bool:
    """Whether times are of more than one night, so that the time of the day alone does not tell them."""
    known = [value for value in unix if np.isfinite(value)]
    return bool(known) and max(known) - min(known) > DAY_S


def span_of(unix: Iterable[float]) -> str:
    """From the first to the last of some times, "" where none is known."""
    known = [value for value in unix if np.isfinite(value)]
    if not known:
        return ""
    first, last = (clock(end, dated=several_nights(known)) for end in (min(known), max(known)))
    return f"{first} UTC" if first == last else f"{first}–{last} UTC"


def spells(unix: Floats, holds: Bools) -> list[str]:
    """From the first to the last frame of each spell in which something held, the longest in their order.

    A single frame in between that is free does not end a spell.
    """
    rows = np.flatnonzero(holds)
    found = np.split(rows, np.flatnonzero(np.diff(rows) > 1 + SPELL_GAP) + 1)
    shown = sorted(sorted(found, key=len)[-SPELLS_SHOWN:], key=lambda spell: int(spell[0]))
    dated = several_nights(unix)
    ends = [[clock(unix[at], dated=dated) for at in (spell[0], spell[-1])] for spell in shown]
    told = [first if first == last else f"{first}–{last}" for first, last in ends]
    more = len(found) - len(shown)
    return [*told, f"{more} more times"] if more else told
