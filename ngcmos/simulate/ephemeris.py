"""Where the sky stands above the site and when light reaches the barycentre, all by astropy's own code.

The truth must not share code with the product: this module is slow, plain and independent of
`ngcmos.photometry.times`.
"""

import contextlib
import datetime
import functools
import typing
import zoneinfo

import numpy as np
from astropy import units as u
from astropy.coordinates import AltAz, EarthLocation, SkyCoord, get_body, get_sun
from astropy.time import Time
from astropy.utils import iers
from numpy.typing import ArrayLike

from ngcmos.config import Site
from ngcmos.errors import UsageError
from ngcmos.simulate.signals import Floats

DARK_DEG = -18.0
FRAMES_AT_ONCE = 100
LATEST_D = 60  # at the end of the final values, whose days astropy does not yet take from them


@contextlib.contextmanager
def bundled_earth_orientation(times: Time) -> typing.Iterator[None]:
    """No download of Earth orientation tables; without them a time is off by microseconds only."""
    final = _final_rotation()
    days, dates = final["MJD"].value, times.utc.mjd
    is_final = days[0] <= np.min(dates) and np.max(dates) < days[-1] - LATEST_D
    with (
        iers.conf.set_temp("auto_download", False),
        iers.conf.set_temp("auto_max_age", None),
        iers.conf.set_temp("iers_degraded_accuracy", "ignore"),
        iers.earth_orientation_table.set(final) if is_final else contextlib.nullcontext(),
    ):
        yield


@functools.cache
def _final_rotation() -> iers.IERS:
    """The final values (IERS C04) of the rotation of the Earth, which `iers.IERS_Auto` takes where it has them.

    astropy reads them along with newer values and predictions, which takes 30 times as long as here.
    """
    mjd, x, y, ut1_utc = np.loadtxt(iers.IERS_B_FILE, usecols=(4, 5, 6, 7), unpack=True)
    return iers.IERS({"MJD": mjd * u.d, "PM_x": x * u.arcsec, "PM_y": y * u.arcsec, "UT1_UTC": ut1_utc * u.s})


def location_of(site: Site) -> EarthLocation:
    """The site as astropy takes it."""
    return EarthLocation.from_geodetic(site.longitude_deg, site.latitude_deg, site.elevation_m)


def local_midnight(date: str, site: Site) -> Time:
    """The midnight (Time, UTC) that follows the evening YYYYMMDD on the clocks of the site."""
    try:
        evening = datetime.datetime.strptime(date, "%Y%m%d")
    except ValueError:
        raise UsageError(f"date is {date!r}, expected the evening as 20240705") from None
    local = (evening + datetime.timedelta(days=1)).replace(tzinfo=zoneinfo.ZoneInfo(site.timezone))
    return Time(local.astimezone(datetime.UTC).replace(tzinfo=None), scale="utc")


def sun_altitudes(times: Time, site: Site) -> Floats:
    """Degrees of the Sun above the horizon."""
    with bundled_earth_orientation(times):
        horizon = AltAz(obstime=times, location=location_of(site))
        return np.asarray(get_sun(times).transform_to(horizon).alt.deg)


@functools.lru_cache(maxsize=4)  # a third of what a small night costs, and each asks three times
def night_times(date: str, site: Site) -> tuple[Time, Floats]:
    """A grid of Times every 2 minutes around midnight, and the Sun's altitude in degrees at each."""
    grid = local_midnight(date, site) + np.arange(-600, 601, 2) * u.min
    sun = sun_altitudes(grid, site)
    sun.flags.writeable = False
    return grid, sun


def altitudes(times: Time, ra: float, dec: float, site: Site) -> Floats:
    """Altitude in degrees, without refraction, of one point of the sky."""
    with bundled_earth_orientation(times):
        horizon = AltAz(obstime=times, location=location_of(site))
        return np.asarray(SkyCoord(ra, dec, unit="deg").transform_to(horizon).alt.deg)


def moon_light(times: Time, site: Site) -> Floats:
    """Light that the Moon sheds on the sky: 1 where a full one stands in the zenith, 0 while it is down."""
    place = location_of(site)
    with bundled_earth_orientation(times):
        moon = get_body("moon", times, place)
        elongation = moon.separation(get_sun(times), origin_mismatch="ignore").rad
        altitude = moon.transform_to(AltAz(obstime=times, location=place)).alt.rad
    lit = (1 - np.cos(elongation)) / 2
    return np.asarray(lit**2 * np.maximum(0, np.sin(altitude)))


def sidereal_time(time: Time, site: Site) -> float:
    """Local sidereal time in degrees."""
    with bundled_earth_orientation(time):
        return float(time.sidereal_time("apparent", longitude=location_of(site).lon).deg)


def barycentric_dates(mid_times: Time, ra: ArrayLike, dec: ArrayLike, site: Site) -> Floats:
    """BJD_TDB (times, stars) of light that arrives at `mid_times` (UTC), by `Time.light_travel_time`."""
    stars = SkyCoord(ra, dec, unit="deg")
    blocks = [slice(first, first + FRAMES_AT_ONCE) for first in range(0, len(mid_times), FRAMES_AT_ONCE)]
    return np.concatenate([_barycentric_block(mid_times[block], stars, site) for block in blocks])


def _barycentric_block(mid_times: Time, stars: SkyCoord, site: Site) -> Floats:
    with bundled_earth_orientation(mid_times):
        times = Time(mid_times.jd1[:, None], mid_times.jd2[:, None], format="jd", scale="utc")
        travel = times.light_travel_time(stars, location=location_of(site), ephemeris="builtin")
        tdb = times.tdb
    return np.asarray(tdb.jd1 + (tdb.jd2 + travel.to_value("day")))
