"""Photometry of one frame: read, calibrate, place the stars, measure. The loop, a pool, a cluster all call it."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table
from astropy.time import Time

from ngcmos.arrays import Bools, Rows
from ngcmos.astrometry.distortion import Solution, project, rotation_of, to_pixels, to_pixels_roughly, to_sky
from ngcmos.astrometry.own import own_solution, solution_fingerprint
from ngcmos.calibration.masters import Masters
from ngcmos.calibration.reduce import calibrate
from ngcmos.config import Camera
from ngcmos.errors import FrameError, UnsolvedError
from ngcmos.names import Flag
from ngcmos.night.fingerprint import Inputs
from ngcmos.night.frames import FrameFacts, read_frame
from ngcmos.night.headers import card_said, header_number
from ngcmos.night.pointing import pointing_off_deg
from ngcmos.night.trimming import without_zero
from ngcmos.night.weather import extra_of
from ngcmos.photometry.air import AirCards, air_cards, under_sky
from ngcmos.photometry.apertures import Exposure, Measurement, measure
from ngcmos.photometry.counts import believable_counts
from ngcmos.photometry.noise import scintillation
from ngcmos.photometry.psf_stars import PsfPlan, measure_psf, plan_psf
from ngcmos.photometry.quality import measure_shape, sky_gradient
from ngcmos.photometry.sky import KnownStars, star_reach
from ngcmos.photometry.times import (
    EarthVectors,
    airmass,
    bjd_of,
    earth_vectors,
    mid_exposure,
    star_directions,
)
from ngcmos.photometry.trails import Trail, find_trails
from ngcmos.tables.frame_row import FrameRow
from ngcmos.tables.writer import Moment, columns, rows_of_frame

SEEN_SNR = 5.0
EXPECTED_SHARE = 0.5
SHAPE_STARS = 100
TRAIL_WINGS_PX = 1.0  # light of a trail beyond what stands out of the sky
FRAME_FLAGS = Flag.TRAIL | Flag.CLOUD | Flag.NOT_FLATTENED  # of a frame as a whole, or of a part of it
MARGIN_PX = 60.0  # around the measured stars, in which stars are kept away from the sky
# the code that makes the rows of a frame from its pixels, its header and its masters
ROOMS = (
    *[f"ngcmos.astrometry.{name}" for name in ("distortion", "fitting", "own", "polynomials", "wcs_header")],
    "ngcmos.calibration.reduce",
    "ngcmos.night.containers",
    "ngcmos.night.images",
    "ngcmos.night.trimming",
    "ngcmos.night.units",
    "ngcmos.photometry",
    "ngcmos.steps.measuring",
    *[f"ngcmos.tables.{name}" for name in ("frame_row", "writer")],
)


@dataclasses.dataclass(frozen=True, eq=False)
class Measuring:
    """What the photometry of every frame of a field needs.

    `ra`, `dec` and `directions` are those of `stars`, which are measured; `known` holds right ascensions and
    declinations of all stars among and around them: the sky map leaves them out. `alone` are those of the measured
    that tell of the frame itself, `psf` tells which neighbours are fitted by the stars' shape, None: none is.
    `bias_adu` is the usual level of the bias, None without one.
    """

    camera: Camera
    masters: Masters
    stars: Table
    ra: np.ndarray
    dec: np.ndarray
    directions: np.ndarray
    known: KnownStars
    alone: Bools
    psf: PsfPlan | None
    name_width: int
    bias_adu: float | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Solved:
    """A frame that has a plate solution of ours, as its header has it.

    `said` is what its cards say of the air, `pointing` where they say it looks, `colour` which filters its pixels
    have, `extra` further cards of the profile; `solution_sum` tells what its plate solution was made of.
    """

    path: Path
    start: Time
    exptime_s: float
    solution: Solution
    said: AirCards
    zp: float
    wcs_rms_px: float
    wcs_stars: int
    solution_sum: str
    colour: str
    pointing: tuple[float, float] | None
    extra: Mapping[str, float]


@dataclasses.dataclass(frozen=True, eq=False)
class Placed(Solved):
    """A frame fit to be measured: where the Earth was in the middle of its exposure, the air it looked through.

    `said` holds the true altitude too; `shift` is that of donuts.
    """

    earth: EarthVectors
    airmass: float
    pointing_off_deg: float
    shift: tuple[float | None, float | None] = (None, None)


def prepare_measuring(
    camera: Camera, masters: Masters, stars: Table, catalog: Table, name_width: int
) -> Measuring:
    """The Measuring of a field, from its input catalog and from the catalog of all stars."""
    ra, dec = np.asarray(stars["ra_deg_corr"]), np.asarray(stars["dec_deg_corr"])
    alone = stars_alone(stars)
    known = _known_stars(catalog, ra[alone], dec[alone], MARGIN_PX * camera.detector.scale_arcsec / 3600)
    bias_adu = None if masters.sources["bias"] is None else float(np.median(masters.bias[::4, ::4]))
    towards = star_directions(ra, dec)
    settings, scale_arcsec = camera.photometry, camera.detector.scale_arcsec
    psf = (
        plan_psf(stars, catalog, radius_px=max(settings.radii_px), scale_arcsec=scale_arcsec)
        if settings.psf
        else None
    )
    return Measuring(camera, masters, stars, ra, dec, towards, known, alone, psf, name_width, bias_adu)


def stars_alone(stars: Table) -> Bools:
    """Which stars tell of a frame as a whole: those not blended, or all where each is.

    So no blended star moves what is said of another one.
    """
    alone: Bools = ~np.asarray(stars["blended"], bool)
    return alone if alone.any() else np.ones(len(stars), bool)


def _known_stars(catalog: Table, ra: np.ndarray, dec: np.ndarray, margin_deg: float) -> KnownStars:
    """The stars (x, y: ra, dec) in the smallest box on the sky that holds the measured ones, and around it."""
    centre = float(ra[0]), float(dec[0])
    (low_x, low_y), (high_x, high_y) = (bound(project(ra, dec, centre), axis=1) for bound in (np.min, np.max))
    places = np.asarray(catalog["ra_deg_corr"]), np.asarray(catalog["dec_deg_corr"])
    xi, eta = project(*places, centre)
    near = (xi > low_x - margin_deg) & (xi < high_x + margin_deg)
    near &= (eta > low_y - margin_deg) & (eta < high_y + margin_deg)
    tmag = np.asarray(catalog["Tmag"], float)
    order = np.flatnonzero(near & np.isfinite(tmag))
    order = order[np.argsort(tmag[order], kind="stable")]
    return KnownStars(places[0][order], places[1][order], star_reach(tmag[order]))


def place_frame(path: Path, camera: Camera) -> Solved:
    """The Solved of a file.

    Raises
    ------
    FrameError
        The file is no frame, or has no plate solution of ngcmos.
    """
    frame = read_frame(path, camera, pixels=False)
    try:
        solution = own_solution(frame.header, camera.calibration.origin)
    except UnsolvedError as error:
        raise UnsolvedError(f"{path.name}: {error}") from None
    return Solved(
        path=path,
        start=frame.start,
        exptime_s=frame.exptime,
        solution=solution,
        said=air_cards(frame.header, camera.headers.altitude),
        zp=_number(frame.header, "MAGZP_T", path),
        wcs_rms_px=_number(frame.header, "WCSRMS", path),
        wcs_stars=int(header_number(frame.header, "WCSNSTAR", path)) if "WCSNSTAR" in frame.header else 0,
        solution_sum=solution_fingerprint(frame.header),
        colour=str(card_said(frame.header, "BAYERPAT") or "").strip(),
        pointing=frame.pointing,
        extra=extra_of(frame.header, camera.headers.extra_cards),
    )


def inputs_of_rows(camera: Camera, masters: Masters, *, catalog: str, solution: str) -> Inputs:
    """All that the rows of a field's frames depend on, beside the frames themselves.

    Parameters
    ----------
    camera : ngcmos.config.Camera
    masters : ngcmos.calibration.masters.Masters
    catalog, solution : str
        Fingerprints of the input catalog and of the frames' plate solutions.
    """
    row = np.dtype([(name, kind) for name, kind, _ in columns(camera.photometry.radii_px, 1)])
    tables = {name: getattr(camera, name) for name in ("detector", "photometry", "site", "telescope", "headers")}
    own = camera.calibration
    tables |= {"calibration.reduced": own.reduced, "calibration.trim": own.sections_said}
    sums = {name: masters.checksums[name] or "none" for name in ("bias", "dark", "flat")}
    sums |= {"hot_pixels": masters.hot_pixels} if masters.hot_pixels else {}
    least = {"detection.min_objects": camera.detection.min_objects}
    return Inputs.of(ROOMS, row, catalog=catalog, solution=solution, **tables, **sums, **least)


def with_times(solved: Sequence[Solved], camera: Camera) -> list[Placed]:
    """The frames with their mid exposures and the air they look through then, all computed at once."""
    if not solved:
        return []
    start = Time([frame.start for frame in solved])
    earth = earth_vectors(mid_exposure(start, [frame.exptime_s for frame in solved]), camera.site)
    return [_in_air(frame, earth[row : row + 1], camera.detector.shape) for row, frame in enumerate(solved)]


def _in_air(frame: Solved, earth: EarthVectors, shape: tuple[int, int]) -> Placed:
    rows, columns = shape
    ra, dec = to_sky(frame.solution, (columns - 1) / 2, (rows - 1) / 2)
    said = under_sky(frame.said, earth, star_directions(ra, dec), frame.exptime_s)
    known = vars(frame) | {"said": said}
    off_deg = np.nan if frame.pointing is None else pointing_off_deg(frame.pointing, float(ra), float(dec))
    return Placed(**known, earth=earth, airmass=float(airmass(said.altitude_deg)), pointing_off_deg=off_deg)


def _number(header: Mapping[str, Any], key: str, path: Path) -> float:
    """Value of a card that may be missing: NaN then."""
    return header_number(header, key, path) if key in header else np.nan


def measure_frame(placed: Placed, measuring: Measuring) -> tuple[Rows, FrameRow]:
    """The rows of one frame, one a star, and the row of the frame itself.

    Raises
    ------
    FrameError
        The file cannot be read, or too few of the stars expected are seen.
    """
    camera, stars, masters = measuring.camera, measuring.stars, measuring.masters
    frame = read_frame(placed.path, camera)
    counts_adu = without_zero(frame.data, frame.zero_adu)
    image = calibrate(counts_adu, frame.exptime, masters, detector=camera.detector)
    zero_adu = None if measuring.bias_adu is None else measuring.bias_adu + float(np.median(frame.zero_adu))
    believable = believable_counts(frame.data, zero_adu, camera.detector.saturation_adu)
    exposure = Exposure(image, frame.data, frame.exptime, masters.bad, believable)
    x, y = to_pixels(placed.solution, measuring.ra, measuring.dec)
    known = measuring.known
    measurement = measure(
        exposure,
        x,
        y,
        settings=camera.photometry,
        detector=camera.detector,
        blended=np.asarray(stars["blended"]),
        known=KnownStars(*to_pixels_roughly(placed.solution, known.x, known.y), known.reach),
    )
    alone = measuring.alone
    telling = measurement.of(alone)
    counts = _count_stars(telling)
    _require_stars(frame, counts, camera.detection.min_objects)
    sky, sky_rms = float(np.nanmedian(telling.sky)), float(np.nanmedian(telling.sky_rms))
    trails = find_trails(image, x[alone], y[alone], bad=masters.bad, sky=sky, sky_rms=sky_rms)
    flags = measurement.flags | _flag_stars(trails, x, y, measuring)
    bjd = bjd_of(placed.earth, measuring.directions)[0]
    moment = Moment(frame.name, placed.earth.jd_utc[0], bjd, placed.airmass, placed.zp)
    quality = _quality(exposure, x[alone], y[alone], telling)
    by_shape = _measure_psf(exposure, x, y, measurement, placed, measuring, quality["fwhm_px"])
    flagged = dataclasses.replace(measurement, flags=flags, **by_shape)
    rows = rows_of_frame(flagged, stars, x, y, moment, name_width=measuring.name_width)
    return rows, FrameRow(
        **_placed_facts(placed, camera),
        **counts,
        **quality,
        sky=sky,
        sky_rms=sky_rms,
        trail=max((trail.share for trail in trails), default=0.0),
        flags=int(np.bitwise_or.reduce(flags[alone] & FRAME_FLAGS)),
        counts=believable.fault,
    )


def _measure_psf(
    exposure: Exposure,
    x: np.ndarray,
    y: np.ndarray,
    measurement: Measurement,
    placed: Placed,
    measuring: Measuring,
    fwhm_px: float,
) -> dict[str, np.ndarray]:
    """Fluxes by the shape of the stars, by the names of Measurement; none where the profile wants none."""
    plan = measuring.psf
    if plan is None:
        return {}
    near_x, near_y = to_pixels(placed.solution, plan.ra, plan.dec)
    flux, error = measure_psf(
        exposure,
        np.concatenate([x, near_x]),
        np.concatenate([y, near_y]),
        measurement=measurement,
        plan=plan,
        fwhm_px=fwhm_px,
        detector=measuring.camera.detector,
    )
    return {"flux_psf": flux, "fluxerr_psf": error}


def _flag_stars(trails: Sequence[Trail], x: np.ndarray, y: np.ndarray, measuring: Measuring) -> np.ndarray:
    """(stars,) bits of what happened to the frame: a trail over a star's largest aperture, no flat."""
    reach_px = max(measuring.camera.photometry.radii_px) + TRAIL_WINGS_PX
    crossed = [trail.crosses(x, y, reach_px) for trail in trails if trail.is_trail]
    flags = np.where(np.any(crossed, axis=0), Flag.TRAIL, 0) if crossed else np.zeros(x.shape, int)
    return (flags | (0 if measuring.masters.flattened else Flag.NOT_FLATTENED)).astype(np.int32)


def _count_stars(measurement: Measurement) -> dict[str, Any]:
    """Stars on the chip, seen, and saturated; the smallest aperture is the surest to see a faint star."""
    with np.errstate(invalid="ignore", divide="ignore"):
        seen = measurement.flux[0] > SEEN_SNR * measurement.fluxerr[0]
    masks = {
        "stars_on_chip": (measurement.flags & Flag.OFF_CHIP) == 0,
        "stars_seen": seen,
        "stars_saturated": (measurement.flags & Flag.SATURATED) != 0,
    }
    return {name: int(np.count_nonzero(mask)) for name, mask in masks.items()}


def _require_stars(frame: FrameFacts, counts: Mapping[str, int], min_objects: int) -> None:
    """Refuse a frame that shows too few stars; a field with few stars in its catalog asks for fewer."""
    needed = min(min_objects, EXPECTED_SHARE * counts["stars_on_chip"])
    if counts["stars_seen"] < max(needed, 1):
        raise FrameError(
            f"{frame.name}: too few stars (cloud?): {counts['stars_seen']} of {counts['stars_on_chip']} seen,"
            f" expected at least {needed:.0f}"
        )


def _quality(exposure: Exposure, x: np.ndarray, y: np.ndarray, measurement: Measurement) -> dict[str, Any]:
    """What the image tells of its own quality; shape by the brightest stars (the catalog is sorted so)."""
    whole = np.flatnonzero((measurement.flags & (Flag.OFF_CHIP | Flag.SATURATED | Flag.EDGE)) == 0)[:SHAPE_STARS]
    shape = measure_shape(exposure.image, x[whole], y[whole], bad=exposure.bad)
    return {
        "fwhm_px": shape.fwhm_px,
        "place_x": float(np.nanmedian(x)),
        "place_y": float(np.nanmedian(y)),
        "elongation": shape.elongation,
        "sky_gradient": sky_gradient(x, y, measurement.sky, exposure.image.shape),
    }


def _placed_facts(placed: Placed, camera: Camera) -> dict[str, Any]:
    """What is known of a frame before its pixels are read."""
    shift_x, shift_y = placed.shift
    air = scintillation(
        placed.exptime_s, placed.airmass, telescope=camera.telescope, elevation_m=camera.site.elevation_m
    )
    return {
        "frame_id": placed.path.name,
        "date_obs": placed.start.isot,
        "jd_mid": float(placed.earth.jd_utc[0]),
        "exptime_s": placed.exptime_s,
        "airmass": placed.airmass,
        "zp": placed.zp,
        "shift_x": shift_x,
        "shift_y": shift_y,
        "wcs_rms_px": placed.wcs_rms_px,
        "wcs_stars": placed.wcs_stars,
        "rotation_deg": rotation_of(placed.solution),
        "pointing_off_deg": placed.pointing_off_deg,
        "scintillation": float(air),
    }
