"""Fluxes by the shape of the stars for one frame: which stars tell the shape, which neighbours are fitted beside.

``plan_psf(stars, catalog, scale_arcsec) -> PsfPlan``, once a field; ``measure_psf(...)`` for every frame.
"""

import dataclasses

import numpy as np
from astropy.table import Table

from ngcmos.arrays import Bools, Floats, Ints
from ngcmos.config import Detector
from ngcmos.names import Flag
from ngcmos.neighbours import tree_of
from ngcmos.photometry.apertures import Exposure, Measurement
from ngcmos.photometry.noise import pixel_variance
from ngcmos.photometry.psf import (
    FEWEST_TO_VARY,
    Psf,
    Stamps,
    Under,
    build_psf,
    cut_stamps,
    fit_groups,
    gaussian_psf,
    half_stamp,
)
from ngcmos.sphere import unit_vectors
from ngcmos.stats import mad_sigma

NEAR_RADII = 2.0  # of the largest aperture: stars further apart share no pixel that matters
FAINTER_MAG = 3.0  # than the measured star: a neighbour that faint still takes part in the fit
ALONE_SHARES = (
    0.01,
    0.03,
    0.1,
)  # light of neighbours, of the star's own; the next where fewer than enough have less
ENOUGH = 60
OWN_SHARE = 0.5  # with so much light of neighbours a centroid is no longer that of the star
SHAPING_STARS = 150
SHAPING_SNRS = (50.0, 15.0)  # the next where fewer than enough stars have more
GOOD_PLACE_PX = 0.03  # a catalog whose places are that good is believed more than any centroid
UNLIKE = 0.15  # scatter of such fluxes over those of apertures, of bright stars that stand alone
SPOILING = Flag.EDGE | Flag.SATURATED | Flag.BAD_PIXEL | Flag.POOR_SKY | Flag.OFF_CHIP


@dataclasses.dataclass(frozen=True, eq=False)
class PsfPlan:
    """What the frames of a field share, of n measured stars and k neighbours that are not measured.

    Attributes
    ----------
    ra, dec : (k,) arrays
        Of those neighbours, degrees.
    beside : (k,) int array
        The measured star next to each.
    tmag : (n + k,) array
        NaN where unknown.
    shaping : (m,) int array
        Measured stars without neighbours, brightest first.
    alone : (n,) bool array
        Measured stars whose centroid is their own.
    """

    ra: Floats
    dec: Floats
    beside: Ints
    tmag: Floats
    shaping: Ints
    alone: Bools


def plan_psf(stars: Table, catalog: Table, *, radius_px: float, scale_arcsec: float) -> PsfPlan:
    """The PsfPlan of the stars to measure, brightest first, among all of the catalog.

    `radius_px` is that of the largest aperture.
    """
    mag = np.ma.filled(np.ma.asarray(catalog["Tmag"]).astype(float), np.nan)
    others = np.isfinite(mag) & ~np.isin(np.asarray(catalog["tic_id"]), np.asarray(stars["tic_id"]))
    own = np.ma.filled(np.ma.asarray(stars["Tmag"]).astype(float), np.nan)
    at, near = _places(stars), _places(catalog[others])
    reach = np.radians(NEAR_RADII * radius_px * scale_arcsec / 3600)
    near_mag, count = mag[others], len(stars)
    star, other = _pairs(at, near, reach)
    counts = near_mag[other] < own[star] + FAINTER_MAG
    chosen, first = np.unique(other[counts], return_index=True)
    everything = np.concatenate([own, near_mag])
    one, foreign = _pairs(at, np.concatenate([at, near]), reach)
    apart = one != foreign
    light = 10 ** (-0.4 * np.nan_to_num(everything, nan=99.0))
    share = np.bincount(one[apart], light[foreign[apart]], minlength=count) / light[:count]
    limit = next((most for most in ALONE_SHARES if (share < most).sum() >= ENOUGH), ALONE_SHARES[-1])
    picked = catalog[others][chosen]
    return PsfPlan(
        ra=np.asarray(picked["ra_deg_corr"], float),
        dec=np.asarray(picked["dec_deg_corr"], float),
        beside=star[counts][first],
        tmag=np.concatenate([own, near_mag[chosen]]),
        shaping=np.flatnonzero((share < limit) & np.isfinite(own)),
        alone=share < OWN_SHARE,
    )


def _places(table: Table) -> Floats:
    vectors: Floats = unit_vectors(
        np.asarray(table["ra_deg_corr"], float), np.asarray(table["dec_deg_corr"], float)
    )
    return vectors.reshape(-1, 3)


def _pairs(some: Floats, others: Floats, reach: float) -> tuple[Ints, Ints]:
    """(index into `some`, index into `others`) of all that are so near to each other."""
    if not len(some) or not len(others):
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    found = tree_of(some).query_ball_tree(tree_of(others), reach)
    first = np.repeat(np.arange(len(some)), [len(near) for near in found])
    return first, np.array([number for near in found for number in sorted(near)], np.intp)


def measure_psf(
    exposure: Exposure,
    x: Floats,
    y: Floats,
    *,
    measurement: Measurement,
    plan: PsfPlan,
    fwhm_px: float,
    detector: Detector,
) -> tuple[Floats, Floats]:
    """(flux, error) of the measured stars by the shape of the frame's own stars, ADU as of the largest aperture.

    Parameters
    ----------
    exposure : Exposure
    x, y : (n + k,) arrays
        0-based pixels of the measured stars, then of the plan's neighbours.
    measurement : Measurement
        Of the n measured stars, by apertures.
    plan : PsfPlan
    fwhm_px : float
        Of the frame.
    detector : Detector

    Returns
    -------
    flux, error : (n,) arrays
        NaN where the star is off the chip, or too few of its pixels are good; all where the width is not known, or
        where stars that stand alone come out unlike their apertures: then the function is not that of this frame.
    """
    count = measurement.flags.size
    x, y = (
        _better_places(x, measurement.dx, measurement, plan),
        _better_places(y, measurement.dy, measurement, plan),
    )
    beside = np.concatenate([np.arange(count), plan.beside])
    sky = measurement.sky[beside]
    half = half_stamp(fwhm_px) if np.isfinite(fwhm_px) else 0
    kept = np.flatnonzero(_is_near_chip(x, y, exposure.image.shape, half) & np.isfinite(sky))
    result = np.full((2, x.size), np.nan)
    if half == 0 or not kept.size:
        return result[0, :count], result[1, :count]
    shaping = _shaping(measurement, plan)
    stamps = cut_stamps(
        exposure.image,
        x[kept],
        y[kept],
        half,
        under=Under(sky[kept], pixel_variance(sky[kept], detector=detector, exptime_s=exposure.exptime_s)),
        spoilt=_spoilt(exposure, detector),
        varies=shaping.size >= FEWEST_TO_VARY,
    )
    psf = _shape_of(stamps, np.searchsorted(kept, shaping), measurement.flux[-1, shaping], fwhm_px, detector)
    error = _sky_error(measurement)[beside]
    expected = _expected(measurement, plan, shaping)
    result[:, kept] = fit_groups(stamps, psf, expected[kept], error[kept], detector.gain_e_adu)
    result[:, :count][:, (measurement.flags & Flag.OFF_CHIP) != 0] = np.nan
    if _is_unlike(result[0, shaping], measurement.flux[-1, shaping], measurement.fluxerr[-1, shaping]):
        result[:] = np.nan
    return result[0, :count], result[1, :count]


def _is_unlike(by_shape: Floats, flux: Floats, error: Floats) -> bool:
    """Whether the fluxes of bright stars that stand alone scatter over those of their apertures."""
    bright = flux > SHAPING_SNRS[0] * error
    return mad_sigma(by_shape[bright] / flux[bright]) > UNLIKE


def _is_near_chip(x: Floats, y: Floats, shape: tuple[int, int], margin: int) -> Bools:
    with np.errstate(invalid="ignore"):
        inside: Bools = (x > -margin) & (x < shape[1] - 1 + margin) & (y > -margin) & (y < shape[0] - 1 + margin)
    return inside


def _better_places(place: Floats, off: Floats, measurement: Measurement, plan: PsfPlan) -> Floats:
    """Places on an axis, of stars that stand alone nearer to their own centroids the worse the catalog's are.

    A centroid counts by the scatter of all stars beyond the errors of the centroids and `GOOD_PLACE_PX`.
    """
    error2 = np.maximum(measurement.dxerr, measurement.dyerr) ** 2
    known = plan.alone & np.isfinite(off) & np.isfinite(error2)
    if not known.any():
        return place
    catalog2 = mad_sigma(off[known]) ** 2 - float(np.median(error2[known])) - GOOD_PLACE_PX**2
    if catalog2 <= 0:
        return place
    better = place.copy()
    better[: off.size] += np.where(known, np.nan_to_num(off * catalog2 / (catalog2 + error2)), 0.0)
    return better


def _shaping(measurement: Measurement, plan: PsfPlan) -> Ints:
    """Stars that tell the shape in this frame."""
    flux, error = measurement.flux[-1, plan.shaping], measurement.fluxerr[-1, plan.shaping]
    with np.errstate(invalid="ignore"):
        fit = [((measurement.flags[plan.shaping] & SPOILING) == 0) & (flux > snr * error) for snr in SHAPING_SNRS]
    chosen: Ints = plan.shaping[next((few for few in fit if few.sum() >= ENOUGH), fit[-1])]
    return chosen[:SHAPING_STARS]


def _shape_of(stamps: Stamps, shaping: Ints, flux: Floats, fwhm_px: float, detector: Detector) -> Psf:
    start = gaussian_psf(fwhm_px, stamps.half, stamps.terms)
    return build_psf(stamps.of(shaping), flux, start, detector.gain_e_adu) if shaping.size else start


def _spoilt(exposure: Exposure, detector: Detector) -> Bools:
    """Pixels that are bad, saturated or not to be believed."""
    spoilt: Bools = exposure.raw >= min(detector.saturation_adu, exposure.believable.high)
    if np.isfinite(exposure.believable.low):
        spoilt |= exposure.raw < exposure.believable.low
    return spoilt if exposure.bad is None else spoilt | exposure.bad


def _sky_error(measurement: Measurement) -> Floats:
    """(n,) standard error of the sky, ADU a pixel: what the apertures' errors hold of it."""
    area = np.pi * measurement.radii[0] ** 2
    error = np.sqrt(np.maximum(measurement.fluxerr[0] ** 2 - measurement.fluxerr_w_sky[0] ** 2, 0)) / area
    known = np.isfinite(error)
    return np.where(known, error, np.median(error[known]) if known.any() else 0.0)


def _expected(measurement: Measurement, plan: PsfPlan, shaping: Ints) -> Floats:
    """(n + k,) fluxes by the catalog and the zero point of this frame's stars; 0 where nothing tells."""
    told = shaping if shaping.size else np.arange(measurement.flags.size)
    scale = measurement.flux[-1, told] * 10 ** (0.4 * plan.tmag[told])
    known = scale[np.isfinite(scale)]
    zero = max(float(np.median(known)), 0.0) if known.size else 0.0
    return np.nan_to_num(zero * 10 ** (-0.4 * plan.tmag))
