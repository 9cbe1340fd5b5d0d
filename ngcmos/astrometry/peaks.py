"""A quick look at an image: its brightest star-like peaks, and the shift they vote for."""

import math

import numpy as np

from ngcmos.arrays import Counts, Floats, Place, Shape
from ngcmos.astrometry.spots import Spots
from ngcmos.astrometry.triangles import is_promising
from ngcmos.errors import UnsolvedError

BLOCK_PX = 16
SAMPLING = 4
MOST_PEAKS = 400
# a star of FWHM 1.5 px has 1.3 times the height of its peak in the eight pixels around it, a hot pixel nothing
LEAST_SPREAD = 0.7
LARGEST_SHIFT_PX = 200.0
SHIFT_BIN_PX = 2.0
CHANCE_SIGMA = 8.0
SHIFT_TRIALS = (2 * LARGEST_SHIFT_PX / SHIFT_BIN_PX) ** 2  # places among which the votes choose one


def find_peaks(image: Counts) -> Spots:
    """The brightest pixels of 16-px blocks that look like a star: highest of their surroundings and not alone.

    Positions are good to some tenths of a pixel; the flux is that of 3 x 3 pixels.
    """
    rows, columns = (BLOCK_PX * (size // BLOCK_PX) for size in image.shape)
    blocks = _blocks(np.asarray(image[:rows, :columns]), BLOCK_PX)
    place = np.argmax(np.nan_to_num(blocks) if blocks.dtype.kind == "f" else blocks, axis=1)
    down, across = np.divmod(np.arange(len(blocks)), columns // BLOCK_PX)
    row, column = down * BLOCK_PX + place // BLOCK_PX, across * BLOCK_PX + place % BLOCK_PX
    sky = np.median(_blocks(np.asarray(image[:rows:SAMPLING, :columns:SAMPLING]), BLOCK_PX // SAMPLING), axis=1)
    inside = (row > 0) & (row < image.shape[0] - 1) & (column > 0) & (column < image.shape[1] - 1)
    row, column, sky = row[inside], column[inside], sky[inside]
    step = np.arange(-1, 2)
    cores = (
        image[row[:, None, None] + step[:, None], column[:, None, None] + step].astype(float) - sky[:, None, None]
    )
    height, flux = cores[:, 1, 1], cores.sum(axis=(1, 2))
    starry = (height >= cores.max(axis=(1, 2))) & (flux - height > LEAST_SPREAD * height) & (height > 0)
    chosen = np.flatnonzero(starry)[np.argsort(-flux[starry], kind="stable")][:MOST_PEAKS]
    positive = np.clip(cores[chosen], 0.0, None)
    total = positive.sum(axis=(1, 2))
    x = column[chosen] + (positive.sum(axis=1) @ step) / total
    y = row[chosen] + (positive.sum(axis=2) @ step) / total
    return Spots(x, y, flux[chosen])


def _blocks(image: Counts, size: int) -> Counts:
    """(blocks, size * size) pixels of an image whose sides are multiples of `size`."""
    rows, columns = image.shape
    folded = image.reshape(rows // size, size, columns // size, size).swapaxes(1, 2)
    return folded.reshape(-1, size * size)


def vote_shift(peaks: Spots, px: Floats, py: Floats, *, shape: Shape) -> Place:
    """(dx, dy) in pixels from the predicted places of stars, brightest first, to the peaks.

    Raises
    ------
    UnsolvedError
        No shift within 200 px has many more votes than chance gives.
    """
    reach = LARGEST_SHIFT_PX
    near = np.flatnonzero((px > -reach) & (px < shape[1] + reach) & (py > -reach) & (py < shape[0] + reach))
    wider = (shape[0] + 2 * reach) * (shape[1] + 2 * reach) / (shape[0] * shape[1])
    near = near[: round(len(peaks.x) * wider)]
    dx = (peaks.x[:, None] - px[near]).ravel()
    dy = (peaks.y[:, None] - py[near]).ravel()
    side = round(2 * reach / SHIFT_BIN_PX)
    bins = np.stack([np.floor((away + reach) / SHIFT_BIN_PX).astype(int) for away in (dx, dy)])
    bins = bins[:, ((bins >= 0) & (bins < side)).all(axis=0)]
    votes = np.bincount(bins[0] * side + bins[1], minlength=side**2).reshape(side, side)
    # the middle counts twice: else all places around one full bin would be equal
    smooth = votes + sum(np.roll(votes, (i, j), axis=(0, 1)) for i in (-1, 0, 1) for j in (-1, 0, 1))
    best = np.unravel_index(np.argmax(smooth), smooth.shape)
    centre = (np.array(best) + 0.5) * SHIFT_BIN_PX - reach
    agree = np.hypot(dx - centre[0], dy - centre[1]) < 1.5 * SHIFT_BIN_PX
    on_chip = np.count_nonzero((px[near] > 0) & (px[near] < shape[1]) & (py[near] > 0) & (py[near] < shape[0]))
    hits = int(np.count_nonzero(agree))
    chance = len(peaks.x) * on_chip / (shape[0] * shape[1]) * math.pi * (1.5 * SHIFT_BIN_PX) ** 2
    # stars that are not strewn at random make heaps of votes of their own
    if hits < chance + CHANCE_SIGMA * math.sqrt(chance) or not is_promising(hits, chance, SHIFT_TRIALS):
        raise UnsolvedError(f"shift: {hits} of {len(peaks.x)} peaks agree, {chance:.0f} do by chance")
    return float(np.median(dx[agree])), float(np.median(dy[agree]))
