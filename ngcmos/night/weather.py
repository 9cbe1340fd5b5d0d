"""Numbers beside the frames: further cards of their headers, and time series from outside (weather, water vapour).

``extra_of(header, cards) -> {name: value}``; ``read_series(path) -> TimeValues``, ``series.at(jd)``.
"""

import dataclasses
import logging
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from astropy.time import Time

from ngcmos.arrays import Floats
from ngcmos.errors import WorkError
from ngcmos.keys import Extra
from ngcmos.night.cards import Header
from ngcmos.night.headers import card_said

log = logging.getLogger(__name__)

LONGEST_GAP_D = 1.0 / 24  # what lies further apart says nothing of the time between
FIRST_JD = 2_400_000.5  # a smaller number is a modified Julian date


@dataclasses.dataclass(frozen=True, eq=False)
class TimeValues:
    """A series from outside, in time order: Julian dates (UTC) and values."""

    jd: Floats
    value: Floats

    def at(self, jd: float) -> float:
        """Between the two nearest points; NaN outside of them, and where they are more than an hour apart."""
        after = int(np.searchsorted(self.jd, jd))
        if after == 0 or after == self.jd.size or self.jd[after] - self.jd[after - 1] > LONGEST_GAP_D:
            return math.nan
        return float(np.interp(jd, self.jd, self.value))


def extra_of(header: Header, wanted: Sequence[Extra]) -> dict[str, float]:
    """{name: number} of further cards, of the first of each name that holds a number; NaN without."""
    found: dict[str, float] = {}
    for name, source, _ in wanted:
        if math.isnan(found.get(name, math.nan)):
            found[name] = _as_number(card_said(header, source))
    return found


def _as_number(said: object) -> float:
    """The number that a card holds, as text with a unit too (`-20.1 C`)."""
    if isinstance(said, bool) or said is None:
        return math.nan
    try:
        value = float(said) if isinstance(said, int | float) else float(str(said).split()[0])
    except (ValueError, IndexError):
        return math.nan
    return value if math.isfinite(value) else math.nan


def read_series(path: Path) -> TimeValues:
    """The series of a CSV file: time (ISO, UTC; or a Julian or modified Julian date) and value, one a line.

    A first line that names the columns and lines that begin with # are passed over.

    Raises
    ------
    WorkError
        There is no such file, or it holds something else.
    """
    try:
        text = path.read_text("utf-8")
        lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
        rows = [[word.strip() for word in line.split(",")][:2] for line in lines]
        if rows and not rows[0][0][:1].isdigit():
            rows = rows[1:]
        times, values = zip(*rows, strict=True)
        series = TimeValues(_days_of(times), np.array(values, float))
    except (OSError, ValueError) as error:
        expected = f"expected lines of time and value, as {_EXAMPLE}"
        raise WorkError(f"{path}: not readable ({error}), {expected}") from error
    order = np.argsort(series.jd, kind="stable")
    return TimeValues(series.jd[order], series.value[order])


_EXAMPLE = "2024-07-06T03:00:00,2.4"


def _days_of(times: Sequence[str]) -> Floats:
    if "-" in times[0]:
        days: Floats = Time(list(times), scale="utc").jd
        return days
    numbers = np.array(times, float)
    return np.where(numbers < FIRST_JD, numbers + FIRST_JD, numbers)


def read_outside(folder: Path, name: str, source: str) -> TimeValues:
    """The series that a profile names, relative to the night folder; empty, with a line, if unreadable."""
    try:
        return read_series(folder / source)
    except WorkError as error:
        log.warning("%s is unknown: %s", name, error)
        return TimeValues(np.zeros(0), np.zeros(0))
