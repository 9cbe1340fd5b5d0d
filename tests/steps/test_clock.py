"""Times are held against the names and the ends of the exposures: said in one line, and right ones never."""

import datetime
from pathlib import Path

import numpy as np
import pytest

from ngcmos.steps.clock import Clocked, tell_clock, tell_copies

RNG = np.random.default_rng(5)


def night(*, late_s=0.0, exptime_s=10.0, end_s=np.nan, middle_s=np.nan, whole=False, count=20):
    """Frames whose headers are late against their names."""
    frames = []
    for number in range(count):
        begun = datetime.datetime(2024, 7, 6, 3) + datetime.timedelta(seconds=number * 13 + RNG.uniform(0, 1))
        begun = begun.replace(microsecond=begun.microsecond // 1000 * 1000)
        told = begun + datetime.timedelta(seconds=late_s)
        told = told.replace(microsecond=0) if whole else told
        path = Path(f"NG2320-1302_TIC-1_S43-{begun:%Y%m%d%H%M%S}{begun.microsecond // 1000:03d}.fits")
        frames.append(Clocked(path, told.isoformat(timespec="milliseconds"), exptime_s, middle_s, end_s))
    return frames


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"late_s": 10.0}, ["10.000 s after the stamps", 'headers.time_meaning = "end"']),
        ({"late_s": 15.0, "exptime_s": 30.0}, ["half an exposure", 'headers.time_meaning = "middle"']),
        ({"late_s": -10.0}, ["10.000 s before the stamps", "the names seem to hold its end"]),
        ({"late_s": -4 * 3600.0}, ["as local time", "headers.utc_offset_h = -4"]),
        ({"late_s": 37.0}, ["as TAI is ahead of UTC", 'headers.time_scale = "TAI"']),
        ({"late_s": -37.0}, ["as if TIMESYS called TAI what is UTC", 'headers.time_scale = "UTC"']),
        ({"late_s": 1.0}, ["1.000 s after the stamps in the names"]),
        ({"late_s": -1.0, "count": 1}, ["1.000 s before the stamps in the names"]),
        ({"late_s": 2.0, "whole": True}, ["s after the stamps in the names"]),
        ({"late_s": -1.0, "whole": True}, ["s before the stamps in the names"]),
        ({"late_s": 1.5}, ["1.500 s after the stamps in the names"]),
        ({"end_s": 0.0}, ["DATE-END is 0.000 s after DATE-OBS", 'headers.time_meaning = "end"']),
        ({"middle_s": 10.0}, ["DATE-AVG is 10.000 s after the start of exposure, expected 5 s"]),
        ({"middle_s": 3.9}, ["DATE-AVG is 3.900 s after the start"]),
        ({"end_s": 5.0}, ["DATE-END is 5.000 s after DATE-OBS, expected 10 s of exposure"]),
    ],
)
def test_contradictions_are_said_in_one_line(options, words):
    told = tell_clock(night(**options), "DATE-OBS")
    assert all(word in told for word in words), told
    assert told.endswith("DATE-OBS is believed as the profile reads it") and "\n" not in told


@pytest.mark.parametrize("number", range(200))
def test_right_nights_are_not_told(number):
    exptime_s = float(RNG.choice([0.5, 2.0, 10.0, 60.0]))
    ends, middles = [np.nan, exptime_s, exptime_s + 1.96], [np.nan, exptime_s / 2, exptime_s / 2 + 0.98]
    options = {"late_s": RNG.uniform(-0.4, 0.4), "end_s": ends[number % 3], "whole": bool(number % 2)}
    options["middle_s"] = middles[number // 3 % 3]
    assert tell_clock(night(exptime_s=exptime_s, **options), "DATE-OBS") == ""


def test_names_in_the_local_time_of_the_site_are_no_fault_of_the_cards():
    told = tell_clock(night(late_s=4 * 3600.0), "DATE-OBS", timezone="America/Santiago")
    assert "after the stamps in the names, as if these were in local time (America/Santiago)" in told
    assert "headers." not in told
    wrong_way = tell_clock(night(late_s=-4 * 3600.0), "DATE-OBS", timezone="America/Santiago")
    assert "headers.utc_offset_h = -4" in wrong_way


def test_names_without_stamps_tell_nothing():
    assert tell_clock([Clocked(Path("frame-1.fits"), "2024-07-06T03:00:00.000", 10.0)], "DATE-OBS") == ""


def test_copies_under_another_name_are_told_once():
    own = [Path(f"A_TIC-1-202407060312{second}000.fits") for second in (10, 23, 36)]
    fields = {
        "A": own,
        "Copy of A": [Path(f"Copy of {path.name}") for path in own[:2]],
        "B": [Path("b-1.fits")] * 9,
    }
    told = tell_copies(fields, "Copy of A")
    assert told == f"2 of 2 frames have time stamps of A, as {own[0].name}: copies of those?"
    assert tell_copies(fields, "A") == tell_copies(fields, "B") == ""
