"""The chip: light of stars on pixels, fixed patterns, and electrons turned into raw counts."""

import dataclasses

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from ngcmos.config import Detector
from ngcmos.simulate.signals import Floats

Image = NDArray[np.float32]  # (rows, columns)
Counts = NDArray[np.uint16]  # (rows, columns)

BIAS_ADU = 100.0
BIAS_PATTERN_ADU = 1.5
DARK_PATTERN = 0.1
HOT_SHARE = 1e-4
DEAD_SHARE = 1e-5
VIGNETTING = 0.22
PIXEL_RESPONSE = 0.005
LOW_GAIN_SLOPE = 1.002
LOW_GAIN_NOISE_E = 12.0
ROWS_AT_ONCE = 32
FEW_ELECTRONS = 50.0
FAINT_ELECTRONS = 2e4


@dataclasses.dataclass(frozen=True, eq=False)
class Chip:
    """What never changes between frames; each a float32 array (rows, columns).

    Attributes
    ----------
    detector : ngcmos.config.Detector
    bias_adu : zero level with its fixed pattern
    dark_e_s : dark current, hot pixels in it
    response : flat: vignetting times the response of each pixel, mean 1 over pixels that see light
    step_adu : raw counts above the zero level where the pixel changes to its low gain; inf where it never does
    """

    detector: Detector
    bias_adu: Image
    dark_e_s: Image
    response: Image
    step_adu: Image


def make_chip(detector: Detector, rng: np.random.Generator) -> Chip:
    """A chip with the numbers of the profile and random patterns."""
    shape = detector.shape
    columns = rng.normal(0, BIAS_PATTERN_ADU / 2, detector.columns)
    bias = BIAS_ADU + columns + rng.normal(0, BIAS_PATTERN_ADU, shape)
    dark = detector.dark_e_s * np.maximum(0, rng.normal(1, DARK_PATTERN, shape))
    hot = rng.random(shape) < HOT_SHARE
    dark[hot] += rng.exponential(300.0, hot.sum())
    step = np.full(shape, np.inf)
    if detector.gain_step_adu:
        step = rng.normal(detector.gain_step_adu - BIAS_ADU, detector.gain_step_half_width_adu / 3, shape)
    arrays = (bias, dark, _response(detector, rng), step)
    return Chip(detector, *(np.asarray(array, dtype=np.float32) for array in arrays))


def _response(detector: Detector, rng: np.random.Generator) -> Floats:
    rows, columns = detector.shape
    y, x = np.ogrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j]
    response = (1 - VIGNETTING * (x**2 + y**2) / 2) * rng.normal(1, PIXEL_RESPONSE, detector.shape)
    response[rng.random(detector.shape) < DEAD_SHARE] = 0.2
    response /= response.mean()
    left, right, bottom, top = detector.bad_edge_px
    lit = np.zeros(detector.shape, dtype=bool)
    lit[bottom : rows - top, left : columns - right] = True
    return np.where(lit, response, 0.0)


def render_stars(shape: tuple[int, int], x: Floats, y: Floats, electrons: Floats, *, fwhm_px: float) -> Image:
    """Image (rows, columns) float32 of Gaussian stars, integrated over pixels by the error function.

    Parameters
    ----------
    x, y : ndarray
        0-based pixels; stars off the chip leave what reaches it.
    electrons : ndarray
        In the whole star.
    fwhm_px : float
    """
    image = np.zeros(shape, dtype=np.float32)
    sigma = float(fwhm_px / np.sqrt(8 * np.log(2)))
    faint = electrons < FAINT_ELECTRONS
    for group, reach in ((faint, 4.5), (~faint, 8.0)):
        half = int(np.ceil(reach * sigma)) + 1
        _add_stamps(image, x[group], y[group], electrons[group], sigma=sigma, half=half)
    return image


def _add_stamps(image: Image, x: Floats, y: Floats, electrons: Floats, *, sigma: float, half: int) -> None:
    rows, columns = image.shape
    near = (x > -half) & (x < columns + half) & (y > -half) & (y < rows + half) & (electrons > 0)
    x, y, electrons = x[near], y[near], electrons[near]
    column, share_x = _profile(x, columns, sigma=sigma, half=half)
    row, share_y = _profile(y, rows, sigma=sigma, half=half)
    weights = (electrons[:, None] * share_y)[:, :, None] * share_x[:, None, :]
    index = (row * columns)[:, :, None] + column[:, None, :]
    np.add.at(image.reshape(-1), index.reshape(-1), weights.astype(np.float32).reshape(-1))


def _profile(position: Floats, length: int, *, sigma: float, half: int) -> tuple[NDArray[np.int64], Floats]:
    """Pixels (stars, 2 half + 1) of a stamp along one axis, and the star's share on each; 0 off the chip."""
    pixel = np.rint(position).astype(np.int64)[:, None] + np.arange(-half, half + 1)
    edges = np.concatenate([pixel - 0.5, pixel[:, -1:] + 0.5], axis=1) - position[:, None]
    share = np.diff(erf(edges / (np.sqrt(2) * sigma)), axis=1) / 2
    inside = (pixel >= 0) & (pixel < length)
    return np.where(inside, pixel, 0), np.where(inside, share, 0.0)


def expose(chip: Chip, light_e: Image | np.float32, exptime_s: float, rng: np.random.Generator) -> Counts:
    """Raw counts (uint16) of a frame.

    Parameters
    ----------
    chip : Chip
    light_e : (rows, columns) array or float32
        Electrons expected from stars and sky, before vignetting.
    exptime_s : float
    rng : numpy.random.Generator
    """
    expected = light_e * chip.response + chip.dark_e_s * np.float32(exptime_s)
    counts = _count(expected, chip.detector.read_noise_e, rng)
    counts /= np.float32(chip.detector.gain_e_adu)
    _change_gain(counts, chip, rng)
    counts += chip.bias_adu
    np.rint(counts, out=counts)
    return np.clip(counts, 0, chip.detector.saturation_adu, out=counts).astype(np.uint16)


def _count(expected: Image, read_noise_e: float, rng: np.random.Generator) -> Image:
    """Electrons read: Poisson where they are few, elsewhere nearly so, and read noise.

    The normal limit alone would be even about its mean, and a sky whose median or mode is taken would not show how
    far these lie below the mean. The next term of Cornish & Fisher 1938 gives the skewness of Poisson numbers.
    """
    counts = rng.standard_normal(expected.shape, dtype=np.float32)
    for first in range(0, len(counts), ROWS_AT_ONCE):  # what lies in the cache is soon worked on
        _spread(counts[first : first + ROWS_AT_ONCE], expected[first : first + ROWS_AT_ONCE], read_noise_e)
    few = np.flatnonzero(expected < FEW_ELECTRONS)
    if few.size:
        light = expected.reshape(-1)[few]
        counts.reshape(-1)[few] += rng.poisson(light) - light
    return counts


def _spread(counts: Image, expected: Image, read_noise_e: float) -> None:
    """Make of normal numbers electrons read, but for the Poisson part of few."""
    few = expected < FEW_ELECTRONS
    variance = expected + np.float32(read_noise_e**2)
    skew = (counts**2 - 1) * (expected / (6 * np.maximum(variance, 1)))
    if few.any():
        variance[few], skew[few] = read_noise_e**2, 0.0
    counts *= np.sqrt(variance, out=variance)
    counts += skew
    counts += expected


def _change_gain(counts: Image, chip: Chip, rng: np.random.Generator) -> None:
    """Above its step a pixel is read through the low gain: a slightly other slope and more noise."""
    low = np.flatnonzero(counts > chip.step_adu)
    noise_adu = LOW_GAIN_NOISE_E / chip.detector.gain_e_adu
    flat = counts.reshape(-1)
    flat[low] = flat[low] * LOW_GAIN_SLOPE + rng.normal(0, noise_adu, low.size)
