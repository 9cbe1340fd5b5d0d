"""Cards that a frame keeps in a file beside it, `{frame}.head`, because the frame itself should stay as it is.

Such a file is header text as SCAMP writes it: cards of 80 characters, or lines, up to END. One that ngcmos wrote
holds the whole header and stands in place of the frame's own; one of another program may hold some cards only,
which stand in place of those of the frame.
"""

import zlib
from pathlib import Path

from astropy.io import fits

from ngcmos.errors import FrameError
from ngcmos.night.cards import CARD, Header, header_over, header_text, read_plain
from ngcmos.night.units import ImageUnit

SUFFIX = ".head"
OWNER = "HEADOF"  # what the frame's own header was when the file beside it was written


def head_path(path: Path) -> Path:
    """Where the cards of a frame lie that are kept beside it."""
    return path.with_name(path.name + SUFFIX)


def header_beside(path: Path, unit: ImageUnit) -> Header:
    """The header that counts for a frame: that beside it, else its own.

    A whole header that was written for another state of the frame counts no more.

    Raises
    ------
    FrameError
        The file beside it is no header text.
    """
    own = own_header(unit)
    try:
        content = head_path(path).read_bytes()
    except FileNotFoundError:
        return own
    except OSError as error:
        raise FrameError(f"{path.name}{SUFFIX}: not readable, {error.strerror}") from None
    head = _read(content, path)
    if OWNER not in head:
        return header_over(head, own)
    return head if head[OWNER] == checksum_of(own) else own


def own_header(unit: ImageUnit) -> Header:
    """The header that a frame itself has: that of its image, and what only the first unit knows."""
    return header_over(unit.header, unit.above) if unit.number else unit.header


def checksum_of(header: Header) -> str:
    """CRC-32 of a header (hex, 8 digits), "" where it is damaged."""
    try:
        return f"{zlib.crc32(header_text(header).encode('ascii', 'replace')):08x}"
    except ValueError:
        return ""


def _read(content: bytes, path: Path) -> Header:
    """Header of a file of cards or of lines."""
    text = content.decode("ascii", "replace")
    lines = text.splitlines() if "\n" in text else [text[at : at + CARD] for at in range(0, len(text), CARD)]
    ends = [number for number, line in enumerate(lines) if line.rstrip() == "END"]
    if not ends or not content.isascii() or any(len(line.rstrip()) > CARD for line in lines[: ends[0]]):
        raise FrameError(
            f"{path.name}{SUFFIX}: not header text, expected cards of up to {CARD} characters and END;"
            " remove it to have the frame's own cards read"
        )
    cards = "".join(line.rstrip().ljust(CARD) for line in lines[: ends[0]])
    header: Header = read_plain(cards) or fits.Header.fromstring(cards)
    return header


def head_text(text: str) -> str:
    """The text of a header's cards as such a file holds it: a line a card."""
    cards = [text[at : at + CARD].rstrip() for at in range(0, len(text), CARD)]
    return "\n".join([*cards, "END"]) + "\n"
