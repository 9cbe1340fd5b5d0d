"""What the cards of a header say: numbers, the exposure, its start, and where the telescope looked."""

import math
import re
from collections.abc import Iterable
from pathlib import Path

from astropy.io import fits
from astropy.time import Time

from ngcmos.config import Camera
from ngcmos.errors import FrameError, HeaderError
from ngcmos.night.cards import CardValue, Header

LONGEST_EXPOSURE_S = 86400.0
_DATE = re.compile(r"^(?P<stamp>\d{4}-\d\d-\d\dT(([01]\d|2[0-3]):[0-5]\d:[0-5]\d|23:59:60)(\.\d+)?)Z?$", re.ASCII)


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


def card_said(header: Header, key: str) -> CardValue | None:
    """Value of a card that is only compared: None where there is none, words where it is unreadable."""
    try:
        return header.get(key)
    except fits.VerifyError:
        return "what cannot be read"


def exposure_time(header: Header, key: str, path: Path) -> float:
    """EXPTIME in seconds, a positive number."""
    value = header_number(header, key, path)
    if value <= 0:
        raise HeaderError(f"{path.name}: {key} is {value:g} s, expected more than 0")
    if value > LONGEST_EXPOSURE_S:
        raise HeaderError(f"{path.name}: {key} is {value:g} s, expected at most {LONGEST_EXPOSURE_S:g}")
    return value


def start_of_exposure(header: Header, key: str, path: Path) -> Time:
    """DATE-OBS as a UTC Time."""
    expected = "expected UTC as 2024-07-06T07:27:37.751"
    try:
        value = header[key]
    except KeyError:
        raise HeaderError(f"{path.name}: no {key} in the header, {expected}") from None
    except fits.VerifyError:
        raise HeaderError(f"{path.name}: {key} is not readable, {expected}") from None
    match = _DATE.match(value.strip()) if isinstance(value, str) else None
    if not match or not "1990" <= match["stamp"][:4] <= "2099":
        raise HeaderError(f"{path.name}: {key} is {str(value)!r}, {expected}")
    try:
        return Time(match["stamp"], format="isot", scale="utc")
    except ValueError:
        raise HeaderError(f"{path.name}: {key} is {value!r}, {expected}") from None


def pointing_of(header: Header, pairs: Iterable[tuple[str, str]]) -> tuple[float, float] | None:
    """(ra, dec) in degrees of the first pair of cards that makes sense, else None.

    Numbers are degrees; text with colons or blanks is sexagesimal, the right ascension in hours.
    """
    for ra_key, dec_key in pairs:
        try:
            ra = _angle(header[ra_key], "hourangle")
            dec = _angle(header[dec_key], "deg")
        except (KeyError, ValueError, TypeError, fits.VerifyError):
            continue
        if 0 <= ra <= 360 and -90 <= dec <= 90:
            return ra % 360.0, dec
    return None


def _angle(value: CardValue, sexagesimal_unit: str) -> float:
    if isinstance(value, str) and re.search(r"[: hd]", value.strip()):
        from astropy.coordinates import Angle  # takes half a second to import, and few cameras need it

        return float(Angle(value.strip(), unit=sexagesimal_unit).deg)
    return float(value)


def check_readmode(header: Header, camera: Camera, path: Path) -> None:
    """Refuse a frame taken in another read mode: its gain and noise are not those of the profile."""
    wanted = camera.detector.readmode
    found = header_value(header, camera.headers.readmode, path, wanted)
    if wanted not in str(found):
        raise FrameError(f"{path.name}: {camera.headers.readmode} is {str(found)!r}, expected one with {wanted!r}")
