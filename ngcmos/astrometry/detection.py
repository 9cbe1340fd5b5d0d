"""Sources on an image: background, detection, exact centroids of stars known beforehand.

`subtract_background` and `find_sources` are sep (Source Extractor) with its failures turned into `FrameError`;
`forced_centroids` measures stars whose positions are known to about a pixel, on small stamps only.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import sep
from numpy.typing import NDArray

from ngcmos.arrays import Bools, Counts, Floats, Floats32
from ngcmos.astrometry.spots import Spots
from ngcmos.astrometry.stamps import Stamps, cut_stamps, measure_rim, place_stamps
from ngcmos.config import Detection
from ngcmos.errors import FrameError, StarlessError

PIXSTACK_GROWTH = (1, 8, 64)
FWHM_A_SIGMA = 2.0 * math.sqrt(2.0 * math.log(2.0))
# a narrower window feels the pixel phase: 0.006 px rms at FWHM 2 px with 0.85 px, 0.001 px with 1.1 px
NARROWEST_WINDOW_PX = 1.1
CENTROID_STEPS = 20
CENTROID_CONVERGED_PX = 2e-4
DISC_PX_AT_FIRST_STEP = 2.5
SAMPLING = 4
# a star of FWHM 1.5 px centred on a pixel gives it 0.4 of its light, a hot pixel has nearly all
MOST_IN_ONE_PIXEL = 0.6


@dataclasses.dataclass(frozen=True, eq=False)
class Background:
    """An image without its background.

    Attributes
    ----------
    image : (rows, columns) float32 array
        Background subtracted; masked and non-finite pixels are 0.
    mask : (rows, columns) bool array
        Pixels not to use.
    level : float
        Median of the background map, in units of the image.
    rms : float
        Its global noise.
    """

    image: Floats32
    mask: Bools
    level: float
    rms: float


@dataclasses.dataclass(frozen=True, eq=False)
class Sources(Spots):
    """Detections, brightest first: flux and peak above the background, FWHM in pixels, area."""

    peak: Floats
    fwhm: Floats
    npix: NDArray[np.integer]


@dataclasses.dataclass(frozen=True, eq=False)
class Centroids:
    """Centroids of given stars, in their order.

    Attributes
    ----------
    x, y : (n,) arrays
        0-based pixels.
    flux : (n,) array
        Gaussian-weighted flux above the local background.
    snr : (n,) array
        `flux` over its background noise.
    peak : (n,) array
        Highest pixel of the core in units of the image, background included.
    fwhm : (n,) array
        Full width at half maximum, pixels, from the windowed second moment; NaN where that has no solution.
    good : (n,) bool array
        On the image, without unusable pixels, converged within the capture radius.
    """

    x: Floats
    y: Floats
    flux: Floats
    snr: Floats
    peak: NDArray[np.float32]
    fwhm: Floats
    good: Bools


def subtract_background(image: Counts, *, mesh_px: int) -> Background:
    """The image without its smooth background.

    Parameters
    ----------
    image : (rows, columns) array
        Any number type; pixels that are not finite are masked.
    mesh_px : int
        Side of a cell of the background mesh.

    Raises
    ------
    FrameError
        No usable pixel, or an image without any noise.
    """
    pixels = np.array(image, dtype=np.float32, order="C")
    if pixels.ndim != 2 or min(pixels.shape) < mesh_px:
        raise FrameError(f"image of shape {pixels.shape} is smaller than one background cell of {mesh_px} px")
    unusable = ~np.isfinite(pixels)
    if unusable.all():
        raise FrameError("the image has no usable pixel")
    pixels[unusable] = 0.0
    sample = pixels[::SAMPLING, ::SAMPLING][~unusable[::SAMPLING, ::SAMPLING]]
    if len(sample) and sample.min() == sample.max():
        raise FrameError(f"the image is constant ({sample[0]:g}), expected a noisy sky")
    background = sep.Background(pixels, mask=unusable, bw=mesh_px, bh=mesh_px)
    level = float(np.median(background.back()))
    background.subfrom(pixels)
    pixels[unusable] = 0.0
    return Background(pixels, unusable, level, float(background.globalrms))


def defocus_kernel(defocus_mm: float, steps: Sequence[float]) -> Floats | None:
    """Detection kernel for a defocused image, or None for one in focus (sep's own 3x3 kernel).

    From each of the `steps` (mm, rising) on, the kernel is a disc as wide as the image of a star defocused by
    that much: a radius of 2.5 px at the first step, in proportion at the others.
    """
    reached = [step for step in steps if defocus_mm >= step > 0]
    if not reached:
        return None
    radius = DISC_PX_AT_FIRST_STEP * reached[-1] / steps[0]
    half = math.ceil(radius)
    offset = np.hypot(*np.mgrid[-half : half + 1, -half : half + 1])
    disc: Floats = np.clip(radius + 0.5 - offset, 0.0, 1.0)
    kernel: Floats = disc / disc.sum()
    return kernel


def find_sources(
    background: Background, detection: Detection, *, kernel: Floats | None = None, at_least: int = 1
) -> Sources:
    """Sources above the noise of a background-subtracted image, brightest first; hot pixels are not sources.

    Parameters
    ----------
    background : Background
    detection : Detection
        Of the camera profile. The threshold counts in units of the background noise, of the noise after the
        kernel, if there is one; a kernel raises the largest area by three times its own, for a bright defocused
        star covers more than its disc.
    kernel : 2-D array, optional
        Detection kernel, see `defocus_kernel`.
    at_least : int
        Fewer sources than this are an error.

    Raises
    ------
    FrameError
        Too few sources, or more than sep can hold.
    """
    threshold, largest_px = detection.threshold_sigma * background.rms, detection.max_area_px
    options: dict[str, Any] = {}
    if kernel is not None:
        threshold *= math.sqrt(np.sum(kernel**2))
        options = {"filter_kernel": kernel, "filter_type": "conv"}
        largest_px += 3 * kernel.size
    found = _extract(background, threshold, minarea=detection.min_area_px, **options)
    (rows, columns), border_px = background.image.shape, detection.border_px
    inside_x = (found["x"] >= border_px) & (found["x"] <= columns - 1 - border_px)
    inside_y = (found["y"] >= border_px) & (found["y"] <= rows - 1 - border_px)
    spread = found["peak"] <= MOST_IN_ONE_PIXEL * found["flux"]
    kept = found[inside_x & inside_y & spread & (found["npix"] <= largest_px)]
    if len(kept) < at_least:
        raise StarlessError(f"too few sources: {len(kept)}, expected at least {at_least}")
    kept = kept[np.argsort(-kept["flux"], kind="stable")]
    fwhm = FWHM_A_SIGMA * np.sqrt((kept["a"] ** 2 + kept["b"] ** 2) / 2.0)
    return Sources(kept["x"], kept["y"], kept["flux"], kept["peak"], fwhm, kept["npix"])


def _extract(background: Background, threshold: float, **options: Any) -> NDArray[np.void]:
    """sep.extract with larger buffers where the normal ones are too small."""
    pixstack, sub_objects = sep.get_extract_pixstack(), sep.get_sub_object_limit()
    try:
        for growth in PIXSTACK_GROWTH:
            sep.set_extract_pixstack(pixstack * growth)
            sep.set_sub_object_limit(sub_objects * growth)
            try:
                found: NDArray[np.void] = sep.extract(background.image, threshold, mask=background.mask, **options)
                return found
            except Exception as error:  # sep raises nothing more special; what is not understood goes on
                reason = str(error)
                if "internal pixel buffer full" not in reason and "deblending overflow" not in reason:
                    raise
    finally:
        sep.set_extract_pixstack(pixstack)
        sep.set_sub_object_limit(sub_objects)
    raise FrameError(f"more sources than can be told apart ({reason}), expected a field of stars")


def forced_centroids(image: Counts, x: Floats, y: Floats, *, fwhm_px: float, capture_px: float = 2.0) -> Centroids:
    """Windowed centroids of stars near given positions.

    The centroid iterates to where the image, weighted by a Gaussian, balances (Source Extractor's XWIN_IMAGE,
    as in `sep.winpos`), here for all stars at once on stamps with their local background taken off.

    Parameters
    ----------
    image : (rows, columns) array
        Any number type; a background is allowed.
    x, y : (n,) arrays
        Expected positions, 0-based pixels.
    fwhm_px : float
        Width of the stars; the window has the same, but at least 1.1 px of sigma.
    capture_px : float
        A centroid that moves further than this is not good.
    """
    sigma = max(fwhm_px / FWHM_A_SIGMA, NARROWEST_WINDOW_PX)
    half = math.ceil(3.0 * sigma + min(capture_px, 2.0 * sigma))
    column, row, inside = place_stamps(image.shape, x, y, half)
    stamps = cut_stamps(image, column, row, half).astype(np.float32)
    peak = stamps[:, half - 1 : half + 2, half - 1 : half + 2].max(axis=(1, 2))
    usable = inside & np.isfinite(stamps).all(axis=(1, 2))
    stamps = np.where(usable[:, None, None], stamps, 0.0)
    level, noise = measure_rim(stamps)
    stamps = stamps - level[:, None, None]
    start = np.stack([np.where(inside, x - column, 0.0), np.where(inside, y - row, 0.0)])
    offset, flux, variance, moving = _balance(stamps, start, sigma, half)
    with np.errstate(invalid="ignore", divide="ignore"):
        fwhm = FWHM_A_SIGMA / np.sqrt(1.0 / variance - 1.0 / sigma**2)
        snr = flux / (noise * math.sqrt(math.pi) * sigma)
    captured = np.hypot(*(offset - start)) <= capture_px
    good = usable & captured & ~moving & (flux > 0)
    return Centroids(column + offset[0], row + offset[1], flux, snr, peak, fwhm, good)


def _balance(stamps: Stamps, start: Floats, sigma: float, half: int) -> tuple[Floats, Floats, Floats, Bools]:
    """(offset (2, n), flux, windowed variance, still moving) of the windowed centroids."""
    grid = np.arange(-half, half + 1, dtype=float)
    offset, stamps = start.copy(), stamps.astype(float)  # once, not at every step
    with np.errstate(invalid="ignore", divide="ignore"):
        for _ in range(CENTROID_STEPS):
            away = grid - offset[:, :, None]
            weight = np.exp(-0.5 * (away / sigma) ** 2)
            along_x = np.matmul(stamps, np.stack([weight[0], weight[0] * away[0]], axis=2))
            light = along_x[:, :, 0] * weight[1]
            flux = light.sum(axis=1)
            first = np.stack([(along_x[:, :, 1] * weight[1]).sum(axis=1), (light * away[1]).sum(axis=1)])
            step = 2.0 * first / flux
            step = np.where(np.isfinite(step), step, 0.0)
            offset = np.clip(offset + step, -half, half)
            moving = np.hypot(*step) > CENTROID_CONVERGED_PX
            if not moving.any():
                break
        second = (light * away[1] ** 2).sum(axis=1)
        return offset, flux, second / flux, moving
