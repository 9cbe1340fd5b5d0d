"""Header cards written into a frame without touching a pixel, or beside it where it should stay as it is."""

import os
import stat
import warnings
import zlib
from collections.abc import Collection, Sequence
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from ngcmos.errors import FrameError
from ngcmos.night.cards import (
    Card,
    Header,
    PlainHeader,
    bytes_of_header,
    header_text,
    header_with,
    outdated,
    plain_text,
    plain_values,
    text_with,
)
from ngcmos.night.containers import open_regular, open_unpacked
from ngcmos.night.heads import OWNER, checksum_of, head_path, head_text, header_beside, own_header
from ngcmos.night.products import keep_old, write_then_rename
from ngcmos.night.units import find_image, read_header, read_start

_CHUNK = 2**19  # bytes that stay in the processor's cache between reading, summing and writing


def data_checksum(path: Path) -> int:
    """CRC-32 of everything behind the header of the first unit of a FITS file."""
    path = Path(path)
    with open_regular(path) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        read_header(file, path)
        return _sum_rest(file)


def _sum_rest(file: BufferedReader, *targets: BinaryIO) -> int:
    """CRC-32 of the rest of a file, which is written to the targets on the way, piece by piece."""
    buffer, checksum = memoryview(bytearray(_CHUNK)), 0
    while count := file.readinto(buffer):
        checksum = zlib.crc32(buffer[:count], checksum)
        for target in targets:
            target.write(buffer[:count])
    return checksum


def write_cards(path: Path, cards: Sequence[Card], *, remove: Collection[str] = (), beside: bool = False) -> bool:
    """Set header cards of a frame; its pixels stay as they are.

    A new file is written beside the old one, forced to disk, its data compared by checksum, then renamed over
    it. The time stamps of the file are kept. Nothing is written where the cards hold these values already.

    A frame that should not be rewritten keeps its whole header in `{frame}.head` beside it: one that is linked,
    compressed, read-only, whose image is not in the first unit, that has such a file, and any with `beside`.

    Parameters
    ----------
    path : Path
    cards : list of (keyword, value, comment)
    remove : iterable of str
        Keywords taken out first.
    beside : bool
        Leave the frame as it is.

    Returns
    -------
    bool
        Whether a file was written anew.

    Raises
    ------
    FrameError
        The file is no readable FITS file.
    WriteError
        The new file could not be written; the old one is whole.
    """
    path = Path(path)
    if beside or _should_stay(path):
        return _write_beside(path, cards, remove)
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


def _should_stay(path: Path) -> bool:
    """Whether a frame should not be rewritten."""
    try:
        status = path.lstat()
    except OSError as error:
        raise FrameError(f"{path.name}: not readable, {error.strerror}") from None
    if stat.S_ISLNK(status.st_mode) or status.st_nlink > 1 or head_path(path).exists():
        return True
    if not status.st_mode & 0o222 or not os.access(path, os.W_OK):
        return True
    with open_unpacked(path) as (file, stream), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return stream is not file or find_image(stream, path).number > 0


def _write_beside(path: Path, cards: Sequence[Card], remove: Collection[str]) -> bool:
    """Set cards in the file beside a frame; whether it was written anew."""
    with open_unpacked(path) as (_, stream), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        unit = find_image(stream, path)
        header = header_beside(path, unit)
        before = _text_of(header, path)
        owner: Card = (OWNER, checksum_of(own_header(unit)), "CRC-32 of the header of the frame itself")
        after = _text_of(header_with(header, [*cards, owner], remove=remove), path)
    head = head_path(path)
    if head.exists() and OWNER not in header:
        keep_old(head)  # of another program, or of another state of the frame
    elif before.rstrip() == after.rstrip():
        return False
    with write_then_rename(head) as temporary:
        temporary.write_text(head_text(after), encoding="ascii")
    return True


def _read_texts(
    file: BufferedReader, path: Path, cards: Sequence[Card], remove: Collection[str]
) -> tuple[str, str]:
    """Text of a header as it is and as it would be, without END; the file is left where its data begin."""
    header = read_header(file, path)
    data_at = file.tell()
    file.seek(0)
    text = plain_text(read_start(file, path))
    file.seek(data_at)
    if text is None or not isinstance(header, PlainHeader):
        return _text_of(header, path), _text_of(header_with(header, cards, remove=remove), path)
    return text, text_with(text, plain_values(cards), outdated(cards, remove))


def _text_of(header: Header, path: Path) -> str:
    """A header as it lies in a file; one with damaged cards is no basis for a new one."""
    try:
        text = header_text(header)
        text.encode("ascii")
        return text
    except ValueError:
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
