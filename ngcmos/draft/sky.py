"""What the pixels of a few frames say of a camera: width of the stars, their number, drift, the largest counts."""

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np

from ngcmos.arrays import Counts
from ngcmos.astrometry.detection import Sources, find_sources, forced_centroids, subtract_background
from ngcmos.astrometry.peaks import find_peaks, vote_shift
from ngcmos.config import Detection
from ngcmos.draft.found import Found, rounded
from ngcmos.errors import FrameError, UnsolvedError
from ngcmos.night.trimming import ADU_OF_ONE, lies_from_0_to_1

BRIGHTEST = 100
USUAL = Detection()
USUAL_FWHM_PX = (1.6, 3.3)  # for which the usual apertures are right
RADII_FWHM = (0.8, 1.2, 1.6, 2.0, 2.4)
ANNULUS_FWHM = (6.0, 8.0)
USUAL_SIDE_PX = 2048
LEAST_DRIFT_PX = 0.25  # from frame to frame: more is a mount that drifts
BITS = (8, 10, 12, 14, 16)


@dataclasses.dataclass(frozen=True)
class SkyFacts:
    """Of some frames of one field.

    Attributes
    ----------
    shape : (int, int)
        Rows and columns.
    fwhm_px : float
        Median width of the bright stars; NaN where none was seen.
    sources : int
        Seen on the poorest frame.
    largest_adu : float
        Largest count of all.
    shifts_px : tuple of float
        How far each frame lies from the one before; a shift that cannot be told is left out.
    """

    shape: tuple[int, int]
    fwhm_px: float
    sources: int
    largest_adu: float
    shifts_px: tuple[float, ...] = ()


def in_adu(pixels: Counts) -> Counts:
    """Pixels in counts, where a program has written them from 0 to 1."""
    return pixels * np.float32(ADU_OF_ONE) if lies_from_0_to_1(pixels) else pixels


def of_unit(pixels: Counts) -> list[Found]:
    """What a pixel of 1 stands for, where that is not one count."""
    why = "pixels lie between 0 and 1, as programs write that divide 16 bits by it"
    return [Found("detector.adu_per_unit", ADU_OF_ONE, why)] if lies_from_0_to_1(pixels) else []


def mesh_of(shape: tuple[int, int]) -> int:
    """Side of a cell of the background that suits a chip, pixels."""
    side = min(shape)
    return 64 if side >= USUAL_SIDE_PX // 2 else 32 if side >= 256 else 16


def look_at(frames: Sequence[Counts]) -> SkyFacts:
    """SkyFacts of the pixels of frames of one field, in time order."""
    shape: tuple[int, int] = (frames[0].shape[0], frames[0].shape[1])
    found = [sources for frame in frames if (sources := sources_of(frame)) is not None]
    widths = [width for frame, own in zip(frames, found, strict=False) if np.isfinite(width := _fwhm(frame, own))]
    return SkyFacts(
        shape=shape,
        fwhm_px=float(np.median(widths)) if widths else np.nan,
        sources=min(map(len, found), default=0),
        largest_adu=float(max(frame.max() for frame in frames)),
        shifts_px=tuple(_shifts(frames)),
    )


def sources_of(frame: Counts) -> Sources | None:
    """What shines on a frame, brightest first; None where it is no image of a sky."""
    wanted = dataclasses.replace(USUAL, min_area_px=5, border_px=5, max_area_px=2000, mesh_px=mesh_of(frame.shape))
    try:
        return find_sources(subtract_background(frame, mesh_px=wanted.mesh_px), wanted, at_least=0)
    except FrameError:
        return None


def _fwhm(frame: Counts, sources: Sources) -> float:
    """Median width of the brighter stars by windowed moments, the window as wide as they are."""
    x, y = sources.x[:BRIGHTEST], sources.y[:BRIGHTEST]
    width = float(np.median(sources.fwhm[:BRIGHTEST])) if len(x) else np.nan
    for _ in range(2 if np.isfinite(width) else 0):
        measured = forced_centroids(frame, x, y, fwhm_px=min(max(width, 1.2), 15.0))
        known = measured.fwhm[measured.good & np.isfinite(measured.fwhm)]
        width = float(np.median(known)) if len(known) else width
    return width


def _shifts(frames: Sequence[Counts]) -> list[float]:
    shifts = []
    peaks = [find_peaks(frame) for frame in frames]
    for before, after in itertools.pairwise(peaks):
        try:
            shifts.append(float(np.hypot(*vote_shift(after, before.x, before.y, shape=_shape(frames[0])))))
        except UnsolvedError:
            continue
    return shifts


def _shape(frame: Counts) -> tuple[int, int]:
    return frame.shape[0], frame.shape[1]


def of_pixels(facts: SkyFacts, count: int) -> list[Found]:
    """Keys that follow from the pixels of `count` frames."""
    mesh, side = mesh_of(facts.shape), min(facts.shape)
    chip = f"a chip of {facts.shape[1]}x{facts.shape[0]} px"
    found = [Found("detection.mesh_px", mesh, chip), Found("photometry.mesh_px", mesh, chip)]
    if side < USUAL_SIDE_PX:
        found.append(Found("donuts.border_px", max(4, round(64 * side / USUAL_SIDE_PX)), chip))
        found.append(Found("donuts.tiles", max(4, round(32 * side / USUAL_SIDE_PX)), chip))
    found.append(_saturation(facts, count))
    if np.isfinite(facts.fwhm_px):
        found += _of_width(facts.fwhm_px)
    if 0 < facts.sources < 3 * USUAL.min_objects:
        seen = f"{facts.sources} sources seen"
        found.append(Found("detection.min_objects", max(5, facts.sources // 3), seen))
    return found + _of_drift(facts)


def _saturation(facts: SkyFacts, count: int) -> Found:
    """What so many bits hold, above the largest count seen."""
    if facts.largest_adu >= 65535:
        return Found("detector.saturation_adu", 65535, "the largest count of all frames")
    held = next((2**bits - 1 for bits in BITS if facts.largest_adu < 2**bits), 65535)
    why = f"assumed: the largest of all counts in {count} frames is {facts.largest_adu:.0f}"
    how = "look where counts of bright stars stop; measure_camera.py tells it from flats"
    return Found("detector.saturation_adu", held, why, how)


def _of_width(fwhm_px: float) -> list[Found]:
    seen = f"stars are {fwhm_px:.1f} px wide"
    found = [
        Found("detection.min_area_px", max(4, min(10, round(0.7 * fwhm_px**2))), seen),
        Found("detection.max_area_px", max(500, round(40 * fwhm_px**2)), seen),
    ]
    if not USUAL_FWHM_PX[0] <= fwhm_px <= USUAL_FWHM_PX[1]:
        radii = tuple(max(0.5, round(2 * share * fwhm_px) / 2) for share in RADII_FWHM)
        found.append(Found("photometry.radii_px", radii, seen))
        found.append(Found("photometry.annulus_px", tuple(float(round(a * fwhm_px)) for a in ANNULUS_FWHM), seen))
    return found


def _of_drift(facts: SkyFacts) -> list[Found]:
    """Limits of a mount that drifts: a frame may be off by what the drift of a night makes of it."""
    if not facts.shifts_px or max(facts.shifts_px) < LEAST_DRIFT_PX:
        return []
    largest, usual = max(facts.shifts_px), float(np.median(facts.shifts_px))
    seen = f"frames lie {usual:.1f} px from the one before, at most {largest:.1f}"
    found = [Found("donuts.large_px", rounded(max(0.5, 4 * usual), 2), seen)]
    if largest > 2.0:
        side = float(max(facts.shape))
        found += [Found("check.limit_px", side, seen), Found("catalog.margin_px", rounded(side / 5, 2), seen)]
    return found
