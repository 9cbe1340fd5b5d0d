"""The part of a frame that is the image, in counts, and the level that lies under its light."""

from pathlib import Path
from typing import TypeAlias

import numpy as np

from ngcmos.arrays import Floats32
from ngcmos.config import Camera
from ngcmos.errors import FrameError
from ngcmos.night.cards import Header
from ngcmos.night.headers import first_card, number_of
from ngcmos.night.images import Pixels

Zero: TypeAlias = float | Floats32  # ADU, of the whole frame or (rows, 1)
ADU_OF_ONE = 65535.0  # what programs that write pixels from 0 to 1 divide 16 bits by
HIGHEST_OF_UNIT = 2.0  # no pixel from 0 to 1 lies above, however it was resampled


def shape_of_file(camera: Camera) -> tuple[int, int] | None:
    """(rows, columns) that a file must have; None where only a part of it is the image, which `trim` checks."""
    return camera.detector.shape if camera.calibration.is_whole else None


def trim(whole: Pixels, header: Header, camera: Camera, path: Path) -> tuple[Pixels, Zero]:
    """The image in a frame, and the level of no light that its overscan and a pedestal say.

    Parameters
    ----------
    whole : (rows, columns) array
        As the file has it.
    header : mapping
    camera : ngcmos.config.Camera
    path : Path
        For messages.

    Raises
    ------
    FrameError
        The frame does not hold the sections of the profile, or its pixels are not in the unit of the profile.
    """
    own = camera.calibration
    whole = _in_adu(whole, camera, path)
    zero = _pedestal(header, camera, path)
    if own.is_whole:
        return whole, zero
    rows, columns = own.trim_section or (slice(0, whole.shape[0]), slice(0, whole.shape[1]))
    image = whole[rows, columns]
    if image.shape != camera.detector.shape or not _holds(whole, own.overscan_section):
        told = f"{whole.shape[1]}x{whole.shape[0]} px, expected one that holds calibration.trim"
        raise FrameError(f"{path.name}: {told} {own.trim!r} and calibration.overscan {own.overscan!r}")
    if own.overscan_section is None:
        return np.ascontiguousarray(image), zero
    dark = whole[own.overscan_section]
    if own.overscan_by == "frame":
        return np.ascontiguousarray(image), float(np.median(dark)) + zero
    if dark.shape[0] != whole.shape[0]:
        raise FrameError(
            f"{path.name}: calibration.overscan {own.overscan!r} must hold all rows for a level of each"
        )
    levels = np.median(dark, axis=1, keepdims=True).astype(np.float32)[rows]
    return np.ascontiguousarray(image), levels + np.float32(zero)


def lies_from_0_to_1(pixels: Pixels) -> bool:
    """Whether pixels are shares of the range of counts, as programs that process pictures write them."""
    return pixels.dtype.kind == "f" and 0 < float(np.max(pixels)) <= 1


def _in_adu(whole: Pixels, camera: Camera, path: Path) -> Pixels:
    """Pixels in counts, whatever unit the profile says they are written in."""
    unit = camera.detector.adu_per_unit
    if unit == 1:
        if lies_from_0_to_1(whole):
            told = f"detector.adu_per_unit = {ADU_OF_ONE:.0f} in the profile"
            raise FrameError(f"{path.name}: pixels lie between 0 and 1, expected counts (or {told})")
        return whole
    highest = float(np.max(whole))
    if unit >= ADU_OF_ONE / HIGHEST_OF_UNIT and highest > HIGHEST_OF_UNIT:
        told = f"expected 0 to 1, as detector.adu_per_unit is {unit:g}"
        raise FrameError(f"{path.name}: pixels go up to {highest:g}, {told}")
    adu: Pixels = whole.astype(np.float32) * np.float32(unit)
    return adu


def _holds(whole: Pixels, section: tuple[slice, slice] | None) -> bool:
    return section is None or all(part.stop <= side for part, side in zip(section, whole.shape, strict=True))


def _pedestal(header: Header, camera: Camera, path: Path) -> float:
    """What was added to all counts; the card says what to add to take it off."""
    key, value = first_card(header, camera.headers.pedestal, path, "a number of counts")
    if not key:
        return 0.0
    try:
        return -number_of(str(value))
    except ValueError:
        raise FrameError(f"{path.name}: {key} is {value!r}, expected a number of counts") from None


def without_zero(data: Pixels, zero: Zero) -> Pixels:
    """Counts above a level; as they are where that is 0."""
    if isinstance(zero, float) and not zero:
        return data
    above: Pixels = data.astype(np.float32) - np.float32(zero)
    return above
