"""Twilight flats compared with each other by their pixels: stars, gradients, rings that only some have."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from ngcmos.arrays import Floats32, Reals
from ngcmos.stats import mad_sigma

CELL_PX = 16
ROW_STEP = 4  # of the rows every fourth one is compared, which is a quarter of the work
CELL_OFF = 0.02  # a cell is off by this share of the light
OFF_SHARE = 0.02  # a flat stands out where more of its cells are off,
BRIGHT_SIGMA = 6.0
BRIGHT_OFF = 0.02  # a pixel is bright by both of these
BRIGHT_SHARE = 0.0005  # and where more of its pixels are bright,
TIMES_USUAL = 5.0  # if it is so many times more than usual among them


@dataclasses.dataclass(frozen=True)
class Likeness:
    """How a flat differs from the others.

    Attributes
    ----------
    off : float
        Share of the chip, in cells, whose light is off by more than `CELL_OFF`.
    bright : float
        Share of the pixels that are brighter than in the others, as under stars.
    """

    off: float
    bright: float


def compare_flat(flat: Reals, usual: Floats32) -> Likeness:
    """The Likeness of a flat to the median of all.

    Parameters
    ----------
    flat, usual : (rows, columns) arrays
        Every `ROW_STEP`-th row of them, of median about 1; pixels of `usual` that are not positive do not count.
    """
    ratio = np.divide(flat, usual, out=np.full(usual.shape, np.nan, np.float32), where=usual > 0)
    ratio /= np.float32(np.nanmedian(ratio[:, ::2]))
    cells = _cells(ratio)
    off = float(np.mean(np.abs(cells - 1) > CELL_OFF))
    spread = cells.repeat(CELL_PX // ROW_STEP, axis=0).repeat(CELL_PX, axis=1)
    ratio -= spread[: ratio.shape[0], : ratio.shape[1]]
    limit = max(BRIGHT_SIGMA * mad_sigma(ratio[:, ::2]), BRIGHT_OFF)
    return Likeness(off, float(np.mean(ratio > limit)))


def _cells(ratio: Floats32) -> Floats32:
    """Median of the known pixels of each square cell, 1 where there are none."""
    high = CELL_PX // ROW_STEP
    padded = np.pad(ratio, ((0, -ratio.shape[0] % high), (0, -ratio.shape[1] % CELL_PX)), mode="edge")
    grid = padded.reshape(padded.shape[0] // high, high, -1, CELL_PX).swapaxes(1, 2)
    pixels = grid.reshape(-1, high * CELL_PX)
    holed = np.isnan(pixels).any(axis=1)  # numpy's nanmedian takes twice as long, and few cells have holes
    medians = np.empty(len(pixels), np.float32)
    medians[~holed] = np.median(pixels[~holed], axis=1)
    medians[holed] = _medians_of_known(pixels[holed])
    return medians.reshape(grid.shape[:2])


def _medians_of_known(pixels: Floats32) -> Floats32:
    """Median of what is not NaN in each row, 1 where all is."""
    ordered = np.sort(pixels, axis=1)  # NaN last
    known, rows = np.isfinite(pixels).sum(axis=1), np.arange(len(pixels))
    middle: Floats32 = (ordered[rows, (known - 1) // 2] + ordered[rows, known // 2]) / np.float32(2)
    return np.where(known > 0, middle, np.float32(1))


def odd_ones(likeness: Sequence[Likeness]) -> dict[int, str]:
    """{number of a flat: what it has that the others have not}."""
    found = {}
    off_limit = _limit([one.off for one in likeness], OFF_SHARE)
    bright_limit = _limit([one.bright for one in likeness], BRIGHT_SHARE)
    for number, one in enumerate(likeness):
        if one.off > off_limit:
            found[number] = (
                f"{one.off:.0%} of the chip off by over {CELL_OFF:.0%} against the other flats"
                " (gradient, cloud, another filter?)"
            )
        elif one.bright > bright_limit:
            found[number] = f"{one.bright:.2%} of the pixels brighter than in the other flats (stars?)"
    return found


def _limit(values: Sequence[float], least: float) -> float:
    return max(least, TIMES_USUAL * float(np.median(values)))
