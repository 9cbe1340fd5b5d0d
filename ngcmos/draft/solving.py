"""What a plate solution of a first frame says of a camera: its scale, and which stars it sees."""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ngcmos.arrays import Counts, Floats, Place
from ngcmos.astrometry.distortion import Solution
from ngcmos.astrometry.extracts import read_local
from ngcmos.astrometry.solve import solve_frame
from ngcmos.astrometry.spots import ReferenceStars
from ngcmos.astrometry.zeropoint import measure_zero_point
from ngcmos.config import Camera
from ngcmos.draft.found import Found, rounded
from ngcmos.errors import CatalogError, FrameError, UnsolvedError

SEARCHED_DEG = 3.0
SCALES_ARCSEC = (0.15, 60.0)  # searched where nothing tells the scale
STEP = 1.08  # from one scale to the next; the solver looks 4 % to either side
LEAST_SNR = 5.0
CURVE_SNR = 30.0  # of a star that gets a light curve
BRIGHTER_MAG = 1.0  # than the brightest star that was matched


@dataclasses.dataclass(frozen=True)
class Solved:
    """Scale (arcsec a pixel) of a frame, and Tmag of the brightest star matched, of 5 sigma, of 30 sigma."""

    scale_arcsec: float
    brightest: float
    faintest: float
    curved: float
    stars: int


def stars_of(paths: Sequence[Path], pointing: Place, box_deg: float = SEARCHED_DEG) -> ReferenceStars:
    """Stars of local catalogs around a place.

    Raises
    ------
    CatalogError
        As of `ngcmos.astrometry.extracts.read_local`.
    """
    rows = read_local(paths, pointing, box_deg)
    known = np.isfinite(rows["Tmag"])
    if not known.any():
        raise CatalogError(f"{', '.join(map(str, paths))}: no star has a Tmag, expected some")
    ra, dec, tmag = (np.asarray(rows[name], float)[known] for name in ("RAJ2000", "DEJ2000", "Tmag"))
    return ReferenceStars(ra, dec, tmag, usable=np.ones(tmag.size, bool))


def solve_first(
    image: Counts, stars: ReferenceStars, camera: Camera, pointing: Place, exptime_s: float, *, scale_known: bool
) -> Solved:
    """The frame solved with the scale of the camera, or with all scales that a telescope may have.

    Raises
    ------
    UnsolvedError
        No scale fits.
    """
    solution = _solve(image, stars, camera, pointing, scale_known)
    tmag = stars.mag[solution.index]
    faintest, curved = (
        min(limit, float(stars.mag.max())) for limit in _reach(image, solution, tmag, exptime_s, camera)
    )
    return Solved(solution.scale_arcsec, float(tmag.min()), faintest, curved, solution.n)


def _solve(image: Counts, stars: ReferenceStars, camera: Camera, pointing: Place, scale_known: bool) -> Solution:
    tried = [camera] if scale_known else _cameras(camera)
    for one in tried:
        try:
            return solve_frame(image, stars, one, pointing=pointing)
        except UnsolvedError as error:
            last = str(error)
    raise UnsolvedError(last if scale_known else f'no scale from {SCALES_ARCSEC[0]} to {SCALES_ARCSEC[1]}" fits')


def _cameras(camera: Camera) -> Iterator[Camera]:
    """The camera with one scale after the other, the usual ones first: near the pointing, then farther off."""
    low, high = SCALES_ARCSEC
    nearest, *others = camera.solve.radius_deg
    near, far = (dataclasses.replace(camera.solve, radius_deg=radii) for radii in ((nearest,), tuple(others)))
    scales = itertools.takewhile(lambda scale: scale < high, (low * STEP**number for number in itertools.count()))
    usual_first = sorted(scales, key=lambda scale: abs(np.log(scale / 2.0)))
    for settings, scale in itertools.product((near, far), usual_first):
        limits = scale / STEP, scale * STEP
        detector = dataclasses.replace(camera.detector, scale_arcsec=scale, scale_limits_arcsec=limits)
        yield dataclasses.replace(camera, detector=detector, solve=settings)


def _reach(
    image: Counts, solution: Solution, tmag: Floats, exptime_s: float, camera: Camera
) -> tuple[float, float]:
    """Tmag of a star of 5 sigma and of one of 30 sigma in an aperture, by sky and photons of this frame."""
    try:
        zero = measure_zero_point(image, solution.x, solution.y, tmag, exptime_s=exptime_s).median
    except FrameError:
        return float(tmag.max()), float(tmag.max())
    sample = image[::4, ::4].astype(float)
    noise = 1.4826 * float(np.median(np.abs(sample - np.median(sample))))
    radius = camera.photometry.radii_px[len(camera.photometry.radii_px) // 2]
    sky_adu = max(noise, 0.5) * np.sqrt(np.pi) * radius
    return _limit(zero, exptime_s, sky_adu, camera, LEAST_SNR), _limit(zero, exptime_s, sky_adu, camera, CURVE_SNR)


def _limit(zero: float, exptime_s: float, sky_adu: float, camera: Camera, snr: float) -> float:
    """Tmag of a star of that many sigma: flux / sqrt(sky**2 + flux / gain) = snr, solved for the flux."""
    photons = snr**2 / camera.detector.gain_e_adu
    flux_adu = 0.5 * (photons + np.sqrt(photons**2 + 4 * (snr * sky_adu) ** 2))
    return float(zero - 2.5 * np.log10(flux_adu / exptime_s))


def of_solution(solved: Solved, camera: Camera) -> list[Found]:
    """Keys that follow from a solved frame."""
    why = f"a plate solution with {solved.stars} stars"
    scale = rounded(solved.scale_arcsec, 5)
    return [
        Found("detector.scale_arcsec", scale, why),
        *of_scale(scale, camera),
        *_magnitudes(solved),
    ]


def _magnitudes(solved: Solved) -> list[Found]:
    """Magnitude limits in steps of half a magnitude."""
    faint = float(np.ceil(2 * solved.faintest) / 2)
    bright = float(np.floor(2 * (solved.brightest - BRIGHTER_MAG)) / 2)
    curve = float(np.round(2 * solved.curved) / 2)
    deep = f"a star of 5 sigma in this frame has Tmag {solved.faintest:.1f}"
    return [
        Found("solve.tmag_min", bright, f"the brightest star matched has Tmag {solved.brightest:.1f}"),
        Found("solve.tmag_max", faint, deep),
        Found("catalog.tmag_max", faint, deep),
        Found("light_curves.tmag_max", curve, f"a star of 30 sigma has Tmag {solved.curved:.1f}"),
        Found("light_curves.noise_tmag_max", faint, deep),
    ]


def of_scale(scale_arcsec: float, camera: Camera) -> list[Found]:
    """Keys in arcsec and degrees that follow from the scale."""
    rows, columns = camera.detector.shape
    wide_deg = scale_arcsec * max(rows, columns) / 3600
    apart_px = max(6.0, 1.4 * camera.photometry.radii_px[0] / 0.8)
    why = f"a field of {rounded(wide_deg, 2):g} degrees"
    found = [
        Found("catalog.box_deg", min(20.0, rounded(max(0.1, 1.32 * wide_deg), 2)), why),
        Found("catalog.blend_arcsec", rounded(apart_px * scale_arcsec, 2), f"{apart_px:.1f} px"),
    ]
    if wide_deg < 0.2:
        found.append(Found("solve.radius_deg", (0.05, 0.2, 2.0), why))
    return found
