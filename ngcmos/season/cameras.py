"""Several cameras at one star: how far each is off the others in a night that they share.

``compare_cameras(night, camera, flux, error) -> {(night, camera): (off, error)}``.
"""

import numpy as np

from ngcmos.arrays import Floats, Ints
from ngcmos.stats import quotient

AWAY_SIGMA = 3.0


def compare_cameras(
    night: Ints, camera: Ints, flux: Floats, error: Floats, *, least_error: float
) -> dict[tuple[int, int], tuple[float, float]]:
    """How far each camera is off the mean of the others in each night, and the error of that.

    Over the season each camera sees a star at 1, so that a steady difference between cameras never shows.

    Parameters
    ----------
    night, camera : (points,) int arrays
    flux, error : (points,) arrays
        Of good points alone.
    least_error : float
        Of a nightly mean: what flats and air leave of the star is common to all points of a night.

    Returns
    -------
    dict of (night, camera) to (float, float)
        Of the nights that cameras share; relative flux.
    """
    nights, at_night = np.unique(night, return_inverse=True)
    cameras, at_camera = np.unique(camera, return_inverse=True)
    cell, shape = at_night * cameras.size + at_camera, (nights.size, cameras.size)
    weight = error.astype(float) ** -2.0
    total = np.bincount(cell, weight, nights.size * cameras.size)
    mean = quotient(np.bincount(cell, weight * flux, total.size), total).reshape(shape)
    trust = np.where(total > 0, quotient(1, np.fmax(quotient(1, total), least_error**2)), 0).reshape(shape)
    held = trust * np.nan_to_num(mean)
    rest = trust.sum(axis=1, keepdims=True) - trust
    off = mean - quotient(held.sum(axis=1, keepdims=True) - held, rest)
    spread = np.sqrt(quotient(1, trust) + quotient(1, rest))
    return {
        (int(nights[row]), int(cameras[column])): (float(off[row, column]), float(spread[row, column]))
        for row, column in zip(*np.nonzero(np.isfinite(off) & np.isfinite(spread)), strict=True)
    }
