"""Pixels that count too much in every frame of a night, told by the frames themselves: no dark is needed.

``excess_of(counts, near_stars)`` of each frame, ``find_hot_pixels(excesses, shape, electrons)`` of all of them.
Stars must move over the chip, ``do_stars_move(x, y)``: one that stands still looks hot. What is steady is
taken off as the dark is; a pixel that flickers is bad, as no number can be taken off.
"""

import dataclasses
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from ngcmos.arrays import Bools, Counts, Floats, Floats32, Ints, Reals, Shape
from ngcmos.stats import mad_sigma, quotient

FEWEST_FRAMES = 8  # that see a pixel without a star
CANDIDATE_SIGMA, SURE_SIGMA = 3.0, 5.0  # of the mean of all frames that see a pixel, of their middle half
TRIMMED = 0.25  # of the frames, at both ends: stars that nobody knows, and cosmic rays
FLICKER_RATIO = 8.0  # scatter from frame to frame over that of an even pixel of as many electrons
PLACE_PX = 4.0
MOST_AT_A_PLACE = 0.25  # of the frames: no more than are trimmed
ROWS_AT_ONCE = 32
_AROUND = [(row, column) for row in range(3) for column in range(3) if (row, column) != (1, 1)]
# a sorting network of eight, as far as it takes to bring the two middle ones to the middle
_COMPARED = [(0, 2), (1, 3), (4, 6), (5, 7), (0, 4), (1, 5), (2, 6), (3, 7), (0, 1), (2, 3), (4, 5), (6, 7)]
_COMPARED += [(2, 4), (3, 5), (1, 4), (3, 6)]


@dataclasses.dataclass(frozen=True, eq=False)
class HotPixels:
    """Pixels that stand out in every frame.

    Attributes
    ----------
    index : (n,) int array
        Into the flattened image.
    excess : (n,) float array
        What a pixel counts too much (cold ones: below 0), in the unit of the excesses.
    flickers : (n,) bool array
    """

    index: Ints
    excess: Floats
    flickers: Bools

    def added_to(self, dark: Floats32, bad: Bools) -> tuple[Floats32, Bools]:
        """(dark with the steady ones in it, mask with those that flicker)."""
        steady = ~self.flickers
        dark, bad = dark.copy(), bad.copy()
        dark.reshape(-1)[self.index[steady]] += self.excess[steady].astype(np.float32)
        bad.reshape(-1)[self.index[self.flickers]] = True
        return dark, bad


def do_stars_move(x: Floats, y: Floats) -> bool:
    """Whether the frames that have the stars at one place, within 4 px, are few enough to be trimmed.

    `x`, `y` : (frames,) places of one star, or of a point on the sky.
    """
    near = np.hypot(x[:, None] - x, y[:, None] - y) <= PLACE_PX
    return x.size >= FEWEST_FRAMES and bool(near.mean(axis=1).max() <= MOST_AT_A_PLACE)


def excess_of(counts: Counts, near_stars: Bools) -> Floats32:
    """How much each pixel of an image counts above the median of its eight neighbours; NaN near stars.

    Pixels of the outermost rows and columns have no eight: NaN.
    """
    result = np.full(counts.shape, np.nan, np.float32)
    rows, columns = counts.shape
    for first in range(1, rows - 1, ROWS_AT_ONCE):
        last = min(first + ROWS_AT_ONCE, rows - 1)
        block = counts[first - 1 : last + 1].astype(np.float32)
        around = [block[row : row + last - first, column : column + columns - 2] for row, column in _AROUND]
        result[first:last, 1:-1] = counts[first:last, 1:-1] - _median_of_eight(around)
    result[near_stars] = np.nan
    return result


def _median_of_eight(values: Sequence[Floats32]) -> Floats32:
    """Median of eight images, pixel by pixel; a partition along the axis of a stack takes ten times as long."""
    values = list(values)
    for low, high in _COMPARED:
        values[low], values[high] = np.minimum(values[low], values[high]), np.maximum(values[low], values[high])
    return (values[3] + values[4]) / np.float32(2)


def find_hot_pixels(excesses: Callable[[], Iterable[Floats32]], shape: Shape, electrons: float) -> HotPixels:
    """The HotPixels of some frames.

    Parameters
    ----------
    excesses : callable
        Gives the excess of each frame, as of `excess_of`; called twice, so that no more than one lies in memory.
    shape : (int, int)
        Of the images.
    electrons : float
        That make one unit of an excess in one frame.
    """
    total, count = np.zeros(shape, np.float32), np.zeros(shape, np.int16)
    for excess in excesses():
        known = np.isfinite(excess)
        total += np.where(known, excess, np.float32(0))
        count += known
    seen = count >= FEWEST_FRAMES
    mean = np.where(seen, quotient(total, count), np.nan)
    usual = float(np.median(mean[seen])) if seen.any() else 0.0
    noise = mad_sigma((mean - usual)[seen] * np.sqrt(count[seen]))  # of one frame
    with np.errstate(invalid="ignore"):
        index = np.flatnonzero(np.abs(mean - usual) * np.sqrt(count) > CANDIDATE_SIGMA * noise)
    values = np.stack([excess.reshape(-1)[index] for excess in excesses()]) - usual
    middle, spread, known_count = _middle_of(values)
    expected = np.sqrt(noise**2 + np.clip(middle, 0, None) / electrons)
    flickers = spread > FLICKER_RATIO * expected
    chosen = flickers | (np.abs(middle) * np.sqrt(known_count) > SURE_SIGMA * noise)
    return HotPixels(index[chosen], middle[chosen], flickers[chosen])


def _middle_of(values: Reals) -> tuple[Floats, Floats, Ints]:
    """Of each column: mean of its middle half, half the range of its central 68 %, count of what is known."""
    count, place = np.isfinite(values).sum(axis=0), np.arange(len(values))[:, None]
    ordered = np.sort(values.astype(float), axis=0)  # NaN goes last
    ends = (TRIMMED * count).astype(int)
    inside = (place >= ends) & (place < count - ends)
    middle = np.where(inside, ordered, 0).sum(axis=0) / inside.sum(axis=0)
    low, high = ((share * (count - 1)).round().astype(int) for share in (0.16, 0.84))
    columns = np.arange(values.shape[1])
    return middle, (ordered[high, columns] - ordered[low, columns]) / 2, count
