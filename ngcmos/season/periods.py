"""Periods by Lomb and Scargle: the best one, its amplitude, its chance, and an alias of a day that it could be.

astropy's periodogram with the transforms of nifty-ls (Garrison et al. 2024, RNAAS 8, 250).
"""

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from ngcmos.arrays import Bools, Floats, Ints, Reals
from ngcmos.lightcurves.scatter import of_like
from ngcmos.stats import MAD_TO_SIGMA

if TYPE_CHECKING:
    from astropy.timeseries import LombScargle

SHORTEST_D, LONGEST_D = 0.05, 100.0
LONGEST_SHARE = 1.5  # of the time the season spans
OVERSAMPLE = 8.0  # frequencies for each that the season can tell apart
FEWEST_POINTS = 12
ALIAS_SHARE = 0.8  # of what the best one explains that an alias by whole days explains if it is told
EQUAL_SHARE = 0.97  # of it, as the grid may miss the top of a peak by 0.01: then the longest of them is taken
GUMBEL_WIDTH = 0.8793  # of a Gumbel law over the standard deviation that its median absolute deviation tells


@dataclasses.dataclass(frozen=True)
class Period:
    """The best period of a star.

    Attributes
    ----------
    period_d : float
        NaN where nothing could be looked for.
    amplitude : float
        Half of the range of the sine, relative.
    gain : float
        Of the logarithm of the likelihood over a constant star.
    fap : float
        Chance that noise of these errors shows as much (Baluev 2008, MNRAS 385, 1279).
    alias_d : float
        The best of those that differ from it by whole times a day and explain nearly as much; NaN without.
    """

    period_d: float = np.nan
    amplitude: float = np.nan
    gain: float = 0.0
    fap: float = np.nan
    alias_d: float = np.nan


def find_period(time: Floats, flux: Reals, error: Reals) -> Period:
    """The period of one star.

    Parameters
    ----------
    time : (n,) array
        Days.
    flux, error : (n,) arrays
        Relative flux; points without a finite error do not count.
    """
    import nifty_ls  # noqa: F401  - tells astropy of the method "fastnifty"; slow to import
    from astropy.timeseries import LombScargle

    known = np.isfinite(flux) & np.isfinite(error) & (error > 0)
    if known.sum() < FEWEST_POINTS or np.ptp(time[known]) < 2 * SHORTEST_D:
        return Period()
    start = float(time[known][0])
    power = LombScargle(time[known] - start, flux[known].astype(float), error[known].astype(float))
    grid = frequency_grid(float(np.ptp(time[known])))
    explained = power.power(grid, method="fastnifty", assume_regular_frequency=True)
    family = _aliases(grid, explained)
    equal = family[explained[family] >= EQUAL_SHARE * explained[family[0]]]
    chosen = equal[np.argmin(grid[equal])]
    best = _refine(power, float(grid[chosen]), float(grid[1] - grid[0]))
    others = family[(family != chosen) & (explained[family] >= ALIAS_SHARE * explained[family[0]])]
    share = float(power.power(best, method="slow"))
    return Period(
        period_d=1 / best,
        amplitude=float(np.hypot(*power.model_parameters(best)[1:3])),
        gain=_gain(share, int(known.sum())),
        fap=float(power.false_alarm_probability(share, method="baluev", maximum_frequency=1 / SHORTEST_D)),
        alias_d=float(1 / grid[others[0]]) if others.size else np.nan,
    )


def frequency_grid(span_d: float) -> Floats:
    """Frequencies looked at, 1/d, evenly spaced."""
    lowest = 1 / min(LONGEST_D, LONGEST_SHARE * span_d)
    step = 1 / (OVERSAMPLE * span_d)
    return lowest + step * np.arange(int((1 / SHORTEST_D - lowest) / step) + 1, dtype=np.float64)


def _gain(share: float, points: int) -> float:
    """Gain in ln likelihood of what explains a share of chi squared, the errors known but for their scale."""
    return float(-0.5 * points * np.log1p(-min(max(share, 0.0), 1 - 1e-12)))


def _refine(power: "LombScargle", frequency: float, step: float) -> float:
    """The top of a peak of the grid."""
    near = frequency + step * np.linspace(-1, 1, 41)
    near = near[near > 0]
    return float(near[np.argmax(power.power(near, method="slow"))])


def _aliases(grid: Floats, explained: Floats) -> Ints:
    """Places of the highest peak and of its aliases by whole days, the highest first."""
    top = int(np.argmax(explained))
    step = grid[1] - grid[0]
    reach = round(2 * OVERSAMPLE)
    found = {top}
    for days in range(1, int(grid[-1]) + 1):
        for frequency in (grid[top] + days, abs(grid[top] - days)):
            middle = round(float((frequency - grid[0]) / step))
            near = np.arange(max(middle - reach, 0), min(middle + reach + 1, grid.size))
            if near.size:
                found.add(int(near[np.argmax(explained[near])]))
    order = sorted(found, key=lambda at: -explained[at])
    return np.array(order)


def calibrate_faps(gain: Floats, fap: Floats, mag: Floats, barred: Bools | None = None) -> Floats:
    """Chances that also know what this season's noise does: never below what stars of like magnitude show.

    The best gains of constant stars follow a Gumbel law whose place and width their median and scatter tell.

    Parameters
    ----------
    gain, fap : (stars,) arrays
        Of `Period`.
    mag : (stars,) array
    barred : (stars,) bool array, optional
        Stars that tell nothing of their like, as blended ones.

    Returns
    -------
    (stars,) array
    """
    known = np.where(np.isfinite(fap), gain, np.nan)
    middle = of_like(known, mag, barred)
    scatter = MAD_TO_SIGMA * of_like(np.abs(known - middle), mag, barred)
    width = np.fmax(scatter * GUMBEL_WIDTH, 1.0)
    place = middle + width * np.log(np.log(2))
    among_like = -np.expm1(-np.exp(-(known - place) / width))
    return np.maximum(fap, np.where(np.isfinite(among_like), among_like, 0.0))
