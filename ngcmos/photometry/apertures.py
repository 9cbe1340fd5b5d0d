"""Counts of stars: exact aperture sums, sky, errors and flags of one frame in one call.

``measure(exposure, x, y, settings=..., detector=...) -> Measurement``. Positions are 0-based pixels, counts ADU of
the calibrated image; `Flag` is the one place that says what the bits of `flags` mean.
"""

import dataclasses
import functools

import numpy as np
import sep
from numpy.typing import ArrayLike, NDArray

from ngcmos.arrays import Bools, Counts, Floats, Reals, Shape
from ngcmos.config import Detector, Photometry
from ngcmos.errors import FrameError
from ngcmos.names import Flag
from ngcmos.photometry.centroids import SkyUnder, own_centroids, window_sigma
from ngcmos.photometry.counts import ALL_BELIEVABLE, Believable
from ngcmos.photometry.noise import noise_terms
from ngcmos.photometry.sky import KnownStars, Sky, estimate_sky, pixels_around, pixels_within

POOR_SKY_RATIO = 3.0  # sky scatter above this many times that of the median star is poor
POOR_SKY_COVER = 0.5  # fewer than this share of the wanted sky pixels is poor
HALF_PIXEL = 0.5  # a pixel counts as touched when its centre is this far out of the circle
MIN_GOOD_NEIGHBOURS = 4  # of a bad pixel, to fill it from them: single pixels and columns, not areas
_NEIGHBOURS = [(row, column) for row in (-1, 0, 1) for column in (-1, 0, 1) if (row, column) != (0, 0)]


@dataclasses.dataclass(frozen=True, eq=False)
class Exposure:
    """One frame as it is measured.

    Attributes
    ----------
    image : (rows, columns) float array
        Calibrated counts, ADU; never changed.
    raw : (rows, columns) array
        Raw counts, ADU: saturation and gain step are judged on these.
    exptime_s : float
    bad : (rows, columns) bool array or None
        Pixels not to be trusted.
    believable : Believable
        Raw counts beyond which a pixel counts as saturated, whatever the profile says.

    Raises
    ------
    FrameError
        Image, raw frame and mask differ in shape.
    """

    image: Reals
    raw: Counts
    exptime_s: float
    bad: Bools | None = None
    believable: Believable = ALL_BELIEVABLE

    def __post_init__(self) -> None:
        for name, other in (("raw frame", self.raw), ("bad-pixel mask", self.bad)):
            if other is not None and other.shape != self.image.shape:
                raise FrameError(f"{name} of {other.shape} pixels, expected {self.image.shape} as the image")


@dataclasses.dataclass(frozen=True, eq=False)
class Measurement:
    """What one frame says about n stars at k radii.

    Attributes
    ----------
    radii : (k,) float array
        Pixels.
    flux, fluxerr : (k, n) float64 arrays
        Aperture sum minus sky, and its standard error; ADU. The error is positive wherever the flux is finite.
    flux_w_sky, fluxerr_w_sky : (k, n) float64 arrays
        Aperture sum with the sky in it, and its standard error; ADU.
    max_pixel_value : (k, n) float64 array
        Largest raw count whose pixel the aperture touches (centre within radius + 0.5).
    sky, sky_rms : (n,) float64 arrays
        Sky and its scatter, ADU per pixel.
    flags : (n,) int32 array
        Bits of `Flag`.
    dx, dy, dxerr, dyerr : (n,) float64 arrays
        Own centroid minus forced place and its standard error, pixels; NaN throughout where none is asked for.
    flux_psf, fluxerr_psf : (n,) float64 arrays
        Of `ngcmos.photometry.psf_stars.measure_psf`, ADU; NaN until that is done.
    """

    radii: Floats
    flux: Floats
    fluxerr: Floats
    flux_w_sky: Floats
    fluxerr_w_sky: Floats
    max_pixel_value: Floats
    sky: Floats
    sky_rms: Floats
    flags: NDArray[np.int32]
    dx: Floats
    dy: Floats
    dxerr: Floats
    dyerr: Floats
    flux_psf: Floats
    fluxerr_psf: Floats

    def of(self, stars: Bools) -> "Measurement":
        """The Measurement of some of the stars."""
        values = {name: value[..., stars] for name, value in vars(self).items() if name != "radii"}
        return Measurement(radii=self.radii, **values)


def measure(
    exposure: Exposure,
    x: ArrayLike,
    y: ArrayLike,
    *,
    settings: Photometry,
    detector: Detector,
    blended: Bools | None = None,
    known: KnownStars | None = None,
) -> Measurement:
    """Aperture photometry of all stars of a frame.

    Sums have exact overlap (a pixel counts with the area the circle covers). A bad pixel is filled with the mean
    of its good neighbours and the star flagged; where too few neighbours are good, and where an aperture
    reaches over the edge, the numbers of that radius are NaN rather than plausible and wrong. A star whose
    centre is off the chip, or whose position is not finite, is NaN throughout.

    Parameters
    ----------
    exposure : Exposure
    x, y : (n,) arrays
        0-based pixels: (0, 0) is the centre of the first pixel.
    settings : ngcmos.config.Photometry
        Apertures and how the sky is measured.
    detector : ngcmos.config.Detector
    blended : (n,) bool array, optional
        Stars the catalog calls blended.
    known : KnownStars, optional
        As of `ngcmos.photometry.sky.estimate_sky`.

    Returns
    -------
    Measurement
    """
    radii = np.asarray(settings.radii_px, float)
    x, y = np.asarray(x, float), np.asarray(y, float)
    image, bad = _fill_bad(exposure.image, exposure.bad)
    on_chip = _is_on_chip(x, y, image.shape)
    at_x, at_y = x[on_chip], y[on_chip]
    sky = estimate_sky(image, at_x, at_y, settings, bad=bad, known=known, detector=detector)
    sums = _sum_apertures(image, at_x, at_y, radii)
    stamps = _cut_stamps(exposure.raw, bad, at_x, at_y, radii.max() + HALF_PIXEL)
    flux = sums - np.pi * radii[:, None] ** 2 * sky.level
    noise = functools.partial(
        noise_terms, flux, sky.level, radius_px=radii[:, None], detector=detector, exptime_s=exposure.exptime_s
    )
    flags = np.full(x.shape, Flag.OFF_CHIP, np.int32)
    over_edge = _room(at_x, at_y, image.shape) < radii.max()
    blended = np.zeros(x.shape, bool) if blended is None else np.asarray(blended, bool)
    flags[on_chip] = _flag_stars(over_edge, stamps, detector, exposure.believable)
    flags[on_chip] |= _bit(Flag.POOR_SKY, _is_poor(sky, ~blended[on_chip]))
    flags |= _bit(Flag.BLENDED, blended)
    values = {
        "flux": flux,
        "fluxerr": np.sqrt(noise(sky_sigma=sky.rms, sky_count=sky.count).total),
        "flux_w_sky": sums,
        "fluxerr_w_sky": np.sqrt(noise().total),
        "max_pixel_value": np.stack([stamps.largest(radius + HALF_PIXEL) for radius in radii]),
        "sky": sky.level,
        "sky_rms": sky.rms,
        **{name: np.full(at_x.shape, np.nan) for name in ("flux_psf", "fluxerr_psf")},
        **_centroids(image, at_x, at_y, sky, settings, detector),
    }
    return Measurement(radii=radii, flags=flags, **{key: _among_all(v, on_chip) for key, v in values.items()})


def _centroids(
    image: Reals, x: Floats, y: Floats, sky: Sky, settings: Photometry, detector: Detector
) -> dict[str, Floats]:
    """Own centroids of stars on the chip by the names of `Measurement`; NaN where the profile wants none."""
    if not settings.centroids:
        return {name: np.full(x.shape, np.nan) for name in ("dx", "dy", "dxerr", "dyerr")}
    sigma = window_sigma(np.asarray(settings.radii_px, float))
    under = SkyUnder(sky.level, sky.rms)
    found = own_centroids(image, x, y, under, sigma_px=sigma, gain_e_adu=detector.gain_e_adu)
    return {"dx": found.dx, "dy": found.dy, "dxerr": found.dx_err, "dyerr": found.dy_err}


@dataclasses.dataclass(frozen=True, eq=False)
class _Stamps:
    """The pixels around n stars: (n, m) raw counts, whether they are bad, distances from the star."""

    counts: Counts
    bad: Bools
    distance: NDArray[np.float32]
    reach: float

    @property
    def touched(self) -> Bools:
        return self.distance <= self.reach

    def largest(self, reach: float) -> Counts:
        near = pixels_within(reach)
        peak: Counts = np.where(self.distance[:, :near] <= reach, self.counts[:, :near], 0).max(axis=1, initial=0)
        return peak


def _cut_stamps(raw: Counts, bad: Bools | None, x: Floats, y: Floats, reach: float) -> _Stamps:
    index, distance = pixels_around(raw.shape, x, y, reach)
    counts = np.ascontiguousarray(raw).reshape(-1).take(index)
    marked = np.zeros(index.shape, bool) if bad is None else np.ascontiguousarray(bad).reshape(-1).take(index)
    return _Stamps(counts, marked, distance, reach)


def _flag_stars(
    over_edge: Bools, stamps: _Stamps, detector: Detector, believable: Believable
) -> NDArray[np.int32]:
    touched = stamps.touched
    saturated = stamps.counts >= min(detector.saturation_adu, believable.high)
    saturated |= stamps.counts < believable.low
    return (
        _bit(Flag.EDGE, over_edge)
        | _bit(Flag.SATURATED, (touched & saturated).any(axis=1))
        | _bit(Flag.BAD_PIXEL, (touched & stamps.bad).any(axis=1))
        | _bit(Flag.GAIN_STEP, (touched & _is_in_gain_step(stamps.counts, detector)).any(axis=1))
    )


def _is_on_chip(x: Floats, y: Floats, shape: Shape) -> Bools:
    with np.errstate(invalid="ignore"):
        return (x >= -0.5) & (x < shape[1] - 0.5) & (y >= -0.5) & (y < shape[0] - 0.5)


def _room(x: Floats, y: Floats, shape: Shape) -> Floats:
    """Distance from each star to the nearest edge of the chip."""
    return np.minimum(np.minimum(x, shape[1] - 1 - x), np.minimum(y, shape[0] - 1 - y)) + 0.5


def _fill_bad(image: Reals, bad: Bools | None) -> tuple[Reals, Bools | None]:
    """(image with bad pixels filled from their neighbours or NaN, mask of the bad ones or None)."""
    image = np.ascontiguousarray(image, dtype=np.float64 if image.dtype == np.float64 else np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        total = image.sum()  # the fastest look at every pixel
    if not np.isfinite(total):
        bad = ~np.isfinite(image) if bad is None else bad | ~np.isfinite(image)
    if bad is None or not bad.any():
        return image, None
    spots = np.flatnonzero(bad)
    rows, columns = np.divmod(spots, bad.shape[1])
    near_sum, count = np.zeros(rows.size), np.zeros(rows.size, int)
    for row, column in _NEIGHBOURS:
        near_row, near_column = rows + row, columns + column
        inside = (near_row >= 0) & (near_row < bad.shape[0]) & (near_column >= 0) & (near_column < bad.shape[1])
        near_row, near_column = np.where(inside, near_row, rows), np.where(inside, near_column, columns)
        good = ~bad[near_row, near_column]
        near_sum += np.where(good, image[near_row, near_column], 0.0)
        count += good
    filled = image.copy()
    filled[rows, columns] = np.where(count >= MIN_GOOD_NEIGHBOURS, near_sum / np.maximum(count, 1), np.nan)
    return filled, bad


def _sum_apertures(image: Reals, x: Floats, y: Floats, radii: Floats) -> Floats:
    """(k, n) sums with exact overlap; NaN where the circle reaches over the edge."""
    if x.size == 0:
        return np.zeros((radii.size, 0))
    room = _room(x, y, image.shape)
    sums = np.stack([sep.sum_circle(image, x, y, radius, subpix=0)[0] for radius in radii])
    return np.where(room < radii[:, None], np.nan, sums)


def _is_in_gain_step(counts: Counts, detector: Detector) -> Bools:
    if detector.gain_step_adu == 0:
        return np.zeros(counts.shape, bool)
    low = detector.gain_step_adu - detector.gain_step_half_width_adu
    high = detector.gain_step_adu + detector.gain_step_half_width_adu
    return (counts >= low) & (counts <= high)


def _is_poor(sky: Sky, alone: Bools) -> Bools:
    """Whether few pixels tell the sky, or it is more restless than around most of the stars that stand alone."""
    known = np.isfinite(sky.rms)
    telling = sky.rms[known & alone] if (known & alone).any() else sky.rms[known]
    typical = np.median(telling) if telling.size else np.nan
    restless = sky.rms > POOR_SKY_RATIO * typical
    return ~np.isfinite(sky.level) | ~np.isfinite(sky.rms) | restless | (sky.count < POOR_SKY_COVER * sky.wanted)


def _bit(flag: Flag, condition: ArrayLike) -> NDArray[np.int32]:
    return np.where(condition, flag.value, 0).astype(np.int32)


def _among_all(values: Counts, on_chip: Bools) -> Floats:
    """Values of the stars on the chip among all stars; NaN for the others."""
    result = np.full((*values.shape[:-1], on_chip.size), np.nan)
    result[..., on_chip] = values
    return result
