"""Pointings of a night: the frames in which the stars keep their places on the chip.

A night is flipped at the meridian or moved by many pixels: what flats left over the chip then meets other stars.
"""

import numpy as np

from ngcmos.arrays import Floats, Ints, Reals
from ngcmos.stats import column_medians

REACH_SHARE = 0.01  # of the chip's width: stars nearer to where they were are in the same pointing
MOST_STARS = 200  # that are followed


def find_pointings(x: Reals, y: Reals, width_px: float) -> Ints:
    """The pointing of each frame, counted from 0 in the order of their first frames.

    A frame belongs to the first pointing whose first frame saw the stars at the same places: the median distance
    is at most `REACH_SHARE` of the chip. Frames without places belong to the pointing before them.

    Parameters
    ----------
    x, y : (frames, stars) arrays
        Pixels; NaN where unknown.
    width_px : float
        Of the chip.

    Returns
    -------
    (frames,) int array
    """
    x, y = _followed(x), _followed(y)
    pointing = np.full(len(x), -1)
    first: list[int] = []
    for frame in range(len(x)):
        away = [_distance(x[frame] - x[start], y[frame] - y[start]) for start in first]
        near = [number for number, px in enumerate(away) if px <= REACH_SHARE * width_px]
        if near:
            pointing[frame] = near[0]
        elif np.isfinite(x[frame]).any():
            pointing[frame] = len(first)
            first.append(frame)
    return _fill(pointing)


def middle_places(x: Reals, y: Reals, pointing: Ints) -> Floats:
    """(pointings, stars, 2) median places of the stars; NaN where a star has none."""
    numbers = range(int(pointing.max()) + 1)
    middles = [[column_medians(place[pointing == number]) for place in (x, y)] for number in numbers]
    return np.moveaxis(np.array(middles, float), 1, 2)


def _followed(place: Reals) -> Reals:
    """Places of stars all over the list."""
    step = max(1, place.shape[1] // MOST_STARS)
    return place[:, ::step]


def _distance(dx: Reals, dy: Reals) -> float:
    """Median distance; infinite where no star has both places."""
    away = np.hypot(dx, dy)
    known = away[np.isfinite(away)]
    return float(np.median(known)) if known.size else np.inf


def _fill(pointing: Ints) -> Ints:
    """Unknown ones (-1) as the one before, the first ones as the one behind."""
    known = np.flatnonzero(pointing >= 0)
    if not known.size:
        return np.zeros_like(pointing)
    before = np.searchsorted(known, np.arange(pointing.size), side="right") - 1
    filled: Ints = pointing[known[np.maximum(before, 0)]]
    return filled
