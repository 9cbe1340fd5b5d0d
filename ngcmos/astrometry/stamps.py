"""Small square cut-outs around stars, all stars at once."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ngcmos.arrays import Bools, Counts, Floats, Ints, Shape

Stamps = NDArray[Any]  # (n, size, size) pixels around each star

MAD_A_SIGMA = 1.4826


def place_stamps(shape: Shape, x: Floats, y: Floats, half: int) -> tuple[Ints, Ints, Bools]:
    """(column, row, inside): central pixels of stamps `half` pixels to each side, and whether they fit the image.

    Stars whose stamp leaves the image, or without a position, get a place that does lie on it.
    """
    finite = np.isfinite(x) & np.isfinite(y)
    column = np.where(finite, np.rint(np.where(finite, x, 0.0)), -1).astype(int)
    row = np.where(finite, np.rint(np.where(finite, y, 0.0)), -1).astype(int)
    inside = (column >= half) & (column < shape[1] - half) & (row >= half) & (row < shape[0] - half)
    return np.where(inside, column, half), np.where(inside, row, half), inside


def cut_stamps(image: Counts, column: Ints, row: Ints, half: int) -> Stamps:
    """(n, size, size) pixels of an image, of its own number type."""
    windows = np.lib.stride_tricks.sliding_window_view(image, (2 * half + 1, 2 * half + 1))
    return windows[row - half, column - half]


def measure_rim(stamps: Stamps) -> tuple[NDArray[Any], NDArray[Any]]:
    """(level, noise) of the outermost pixels of each stamp: the median and the scatter about it."""
    rim = np.concatenate([stamps[:, 0], stamps[:, -1], stamps[:, 1:-1, 0], stamps[:, 1:-1, -1]], axis=1)
    level = np.median(rim, axis=1)
    return level, MAD_A_SIGMA * np.median(np.abs(rim - level[:, None]), axis=1)
