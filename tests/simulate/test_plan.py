"""When and where: the night of the site, the fields, the conditions."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import AltAz, EarthLocation, SkyCoord, get_body
from astropy.time import Time

from ngcmos.config import load_camera
from ngcmos.errors import UsageError
from ngcmos.simulate.conditions import plan_conditions
from ngcmos.simulate.ephemeris import local_midnight
from ngcmos.simulate.plan import Plan, field_name, plan_fields


def schedules_of(camera, counts=(20,), **options):
    return plan_fields(Plan(fields=len(counts), **options), camera, list(counts))


def place_of(camera):
    site = camera.site
    return EarthLocation(
        lat=site.latitude_deg * u.deg, lon=site.longitude_deg * u.deg, height=site.elevation_m * u.m
    )


@pytest.mark.parametrize("name", ["ngts_cmos", "microobservatory"])
@pytest.mark.parametrize("date", ["20240705", "20241224"])
def test_frames_are_taken_in_astronomical_night(name, date):
    camera = load_camera(name)
    for schedule in schedules_of(camera, (300, 300), date=date):
        ends = schedule.starts[[0, -1]]
        sun = get_body("sun", ends).transform_to(AltAz(obstime=ends, location=place_of(camera)))
        assert sun.alt.max() < -18 * u.deg


def test_frames_belong_to_the_evening_named(camera):
    start = schedules_of(camera)[0].starts[0]
    assert Time("2024-07-05T21:00:00") < start < Time("2024-07-06T12:00:00")


def test_local_midnight_is_that_of_the_time_zone(camera):
    assert local_midnight("20240705", camera.site).isot == "2024-07-06T04:00:00.000"


def test_altitude_agrees_with_astropy(camera):
    schedule = schedules_of(camera)[0]
    place = SkyCoord(schedule.optics.ra, schedule.optics.dec, unit="deg")
    altaz = place.transform_to(AltAz(obstime=schedule.starts[-1], location=place_of(camera)))
    assert schedule.altitude_deg[-1] == pytest.approx(altaz.alt.deg, abs=1e-9)


def test_fields_are_high_all_night_long(camera):
    for schedule in schedules_of(camera, (900, 900, 900)):
        assert schedule.altitude_deg.min() > 30


def test_fields_follow_one_another(camera):
    first, second = schedules_of(camera, (50, 50))
    assert second.starts[0] > first.starts[-1] + 13 * u.s


def test_fields_lie_apart(camera):
    first, second = schedules_of(camera, (20, 20))
    places = [SkyCoord(schedule.optics.ra, schedule.optics.dec, unit="deg") for schedule in (first, second)]
    assert places[0].separation(places[1]) > 5 * u.deg


def test_starts_are_whole_milliseconds(camera):
    starts = schedules_of(camera)[0].starts
    assert np.abs((starts - Time(starts.isot, scale="utc")).sec).max() < 1e-6


def test_cadence_is_kept(camera):
    steps = np.diff(schedules_of(camera, cadence_s=20.0)[0].starts.unix)
    np.testing.assert_allclose(steps, 20, atol=0.11)


@pytest.mark.parametrize(
    ("ra", "dec", "name"),
    [
        (350.1, -13.04, "NG2320-1302"),
        (0.0, 5.999, "NG0000+0559"),
        (359.999, -0.5, "NG2359-0030"),
        (15.25, 70, "NG0101+7000"),
    ],
)
def test_field_is_named_after_its_place(ra, dec, name):
    assert field_name(ra, dec) == name


def test_pointing_told_is_off_by_the_error_asked_for(camera):
    schedule = schedules_of(camera, pointing_error_px=40.0)[0]
    true = SkyCoord(schedule.optics.ra, schedule.optics.dec, unit="deg")
    assert true.separation(SkyCoord(*schedule.told, unit="deg")).arcsec / 4.05 == pytest.approx(40, rel=0.01)


def test_a_place_given_is_taken(camera):
    schedule = schedules_of(camera, ra=290.0, dec=-20.0)[0]
    assert (schedule.optics.ra, schedule.optics.dec) == (290.0, -20.0)


def test_a_place_below_the_horizon_is_refused(camera):
    with pytest.raises(UsageError, match=r"sinks to .* expected at least 30"):
        schedules_of(camera, ra=110.0, dec=20.0)


def test_more_frames_than_the_night_holds_are_refused(camera):
    with pytest.raises(UsageError, match="frames last 65000 s, expected at most"):
        schedules_of(camera, (5000,))


@pytest.mark.parametrize("date", ["2024-07-05", "20240732", "yesterday"])
def test_a_date_that_is_none_is_refused(camera, date):
    with pytest.raises(UsageError, match="expected the evening as 20240705"):
        schedules_of(camera, date=date)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"frames": 0}, "frames is 0, expected more than 0"),
        ({"fields": -1}, "fields is -1"),
        ({"fields": 65}, "expected at most 64"),
        ({"seed": -1}, "seed is -1, expected 0 or more"),
        ({"exptime_s": float("nan")}, "exptime_s is nan"),
        ({"cadence_s": 9.0}, "expected at least exptime_s"),
        ({"parity": 0}, "parity is 0, expected 1 or -1"),
        ({"ra": 3.0}, "ra and dec are given apart"),
    ],
)
def test_senseless_options_are_refused(options, message):
    with pytest.raises(UsageError, match=message):
        Plan(**options)


def conditions_of(camera, **options):
    plan = Plan(**{"jitter_px": 0.0, "haze": 0.0, "drift_px": (0.0, 0.0)} | options)
    return plan_conditions(plan, schedules_of(camera)[0], 0)


def test_first_frame_is_where_shifts_count_from(camera):
    assert conditions_of(camera, jitter_px=0.5)[0].shift == (0.0, 0.0)


def test_drift_adds_up(camera):
    assert conditions_of(camera, drift_px=(0.1, -0.2))[10].shift == pytest.approx((1.0, -2.0))


def test_a_jump_stays(camera):
    shifts = [frame.shift for frame in conditions_of(camera, jumps=[(5, 3.0, -1.0)])]
    assert shifts[4] == (0, 0)
    assert shifts[5] == shifts[19] == (3.0, -1.0)


def test_a_cloud_comes_and_goes(camera):
    clear = [frame.transparency for frame in conditions_of(camera, clouds=[(3, 5, 0.25)])]
    assert clear[2:7] == [1, 0.25, 0.25, 0.25, 1]
