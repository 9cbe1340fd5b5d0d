"""What speaks for a measured shift: stars seen, stars found where they should be, projections that match."""

import dataclasses
from typing import Any

import numpy as np

from ngcmos.arrays import Bools, Counts, Floats, Ints, Shape
from ngcmos.neighbours import tree_of
from ngcmos.stats import MAD_TO_SIGMA

BRIGHTEST = 200
_NEAR_PX = 2.0
_SMOOTH_PX = 65
_PEAK_SIGMA = 8
_NEIGHBOUR_SIGMA = 2
_MIN_NEIGHBOURS = 5
_AROUND = [(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)]


@dataclasses.dataclass(frozen=True)
class Evidence:
    """What speaks for a shift.

    Attributes
    ----------
    match : float
        The smaller of the correlation coefficients of the two projections.
    share : float
        Share of the bright stars that the reference has where the shift says, 0 to 1.
    residual_px : float
        How far these lie from where the shift says, in the mean.
    """

    match: float
    share: float
    residual_px: float

    @property
    def quality(self) -> float:
        """One number, 1 at best."""
        return max(0.0, min(self.match, self.share))


def split_tiles(region: Counts, tiles: int) -> Counts:
    """View of `region` (rows, columns) as (tiles, tile rows, tiles, tile columns)."""
    rows, columns = region.shape
    return region.reshape(tiles, rows // tiles, tiles, columns // tiles)


def find_stars(region: Counts, sky_tiles: Floats) -> Floats:
    """Star-like peaks, the brightest first: pixels 8 sigma above the sky whose neighbours stand out as well.

    A hot pixel has dark neighbours and is none.

    Parameters
    ----------
    region : ndarray (rows, columns)
        Raw counts.
    sky_tiles : ndarray (tiles, tiles)
        Median of each tile.

    Returns
    -------
    ndarray (n, 2)
        x, y in pixels of the region: the centre of light of 3x3 pixels.
    """
    tiles = split_tiles(region, sky_tiles.shape[0])
    sample = tiles[:, ::5, :, ::5] - sky_tiles[:, None, :, None]
    sigma = max(MAD_TO_SIGMA * float(np.median(np.abs(sample))), 0.5)
    bright = tiles > _as_counts(sky_tiles + _PEAK_SIGMA * sigma, region.dtype)[:, None, :, None]
    y, x = np.divmod(np.flatnonzero(bright), region.shape[1])
    inside = (y > 0) & (y < region.shape[0] - 1) & (x > 0) & (x < region.shape[1] - 1)
    x, y = x[inside], y[inside]
    sky = _sky_at(sky_tiles, x, y, region.shape)
    is_star = _is_peak(region, x, y, sky + _NEIGHBOUR_SIGMA * sigma)
    x, y, height = x[is_star], y[is_star], (region[y, x] - sky)[is_star]
    order = np.argsort(-height, kind="stable")
    return _centre(region, x[order], y[order], sky[is_star][order])


def _as_counts(level: Floats, kind: np.dtype[Any]) -> Counts:
    """Levels in the type of the pixels, which compare without being converted; same truth of `pixel > level`."""
    if kind.kind == "f":
        return level.astype(kind)
    return np.clip(np.floor(level), 0, np.iinfo(kind).max).astype(kind)


def _sky_at(sky_tiles: Floats, x: Ints, y: Ints, shape: Shape) -> Floats:
    tiles = sky_tiles.shape[0]
    levels: Floats = sky_tiles[y * tiles // shape[0], x * tiles // shape[1]]
    return levels


def _is_peak(region: Counts, x: Ints, y: Ints, threshold: Floats) -> Bools:
    """Whether pixels are the highest of their 3x3 and enough neighbours lie above the threshold."""
    peak = region[y, x]
    highest = np.ones(peak.size, bool)
    neighbours = np.zeros(peak.size, int)
    for dy, dx in _AROUND:
        beside = region[y + dy, x + dx]
        highest &= peak >= beside if (dy, dx) > (0, 0) else peak > beside
        neighbours += beside > threshold
    return highest & (neighbours >= _MIN_NEIGHBOURS)


def _centre(region: Counts, x: Ints, y: Ints, sky: Floats) -> Floats:
    """Centres of light (n, 2) of 3x3 pixels."""
    light, moment = np.zeros(x.size), np.zeros((x.size, 2))
    for dy, dx in [(0, 0), *_AROUND]:
        value = np.maximum(region[y + dy, x + dx] - sky, 0)
        light += value
        moment += value[:, None] * (dx, dy)
    return np.column_stack([x, y]) + moment / light[:, None]


def compare_stars(
    reference: Floats, stars: Floats, shift: tuple[float, float], shape: Shape
) -> tuple[float, float]:
    """How many of the bright stars of a frame the reference has where the shift says, and how far off it is.

    The projections alone can be fooled: hot pixels stay where they are while the stars move. Both frames are
    searched for the bright stars of the other and the better answer counts: a satellite's trail looks like many
    bright stars on one of them.

    Parameters
    ----------
    reference, stars : ndarray (n, 2)
        x, y of the stars of both frames, the brightest first.
    shift : (float, float)
        donuts' sign: brings the stars of the frame onto the reference.
    shape : (int, int)
        Rows and columns of the region.

    Returns
    -------
    share : float
        0 to 1; 0 also where no star should be seen in both.
    residual_px : float
        Length of the mean offset of the stars found; 0 for none.
    """
    count = min(BRIGHTEST, len(reference), len(stars))
    back = -np.asarray(shift)
    return max(
        _look_for(stars[:count] - back, reference, shape),
        _look_for(reference[:count] + back, stars, shape),
        key=lambda share_and_residual: share_and_residual[0],
    )


def _look_for(expected: Floats, stars: Floats, shape: Shape) -> tuple[float, float]:
    """Share of the places `expected` where there are stars, and how far off these are in the mean."""
    expected = expected[((expected >= 0) & (expected < (shape[1], shape[0]))).all(axis=1)]
    distance, nearest = tree_of(stars).query(expected, distance_upper_bound=_NEAR_PX)
    found = np.isfinite(distance)
    if not found.any():
        return 0.0, 0.0
    offset = np.mean(expected[found] - stars[nearest[found]], axis=0)
    return float(found.mean()), float(np.hypot(*offset))


def match_projections(reference: Floats, projection: Floats, shift: float) -> float:
    """Correlation coefficient of two projections where they overlap after `shift` (donuts' sign).

    donuts correlates in a circle and takes the highest value there is; this is the part of the two that can
    really show the same sky, without slow gradients.
    """
    moved = -round(shift)
    first, second = _flatten(reference), _flatten(projection)
    if moved >= 0:
        first, second = first[: first.size - moved], second[moved:]
    else:
        first, second = first[-moved:], second[:moved]
    norm = np.sqrt((first @ first) * (second @ second))
    return float(first @ second / norm) if norm > 0 else 0.0


def _flatten(projection: Floats) -> Floats:
    """Without slow gradients, and with bright peaks pulled in: one star must not decide."""
    from scipy.ndimage import uniform_filter1d  # a third of a second to import, which plots can do without

    flat = projection - uniform_filter1d(projection, _SMOOTH_PX, mode="nearest")
    spread = float(np.median(np.abs(flat)))
    pulled: Floats = np.arcsinh(flat / spread) if spread > 0 else flat
    return pulled - float(pulled.mean())
