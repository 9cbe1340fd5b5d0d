"""The cards of a frame as somebody reads them who does not know the camera: values, numbers in text, comments."""

import dataclasses
import math
import re

from astropy.io import fits

from ngcmos.night.cards import CardValue, Header, header_text
from ngcmos.night.headers import card_said, number_of

_NUMBER = re.compile(r"\s*([+-]?(?:\d+[.,]?\d*|[.,]\d+)(?:[EeDd][+-]?\d+)?)")
_SEXAGESIMAL = re.compile(r"\s*([+-]?)(\d+)[:dh° ]+(\d+)[:m' ]+(\d+(?:\.\d*)?)")


@dataclasses.dataclass(frozen=True)
class Card:
    """A card that was looked for: its keyword, its value, what its comment says."""

    key: str
    value: CardValue
    comment: str

    @property
    def text(self) -> str:
        """The value as text."""
        return str(self.value).strip()

    @property
    def number(self) -> float:
        """The value, or the number its text begins with (sexagesimal text in whole units); NaN without one."""
        if isinstance(self.value, int | float) and not isinstance(self.value, bool):
            return float(self.value)
        parts = _SEXAGESIMAL.match(self.text)
        if parts:
            size = float(parts[2]) + float(parts[3]) / 60 + float(parts[4]) / 3600
            return -size if parts[1] == "-" else size
        found = _NUMBER.match(self.text)
        return number_of(found[1]) if found else math.nan


@dataclasses.dataclass(frozen=True)
class Sheet:
    """Header of a frame, with the comments of its cards."""

    header: Header
    comments: dict[str, str]

    @classmethod
    def of(cls, header: Header) -> "Sheet":
        """Of a header as `ngcmos.night.images.read_image` gives it."""
        cards = fits.Header.fromstring(header_text(header)).cards
        return cls(header, {card.keyword: card.comment for card in cards})

    def first(self, *keys: str) -> Card | None:
        """The first of these cards that says something."""
        for key in keys:
            value = card_said(self.header, key)
            if value is not None and str(value).strip():
                return Card(key, value, self.comments.get(key, ""))
        return None

    def first_number(self, *keys: str) -> Card | None:
        """The first of these cards that holds a number other than zero."""
        for key in keys:
            card = self.first(key)
            if card is not None and math.isfinite(card.number) and card.number != 0:
                return card
        return None
