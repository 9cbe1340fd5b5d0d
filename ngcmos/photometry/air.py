"""What the cards of frames say of altitude and airmass, held against the sky, which is believed.

``tell_air([AirCards(...), ...], "ALTITUDE")`` is one line about a field, or "" where all cards fit. Where the
altitudes are right, but those of another time, ``clock_lag_s(...)`` is how much later; ``tell_lag`` says so.
"""

import dataclasses
import math
import re
from collections.abc import Sequence

import numpy as np

from ngcmos.arrays import Floats
from ngcmos.night.cards import Header, comment_of
from ngcmos.night.headers import card_said
from ngcmos.photometry.times import EarthVectors, airmass, altitude_of

ALTITUDE_LEEWAY_DEG = 1.0  # a card may be of the mount's pointing, of the start or the end, with refraction
AIRMASS_LEEWAY = 0.02  # and of another formula
MOST_SAID = 3
OUR_AIRMASS = "1 / sin(altitude), by place, site and time"  # comment of the card that we write
LAG_S = 110.0  # clocks that are further off are told by the altitudes, so that 2 min surely are
OFFSET_DEG = 0.2  # by which all altitudes of a mount may be wrong
NOISE_DEG, LARGEST_NOISE_DEG = 0.02, 0.1  # of a card of altitude
CLEARLY = 3.0  # times the noise
_FARTHEST_S, _STEP_S = 14 * 3600.0, 60.0
_MOST_FRAMES = 200  # tell the clock
_TURN_RAD_S = 7.2921159e-5  # of the Earth (IERS)
_ZONE_S = 900.0  # clocks of the world differ by quarters of an hour
_SEXAGESIMAL = re.compile(r"([+-]?)(\d+)[:d\s]+(\d+(?:\.\d*)?)(?:[:m'\s]+(\d+(?:\.\d*)?))?[s\"\s]*")


@dataclasses.dataclass(frozen=True)
class Swing:
    """How the altitude of a place goes with time: its sine is `level` + `cosine` cos(turn) + `sine` sin(turn).

    The turn is around the pole of J2000, not of date: a lag so found is wrong by up to half a per cent.
    """

    level: float
    cosine: float
    sine: float


@dataclasses.dataclass(frozen=True)
class AirCards:
    """Altitude and airmass of a frame: as its cards say (None: no such card), and as it is (NaN: not known).

    `swing` is how the altitude goes on, `exptime_s` how long it was watched.
    """

    altitude: object
    airmass: object
    altitude_deg: float = math.nan
    swing: Swing | None = None
    exptime_s: float = 0.0

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


def air_cards(header: Header, altitude_key: str) -> AirCards:
    """What a header says of the air; an airmass that ngcmos has written says nothing."""
    altitude, airmass = (
        None if isinstance(said, str) and not said.strip() else said
        for said in (card_said(header, altitude_key), card_said(header, "AIRMASS"))
    )
    return AirCards(altitude, None if comment_of(header, "AIRMASS") == OUR_AIRMASS else airmass)


def under_sky(said: AirCards, earth: EarthVectors, direction: Floats, exptime_s: float) -> AirCards:
    """The same with the altitude as it is, for one frame; `direction` is a (1, 3) unit vector."""
    (east, north, pole), (x, y, z) = direction[0], earth.zenith[0]
    level = pole * z
    swing = Swing(level, east * x + north * y, north * x - east * y)
    altitude_deg = float(altitude_of(earth, direction)[0, 0])
    return dataclasses.replace(said, altitude_deg=altitude_deg, swing=swing, exptime_s=exptime_s)


def clock_lag_s(frames: Sequence[AirCards]) -> float:
    """How much later the altitudes of the cards were true than the clock says, seconds; 0 where nothing says so.

    All cards may be wrong by the same bit, and one by one where most are right.
    """
    known = [
        (said, one.swing.level, one.swing.cosine, one.swing.sine)
        for one in frames
        if one.swing is not None and math.isfinite(said := number_of(one.altitude))
    ]
    if not known:
        return 0.0
    said, *terms = np.array(known[:: len(known) // _MOST_FRAMES + 1]).T
    away = said - _later(terms, np.zeros(1))[0]
    unlike = float(np.median(np.abs(away - np.clip(np.median(away), -OFFSET_DEG, OFFSET_DEG))))
    if unlike <= CLEARLY * NOISE_DEG:
        return 0.0
    lag_s, left = _best_lag(said, terms)
    least_s = LAG_S + max(one.exptime_s for one in frames) / 2
    is_clear = left <= LARGEST_NOISE_DEG and unlike > CLEARLY * left
    return lag_s if is_clear and abs(lag_s) >= least_s else 0.0


def _best_lag(said: Floats, terms: Sequence[Floats]) -> tuple[float, float]:
    """(seconds, degrees left) of the smallest lag that explains the altitudes about as well as any."""
    coarse = np.arange(-_FARTHEST_S, _FARTHEST_S + 1, _STEP_S)
    left = np.median(np.abs(said - _later(terms, coarse)), axis=1)
    fit = np.flatnonzero(left <= max(2 * float(left.min()), LARGEST_NOISE_DEG))
    near = coarse[fit[np.argmin(np.abs(coarse[fit]))]]
    valley = coarse[fit][np.abs(coarse[fit] - near) <= LAG_S]
    fine = np.arange(valley.min() - _STEP_S, valley.max() + _STEP_S + 1)
    left = np.median(np.abs(said - _later(terms, fine)), axis=1)
    return float(fine[np.argmin(left)]), float(left.min())


def _later(terms: Sequence[Floats], seconds: Floats) -> Floats:
    """(times, frames) altitude in degrees so many seconds later."""
    level, cosine, sine = terms
    turn = _TURN_RAD_S * seconds[:, None]
    altitude: Floats = np.degrees(np.arcsin(np.clip(level + cosine * np.cos(turn) + sine * np.sin(turn), -1, 1)))
    return altitude


def tell_lag(lag_s: float, altitude_key: str, time_key: str) -> str:
    """One line about a clock that the altitudes contradict."""
    side = "later" if lag_s > 0 else "earlier"
    zones = round(lag_s / _ZONE_S)
    is_zone = zones and abs(lag_s - zones * _ZONE_S) < 1.5 * LAG_S
    likely = f", as local time: headers.utc_offset_h = {-zones * _ZONE_S / 3600:g}" if is_zone else ""
    told = f"{altitude_key} is that of the field {abs(lag_s) / 60:.1f} min {side} than {time_key} says{likely}"
    return f"{told}; {time_key} is believed as the profile reads it"


def tell_daylight(sun_deg: Floats, time_key: str) -> str:
    """One line where the Sun stood above the horizon while frames were taken; "" where it did not."""
    up = sun_deg[sun_deg > 0]
    if not up.size:
        return ""
    told = f"by {time_key} and the site the Sun stood up to {up.max():.0f} deg high in {up.size} of {sun_deg.size}"
    return f"{told} frames: is the clock that of UTC (headers.utc_offset_h), is the site's longitude east?"


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
