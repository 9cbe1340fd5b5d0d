"""Which stars vary: by their nightly means, within the nights, and by a period, each at a stated false-alarm rate.

Of constant stars a share of `FALSE_ALARMS` is called variable, a third of it by each of the three tests.
"""

from collections.abc import Sequence

import numpy as np

from ngcmos.arrays import Bools, Floats, Ints, Reals
from ngcmos.lightcurves.scatter import of_like
from ngcmos.stats import MAD_TO_SIGMA, column_medians, quotient

FALSE_ALARMS = 0.003
TESTS = 3
NEIGHBOUR_SHARE = 0.05  # of the light of neighbours that the seeing moves in and out of an aperture
FEWEST_NIGHTS = 3
FEW_FRAMES = 2  # of a night, which do not tell a cosmic ray from a brighter star
STRUCK_SHARE = 0.05  # of the nights, that cosmic rays strike a star in at most
STRUCK_SIGMA = 5.0
FEWEST_BINS = 10


def chance_of_nights(
    deviation: Floats, error: Floats, mag: Floats, barred: Bools | None = None, *, points: Floats | None = None
) -> Floats:
    """Chance that the nightly means of a constant star scatter as much as these.

    Chi squared about the weighted mean by the errors of the means, which hold the floor of each night; the night
    that is farthest off counts as the next one: what one alone tells is a dip or a fault. A few that are too
    bright do not count where they have one or two frames: nothing tells a cosmic ray from light of the star there.
    No chance is below what stars of like magnitude show, in units of how much theirs differs: neighbours and
    pixels follow no law.

    Parameters
    ----------
    deviation, error : (nights, stars) arrays
        NaN where unknown.
    mag : (stars,) array
    barred : (stars,) bool array, optional
        Stars that tell nothing of their like, as blended ones.
    points : (nights, stars) array, optional
        How many a mean is of; many by default.

    Returns
    -------
    (stars,) array
        1 for stars of fewer than three nights.
    """
    from scipy.special import chdtrc

    held = np.isfinite(deviation) & (error > 0)
    weight = np.where(held, error**-2.0, 0)
    if points is not None:
        weight = np.where(_struck(deviation, weight, points), 0, weight)
    freedom = (weight > 0).sum(axis=0) - 1
    chi2 = np.where(freedom >= FEWEST_NIGHTS - 1, _chi2_of_nights(deviation, weight), np.nan)
    by_law = np.where(np.isfinite(chi2), chdtrc(np.maximum(freedom, 1), chi2), 1.0)
    chance: Floats = np.maximum(by_law, _chance_among_like(chi2, freedom, mag, barred))
    return chance


def _struck(deviation: Floats, weight: Floats, points: Floats) -> Bools:
    """(nights, stars) the brightest of the nights of so few frames that a cosmic ray may be what they show."""
    most = int(STRUCK_SHARE * len(deviation))
    held = np.where(weight > 0, deviation, np.nan)
    away = held - column_medians(held)
    pull = np.where((points <= FEW_FRAMES) & (weight > 0), away * np.sqrt(weight), -np.inf)
    rank = np.argsort(np.argsort(-pull, axis=0, kind="stable"), axis=0, kind="stable")
    struck: Bools = (rank < most) & (pull > STRUCK_SIGMA)
    return struck


def _chi2_of_nights(deviation: Floats, weight: Floats) -> Floats:
    """(stars,) chi squared about the mean; of more than three nights the farthest one is cut."""
    value = np.where(weight > 0, deviation, 0)
    mean = quotient((weight * value).sum(axis=0), weight.sum(axis=0), blank=0.0)
    squares = weight * (value - mean) ** 2
    if len(squares) <= FEWEST_NIGHTS:
        whole: Floats = squares.sum(axis=0)
        return whole
    calm = np.where(np.arange(len(squares))[:, None] == np.argmax(squares, axis=0), 0, weight)
    mean = quotient((calm * value).sum(axis=0), calm.sum(axis=0), blank=0.0)
    squares = np.sort(weight * (value - mean) ** 2, axis=0)
    squares[-1] = squares[-2]
    cut: Floats = squares.sum(axis=0)
    return cut


def _chance_among_like(chi2: Floats, freedom: Ints | Floats, mag: Floats, barred: Bools | None = None) -> Floats:
    """(stars,) chance of a scatter over the expected one by those of stars of like magnitude; 1 where unknown."""
    from scipy.special import ndtr

    ratio = 0.5 * np.log(np.where(chi2 > 0, quotient(chi2, freedom), np.nan))
    away = ratio - of_like(ratio, mag, barred)
    width = MAD_TO_SIGMA * of_like(np.abs(away), mag, barred)
    chance: Floats = ndtr(-away / np.fmax(width, np.sqrt(0.5 / np.maximum(freedom, 1))))
    return np.where(np.isfinite(chance), chance, 1.0)


def chance_within_nights(
    flux: Reals, error: Reals, night: Ints, mag: Floats, barred: Bools | None = None
) -> Floats:
    """Chance that the bins of a constant star scatter as much about the means of their nights.

    Red noise has no law to count on: the scatter over the expected one is compared with that of stars of like
    magnitude, in units of how much theirs differs, and at least of chance.

    Parameters
    ----------
    flux, error : (bins, stars) arrays
    night : (bins,) int array
    mag : (stars,) array
    barred : (stars,) bool array, optional
        As of `chance_of_nights`.

    Returns
    -------
    (stars,) array
        1 for stars of too few bins.
    """
    chi2, freedom = _chi2_within(flux, error, night)
    return _chance_among_like(np.where(freedom >= FEWEST_BINS, chi2, np.nan), freedom, mag, barred)


def _chi2_within(flux: Reals, error: Reals, night: Ints) -> tuple[Floats, Floats]:
    """(stars,) chi squared of the bins about the means of their nights, and its degrees of freedom."""
    chi2, freedom = np.zeros((2, flux.shape[1]))
    for number in np.unique(night):
        here = night == number
        held = np.isfinite(flux[here]) & (error[here] > 0) & np.isfinite(error[here])
        weight = np.where(held, error[here].astype(float) ** -2.0, 0)
        value = np.where(held, flux[here], 0)
        mean = quotient((weight * value).sum(axis=0), weight.sum(axis=0), blank=0.0)
        chi2 += (weight * np.where(held, value - mean, 0) ** 2).sum(axis=0)
        freedom += np.maximum(held.sum(axis=0) - 1, 0)
    return chi2, freedom


def find_variable(chances: Sequence[Floats], sizes: Sequence[Floats], contamination: Floats) -> Bools:
    """Whether a star varies: by any of the tests, at a third of the false-alarm rate each.

    Stars nearby shine into the aperture, more or less as the air is: a star that does not vary by more than
    `NEIGHBOUR_SHARE` of their light is not called variable.

    Parameters
    ----------
    chances : sequence of (stars,) arrays
        Of the tests; NaN where one could not be made.
    sizes : sequence of (stars,) arrays
        By how much the star varies, by each measure; NaN where unknown.
    contamination : (stars,) array
        Light of other stars over its own; NaN where unknown.
    """
    variable: Bools = np.fmin.reduce(chances) < FALSE_ALARMS / TESTS
    large: Bools = np.fmax.reduce(sizes) > NEIGHBOUR_SHARE * np.nan_to_num(contamination)
    return variable & large


def excess(scatter: Floats, expected: Floats) -> Floats:
    """What is left of a scatter without the expected one; 0 where it is less."""
    return np.sqrt(np.fmax(np.nan_to_num(scatter**2 - expected**2), 0))
