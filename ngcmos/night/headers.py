"""What the cards of a header say: numbers, the exposure, its start, and where the telescope looked."""

import math
import re
from collections.abc import Sequence
from pathlib import Path

from astropy.io import fits

from ngcmos.config import Camera, HeaderNames
from ngcmos.errors import FrameError, HeaderError
from ngcmos.night.cards import CardValue, Header
from ngcmos.night.telling import cards_like

LONGEST_EXPOSURE_S = 86400.0
_NUMBER_AS_TEXT = re.compile(r"\s*(\d+(?:[.,]\d*)?(?:[eEdD][+-]?\d+)?)\s*(?:s|sec|seconds)?\s*\Z", re.ASCII)
_EXPOSURE_CARDS = re.compile("EXP|ITIME")


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


def exposure_time(header: Header, keys: Sequence[str], path: Path) -> float:
    """Seconds of the exposure, positive: the first of these cards that holds something; text as '10,0 s' is read.

    Raises
    ------
    HeaderError
        There is no such card, or it makes no sense; the message lists the like cards that the header has.
    """
    key, value = _first_said(header, keys, path)
    number = _NUMBER_AS_TEXT.match(value) if isinstance(value, str) else None
    if number:
        value = float(re.sub("[dD]", "e", number[1].replace(",", ".")))
    if isinstance(value, str | bool) or not math.isfinite(value):
        raise HeaderError(f"{path.name}: {key} is {str(value)!r}, expected a finite number of seconds")
    if value <= 0:
        raise HeaderError(f"{path.name}: {key} is {value:g} s, expected more than 0")
    if value > LONGEST_EXPOSURE_S:
        raise HeaderError(f"{path.name}: {key} is {value:g} s, expected at most {LONGEST_EXPOSURE_S:g}")
    return float(value)


def _first_said(header: Header, keys: Sequence[str], path: Path) -> tuple[str, CardValue]:
    """(keyword, value) of the first of these cards that holds something; one written against FITS is its text."""
    for key in keys:
        try:
            value: object = header.get(key)
        except fits.VerifyError as error:
            value = _raw_text(error, key)
            if value is None:
                raise HeaderError(f"{path.name}: {key} is not readable, expected a number") from None
        if isinstance(value, str | int | float) and str(value).strip():
            return key, value
    named = ", ".join(keys)
    like = cards_like(header, _EXPOSURE_CARDS, keys)
    raise HeaderError(f"{path.name}: no {named} in the header, expected a number of seconds{like}")


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


def pointing_of(header: Header, names: HeaderNames) -> tuple[float, float] | None:
    """(ra, dec) in degrees where the profile says so, else of the first pair of cards that makes sense, else None.

    Numbers are degrees (right ascension in hours by `pointing_unit`); text with colons, blanks or letters is
    sexagesimal, the right ascension in hours unless it says d or °. Both 0 is what programs without a mount write.
    """
    if names.center:
        return names.center[0] % 360.0, names.center[1]
    for ra_key, dec_key in names.pointing_pairs:
        try:
            ra = _angle(header[ra_key], "hourangle", 15.0 if names.pointing_unit == "hour" else 1.0)
            dec = _angle(header[dec_key], "deg", 1.0)
        except (KeyError, ValueError, TypeError, fits.VerifyError):
            continue
        if -360 <= ra <= 360 and -90 <= dec <= 90 and (ra, dec) != (0.0, 0.0):
            return ra % 360.0, dec
    return None


def _angle(value: CardValue, sexagesimal_unit: str, factor: float) -> float:
    """Degrees of a card."""
    if not isinstance(value, str):
        return factor * float(value)
    text = value.strip().replace(",", ".")
    if not re.search(r"[: hd°]", text):
        return factor * float(text)
    from astropy.coordinates import Angle  # takes half a second to import, and few cameras need it

    if re.search("[d°]", text):
        sexagesimal_unit = "deg"
    plain = re.sub(r"[^0-9.+-]+", " ", text).strip()  # h m s, d ' " and the like
    return float(Angle(plain, unit=sexagesimal_unit).deg)


def check_readmode(header: Header, camera: Camera, path: Path) -> None:
    """Refuse a frame taken in another read mode: its gain and noise are not those of the profile."""
    wanted = camera.detector.readmode
    found = header_value(header, camera.headers.readmode, path, wanted)
    if wanted not in str(found):
        raise FrameError(f"{path.name}: {camera.headers.readmode} is {str(found)!r}, expected one with {wanted!r}")
