"""Robust numbers: a median that skips what is not known, and the sigma of a normal distribution by its median."""

import numpy as np
from numpy.typing import ArrayLike

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


def column_medians(values: np.ndarray) -> np.ndarray:
    """Median of each column over what is not NaN; NaN where nothing is.

    Parameters
    ----------
    values : (n, m) array

    Returns
    -------
    (m,) array
    """
    known = ~np.isnan(values).all(axis=0)
    result = np.full(values.shape[1], np.nan)
    result[known] = np.nanmedian(values[:, known], axis=0)
    return result
