"""What a profile reads out of a frame, and what of the frame contradicts the profile."""

import math
from pathlib import Path

import numpy as np

from ngcmos.astrometry.own import find_own_solution
from ngcmos.config import Camera
from ngcmos.doctor.finding import Finding, Findings, bad, good, remark
from ngcmos.draft import cards, dialect, sky
from ngcmos.draft.found import Found
from ngcmos.draft.sheet import Sheet
from ngcmos.errors import FrameError
from ngcmos.night.filenames import stamp_of
from ngcmos.night.frames import Frame, read_frame
from ngcmos.night.headers import said_first
from ngcmos.night.job import Job
from ngcmos.night.pointing import pointing_cards
from ngcmos.night.remarks import keep_remark
from ngcmos.photometry.air import ALTITUDE_LEEWAY_DEG, number_of
from ngcmos.photometry.times import altitude_at, mid_exposure

ALIKE = 0.02  # numbers of a card and the profile that differ by less are one
STAMP_LEEWAY_S = 1.0
SITE_LEEWAY = {"site.latitude_deg": 0.05, "site.longitude_deg": 0.05, "site.elevation_m": 200.0}
_CORRECT = "correct {key} in the profile, unless the card is wrong"
PROFILE = "profile"
_ENTERING = ("detector.gain_e_adu", "site.latitude_deg", "site.longitude_deg")
_NOT_COMPARED = ("site.timezone", "headers.readmode", "headers.filter", "detector.rows", "detector.columns")


def check_frame(path: Path, camera: Camera) -> Findings:
    """Findings about one frame as this profile reads it."""
    try:
        frame = read_frame(path, camera)
    except FrameError as error:
        yield bad(str(error), "correct the profile: the message names the key, or the card that should be there")
        return
    yield good(_told(frame, camera))
    if frame.pointing is None:
        how = "name them in headers.pointing, or give headers.center or --center RA DEC"
        yield bad(f"{path.name}: no pointing{pointing_cards(frame.header)}", how)
    sheet = Sheet.of(frame.header)
    for one in [
        *cards.of_detector(sheet, camera.detector.shape),
        cards.of_telescope(sheet),
        *cards.of_site(sheet),
    ]:
        if not one.remedy and one.key not in _NOT_COMPARED and (said := contradiction(one, camera)):
            yield remark(f"{path.name}: {said}", _CORRECT.format(key=one.key))
    yield from _check_time(frame, sheet, camera)
    yield from _check_altitude(frame, camera)
    yield from _check_pixels(frame, camera)


def _told(frame: Frame, camera: Camera) -> str:
    """What is read: shape, field, time, exposure, place, filter."""
    rows, columns = camera.detector.shape
    place = "nowhere" if frame.pointing is None else f"{frame.pointing[0]:.4f} {frame.pointing[1]:+.4f}"
    name = said_first(frame.header, camera.headers.filter) or f"{camera.detector.filter} by the profile"
    target = said_first(frame.header, camera.headers.object) or "none"
    return (
        f"{frame.name}: {columns}x{rows} px, field {frame.field}, object {target}, filter {name}, begun "
        f"{frame.start.isot} UTC, {frame.exptime:g} s, looks at {place}, counts {frame.data.min():g} to "
        f"{frame.data.max():g}"
    )


def remark_on_profile(job: Job, field: str, path: Path) -> None:
    """Keep what the cards of a frame say otherwise of what errors, airmass and times take from the profile."""
    try:
        sheet = Sheet.of(read_frame(path, job.camera, pixels=False).header)
    except (FrameError, ValueError):  # a header with damaged cards
        return
    found = [*cards.of_detector(sheet, job.camera.detector.shape), *cards.of_site(sheet)]
    told = [contradiction(one, job.camera) for one in found if not one.remedy and one.key in _ENTERING]
    said = "; ".join(filter(None, told))
    remedy = ": the profile is believed, is it that of this camera and site?"
    keep_remark(job.ledger, field, PROFILE, said + remedy if said else "")


def contradiction(one: Found, camera: Camera) -> str:
    """How a card contradicts the profile; "" where it does not."""
    table, _, key = one.key.partition(".")
    value = getattr(getattr(camera, table), key)
    if isinstance(value, str) or not isinstance(one.value, int | float):
        agrees = str(value) in str(one.value) or not value  # a read mode need only be contained
    elif key == "scale_arcsec":
        low, high = camera.detector.scale_limits_arcsec
        agrees = low <= one.value <= high
    elif key == "pixel_um" and not value:
        agrees = True
    else:
        leeway = SITE_LEEWAY.get(one.key, ALIKE * abs(value))
        agrees = abs(one.value - value) <= leeway
        if one.key == "site.longitude_deg" and value < 0:  # many programs count westward
            agrees = agrees or abs(one.value + value) <= leeway
    return "" if agrees else f"{one.source} says {one.value}, the profile's {one.key} is {value}"


def _check_time(frame: Frame, sheet: Sheet, camera: Camera) -> Findings:
    """Findings about the clock: the stamp of the name, and what the time is of the exposure."""
    stamp = stamp_of(frame.path)
    lag_s = math.nan if stamp is None else frame.start.unix - stamp.timestamp()
    if abs(lag_s) > STAMP_LEEWAY_S:
        how = "set headers.time_meaning, time_scale or utc_offset_h, or headers.date_obs to the right card"
        yield remark(f"{frame.name}: begun {lag_s:+.1f} s from the time in its name", how)
    meaning, why = dialect.meaning_of(sheet, camera.headers, frame.exptime, frame.path)
    if why and meaning != camera.headers.time_meaning:
        said = f"the profile's headers.time_meaning is {camera.headers.time_meaning}"
        yield remark(f"{frame.name}: its time is the {meaning} of the exposure by {why}, {said}", "correct it")


def _check_altitude(frame: Frame, camera: Camera) -> Findings:
    """Findings about place, time and pointing together: the field stands above the horizon, as its card says."""
    if frame.pointing is None:
        return
    mid = mid_exposure(frame.start, frame.exptime)
    altitude_deg = float(np.ravel(altitude_at(mid, *frame.pointing, camera.site))[0])
    how = "one of site, time and pointing is wrong"
    if altitude_deg <= 0:
        yield bad(f"{frame.name}: by site, time and pointing it looks down to {altitude_deg:.1f} degrees", how)
        return
    yield good(f"{frame.name}: by site, time and pointing the field stands {altitude_deg:.1f} degrees high")
    said = number_of(said_first(frame.header, [camera.headers.altitude]) or math.nan)
    if abs(said - altitude_deg) > ALTITUDE_LEEWAY_DEG:
        yield remark(f"{frame.name}: {camera.headers.altitude} says {said:.1f} degrees", how)


def _check_pixels(frame: Frame, camera: Camera) -> Findings:
    """Findings about stars and counts."""
    facts = sky.look_at([frame.data])
    solved = "solved by ngcmos" if find_own_solution(frame.header) else "not solved yet"
    yield good(f"{frame.name}: {facts.sources} sources, {facts.fwhm_px:.1f} px wide; {solved}")
    yield from _check_widths(frame.name, facts, camera)
    saturation = camera.detector.saturation_adu
    if facts.largest_adu > saturation:
        said = f"{frame.name}: counts up to {facts.largest_adu:g}, beyond detector.saturation_adu {saturation}"
        yield remark(said, "raise it: nothing above it can be a count")


def _check_widths(name: str, facts: sky.SkyFacts, camera: Camera) -> Findings:
    """Findings about the apertures and the stars that a frame must show."""
    largest = max(camera.photometry.radii_px)
    if facts.fwhm_px > largest / 1.5:
        said = (
            f"{name}: stars are {facts.fwhm_px:.1f} px wide, the largest aperture has a radius of {largest:g} px"
        )
        yield remark(said, f"give photometry.radii_px up to {2.4 * facts.fwhm_px:.0f} px")
    least = camera.detection.min_objects
    if facts.sources < min(least, 6):
        yield _few(name, facts.sources)


def _few(name: str, count: int) -> Finding:
    return bad(f"{name}: {count} sources, expected six or more", "lower detection.min_area_px; or it is cloud")
