"""Where the telescope says it looks, however the camera writes it."""

import pytest
from astropy import units as u
from astropy.coordinates import Angle
from astropy.io import fits
from pydantic import ValidationError

from ngcmos.night.pointing import pointing_cards, pointing_of
from ngcmos.profile import HeaderNames

RA, DEC = 350.2625, -13.036389
HOURS, DEGREES = (Angle(value * u.deg) for value in (RA, DEC))
DEFAULT = HeaderNames()


def told(ra_sep, dec_sep, **cards):
    ra = HOURS.to_string("hourangle", sep=ra_sep, precision=2, pad=True)
    dec = DEGREES.to_string("deg", sep=dec_sep, precision=1, pad=True)
    return {"RA": ra, "DEC": dec} | cards


@pytest.mark.parametrize(
    "cards",
    [
        {"TELRAD": RA, "TELDECD": DEC, "RA": "00:00:00", "DEC": "00:00:00"},
        {"CMD_RA": RA, "CMD_DEC": DEC},
        {"RA": f"{RA:.6f}", "DEC": f"{DEC:.6f}"},
        {"RA": f"{RA:.6f}".replace(".", ","), "DEC": f"{DEC:.6f}".replace(".", ",")},
        {"RA": RA - 360, "DEC": DEC},
        told(":", ":"),
        told(" ", " "),
        told("hms", "dms"),
        told("hms", ("d", "'", '"')),
        told("hms", ("?", "'", '"')),
        {"RA": "350d15m45s", "DEC": "-13d02m11s"},
        {"OBJCTRA": told(" ", " ")["RA"], "OBJCTDEC": told(" ", " ")["DEC"]},
        {"RA-MNT": RA, "DEC-MNT": DEC},
        {"CTYPE1": "RA---TAN", "CRVAL1": RA, "CRVAL2": DEC},
        {"TELRAD": "N/A", "TELDECD": "N/A", "RA": RA, "DEC": DEC},
        {"TELRAD": 400.0, "TELDECD": 1.0, "RA": RA, "DEC": DEC},
        {"TELRAD": RA, "RA": RA, "DEC": DEC},
        {"TELRAD": 0.0, "TELDECD": 0.0, "RA": RA, "DEC": DEC},
        {"TELRAD": "00 00 00", "TELDECD": "+90 00 00", "RA": RA, "DEC": DEC},
    ],
    ids=str,
)
def test_form_of_the_pointing(cards):
    assert pointing_of(fits.Header(cards), DEFAULT) == pytest.approx((RA, DEC), abs=1e-4)


@pytest.mark.parametrize("ra", [RA / 15, f"{RA / 15:.8f}", f"{RA / 15:.8f}".replace(".", ",")], ids=str)
def test_hours_where_the_profile_says_so(ra):
    names = HeaderNames(pointing_unit="hour")
    assert pointing_of(fits.Header({"RA": ra, "DEC": DEC}), names) == pytest.approx((RA, DEC), abs=1e-4)
    assert pointing_of(fits.Header(told(":", ":")), names) == pytest.approx((RA, DEC), abs=1e-4)


def test_minus_zero_degrees():
    assert pointing_of(fits.Header({"RA": "02 05 00", "DEC": "-00 30 00"}), DEFAULT) == (31.25, -0.5)


@pytest.mark.parametrize(
    "cards",
    [
        {},
        {"RA": RA},
        {"RA": 0, "DEC": 0},
        {"OBJCTRA": "00 00 00", "OBJCTDEC": "00 00 00"},
        {"OBJCTRA": "00:00:00.0", "OBJCTDEC": "+00:00:00"},
        {"RA": 0.0, "DEC": 90.0},
        {"RA": "", "DEC": ""},
        {"RA": "unknown", "DEC": "unknown"},
        {"RA": -999.0, "DEC": -999.0},
        {"RA": True, "DEC": False},
        {"RA": "nan", "DEC": "nan"},
        {"CTYPE1": "LINEAR", "CRVAL1": 10.0, "CRVAL2": 10.0},
        {"CRVAL1": 10.0, "CRVAL2": 10.0},
    ],
    ids=str,
)
def test_what_is_no_pointing(cards):
    assert pointing_of(fits.Header(cards), DEFAULT) is None


def test_centre_of_the_profile_stands_in_place_of_the_cards():
    names = HeaderNames(center=(-9.7375, DEC))
    assert pointing_of(fits.Header({"RA": 12.0, "DEC": 3.0}), names) == pytest.approx((RA, DEC))


@pytest.mark.parametrize("change", [{"center": (10.0,)}, {"center": (400.0, 0.0)}, {"pointing": "RA"}])
def test_profile_that_makes_no_sense(change):
    with pytest.raises(ValidationError):
        HeaderNames(**change)


def test_cards_like_a_pointing_are_named():
    header = fits.Header({"BRAND": "x", "MYRA": 1.0, "DECODER": 2, "TEL-RA": 1.0, "TEL-DEC": 2.0, "CRVAL1": 0.0})
    assert pointing_cards(header).startswith(
        "; the header has TEL-RA, TEL-DEC, CRVAL1: name the right one in headers."
    )


@pytest.mark.parametrize(
    ("ra", "dec", "expected"),
    [(-360.0, 90.0, (0.0, 90.0)), (360.0, -90.0, (0.0, -90.0)), (360.1, 10.0, None), (10.0, 90.1, None)],
)
def test_a_pointing_lies_on_the_sky_poles_and_full_turns_included(ra, dec, expected):
    assert pointing_of({"TELRAD": ra, "TELDECD": dec}, DEFAULT) == expected
