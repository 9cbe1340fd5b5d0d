"""Small square cut-outs around stars, all stars at once."""

import numpy as np

MAD_A_SIGMA = 1.4826


def place_stamps(shape, x, y, half):
    """(column, row, inside): central pixels of stamps `half` pixels to each side, and whether they fit the image.

    Stars whose stamp leaves the image, or without a position, get a place that does lie on it.
    """
    finite = np.isfinite(x) & np.isfinite(y)
    column = np.where(finite, np.rint(np.where(finite, x, 0.0)), -1).astype(int)
    row = np.where(finite, np.rint(np.where(finite, y, 0.0)), -1).astype(int)
    inside = (column >= half) & (column < shape[1] - half) & (row >= half) & (row < shape[0] - half)
    return np.where(inside, column, half), np.where(inside, row, half), inside


def cut_stamps(image, column, row, half):
    """(n, size, size) pixels of an image, of its own number type."""
    windows = np.lib.stride_tricks.sliding_window_view(image, (2 * half + 1, 2 * half + 1))
    return windows[row - half, column - half]


def measure_rim(stamps):
    """(level, noise) of the outermost pixels of each stamp: the median and the scatter about it."""
    rim = np.concatenate([stamps[:, 0], stamps[:, -1], stamps[:, 1:-1, 0], stamps[:, 1:-1, -1]], axis=1)
    level = np.median(rim, axis=1)
    return level, MAD_A_SIGMA * np.median(np.abs(rim - level[:, None]), axis=1)
