"""Where the cards say the telescope looks, as programs write it; or wrongly. Each frame is alone in its night."""

import astropy.units as u
import pytest
from astropy.coordinates import Angle
from astropy.io import fits
from spoilt_night import within_one

from ngcmos.simulate.troubles import rewrite, set_cards


def text(angle_deg, unit, sep):
    return Angle(angle_deg * u.deg).to_string(unit, sep=sep, precision=2, pad=True)


DIALECTS = {
    "degrees": lambda ra, dec: (ra, dec),
    "degrees as text": lambda ra, dec: (f"{ra:.6f}", f"{dec:.6f}"),
    "sexagesimal": lambda ra, dec: (text(ra, "hourangle", ":"), text(dec, "deg", ":")),
    "sexagesimal with blanks": lambda ra, dec: (text(ra, "hourangle", " "), text(dec, "deg", " ")),
    "letters": lambda ra, dec: (text(ra, "hourangle", "hms"), text(dec, "deg", "dms")),
    "commas": lambda ra, dec: (f"{ra:.6f}".replace(".", ","), f"{dec:.6f}".replace(".", ",")),
    "negative": lambda ra, dec: (ra - 360, dec),
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_field_is_found_from_one_frame_alone(copied, usual, dialect):
    first, *others = copied.frames
    for path in others:
        path.unlink()
    header = fits.getheader(first)
    ra, dec = DIALECTS[dialect](header["TELRAD"], header["TELDECD"])
    rewrite(first, set_cards({"TELRAD": ra, "TELDECD": dec, "TELRA": None, "TELDEC": None}))
    copied.reduce()
    assert within_one(copied.stars(), usual.stars())
