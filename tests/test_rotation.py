"""The rotation of the Earth, against astropy's own reading of its whole tables."""

import numpy as np
import pytest
from astropy.time import Time
from astropy.utils import iers

from ngcmos.rotation import earth_rotation

DATES = np.append(np.random.default_rng(5).uniform(41684, 61700, 50), [41684.0, 41690.2, 30000.1, 80000.5])


@pytest.fixture(scope="module")
def whole():
    """All days there are, to the end of the predictions."""
    with iers.conf.set_temp("auto_max_age", None):
        yield iers.IERS_Auto.open()


def dates_of(table):
    """Some of all years, the borders between the kinds of values, and beyond both ends."""
    settled, known = (np.flatnonzero(table["UT1Flag"] == flag)[-1] for flag in "BI")
    return [*DATES, *(table["MJD"].value[[settled, settled + 1, known, known + 1, -2, -1]] + 0.4)]


@pytest.mark.parametrize("name", ["ut1_utc", "pm_xy"])
def test_days_are_those_of_the_whole_table(whole, name):
    for mjd in dates_of(whole):
        times = Time([mjd, mjd + 0.3], format="mjd")
        with iers.conf.set_temp("auto_max_age", None), iers.conf.set_temp("iers_degraded_accuracy", "ignore"):
            expected, found = (getattr(table, name)(times) for table in (whole, earth_rotation(*times.mjd)))
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(("mjd", "status"), [(30000.0, "BEFORE"), (80000.0, "BEYOND")])
def test_dates_beyond_the_tables_are_known_as_such(mjd, status):
    found = earth_rotation(mjd, mjd).ut1_utc(Time(mjd, format="mjd"), return_status=True)[1]
    assert found == getattr(iers, f"TIME_{status}_IERS_RANGE")


def test_a_night_is_a_few_days_of_the_table():
    assert len(earth_rotation(60496.9, 60497.4)) == 13
