"""Times against astropy's own light travel times, which are slow and independent; airmass and altitude."""

import warnings

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import AltAz, EarthLocation, SkyCoord, get_sun
from astropy.time import Time
from astropy.utils import iers
from hypothesis import given, settings
from hypothesis import strategies as st

from ngcmos.config import Site, load_camera
from ngcmos.photometry.times import (
    airmass,
    altitude_at,
    altitude_of,
    bjd_of,
    bjd_tdb,
    earth_vectors,
    hjd_of,
    mid_exposure,
    star_directions,
    sun_altitudes,
)

PARANAL = load_camera().site


def hjd_utc(mid, ra, dec, site):
    return hjd_of(earth_vectors(mid, site), star_directions(ra, dec))


SITES = [
    PARANAL,
    Site(31.68, -110.88, 1268.0, "America/Phoenix"),
    Site(90.0, 0.0, 2800.0, "UTC"),
    Site(0.0, 179.99, 0.0, "UTC"),
]
DATES = [
    "2015-01-03T02:00:00",
    "2017-06-30T23:59:30",
    "2024-07-06T07:27:37.751",
    "2026-11-21T05:00:00",
    "2035-10-10T10:10:10",
]
SECOND = 1 / 86400


def random_stars(number):
    rng = np.random.default_rng(2320)
    return rng.uniform(0, 360, number), np.degrees(np.arcsin(rng.uniform(-1, 1, number)))


def utc(date):
    """Time of a date that may lie past the leap seconds known today."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Time(date, scale="utc")


def astropy_travel_times(mid, ra, dec, site, kind):
    """Light travel time in days and TDB - UTC in days, by astropy."""
    place = EarthLocation.from_geodetic(site.longitude_deg, site.latitude_deg, site.elevation_m)
    with (
        iers.conf.set_temp("auto_download", False),
        iers.conf.set_temp("auto_max_age", None),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        time = Time(mid, location=place)
        return time.light_travel_time(SkyCoord(ra, dec, unit="deg"), kind).jd, time.tdb


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("date", DATES)
def test_bjd_tdb_is_that_of_astropy(date, site):
    ra, dec = random_stars(1000)
    mid = utc(date)
    travel, tdb = astropy_travel_times(mid, ra, dec, site, "barycentric")
    difference = (tdb.jd1 - bjd_tdb(mid, ra, dec, site)[0]) + tdb.jd2 + travel
    assert np.abs(difference).max() < 1e-4 * SECOND


@pytest.mark.parametrize("date", DATES)
def test_hjd_utc_is_that_of_astropy(date):
    ra, dec = random_stars(1000)
    mid = utc(date)
    travel, _ = astropy_travel_times(mid, ra, dec, PARANAL, "heliocentric")
    difference = (mid.jd1 - hjd_utc(mid, ra, dec, PARANAL)[0]) + mid.jd2 + travel
    assert np.abs(difference).max() < 1e-4 * SECOND


@pytest.mark.parametrize(("ours", "kind"), [(bjd_tdb, "barycentric"), (hjd_utc, "heliocentric")])
def test_random_stars_on_random_dates(ours, kind):
    """1000 pairs of a star and an instant of 2015 to 2035: the worst is within 0.1 ms of astropy's."""
    rng = np.random.default_rng(1000)
    ra, dec = random_stars(1000)
    mid = Time(2457023.5, rng.uniform(0, 20 * 365.25, 1000), format="jd", scale="utc")
    travel, tdb = astropy_travel_times(mid, ra, dec, PARANAL, kind)
    scale = tdb if kind == "barycentric" else mid
    difference = (scale.jd1 - np.diagonal(ours(mid, ra, dec, PARANAL))) + scale.jd2 + travel
    assert np.ptp(mid.jd) > 7000
    assert np.ptp(travel) > 900 * SECOND
    assert np.abs(difference).max() < 1e-4 * SECOND


def test_altitudes_of_the_sun_are_those_of_astropy():
    mid = Time("2024-07-06T00:00:00") + np.arange(0, 24, 3) * units.hour
    place = EarthLocation.from_geodetic(PARANAL.longitude_deg, PARANAL.latitude_deg, PARANAL.elevation_m)
    expected = get_sun(mid).transform_to(AltAz(obstime=mid, location=place)).alt.deg
    earth = earth_vectors(mid, PARANAL)
    np.testing.assert_allclose(sun_altitudes([earth[:3], earth[3:]]), expected, atol=0.01)
    assert sun_altitudes([]).size == 0


def test_the_sun_is_eight_minutes_away():
    mid = Time("2024-07-06T07:27:37.751")
    sun = get_sun(mid)
    travel = hjd_utc(mid, sun.ra.deg, sun.dec.deg, PARANAL)[0, 0] - mid.jd
    assert travel == pytest.approx(-499.005 * 1.01668 * SECOND, abs=0.5 * SECOND)


def test_tdb_is_ahead_of_utc_by_the_leap_seconds_of_the_day():
    earth = earth_vectors(Time(["2016-12-30T12:00:00", "2017-01-01T12:00:00"]), PARANAL)
    assert (earth.jd_tdb - earth.jd_utc) / SECOND == pytest.approx([68.184, 69.184], abs=0.003)


def test_one_row_a_frame_and_one_column_a_star():
    mid = Time("2024-07-06T07:27:37.751") + np.arange(3) * 12 * units.s
    times = bjd_tdb(mid, [10.0, 350.0], [-20.0, 60.0], PARANAL)
    assert times.shape == (3, 2)
    for frame in range(3):
        for star, (ra, dec) in enumerate([(10.0, -20.0), (350.0, 60.0)]):
            assert times[frame, star] == bjd_tdb(mid[frame], ra, dec, PARANAL)[0, 0]


def test_chunks_of_frames_give_what_the_night_gives():
    mid = Time("2024-07-06T07:27:37.751") + np.arange(10) * 12 * units.s
    earth, stars = earth_vectors(mid, PARANAL), star_directions(*random_stars(5))
    whole, parts = bjd_of(earth, stars), [bjd_of(earth[a : a + 4], stars) for a in range(0, len(earth), 4)]
    assert np.array_equal(np.vstack(parts), whole)
    assert np.array_equal(hjd_of(earth[4:8], stars), hjd_of(earth, stars)[4:8])


def test_a_star_without_a_position_has_no_time_and_harms_no_other():
    times = bjd_tdb(Time("2024-07-06T07:27:37.751"), [10.0, np.nan], [-20.0, np.nan], PARANAL)
    assert np.isfinite(times).tolist() == [[True, False]]


def test_the_night_after_the_tables_end_is_timed_without_network_or_warning():
    mid = mid_exposure(utc("2045-01-01T00:00:00"), 10.0)
    assert bjd_tdb(mid, 10.0, -20.0, PARANAL)[0, 0] == pytest.approx(mid.jd, abs=600 * SECOND)


def test_the_settings_of_astropy_are_given_back():
    with iers.conf.set_temp("auto_max_age", 77):
        earth_vectors(Time("2024-07-06T07:27:37.751"), PARANAL)
        assert iers.conf.auto_max_age == 77


def test_mid_exposure_is_half_the_exposure_later():
    start = Time(["2024-07-06T07:27:37.751", "2024-07-06T07:27:50.000"])
    mid = mid_exposure(start, np.array([10.0, 1.0]))
    assert mid.isot.tolist() == ["2024-07-06T07:27:42.751", "2024-07-06T07:27:50.500"]


def test_mid_exposure_runs_over_a_leap_second():
    assert mid_exposure(Time("2016-12-31T23:59:58.500"), 10.0).isot == "2017-01-01T00:00:02.500"


@settings(deadline=None)
@given(st.floats(0.1, 90.0))
def test_airmass_is_one_over_the_sine(altitude):
    assert airmass(altitude) * np.sin(np.radians(altitude)) == pytest.approx(1.0, abs=1e-6)


def test_airmass_of_30_degrees_is_2():
    assert airmass([30.0, 90.0]) == pytest.approx([2.0, 1.0])


def test_there_is_no_airmass_below_the_horizon():
    assert np.isnan(airmass([0.0, -3.0, np.nan, 1e-320])).tolist() == [True, True, True, False]


def test_altitude_is_that_of_astropy():
    """1000 pairs of a star and an instant of 2015 to 2025."""
    rng = np.random.default_rng(8)
    (ra, dec), mid = random_stars(1000), Time(2457023.5 + rng.uniform(0, 3650, 1000), format="jd", scale="utc")
    place = EarthLocation.from_geodetic(PARANAL.longitude_deg, PARANAL.latitude_deg, PARANAL.elevation_m)
    with iers.conf.set_temp("auto_download", False), iers.conf.set_temp("auto_max_age", None):
        expected = SkyCoord(ra, dec, unit="deg").transform_to(AltAz(obstime=mid, location=place)).alt.deg
    earth, towards = earth_vectors(mid, PARANAL), star_directions(ra, dec)
    found = [altitude_of(earth[n : n + 1], towards[n : n + 1])[0, 0] for n in range(1000)]
    assert np.abs(found - expected).max() < 1 / 3600
    high = expected > 10
    assert np.abs(airmass(found)[high] - 1 / np.sin(np.radians(expected[high]))).max() < 1e-4


def test_the_pole_stands_as_high_as_the_latitude():
    altitudes = altitude_at(Time(["2024-07-06T01:00:00", "2024-07-06T13:00:00"]), 0.0, -90.0, PARANAL)
    assert altitudes[:, 0] == pytest.approx(-PARANAL.latitude_deg, abs=0.2)  # precession since J2000


def test_altitude_rises_to_the_zenith_where_the_star_passes_overhead():
    mid = Time("2024-07-06T00:00:00")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sidereal = mid.sidereal_time("mean", PARANAL.longitude_deg).deg
    overhead = SkyCoord(sidereal, PARANAL.latitude_deg, unit="deg", frame="fk5", equinox=mid).icrs
    assert altitude_at(mid, overhead.ra.deg, overhead.dec.deg, PARANAL)[0, 0] == pytest.approx(90, abs=0.05)
