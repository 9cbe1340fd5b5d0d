"""When a run has to end, and what there is time for until then."""

import dataclasses
import datetime
import zoneinfo

import pytest
from running import run_script

from ngcmos.chain.deadline import Deadline, find_deadline
from ngcmos.chain.hurry import Taken
from ngcmos.chain.night import RunOptions
from ngcmos.config import load_camera
from ngcmos.errors import UsageError
from ngcmos.names import Stage
from ngcmos.profile import Chain

DATE = "20240705"
SITE = load_camera().site
MORNING = datetime.datetime(2024, 7, 6, 6, 0, tzinfo=zoneinfo.ZoneInfo(SITE.timezone)).timestamp()


def told(unix, zone=SITE.timezone):
    return datetime.datetime.fromtimestamp(unix, zoneinfo.ZoneInfo(zone)).strftime("%d %H:%M")


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("09:30", SITE.timezone, "06 09:30"),
        ("5:30", SITE.timezone, "07 05:30"),
        ("13:30 UTC", "UTC", "06 13:30"),
        ("13:30z", "UTC", "06 13:30"),
    ],
)
def test_time_of_the_day_is_the_next_one(text, zone, expected):
    assert told(find_deadline(text, DATE, SITE, lambda: MORNING).at, zone) == expected


def test_sunrise_is_that_of_the_night_and_may_have_passed():
    rise = find_deadline("sunrise", DATE, SITE, lambda: MORNING).at
    assert told(rise)[:5] == "06 07"
    assert find_deadline("sunrise + 2 h", DATE, SITE, lambda: MORNING).at == rise + 7200
    assert find_deadline("Sunrise -30min", DATE, SITE, lambda: MORNING).at == rise - 1800
    assert find_deadline("sunrise + 2 h", DATE, SITE, lambda: rise + 7201) is None


@pytest.mark.parametrize("text", ["soon", "25:00", "sunrise + 2", "09:60", "sunset"])
def test_no_moment_is_refused(text):
    with pytest.raises(UsageError, match="no moment, expected a time of the day as 09:30"):
        find_deadline(text, DATE, SITE, lambda: MORNING)


def test_night_without_a_date_has_no_sunrise():
    with pytest.raises(UsageError, match="has no sunrise"):
        find_deadline("sunrise", "tonight", SITE, lambda: MORNING)


def test_slow_machine_needs_more_and_extras_go_first():
    deadline = Deadline(MORNING + 100.0, "x", lambda: MORNING)
    assert all(deadline.has_time_for(stage, 1000) for stage in Stage)
    deadline.slowness = 4.0
    assert not deadline.has_time_for(Stage.QC_CONTROL, 1000)
    assert deadline.has_time_for(Stage.RELATIVE_PHOTOMETRY, 1000)
    assert deadline.closing_s(2000) > deadline.closing_s(1000) > 4 * 14


def test_profile_names_its_deadline_by_the_sun_and_products_do_not_change():
    camera = load_camera()
    by_sun = dataclasses.replace(camera, chain=Chain("sunrise + 2 h"))
    assert by_sun.fingerprint == camera.fingerprint
    with pytest.raises(ValueError, match="deadline is '09:30', expected sunrise"):
        Chain("09:30")


def test_command_refuses_what_is_no_moment_before_the_night_begins():
    assert "no moment" in run_script("run_night", "--follow", "--deadline", "soon", code=2).stderr


def test_all_anew_has_no_deadline():
    with pytest.raises(UsageError, match="expected no --deadline with it"):
        RunOptions(overwrite=True, deadline="09:30")


def test_frames_of_a_field_that_cannot_be_worked_on_are_not_laid_upon_the_clock():
    taken = Taken(frozenset(), {"NG1": 40, "NG2": 7}, frozenset({"NG2"}))
    assert taken.say_left() == ["40 frames of NG1", "7 frames of NG2, which cannot be worked on now"]
