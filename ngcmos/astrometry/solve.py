"""Plate solution of a frame: a ladder of methods, the cheapest first.

1. forced: centroids of catalog stars at the places the previous solution predicts;
2. shift: peaks on the image vote for how far the field moved since the previous solution;
3. triangles: detected sources against the catalog near the pointing, any rotation and parity.

Each rung ends in the same polish: windowed centroids of the brightest usable catalog stars and a clipped,
weighted cubic fit. `solve_from_guess` enters at that point with an approximate solution from elsewhere.
"""

import dataclasses
import functools
import math

import numpy as np

from ngcmos.arrays import Bools, Counts, Floats, Ints, Place, Shape
from ngcmos.astrometry.detection import (
    FWHM_A_SIGMA,
    Centroids,
    Sources,
    find_sources,
    forced_centroids,
    subtract_background,
)
from ngcmos.astrometry.distortion import (
    Solution,
    centre_of,
    fit_inverse,
    fit_linear_sip,
    to_pixels,
    with_matches,
)
from ngcmos.astrometry.peaks import find_peaks, vote_shift
from ngcmos.astrometry.spots import Pairs, ReferenceStars, Spots
from ngcmos.astrometry.triangles import GROWTH, Growth, Search, affordable_order, grow_match, match_triangles
from ngcmos.config import Camera
from ngcmos.errors import FrameError, UnsolvedError

POLISHED_STARS = 600
FEWEST_SOURCES = 30
FEWEST_POLISHED = 15
MATCHED_SHARE = 0.6
WITNESSES = 200
SHIFT_STARS = 5000
# the distortion is known from the previous solution, so that the order need not rise step by step
SHIFT_GROWTH: Growth = ((3, 6.0), (3, 3.0), (3, 2.0))
SEEN_SNR = 10.0
LARGEST_RMS_PX = 0.3
CAPTURE_PX = 2.0
FIRST_FWHM_PX = 3.0
FWHM_STARS = 100
FWHM_RANGE_PX = (1.2, 15.0)
SATURATED_SHARE = 0.9
CLIP_SIGMA = 4.0
CLIP_ROUNDS = 6
CENTROID_FLOOR_PX = 0.01
MEDIAN_A_RADIUS = 1.1774  # of a two-dimensional normal distribution of unit sigma


@dataclasses.dataclass(frozen=True, eq=False)
class _Plate:
    """What every rung needs: the frame, the stars and the camera."""

    image: Counts
    stars: ReferenceStars
    camera: Camera
    least_order: int = 1

    @property
    def shape(self) -> Shape:
        return self.image.shape[0], self.image.shape[1]


def solve_frame(
    image: Counts,
    stars: ReferenceStars,
    camera: Camera,
    *,
    pointing: Place,
    previous: Solution | None = None,
    kernel: Floats | None = None,
    least_order: int = 1,
) -> Solution:
    """The plate solution of one frame.

    Parameters
    ----------
    image : (rows, columns) array
        Raw pixels of any number type.
    pointing : (float, float)
        Right ascension and declination of the header, degrees.
    previous : Solution, optional
        Of an earlier frame of the field.
    kernel : 2-D array, optional
        Detection kernel, see `detection.defocus_kernel`.
    least_order : int
        The distortion has order 3, or less where there are too few stars for that; 3 forbids less.

    Returns
    -------
    Solution
        `index` are rows of `stars`; `rung` is forced, shift or triangles.

    Raises
    ------
    UnsolvedError
        With the reason of each rung.
    """
    plate = _Plate(image, stars, camera, least_order)
    rungs = [functools.partial(_solve_triangles, plate, pointing, kernel)]
    if previous is not None:
        rungs = [functools.partial(rung, plate, previous) for rung in (_solve_forced, _solve_shift)] + rungs
    reasons = []
    for rung in rungs:
        try:
            return fit_inverse(rung(), plate.shape)
        except UnsolvedError as error:
            reasons.append(str(error))
    raise UnsolvedError("; ".join(reasons))


def solve_from_guess(
    image: Counts,
    stars: ReferenceStars,
    camera: Camera,
    guess: Solution,
    *,
    rung: str = "guess",
    kernel: Floats | None = None,
) -> Solution:
    """The verified plate solution within a few pixels of an approximate one; arguments as for `solve_frame`."""
    plate = _Plate(image, stars, camera)
    sources = _detect(plate, kernel)
    rows = np.argsort(stars.mag, kind="stable")
    found = _grow(plate, rows, sources, guess)
    return fit_inverse(_polish(plate, found, rung=rung), plate.shape)


def _solve_forced(plate: _Plate, previous: Solution) -> Solution:
    return _polish(plate, previous, rung="forced", share=MATCHED_SHARE)


def _solve_shift(plate: _Plate, previous: Solution) -> Solution:
    bright = np.argsort(plate.stars.mag, kind="stable")[:SHIFT_STARS]
    peaks = find_peaks(plate.image)
    px, py = to_pixels(previous, plate.stars.ra[bright], plate.stars.dec[bright])
    shift = vote_shift(peaks, px, py, shape=plate.shape)
    moved = dataclasses.replace(previous, crpix=(previous.crpix[0] + shift[0], previous.crpix[1] + shift[1]))
    found = _grow(plate, bright, peaks, moved, growth=SHIFT_GROWTH)
    return _polish(plate, found, rung="shift")


def _solve_triangles(plate: _Plate, pointing: Place, kernel: Floats | None) -> Solution:
    sources = _detect(plate, kernel)
    detector = plate.camera.detector
    reasons = []
    for radius_deg in plate.camera.solve.radius_deg:
        scales = detector.scale_arcsec, detector.scale_limits_arcsec
        try:
            found = match_triangles(sources, plate.stars, Search(pointing, radius_deg, *scales, plate.shape))
            return _polish(plate, found, rung="triangles")
        except UnsolvedError as error:
            reasons.append(str(error))
    raise UnsolvedError("; ".join(reasons))


def _detect(plate: _Plate, kernel: Floats | None) -> Sources:
    """Sources of the frame; too few of them leave it unsolved."""
    detection = plate.camera.detection
    try:
        background = subtract_background(plate.image, mesh_px=detection.mesh_px)
        return find_sources(background, detection, kernel=kernel, at_least=FEWEST_SOURCES)
    except FrameError as error:
        raise UnsolvedError(str(error)) from None


def _grow(plate: _Plate, rows: Ints, spots: Spots, guess: Solution, *, growth: Growth = GROWTH) -> Solution:
    """Cubic solution from an approximate one, stars (brightest first) and what is seen on the chip."""
    ra, dec = plate.stars.ra[rows], plate.stars.dec[rows]
    found = grow_match(spots.x, spots.y, ra, dec, guess, shape=plate.shape, growth=growth)
    return dataclasses.replace(found, index=rows[found.index])


def _polish(plate: _Plate, guess: Solution, *, rung: str, share: float = 0.0) -> Solution:
    """Solution refitted to windowed centroids of the brightest usable stars where `guess` puts them.

    Raises
    ------
    UnsolvedError
        Less than `share` of the 200 brightest agree, or of all seen less than 60 %, or they scatter by 0.3 px.
    """
    stars = plate.stars
    chosen, px, py = _choose(plate, guess)
    fwhm = _measure_fwhm(plate, px, py)
    centroids = forced_centroids(plate.image, px, py, fwhm_px=fwhm, capture_px=CAPTURE_PX)
    seen = centroids.good & (centroids.snr > SEEN_SNR)
    _require(int(np.count_nonzero(seen)), FEWEST_POLISHED, rung, "seen")
    star = chosen[seen]
    pairs = Pairs(centroids.x[seen], centroids.y[seen], stars.ra[star], stars.dec[star])
    error = _centroid_error(centroids, fwhm, plate.camera.detector.gain_e_adu)[seen]
    solution, kept = _fit_clipped(guess, pairs, error, plate.shape, plate.least_order)
    _require(int(np.count_nonzero(kept)), max(FEWEST_POLISHED, MATCHED_SHARE * len(star)), rung, "agree")
    witnesses = chosen[:WITNESSES]
    confirmed = int(np.count_nonzero(np.isin(witnesses, star[kept])))
    _require(confirmed, share * len(witnesses), rung, "of the brightest agree")
    solution = with_matches(solution, star[kept], pairs.only(kept), rung=rung)
    # weighted, for the faint stars of a defocused frame scatter by more without being wrong
    rms = float(np.sqrt(np.average(solution.residual**2, weights=error[kept] ** -2)))
    if not rms < LARGEST_RMS_PX:
        raise UnsolvedError(f"{rung}: rms {rms:.2f} px, expected less than {LARGEST_RMS_PX} px")
    return dataclasses.replace(solution, fwhm=fwhm)


def _require(count: int, needed: float, rung: str, what: str) -> None:
    if count < needed:
        raise UnsolvedError(f"{rung}: {count} stars {what}, expected at least {math.ceil(needed)}")


def _choose(plate: _Plate, guess: Solution) -> tuple[Ints, Floats, Floats]:
    """(rows, x, y) of the brightest stars on the chip that may enter the fit: usable, in range, not saturated."""
    stars, camera = plate.stars, plate.camera
    rows, columns = plate.shape
    left, right, bottom, top = (edge + camera.detection.border_px for edge in camera.detector.bad_edge_px)
    in_range = (stars.mag >= camera.solve.tmag_min) & (stars.mag <= camera.solve.tmag_max)
    allowed = np.flatnonzero(stars.usable & in_range)
    allowed = allowed[np.argsort(stars.mag[allowed], kind="stable")]
    px, py = to_pixels(guess, stars.ra[allowed], stars.dec[allowed])
    on_chip = (px >= left) & (px < columns - right) & (py >= bottom) & (py < rows - top)
    chosen = np.flatnonzero(on_chip)[: 2 * POLISHED_STARS]
    chosen = chosen[~_saturated(plate, px[chosen], py[chosen])][:POLISHED_STARS]
    return allowed[chosen], px[chosen], py[chosen]


def _measure_fwhm(plate: _Plate, px: Floats, py: Floats) -> float:
    """Median width of the brightest stars, pixels."""
    fwhm = FIRST_FWHM_PX
    for _ in range(2):
        measured = forced_centroids(plate.image, px[:FWHM_STARS], py[:FWHM_STARS], fwhm_px=fwhm)
        widths = measured.fwhm[measured.good & (measured.snr > SEEN_SNR)]
        widths = widths[np.isfinite(widths)]
        if len(widths):
            fwhm = float(np.clip(np.median(widths), *FWHM_RANGE_PX))
    return fwhm


def _saturated(plate: _Plate, px: Floats, py: Floats) -> Bools:
    """Whether the raw counts near each star come close to saturation."""
    limit = SATURATED_SHARE * plate.camera.detector.saturation_adu
    column, row = np.rint(px).astype(int), np.rint(py).astype(int)
    rows, columns = plate.shape
    highest = np.zeros(len(px))
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            near = plate.image[np.clip(row + dy, 0, rows - 1), np.clip(column + dx, 0, columns - 1)]
            highest = np.maximum(highest, near)
    return highest >= limit


def _centroid_error(centroids: Centroids, fwhm: float, gain_e_adu: float) -> Floats:
    """Expected error of each centroid, pixels: background and photon noise of a Gaussian star, and a floor.

    Background-limited 2 sigma**2 / snr**2 and photon-limited sigma**2 / electrons, after King 1983, PASP 95, 163.
    """
    sigma = fwhm / FWHM_A_SIGMA
    with np.errstate(invalid="ignore", divide="ignore"):
        photons = sigma**2 / (2.0 * centroids.flux * gain_e_adu)
        error: Floats = np.sqrt(2.0 * (sigma / centroids.snr) ** 2 + photons + CENTROID_FLOOR_PX**2)
    return error


def _fit_clipped(
    guess: Solution, pairs: Pairs, error: Floats, shape: Shape, least_order: int
) -> tuple[Solution, Bools]:
    """(solution, kept) of a weighted fit without the stars that stand out."""
    crval = centre_of(guess, shape)
    x, y = pairs.x, pairs.y
    px, py = to_pixels(guess, pairs.ra, pairs.dec)
    away = np.hypot(x - px - np.median(x - px), y - py - np.median(y - py))
    kept: Bools = away <= max(CLIP_SIGMA * float(np.median(away)), CENTROID_FLOOR_PX)
    for _ in range(CLIP_ROUNDS):
        order = max(least_order, affordable_order(int(np.count_nonzero(kept))))
        weights = error[kept] ** -2
        solution = fit_linear_sip(pairs.only(kept), crval=crval, shape=shape, order=order, weights=weights)
        px, py = to_pixels(solution, pairs.ra, pairs.dec)
        pull = np.hypot(x - px, y - py) / error
        agree = pull <= CLIP_SIGMA * max(1.0, float(np.median(pull)) / MEDIAN_A_RADIUS)
        if np.array_equal(agree, kept):
            break
        kept = agree
    return solution, kept
