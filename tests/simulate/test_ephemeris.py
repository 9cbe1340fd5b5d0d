"""Barycentric dates of the truth, against the definition."""

import numpy as np
import pytest
from astropy import constants
from astropy.coordinates import SkyCoord, get_body_barycentric
from astropy.time import Time

from ngcmos.config import load_camera
from ngcmos.simulate.ephemeris import barycentric_dates, location_of, night_times


def test_a_star_is_early_by_the_way_along_its_direction(camera):
    times = Time(2460497.7 + np.array([0.0, 0.1]), format="jd", scale="utc")
    ra, dec = np.array([290.0, 10.0]), np.array([-20.0, 60.0])
    found = barycentric_dates(times, ra, dec, camera.site)
    earth = get_body_barycentric("earth", times, ephemeris="builtin").xyz
    site = location_of(camera.site).get_gcrs(times).cartesian.xyz
    way = (earth + site).to_value("m").T @ SkyCoord(ra, dec, unit="deg").cartesian.xyz.value
    expected = way / constants.c.value
    tdb = Time(times, scale="utc").tdb
    found_s = ((found - tdb.jd1[:, None]) - tdb.jd2[:, None]) * 86400
    np.testing.assert_allclose(found_s, expected, atol=2e-4)


def test_many_frames_at_once_are_the_same_as_one_by_one(camera):
    times = Time(2460497.7 + np.arange(230) * 1e-3, format="jd", scale="utc")
    ra, dec = np.array([290.0]), np.array([-20.0])
    together = barycentric_dates(times, ra, dec, camera.site)
    alone = [barycentric_dates(times[row : row + 1], ra, dec, camera.site)[0, 0] for row in (0, 99, 100, 229)]
    assert together.shape == (230, 1)
    np.testing.assert_allclose(together[[0, 99, 100, 229], 0], alone, rtol=0, atol=1e-9)


def test_the_sun_of_a_night_is_looked_up_once_and_nobody_moves_it():
    """A small night asks three times, which would be a third of what it costs."""
    site = load_camera().site
    times, sun = night_times("20240705", site)
    assert night_times("20240705", load_camera().site)[1] is sun
    assert night_times("20240706", site)[0][0] > times[0]
    with pytest.raises(ValueError, match="read-only"):
        sun[0] = 0
