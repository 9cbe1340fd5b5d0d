"""Counts of a raw frame into counts of light: combining, subtracting, dividing.

``combine(frames, shape)``, ``subtract_dark(data, exptime_s, bias, dark, detector=...)``,
``calibrate(data, exptime_s, masters, detector=...)``, ``normalise_flat(flat)``, ``bad_pixels(bias, dark, flat)``
and ``edge_mask(detector)``. Nothing here knows files.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from ngcmos.arrays import Bools, Counts, Floats32, Shape
from ngcmos.config import Detector
from ngcmos.errors import MasterError
from ngcmos.stats import mad_sigma

RowsOf = Callable[[slice], Counts]  # gives those rows of an image

# A pixel is bad only where calibration cannot help it: a warm pixel that the dark corrects is better than a guess.
OUTLIER_SIGMA = 10.0
DARK_RATIO = 20.0
BIAS_RATIO = 5.0
FLAT_LIMITS = (0.5, 2.0)
FLAT_CELL_PX = 16


class MasterImages(Protocol):
    """Whatever holds the float32 images that calibrate: ADU, ADU per second, and the response about 1."""

    @property
    def bias(self) -> Floats32: ...
    @property
    def dark(self) -> Floats32: ...
    @property
    def flat(self) -> Floats32: ...


def combine(frames: Sequence[Counts | RowsOf], shape: Shape, *, rows_per_block: int = 64) -> Floats32:
    """Median of frames, pixel by pixel, in blocks of rows so that memory stays flat.

    Parameters
    ----------
    frames : sequence
        2-D arrays of `shape`, or functions that return rows of one: ``frame(slice) -> 2-D array``.
    shape : (int, int)
        Ints and columns.

    Returns
    -------
    float32 array of `shape`; an even number of frames gives the mean of the two in the middle.

    Raises
    ------
    MasterError
        There are no frames.
    """
    if len(frames) == 0:
        raise MasterError("no frames to combine, expected at least one")
    result = np.empty(shape, np.float32)
    for start in range(0, shape[0], rows_per_block):
        rows = slice(start, min(start + rows_per_block, shape[0]))
        blocks = [frame(rows) if callable(frame) else frame[rows] for frame in frames]
        result[rows] = _median_of_last_axis(np.stack(blocks, axis=-1).astype(np.float32, copy=False))
    return result


def _median_of_last_axis(stack: Floats32) -> Floats32:
    """Median along the contiguous axis; `stack` is reordered (np.median takes five times as long)."""
    middle = [(stack.shape[-1] - 1) // 2, stack.shape[-1] // 2]
    stack.partition(middle, axis=-1)
    return (stack[..., middle[0]] + stack[..., middle[1]]) / np.float32(2)


def subtract_dark(
    data: Counts, exptime_s: float, bias: Floats32, dark: Floats32, *, detector: Detector | None = None
) -> Floats32:
    """float32 counts of `data` (2-D, ADU) without `bias` (ADU) and without `dark` (ADU/s) times `exptime_s`.

    With a `detector` (ngcmos.config.Detector) that counts by another slope above its gain step, counts from there
    on are brought to the slope below it.
    """
    counts: Floats32 = dark * np.float32(exptime_s)
    counts += bias
    counts = np.subtract(data, counts, out=counts, dtype=np.float32)
    if detector is not None and detector.high_range_slope != 1:
        high = np.flatnonzero(data > detector.gain_step_adu)
        above = data.reshape(-1)[high] - bias.reshape(-1)[high]
        counts.reshape(-1)[high] -= np.float32(1 - 1 / detector.high_range_slope) * above
    return counts


def calibrate(
    data: Counts, exptime_s: float, masters: MasterImages, *, detector: Detector | None = None
) -> Floats32:
    """Calibrated image: (raw - bias - dark per second times exposure) / flat.

    Parameters
    ----------
    data : (rows, columns) array
        Raw counts in ADU; not changed.
    exptime_s : float
        Exposure in seconds.
    masters : Masters
        Anything with float32 `bias` (ADU), `dark` (ADU/s) and `flat` (about 1) of the shape of `data`.
    detector : ngcmos.config.Detector, optional
        As of `subtract_dark`.

    Returns
    -------
    (rows, columns) float32 array, ADU.

    Raises
    ------
    MasterError
        The shapes differ.
    """
    if data.shape != masters.bias.shape:
        raise MasterError(f"frame of {data.shape} pixels, expected {masters.bias.shape} as the masters")
    image = subtract_dark(data, exptime_s, masters.bias, masters.dark, detector=detector)
    image /= masters.flat
    return image


def normalise_flat(flat: Counts) -> tuple[Floats32, Bools]:
    """A flat with median 1 and a mask of its unusable pixels.

    Parameters
    ----------
    flat : (rows, columns) array
        Response in any unit.

    Returns
    -------
    flat : float32 array
        Finite and positive everywhere: 1 at the unusable pixels.
    unusable : bool array
        True where `flat` was zero, negative or not finite.

    Raises
    ------
    MasterError
        Fewer than half of the pixels are usable.
    """
    with np.errstate(invalid="ignore"):
        usable = np.isfinite(flat) & (flat > 0)
    if 2 * np.count_nonzero(usable) < usable.size:
        raise MasterError(f"flat: {np.count_nonzero(usable)} of {usable.size} pixels are positive, expected most")
    result = np.ones(flat.shape, np.float32)
    np.divide(flat, np.median(flat[usable]), out=result, where=usable, casting="same_kind")
    return result, ~usable


def bad_pixels(bias: Counts, dark: Counts, flat: Counts) -> Bools:
    """Mask of the pixels that calibration cannot help, from the masters themselves.

    Bad are: pixels of `bias` or `dark` that are not finite, or that stand off the median by both ten robust
    sigma and a multiple of the median (5 for the bias, 20 for the dark: warm pixels that the dark corrects
    stay); pixels of `flat` below half or above twice the median of their 16-pixel cell.

    Parameters
    ----------
    bias, dark, flat : (rows, columns) arrays
        ADU, ADU/s, relative response.

    Returns
    -------
    (rows, columns) bool array, True = bad.
    """
    low, high = FLAT_LIMITS
    response = flat / _cell_medians(flat, FLAT_CELL_PX)
    odd = ~((response > low) & (response < high))
    return odd | _stands_off(bias, BIAS_RATIO) | _stands_off(dark, DARK_RATIO)


def edge_mask(detector: Detector) -> Bools:
    """bool (rows, columns): True at the unusable edges of the profile's `bad_edge_px`."""
    left, right, bottom, top = detector.bad_edge_px
    mask = np.ones(detector.shape, bool)
    mask[bottom : detector.rows - top, left : detector.columns - right] = False
    return mask


def _stands_off(image: Counts, ratio: float) -> Bools:
    """True where a pixel is not finite, or off the median by OUTLIER_SIGMA and by `ratio` medians."""
    finite: Bools = np.isfinite(image)
    if not finite.any():
        return ~finite
    centre = float(np.median(image[finite]))
    limit = max(OUTLIER_SIGMA * mad_sigma(image), ratio * abs(centre))
    return ~finite | (np.abs(image - centre) > limit)


def _cell_medians(image: Counts, cell: int) -> Counts:
    """Median of each square cell of `image`, spread over its pixels again."""
    rows, columns = image.shape
    padded = np.pad(image, ((0, -rows % cell), (0, -columns % cell)), mode="edge")
    cells = padded.reshape(padded.shape[0] // cell, cell, padded.shape[1] // cell, cell)
    medians: Counts = np.median(cells, axis=(1, 3))
    return medians.repeat(cell, axis=0).repeat(cell, axis=1)[:rows, :columns]
