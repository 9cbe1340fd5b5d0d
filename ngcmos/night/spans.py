"""When something held in a night, in words."""

from collections.abc import Iterable

import numpy as np

from ngcmos.arrays import Bools, Floats

SPELLS_SHOWN, SPELL_GAP = 4, 1


def clock(unix: float) -> str:
    """Time of the day, UTC."""
    return str(np.datetime64(int(unix), "s"))[11:16] if np.isfinite(unix) else "an unknown time"


def span_of(unix: Iterable[float]) -> str:
    """From the first to the last of some times, "" where none is known."""
    known = [value for value in unix if np.isfinite(value)]
    if not known:
        return ""
    first, last = clock(min(known)), clock(max(known))
    return f"{first} UTC" if first == last else f"{first}–{last} UTC"


def spells(unix: Floats, holds: Bools) -> list[str]:
    """From the first to the last frame of each spell in which something held, the longest in their order.

    A single frame in between that is free does not end a spell.
    """
    rows = np.flatnonzero(holds)
    found = np.split(rows, np.flatnonzero(np.diff(rows) > 1 + SPELL_GAP) + 1)
    shown = sorted(sorted(found, key=len)[-SPELLS_SHOWN:], key=lambda spell: int(spell[0]))
    ends = [(clock(unix[spell[0]]), clock(unix[spell[-1]])) for spell in shown]
    told = [first if first == last else f"{first}–{last}" for first, last in ends]
    more = len(found) - len(shown)
    return [*told, f"{more} more times"] if more else told
