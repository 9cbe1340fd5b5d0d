"""Zero point of a frame against the catalog: one number, and a second-order surface over the chip."""

import collections.abc
import dataclasses
import math
from typing import Any

import numpy as np
import sep

from ngcmos.arrays import Bools, Counts, Floats, Shape
from ngcmos.astrometry.stamps import cut_stamps, measure_rim, place_stamps
from ngcmos.errors import FrameError
from ngcmos.names import Card

APERTURE_PX = 5.0
SKY_DISTANCE = 3.0
CLIP_SIGMA = 3.0
CLIP_ROUNDS = 20
SURFACE_TERMS = ((0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2))
FEWEST_STARS = 3
STARS_A_TERM = 5


@dataclasses.dataclass(frozen=True, eq=False)
class ZeroPoint:
    """Zero point of one frame, magnitudes for 1 ADU per second.

    Attributes
    ----------
    median : float
        Median of Tmag + 2.5 log10(flux) of the stars kept.
    scatter : float
        Their standard deviation.
    count : int
        Their number.
    surface : (3, 3) array
        `surface[i, j]` belongs to s**i t**j with s = x / (columns - 1), t = y / (rows - 1), 0-based pixels; only
        the constant term (`median`) where there are too few stars for a surface.
    surface_count : int
        Number of stars in the surface; 0 where there are too few.
    """

    median: float
    scatter: float
    count: int
    surface: Floats
    surface_count: int


def measure_zero_point(image: Counts, x: Floats, y: Floats, tmag: Floats, *, exptime_s: float) -> ZeroPoint:
    """Zero point of matched stars on an image, raw or calibrated; arguments as for the two functions it joins."""
    flux = aperture_flux(image, x, y)
    return zero_point(flux / exptime_s, tmag, x, y, shape=image.shape)


def aperture_flux(image: Counts, x: Floats, y: Floats, *, radius_px: float = APERTURE_PX) -> Floats:
    """Exact-overlap aperture sums above the local sky; NaN near the edge and on unusable pixels.

    Parameters
    ----------
    image : (rows, columns) array
        Any number type; the sky of a star is the median of the rim of a square around it.
    x, y : (n,) arrays
        0-based pixels.
    radius_px : float
        Radius of the aperture.
    """
    half = math.ceil(SKY_DISTANCE * radius_px)
    column, row, inside = place_stamps(image.shape, x, y, half)
    stamps = cut_stamps(image, column, row, half).astype(np.float32)
    usable = inside & np.isfinite(stamps).all(axis=(1, 2))
    stamps = np.where(usable[:, None, None], stamps, 0.0)
    stamps = stamps - measure_rim(stamps)[0][:, None, None]
    # sep wants one image: the stamps, one below the other
    size = 2 * half + 1
    centre_y = np.arange(len(stamps)) * size + half + np.where(usable, y - row, 0.0)
    tower = np.ascontiguousarray(stamps, dtype=np.float32).reshape(-1, size)
    flux = sep.sum_circle(tower, half + np.where(usable, x - column, 0.0), centre_y, radius_px, subpix=0)[0]
    return np.where(usable, flux, np.nan)


def zero_point(flux_adu_s: Floats, tmag: Floats, x: Floats, y: Floats, *, shape: Shape) -> ZeroPoint:
    """Zero point of matched stars, 3-sigma clipped.

    Parameters
    ----------
    flux_adu_s : (n,) array
        ADU per second; stars without a positive flux are left out.
    tmag : (n,) array
        Catalog magnitudes.
    x, y : (n,) arrays
        0-based pixels.
    shape : (int, int)
        Ints and columns of the chip.

    Raises
    ------
    FrameError
        Fewer than three usable stars.
    """
    usable = np.isfinite(flux_adu_s) & (np.nan_to_num(flux_adu_s) > 0) & np.isfinite(tmag)
    if np.count_nonzero(usable) < FEWEST_STARS:
        raise FrameError(
            f"no zero point: {np.count_nonzero(usable)} stars with flux, expected at least {FEWEST_STARS}"
        )
    offset = tmag[usable] + 2.5 * np.log10(flux_adu_s[usable])
    kept = _clip(offset, np.median)
    median = float(np.median(offset[kept]))
    scatter, count = float(np.std(offset[kept])), int(np.count_nonzero(kept))
    surface, surface_count = _fit_surface(offset, x[usable] / (shape[1] - 1), y[usable] / (shape[0] - 1), kept)
    if not surface_count:
        surface[0, 0] = median
    return ZeroPoint(median, scatter, count, surface, surface_count)


def _clip(values: Floats, centre: collections.abc.Callable[[Floats], Any], kept: Bools | None = None) -> Bools:
    """Which values stay within 3 standard deviations of the centre of those that stay."""
    kept = np.ones(len(values), dtype=bool) if kept is None else kept
    for _ in range(CLIP_ROUNDS):
        away = np.abs(values - centre(values[kept]))
        # on few stars rounding alone makes a scatter of nought
        agree = away <= CLIP_SIGMA * math.sqrt(np.mean(away[kept] ** 2)) + 1e-12
        if np.array_equal(agree, kept):
            break
        kept = agree
    return kept


def _fit_surface(offset: Floats, s: Floats, t: Floats, kept: Bools) -> tuple[Floats, int]:
    """((3, 3) coefficients, stars used) of a clipped second-order surface."""
    surface = np.zeros((3, 3))
    design = np.stack([s**i * t**j for i, j in SURFACE_TERMS], axis=1)
    if np.count_nonzero(kept) < STARS_A_TERM * len(SURFACE_TERMS):
        return surface, 0
    for _ in range(CLIP_ROUNDS):
        solved = np.linalg.lstsq(design[kept], offset[kept], rcond=None)[0]
        again = _clip(offset - design @ solved, np.mean, kept)
        if np.array_equal(again, kept):
            break
        kept = again
    for value, (i, j) in zip(solved, SURFACE_TERMS, strict=True):
        surface[i, j] = value
    return surface, int(np.count_nonzero(kept))


def zero_point_cards(zero: ZeroPoint) -> list[Card]:
    """Header cards of a zero point: list of (keyword, value, comment)."""
    cards: list[Card] = [
        ("MAGZP_T", zero.median, "[mag] zero point for 1 ADU/s, Tmag"),
        ("MAGZP_TS", zero.scatter, "[mag] its scatter from star to star"),
        ("MAGZP_TC", zero.count, "stars in the zero point"),
        ("ZP_ORDER", 2, "order of the zero-point surface"),
        ("ZPCALCN2", zero.surface_count, "stars in the zero-point surface"),
    ]
    terms: list[Card] = [
        (f"ZP_{i}_{j}", float(zero.surface[i, j]), "[mag] x^i y^j, chip scaled to 0-1") for i, j in SURFACE_TERMS
    ]
    return cards + terms
