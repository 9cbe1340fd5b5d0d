"""How much curves scatter, and which stars do so more than their like.

``scatter(values)``, ``find_usual(values)``, ``pulls_of(flux, error)``; ``find_variables(pulls, mag)`` and
``redness(pulls)`` look at one frame after the other and at slow changes alike. Columns are stars.
"""

import numpy as np

from ngcmos.arrays import Bools, Floats, Reals
from ngcmos.stats import MAD_TO_SIGMA, column_medians, quotient

OUTLIER_SIGMA = 5.0
VARIABLE_SIGMA = 5.0
LIKE_STARS = 101  # stars of like magnitude whose scatter is compared,
LIKE_SHARE, FEWEST_LIKE = 0.1, 15  # of all, but not more than a share: few bright ones are no like of the faint
FEWEST_FRAMES = 8  # (or stars) to tell a variable star by


def scatter(values: Reals) -> Floats:
    """(stars,) standard deviation of each column, points more than 5 robust scatters off left out; NaN for fewer
    than two points."""
    return deviation_of(np.where(find_usual(values), values, np.nan))


def find_usual(values: Reals) -> Bools:
    """Which values of each column are known and within 5 robust scatters of its median."""
    with np.errstate(invalid="ignore"):
        away = np.abs(values - column_medians(values))
        usual: Bools = away <= OUTLIER_SIGMA * MAD_TO_SIGMA * column_medians(away)
    return usual


def pulls_of(flux: Reals, error: Reals) -> Reals:
    """(frames, stars) how far curves lie off their mean 1, in units of the error of each point.

    Under clouds all points scatter more: so counted, they do not hide what the others tell.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        return (flux - 1) / error


def find_variables(pulls: Reals, mag: Floats) -> Bools:
    """Stars that scatter more than stars of like magnitude, from frame to frame or slowly.

    Scatter is counted as it is and in bins of about the square root of the number of frames; more than
    `VARIABLE_SIGMA` above the median of the like is variable.

    Parameters
    ----------
    pulls : (frames, stars) array
        Deviations in units of their errors; NaN where nothing is known.
    mag : (stars,) array
    """
    return find_restless(restlessness(pulls), mag)


def restlessness(pulls: Reals) -> Floats:
    """(2, stars) scatter of each column slowly, and from frame to frame; NaN where too few frames tell."""
    if len(pulls) < FEWEST_FRAMES:
        return np.full((2, pulls.shape[1]), np.nan)
    return np.stack([deviation_of(_slow_means(pulls)[0]), deviation_of(pulls)])


def find_restless(restless: Floats, mag: Floats) -> Bools:
    """The variable stars of `find_variables` by their `restlessness`."""
    slow, fast = restless
    return _stands_out(slow, mag) | _stands_out(fast, mag)


def redness(pulls: Reals) -> Floats:
    """(stars,) scatter in bins of about the square root of the number of frames, over that of white noise.

    1 where there are too few frames to tell.
    """
    if len(pulls) < 2 * FEWEST_FRAMES:
        return np.ones(pulls.shape[1])
    binned, length = _slow_means(pulls)
    with np.errstate(invalid="ignore", divide="ignore"):
        excess: Floats = scatter(binned) * length**0.5 / scatter(pulls)
    return excess


def _slow_means(values: Reals) -> tuple[Floats, int]:
    """((bins, stars) means, frames of a bin)."""
    length = max(2, round(len(values) ** 0.5))
    whole = len(values) - len(values) % length
    return mean_of(values[:whole].reshape(-1, length, values.shape[1]).swapaxes(0, 1)), length


def _stands_out(ratio: Floats, mag: Floats) -> Bools:
    """Whether the ratio of a star is far above that of the stars of like magnitude."""
    with np.errstate(invalid="ignore", divide="ignore"):
        away = np.log(ratio / of_like(ratio, mag))
    known = np.isfinite(away)
    if known.sum() < FEWEST_FRAMES:
        return np.zeros(ratio.size, bool)
    far: Bools = away > VARIABLE_SIGMA * MAD_TO_SIGMA * np.median(np.abs(away[known]))
    return known & far


def of_like(values: Floats, mag: Floats, barred: Bools | None = None) -> Floats:
    """Median of the values of stars of like magnitude, of each star; NaN where value or magnitude is unknown.

    `barred` stars are told what others show, but do not tell.
    """
    known = np.isfinite(values) & np.isfinite(mag)
    telling = np.flatnonzero(known if barred is None else known & ~barred)
    result = np.full(values.size, np.nan)
    if telling.size:
        order = telling[np.argsort(mag[telling], kind="stable")]
        window = min(LIKE_STARS, max(FEWEST_LIKE, int(LIKE_SHARE * telling.size)), telling.size)
        medians = np.median(np.lib.stride_tricks.sliding_window_view(values[order], window), axis=1)
        rank = np.searchsorted(mag[order], mag)
        rank[order] = np.arange(order.size)
        result[known] = medians[np.clip(rank - window // 2, 0, len(medians) - 1)][known]
    return result


def mean_of(values: Reals) -> Floats:
    """Mean over the first axis of what is finite; NaN where nothing is."""
    finite = np.isfinite(values)
    count = finite.sum(axis=0)
    return quotient(np.where(finite, values, 0).sum(axis=0, dtype=float), count)


def deviation_of(values: Reals) -> Floats:
    """Standard deviation of each column over what is finite; NaN for fewer than two points."""
    count = np.isfinite(values).sum(axis=0)
    squares = mean_of((values - mean_of(values).astype(values.dtype)) ** 2) * count
    deviation: Floats = np.sqrt(quotient(squares, count - 1))
    return deviation
