"""Header cards written into a frame without touching a pixel."""

import os
import stat
import warnings
import zlib
from collections.abc import Collection, Sequence
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

import numpy as np
from astropy.io import fits

from ngcmos.errors import FrameError
from ngcmos.night.cards import Card, Header, PlainHeader, bytes_of_header, plain_text, text_with
from ngcmos.night.images import open_regular, read_header_of, read_start
from ngcmos.night.products import write_then_rename

_CHUNK = 2**19  # bytes that stay in the processor's cache between reading, summing and writing


def data_checksum(path: Path) -> int:
    """CRC-32 of everything behind the header of the first unit of a FITS file."""
    path = Path(path)
    with open_regular(path) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        read_header_of(file, path)
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
    with open_regular(path) as file, warnings.catch_warnings():
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
    header = read_header_of(file, path)
    data_at = file.tell()
    file.seek(0)
    text = plain_text(read_start(file, path))
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
