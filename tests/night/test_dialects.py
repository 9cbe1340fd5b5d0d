"""How other programs write a time, an exposure and a place: read by the profile, or refused with a way out."""

import dataclasses

import pytest
from astropy.io import fits
from astropy.time import Time

from ngcmos.config import HeaderNames
from ngcmos.errors import HeaderError
from ngcmos.night.headers import exposure_time
from ngcmos.night.moments import start_of_exposure
from ngcmos.night.pointing import pointing_of

START = "2024-07-06T07:27:37.751"
NAMES = HeaderNames()


def start(cards, path, exptime_s=10.0, **names):
    return start_of_exposure(fits.Header(cards), dataclasses.replace(NAMES, **names), exptime_s, path)


@pytest.mark.parametrize(
    "cards",
    [
        {"DATE-OBS": START},
        {"DATE-OBS": START + "Z"},
        {"DATE-OBS": START + "0000"},
        {"DATE-OBS": START.replace("T", " ")},
        {"DATE-OBS": START.replace(".", ",")},
        {"DATE-OBS": START + "+00:00"},
        {"DATE-OBS": "2024-07-06T03:27:37.751-04:00"},
        {"DATE-OBS": "2024-07-06T00:27:37.751-0700"},
        {"DATE-OBS": "2024-07-06", "TIME-OBS": "07:27:37.751"},
        {"DATE-OBS": "2024/07/06", "UT-START": "07:27:37.751"},
        {"DATE-OBS": "06/07/24", "UT": "07:27:37.751"},
        {"DATE-OBS": "06/07/2024", "UTC": "7:27:37.751"},
        {"DATE-BEG": START},
        {"DATE-OBS": "", "DATE-BEG": START},
        {"MJD-OBS": Time(START).mjd},
        {"DATE-OBS": "2024-07-06T07:28:14.751", "TIMESYS": "TAI"},
        {"DATE-OBS": "2024-07-06T07:28:46.935", "TIMESYS": "TT"},
        {"DATE-OBS": START, "TIMESYS": "UTC(NTP)"},
    ],
)
def test_times(tmp_path, cards):
    assert abs((start(cards, tmp_path / "a.fits") - Time(START)).sec) < 1e-5 + 1e-3 * ("MJD-OBS" in cards)


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ({"time_meaning": "end"}, "2024-07-06T07:27:47.751"),
        ({"time_meaning": "middle"}, "2024-07-06T07:27:42.751"),
        ({"utc_offset_h": -4.0}, "2024-07-06T03:27:37.751"),
        ({"time_scale": "TAI"}, "2024-07-06T07:28:14.751"),
        ({"date_obs": ("JD",)}, Time(START).jd),
    ],
)
def test_times_by_the_profile(tmp_path, names, told):
    key = names.get("date_obs", ("DATE-OBS",))[0]
    assert abs((start({key: told}, tmp_path / "a.fits", **names) - Time(START)).sec) < 1e-4


@pytest.mark.parametrize(
    ("cards", "message"),
    [
        ({"DATE-LOC": START}, "no DATE-OBS .* the header has DATE-LOC: name the right one in headers.date_obs"),
        ({"DATE-OBS": "2024-07-06", "UT1": 3.0}, "a date alone; .* the header has DATE-OBS, UT1"),
        ({"DATE-OBS": "2024-07-06", "UT": "late"}, "DATE-OBS is '2024-07-06 late', expected UTC"),
        ({"DATE-OBS": START, "TIMESYS": "LST"}, "time scale is 'LST', expected one of UTC"),
        ({"DATE-OBS": "31/02/24", "UT": "07:27:37"}, "DATE-OBS is '31/02/24 07:27:37', expected UTC"),
        ({"MJD-OBS": 3.0}, "MJD-OBS is '3.0', expected UTC"),
    ],
)
def test_times_that_cannot_be_known(tmp_path, cards, message):
    with pytest.raises(HeaderError, match=message):
        start(cards, tmp_path / "a.fits")


@pytest.mark.parametrize(
    "cards",
    [
        *({"EXPTIME": value} for value in (10, "10.0", "10,0", " 10.0 s", "1.0D+01")),
        {"EXPOSURE": 10.0},
        {"EXPTIME": "", "EXPOSURE": 10.0},
    ],
)
def test_exposures(tmp_path, cards):
    assert exposure_time(fits.Header(cards), NAMES.exptime, tmp_path / "a.fits") == 10.0


def test_missing_exposure_names_what_is_there(tmp_path):
    with pytest.raises(HeaderError, match=r"no EXPTIME .*; the header has TEXPTIME: name .* headers.exptime"):
        exposure_time(fits.Header({"TEXPTIME": 10.0}), NAMES.exptime, tmp_path / "a.fits")


def test_exposure_without_a_value_is_not_offered_again(tmp_path):
    with pytest.raises(HeaderError, match=r"EXPTIME says nothing, .*; write the card, or .* headers\.exptime$"):
        exposure_time(fits.Header({"EXPTIME": ""}), NAMES.exptime, tmp_path / "a.fits")


@pytest.mark.parametrize(
    ("cards", "names"),
    [
        ({"RA": 339.25, "DEC": -13.5}, {}),
        ({"RA": "339,25", "DEC": "-13,5"}, {}),
        ({"RA": 339.25 - 360, "DEC": -13.5}, {}),
        ({"RA": 22.616666666666667, "DEC": -13.5}, {"pointing_unit": "hour"}),
        ({"RA": "22 37 00", "DEC": "-13 30 00"}, {}),
        ({"RA": "22:37:00.0", "DEC": "-13:30:00"}, {"pointing_unit": "hour"}),
        ({"RA": "22h37m00s", "DEC": "-13d30'00\""}, {}),
        ({"RA": "22h37m00s", "DEC": "-13°30′00″"}, {}),
        ({"RA": "339d15m00s", "DEC": "-13d30m00s"}, {}),
        ({"RA": 1.0, "DEC": 2.0}, {"center": (339.25, -13.5)}),
        ({}, {"center": (339.25, -13.5)}),
    ],
)
def test_places(cards, names):
    names = dataclasses.replace(NAMES, pointing=("RA/DEC",), **names)
    assert pointing_of(dict(cards), names) == pytest.approx((339.25, -13.5))


@pytest.mark.parametrize("told", [(0.0, 0.0), ("00 00 00", "+00 00 00"), ("x", 1.0)])
def test_placeholders_are_no_place(told):
    cards = fits.Header({"RA": told[0], "DEC": told[1]})
    assert pointing_of(cards, dataclasses.replace(NAMES, pointing=("RA/DEC",))) is None
