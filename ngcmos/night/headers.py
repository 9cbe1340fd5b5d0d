"""Single cards of a header: their values, the numbers and texts that cameras write, and what is missing."""

import math
import re
from collections.abc import Sequence
from pathlib import Path

from astropy.io import fits

from ngcmos.config import Camera
from ngcmos.errors import FrameError, HeaderError
from ngcmos.night.cards import CardValue, Header
from ngcmos.night.telling import cards_like

LONGEST_EXPOSURE_S = 86400.0
_QUANTITY = re.compile(
    r"\s*(?P<number>[+-]?(\d+([.,]\d*)?|[.,]\d+)([EeDd][+-]?\d+)?)\s*(?P<unit>[A-Za-z]*)\.?\s*\Z", re.ASCII
)
_UNITS_S = {"": 1.0, "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0, "ms": 1e-3, "min": 60.0}
_EXPOSURE_CARDS = re.compile("EXP|XPOS|ITIME|INTTIME|DURATION|TELAPSE|ONTIME")


def header_number(header: Header, key: str, path: Path) -> float:
    """Value of a card as a finite float.

    Raises
    ------
    HeaderError
        The card is missing or not a finite number.
    """
    try:
        value = header[key]
    except KeyError:
        raise HeaderError(f"{path.name}: no {key} in the header, expected a number") from None
    except fits.VerifyError:
        raise HeaderError(f"{path.name}: {key} is not readable, expected a number") from None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise HeaderError(f"{path.name}: {key} is {str(value)!r}, expected a finite number")
    return float(value)


def header_value(header: Header, key: str, path: Path, default: CardValue | None = None) -> CardValue | None:
    """Value of a card, or the default where there is none.

    Raises
    ------
    HeaderError
        The card cannot be read.
    """
    try:
        return header.get(key, default)
    except fits.VerifyError:
        raise HeaderError(f"{path.name}: {key} is not readable, expected a value as FITS has it") from None


def said_first(header: Header, keys: Sequence[str]) -> str:
    """What the first of these cards says that says anything, as text; "" without any."""
    for key in keys:
        value = card_said(header, key)
        if value is not None and str(value).strip():
            return f"{value:g}" if isinstance(value, float) else str(value).strip()
    return ""


def card_said(header: Header, key: str) -> CardValue | None:
    """Value of a card that is only compared: None where there is none, words where it is unreadable."""
    try:
        return header.get(key)
    except fits.VerifyError:
        return "what cannot be read"


def first_card(header: Header, keys: Sequence[str], path: Path, expected: str) -> tuple[str, CardValue | None]:
    """(keyword, value) of the first of these cards that says something; one written against FITS is its text.

    ("", None) where none does.

    Raises
    ------
    HeaderError
        That card cannot be read.
    """
    for key in keys:
        try:
            value: object = header.get(key)
        except fits.VerifyError as error:
            value = _raw_text(error, key)
            if value is None:
                raise HeaderError(f"{path.name}: {key} is not readable, expected {expected}") from None
        if isinstance(value, str | int | float) and str(value).strip():
            return key, value
    return "", None


def exposure_time(header: Header, keys: Sequence[str], path: Path) -> float:
    """Seconds of the exposure, positive: the first of these cards that says something; text as '10,0 s' is read.

    Raises
    ------
    HeaderError
        There is no such card, or it makes no sense; the message lists the like cards that the header has.
    """
    key, value = first_card(header, keys, path, "a number of seconds")
    if not key:
        remedy = _other_exposures(header, keys)
        fact = f"{keys[0]} says nothing" if keys[0] in header else f"no {keys[0]} in the header"
        raise HeaderError(f"{path.name}: {fact}, expected a number of seconds{remedy}")
    seconds = _seconds(value)
    if not math.isfinite(seconds):
        expected = f"a finite number of seconds{_other_exposures(header, keys)}"
        raise HeaderError(f"{path.name}: {key} is {str(value)!r}, expected {expected}")
    if seconds <= 0:
        raise HeaderError(f"{path.name}: {key} is {seconds:g} s, expected more than 0")
    if seconds > LONGEST_EXPOSURE_S:
        raise HeaderError(f"{path.name}: {key} is {seconds:g} s, expected at most {LONGEST_EXPOSURE_S:g}")
    return seconds


def _other_exposures(header: Header, keys: Sequence[str]) -> str:
    """How an exposure time may be told, where none of these cards tells it."""
    like = cards_like(header, _EXPOSURE_CARDS, "exptime", tried=keys)
    return like or "; write the card, or name another that has it in headers.exptime"


def _seconds(value: CardValue | None) -> float:
    """Seconds of a number, or of a text as '10.0', '10,0', '1.0D+01' or '10.0 s'; NaN of anything else."""
    if isinstance(value, int | float):
        return math.nan if isinstance(value, bool) else float(value)
    match = _QUANTITY.match(value or "")
    unit = _UNITS_S.get(match["unit"].lower()) if match else None
    return number_of(match["number"]) * unit if match and unit else math.nan


def number_of(text: str) -> float:
    """A number as text has it: with a comma for the point, D for the exponent.

    Raises
    ------
    ValueError
        It is none.
    """
    return float(text.strip().replace(",", ".").replace("D", "E").replace("d", "e"))


def _raw_text(error: fits.VerifyError, key: str) -> str | None:
    """The value of a card as its text stands, where astropy's complaint quotes it."""
    match = re.search(rf"{key:8s}=([^/']*)", str(error))
    return match[1].strip() if match else None


def text_tolerated(header: Header, keys: Sequence[str]) -> str:
    """What to remark of an exposure that is written as text, "" of one that is a number."""
    for key in keys:
        value = card_said(header, key)
        if isinstance(value, str) and value.strip():
            return f"{key} is text, as {value.strip()!r}, read as a number"
        if value is not None:
            return ""
    return ""


def check_readmode(header: Header, camera: Camera, path: Path) -> None:
    """Refuse a frame taken in another read mode: its gain and noise are not those of the profile."""
    wanted = camera.detector.readmode
    found = header_value(header, camera.headers.readmode, path, wanted)
    if wanted not in str(found):
        raise FrameError(f"{path.name}: {camera.headers.readmode} is {str(found)!r}, expected one with {wanted!r}")
