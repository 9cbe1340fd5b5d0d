"""Master flats: made of the twilight frames of a night, or found among those that there are.

``build_flat(night_folder, camera, bias, dark, setting) -> MasterFlat`` and ``write_flat(flat, path)`` for
create_flats, ``find_flat(night_folder, out_folder, camera, setting)`` for who calibrates.
"""

import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from astropy.io import fits

from ngcmos.arrays import Bools, Floats32
from ngcmos.calibration.alike import ROW_STEP, compare_flat, odd_ones
from ngcmos.calibration.belonging import Setting
from ngcmos.calibration.evidence import FEWEST_SPOTS, count_spots
from ngcmos.calibration.files import (
    RULE,
    SECTIONS_CARD,
    DamagedMasterError,
    Master,
    master_header,
    names_in,
    read_master,
    write_master,
)
from ngcmos.calibration.raw import MAX_FRAMES, Chosen, RawFacts, RawFrame, raw_paths, read_facts, read_raw
from ngcmos.calibration.reduce import RowsOf, combine, normalise_flat, subtract_dark
from ngcmos.config import Camera, Detector
from ngcmos.errors import FrameError, MasterError
from ngcmos.night.fields import setup_of
from ngcmos.night.headers import said_first
from ngcmos.night.images import read_image

MIN_FLATS = 3  # the fewest whose median removes a star that only one of them has
FLAT_LEVEL = (0.02, 0.8)  # of saturation: below, noise rules; above, the response bends
FLAT_SATURATED_SHARE = 0.01
FLAT_CLIPPED_SHARE = 0.05  # of the pixels, which hold the highest count
FLAT_OF_ONE_VALUE, FEW_VALUES = 0.9, 30  # of the pixels; counts: made by somebody, not by light
KINDS = ("evening", "morning")
MIXED = "made of frames that do not belong together"

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, eq=False)
class MasterFlat:
    """A flat not yet written: median 1, 0 at the unusable pixels; its header tells the frames it was made of."""

    data: Floats32
    header: fits.Header


@dataclasses.dataclass(frozen=True, eq=False)
class _Dark:
    """What is taken off a flat."""

    bias: Floats32
    dark: Floats32
    detector: Detector

    def response(self, frame: RawFrame) -> RowsOf:
        """The rows of a flat over its level."""
        return lambda rows: (
            subtract_dark(
                frame.data[rows], frame.exptime_s, self.bias[rows], self.dark[rows], detector=self.detector
            )
            / np.float32(frame.level)
        )


def flat_places(night_folder: Path, out_folder: Path, setting: Setting) -> list[Path]:
    """Where a flat may lie that a person or an earlier run made for the night, in order of preference."""
    names = setting.flat_names
    dated = [name.replace(".fits", f"_{setting.date}.fits") for name in names] if setting.date else []
    return [*(night_folder / name for name in names), *(out_folder / name for name in dated)]


def find_own_flat(night_folder: Path, out_folder: Path, camera: Camera, setting: Setting) -> Path | None:
    """The flat of the night that is there, whether sound or not; None without one that fits the frames."""
    places = flat_places(night_folder, out_folder, setting)
    return next((path for path in places if path.exists() and not misfit_of(path, camera, setting)), None)


def find_flat(
    night_folder: Path, out_folder: Path, camera: Camera, setting: Setting | None = None
) -> Master | None:
    """The Master flat of the night, else that of the masters' folder, else None with a warning.

    In turn: that in the night, that of the masters' folder for this night, that for all nights. One of another
    filter, gain, offset or read mode is passed over; so is a damaged one, but never for no flat at all.

    Raises
    ------
    MasterError
        The one found is of another shape or read mode, or all there are are damaged.
    """
    setting = setting or Setting(night_folder.name)
    damaged: list[str] = []
    passed: list[str] = []
    places = flat_places(night_folder, out_folder, setting)
    for path in [*places, *(out_folder / name for name in setting.flat_names)]:
        if not path.exists():
            continue
        misfit = misfit_of(path, camera, setting)
        if misfit:
            passed.append(f"{path}: {misfit}")
            continue
        try:
            flat = read_master(path, camera)
        except DamagedMasterError as error:
            damaged.append(error.fact)
            continue
        for fact in damaged:
            _log.warning("%s; %s serves instead", fact, path)
        spots = count_spots(flat.data)
        told = f"{path.name}: {spots} spots as of stars in the flat, which have taken that light from stars there"
        return dataclasses.replace(flat, notes=(told,)) if spots >= FEWEST_SPOTS else flat
    if damaged:
        raise MasterError(f"{damaged[0]}; run create_flats, or remove the file to go without a flat")
    for fact in passed:
        _log.warning("flat passed over: %s", fact)
    _log.warning(
        "no %s in %s nor in %s: frames are not flattened", setting.flat_names[0], night_folder, out_folder
    )
    return None


def misfit_of(path: Path, camera: Camera, setting: Setting) -> str:
    """Why a master flat is not for these frames: another filter or setup; "" where it is, or cannot be read."""
    try:
        _, header = read_image(path, pixels=False)
    except FrameError:
        return ""
    band = said_first(header, [*camera.headers.filter, "FILTER"])
    if not setting.passes(band):
        return f"of filter {band or 'unknown'}, expected {setting.filter_name}"
    return setting.misfit(setup_of(header, camera))


def is_outdated(path: Path, camera: Camera, setting: Setting, night_folder: Path) -> str:
    """Why a flat that ngcmos made would be made otherwise today; "" where it would not, or a person made it."""
    try:
        _, header = read_image(path, pixels=False)
    except FrameError:
        return ""
    used = names_in(header, "INPUT")
    if str(header.get(SECTIONS_CARD, "")) != camera.calibration.sections_said and used:
        return "made by other sections"
    if not str(header.get("CREATOR", "")).startswith("ngcmos") or not used:
        return ""
    kind = next((kind for kind in KINDS if used[0].lower().startswith(kind)), "")
    there = (
        {one.path.name for one in _facts_of(night_folder, camera, setting, kind, is_quiet=True)} if kind else set()
    )
    if not there:
        return ""
    if not {*used} <= there:
        return MIXED
    if int(header.get("CALRULE", 1)) < RULE:
        return "made by an earlier rule"
    seen = {*used, *names_in(header, "LEFT")}
    return "" if len(used) >= MAX_FRAMES or there <= seen else f"{len(there - seen)} flats came since"


def build_flat(
    night_folder: Path, camera: Camera, bias: Floats32, dark: Floats32, setting: Setting | None = None
) -> MasterFlat:
    """Median of up to 21 calibrated, normalised evening flats of a night; of morning flats where these fail.

    Flats of another filter or setup, too faint or too bright, and those with stars, gradients or rings that the
    others have not, are left out.

    Parameters
    ----------
    night_folder : Path
    camera : ngcmos.config.Camera
    bias, dark : (rows, columns) float32 arrays
        ADU and ADU/s.
    setting : Setting, optional
        How the frames were taken that it is for.

    Returns
    -------
    MasterFlat

    Raises
    ------
    MasterError
        Fewer than three usable flats of either kind.
    """
    setting = setting or Setting(night_folder.name)
    counts = {}
    for kind in KINDS:
        facts = _facts_of(night_folder, camera, setting, kind)
        chosen = _usable_flats(facts, camera, bias, dark)
        counts[kind] = len(chosen.frames)
        if len(chosen.frames) >= MIN_FLATS:
            return _combine_flats(chosen, camera, _Dark(bias, dark, camera.detector))
    of_filter = f" of filter {setting.filter_name}" if setting.filter_name else ""
    raise MasterError(
        f"{night_folder}: {counts['evening']} usable evening*.fits and {counts['morning']} morning*.fits"
        f"{of_filter}, expected at least {MIN_FLATS} of one kind"
    )


def write_flat(flat: MasterFlat, path: Path) -> Path:
    """Write a MasterFlat; returns its path.

    Raises
    ------
    WriteError
        The folder cannot be written.
    """
    write_master(path, flat.data, flat.header)
    return path


def _facts_of(
    folder: Path, camera: Camera, setting: Setting, kind: str, *, is_quiet: bool = False
) -> list[RawFacts]:
    """The flats of a kind by name that are of the frames' filter and setup.

    Where the frames tell no filter, those of the profile's, else all if these are of one filter.
    """
    found: list[RawFacts] = []
    for path in raw_paths(folder, kind):
        try:
            one = read_facts(path, camera, exposed=True)
        except FrameError as error:
            _log.log(logging.DEBUG if is_quiet else logging.WARNING, "flat left out: %s", error)
            continue
        if setting.fits(one.setup):
            found.append(one)
    wanted = setting.filter_name or camera.detector.filter
    own = [one for one in found if _is_of(one, wanted, setting)]
    if not own and not setting.filter_name and len({one.filter_name for one in found}) == 1:
        own = found
    if len(own) < len(found):
        _log.info("%d %s flats of another filter than %s", len(found) - len(own), kind, wanted)
    return own


def _is_of(flat: RawFacts, wanted: str, setting: Setting) -> bool:
    return flat.filter_name.casefold() == wanted.casefold() if flat.filter_name else setting.is_usual


def _usable_flats(facts: Sequence[RawFacts], camera: Camera, bias: Floats32, dark: Floats32) -> Chosen:
    """Up to 21 flats that are neither too faint nor too bright; the others by name."""
    frames: list[RawFrame] = []
    left: list[str] = []
    for one in facts:
        try:
            frame = read_raw(one, camera)
            level = _flat_level(frame, camera.detector, bias, dark)
        except FrameError as error:
            _log.warning("flat left out: %s", error)
            left.append(one.path.name)
            continue
        frames.append(dataclasses.replace(frame, level=level))
        if len(frames) == MAX_FRAMES:
            break
    return Chosen(frames, left)


def _flat_level(frame: RawFrame, detector: Detector, bias: Floats32, dark: Floats32) -> float:
    """Median calibrated counts of a flat, in ADU; FrameError where no response can be told from it."""
    name = frame.facts.path.name
    saturated = np.count_nonzero(frame.data >= detector.saturation_adu - frame.zero_adu) / frame.data.size
    if saturated > FLAT_SATURATED_SHARE:
        raise FrameError(f"{name}: {saturated:.0%} of the pixels are saturated, expected almost none")
    top = float(frame.data.max())
    at_top = np.count_nonzero(frame.data == top) / frame.data.size
    if FLAT_CLIPPED_SHARE < at_top < FLAT_OF_ONE_VALUE and np.unique(frame.data).size > FEW_VALUES:
        raise FrameError(
            f"{name}: {at_top:.0%} of the pixels hold its highest count, {top:g}, expected almost none"
        )
    level = float(np.median(subtract_dark(frame.data, frame.exptime_s, bias, dark, detector=detector)))
    low, high = (share * detector.saturation_adu for share in FLAT_LEVEL)
    if not low <= level <= high:
        raise FrameError(f"{name}: level {level:.0f} ADU, expected {low:.0f} to {high:.0f}")
    return level


def _combine_flats(chosen: Chosen, camera: Camera, dark: _Dark) -> MasterFlat:
    flat, unusable = _median_of(chosen.frames, dark)
    alike = _leave_out_odd(chosen, np.where(unusable, np.float32(0), flat), dark)
    if len(alike.frames) < len(chosen.frames):
        flat, unusable = _median_of(alike.frames, dark)
    band = alike.frames[0].facts.filter_name or camera.detector.filter
    header = master_header(alike, camera, FILTER=(band, "filter"))
    level = float(np.median([frame.level for frame in alike.frames]))
    header["FLATLEV"] = (round(level, 1), "[ADU] median level of the frames")
    return MasterFlat(np.where(unusable, np.float32(0), flat), header)


def _median_of(frames: Sequence[RawFrame], dark: _Dark) -> tuple[Floats32, Bools]:
    return normalise_flat(combine([dark.response(frame) for frame in frames], dark.bias.shape))


def _leave_out_odd(chosen: Chosen, usual: Floats32, dark: _Dark) -> Chosen:
    """Without the flats that stand out by their pixels, as long as enough are left; one of a few is outvoted."""
    rows = slice(None, None, ROW_STEP)
    likeness = [compare_flat(dark.response(frame)(rows), usual[rows]) for frame in chosen.frames]
    odd = odd_ones(likeness)
    if len(chosen.frames) - len(odd) < MIN_FLATS:
        return chosen
    for number, why in odd.items():
        _log.warning("flat left out: %s: %s", chosen.frames[number].facts.path.name, why)
    kept = [frame for number, frame in enumerate(chosen.frames) if number not in odd]
    return Chosen(kept, [*chosen.left_out, *(chosen.frames[number].facts.path.name for number in odd)])
