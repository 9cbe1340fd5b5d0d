"""Units of a FITS file: their headers, which of them holds the image, and what its pixels are."""

import dataclasses
import io
import math
import re
from pathlib import Path
from typing import BinaryIO

import numpy as np
from astropy.io import fits

from ngcmos.errors import FrameError
from ngcmos.night.cards import BLOCK, CardValue, Header, bytes_of_header, header_with, plain_text, read_plain

FIRST, FURTHER = b"SIMPLE  =", b"XTENSION="
_USUAL_HEADER_BLOCKS = 8
_LONGEST_HEADER_BLOCKS = 400
_PIXEL_TYPES = {8: ">u1", 16: ">i2", 32: ">i4", -32: ">f4", -64: ">f8"}
_OF_TILES = re.compile(
    r"(Z(IMAGE|SIMPLE|TENSION|EXTEND|BITPIX|NAXIS\d*|PCOUNT|GCOUNT|TILE\d+|CMPTYPE|NAME\d+|VAL\d+|QUANTIZ|DITHER0"
    r"|BLANK|MASKCMP|HECKSUM|DATASUM)|T(TYPE|FORM|UNIT|DIM|NULL|SCAL|ZERO|DISP)\d+|TFIELDS|THEAP)\Z"
)


@dataclasses.dataclass(frozen=True)
class ImageUnit:
    """The unit of a file that holds its image.

    Attributes
    ----------
    number : int
        0 is the first.
    header : mapping
        Of this unit alone; of a tile-compressed image as it was before.
    above : mapping
        Of the first unit of the file.
    data_at : int
        Bytes of the file before its data.
    tiles_bytes : int
        Length of its data where the image is tile-compressed, else 0.
    """

    number: int
    header: Header
    above: Header
    data_at: int
    tiles_bytes: int = 0


def find_image(file: BinaryIO, path: Path) -> ImageUnit:
    """The first unit of a file that holds an image (or should: the first unit with any data).

    Raises
    ------
    FrameError
        Not FITS, cut off, or without an image.
    """
    above = read_header(file, path)
    header: Header | None = above
    number = 0
    while header is not None:
        if number and _said(header, "ZIMAGE") is True:
            return ImageUnit(number, _before_tiling(header), above, file.tell(), _bytes_of_data(header, path))
        if _said(header, "NAXIS") != 0 and (not number or _said(header, "XTENSION") == "IMAGE"):
            return ImageUnit(number, header, above, file.tell())
        length = _bytes_of_data(header, path)
        file.seek(-(-length // BLOCK) * BLOCK, io.SEEK_CUR)
        header, number = _next_header(file, path), number + 1
    raise FrameError(f"{path.name}: no image in any of its {number} units, expected a 2-D image")


def _said(header: Header, key: str) -> CardValue | None:
    """Value of a card, None where it is missing or makes no sense."""
    try:
        return header.get(key)
    except fits.VerifyError:
        return None


def _next_header(file: BinaryIO, path: Path) -> Header | None:
    """Header of the unit that begins here; None where none does."""
    at = file.tell()
    begins = file.read(len(FURTHER)) == FURTHER
    file.seek(at)
    return read_header(file, path, FURTHER) if begins else None


def _bytes_of_data(header: Header, path: Path) -> int:
    """Length of the data of a unit, without what fills its last block."""
    try:
        sides = [whole(header[f"NAXIS{axis + 1}"]) for axis in range(whole(header["NAXIS"]))]
        pixels = math.prod(sides) if sides else 0
        bits = whole(header["BITPIX"]) * whole(header.get("GCOUNT", 1)) * (whole(header.get("PCOUNT", 0)) + pixels)
    except (KeyError, TypeError, ValueError, fits.VerifyError):
        raise FrameError(f"{path.name}: cards of a unit before the image missing or senseless") from None
    return abs(bits) // 8


def _before_tiling(header: Header) -> Header:
    """Header of a tile-compressed image as it was before (FITS standard 4.0, section 10.1)."""
    count = _said(header, "ZNAXIS")
    names = ["BITPIX", "NAXIS", *(f"NAXIS{axis + 1}" for axis in range(count if isinstance(count, int) else 0))]
    cards = [(name, header[f"Z{name}"], "") for name in names if f"Z{name}" in header]
    return header_with(header, cards, remove=[key for key in header if _OF_TILES.match(key)])


def read_start(file: BinaryIO, path: Path, mark: bytes = FIRST) -> bytes:
    """The next bytes of a file, which begin a unit: all of a header of usual length."""
    start = file.read(_USUAL_HEADER_BLOCKS * BLOCK)
    if not start:
        raise FrameError(f"{path.name}: empty, expected a FITS file")
    if not start.startswith(mark):
        raise FrameError(f"{path.name}: not FITS, begins with {start[:12]!r}, expected {mark.decode()!r}")
    return start


def read_header(file: BinaryIO, path: Path, mark: bytes = FIRST) -> Header:
    """The header that begins here, plain if it can be, else as astropy reads it; the file is left at its data."""
    at = file.tell()
    text = plain_text(read_start(file, path, mark))
    header = None if text is None else read_plain(text)
    if text is None or header is None:
        file.seek(at)
        return _read_with_astropy(file, path)
    file.seek(at + bytes_of_header(len(text)))
    return header


def _read_with_astropy(file: BinaryIO, path: Path) -> Header:
    blocks = _read_to_end(file, path)
    try:
        header: Header = fits.Header.fromfile(io.BytesIO(blocks.replace(b"\0", b" ")))
        return header
    except (OSError, ValueError, fits.VerifyError) as error:
        raise FrameError(f"{path.name}: header truncated or unreadable ({error})") from None


def _read_to_end(file: BinaryIO, path: Path) -> bytes:
    """The blocks of a header; one that does not end is refused before astropy looks through the whole file."""
    blocks = []
    for _ in range(_LONGEST_HEADER_BLOCKS):
        blocks.append(file.read(BLOCK))
        if any(blocks[-1][at : at + 80].rstrip(b" \0") == b"END" for at in range(0, len(blocks[-1]), 80)):
            return b"".join(blocks)
        if len(blocks[-1]) < BLOCK:
            break
    length = sum(len(block) for block in blocks)
    raise FrameError(f"{path.name}: header truncated or unreadable, no END in its first {length} bytes")


def geometry(header: Header, path: Path, shape: tuple[int, int] | None) -> tuple[int, int, np.dtype[np.generic]]:
    """(rows, columns, kind of the stored pixels) of an image; another shape than that expected is refused.

    A cube of one plane is an image.
    """
    try:
        bitpix, naxis = whole(header["BITPIX"]), whole(header["NAXIS"])
        sides = [whole(header[f"NAXIS{axis + 1}"]) for axis in range(naxis)]
        stored: np.dtype[np.generic] = np.dtype(_PIXEL_TYPES[bitpix])
    except (KeyError, TypeError, ValueError, fits.VerifyError):
        raise FrameError(
            f"{path.name}: BITPIX and NAXIS cards missing or senseless, expected a 2-D image"
        ) from None
    if naxis < 2 or min(sides) <= 0 or max(sides[2:], default=1) > 1:
        raise FrameError(f"{path.name}: no 2-D image, its sides are {sides}, expected a 2-D image")
    if shape is not None and (sides[1], sides[0]) != tuple(shape):
        raise FrameError(f"{path.name}: {sides[0]}x{sides[1]} px, expected {shape[1]}x{shape[0]}")
    return sides[1], sides[0], stored


def whole(value: CardValue) -> int:
    """A card's value that must be a whole number; TypeError of another."""
    if type(value) is not int:
        raise TypeError(value)
    return value
