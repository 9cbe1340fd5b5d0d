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
import functools
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ngcmos.arrays import Counts, Floats
from ngcmos.config import DonutsSettings
from ngcmos.errors import FrameError
from ngcmos.names import ShiftVerdict
from ngcmos.qc.evidence import Evidence, compare_stars, find_stars, match_projections

if TYPE_CHECKING:
    from ngcmos.qc.projection import ProjectedImage

CHANCE_MATCH = 7.0  # over the root of the pixels compared: what two different fields never reach
RESIDUAL_GROWTH = 0.02  # of the shift: the field turns and stretches
MIN_STAR_SHARE = 0.05  # with fewer of the reference's stars, hot pixels pull the shift to zero
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
        A `ngcmos.names.ShiftVerdict`.
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
    def known(self) -> bool:
        """Whether there is a shift."""
        return self.x is not None


@dataclasses.dataclass(frozen=True)
class MeasuredShift:
    """Shift of a frame with its name and the start of its exposure (ISO, UTC; None where unknown); against which
    reference it was measured, and whether that is the one of the turned sky."""

    name: str
    time: str | None
    shift: Shift
    reference: str = ""
    turned: bool = False


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
    proj_x: Floats
    proj_y: Floats
    peaks: Floats

    @property
    def stars(self) -> int:
        """Stars seen."""
        return len(self.peaks)


def build_reference(data: Counts, exptime_s: float, settings: DonutsSettings, *, name: str = "") -> Reference:
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
    least = settings.min_stars
    if len(peaks) < least:
        raise FrameError(f"{name}: {len(peaks)} stars seen, expected {least} or more in a reference image")
    return Reference(name, settings, data.shape, edges, image.proj_x, image.proj_y, peaks)


def measure_shift(reference: Reference, data: Counts, exptime_s: float, *, name: str = "") -> Shift:
    """The Shift of an image against the reference.

    Parameters
    ----------
    reference : Reference
    data : ndarray (rows, columns)
        Raw counts.
    exptime_s : float
    name : str
        File name, for the error.

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
        return refuse_shift(ShiftVerdict.CONSTANT, f"all pixels are {region.flat[0]}, expected a sky")
    peaks = find_stars(region, image.sky_tiles)
    stars = len(peaks)
    if stars < reference.settings.min_stars:
        return refuse_shift(
            ShiftVerdict.STARLESS, f"{stars} stars seen, {reference.stars} in the reference", stars=stars
        )
    x, y = _correlate(image, reference)
    evidence = _collect_evidence(reference, image, peaks, x, y)
    return judge_shift((x, y), stars, evidence, reference)


def _collect_evidence(
    reference: Reference, image: "ProjectedImage", peaks: Floats, x: float, y: float
) -> Evidence:
    share, residual_px = compare_stars(reference.peaks, peaks, (x, y), image.raw_region.shape)
    pairs = [(reference.proj_x, image.proj_x, x), (reference.proj_y, image.proj_y, y)]
    return Evidence(min(match_projections(*pair) for pair in pairs), share, residual_px)


def refuse_shift(verdict: str, reason: str, *, stars: int = 0, quality: float = 0.0) -> Shift:
    """A Shift that is not known, and why."""
    return Shift(None, None, quality, stars, verdict, reason)


def judge_shift(said: tuple[float, float], stars: int, evidence: Evidence, reference: Reference) -> Shift:
    """The shift (x, y) that donuts says with its verdict; without its numbers where they cannot be believed."""
    (x, y), settings = said, reference.settings
    refuse = functools.partial(refuse_shift, stars=stars, quality=evidence.quality)
    seen = f"{stars} of {reference.stars} stars seen"
    if stars < MIN_STAR_SHARE * reference.stars:
        return refuse(ShiftVerdict.CLOUD, seen)
    least = least_match(reference, x, y)
    if evidence.match < least:
        why = f"projections match by {evidence.match:.2f}, expected {least:.2f} or more"
        if stars < settings.cloud_stars * reference.stars:
            return refuse(ShiftVerdict.CLOUD, f"{seen}, {why}")
        return refuse(ShiftVerdict.BEYOND_REACH, f"{why}: moved too far, or another field")
    residual_px = settings.residual_px + RESIDUAL_GROWTH * np.hypot(x, y)
    if evidence.share < settings.min_found or evidence.residual_px > residual_px:
        found = f"{evidence.share:.0%} of the stars are found, {evidence.residual_px:.2f} px off"
        why = f"donuts says {x:.2f}, {y:.2f} px, where {found}"
        return refuse(ShiftVerdict.FIXED_PATTERN, f"{why}: hot pixels or a pattern outshine them")
    limit = settings.large_px
    if max(abs(x), abs(y)) >= limit:
        return Shift(x, y, evidence.quality, stars, ShiftVerdict.LARGE, f"moved by {limit} px or more")
    return Shift(x, y, evidence.quality, stars, ShiftVerdict.OK, "")


def least_match(reference: Reference, x: float, y: float) -> float:
    """The correlation that a shift must have: more than chance gives in the pixels that overlap after it."""
    overlap = min(reference.proj_x.size - abs(x), reference.proj_y.size - abs(y))
    return float(max(reference.settings.min_match, CHANCE_MATCH / np.sqrt(max(overlap, 1.0))))


def _find_edges(data: Counts, settings: DonutsSettings, name: str) -> tuple[int, int, int, int]:
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


def _project(data: Counts, exptime_s: float, edges: tuple[int, int, int, int], tiles: int) -> "ProjectedImage":
    """The image as donuts sees it, projections made."""
    from ngcmos.qc.projection import ProjectedImage

    image = ProjectedImage(data, {_EXPTIME: exptime_s})
    image.trim(*edges).normalise(_EXPTIME).remove_background(tiles)
    return image.compute_projections()


def _correlate(image: "ProjectedImage", reference: Reference) -> tuple[float, float]:
    """donuts' own answer (x, y) in pixels."""
    from ngcmos.qc.projection import ProjectedImage

    compared = ProjectedImage(None)
    compared.proj_x, compared.proj_y = reference.proj_x, reference.proj_y
    image.compute_offset(compared)
    return float(image.x.value), float(image.y.value)


def summarise(
    shifts: Sequence[MeasuredShift],
    references: tuple[str, str | None],
    night: str,
    *,
    large_px: float = 0.5,
    field: str = "",
) -> dict[str, Any]:
    """The content of a QC JSON file: the keys of old (for 0.5 px, byte for byte), then a list of all frames.

    Parameters
    ----------
    shifts : list of MeasuredShift
        Every frame of the field; the references, should they be among them, are left out.
    references : (str, str or None)
        Names of the reference frame, and of that of the turned sky.
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
    measured = [one for one in shifts if one.name not in references]
    large = [one for one in measured if one.shift.verdict == ShiftVerdict.LARGE]
    return {
        "Reference Image": references[0],
        f"The number of images with shifts greater than +/-{large_px:g} pixels is": {
            "Total Images": len(measured),
            "Number of Images with Large Shifts": len(large),
        },
        f"The name of the images with shifts greater than {large_px:g} pixels is": [one.name for one in large],
        "And shifts of this/them": {
            "X Shifts": [one.shift.x for one in large],
            "Y Shifts": [one.shift.y for one in large],
        },
        "X Shifts and Y Shifts": [[one.shift.x, one.shift.y] for one in measured],
        "Field": field,
        "Night": night,
        "Large Shift in Pixels": large_px,
        "Number of Images without a Shift": sum(not one.shift.known for one in measured),
        "Reference Image of the Turned Sky": references[1],
        "Frames": [
            {"name": one.name, "time": one.time, **dataclasses.asdict(one.shift), "turned": one.turned}
            for one in measured
        ],
    }


def format_json(summary: Mapping[str, Any]) -> str:
    """The summary as JSON text; a number that is not finite raises ValueError."""
    return json.dumps(summary, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
