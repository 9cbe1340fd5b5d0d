"""When a transit is expected, and how surely."""

import dataclasses

import numpy as np

from ngcmos.arrays import Floats

BJDS = (2_400_000.0, 2_500_000.0)  # smaller ones have an offset
MJDS = (15_000.0, 99_999.0)
DEEPEST = 0.5  # share of the flux: no planet takes so much
SUN_YEAR_H = 13.0  # a planet crosses the Sun in so long, at a year
LENGTHS = (0.1, 8.0)  # over that of a star like the Sun: from M dwarfs that are grazed to giants
USUAL_HALF_D = 1 / 48  # of a transit whose length is not known
_HOURS_A_DAY = 24.0


@dataclasses.dataclass(frozen=True)
class Ephemeris:
    """Times of transits: `t0_bjd + n * period_d`, BJD_TDB, and what is known of one of them.

    Errors and shape are NaN where nobody knows them.
    """

    period_d: float
    t0_bjd: float
    period_err_d: float = float("nan")
    t0_err_d: float = float("nan")
    duration_d: float = float("nan")
    duration_err_d: float = float("nan")
    depth: float = float("nan")

    def __post_init__(self) -> None:
        if not (np.isfinite(self.period_d) and self.period_d > 0):
            raise ValueError(f"the period is {self.period_d}, expected days above 0")
        if not BJDS[0] < self.t0_bjd < BJDS[1]:
            is_mjd = MJDS[0] < self.t0_bjd < MJDS[1]
            remedy = "of an MJD: add 2400000.5" if is_mjd else "of TESS: add 2457000"
            raise ValueError(f"the epoch is {self.t0_bjd:.10g}, expected the whole BJD as 2458354.1 ({remedy})")

    def nearest(self, bjd_tdb: float) -> int:
        """Number of the transit nearest to a time, from that of `t0_bjd`."""
        return round((bjd_tdb - self.t0_bjd) / self.period_d)

    def mid(self, number: int) -> float:
        """Mid-time of a transit, BJD_TDB."""
        return self.t0_bjd + number * self.period_d

    def mid_err(self, number: int) -> float:
        """Standard error of that time in days by those of epoch and period, which count as 0 where unknown."""
        return float(np.hypot(np.nan_to_num(self.t0_err_d), number * np.nan_to_num(self.period_err_d)))

    def doubts(self) -> list[str]:
        """What is not impossible, but looks like another unit; sentences without an end."""
        told = []
        if self.depth > DEEPEST:
            told.append(
                f"its depth is {self.depth:.0%} of the light, more than any planet takes: is it in percent?"
            )
        usual_h, length_h = SUN_YEAR_H * (self.period_d / 365.25) ** (1 / 3), _HOURS_A_DAY * self.duration_d
        if length_h < LENGTHS[0] * usual_h or length_h > LENGTHS[1] * usual_h:
            why = f"expected about {usual_h:.1f} h at a period of {self.period_d:g} days"
            told.append(f"its transits last {length_h:.2f} h, {why}: are both in their units?")
        return told


@dataclasses.dataclass(frozen=True)
class Expected:
    """The transit that a light curve should hold.

    Attributes
    ----------
    mid_bjd, mid_err_d : float
    duration_d, duration_err_d : float
        NaN where unknown.
    period_d : float
    is_seen : bool
        Whether the light curve has points during it.
    depth : float
        Share of the flux; NaN where unknown.
    """

    mid_bjd: float
    mid_err_d: float
    duration_d: float
    duration_err_d: float
    period_d: float
    is_seen: bool
    depth: float = float("nan")

    def points_in(self, bjd_tdb: Floats) -> int:
        """How many points of a series lie within it."""
        return _points_in(bjd_tdb, self.mid_bjd, self.duration_d)


def _points_in(bjd_tdb: Floats, mid_bjd: float, duration_d: float) -> int:
    half_d = duration_d / 2 if duration_d > 0 else USUAL_HALF_D
    return int((np.abs(bjd_tdb - mid_bjd) <= half_d).sum())


def expect(ephemeris: Ephemeris, bjd_tdb: Floats) -> Expected:
    """The transit of which a series has the most points; the nearest to its middle where it has none of any."""
    numbers = np.unique(np.round((bjd_tdb - ephemeris.t0_bjd) / ephemeris.period_d).astype(int))
    seen = [_points_in(bjd_tdb, ephemeris.mid(int(number)), ephemeris.duration_d) for number in numbers]
    best = int(numbers[int(np.argmax(seen))]) if any(seen) else ephemeris.nearest(float(np.median(bjd_tdb)))
    return Expected(
        ephemeris.mid(best),
        ephemeris.mid_err(best),
        ephemeris.duration_d,
        ephemeris.duration_err_d,
        ephemeris.period_d,
        any(seen),
        ephemeris.depth,
    )
