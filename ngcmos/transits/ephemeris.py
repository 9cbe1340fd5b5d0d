"""When a transit is expected, and how surely."""

import dataclasses

import numpy as np

from ngcmos.arrays import Floats

LEAST_BJD = 2_400_000.0  # smaller ones have an offset


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
        if not (np.isfinite(self.t0_bjd) and self.t0_bjd > LEAST_BJD):
            raise ValueError(
                f"the epoch is {self.t0_bjd:.10g}, expected the whole BJD as 2458354.1 (of TESS: add 2457000)"
            )

    def nearest(self, bjd_tdb: float) -> int:
        """Number of the transit nearest to a time, from that of `t0_bjd`."""
        return round((bjd_tdb - self.t0_bjd) / self.period_d)

    def mid(self, number: int) -> float:
        """Mid-time of a transit, BJD_TDB."""
        return self.t0_bjd + number * self.period_d

    def mid_err(self, number: int) -> float:
        """Standard error of that time in days by those of epoch and period, which count as 0 where unknown."""
        return float(np.hypot(np.nan_to_num(self.t0_err_d), number * np.nan_to_num(self.period_err_d)))


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


def expect(ephemeris: Ephemeris, bjd_tdb: Floats) -> Expected:
    """The transit of which a series has the most points; the nearest to its middle where it has none of any."""
    numbers = np.unique(np.round((bjd_tdb - ephemeris.t0_bjd) / ephemeris.period_d).astype(int))
    half_d = ephemeris.duration_d / 2 if ephemeris.duration_d > 0 else 1 / 48
    seen = [int((np.abs(bjd_tdb - ephemeris.mid(int(number))) <= half_d).sum()) for number in numbers]
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
