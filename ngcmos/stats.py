"""Robust numbers: a median that skips what is not known, and the sigma of a normal distribution by its median."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from ngcmos.arrays import Floats, Reals

MAD_TO_SIGMA = 1.482602218505602  # of a normal distribution: 1 / its upper quartile
BLOCK = 256  # columns


def mad_sigma(values: ArrayLike) -> float:
    """Standard deviation of a normal distribution by the median absolute deviation of these values.

    Parameters
    ----------
    values : array
        What is not finite does not count.

    Returns
    -------
    float
        NaN where nothing is finite.
    """
    known = np.asarray(values, float)
    known = known[np.isfinite(known)]
    if not known.size:
        return float("nan")
    return float(MAD_TO_SIGMA * median_of_known(np.abs(known - median_of_known(known))))


def median_of_known(values: Floats) -> float:
    """Median of numbers of which none is NaN, one at least: `numpy.median` of few takes four times as long."""
    half = values.size // 2
    if values.size % 2:
        return float(np.partition(values, half)[half])
    low, high = np.partition(values, (half - 1, half))[half - 1 : half + 1]
    return float((low + high) / 2)


def quotient(over: ArrayLike, under: ArrayLike, *, blank: float = np.nan) -> Floats:
    """The one over the other where that is above zero, `blank` elsewhere."""
    result = np.empty(np.broadcast(over, under).shape)
    result.fill(blank)
    np.divide(over, under, out=result, where=np.asarray(under) > 0)
    return result


def blocks(count: int, length: int = BLOCK) -> Iterator[slice]:
    """Slices of so many, one after the other: what each column tells by itself need not lie in memory at once."""
    for first in range(0, count, length):
        yield slice(first, min(first + length, count))


def column_medians(values: Reals) -> Reals:
    """Median of each column over what is finite; NaN where nothing is.

    By one sort of a block of columns: `numpy.nanmedian` takes them one by one where any holds a NaN.

    Parameters
    ----------
    values : (n, m) array

    Returns
    -------
    (m,) array
        Of the same precision.
    """
    medians = np.full(values.shape[1], np.nan, values.dtype)
    if len(values):
        for some in blocks(values.shape[1]):
            medians[some] = _medians(values[:, some])
    return medians


def _medians(values: Reals) -> Reals:
    finite = np.isfinite(values)
    count, columns = finite.sum(axis=0), np.arange(values.shape[1])
    ordered = np.where(finite, values, np.nan)
    ordered.sort(axis=0)  # NaN goes last
    low = ordered[np.maximum(count - 1, 0) // 2, columns]
    high = ordered[np.minimum(count // 2, len(values) - 1), columns]
    return np.where(count > 0, (low + high) / 2, np.nan)
