"""Plate solution of a frame: a ladder of methods, the cheapest first.

1. forced: centroids of catalog stars at the places the previous solution predicts;
2. shift: peaks on the image vote for how far the field moved since the previous solution;
3. triangles: detected sources against the catalog near the pointing, any rotation and parity.

Each rung ends in the same polish: windowed centroids of the brightest usable catalog stars and a clipped,
weighted fit, cubic where there are stars enough. A solution is accepted where stars agree as they would by chance
in less than `LARGEST_CHANCE` of all searches; about six stars do. `solve_from_guess` enters at that point with an
approximate solution from elsewhere.
"""

import dataclasses
import functools
import math
from collections.abc import Iterator

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
from ngcmos.astrometry.distortion import Solution, to_pixels
from ngcmos.astrometry.fitting import fit_inverse, with_matches
from ngcmos.astrometry.peaks import SHIFT_TRIALS, find_peaks, vote_shift
from ngcmos.astrometry.spots import Pairs, ReferenceStars, Spots
from ngcmos.astrometry.triangles import (
    FREE_STARS,
    GROWTH,
    Growth,
    Match,
    Search,
    affordable_order,
    fit_pairs,
    fitted_numbers,
    grow_match,
    match_triangles,
)
from ngcmos.config import Camera, Detection
from ngcmos.errors import FrameError, StarlessError, UnmatchedError, UnsolvedError

POLISHED_STARS = 600
FEWEST_SOURCES = 5
SURE_SOURCES = 8  # where fewer are not solved, they are too few to tell why
FEW_SOURCES = 30  # where fewer are seen, fainter ones and those nearer to the edge are looked for too
FAINTER_AREA_PX, NEARER_BORDER_PX = 5, 3
FEWEST_POLISHED = 5
LARGEST_CHANCE = 1e-6  # of a wrong solution that looks as right as the one accepted, one search
MATCHED_SHARE = 0.6
WITNESSES = 200
SHIFT_STARS = 5000
# the distortion is known from the previous solution, so that the order need not rise step by step
SHIFT_GROWTH: Growth = ((3, 6.0), (3, 3.0), (3, 2.0))
GUESS_TRIALS = 1e4  # a guess from elsewhere may be off by so many places
DENSER = 1.5  # sources there are on the chip, by the stars that may enter the fit
SEEN_SNR = 10.0
LARGEST_RMS = 3.0  # times what the centroids' own errors let expect
CAPTURE_PX = 2.0
FIRST_FWHM_PX = 3.0
FWHM_STARS = 100
FWHM_RANGE_PX = (1.2, 15.0)
SATURATED_SHARE = 0.9
CLIP_SIGMA = 4.0
CLIP_ROUNDS = 6
HIGHEST_ORDER = 3
ALIKE = 2.0
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
        With the reason of each rung; a StarlessError where there are too few sources, an UnmatchedError where
        there are enough.
    """
    plate = _Plate(image, stars, camera, least_order)
    rungs = [functools.partial(_solve_triangles, plate, pointing, kernel)]
    if previous is not None:
        rungs = [functools.partial(rung, plate, previous) for rung in (_solve_forced, _solve_shift)] + rungs
    errors: list[UnsolvedError] = []
    for rung in rungs:
        try:
            return fit_inverse(rung(), plate.shape)
        except UnsolvedError as error:
            errors.append(error)
    kind = StarlessError if any(isinstance(error, StarlessError) for error in errors) else type(errors[-1])
    raise kind("; ".join(map(str, errors)))


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
    found = _grow(plate, rows, sources, Match(guess, GUESS_TRIALS))
    return fit_inverse(_polish(plate, found, rung=rung), plate.shape)


def _solve_forced(plate: _Plate, previous: Solution) -> Solution:
    return _polish(plate, Match(previous, 1.0), rung="forced", share=MATCHED_SHARE)


def _solve_shift(plate: _Plate, previous: Solution) -> Solution:
    bright = np.argsort(plate.stars.mag, kind="stable")[:SHIFT_STARS]
    peaks = find_peaks(plate.image)
    px, py = to_pixels(previous, plate.stars.ra[bright], plate.stars.dec[bright])
    shift = vote_shift(peaks, px, py, shape=plate.shape)
    moved = dataclasses.replace(previous, crpix=(previous.crpix[0] + shift[0], previous.crpix[1] + shift[1]))
    found = _grow(plate, bright, peaks, Match(moved, SHIFT_TRIALS), growth=SHIFT_GROWTH)
    return _polish(plate, found, rung="shift")


def _solve_triangles(plate: _Plate, pointing: Place, kernel: Floats | None) -> Solution:
    sources = _detect(plate, kernel)
    detector = plate.camera.detector
    reasons: list[str] = []
    for radius_deg in plate.camera.solve.radius_deg:
        scales = detector.scale_arcsec, detector.scale_limits_arcsec
        found = match_triangles(sources, plate.stars, Search(pointing, radius_deg, *scales, plate.shape))
        solution = _polish_first(plate, found, reasons)
        if solution is not None:
            return solution
    if len(sources) < SURE_SOURCES:
        reasons.append(f"too few sources: {len(sources)}, expected at least {SURE_SOURCES}")
        raise StarlessError("; ".join(reasons))
    raise UnmatchedError("; ".join(reasons))


def _polish_first(plate: _Plate, found: Iterator[Match], reasons: list[str]) -> Solution | None:
    """The first of the matches that is right by its polish; why not is added to the reasons, once each kind."""
    try:
        for match in found:
            try:
                return _polish(plate, match, rung="triangles")
            except UnsolvedError as error:
                if str(error) not in reasons:
                    reasons.append(str(error))
    except UnsolvedError as error:  # none is left
        reasons.append(str(error))
    return None


def _detect(plate: _Plate, kernel: Floats | None) -> Sources:
    """Sources of the frame; too few of them leave it unsolved."""
    try:
        return find_enough_sources(plate.image, plate.camera.detection, kernel)
    except StarlessError:
        raise
    except FrameError as error:
        raise UnsolvedError(str(error)) from None


def find_enough_sources(image: Counts, detection: Detection, kernel: Floats | None = None) -> Sources:
    """Sources as the profile wants them; where these are few, fainter ones and those nearer to the edge too.

    Raises
    ------
    FrameError
        Fewer than five, or no image of a sky.
    """
    background = subtract_background(image, mesh_px=detection.mesh_px)
    sources = find_sources(background, detection, kernel=kernel, at_least=0)
    if len(sources) >= FEW_SOURCES:
        return sources
    area_px, border_px = min(detection.min_area_px, FAINTER_AREA_PX), min(detection.border_px, NEARER_BORDER_PX)
    deeper = dataclasses.replace(detection, min_area_px=area_px, border_px=border_px)
    return find_sources(background, deeper, kernel=kernel, at_least=FEWEST_SOURCES)


def _grow(plate: _Plate, rows: Ints, spots: Spots, match: Match, *, growth: Growth = GROWTH) -> Match:
    """Cubic solution from an approximate one, stars (brightest first) and what is seen on the chip."""
    stars, trials = plate.stars.only(rows), match.trials
    found = grow_match(spots, stars, match.solution, shape=plate.shape, trials=trials, growth=growth)
    return Match(dataclasses.replace(found, index=rows[found.index]), trials)


def _polish(plate: _Plate, match: Match, *, rung: str, share: float = 0.0) -> Solution:
    """Solution refitted to windowed centroids of the brightest usable stars where a match puts them.

    Raises
    ------
    UnsolvedError
        Less than `share` of the 200 brightest agree, or of all seen less than 60 %, or they scatter by more
        than `solve.rms_px` and than their errors let expect, or so many may agree by chance.
    """
    stars, guess = plate.stars, match.solution
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
    limit_px = max(plate.camera.solve.rms_px, LARGEST_RMS * _expected_rms(error[kept]))
    if not rms < limit_px:
        raise UnsolvedError(f"{rung}: rms {rms:.2f} px, expected less than {limit_px:.2g} px")
    _require_certainty(solution, len(chosen), plate.shape, match.trials)
    return dataclasses.replace(solution, fwhm=fwhm)


def _require_certainty(solution: Solution, looked_for: int, shape: Shape, trials: float) -> None:
    """Refuse what chance may have made: so many of the stars looked for near enough to where they should be.

    A foreign source lies so near to a star's place with the probability of that area times the density of sources;
    the probability of as many agreeing stars as found is binomial, and is had `trials` times.
    """
    from scipy.special import betainc

    near_px = max(float(solution.residual.max()), CENTROID_FLOOR_PX)
    one = min(1.0, DENSER * looked_for / (shape[0] * shape[1]) * math.pi * near_px**2)
    hits, tries = solution.n - FREE_STARS, looked_for - FREE_STARS
    chance = min(1.0, trials * float(betainc(hits, tries - hits + 1, one)) if hits > 0 else trials)
    if chance > LARGEST_CHANCE:
        raise UnsolvedError(
            f"{solution.rung}: {solution.n} of {looked_for} stars agree, which chance does with the probability"
            f" {chance:.1g}, expected less than {LARGEST_CHANCE:g}"
        )


def _require(count: int, needed: float, rung: str, what: str) -> None:
    if count < needed:
        raise UnsolvedError(f"{rung}: {count} stars {what}, expected at least {math.ceil(needed)}")


def _choose(plate: _Plate, guess: Solution) -> tuple[Ints, Floats, Floats]:
    """(rows, x, y) of the brightest stars on the chip that may enter the fit: usable, in range, not saturated."""
    stars, camera = plate.stars, plate.camera
    in_range = (stars.mag >= camera.solve.tmag_min) & (stars.mag <= camera.solve.tmag_max)
    allowed = np.flatnonzero(stars.usable & in_range)
    allowed = allowed[np.argsort(stars.mag[allowed], kind="stable")]
    px, py = to_pixels(guess, stars.ra[allowed], stars.dec[allowed])
    on_chip = _is_inside(plate, px, py, border_px=camera.detection.border_px)
    if np.count_nonzero(on_chip) < FEW_SOURCES:
        on_chip = _is_inside(plate, px, py, border_px=0)
    chosen = np.flatnonzero(on_chip)[: 2 * POLISHED_STARS]
    chosen = chosen[~_saturated(plate, px[chosen], py[chosen])][:POLISHED_STARS]
    return allowed[chosen], px[chosen], py[chosen]


def _is_inside(plate: _Plate, px: Floats, py: Floats, *, border_px: int) -> Bools:
    rows, columns = plate.shape
    left, right, bottom, top = (edge + border_px for edge in plate.camera.detector.bad_edge_px)
    return (px >= left) & (px < columns - right) & (py >= bottom) & (py < rows - top)


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


def _expected_rms(error: Floats) -> float:
    """Weighted rms of the distances of stars whose centroids have these errors an axis, pixels."""
    return float(np.sqrt(2.0 * len(error) / np.sum(error**-2)))


def _fit_clipped(
    guess: Solution, pairs: Pairs, error: Floats, shape: Shape, least_order: int
) -> tuple[Solution, Bools]:
    """(solution, kept) of a weighted fit without the stars that stand out.

    Few stars get the stiffest fit that agrees with them about as well as the others, scatter a degree of freedom.
    """
    px, py = to_pixels(guess, pairs.ra, pairs.dec)
    away = np.hypot(pairs.x - px - np.median(pairs.x - px), pairs.y - py - np.median(pairs.y - py))
    kept: Bools = away <= max(CLIP_SIGMA * float(np.median(away)), CENTROID_FLOOR_PX)
    highest = max(least_order, affordable_order(int(np.count_nonzero(kept))))
    orders = [HIGHEST_ORDER] if len(pairs) >= FEW_SOURCES else range(least_order, highest + 1)
    fits = [_fit_order(guess, pairs, error, kept, shape, range(least_order, order + 1)) for order in orders]
    scatters = [fit.scatter for fit in fits]
    best = next(fit for fit in fits if fit.scatter <= ALIKE * min(scatters))
    return best.solution, best.kept


@dataclasses.dataclass(frozen=True, eq=False)
class _Fit:
    """A solution, the stars that stayed, and their squared errors in units of those expected."""

    solution: Solution
    kept: Bools
    scatter: float


def _fit_order(guess: Solution, pairs: Pairs, error: Floats, kept: Bools, shape: Shape, orders: range) -> _Fit:
    """The fit of the highest of these orders that the stars kept can carry."""
    for _ in range(CLIP_ROUNDS):
        order = max(orders[0], min(orders[-1], affordable_order(int(np.count_nonzero(kept)))))
        solution = fit_pairs(guess, pairs.only(kept), shape, order=order, weights=error[kept] ** -2)
        px, py = to_pixels(solution, pairs.ra, pairs.dec)
        pull = np.hypot(pairs.x - px, pairs.y - py) / error
        typical = float(np.median(pull)) / MEDIAN_A_RADIUS
        agree = pull <= CLIP_SIGMA * max(1.0, typical)
        if np.array_equal(agree, kept):
            break
        kept = agree
    count = int(np.count_nonzero(kept))
    freedom = max(1.0, count - fitted_numbers(order, count) / 2) / max(1, count)
    return _Fit(solution, kept, typical**2 / freedom)
