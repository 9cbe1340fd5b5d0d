"""Sky under each star: a smooth map, a clipped annulus, or the plain mean of one.

``estimate_sky(image, x, y, method=...) -> Sky``; ``pixels_around(shape, x, y, reach)`` gives the pixels around
stars, ``star_reach(tmag)`` and ``cover_stars(shape, x, y, reach)`` those that the map leaves out.

Photons come in Poisson numbers, whose median and mode lie below their mean: the map by 0.3 ADU, the annulus by
0.15, however bright the sky. Given the detector, both are brought to the mean, which is what an aperture holds.

Stars too faint to be measured lift the map, while a star without neighbours stands in a hole among them. So the
map leaves out the pixels near every star that the catalog knows, measured or not.

Counts are whole numbers. Where the sky scatters by few of them, its median snaps from one to the next (78 ADU in
an aperture of 5 px), so the map and the annulus first spread each count evenly over its own step.
"""

import dataclasses
import functools

import numpy as np
import sep
from numpy.typing import ArrayLike, NDArray

from ngcmos.arrays import Bools, Floats, Ints, Reals, Shape
from ngcmos.config import Detector, Photometry
from ngcmos.photometry.noise import QUANTISATION_ADU2

CLIP_SIGMA = 3.0
CLIP_ROUNDS = 3
THINNED_CELL_PX = 64  # cells of this side on tell as much by every second row, in half the time
GOLDEN_RATIO = (5**0.5 - 1) / 2  # its multiples fill the unit interval most evenly
HALF_DIAGONAL = 0.7072  # how far a star can be from the centre of its nearest pixel
FAINT_TMAG = 16.0  # stars this faint and fainter are left out to the least reach
REACH_PX, REACH_PX_A_MAG = (3, 9), 0.8
# how far below the mean, in sixths of sigma times skewness (Cornish & Fisher 1938): the median; and the mode of
# sep, median - 1.5 (mean - median), with the mean within c = 3 sigma, which is lower by 2 c^3 phi(c) = 0.24
MEDIAN_BELOW, MODE_BELOW = 1.0, 1 + 1.5 * (1 - 0.24)
MOST_COVERED = 1 / 3  # of the chip; in a crowded field only the brightest are left out


@dataclasses.dataclass(frozen=True, eq=False)
class Sky:
    """Sky of n stars.

    Attributes
    ----------
    level, rms : (n,) float64 arrays
        Sky and its scatter from pixel to pixel, ADU; NaN where no pixel tells.
    count : (n,) float64 array
        Pixels the level rests on.
    wanted : float
        Pixels it would rest on in the middle of an empty field.
    """

    level: Floats
    rms: Floats
    count: Floats
    wanted: float


@dataclasses.dataclass(frozen=True, eq=False)
class KnownStars:
    """All stars known on an image, brightest first: (n,) 0-based places, and the pixels around them they spoil."""

    x: Floats
    y: Floats
    reach: Ints


def estimate_sky(
    image: Reals,
    x: Floats,
    y: Floats,
    settings: Photometry,
    *,
    bad: Bools | None = None,
    known: KnownStars | None = None,
    detector: Detector | None = None,
) -> Sky:
    """Sky at the positions of stars.

    Parameters
    ----------
    image : (rows, columns) float32 or float64 array, C-contiguous
    x, y : (n,) arrays
        0-based positions on the chip.
    settings : ngcmos.config.Photometry
        `sky_method` "map": mode of mesh cells of `mesh_px`, smoothed (`sep.Background`); "annulus": sigma-clipped
        median of the ring `annulus_px`; "mean": mean of the ring, which neighbours spoil.
    bad : bool array, optional
        Pixels left out of the map. A ring leaves out what is not finite.
    known : KnownStars, optional
        Left out of the map.
    detector : ngcmos.config.Detector, optional
        Whose gain and read noise tell how skew the counts are; they count as even without it.

    Returns
    -------
    Sky
    """
    method = settings.sky_method
    if method == "map":
        return _to_mean(_map_sky(image, x, y, settings.mesh_px, bad, known), MODE_BELOW, detector)
    values, wanted = _ring(image, x, y, settings.annulus_px, spread=method == "annulus")
    if method == "mean":
        return _mean_sky(values, wanted)
    return _to_mean(_clipped_sky(values, wanted), MEDIAN_BELOW, detector)


def pixels_around(
    shape: Shape, x: Floats, y: Floats, reach: float, *, inner: float = 0.0
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Where the pixels around each star lie, those nearest to its own pixel first.

    Parameters
    ----------
    shape : (int, int)
        Of the image.
    x, y : (n,) arrays
        0-based positions on the chip.
    reach : float
        Every pixel with its centre within this distance is among those returned.
    inner : float
        Pixels with their centre nearer than this may be left out.

    Returns
    -------
    index : (n, m) int array
        Into the flattened image; 0 off the chip.
    distance : (n, m) float32 array
        From the star to the centre of the pixel; infinite off the chip.
    """
    column, row = np.rint(x).astype(np.intp), np.rint(y).astype(np.intp)
    dx, dy = _offsets(reach + HALF_DIAGONAL, inner - HALF_DIAGONAL)
    distance = (dx + (column - x)[:, None]).astype(np.float32) ** 2
    distance += (dy + (row - y)[:, None]).astype(np.float32) ** 2
    np.sqrt(distance, out=distance)
    index = (row * shape[1] + column)[:, None] + (dy * shape[1] + dx)
    margin = int(np.ceil(reach + HALF_DIAGONAL))
    room = np.minimum(np.minimum(column, shape[1] - 1 - column), np.minimum(row, shape[0] - 1 - row))
    near = np.nonzero(room < margin)[0]
    at_column, at_row = column[near, None] + dx, row[near, None] + dy
    outside = (at_column < 0) | (at_column >= shape[1]) | (at_row < 0) | (at_row >= shape[0])
    index[near] = np.where(outside, 0, index[near])
    distance[near] = np.where(outside, np.float32(np.inf), distance[near])
    return index, distance


def pixels_within(reach: float) -> int:
    """How many of the first pixels that `pixels_around` gives can lie within this distance of their star."""
    return _offsets(reach + HALF_DIAGONAL, -HALF_DIAGONAL)[0].size


@functools.lru_cache(maxsize=64)
def _offsets(outer: float, inner: float) -> tuple[Ints, Ints]:
    """Whole-pixel offsets (dx, dy) with inner <= length <= outer, by length."""
    side = int(np.ceil(outer))
    dy, dx = np.mgrid[-side : side + 1, -side : side + 1].reshape(2, -1)
    length = np.hypot(dx, dy)
    order = np.argsort(length, kind="stable")
    order = order[(length[order] <= outer) & (length[order] >= inner)]
    return dx[order], dy[order]


def star_reach(tmag: ArrayLike) -> Ints:
    """(n,) whole pixels around a star of that magnitude that its light spoils for the sky."""
    reach = np.rint(REACH_PX[0] + REACH_PX_A_MAG * (FAINT_TMAG - np.asarray(tmag)))
    return np.clip(reach, *REACH_PX).astype(int)


def cover_stars(shape: Shape, known: KnownStars, *, step: int = 1) -> Bools:
    """Mask of the pixels near stars.

    Parameters
    ----------
    shape : (int, int)
        Of the image.
    known : KnownStars
        Pixels with their centre within reach of a star's own pixel are covered; stars without a place or off the
        chip are passed over.
    step : int
        Only every so manieth row is wanted.

    Returns
    -------
    bool array
        The rows ``[::step]`` of the image. No more than `MOST_COVERED` of it is covered: stars beyond are not.
    """
    with np.errstate(invalid="ignore"):
        inside = (known.x > -0.5) & (known.x < shape[1] - 0.5) & (known.y > -0.5) & (known.y < shape[0] - 0.5)
    x, y, reach = known.x[inside], known.y[inside], known.reach[inside]
    room = np.cumsum(np.pi * (reach + 0.5) ** 2) <= MOST_COVERED * shape[0] * shape[1]
    column, row, reach = np.rint(x[room]).astype(np.intp), np.rint(y[room]).astype(np.intp), reach[room]
    pad = step * int(np.ceil((reach.max(initial=0) + 1) / step))
    width = shape[1] + 2 * pad
    covered = np.zeros(((shape[0] + 2 * pad) // step + 1, width), bool)
    for length in np.unique(reach):
        dx, dy = _offsets(length + 0.3, 0.0)
        for phase in range(step):  # rows of the disc that are wanted hang on where the star's own row lies
            chosen = (reach == length) & (row % step == phase)
            wanted = (dy + phase) % step == 0
            first = (row[chosen] - phase + pad) // step * width + column[chosen] + pad
            covered.reshape(-1)[first[:, None] + (dy[wanted] + phase) // step * width + dx[wanted]] = True
    top = pad // step
    return covered[top : top + len(range(0, shape[0], step)), pad : pad + shape[1]]


def _map_sky(image: Reals, x: Floats, y: Floats, mesh_px: int, bad: Bools | None, known: KnownStars | None) -> Sky:
    cell = min(mesh_px, *image.shape)
    step = 2 if cell >= THINNED_CELL_PX else 1
    mask = None if bad is None else np.ascontiguousarray(bad[::step])
    if known is not None:
        near = cover_stars(image.shape, known, step=step)
        mask = np.ascontiguousarray(near) if mask is None else near | mask
    rows = image[::step]
    mesh = sep.Background(rows + _steps(rows.shape), mask=mask, bw=cell, bh=cell // step)
    column, row = np.rint(x).astype(int), np.rint(y).astype(int) // step
    level = mesh.back(dtype=np.float32)[row, column].astype(float)
    rms = mesh.rms(dtype=np.float32)[row, column].astype(float)
    wanted = float(cell**2 // step)
    good = 1.0 if mask is None else 1.0 - np.count_nonzero(mask) / mask.size
    if good == 0:
        level, rms = np.full((2, x.size), np.nan)
    return Sky(level, rms, np.full(x.shape, good * wanted), wanted)


def _to_mean(sky: Sky, below: float, detector: Detector | None) -> Sky:
    """The sky that lies below the mean of skew counts, brought to it.

    The third central moment of Poisson electrons is their variance; read noise and rounding have none. So sigma
    times skewness is the Poisson share of the variance over the gain, in ADU.
    """
    if detector is None:
        return sky
    even = (detector.read_noise_e / detector.gain_e_adu) ** 2 + QUANTISATION_ADU2
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.nan_to_num(np.clip(1 - even / sky.rms**2, 0, 1))
    return dataclasses.replace(sky, level=sky.level + below / 6 * share / detector.gain_e_adu)


def _ring(image: Reals, x: Floats, y: Floats, annulus: tuple[float, ...], *, spread: bool) -> tuple[Reals, float]:
    """((n, m) ring pixels, NaN for those of no use; how many there would be in an empty field)."""
    inner, outer = annulus
    index, distance = pixels_around(image.shape, x, y, outer, inner=inner)
    values = image.reshape(-1)[index]
    if spread:
        values += _steps(image.shape).reshape(-1)[index]
    values[(distance < inner) | (distance > outer)] = np.nan
    return values, float(np.pi * (outer**2 - inner**2))


@functools.lru_cache(maxsize=2)
def _steps(shape: Shape) -> NDArray[np.float32]:
    """Numbers between -0.5 and 0.5, even over any part of an image; the same ones for every frame."""
    return (np.arange(shape[0] * shape[1]) * GOLDEN_RATIO % 1.0 - 0.5).astype(np.float32).reshape(shape)


def _mean_sky(values: Reals, wanted: float) -> Sky:
    count = np.isfinite(values).sum(axis=1).astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        level = np.nansum(values, axis=1, dtype=float) / count
        rms = np.sqrt(np.nansum((values - level[:, None]) ** 2, axis=1, dtype=float) / count)
    return Sky(level, rms, count, wanted)


def _clipped_sky(values: Reals, wanted: float) -> Sky:
    """Sigma-clipped median of each row; the spread is half the range of the central 68 %, deaf to neighbours."""
    values.sort(axis=1)  # NaN goes last
    first = np.zeros(len(values), np.intp)
    last = np.isfinite(values).sum(axis=1)
    for _ in range(CLIP_ROUNDS):
        centre, spread = _quantile(values, first, last, 0.5), _spread(values, first, last)
        low, high = centre - CLIP_SIGMA * spread, centre + CLIP_SIGMA * spread
        with np.errstate(invalid="ignore"):
            first = (values < low[:, None]).sum(axis=1)
            last = (values <= high[:, None]).sum(axis=1)
    count = (last - first).astype(float)
    # the median scatters sqrt(pi / 2) more than the mean: as many fewer pixels
    return Sky(
        _quantile(values, first, last, 0.5), _spread(values, first, last), count * 2 / np.pi, wanted * 2 / np.pi
    )


def _spread(values: Reals, first: Ints, last: Ints) -> Floats:
    return (_quantile(values, first, last, 0.8413) - _quantile(values, first, last, 0.1587)) / 2


def _quantile(values: Reals, first: Ints, last: Ints, share: float) -> Floats:
    """Quantile of the sorted rows between `first` and `last`; NaN where there is nothing between."""
    place = first + share * np.maximum(last - 1 - first, 0)
    below = np.floor(place).astype(np.intp)
    above = np.minimum(below + 1, np.maximum(last - 1, below))
    rows = np.arange(len(values))
    limit = values.shape[1] - 1
    low, high = values[rows, np.minimum(below, limit)], values[rows, np.minimum(above, limit)]
    result = low + (place - below) * (high - low)
    return np.where(last > first, result, np.nan)
