"""What is found out of a camera: a key of its profile, the value, and where that comes from."""

import dataclasses
from collections.abc import Iterable

Value = str | int | float | bool | tuple[float, ...] | tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Found:
    """One key of a profile.

    Attributes
    ----------
    key : str
        As `detector.gain_e_adu`.
    value : str, number, bool or tuple of them
    source : str
        Where it comes from.
    remedy : str
        How to find it, where it is only assumed; "" where it is known.
    """

    key: str
    value: Value
    source: str
    remedy: str = ""


def last_of_each(found: Iterable[Found]) -> list[Found]:
    """One Found a key, the last that was found, in the order in which the keys came first."""
    return list({one.key: one for one in found}.values())


def rounded(value: float, digits: int = 4) -> float:
    """A number of so many significant digits."""
    return float(f"{value:.{digits}g}")
