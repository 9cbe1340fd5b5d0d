"""Zero point of a frame against the catalog: one number, and a second-order surface over the chip."""

import dataclasses
import math

import numpy as np
import sep

from ngcmos.errors import FrameError

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
    value : float
        Median of Tmag + 2.5 log10(flux) of the stars kept.
    scatter : float
        Their standard deviation.
    count : int
        Their number.
    surface : (3, 3) array
        `surface[i, j]` belongs to s**i t**j with s = x / (columns - 1), t = y / (rows - 1), 0-based pixels; only
        the constant term (`value`) where there are too few stars for a surface.
    surface_count : int
        Number of stars in the surface; 0 where there are too few.
    """

    value: float
    scatter: float
    count: int
    surface: np.ndarray
    surface_count: int


def aperture_flux(image, x, y, *, radius_px, mask=None):
    """Exact-overlap aperture sums of a background-subtracted image; NaN over the edge and on masked pixels.

    Parameters
    ----------
    image : (rows, columns) float32 array
        C-contiguous, background subtracted.
    x, y : (n,) arrays
        0-based pixels.
    """
    finite = np.isfinite(x) & np.isfinite(y)
    flux = np.full(len(x), np.nan)
    sums, _, flag = sep.sum_circle(image, x[finite], y[finite], radius_px, mask=mask, subpix=0)
    unusable = sep.APER_TRUNC | sep.APER_HASMASKED | sep.APER_ALLMASKED
    flux[finite] = np.where(flag & unusable, np.nan, sums)
    return flux


def zero_point(flux_adu_s, tmag, x, y, *, shape):
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
        Rows and columns of the chip.

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
    value = float(np.median(offset[kept]))
    scatter, count = float(np.std(offset[kept])), int(np.count_nonzero(kept))
    surface, surface_count = _fit_surface(offset, x[usable] / (shape[1] - 1), y[usable] / (shape[0] - 1), kept)
    if not surface_count:
        surface[0, 0] = value
    return ZeroPoint(value, scatter, count, surface, surface_count)


def _clip(values, centre, kept=None):
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


def _fit_surface(offset, s, t, kept):
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


def evaluate_surface(zero, x, y, *, shape):
    """Zero point of the surface at 0-based pixels, magnitudes."""
    return np.polynomial.polynomial.polyval2d(x / (shape[1] - 1), y / (shape[0] - 1), zero.surface)


def zero_point_cards(zero):
    """Header cards of a zero point: list of (keyword, value, comment)."""
    cards = [
        ("MAGZP_T", zero.value, "[mag] zero point for 1 ADU/s, Tmag"),
        ("MAGZP_TS", zero.scatter, "[mag] its scatter from star to star"),
        ("MAGZP_TC", zero.count, "stars in the zero point"),
        ("ZP_ORDER", 2, "order of the zero-point surface"),
        ("ZPCALCN2", zero.surface_count, "stars in the zero-point surface"),
    ]
    terms = [
        (f"ZP_{i}_{j}", float(zero.surface[i, j]), "[mag] x^i y^j, chip scaled to 0-1") for i, j in SURFACE_TERMS
    ]
    return cards + terms
