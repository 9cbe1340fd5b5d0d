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
from scipy.ndimage import uniform_filter1d

from ngcmos.config import DonutsSettings
from ngcmos.errors import FrameError

OK = "ok"
LARGE = "large"
CONSTANT = "constant"
STARLESS = "starless"
CLOUD = "cloud"
BEYOND_REACH = "beyond reach"
UNREADABLE = "unreadable"

MIN_STARS = 5
MIN_QUALITY = 0.25
CHANCE_QUALITY = 7.0  # over the root of the pixels compared: what two different fields never reach
MIN_STAR_SHARE = 0.05  # with fewer of the reference's stars, hot pixels pull the shift to zero
CLOUD_SHARE = 0.3
_SMOOTH_PX = 65
_EXPTIME = "EXPTIME"


@dataclasses.dataclass(frozen=True)
class Shift:
    """Shift of one frame.

    Attributes
    ----------
    x, y : float or None
        Pixels, donuts' sign (the correction); None where it could not be measured.
    quality : float
        How well the projections match at this shift: the smaller of the two correlation coefficients, 1 at best;
        0 where nothing could be compared.
    stars : int
        Stars seen.
    verdict : str
        ok, large, starless, constant, cloud, beyond reach or unreadable.
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
    stars : int
        Stars seen.
    """

    name: str
    settings: DonutsSettings
    shape: tuple[int, int]
    edges: tuple[int, int, int, int]
    proj_x: np.ndarray
    proj_y: np.ndarray
    stars: int


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
    stars = count_stars(image.raw_region, image.sky_tiles)
    if stars < MIN_STARS:
        raise FrameError(f"{name}: {stars} stars seen, expected {MIN_STARS} or more in a reference image")
    return Reference(name, settings, data.shape, edges, image.proj_x, image.proj_y, stars)


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
    stars = count_stars(region, image.sky_tiles)
    if stars < MIN_STARS:
        return refuse_shift(STARLESS, f"{stars} stars seen, {reference.stars} in the reference", stars=stars)
    x, y = _correlate(image, reference)
    quality = min(
        match_projections(reference.proj_x, image.proj_x, x), match_projections(reference.proj_y, image.proj_y, y)
    )
    shift = Shift(x, y, quality, stars, OK, "")
    return _judge(shift, reference, witness, tolerance_px)


def refuse_shift(verdict, reason, *, stars=0, quality=0.0):
    """A Shift that is not known, and why."""
    return Shift(None, None, quality, stars, verdict, reason)


def _judge(shift, reference, witness, tolerance_px):
    """The shift with its verdict; without its numbers where they cannot be believed."""
    seen = {"stars": shift.stars, "quality": shift.quality}
    stars = f"{shift.stars} of {reference.stars} stars seen"
    if shift.stars < MIN_STAR_SHARE * reference.stars:
        return refuse_shift(CLOUD, stars, **seen)
    least = least_quality(reference, shift)
    if shift.quality < least:
        match = f"projections match by {shift.quality:.2f}, expected {least:.2f} or more"
        if shift.stars < CLOUD_SHARE * reference.stars:
            return refuse_shift(CLOUD, f"{stars}, {match}", **seen)
        return refuse_shift(BEYOND_REACH, f"{match}: moved too far, or another field", **seen)
    if witness is not None and np.hypot(shift.x - witness[0], shift.y - witness[1]) > tolerance_px:
        found = f"donuts says {shift.x:.2f}, {shift.y:.2f} px, the WCS {witness[0]:.2f}, {witness[1]:.2f} px"
        return refuse_shift(BEYOND_REACH, found, **seen)
    limit = reference.settings.large_px
    if max(abs(shift.x), abs(shift.y)) >= limit:
        return dataclasses.replace(shift, verdict=LARGE, reason=f"moved by {limit} px or more")
    return shift


def least_quality(reference, shift):
    """The quality that a shift must have: more than chance gives in the pixels that overlap after it."""
    overlap = min(reference.proj_x.size - abs(shift.x), reference.proj_y.size - abs(shift.y))
    return max(MIN_QUALITY, CHANCE_QUALITY / np.sqrt(max(overlap, 1.0)))


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


def match_projections(reference, projection, shift):
    """Correlation coefficient of two projections where they overlap after `shift` (donuts' sign).

    donuts correlates in a circle and takes the highest value there is; this is the part of the two that can
    really show the same sky, without slow gradients.
    """
    moved = -round(shift)
    first = _flatten(reference)
    second = _flatten(projection)
    if moved >= 0:
        first, second = first[: first.size - moved], second[moved:]
    else:
        first, second = first[-moved:], second[:moved]
    norm = np.sqrt((first @ first) * (second @ second))
    return float(first @ second / norm) if norm > 0 else 0.0


def _flatten(projection):
    """Without slow gradients, and with bright peaks pulled in: one star must not decide."""
    flat = projection - uniform_filter1d(projection, _SMOOTH_PX, mode="nearest")
    spread = np.median(np.abs(flat))
    flat = np.arcsinh(flat / spread) if spread > 0 else flat
    return flat - flat.mean()


def count_stars(region, sky_tiles):
    """Number of star-like peaks: pixels 8 sigma above the sky whose neighbours stand out as well.

    A hot pixel has dark neighbours and is not counted.

    Parameters
    ----------
    region : ndarray (rows, columns)
        Raw counts.
    sky_tiles : ndarray (tiles, tiles)
        Median of each tile.
    """
    from ngcmos.qc.projection import split_tiles

    tiles = split_tiles(region, sky_tiles.shape[0])
    sample = tiles[:, ::5, :, ::5] - sky_tiles[:, None, :, None]
    sigma = max(1.4826 * float(np.median(np.abs(sample))), 0.5)
    bright = (tiles > (sky_tiles + 8 * sigma)[:, None, :, None]).reshape(region.shape)
    y, x = np.nonzero(bright[1:-1, 1:-1])
    y, x = y + 1, x + 1
    return _count_peaks(region, x, y, _sky_at(sky_tiles, x, y, region.shape) + 2 * sigma)


def _sky_at(sky_tiles, x, y, shape):
    tiles = sky_tiles.shape[0]
    return sky_tiles[y * tiles // shape[0], x * tiles // shape[1]]


def _count_peaks(region, x, y, threshold):
    """How many of the pixels are the highest of their 3x3 and have at least 5 neighbours above the threshold."""
    peak = region[y, x]
    highest = np.ones(peak.size, bool)
    neighbours = np.zeros(peak.size, int)
    for dy, dx in [(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)]:
        beside = region[y + dy, x + dx]
        highest &= peak >= beside if (dy, dx) > (0, 0) else peak > beside
        neighbours += beside > threshold
    return int(np.count_nonzero(highest & (neighbours >= 5)))


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
