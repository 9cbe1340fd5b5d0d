"""Plain FITS headers: their values, each parsed when it is asked for, and cards set in their text.

astropy takes a millisecond to understand a header of a hundred cards, most of which nobody asks for, and three to
set them. This does the same ten times faster where all cards are as the FITS standard has them (4.00, sections 4.1
and 4.2). `read_plain` leaves every other header to astropy; so do a value and a card that are not written plainly.
"""

import functools
import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import numpy as np
from astropy.io import fits

CardValue = str | int | float | bool
Card = tuple[str, CardValue, str]  # keyword, value, comment
Header = Mapping[str, CardValue]  # a PlainHeader, or an astropy.io.fits.Header of unusual cards

BLOCK = 2880
CARD = 80
_VALUE_COLUMNS = 20
_END = b"END".ljust(CARD)
_END_OF_C = b"END".ljust(CARD, b"\0")  # some camera programs fill up with NUL
_COMMENTARY = ("", "COMMENT", "HISTORY")
KEY = re.compile(r"[A-Z0-9_-]{1,8}\Z")
_GOES_ON = "CONTINUE  "
_NOT_PLAIN = ("END", "CONTINUE", "HIERARCH")  # these speak of more than their own card, or end the header
_TEXT = re.compile(r"(?!.*: )[ -&(-~]*[!-%(-~]\Z")  # without quotes or `name: 1.0`, and it ends in itself
_RECORD = re.compile(r"= \s*'[A-Za-z_][\w.]*: ", re.ASCII)  # `KEY = 'name: 1.0'` is a number KEY.name to astropy
_VALUE = re.compile(
    r" *(?:'(?P<text>[ -&(-~]*)'|(?P<whole>[+-]?[0-9]+)"
    r"|(?P<number>[+-]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:E[+-]?[0-9]+)?)|(?P<truth>[TF])) *(?:/[ -~]*)?\Z"
)


class PlainHeader(Mapping[str, CardValue]):
    """Values by keyword, as `astropy.io.fits.Header` has them; without commentary cards.

    A keyword is found however it is capitalised, the first card counts where it stands twice, and a value
    that makes no sense raises `astropy.io.fits.VerifyError` when it is asked for.
    """

    def __init__(self, images: dict[str, str]) -> None:
        self._images = images
        self._values: dict[str, CardValue] = {}

    def __getitem__(self, key: str) -> CardValue:
        key = key.strip().upper()
        if key not in self._values:
            self._values[key] = _value_of(key, self._images[key])
        return self._values[key]

    def image(self, key: str) -> str:
        """The 80 characters of a card."""
        return self._images[key]

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and key.strip().upper() in self._images

    def __iter__(self) -> Iterator[str]:
        return iter(self._images)

    def __len__(self) -> int:
        return len(self._images)

    @property
    def text(self) -> str:
        """The cards, 80 characters each, without END."""
        return "".join(self._images.values())

    def over(self, under: "PlainHeader") -> "PlainHeader":
        """The header that has the cards of another one too, where it lacks them."""
        return PlainHeader(under._images | self._images)

    def with_cards(self, cards: Iterable[Card], remove: Collection[str] = ()) -> "PlainHeader":
        """The header that holds these (keyword, value, comment) too, and those keywords no more."""
        kept = {key: image for key, image in self._images.items() if key not in remove}
        return PlainHeader(kept | {key: format_card(key, value, comment) for key, value, comment in cards})


def comment_of(header: Header, key: str) -> str:
    """Comment of a card; "" without card or comment."""
    if key not in header:
        return ""
    if isinstance(header, PlainHeader):
        return str(fits.Card.fromstring(header.image(key)).comment)
    return str(header.comments[key]) if isinstance(header, fits.Header) else ""


def _value_of(key: str, image: str) -> CardValue:
    """Value of a card of 80 characters, or of one and those in which its text goes on."""
    match = _VALUE.match(image, 10) if len(image) == CARD else None
    if match is None or match.lastgroup is None:
        value: CardValue = fits.Header.fromstring(image)[key]
        return value
    kind, text = match.lastgroup, match[match.lastgroup]
    if kind == "text":
        return text.rstrip()
    if kind == "truth":
        return text == "T"
    return int(text) if kind == "whole" else float(text)


def read_plain(text: str, *, long_text: bool = False) -> PlainHeader | None:
    """The PlainHeader of a header's cards, without the card END; None where a card is not plain.

    Cards whose text goes on in others (CONTINUE) are plain with `long_text`; such a header is only to be read.
    """
    if _RECORD.search(text):
        return None
    images: dict[str, str] = {}
    last = None
    for at in range(0, len(text), CARD):
        if long_text and last is not None and text.startswith(_GOES_ON, at):
            images[last] += text[at : at + CARD]
            continue
        key = _keyword(text[at : at + 10])
        if key is None:
            return None
        last = None if key in images else key
        if last is not None:
            images[last] = text[at : at + CARD]
    for key in _COMMENTARY:
        images.pop(key, None)
    return PlainHeader(images)


@functools.lru_cache(maxsize=4096)
def _keyword(start: str) -> str | None:
    """Keyword of a card by its first ten characters; None where it is not plain."""
    key = start[:8].rstrip(" ")
    plain = start[8:] == "= " and KEY.match(key) and key not in _NOT_PLAIN
    return key if key in _COMMENTARY or plain else None


def plain_text(start: bytes) -> str | None:
    """Text of the cards before END; None where these first bytes of a file lack END, or have it otherwise."""
    end = _end_of(start, _END)
    if end < 0:
        end = _end_of(start, _END_OF_C)
    whole = start[: bytes_of_header(end)]
    if end < 0 or len(whole) < bytes_of_header(end) or whole[end + 3 :].strip(b" \0") or not whole.isascii():
        return None
    return whole[:end].decode("ascii")


def _end_of(start: bytes, card: bytes) -> int:
    """Where the card END begins, -1 where it is not there."""
    end = start.find(card)
    while end % CARD and end >= 0:
        end = start.find(card, end + 1)
    return end


def bytes_of_header(length: int) -> int:
    """Bytes that so many characters of cards take in a file, with END and whole blocks."""
    return (length // BLOCK + 1) * BLOCK


def text_with(text: str, cards: Iterable[Card], remove: Collection[str] = ()) -> str:
    """Text of a plain header with cards set, and keywords taken out first; without END.

    A keyword that is there keeps its place, a new one comes before the comments at the end, and takes the place
    of a blank card there.
    """
    new: dict[str | None, str] = {key: format_card(key, value, comment) for key, value, comment in cards}
    images = [text[at : at + CARD] for at in range(0, len(text), CARD)]
    images = [image for image in images if _keyword(image[:10]) not in remove]
    images = [new.pop(_keyword(image[:10]), image) for image in images]
    tail = len(images)
    while tail and _keyword(images[tail - 1][:10]) in _COMMENTARY:
        tail -= 1
    comments = images[tail:]
    for _ in new:
        if comments and comments[-1].isspace():
            comments.pop()
    return "".join([*images[:tail], *new.values(), *comments])


def format_card(key: str, value: CardValue, comment: str) -> str:
    """A card of 80 characters, as astropy writes it."""
    text = _text_of(value)
    if text and KEY.match(key) and comment.isascii() and comment.isprintable():
        image = f"{key:8s}= {text}{' / ' if comment.strip() else ''}{comment}"
        if len(image) <= CARD:
            return image.ljust(CARD)
    return str(fits.Card(key, value, comment))


def _text_of(value: object) -> str:
    """A value in its columns of a card; "" of one that is not plain."""
    if isinstance(value, str):
        return f"'{value:8s}'".ljust(_VALUE_COLUMNS) if _TEXT.match(value) else ""
    if isinstance(value, bool):
        return f"{str(value)[0]:>{_VALUE_COLUMNS}s}"
    if isinstance(value, int | float) and math.isfinite(value):
        return f"{_shorten(str(value).replace('e', 'E')):>{_VALUE_COLUMNS}s}"
    return ""


def _shorten(number: str) -> str:
    """A number of at most twenty characters, its last digits cut off as astropy does; a long whole one stays."""
    if len(number) <= _VALUE_COLUMNS or number.lstrip("-").isdecimal():
        return number
    digits, mark, exponent = number.partition("E")
    return digits[: _VALUE_COLUMNS - len(mark + exponent)] + mark + exponent


def header_with(header: Header, cards: Sequence[Card], *, remove: Collection[str] = ()) -> Header:
    """The header that a file would have after `write_cards` with the same arguments, as it would be read back."""
    if isinstance(header, PlainHeader):
        return header.with_cards(plain_values(cards), outdated(cards, remove))
    changed: Header = fits.Header.fromstring(_set_by_astropy(header, cards, remove).tostring())
    return changed


def outdated(cards: Sequence[Card], remove: Collection[str]) -> list[str]:
    """Keywords to take out: those named, and a checksum that no longer holds."""
    return [*remove, *(["CHECKSUM"] if cards else [])]


def plain_values(cards: Sequence[Card]) -> list[Card]:
    """The cards with Python's own kinds of numbers."""
    return [
        (key, value.item() if isinstance(value, np.generic) else value, comment) for key, value, comment in cards
    ]


def _set_by_astropy(header: fits.Header, cards: Sequence[Card], remove: Collection[str]) -> fits.Header:
    """A copy of an astropy header with the cards set."""
    changed = header.copy()
    for key in outdated(cards, remove):
        changed.remove(key, ignore_missing=True, remove_all=True)
    for key, value, comment in plain_values(cards):
        changed[key] = (value, comment)
    return changed


def header_over(header: Header, under: Header) -> Header:
    """A header that has the cards of another one too, where it lacks them."""
    if isinstance(header, PlainHeader) and isinstance(under, PlainHeader):
        return header.over(under)
    both: fits.Header = _as_astropy(header).copy()
    both.extend(_as_astropy(under), strip=False, unique=True)
    merged: Header = both
    return merged


def _as_astropy(header: Header) -> fits.Header:
    return fits.Header.fromstring(header.text) if isinstance(header, PlainHeader) else header


def header_text(header: Header) -> str:
    """The cards of a header, 80 characters each, without END; one with damaged cards is told by ValueError."""
    if isinstance(header, PlainHeader):
        return header.text
    try:
        text: str = _as_astropy(header).tostring(endcard=False, padding=False)
    except fits.VerifyError as error:
        raise ValueError(str(error)) from None
    return text
