"""Where the telescope says it looks: numbers or text, degrees or hours, in the cards that the profile names."""

import re

from astropy.io.fits import VerifyError

from ngcmos.arrays import Place
from ngcmos.config import HeaderNames
from ngcmos.night.cards import CardValue, Header
from ngcmos.night.headers import number_of, said_first
from ngcmos.night.telling import cards_like
from ngcmos.sphere import separation_deg

_SIGNS_OF_DEGREES = re.compile("[°º?*]")  # headers hold ASCII: other signs arrive as a question mark
_KIN = re.compile(r"(^|OBJ|OBJCT|TEL|CMD|MNT|[-_])(RA|DEC|ALPHA|DELTA)([-_D]|$)|^CRVAL")
HOURS = 24.0
_NOBODY = ((0.0, 0.0), (0.0, 90.0), (0.0, -90.0))  # what programs without a mount, or with a parked one, write


def pointing_of(header: Header, names: HeaderNames) -> tuple[float, float] | None:
    """(ra, dec) in degrees: the profile's fixed centre, else the first pair of cards that makes sense, else None.

    Plain numbers, and text that holds one, are degrees, or hours of right ascension where the profile says so;
    text of several numbers is sexagesimal, the right ascension in hours. A placeholder (0, 0) is no pointing.
    """
    if names.center:
        return names.center[0] % 360.0, names.center[1]
    unit_deg = {"deg": 1.0, "hour": 15.0}[names.pointing_unit]
    for ra_key, dec_key in names.pointing_pairs:
        if ra_key == "CRVAL1" and not said_first(header, ["CTYPE1"]).startswith("RA"):
            continue
        try:
            ra = _angle(header[ra_key], 1.0 if ra_key == "CRVAL1" else unit_deg, "hourangle")
            dec = _angle(header[dec_key], 1.0, "deg")
        except (KeyError, ValueError, TypeError, VerifyError):
            continue
        if -360 <= ra <= 360 and -90 <= dec <= 90 and (ra, dec) not in _NOBODY:
            return ra % 360.0, dec
    return None


def in_hours(pointing: Place) -> Place | None:
    """A pointing whose plain number was hours of right ascension, not degrees; None where that cannot be."""
    ra, dec = pointing
    return (15.0 * ra, dec) if ra < HOURS else None


def pointing_off_deg(pointing: Place, ra: float, dec: float) -> float:
    """How far a place on the sky is from a pointing, or from that read in hours where this is nearer; degrees."""
    readings = [pointing, in_hours(pointing) or pointing]
    return min(float(separation_deg(*reading, ra, dec)) for reading in readings)


def pointing_cards(header: Header) -> str:
    """What to say where there is no pointing: the cards like one that a header has, and the key of the profile."""
    return cards_like(header, _KIN, "pointing")


def _angle(value: CardValue, unit_deg: float, sexagesimal_unit: str) -> float:
    """Degrees of a card; ValueError where it is no angle."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):  # FITS has complex numbers, too
        raise ValueError(value)
    if not isinstance(value, str):
        return value * unit_deg
    try:
        return number_of(value) * unit_deg
    except ValueError:
        from astropy.coordinates import Angle  # takes half a second to import, and few cameras need it

        text = _SIGNS_OF_DEGREES.sub("d", value.strip().replace(",", "."))
        return float(Angle(text, unit=sexagesimal_unit).deg)
