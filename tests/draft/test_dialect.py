"""Which cards tell time, exposure and place: found in headers of other programs."""

from pathlib import Path

import pytest
from astropy.io import fits

from ngcmos.draft.dialect import of_dialect
from ngcmos.draft.sheet import Sheet

START = "2024-07-06T07:27:37.751"
USUAL = {"DATE-OBS": START, "EXPTIME": 10.0, "RA": 350.25, "DEC": -13.5, "OBJECT": "a"}


def keys(cards):
    header = fits.Header(
        [(key, *value) if isinstance(value, tuple) else (key, value) for key, value in cards.items()]
    )
    return {one.key: one.value for one in of_dialect(Sheet.of(header), Path("a.fits")) if not one.remedy}


@pytest.mark.parametrize(
    ("without", "cards", "expected"),
    [
        ((), {}, {}),
        (("EXPTIME",), {"TEXPTIME": 10.0}, {"headers.exptime": ("TEXPTIME",)}),
        (("DATE-OBS",), {"DATE-LOC": START}, {"headers.date_obs": ("DATE-LOC",)}),
        ((), {"DATE-OBS": (START, "end of the exposure")}, {"headers.time_meaning": "end"}),
        ((), {"DATE-OBS": (START, "UTC at mid-exposure")}, {"headers.time_meaning": "middle"}),
        ((), {"DATE-OBS": (START, "start, ends 10 s later")}, {}),
        ((), {"JULDAT": 2460497.810911}, {}),
        ((), {"JULDAT": 2460497.810853}, {"headers.time_meaning": "middle"}),
        ((), {"JULDAT": 2460497.810795}, {"headers.time_meaning": "end"}),
        (("RA", "DEC"), {"ALPHA_RA": 1.0, "XRA": 350.25, "XDEC": -13.5}, {"headers.pointing": ("XRA/XDEC",)}),
        ((), {"RA": (23.35, "[h] right ascension")}, {"headers.pointing_unit": "hour"}),
        ((), {"RA": 23.35, "OBJCTRA": "23 21 00", "OBJCTDEC": "-13 30 00"}, {"headers.pointing_unit": "hour"}),
        ((), {"RA": 23.35, "OBJCTRA": "01 33 24", "OBJCTDEC": "-13 30 00"}, {}),
    ],
)
def test_only_what_differs_is_said(without, cards, expected):
    header = {key: value for key, value in USUAL.items() if key not in without} | cards
    assert keys(header) == expected


def test_what_is_missing_says_how_to_find_it():
    found = of_dialect(Sheet.of(fits.Header({"SWCREATE": "x"})), Path("a.fits"))
    assert [one.key for one in found if one.remedy] == [
        "headers.exptime",
        "headers.date_obs",
        "headers.center",
        "headers.object",
    ]
