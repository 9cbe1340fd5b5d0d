"""Checksums of the rows of a table, so that bytes which rotted on a disk are seen and not believed.

A table keeps the CRC-32 (that of zlib) of the rows of each frame in FRAMES and of the rows of each star, one
frame after the other, in STARS, both as the column `checksum`: whoever reads a star checks its rows alone, whoever
reads frames checks theirs. STARS and FRAMES themselves have the checksums that FITS knows. Tables of earlier
versions have none and are read as they are.
"""

import io
import zlib
from pathlib import Path

import numpy as np
from astropy.io import fits

from ngcmos.arrays import Ints, Rows
from ngcmos.errors import ProductError

SUM_COLUMN = "checksum"
SEAL = ("CHECKSUM", "DATASUM")  # cards of an extension
SEALED = "of this extension"  # their comment, which tells no time: alike ones are alike
FITS_BLOCK = 2880
REMEDY = (
    "(the checksum differs: the disk lost bytes, or another program changed the file); "
    "process_cmos --overwrite makes the table anew"
)


class RowSums:
    """Checksums of the rows of some stars, as frame after frame is added."""

    def __init__(self, stars: int) -> None:
        self._stars = [0] * stars
        self._frames: list[int] = []

    def add(self, rows: Rows) -> None:
        """Take in the rows of the next frame: (stars,) structured array, as it lies in the file."""
        buffer, width = memoryview(rows.tobytes()), rows.dtype.itemsize
        self._frames.append(zlib.crc32(buffer))
        self._stars = [
            zlib.crc32(buffer[start : start + width], before)
            for before, start in zip(self._stars, range(0, len(buffer), width), strict=True)
        ]

    @property
    def of_stars(self) -> Ints:
        """(stars,) checksums."""
        return np.array(self._stars, np.int64)

    @property
    def of_frames(self) -> Ints:
        """(frames,) checksums."""
        return np.array(self._frames, np.int64)


def sum_of(rows: Rows) -> int:
    """Checksum of the rows of one star, or of one frame, in the order and the bytes of the file."""
    return zlib.crc32(rows.tobytes())


def bytes_of_sealed(extension: fits.BinTableHDU) -> bytes:
    """An extension as it lies in a file, with DATASUM and CHECKSUM."""
    extension.add_checksum(when=SEALED)
    whole = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), extension]).writeto(whole)
    return whole.getvalue()[FITS_BLOCK:]  # what astropy puts before it


def check_seal(path: Path, extension: fits.BinTableHDU) -> None:
    """Compare an extension with its checksums, where it has any.

    Raises
    ------
    ProductError
        It is not what was written.
    """
    if not (extension.verify_datasum() and extension.verify_checksum()):
        raise ProductError(f"{path}: {extension.name} is not what was written {REMEDY}")


def check_rows(path: Path, whose: str, rows: Rows, expected: np.int64 | None) -> None:
    """Compare rows with their checksum; None where the table has none.

    Raises
    ------
    ProductError
        They are not the rows that were written.
    """
    if expected is not None and sum_of(rows) != expected:
        raise ProductError(f"{path}: rows of {whose} are not those that were written {REMEDY}")
