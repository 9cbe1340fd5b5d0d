"""The image in a FITS file: its header and, where wanted, its pixels; anything but a whole image is refused."""

import os
import stat
import warnings
from io import BufferedReader
from pathlib import Path
from typing import Any, Literal, TypeAlias, overload

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from ngcmos.errors import FrameError
from ngcmos.night.cards import BLOCK, CardValue, Header, bytes_of_header, plain_text, read_plain
from ngcmos.night.headers import header_number

Pixels: TypeAlias = NDArray[Any]  # (rows, columns); raw counts of any kind of number

_USUAL_HEADER_BLOCKS = 8
_LONGEST_HEADER_BLOCKS = 400
_PIXEL_TYPES = {8: ">u1", 16: ">i2", 32: ">i4", -32: ">f4", -64: ">f8"}
_SCALING = (("BZERO", 0), ("BSCALE", 1))


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
    return read_pixels(Path(path), shape, pixels)


def read_pixels(path: Path, shape: tuple[int, int] | None, pixels: bool) -> tuple[Pixels | None, Header]:
    """As `read_image`, for who knows only when asked whether the pixels are wanted."""
    with open_regular(path) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a card astropy mends; cards that matter are checked one by one
        size = os.fstat(file.fileno()).st_size
        header = read_header_of(file, path)
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


def open_regular(path: Path) -> BufferedReader:
    """The file opened for reading; only a regular file, so that a pipe or a device cannot hang the night."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        raise FrameError(f"{path.name}: not readable, {error.strerror}") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FrameError(f"{path.name}: not a file, expected a FITS file")
    return os.fdopen(descriptor, "rb")


def read_start(file: BufferedReader, path: Path) -> bytes:
    """The first bytes of a FITS file: all of a header of usual length."""
    start = file.read(_USUAL_HEADER_BLOCKS * BLOCK)
    if not start:
        raise FrameError(f"{path.name}: empty, expected a FITS file")
    if not start.startswith(b"SIMPLE  ="):
        raise FrameError(f"{path.name}: not FITS, begins with {start[:12]!r}, expected 'SIMPLE  ='")
    return start


def read_header_of(file: BufferedReader, path: Path) -> Header:
    """The header of a file, which is left where its data begin: plain if it can be, else as astropy reads it."""
    text = plain_text(read_start(file, path))
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
