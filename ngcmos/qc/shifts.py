"""How far each frame has moved against a reference, by donuts, and whether that number can be believed.

donuts returns a number for any two images. Here each one is checked: stars must be seen, and the projections must
match where the shift says they do. A frame that fails has no shift (None) and a reason.

::

    reference = build_reference(data, exptime_s, camera.donuts, name="….fits")
    shift = measure_shift(reference, data, exptime_s)        # in memory; both can be pickled
    shift = refuse_shift("unreadable", reason)               # for a frame that could not be read
    text = format_json(summarise([MeasuredShift(name, time, shift), …], reference.name, night))

The sign is donuts' own: the correction that brings the frame back; a star that moved by +0.3 px gives about -0.3.
"""

import dataclasses
import json
import warnings

import numpy as np

from ngcmos.config import DonutsSettings
from ngcmos.errors import FrameError
from ngcmos.qc.evidence import Evidence, compare_stars, find_stars, match_projections

OK = "ok"
LARGE = "large"
CONSTANT = "constant"
STARLESS = "starless"
CLOUD = "cloud"
BEYOND_REACH = "beyond reach"
FIXED_PATTERN = "fixed pattern"
UNREADABLE = "unreadable"

MIN_STARS = 5
MIN_MATCH = 0.25
CHANCE_MATCH = 7.0  # over the root of the pixels compared: what two different fields never reach
MIN_FOUND_SHARE = 0.25  # of the bright stars; by chance a few per cent are
RESIDUAL_PX = 0.4  # between donuts and the stars
RESIDUAL_GROWTH = 0.02  # of the shift: the field turns and stretches
MIN_STAR_SHARE = 0.05  # with fewer of the reference's stars, hot pixels pull the shift to zero
CLOUD_SHARE = 0.3
_EXPTIME = "EXPTIME"


@dataclasses.dataclass(frozen=True)
class Shift:
    """Shift of one frame.

    Attributes
    ----------
    x, y : float or None
        Pixels, donuts' sign (the correction); None where it could not be measured.
    quality : float
        What speaks for this shift, 1 at best: the smallest of the correlation coefficients of the two projections
        and the share of the bright stars that are found where it says; 0 where nothing could be compared.
    stars : int
        Stars seen.
    verdict : str
        ok, large, starless, constant, cloud, beyond reach, fixed pattern or unreadable.
    reason : str
        One line for all but ok; empty for ok.
    """

    x: float | None
    y: float | None
    quality: float
    stars: int
    verdict: str
    reason: str

    @property
    def known(self):
        """Whether there is a shift."""
        return self.x is not None


@dataclasses.dataclass(frozen=True)
class MeasuredShift:
    """Shift of a frame with its name and the start of its exposure (ISO, UTC; None where unknown)."""

    name: str
    time: str | None
    shift: Shift


@dataclasses.dataclass(frozen=True, eq=False)
class Reference:
    """What all frames of a field are compared with: the projections of one image.

    Attributes
    ----------
    name : str
    settings : ngcmos.config.DonutsSettings
    shape : (int, int)
        Rows and columns of a frame.
    edges : (int, int, int, int)
        Region used: first and last row, first and last column.
    proj_x, proj_y : ndarray
        donuts' projections, ADU per second.
    peaks : ndarray (n, 2)
        x, y of the stars in the region used, the brightest first.
    """

    name: str
    settings: DonutsSettings
    shape: tuple[int, int]
    edges: tuple[int, int, int, int]
    proj_x: np.ndarray
    proj_y: np.ndarray
    peaks: np.ndarray

    @property
    def stars(self):
        """Stars seen."""
        return len(self.peaks)


def build_reference(data, exptime_s, settings, *, name=""):
    """The Reference made of one image.

    Parameters
    ----------
    data : ndarray (rows, columns)
        Raw counts.
    exptime_s : float
    settings : ngcmos.config.DonutsSettings
    name : str
        File name, for reports.

    Raises
    ------
    FrameError
        The image is constant, shows no stars or is too small: no frame can be compared with it.
    """
    edges = _find_edges(data, settings, name)
    image = _project(data, exptime_s, edges, settings.tiles)
    peaks = find_stars(image.raw_region, image.sky_tiles)
    if len(peaks) < MIN_STARS:
        raise FrameError(f"{name}: {len(peaks)} stars seen, expected {MIN_STARS} or more in a reference image")
    return Reference(name, settings, data.shape, edges, image.proj_x, image.proj_y, peaks)


def measure_shift(reference, data, exptime_s, *, name="", witness=None, tolerance_px=3.0):
    """The Shift of an image against the reference.

    Parameters
    ----------
    reference : Reference
    data : ndarray (rows, columns)
        Raw counts.
    exptime_s : float
    name : str
        File name, for the error.
    witness : (float, float), optional
        The shift by other means (`wcs_shift`); a measured shift that contradicts it is refused.
    tolerance_px : float
        How far the two may differ.

    Raises
    ------
    FrameError
        The image has another shape than the reference.
    """
    if data.shape != reference.shape:
        raise FrameError(f"{name}: shape {data.shape}, expected {reference.shape} as {reference.name}")
    image = _project(data, exptime_s, reference.edges, reference.settings.tiles)
    region = image.raw_region
    if region.min() == region.max():
        return refuse_shift(CONSTANT, f"all pixels are {region.flat[0]}, expected a sky")
    peaks = find_stars(region, image.sky_tiles)
    stars = len(peaks)
    if stars < MIN_STARS:
        return refuse_shift(STARLESS, f"{stars} stars seen, {reference.stars} in the reference", stars=stars)
    x, y = _correlate(image, reference)
    evidence = _collect_evidence(reference, image, peaks, x, y)
    return _judge(Shift(x, y, evidence.quality, stars, OK, ""), evidence, reference, witness, tolerance_px)


def _collect_evidence(reference, image, peaks, x, y):
    share, residual_px = compare_stars(reference.peaks, peaks, (x, y), image.raw_region.shape)
    pairs = [(reference.proj_x, image.proj_x, x), (reference.proj_y, image.proj_y, y)]
    return Evidence(min(match_projections(*pair) for pair in pairs), share, residual_px)


def refuse_shift(verdict, reason, *, stars=0, quality=0.0):
    """A Shift that is not known, and why."""
    return Shift(None, None, quality, stars, verdict, reason)


def _judge(shift, evidence, reference, witness, tolerance_px):
    """The shift with its verdict; without its numbers where they cannot be believed."""
    seen = {"stars": shift.stars, "quality": shift.quality}
    stars = f"{shift.stars} of {reference.stars} stars seen"
    if shift.stars < MIN_STAR_SHARE * reference.stars:
        return refuse_shift(CLOUD, stars, **seen)
    least = least_match(reference, shift)
    if evidence.match < least:
        why = f"projections match by {evidence.match:.2f}, expected {least:.2f} or more"
        if shift.stars < CLOUD_SHARE * reference.stars:
            return refuse_shift(CLOUD, f"{stars}, {why}", **seen)
        return refuse_shift(BEYOND_REACH, f"{why}: moved too far, or another field", **seen)
    size = np.hypot(shift.x, shift.y)
    if evidence.share < MIN_FOUND_SHARE or evidence.residual_px > RESIDUAL_PX + RESIDUAL_GROWTH * size:
        found = f"{evidence.share:.0%} of the stars are found, {evidence.residual_px:.2f} px off"
        why = f"donuts says {shift.x:.2f}, {shift.y:.2f} px, where {found}"
        return refuse_shift(FIXED_PATTERN, f"{why}: hot pixels or a pattern outshine them", **seen)
    if witness is not None and np.hypot(shift.x - witness[0], shift.y - witness[1]) > tolerance_px:
        found = f"donuts says {shift.x:.2f}, {shift.y:.2f} px, the WCS {witness[0]:.2f}, {witness[1]:.2f} px"
        return refuse_shift(BEYOND_REACH, found, **seen)
    limit = reference.settings.large_px
    if max(abs(shift.x), abs(shift.y)) >= limit:
        return dataclasses.replace(shift, verdict=LARGE, reason=f"moved by {limit} px or more")
    return shift


def least_match(reference, shift):
    """The correlation that a shift must have: more than chance gives in the pixels that overlap after it."""
    overlap = min(reference.proj_x.size - abs(shift.x), reference.proj_y.size - abs(shift.y))
    return max(MIN_MATCH, CHANCE_MATCH / np.sqrt(max(overlap, 1.0)))


def _find_edges(data, settings, name):
    """Edges of the region that donuts uses, as it finds them."""
    from ngcmos.qc.projection import ProjectedImage

    lost = 2 * settings.border_px + settings.prescan_px + settings.overscan_px
    if data.ndim != 2 or min(data.shape) - lost < 4 * settings.tiles:
        raise FrameError(
            f"{name}: shape {data.shape}, expected more than {lost + 4 * settings.tiles} px a side for donuts"
        )
    return ProjectedImage(data).calculate_image_geometry(
        prescan_width=settings.prescan_px,
        overscan_width=settings.overscan_px,
        border=settings.border_px,
        ntiles=settings.tiles,
    )


def _project(data, exptime_s, edges, tiles):
    """The image as donuts sees it, projections made."""
    from ngcmos.qc.projection import ProjectedImage

    image = ProjectedImage(data, {_EXPTIME: exptime_s})
    image.trim(*edges).normalise(_EXPTIME).remove_background(tiles)
    return image.compute_projections()


def _correlate(image, reference):
    """donuts' own answer (x, y) in pixels."""
    from ngcmos.qc.projection import ProjectedImage

    compared = ProjectedImage(None)
    compared.proj_x, compared.proj_y = reference.proj_x, reference.proj_y
    image.compute_offset(compared)
    return float(image.x.value), float(image.y.value)


def wcs_shift(header_ref, header):
    """Shift between two plate solutions in donuts' sign, at the centre of the chip.

    Parameters
    ----------
    header_ref, header : astropy.io.fits.Header
        With TAN-SIP cards.

    Returns
    -------
    x, y : float
        Pixels.

    Raises
    ------
    FrameError
        A header has no usable WCS.
    """
    from astropy.wcs import NoConvergence

    reference, frame = _read_wcs(header_ref), _read_wcs(header)
    x, y = (header_ref["NAXIS1"] - 1) / 2, (header_ref["NAXIS2"] - 1) / 2
    unreached = "the WCS does not reach the centre of the reference"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of a sky behind the plane of projection
            moved_x, moved_y = frame.all_world2pix(*reference.all_pix2world(x, y, 0), 0)
    except (NoConvergence, ValueError) as error:
        raise FrameError(unreached) from error
    if not (np.isfinite(moved_x) and np.isfinite(moved_y)):
        raise FrameError(unreached)
    return x - float(moved_x), y - float(moved_y)


def _read_wcs(header):
    from astropy.wcs import WCS

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wcs = WCS(header)
    except (ValueError, KeyError, TypeError) as error:
        raise FrameError(f"the WCS in the header makes no sense ({error})") from error
    if not wcs.has_celestial:
        raise FrameError("no WCS in the header, expected CTYPE1 and CTYPE2")
    return wcs


def summarise(shifts, reference_name, night, *, large_px=0.5, field=""):
    """The content of a QC JSON file: the keys of old, byte for byte, then a list of all frames.

    Parameters
    ----------
    shifts : list of MeasuredShift
        Every frame of the field; the reference, should it be among them, is left out.
    reference_name : str
    night : str
        YYYYMMDD.
    large_px : float
        What counted as large.
    field : str

    Returns
    -------
    dict
        Frames without a shift have [null, null] in "X Shifts and Y Shifts" and their reason in "Frames"; the two
        lists have the same order.
    """
    measured = [one for one in shifts if one.name != reference_name]
    large = [one for one in measured if one.shift.verdict == LARGE]
    return {
        "Reference Image": reference_name,
        "The number of images with shifts greater than +/-0.5 pixels is": {
            "Total Images": len(measured),
            "Number of Images with Large Shifts": len(large),
        },
        "The name of the images with shifts greater than 0.5 pixels is": [one.name for one in large],
        "And shifts of this/them": {
            "X Shifts": [one.shift.x for one in large],
            "Y Shifts": [one.shift.y for one in large],
        },
        "X Shifts and Y Shifts": [[one.shift.x, one.shift.y] for one in measured],
        "Field": field,
        "Night": night,
        "Large Shift in Pixels": large_px,
        "Number of Images without a Shift": sum(not one.shift.known for one in measured),
        "Frames": [{"name": one.name, "time": one.time, **dataclasses.asdict(one.shift)} for one in measured],
    }


def format_json(summary):
    """The summary as JSON text; a number that is not finite raises ValueError."""
    return json.dumps(summary, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
