"""Masters as files: read, checked, written, and what their headers tell of the frames they were made of."""

import dataclasses
import datetime
import hashlib
import io
import math
import warnings
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning

from ngcmos import __version__
from ngcmos.arrays import Floats32
from ngcmos.calibration.belonging import moment_of
from ngcmos.calibration.raw import MAX_FRAMES, Chosen, RawFacts
from ngcmos.config import Camera
from ngcmos.errors import FrameError, HeaderError, MasterError
from ngcmos.night.cards import Header
from ngcmos.night.headers import check_readmode, exposure_time
from ngcmos.night.images import read_image
from ngcmos.night.products import write_then_rename

RATE_UNIT = "ADU/s"
SECTIONS_CARD = "SECTIONS"  # overscan and trim that the frames were cut by
RULE = 2  # of choosing and combining; to be raised with what masters are made otherwise by


class DamagedMasterError(MasterError):
    """A master that is cut off, unreadable or changed since it was made; `fact` is what was found."""

    def __init__(self, fact: str) -> None:
        super().__init__(f"{fact}; remove the file to have it made anew")
        self.fact = fact


@dataclasses.dataclass(frozen=True, eq=False)
class Master:
    """One master: its pixels, the file it lies in (None: there is none) and that file's checksum.

    `notes` say what a human should know of it.
    """

    data: Floats32
    path: Path | None
    checksum: str | None
    notes: tuple[str, ...] = ()


def read_master(path: Path, camera: Camera) -> Master:
    """A master image of the camera, a dark as counts per second.

    A dark says so by BUNIT 'ADU/s'; one without it (the earlier scripts made such) holds the counts of its own
    EXPTIME and is divided by that.

    Raises
    ------
    DamagedMasterError
        Unreadable, cut off, or its checksum does not hold.
    MasterError
        Of another shape or read mode, or a dark that tells no exposure.
    """
    try:
        _require_sound(path)
    except FrameError as error:
        raise DamagedMasterError(f"{path.parent}: {error}") from None
    try:
        data, header = read_image(path, shape=camera.detector.shape)
        check_readmode(header, camera, path)
    except FrameError as error:
        raise MasterError(f"{path.parent}: {error}; remove the file to have it made anew") from None
    pixels: Floats32 = data.astype(np.float32, copy=False)
    if path.name.startswith("master_dark") and header.get("BUNIT") != RATE_UNIT:
        pixels = pixels / np.float32(_dark_exposure(header, camera, path))
    return Master(pixels, path, checksum_of(path))


def _dark_exposure(header: Mapping[str, Any], camera: Camera, path: Path) -> float:
    try:
        return exposure_time(header, camera.headers.exptime, path)
    except HeaderError as error:
        raise MasterError(
            f"{path.parent}: {error}, and BUNIT is not '{RATE_UNIT}'; remove the file to have it made anew"
        ) from None


def _require_sound(path: Path) -> None:
    """Refuse a file that is cut off, or whose checksum (ours have one) does not hold.

    Raises
    ------
    FrameError
    """
    read_image(path, pixels=False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", AstropyWarning)  # astropy only warns of a wrong checksum
            with fits.open(io.BytesIO(path.read_bytes()), checksum=True):
                pass
    except (OSError, ValueError, AstropyWarning, fits.VerifyError) as error:
        raise FrameError(f"{path.name}: damaged ({' '.join(str(error).split())})") from None


def checksum_of(path: Path) -> str:
    """First 16 hex digits of the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def write_master(path: Path, data: Floats32, header: fits.Header) -> None:
    """Write a master whole, with a checksum.

    Raises
    ------
    WriteError
        The folder cannot be written.
    """
    unit = fits.PrimaryHDU(data, header)
    unit.add_checksum(when="of this unit")  # astropy's own remark is the time, which would make no two files alike
    with write_then_rename(path) as temporary:
        unit.writeto(temporary)


def master_header(chosen: Chosen, camera: Camera, **cards: Any) -> fits.Header:
    """Header of a master: of how many frames it is, taken when and how, and which were left out."""
    header = fits.Header()
    facts = [frame.facts for frame in chosen.frames]
    header["NCOMBINE"] = (len(facts), "frames in the median")
    header[camera.headers.readmode] = facts[0].readmode
    for key, value in _common_setup(facts):
        header.setdefault(key, (value, "of the frames"))
    for key, value in cards.items():
        header[key] = value
    moments = [one.moment for one in facts if one.moment is not None]
    if moments:
        header["DATE-BEG"] = (_iso(min(moments)), "[UTC] of the first frame")
        header["DATE-END"] = (_iso(max(moments)), "[UTC] of the last frame")
    temperatures = [one.temperature_c for one in facts if math.isfinite(one.temperature_c)]
    if temperatures:
        header["CCD-TEMP"] = (round(float(np.median(temperatures)), 2), "[deg C] median of the frames")
    if camera.calibration.sections_said:
        header[SECTIONS_CARD] = (camera.calibration.sections_said, "overscan, trim")
    header["CALRULE"] = (RULE, "of choosing and combining")
    header["CREATOR"] = f"ngcmos {__version__}"
    header["LEFTOUT"] = (len(chosen.left_out), "frames looked at and left out")
    for word, names in (("INPUT", [one.path.name for one in facts]), ("LEFT", chosen.left_out)):
        for number, name in enumerate(names, start=1):
            header[f"{word}{number:02d}"] = name
    return header


def _common_setup(facts: Sequence[RawFacts]) -> list[tuple[str, str]]:
    """What all frames that tell it tell alike."""
    told: dict[str, set[str]] = {}
    for one in facts:
        for key, value in one.setup:
            told.setdefault(key, set()).add(value)
    return [(key, next(iter(values))) for key, values in told.items() if len(values) == 1]


def _iso(moment: datetime.datetime) -> str:
    return moment.astimezone(datetime.UTC).replace(tzinfo=None).isoformat(timespec="seconds")


def names_in(header: Header, word: str) -> list[str]:
    """Names of the frames in the cards INPUT01, INPUT02, ... or LEFT01, ... of a master."""
    found: list[str] = []
    while (key := f"{word}{len(found) + 1:02d}") in header:
        found.append(str(header[key]))
    return found


def is_stale(header: Header, candidates: Sequence[RawFacts], there: Collection[str]) -> bool:
    """Whether a master of ngcmos would be made of other frames today.

    One whose frames were removed since is not: of fewer frames it would only be worse.

    Parameters
    ----------
    header : mapping
        Of the master.
    candidates : sequence of RawFacts
        What it would be made of, the nearest in time first.
    there : collection of str
        Names of all raw frames of its kind.
    """
    used = names_in(header, "INPUT")
    seen = {*used, *names_in(header, "LEFT")} & {*there}
    if not used or not candidates:
        return False
    wanted = candidates[: len(seen)] if len(used) >= MAX_FRAMES else candidates
    return {one.path.name for one in wanted} != seen


def last_moment(header: Header) -> datetime.datetime | None:
    """When the last of a master's frames was taken; None where it does not tell."""
    moments = [moment_of(Path(name), "") for name in names_in(header, "INPUT")]
    told = [moment_of(Path("-"), str(header.get("DATE-END") or "")), *moments]
    return max((moment for moment in told if moment is not None), default=None)
