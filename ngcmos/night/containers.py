"""A file opened for reading, and unpacked on the way where it is compressed by gzip or bzip2."""

import bz2
import contextlib
import gzip
import os
import stat
import zlib
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, cast

from ngcmos.errors import FrameError

_GZIP, _BZIP2 = b"\x1f\x8b", b"BZh"
_BZIP2_ENDS = 0x177245385090  # marks the end of the data, at any bit; a checksum of 4 bytes follows


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


@contextlib.contextmanager
def open_unpacked(path: Path) -> Iterator[tuple[BufferedReader, BinaryIO]]:
    """(file, what it holds): the same stream twice where the file is not compressed.

    Raises
    ------
    FrameError
        Not readable, or (as it is read) damaged or cut off.
    """
    with open_regular(path) as file:
        start = file.peek(3)
        if not start.startswith((_GZIP, _BZIP2)):
            yield file, file
            return
        unpacked = gzip.GzipFile(fileobj=file) if start.startswith(_GZIP) else bz2.BZ2File(file)
        try:
            with unpacked:
                yield file, cast(BinaryIO, unpacked)
        except (EOFError, OSError, zlib.error) as error:
            raise FrameError(f"{path.name}: truncated or damaged, not to be unpacked ({error})") from None


def bytes_up_to(end: int, file: BufferedReader, unpacked: BinaryIO) -> int:
    """How many of the first `end` bytes there are; a compressed file whose own end tells it is not unpacked."""
    size = os.fstat(file.fileno()).st_size
    if unpacked is file:
        return min(size, end)
    if _seems_whole(os.pread(file.fileno(), 11, max(size - 11, 0)), end, isinstance(unpacked, gzip.GzipFile)):
        return end
    return unpacked.seek(end)


def _seems_whole(tail: bytes, end: int, is_gzip: bool) -> bool:
    """Whether the last 11 bytes of a compressed file are the end of it; gzip says how much it holds."""
    if is_gzip:
        return 0 <= int.from_bytes(tail[-4:], "little") - end % 2**32 < 2880
    bits = int.from_bytes(tail, "big") >> 32
    return any(bits >> shift & 2**48 - 1 == _BZIP2_ENDS for shift in range(8))
