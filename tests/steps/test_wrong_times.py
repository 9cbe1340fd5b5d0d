"""Times of frames that are not their own."""

import types
from pathlib import Path

import pytest
from astropy.time import Time

from ngcmos.steps.clock import find_wrong_times


def frame(stamp, start, exptime_s=10.0):
    return types.SimpleNamespace(
        path=Path(f"NG2320-1302_TIC-1_S43-{stamp}.fits"), start=Time(start, scale="utc"), exptime_s=exptime_s
    )


USUAL = [
    frame("20240706072737751", "2024-07-06T07:27:37.750"),
    frame("20240706072750751", "2024-07-06T07:27:50.751"),
    frame("20240706072803751", "2024-07-06T07:28:03.752"),
]


def test_times_as_in_the_names_are_fine():
    assert find_wrong_times(USUAL, "DATE-OBS") == {}


def test_time_unlike_the_name_is_told_to_the_millisecond():
    late = frame("20240706072816751", "2024-07-06T07:29:00.000")
    [error] = find_wrong_times([*USUAL, late], "DATE-OBS").values()
    expected = "2024-07-06T07:29:00.000 is +43.249 s from the time in its name, expected +0.000 s"
    remedy = ": put right whichever of the two is wrong, the card or the name"
    assert str(error) == f"{late.path.name}: DATE-OBS {expected}{remedy}"


def test_time_in_another_scale_is_refused_with_what_puts_it_right():
    """TAI by its TIMESYS, in one frame alone: read as UTC it would agree."""
    early = frame("20240706072816751", "2024-07-06T07:27:39.751")
    [error] = find_wrong_times([*USUAL, early], "DATE-OBS").values()
    assert "-37.000 s from the time in its name, expected" in str(error)
    assert str(error).endswith('headers.time_scale = "UTC"')


def test_lag_that_all_frames_share_is_none():
    shifted = [frame(f"202407060727{second}000", f"2024-07-06T08:27:{second}") for second in (10, 23, 36)]
    assert find_wrong_times(shifted, "DATE-OBS") == {}


def test_second_frame_of_one_time_is_wrong():
    twin = frame("20240706072804000", "2024-07-06T07:28:03.752")
    wrong = find_wrong_times([*USUAL, twin], "DATE-OBS")
    assert list(wrong) == [twin.path]
    with pytest.raises(Exception, match=f"is that of {USUAL[2].path.name}, expected a time of its own"):
        raise wrong[twin.path]


def test_leap_second_is_a_time():
    leap = [
        frame("20161231235959000", "2016-12-31T23:59:59"),
        frame("20170101000000500", "2016-12-31T23:59:60.500"),
        frame("20170101000012000", "2017-01-01T00:00:12"),
    ]
    assert find_wrong_times(leap, "DATE-OBS") == {}


def test_seconds_that_are_rounded_are_not_wrong():
    """Half a second of exposure, times of whole seconds: some share one, and all are late by up to a second."""
    stamps = [f"2024070603{0:02d}{n // 2:02d}{500 * (n % 2):03d}" for n in range(20)]
    frames = [frame(stamp, f"2024-07-06T03:00:{n // 2:02d}.000", 0.5) for n, stamp in enumerate(stamps)]
    assert find_wrong_times(frames, "DATE-OBS") == {}
    late = frame("20240706030030000", "2024-07-06T03:00:33.000", 0.5)
    assert list(find_wrong_times([*frames, late], "DATE-OBS")) == [late.path]
