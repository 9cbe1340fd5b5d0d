"""One frame: its pixels and what its header says; and header cards written without touching a pixel."""

import dataclasses
import math
import os
import re
import stat
import warnings
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeAlias, overload

import numpy as np
from astropy.io import fits
from astropy.time import Time
from numpy.typing import NDArray

from ngcmos.config import Camera
from ngcmos.errors import FrameError, HeaderError
from ngcmos.night.cards import (
    BLOCK,
    Card,
    CardValue,
    PlainHeader,
    bytes_of_header,
    plain_text,
    read_plain,
    text_with,
)
from ngcmos.night.products import write_then_rename

Pixels: TypeAlias = NDArray[Any]  # (rows, columns); raw counts of any kind of number
Header: TypeAlias = Mapping[str, CardValue]  # a PlainHeader, or an astropy.io.fits.Header of unusual cards

_USUAL_HEADER_BLOCKS = 8
_LONGEST_HEADER_BLOCKS = 400
_CHUNK = 2**19  # bytes that stay in the processor's cache between reading, summing and writing
_PIXEL_TYPES = {8: ">u1", 16: ">i2", 32: ">i4", -32: ">f4", -64: ">f8"}
_SCALING = (("BZERO", 0), ("BSCALE", 1))
LONGEST_EXPOSURE_S = 86400.0
_DATE = re.compile(r"^(?P<stamp>\d{4}-\d\d-\d\dT(([01]\d|2[0-3]):[0-5]\d:[0-5]\d|23:59:60)(\.\d+)?)Z?$", re.ASCII)


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
        Raw counts, native byte order, BZERO applied: uint16 for this camera.
    """

    data: Pixels


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
    data, header = _read(path, camera.detector.shape, pixels)
    if data is not None and data.dtype.kind == "f" and not np.isfinite(data).all():
        raise FrameError(f"{path.name}: has pixels that are not numbers, expected raw counts")
    check_readmode(header, camera, path)
    facts = FrameFacts(
        path=path,
        header=header,
        field=field_name(path, camera, header),
        start=start_of_exposure(header, camera.headers.date_obs, path),
        exptime=exposure_time(header, camera.headers.exptime, path),
        pointing=pointing_of(header, camera.headers.pointing_pairs),
    )
    return facts if data is None else Frame(**vars(facts), data=data)


def field_name(path: Path, camera: Camera, header: Header) -> str:
    """Field of a frame: the first characters of its name; the whole OBJECT where the profile says length 0."""
    length = camera.files.field_length
    if length:
        return path.name[:length]
    value = header_value(header, camera.headers.object, path)
    if not isinstance(value, str) or not value.strip():
        raise HeaderError(f"{path.name}: no {camera.headers.object}, expected the name of the field")
    return re.sub(r"[^A-Za-z0-9+._-]", "_", value.strip()).lstrip(".")[:68] or "_"


@overload
def read_image(
    path: Path, *, shape: tuple[int, int] | None = None, pixels: Literal[True] = True
) -> tuple[Pixels, Header]: ...


@overload
def read_image(
    path: Path, *, shape: tuple[int, int] | None = None, pixels: Literal[False]
) -> tuple[None, Header]: ...


def read_image(
    path: Path, *, shape: tuple[int, int] | None = None, pixels: bool = True
) -> tuple[Pixels | None, Header]:
    """Pixels and header of the first unit of a FITS file.

    Parameters
    ----------
    shape : (int, int), optional
        The (rows, columns) expected; another shape is refused before its pixels are read.
    pixels : bool
        False returns None for the pixels.

    Returns
    -------
    data : ndarray (rows, columns), native byte order, BSCALE and BZERO applied
    header : mapping
        As that of a `Frame`.

    Raises
    ------
    FrameError
        Missing, unreadable, empty, truncated, not FITS, no image or of another shape.
    """
    return _read(Path(path), shape, pixels)


def _read(path: Path, shape: tuple[int, int] | None, pixels: bool) -> tuple[Pixels | None, Header]:
    with _open_regular(path) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a card astropy mends; cards that matter are checked one by one
        size = os.fstat(file.fileno()).st_size
        header = _read_header(file, path)
        rows, columns, stored = _geometry(header, path, shape)
        found, wanted = size - file.tell(), rows * columns * stored.itemsize
        if found < wanted:
            raise FrameError(
                f"{path.name}: truncated or still being written, holds {found} bytes of pixels, expected {wanted}"
            )
        if not pixels:
            return None, header
        data = np.fromfile(file, dtype=stored, count=rows * columns).reshape(rows, columns)
        return _scale(data, header, path), header


def _open_regular(path: Path) -> BufferedReader:
    """The file opened for reading; only a regular file, so that a pipe or a device cannot hang the night."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        raise FrameError(f"{path.name}: not readable, {error.strerror}") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FrameError(f"{path.name}: not a file, expected a FITS file")
    return os.fdopen(descriptor, "rb")


def _read_start(file: BufferedReader, path: Path) -> bytes:
    """The first bytes of a FITS file: all of a header of usual length."""
    start = file.read(_USUAL_HEADER_BLOCKS * BLOCK)
    if not start:
        raise FrameError(f"{path.name}: empty, expected a FITS file")
    if not start.startswith(b"SIMPLE  ="):
        raise FrameError(f"{path.name}: not FITS, begins with {start[:12]!r}, expected 'SIMPLE  ='")
    return start


def _read_header(file: BufferedReader, path: Path) -> Header:
    """The header of a file, which is left where its data begin: plain if it can be, else as astropy reads it."""
    text = plain_text(_read_start(file, path))
    header = None if text is None else read_plain(text)
    if text is None or header is None:
        return _read_with_astropy(file, path)
    file.seek(bytes_of_header(len(text)))
    return header


def _read_with_astropy(file: BufferedReader, path: Path) -> Header:
    """The header of a FITS file as astropy reads it, from its beginning."""
    file.seek(0)
    _require_end(file, path)
    file.seek(0)
    try:
        header: Header = fits.Header.fromfile(file)
        return header
    except (OSError, ValueError, fits.VerifyError) as error:
        raise FrameError(f"{path.name}: header truncated or unreadable ({error})") from None


def _require_end(file: BufferedReader, path: Path) -> None:
    """Refuse a header that does not end, before astropy looks for its end through the whole file."""
    for _ in range(_LONGEST_HEADER_BLOCKS):
        cards = file.read(BLOCK)
        if any(cards[at : at + 80].rstrip() == b"END" for at in range(0, len(cards), 80)):
            return
        if len(cards) < BLOCK:
            break
    raise FrameError(f"{path.name}: header truncated or unreadable, no END in its first {file.tell()} bytes")


def _geometry(header: Header, path: Path, shape: tuple[int, int] | None) -> tuple[int, int, np.dtype[np.generic]]:
    """(rows, columns, kind of the stored pixels) of an image; another shape than that expected is refused."""
    try:
        bitpix, naxis = _whole(header["BITPIX"]), _whole(header["NAXIS"])
        sides = [_whole(header[f"NAXIS{i + 1}"]) for i in range(naxis)]
        stored: np.dtype[np.generic] = np.dtype(_PIXEL_TYPES[bitpix])
    except (KeyError, TypeError, ValueError, fits.VerifyError):
        raise FrameError(
            f"{path.name}: BITPIX and NAXIS cards missing or senseless, expected a 2-D image"
        ) from None
    if naxis != 2 or min(sides) <= 0:
        raise FrameError(f"{path.name}: no 2-D image in the first unit, NAXIS is {naxis}")
    if shape is not None and (sides[1], sides[0]) != tuple(shape):
        raise FrameError(f"{path.name}: {sides[0]}x{sides[1]} px, expected {shape[1]}x{shape[0]}")
    return sides[1], sides[0], stored


def _whole(value: CardValue) -> int:
    if type(value) is not int:
        raise TypeError(value)
    return value


def _scale(data: Pixels, header: Header, path: Path) -> Pixels:
    """Physical values of stored pixels in native byte order."""
    bzero, bscale = (header_number(header, key, path) if key in header else neutral for key, neutral in _SCALING)
    native = data.astype(data.dtype.newbyteorder("="))
    if native.dtype == np.int16 and (bzero, bscale) == (32768, 1):
        counts = native.view(np.uint16)
        counts ^= np.uint16(0x8000)  # adds 32768 without leaving 16 bits
        return counts
    if (bzero, bscale) == (0, 1):
        return native
    return (native * bscale + bzero).astype(np.float32)


def header_number(header: Header, key: str, path: Path) -> float:
    """Value of a card as a finite float.

    Raises
    ------
    HeaderError
        The card is missing or not a finite number.
    """
    try:
        value = header[key]
    except KeyError:
        raise HeaderError(f"{path.name}: no {key} in the header, expected a number") from None
    except fits.VerifyError:
        raise HeaderError(f"{path.name}: {key} is not readable, expected a number") from None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise HeaderError(f"{path.name}: {key} is {str(value)!r}, expected a finite number")
    return float(value)


def header_value(header: Header, key: str, path: Path, default: CardValue | None = None) -> CardValue | None:
    """Value of a card, or the default where there is none.

    Raises
    ------
    HeaderError
        The card cannot be read.
    """
    try:
        return header.get(key, default)
    except fits.VerifyError:
        raise HeaderError(f"{path.name}: {key} is not readable, expected a value as FITS has it") from None


def exposure_time(header: Header, key: str, path: Path) -> float:
    """EXPTIME in seconds, a positive number."""
    value = header_number(header, key, path)
    if value <= 0:
        raise HeaderError(f"{path.name}: {key} is {value:g} s, expected more than 0")
    if value > LONGEST_EXPOSURE_S:
        raise HeaderError(f"{path.name}: {key} is {value:g} s, expected at most {LONGEST_EXPOSURE_S:g}")
    return value


def start_of_exposure(header: Header, key: str, path: Path) -> Time:
    """DATE-OBS as a UTC Time."""
    expected = "expected UTC as 2024-07-06T07:27:37.751"
    try:
        value = header[key]
    except KeyError:
        raise HeaderError(f"{path.name}: no {key} in the header, {expected}") from None
    except fits.VerifyError:
        raise HeaderError(f"{path.name}: {key} is not readable, {expected}") from None
    match = _DATE.match(value.strip()) if isinstance(value, str) else None
    if not match or not "1990" <= match["stamp"][:4] <= "2099":
        raise HeaderError(f"{path.name}: {key} is {str(value)!r}, {expected}")
    try:
        return Time(match["stamp"], format="isot", scale="utc")
    except ValueError:
        raise HeaderError(f"{path.name}: {key} is {value!r}, {expected}") from None


def pointing_of(header: Header, pairs: Iterable[tuple[str, str]]) -> tuple[float, float] | None:
    """(ra, dec) in degrees of the first pair of cards that makes sense, else None.

    Numbers are degrees; text with colons or blanks is sexagesimal, the right ascension in hours.
    """
    for ra_key, dec_key in pairs:
        try:
            ra = _angle(header[ra_key], "hourangle")
            dec = _angle(header[dec_key], "deg")
        except (KeyError, ValueError, TypeError, fits.VerifyError):
            continue
        if 0 <= ra <= 360 and -90 <= dec <= 90:
            return ra % 360.0, dec
    return None


def _angle(value: CardValue, sexagesimal_unit: str) -> float:
    if isinstance(value, str) and re.search(r"[: hd]", value.strip()):
        from astropy.coordinates import Angle  # takes half a second to import, and few cameras need it

        return float(Angle(value.strip(), unit=sexagesimal_unit).deg)
    return float(value)


def check_readmode(header: Header, camera: Camera, path: Path) -> None:
    """Refuse a frame taken in another read mode: its gain and noise are not those of the profile."""
    wanted = camera.detector.readmode
    found = header_value(header, camera.headers.readmode, path, wanted)
    if wanted not in str(found):
        raise FrameError(f"{path.name}: {camera.headers.readmode} is {str(found)!r}, expected one with {wanted!r}")


def data_checksum(path: Path) -> int:
    """CRC-32 of everything behind the header of the first unit of a FITS file."""
    path = Path(path)
    with _open_regular(path) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _read_header(file, path)
        return _sum_rest(file)


def _sum_rest(file: BufferedReader, *targets: BinaryIO) -> int:
    """CRC-32 of the rest of a file, which is written to the targets on the way, piece by piece."""
    buffer, checksum = memoryview(bytearray(_CHUNK)), 0
    while count := file.readinto(buffer):
        checksum = zlib.crc32(buffer[:count], checksum)
        for target in targets:
            target.write(buffer[:count])
    return checksum


def write_cards(path: Path, cards: Sequence[Card], *, remove: Collection[str] = ()) -> bool:
    """Set header cards of a FITS file; its pixels stay as they are.

    A new file is written beside the old one, forced to disk, its data compared by checksum, then renamed over
    it. The time stamps of the file are kept. Nothing is written where the cards hold these values already.

    Parameters
    ----------
    path : Path
    cards : list of (keyword, value, comment)
    remove : iterable of str
        Keywords taken out first.

    Returns
    -------
    bool
        Whether the file was written anew.

    Raises
    ------
    FrameError
        The file is no readable FITS file.
    WriteError
        The new file could not be written; the old one is whole.
    """
    path = Path(path)
    with _open_regular(path) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        status = os.fstat(file.fileno())
        before, after = _read_texts(file, path, cards, remove)
        if before.rstrip() == after.rstrip():
            return False
        with write_then_rename(path) as temporary:
            _write_behind(_with_end(after), file, temporary, path)
            now = os.fstat(file.fileno())
            if (now.st_size, now.st_mtime_ns) != (status.st_size, status.st_mtime_ns):
                raise FrameError(
                    f"{path.name}: changed while its header was written, left as it is; expected a whole file"
                )
            temporary.chmod(stat.S_IMODE(status.st_mode))
            os.utime(temporary, ns=(status.st_atime_ns, status.st_mtime_ns))
    return True


def _read_texts(
    file: BufferedReader, path: Path, cards: Sequence[Card], remove: Collection[str]
) -> tuple[str, str]:
    """Text of a header as it is and as it would be, without END; the file is left where its data begin."""
    header = _read_header(file, path)
    data_at = file.tell()
    file.seek(0)
    text = plain_text(_read_start(file, path))
    file.seek(data_at)
    if text is None or not isinstance(header, PlainHeader):
        return _text_of(header, path), _text_of(_with_cards(header, cards, remove), path)
    return text, text_with(text, _plain_values(cards), _outdated(cards, remove))


def _text_of(header: fits.Header, path: Path) -> str:
    """A header as it lies in a file; one with damaged cards is no basis for a new one."""
    try:
        text: str = header.tostring(endcard=False, padding=False)
        text.encode("ascii")
        return text
    except (ValueError, fits.VerifyError):
        raise FrameError(
            f"{path.name}: header damaged, holds bytes that are no text; its cards stay as they are"
        ) from None


def _with_end(text: str) -> bytes:
    """Bytes of a header: its cards, END, and blanks up to a whole block."""
    return (text + "END").ljust(bytes_of_header(len(text))).encode("ascii")


def _write_behind(header: bytes, file: BufferedReader, temporary: Path, path: Path) -> None:
    """Write a header and the rest of an open file behind it, and read it back."""
    with temporary.open("wb") as target:
        target.write(header)
        checksum = _sum_rest(file, target)
    if data_checksum(temporary) != checksum:
        raise OSError(f"the copy's pixels differ from those of {path.name}")


def header_with(header: Header, cards: Sequence[Card], *, remove: Collection[str] = ()) -> Header:
    """The header that a file would have after `write_cards` with the same arguments, as it would be read back."""
    if isinstance(header, PlainHeader):
        return header.with_cards(_plain_values(cards), _outdated(cards, remove))
    changed: Header = fits.Header.fromstring(_with_cards(header, cards, remove).tostring())
    return changed


def _outdated(cards: Sequence[Card], remove: Collection[str]) -> list[str]:
    """Keywords to take out: those named, and a checksum that no longer holds."""
    return [*remove, *(["CHECKSUM"] if cards else [])]


def _plain_values(cards: Sequence[Card]) -> list[Card]:
    """The cards with Python's own kinds of numbers."""
    return [
        (key, value.item() if isinstance(value, np.generic) else value, comment) for key, value, comment in cards
    ]


def _with_cards(header: fits.Header, cards: Sequence[Card], remove: Collection[str]) -> fits.Header:
    """A copy of an astropy header with the cards set."""
    changed = header.copy()
    for key in _outdated(cards, remove):
        changed.remove(key, ignore_missing=True, remove_all=True)
    for key, value, comment in _plain_values(cards):
        changed[key] = (value, comment)
    return changed
