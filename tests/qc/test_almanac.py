"""Sun and Moon of a night, held against almanacs printed elsewhere."""

import datetime

import numpy as np
import pytest

from ngcmos.config import load_camera
from ngcmos.qc.almanac import night_almanac

SITE = load_camera().site


def crossing(almanac, level, *, last):
    """UTC hour and minute at which the Sun crosses an altitude for the first or the last time."""
    below = np.nonzero(almanac.sun_deg < level)[0]
    at = below[-1 if last else 0]
    a, b = (at, at + 1) if last else (at - 1, at)
    share = (level - almanac.sun_deg[a]) / (almanac.sun_deg[b] - almanac.sun_deg[a])
    unix = almanac.unix[a] + share * (almanac.unix[b] - almanac.unix[a])
    return datetime.datetime.fromtimestamp(unix, datetime.UTC)


def test_length_of_the_night_is_that_of_spherical_astronomy():
    """cos H = (sin h - sin lat sin dec) / (cos lat cos dec), at the Sun's declination of 2024 July 6.2, +22.66."""
    lat, dec, low = np.radians([SITE.latitude_deg, 22.66, -18.0])
    hour_angle = np.degrees(np.arccos((np.sin(low) - np.sin(lat) * np.sin(dec)) / (np.cos(lat) * np.cos(dec))))
    night = night_almanac("20240705", SITE)
    length = crossing(night, -18.0, last=True) - crossing(night, -18.0, last=False)
    assert length.total_seconds() / 3600 == pytest.approx(24 - 2 * hour_angle / 15, abs=0.03)


@pytest.mark.parametrize(
    ("date", "lit"),
    [("20240705", 0.0), ("20240713", 0.5), ("20240721", 1.0), ("20240727", 0.5)],
    ids=["new", "first quarter", "full", "last quarter"],
)
def test_phases_of_july_2024(date, lit):
    """New July 5 22:57, first quarter 13 22:49, full 21 10:17, last quarter 28 02:52 UTC."""
    assert night_almanac(date, SITE).moon_lit == pytest.approx(lit, abs=0.03)


def test_full_moon_stands_opposite_the_sun():
    night = night_almanac("20240720", SITE)
    assert np.abs(night.moon_deg + night.sun_deg).max() < 12
    assert night.moon_deg.max() > 60


def test_night_begins_before_sunset_and_ends_after_sunrise():
    night = night_almanac("20240705", SITE)
    assert night.sun_deg[0] > -1 and night.sun_deg[-1] > -1
    assert 11 < (night.unix[-1] - night.unix[0]) / 3600 < 15
