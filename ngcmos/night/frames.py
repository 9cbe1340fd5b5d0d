"""One science frame: its pixels and what its header says."""

import dataclasses
import re
from pathlib import Path
from typing import Literal, overload

import numpy as np
from astropy.time import Time

from ngcmos.config import Camera
from ngcmos.errors import FrameError
from ngcmos.night.cards import Header
from ngcmos.night.filenames import series_of, split_ending, stamp_of, unstamped
from ngcmos.night.headers import check_readmode, exposure_time, said_first
from ngcmos.night.images import Pixels, read_pixels
from ngcmos.night.moments import start_of_exposure
from ngcmos.night.pointing import pointing_of
from ngcmos.night.trimming import Zero, shape_of_file, trim


@dataclasses.dataclass(frozen=True, eq=False)
class FrameFacts:
    """What a science frame says of itself.

    Attributes
    ----------
    path : Path
    header : mapping
        Values by keyword: an `ngcmos.night.cards.PlainHeader`, or an `astropy.io.fits.Header` of unusual cards.
    field : str
    start : astropy.time.Time
        Start of the exposure, UTC.
    exptime : float
        Seconds.
    pointing : (float, float) or None
        ICRS degrees where the telescope says it looks; None where no usable pair of cards is there.
    """

    path: Path
    header: Header
    field: str
    start: Time
    exptime: float
    pointing: tuple[float, float] | None

    @property
    def name(self) -> str:
        """The file's name: what tables and the ledger call the frame."""
        return self.path.name


@dataclasses.dataclass(frozen=True, eq=False)
class Frame(FrameFacts):
    """A science frame as the camera wrote it: its facts, and its pixels.

    Attributes
    ----------
    data : ndarray (rows, columns)
        Raw counts, native byte order, BZERO applied: uint16 for this camera; without what the profile trims off.
    zero_adu : float or (rows, 1) array
        Level that overscan or pedestal say, not taken off yet: counts are compared with saturation as they are.
    """

    data: Pixels
    zero_adu: Zero = 0.0


@overload
def read_frame(path: Path, camera: Camera, *, pixels: Literal[True] = True) -> Frame: ...


@overload
def read_frame(path: Path, camera: Camera, *, pixels: Literal[False]) -> FrameFacts: ...


def read_frame(path: Path, camera: Camera, *, pixels: bool = True) -> FrameFacts:
    """The Frame of a file, checked against the camera profile.

    Parameters
    ----------
    path : Path
    camera : ngcmos.config.Camera
    pixels : bool
        False reads and checks the header alone (and that the file holds all its pixels): its FrameFacts.

    Raises
    ------
    FrameError
        Not a whole FITS image of the camera's shape and read mode.
    HeaderError
        DATE-OBS or EXPTIME missing or senseless.
    """
    path = Path(path)
    whole, header = read_pixels(path, shape_of_file(camera), pixels)
    data, zero_adu = (None, 0.0) if whole is None else trim(whole, header, camera, path)
    if data is not None and data.dtype.kind == "f" and not np.isfinite(data).all():
        raise FrameError(f"{path.name}: has pixels that are not numbers, expected raw counts")
    check_readmode(header, camera, path)
    exptime_s = exposure_time(header, camera.headers.exptime, path)
    facts = FrameFacts(
        path=path,
        header=header,
        field=field_name(path, camera, header),
        start=start_of_exposure(header, camera.headers, exptime_s, path),
        exptime=exptime_s,
        pointing=pointing_of(header, camera.headers),
    )
    return facts if data is None else Frame(**vars(facts), data=data, zero_adu=zero_adu)


def field_name(path: Path, camera: Camera, header: Header) -> str:
    """Field of a frame: the first characters of its name; where the profile says 0 its OBJECT, else its series.

    A shorter name is a field as it is: neither its time stamp nor its running number tells where it belongs.
    """
    length = camera.files.field_length
    if length:
        stem = unstamped(path.name) if stamp_of(path) else split_ending(path.name)[0]
        is_whole = len(stem) >= length or stamp_of(path)
        return stem[:length] if is_whole else series_of(path.name)
    return as_name(said_first(header, camera.headers.object) or series_of(path.name))


def as_name(text: str) -> str:
    """A text as it may stand in the name of a product."""
    return re.sub(r"[^A-Za-z0-9+._-]", "_", text.strip()).lstrip(".")[:68] or "_"
