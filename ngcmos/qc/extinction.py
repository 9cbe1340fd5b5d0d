"""What zero points say of the air and of colours: ``fit_line(x, y) -> Line``, wild points left out."""

import dataclasses

import numpy as np

from ngcmos.arrays import Floats
from ngcmos.stats import mad_sigma

ROUNDS = 5
CLIP_SIGMA = 3.0
FEWEST = 10


@dataclasses.dataclass(frozen=True)
class Line:
    """y = level + slope (x - middle), the slope with its error; NaN where too few points tell it."""

    middle: float
    level: float
    slope: float
    slope_error: float

    def at(self, x: Floats) -> Floats:
        """Its values."""
        return self.level + self.slope * (np.asarray(x, float) - self.middle)


def fit_line(x: Floats, y: Floats) -> Line:
    """Least squares through the points that are finite; those beyond 3 robust sigma are left out, in rounds."""
    used = np.isfinite(x) & np.isfinite(y)
    nothing = Line(np.nan, np.nan, np.nan, np.nan)
    for _ in range(ROUNDS):
        if used.sum() < FEWEST or np.ptp(x[used]) == 0:
            return nothing
        middle = float(np.mean(x[used]))
        off = x[used] - middle
        level, slope = float(np.mean(y[used])), float((off * y[used]).sum() / (off**2).sum())
        rest = y - level - slope * (x - middle)
        sigma = max(float(mad_sigma(rest[used])), 1e-9)
        kept = np.isfinite(rest) & (np.abs(rest) <= CLIP_SIGMA * sigma)
        if (kept == used).all():
            break
        used = kept
    return Line(middle, level, slope, sigma / float(np.sqrt((off**2).sum())))
