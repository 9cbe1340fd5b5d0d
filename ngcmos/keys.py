"""Kinds of values that keys of a camera profile may have, and how what they must hold is demanded."""

import re
from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, Field

# moments: a time of the day (hour, minute, UTC), or sunrise (sign, number, unit)
CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)\s*(utc|z)?", re.IGNORECASE)
SUNRISE = re.compile(r"sunrise(?:\s*([+-])\s*(\d+(?:\.\d+)?)\s*(h|min))?", re.IGNORECASE)
MOMENT_EXPECTED = "expected a time of the day as 09:30 (of the site) or 13:30 UTC, or sunrise + 2 h"

Text = Annotated[str, Field(strict=True)]
Cards = Annotated[tuple[Text, ...], BeforeValidator(lambda given: (given,) if isinstance(given, str) else given)]
Switch = Annotated[bool, Field(strict=True)]
Whole = Annotated[int, Field(strict=True)]
WholePositive = Annotated[Whole, Field(gt=0)]
WholeNotNegative = Annotated[Whole, Field(ge=0)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]  # a whole number may stand for one
Positive = Annotated[Number, Field(gt=0)]
NotNegative = Annotated[Number, Field(ge=0)]
Share = Annotated[Number, Field(ge=0, le=1)]

Extra = tuple[str, str, str]  # name of a column, where it is from, unit

TABLE = ConfigDict(extra="forbid")


def demand(*conditions: tuple[bool, str]) -> None:
    """Raise ValueError with what is said of every condition that does not hold; each begins with its key."""
    wrong = [said for holds, said in conditions if not holds]
    if wrong:
        raise ValueError(*wrong)


def section_of(text: str) -> tuple[slice, slice] | None:
    """(rows, columns) of a FITS section; None where that is none."""
    match = re.fullmatch(r"\[(\d+):(\d+),(\d+):(\d+)\]", text.replace(" ", ""), re.ASCII)
    left, right, bottom, top = map(int, match.groups()) if match else (0, 0, 0, 0)
    if not (1 <= left <= right and 1 <= bottom <= top):
        return None
    return slice(bottom - 1, top), slice(left - 1, right)


def as_extra(text: str) -> Extra:
    """Of "name/CARD/unit"; a file may have slashes of its own."""
    name, _, rest = text.partition("/")
    source, _, unit = rest.rpartition("/")
    return name, source, unit


def is_extra(text: str) -> bool:
    """Whether a text is "name/CARD/unit", whose name can be that of a column."""
    name, source, _ = as_extra(text)
    return name.isidentifier() and bool(source)
