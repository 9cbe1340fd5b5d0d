"""The image of a file: its header and, where wanted, its pixels; anything but a whole image is refused.

Read are FITS files, also compressed by gzip, bzip2 or tile by tile (fpack), the first image of any unit.
"""

import warnings
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeAlias, overload

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from ngcmos.errors import FrameError
from ngcmos.night.cards import Header
from ngcmos.night.containers import bytes_up_to, open_unpacked
from ngcmos.night.headers import header_number
from ngcmos.night.heads import header_beside
from ngcmos.night.units import find_image, geometry

Pixels: TypeAlias = NDArray[Any]  # (rows, columns); raw counts of any kind of number

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
    """Pixels and header of the first image of a FITS file.

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
        As that of a `Frame`: of the image's unit, of the first unit where that lacks a card; what stands in a
        file of cards beside the frame comes first.

    Raises
    ------
    FrameError
        Missing, unreadable, empty, truncated, not FITS, no image or of another shape.
    """
    return read_pixels(Path(path), shape, pixels)


def read_pixels(path: Path, shape: tuple[int, int] | None, pixels: bool) -> tuple[Pixels | None, Header]:
    """As `read_image`, for who knows only when asked whether the pixels are wanted."""
    with open_unpacked(path) as (file, stream), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a card astropy mends; cards that matter are checked one by one
        unit = find_image(stream, path)
        rows, columns, stored = geometry(unit.header, path, shape)
        header = header_beside(path, unit)
        wanted = unit.tiles_bytes or rows * columns * stored.itemsize
        if not pixels or stream is file:
            _require(bytes_up_to(unit.data_at + wanted, file, stream) - unit.data_at, wanted, path)
        if not pixels:
            return None, header
        if unit.tiles_bytes:
            data = _read_tiles(path, unit.number)
        else:
            data = _read_stored(stream, stored, rows * columns, path).reshape(rows, columns)
        return _scale(data, unit.header, path), header


def _require(found: int, wanted: int, path: Path) -> None:
    if found < wanted:
        raise FrameError(
            f"{path.name}: truncated or still being written, holds {found} bytes of pixels, expected {wanted}"
        )


def _read_stored(stream: BinaryIO, stored: np.dtype[np.generic], count: int, path: Path) -> Pixels:
    """Pixels as they are stored, from where a stream is left."""
    if isinstance(stream, BufferedReader):
        return np.fromfile(stream, dtype=stored, count=count)
    content = stream.read(count * stored.itemsize)
    _require(len(content), count * stored.itemsize, path)
    return np.frombuffer(content, dtype=stored)


def _read_tiles(path: Path, number: int) -> Pixels:
    """Pixels of a tile-compressed unit as they were stored before."""
    try:
        with fits.open(path, memmap=False, do_not_scale_image_data=True) as units:
            data: Pixels = units[number].data
            return data
    except (OSError, ValueError, TypeError, IndexError, RuntimeError) as error:
        raise FrameError(f"{path.name}: tiles of the image damaged ({error})") from None


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
