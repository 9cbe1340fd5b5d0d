"""When an exposure began, however the camera writes it: each form of a moment that is known."""

import dataclasses

import pytest
from astropy.io import fits
from astropy.time import Time

from ngcmos.errors import HeaderError
from ngcmos.night.moments import seconds_after, start_of_exposure
from ngcmos.profile import HeaderNames

MOMENT = "2024-07-06T07:27:37.751"
DAY, CLOCK = MOMENT.split("T")
MJD = 60497.0 + (7 * 3600 + 27 * 60 + 37.751) / 86400
JD = MJD + 2400000.5
DEFAULT = HeaderNames()


def start(path, cards, names=DEFAULT, exptime_s=10.0):
    return start_of_exposure(fits.Header(cards), names, exptime_s, path / "a.fits")


def seconds_off(time, expected=MOMENT):
    return (time.utc - Time(expected, scale="utc")).sec


@pytest.mark.parametrize(
    "cards",
    [
        {"DATE-OBS": MOMENT},
        {"DATE-OBS": f" {MOMENT} "},
        {"DATE-OBS": MOMENT + "Z"},
        {"DATE-OBS": MOMENT + "0000"},
        {"DATE-OBS": MOMENT.replace("T", " ")},
        {"DATE-OBS": MOMENT.replace(".", ",")},
        {"DATE-OBS": MOMENT + "+00:00"},
        {"DATE-OBS": MOMENT + " UTC"},
        {"DATE-OBS": MOMENT.replace("-", "/")},
        {"DATE-OBS": MOMENT + " (UTC)"},
        {"DATE-OBS": f"'{MOMENT}'"},
        {"DATE-OBS": MOMENT.replace("-", "").replace(":", "")},
        {"DATE-OBS": f"{DAY.replace('-', '.')} {CLOCK}"},
        {"DATE-OBS": DAY.replace("-", ""), "TIME-OBS": CLOCK.replace(":", "")},
        {"DATE-OBS": f"{DAY}T00:27:37.751-0700"},
        {"DATE-OBS": f"{DAY}T03:27:37.751-04:00"},
        {"DATE-OBS": f"{DAY}T12:57:37.751+05:30"},
        {"DATE-OBS": DAY, "TIME-OBS": CLOCK},
        {"DATE-OBS": DAY, "UT": CLOCK},
        {"DATE-OBS": DAY, "UTC": CLOCK},
        {"DATE-OBS": DAY, "UT-START": CLOCK, "UT": ""},
        {"DATE-OBS": "06/07/24", "UT": CLOCK},
        {"DATE-OBS": "06/07/2024", "TIME-OBS": CLOCK},
        {"DATE-OBS": "06-07-2024", "TIME-OBS": CLOCK},
        {"DATE-OBS": "", "MJD-OBS": MJD},
        {"DATE-OBS": DAY, "MJD-OBS": MJD},
        {"MJD-OBS": MJD},
        {"MJD-OBS": f"{MJD:.9f}"},
        {"JD": f"{JD:.9f}"},
        {"JD": MJD + 2400000.5},
        {"DATE-BEG": MOMENT},
        {"DATE-AVG": f"{DAY}T07:27:42.751"},
        {"DATE-OBS": MOMENT, "TIMESYS": "UTC"},
        {"DATE-OBS": MOMENT, "TIMESYS": "UTC(NIST)"},
        {"DATE-OBS": f"{DAY}T07:28:14.751", "TIMESYS": "TAI"},
        {"DATE-OBS": f"{DAY}T07:28:46.935", "TIMESYS": "tt"},
        {"DATE-OBS": f"{DAY}T07:28:46.935", "TIMESYS": "TDT"},
        {"MJD-OBS": MJD + 37 / 86400, "TIMESYS": "TAI"},
    ],
    ids=str,
)
def test_form_of_the_moment(tmp_path, cards):
    found = start(tmp_path, cards)
    assert found.scale == "utc"
    assert abs(seconds_off(found)) < 2e-4  # what a Julian Date of 64 bits can tell


def test_barycentric_time_is_within_its_own_wobble(tmp_path):
    assert abs(seconds_off(start(tmp_path, {"DATE-OBS": f"{DAY}T07:28:46.935", "TIMESYS": "TDB"}))) < 2e-3


@pytest.mark.parametrize(
    ("change", "cards"),
    [
        ({"time_meaning": "end"}, {"DATE-OBS": f"{DAY}T07:27:47.751"}),
        ({"time_meaning": "middle"}, {"DATE-OBS": f"{DAY}T07:27:42.751"}),
        ({"time_meaning": "end"}, {"DATE-OBS": "", "DATE-BEG": MOMENT}),
        ({"date_obs": ["DATE-END"]}, {"DATE-END": f"{DAY}T07:27:47.751"}),
        ({"utc_offset_h": -4.0}, {"DATE-OBS": f"{DAY}T03:27:37.751"}),
        ({"utc_offset_h": -4.0}, {"DATE-OBS": f"{DAY}T03:27:37.751Z"}),
        ({"utc_offset_h": 5.75}, {"DATE-OBS": f"{DAY}T13:12:37.751"}),
        ({"time_scale": "tai"}, {"DATE-OBS": f"{DAY}T07:28:14.751"}),
        ({"time_scale": "utc"}, {"DATE-OBS": MOMENT, "TIMESYS": "TAI"}),
        ({"time_scale": "utc"}, {"DATE-OBS": MOMENT, "TIMESYS": "LOCAL"}),
        (
            {"date_obs": "JULDAT", "time_meaning": "middle"},
            {"DATE-OBS": "x", "JULDAT": JD + 5 / 86400},
        ),
        ({"date_obs": ["DATE"], "time_obs": ["CLOCK"]}, {"DATE": DAY, "CLOCK": CLOCK}),
    ],
    ids=str,
)
def test_what_the_profile_says_of_it(tmp_path, change, cards):
    assert abs(seconds_off(start(tmp_path, cards, HeaderNames(**change)))) < 2e-4


def test_year_of_two_digits_before_2000(tmp_path):
    found = start(tmp_path, {"DATE-OBS": "17/08/97", "UT": "01:02:03"})
    assert found.isot == "1997-08-17T01:02:03.000"


def test_whole_julian_date_as_text_is_no_compact_date(tmp_path):
    assert start(tmp_path, {"JD": "2460498"}).isot == "2024-07-06T12:00:00.000"


def test_leap_second(tmp_path):
    assert start(tmp_path, {"DATE-OBS": "2016-12-31T23:59:60.5"}).isot == "2016-12-31T23:59:60.500"


@pytest.mark.parametrize(
    ("cards", "message"),
    [
        ({}, "no DATE-OBS in the header, expected UTC as 2024-07-06T07:27:37.751"),
        (
            {"DATE": "x", "UTDATE": "y", "EXPTIME": 1},
            "the header has DATE, UTDATE, EXPTIME: name .* headers.date_obs",
        ),
        (
            {"DATE-OBS": DAY},
            "DATE-OBS is '2024-07-06', a date alone; expected UTC .*, or its clock in one of TIME-OBS, UT",
        ),
        ({"DATE-OBS": DAY, "UT": 7.46}, "DATE-OBS is '2024-07-06 7.46', expected UTC"),
        ({"DATE-OBS": "2024-13-06T00:00:00"}, "DATE-OBS is '2024-13-06T00:00:00', expected UTC"),
        ({"DATE-OBS": "2024-07-06T24:00:00"}, "DATE-OBS is '2024-07-06T24:00:00', expected UTC"),
        ({"DATE-OBS": "13/14/24", "UT": CLOCK}, "DATE-OBS is '13/14/24 07:27:37.751', expected UTC"),
        ({"DATE-OBS": "0001-01-01T00:00:00"}, "DATE-OBS is '0001-01-01T00:00:00', expected UTC"),
        ({"DATE-OBS": "7/6/2024 3:45:12 AM"}, "3:45:12 AM', expected UTC .*; write it so, or name another card"),
        ({"DATE-OBS": "x", "DATE-LOC": "y"}, "expected UTC .*; the header has DATE-LOC: name the right one in"),
        ({"DATE-OBS": True}, "DATE-OBS is 'True', expected UTC"),
        ({"MJD-OBS": 0.0}, "MJD-OBS is '0.0', expected UTC"),
        ({"JD": 2400000.5}, "JD is '2400000.5', expected UTC"),
        (
            {"DATE-OBS": MOMENT, "TIMESYS": "LOCAL"},
            "time scale is 'LOCAL', expected one of UTC, .*headers.time_scale",
        ),
    ],
)
def test_time_that_makes_no_sense(tmp_path, cards, message):
    with pytest.raises(HeaderError, match=message) as error:
        start(tmp_path, cards)
    assert str(error.value).startswith("a.fits: ")


def test_first_card_that_says_something_counts(tmp_path):
    cards = {"DATE-OBS": MOMENT, "MJD-OBS": MJD + 1}
    assert seconds_off(start(tmp_path, cards)) == 0
    names = dataclasses.replace(DEFAULT, date_obs=("MJD-OBS", "DATE-OBS"))
    assert seconds_off(start(tmp_path, cards, names)) == pytest.approx(86400, abs=1e-3)


def test_a_further_card_of_time_counts_from_the_start(tmp_path):
    """In the scale of its header; what is no time of day says nothing."""
    begun = Time("2024-07-06T07:27:00.751", scale="utc")
    header = fits.Header({"TIMESYS": "TAI", "DATE-END": "2024-07-06T07:27:47.751", "DATE-AVG": DAY, "DATE-X": "?"})
    after = [
        seconds_after(begun, header, key, DEFAULT, tmp_path) for key in ("DATE-END", "DATE-AVG", "DATE-X", "Y")
    ]
    assert after[0] == pytest.approx(10.0, abs=1e-6)
    assert all(one != one for one in after[1:])
