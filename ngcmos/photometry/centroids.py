"""Each star's own centroid, windowed, from its forced place: where its light balances under a Gaussian window.

``own_centroids(image, x, y, sky, ...) -> OwnCentroids``. A star that dims leaves its centroid where it is, a
blended neighbour that dims moves it.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from ngcmos.arrays import Floats, Reals

WINDOW_OF_RADIUS = 0.375  # sigma of the window over the middle radius of the apertures
REACH_SIGMA = 2.5  # of the window, the half side of a stamp
STEPS = 2  # of Newton's rule; a start within 0.3 px ends within 0.001 px
FLATTEST = 0.1  # of the slope: light as wide as the window has no centroid in it


@dataclasses.dataclass(frozen=True, eq=False)
class OwnCentroids:
    """Centroids minus forced places and their standard errors, (n,) arrays in pixels; NaN where there is none."""

    dx: Floats
    dy: Floats
    dx_err: Floats
    dy_err: Floats


@dataclasses.dataclass(frozen=True, eq=False)
class SkyUnder:
    """Sky and its scatter under each of n stars, ADU per pixel."""

    level: Floats
    rms: Floats


def window_sigma(radii_px: Floats) -> float:
    """Sigma of the window for apertures of these radii, pixels."""
    return WINDOW_OF_RADIUS * float(np.median(radii_px))


def own_centroids(
    image: Reals, x: Floats, y: Floats, sky: SkyUnder, *, sigma_px: float, gain_e_adu: float
) -> OwnCentroids:
    """Where the light of each star balances under a Gaussian window that is centred on the balance.

    The point at which the first moment vanishes is found by Newton's rule: the moment's own derivative is
    V / sigma^2 - 1, with V the windowed variance. As XWIN_IMAGE of Source Extractor, for all stars at once.

    Parameters
    ----------
    image : (rows, columns) array
        Calibrated counts, ADU.
    x, y : (n,) arrays
        Forced places, 0-based pixels.
    sky : SkyUnder
    sigma_px : float
        Of the window.
    gain_e_adu : float

    Returns
    -------
    OwnCentroids
        NaN where the stamp leaves the image or holds a pixel that is not finite, where there is no light, and
        where the balance lies outside of the window.
    """
    half = int(np.ceil(REACH_SIGMA * sigma_px))
    column, row = np.rint(x).astype(int), np.rint(y).astype(int)
    inside = np.flatnonzero(
        (column >= half) & (column < image.shape[1] - half) & (row >= half) & (row < image.shape[0] - half)
    )
    column, row = column[inside], row[inside]
    windows = np.lib.stride_tricks.sliding_window_view(image, (2 * half + 1, 2 * half + 1))
    stamps = windows[row - half, column - half].astype(np.float32, copy=False)
    stamps -= sky.level[inside, None, None].astype(np.float32)
    start = np.stack([x[inside] - column, y[inside] - row])
    at, error = _balance(stamps, start, sigma_px, sky.rms[inside], gain_e_adu)
    off = at - start
    off[:, ~(np.hypot(*off) < sigma_px)] = np.nan
    error[:, np.isnan(off[0])] = np.nan
    return OwnCentroids(*_among_all(np.concatenate([off, error]), inside, x.size))


def _balance(
    stamps: NDArray[np.float32], start: Floats, sigma: float, sky_rms: Floats, gain_e_adu: float
) -> tuple[Floats, Floats]:
    """(2, n) balance in the stamps, and its error."""
    at = start
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        for _ in range(STEPS):
            weight, away = _window(at, stamps.shape[1] // 2, sigma)
            basis = np.stack([weight, weight * away, weight * away**2], axis=-1)
            moments = _contract(stamps, basis)
            light = moments[:, 0, 0]
            first = np.stack([moments[:, 0, 1], moments[:, 1, 0]]) / light
            second = np.stack([moments[:, 0, 2], moments[:, 2, 0]]) / light
            slope = 1 - (second - first**2) / sigma**2
            slope[:, ~(light > 0) | ~(slope > FLATTEST).all(axis=0)] = np.nan
            at = at + first / slope
        basis = np.stack([weight**2, (weight * away) ** 2], axis=-1)
        noise = _contract(stamps, basis)
        flat = basis.sum(axis=2)  # (axis, n, window or window times distance)
        of_light = np.stack([noise[:, 0, 1], noise[:, 1, 0]]) / gain_e_adu
        of_sky = np.stack([flat[0, :, 1] * flat[1, :, 0], flat[0, :, 0] * flat[1, :, 1]]) * sky_rms**2
        error = np.sqrt(np.maximum(of_light, 0) + of_sky) / light / slope
    return at, error


def _window(at: Floats, half: int, sigma: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(weights along each axis, distances from `at`), each (axis, n, size)."""
    away = np.arange(-half, half + 1, dtype=np.float32) - at[:, :, None].astype(np.float32)
    return np.exp(away**2 * np.float32(-0.5 / sigma**2)), away


def _contract(stamps: NDArray[np.float32], basis: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, basis of y, basis of x) sums over the stamps (n, y, x)."""
    along_x = np.matmul(stamps, basis[0])
    sums: NDArray[np.float32] = np.matmul(basis[1].transpose(0, 2, 1), along_x)
    return sums


def _among_all(values: Floats, rows: NDArray[np.intp], count: int) -> Floats:
    """Values of some stars among all; NaN for the others."""
    result = np.full((len(values), count), np.nan)
    result[:, rows] = values
    return result
