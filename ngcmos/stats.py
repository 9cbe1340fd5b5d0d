"""Robust numbers: a median that skips what is not known, and the sigma of a normal distribution by its median."""

import numpy as np
from numpy.typing import ArrayLike

from ngcmos.arrays import Floats, Reals

MAD_TO_SIGMA = 1.482602218505602  # of a normal distribution: 1 / its upper quartile


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
    return float(MAD_TO_SIGMA * np.median(np.abs(known - np.median(known))))


def quotient(over: ArrayLike, under: ArrayLike, *, blank: float = np.nan) -> Floats:
    """The one over the other where that is above zero, `blank` elsewhere."""
    result = np.full(np.broadcast_shapes(np.shape(over), np.shape(under)), blank)
    np.divide(over, under, out=result, where=np.asarray(under) > 0)
    return result


def column_medians(values: Reals) -> Reals:
    """Median of each column over what is finite; NaN where nothing is.

    By one sort of all columns: `numpy.nanmedian` takes them one by one where any holds a NaN.

    Parameters
    ----------
    values : (n, m) array

    Returns
    -------
    (m,) array
        Of the same precision.
    """
    if not len(values):
        return np.full(values.shape[1], np.nan, values.dtype)
    finite = np.isfinite(values)
    count, columns = finite.sum(axis=0), np.arange(values.shape[1])
    ordered = np.where(finite, values, np.nan)
    ordered.sort(axis=0)  # NaN goes last
    low = ordered[np.maximum(count - 1, 0) // 2, columns]
    high = ordered[np.minimum(count // 2, len(values) - 1), columns]
    return np.where(count > 0, (low + high) / 2, np.nan)
