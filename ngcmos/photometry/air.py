"""What the cards of frames say of altitude and airmass, held against the sky, which is believed.

``tell_air([AirCards(...), ...], "ALTITUDE")`` is one line about a field, or "" where all cards fit.
"""

import dataclasses
import math
import re
from collections.abc import Sequence

from ngcmos.photometry.times import airmass

ALTITUDE_LEEWAY_DEG = 1.0  # a card may be of the mount's pointing, of the start or the end, with refraction
AIRMASS_LEEWAY = 0.02  # and of another formula
MOST_SAID = 3
_SEXAGESIMAL = re.compile(r"([+-]?)(\d+)[:d\s]+(\d+(?:\.\d*)?)(?:[:m'\s]+(\d+(?:\.\d*)?))?[s\"\s]*")


@dataclasses.dataclass(frozen=True)
class AirCards:
    """Altitude and airmass of a frame: as its cards say (None: no such card), and as it is (NaN: not known)."""

    altitude: object
    airmass: object
    altitude_deg: float = math.nan

    @property
    def is_altitude_wrong(self) -> bool:
        """Whether the altitude is said otherwise than it is."""
        if self.altitude is None:
            return False
        return not abs(number_of(self.altitude) - self.altitude_deg) <= ALTITUDE_LEEWAY_DEG

    @property
    def is_airmass_wrong(self) -> bool:
        """Whether the airmass is said otherwise than it is."""
        if self.airmass is None:
            return False
        least = float(airmass(min(self.altitude_deg + ALTITUDE_LEEWAY_DEG, 90.0))) - AIRMASS_LEEWAY
        most = float(airmass(self.altitude_deg - ALTITUDE_LEEWAY_DEG)) + AIRMASS_LEEWAY
        said = number_of(self.airmass)
        return not said >= least or said > most


def number_of(said: object) -> float:
    """A card's value as a number, be it text or sexagesimal; NaN where it is none."""
    if isinstance(said, bool):
        return math.nan
    try:
        return float(said)  # type: ignore[arg-type]  # what cannot become a number raises
    except (TypeError, ValueError):
        pass
    match = _SEXAGESIMAL.fullmatch(str(said).strip())
    if match is None:
        return math.nan
    sign, *parts = match.groups()
    degrees, minutes, seconds = (float(part or 0) for part in parts)
    size = degrees + minutes / 60 + seconds / 3600
    return -size if sign == "-" else size


def tell_air(frames: Sequence[AirCards], altitude_key: str) -> str:
    """One line about the frames of a field whose cards contradict the sky; "" where none does.

    Frames whose place, so their altitude, is not known (NaN) tell nothing.
    """
    placed = [one for one in frames if not math.isnan(one.altitude_deg)]
    wrong_altitude = [one for one in placed if one.is_altitude_wrong]
    wrong_airmass = [one for one in placed if one.is_airmass_wrong]
    told = []
    if wrong_altitude:
        so = f"{wrong_altitude[0].altitude_deg:.1f} deg"
        told.append(_tell(altitude_key, [one.altitude for one in wrong_altitude], len(placed), so))
    if wrong_airmass:
        so = f"{airmass(wrong_airmass[0].altitude_deg):.3f}"
        told.append(_tell("AIRMASS", [one.airmass for one in wrong_airmass], len(placed), so))
    low = [one.altitude_deg for one in placed if one.altitude_deg <= 0]
    if low:
        told.append(f"by place, site and time {len(low)} of {len(placed)} frames look down to {min(low):.1f} deg")
    return "; ".join([*told, "the sky is believed"]) if told else ""


def _tell(key: str, said: Sequence[object], count: int, so: str) -> str:
    values = list(dict.fromkeys(str(value) for value in said))
    shown = ", ".join([*values[:MOST_SAID], *(["..."] if len(values) > MOST_SAID else [])])
    return f"{key} says {shown} in {len(said)} of {count} frames, where place, site and time say {so}"
