"""Twilight flats compared with each other by their pixels: stars, gradients, rings that only some have."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from ngcmos.arrays import Floats32, Reals
from ngcmos.stats import mad_sigma

CELL_PX = 16
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
        Of median about 1; pixels of `usual` that are not positive do not count.
    """
    ratio = np.divide(flat, usual, out=np.full(usual.shape, np.nan, np.float32), where=usual > 0)
    ratio /= np.float32(np.nanmedian(ratio[::2, ::2]))
    cells = _cells(ratio)
    off = float(np.mean(np.abs(cells - 1) > CELL_OFF))
    rest = ratio - cells.repeat(CELL_PX, axis=0).repeat(CELL_PX, axis=1)[: ratio.shape[0], : ratio.shape[1]]
    limit = max(BRIGHT_SIGMA * mad_sigma(rest[::2, ::2]), BRIGHT_OFF)
    return Likeness(off, float(np.mean(rest > limit)))


def _cells(ratio: Floats32) -> Reals:
    """Median of each square cell; of every second row alone, which is half of the work."""
    rows, columns = ratio.shape
    padded = np.pad(ratio, ((0, -rows % CELL_PX), (0, -columns % CELL_PX)), mode="edge")[::2]
    grid = padded.reshape(padded.shape[0] // (CELL_PX // 2), CELL_PX // 2, -1, CELL_PX)
    return np.nan_to_num(np.nanmedian(grid, axis=(1, 3)), nan=1.0)


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
