"""Sun and Moon above the site through a night, by astropy's own ephemeris: no file, no network."""

import dataclasses
import datetime
import functools
import zoneinfo

import numpy as np
from astropy import units as u
from astropy.coordinates import AltAz, EarthLocation, SkyCoord, get_body, get_sun
from astropy.time import Time
from astropy.utils import iers

from ngcmos.arrays import Floats
from ngcmos.config import Site
from ngcmos.rotation import earth_rotation

STEP_MIN = 10
HORIZON_DEG = -0.833  # the upper edge of the Sun with the refraction of the Astronomical Almanac


@dataclasses.dataclass(frozen=True, eq=False)
class Almanac:
    """A night from a little before sunset to a little after sunrise.

    Attributes
    ----------
    unix : (n,) array
        Seconds.
    sun_deg, moon_deg : (n,) arrays
        Altitudes, without refraction.
    moon_lit : float
        Share of the Moon's disc that is lit at midnight, 0 to 1.
    """

    unix: Floats
    sun_deg: Floats
    moon_deg: Floats
    moon_lit: float


@functools.lru_cache(maxsize=4)  # 0.1 s, and a page of the running night asks every time
def night_almanac(date: str, site: Site) -> Almanac:
    """The Almanac of the night of an evening.

    Parameters
    ----------
    date : str
        YYYYMMDD.
    site : ngcmos.config.Site

    Raises
    ------
    ValueError
        `date` is no date.
    """
    evening = datetime.datetime.strptime(date, "%Y%m%d")
    midnight = (evening + datetime.timedelta(days=1)).replace(tzinfo=zoneinfo.ZoneInfo(site.timezone))
    steps = np.arange(-12 * 60, 12 * 60 + 1, STEP_MIN)
    times = Time(midnight.timestamp(), format="unix") + steps * u.min
    place = EarthLocation.from_geodetic(site.longitude_deg, site.latitude_deg, site.elevation_m)
    with (
        iers.conf.set_temp("auto_download", False),
        iers.conf.set_temp("auto_max_age", None),
        iers.conf.set_temp("iers_degraded_accuracy", "ignore"),
        iers.earth_orientation_table.set(earth_rotation(times.mjd.min(), times.mjd.max())),
    ):
        frame = AltAz(obstime=times, location=place)
        sun = get_sun(times)
        moon = get_body("moon", times, place, ephemeris="builtin")
        sun_deg, moon_deg = sun.transform_to(frame).alt.deg, moon.transform_to(frame).alt.deg
    middle = steps.size // 2
    lit = lit_share(sun[middle], moon[middle])
    night = np.nonzero(sun_deg < HORIZON_DEG)[0]
    shown = slice(max(night[0] - 2, 0), night[-1] + 3) if night.size else slice(None)
    unix, sun_deg, moon_deg = (np.array(values[shown]) for values in (times.unix, sun_deg, moon_deg))
    for values in (unix, sun_deg, moon_deg):
        values.flags.writeable = False  # all who ask share them
    return Almanac(unix, sun_deg, moon_deg, lit)


def sunrise(date: str, site: Site) -> float | None:
    """Unix time at which the night of an evening ends, to a minute; None where the Sun does not rise or set then.

    Errors as `night_almanac`.
    """
    almanac = night_almanac(date, site)
    down = np.flatnonzero(almanac.sun_deg < HORIZON_DEG)
    if not down.size or down[-1] + 1 == almanac.sun_deg.size:
        return None
    around = slice(down[-1], down[-1] + 2)
    return float(np.interp(HORIZON_DEG, almanac.sun_deg[around], almanac.unix[around]))


def lit_share(sun: SkyCoord, moon: SkyCoord) -> float:
    """Share of the Moon's disc that is lit, from the elongation (Meeus 1998, Astronomical Algorithms, ch. 48)."""
    elongation = sun.separation(moon, origin_mismatch="ignore").rad
    far, near = sun.distance.to_value(u.km), moon.distance.to_value(u.km)
    phase = np.arctan2(far * np.sin(elongation), near - far * np.cos(elongation))
    return float((1 + np.cos(phase)) / 2)
