"""Times of observation: mid exposure, BJD_TDB, HJD_UTC; altitude and airmass.

    mid = mid_exposure(start, exptime_s)             a Time vector, one of each frame
    earth = earth_vectors(mid, site)                 once a night: where the telescope was
    bjd_of(earth[a:b], star_directions(ra, dec))     (frames, stars); chunks of frames keep memory flat
    airmass(altitude_of(earth, directions))          (frames, stars)

Times are UTC Time objects in and julian dates as float64 out:
a float64 julian date is exact to 20 microseconds. No call needs a network: the rotation of the Earth comes from
the tables that astropy brings along, and beyond their end (nights to come) UT1 = UTC is taken, which is less
than 1 s wrong: 1.5 microseconds of light travel time, 15 arcsec of altitude.
"""

import contextlib
import dataclasses
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from astropy import constants, units
from astropy.coordinates import (
    EarthLocation,
    get_body_barycentric,
    get_body_barycentric_posvel,
    solar_system_ephemeris,
)
from astropy.time import Time, TimeDelta
from astropy.utils import iers
from astropy.utils.exceptions import AstropyWarning
from erfa import ErfaWarning
from numpy.typing import ArrayLike

from ngcmos.arrays import Floats
from ngcmos.config import Site
from ngcmos.rotation import earth_rotation
from ngcmos.sphere import unit_vectors

UP_M = 1e6  # above the site: there and here show where the zenith is
_LIGHT_DAY = (constants.c * units.day).to(units.km)


@dataclasses.dataclass(frozen=True, eq=False)
class EarthVectors:
    """Where the telescope was at each frame, in light days along the ICRS axes.

    `jd_utc`, `jd_tdb`: (frames,) julian dates; `from_barycentre`, `from_sun`, `velocity` (that of light is 1) and
    `zenith` (its direction): (frames, 3). A slice of it is the same for those frames.
    """

    jd_utc: Floats
    jd_tdb: Floats
    from_barycentre: Floats
    from_sun: Floats
    velocity: Floats
    zenith: Floats

    def __len__(self) -> int:
        return len(self.jd_utc)

    def __getitem__(self, frames: slice) -> "EarthVectors":
        return EarthVectors(*(getattr(self, field.name)[frames] for field in dataclasses.fields(self)))


def mid_exposure(start: Time, exptime_s: ArrayLike) -> Time:
    """Time of the middle of exposures that begin at `start` (Time) and last `exptime_s` seconds."""
    with _without_network():
        return start + TimeDelta(np.asarray(exptime_s) / 2, format="sec")


def earth_vectors(mid: Time, site: Site) -> EarthVectors:
    """Where the telescope was at each time.

    Parameters
    ----------
    mid : Time
        Of the frames, a scalar or a vector.
    site : config.Site

    Returns
    -------
    EarthVectors
        From the built-in ephemeris (ERFA epv00, some kilometres: below 50 microseconds of light travel).
    """
    mid = Time(mid).reshape((-1,))
    rotation_now = earth_rotation(mid.utc.mjd.min(), mid.utc.mjd.max())
    with (
        _without_network(),
        iers.earth_orientation_table.set(rotation_now),
        solar_system_ephemeris.set("builtin"),
    ):
        at_site, above = (earth_location(site, height_m).get_gcrs_posvel(mid) for height_m in (0.0, UP_M))
        observatory, rotation = at_site
        earth, orbit = get_body_barycentric_posvel("earth", mid)
        sun = get_body_barycentric("sun", mid)
        jd_utc, jd_tdb = mid.utc.jd, mid.tdb.jd
    zenith: Floats = ((above[0] - observatory).xyz / (UP_M * units.m)).to_value(units.one).T
    velocity: Floats = ((orbit + rotation).xyz / constants.c).to_value(units.one).T
    from_barycentre, from_sun = _light_days(earth + observatory), _light_days(earth + observatory - sun)
    return EarthVectors(jd_utc, jd_tdb, from_barycentre, from_sun, velocity, zenith)


def star_directions(ra: ArrayLike, dec: ArrayLike) -> Floats:
    """(stars, 3) unit vectors towards ICRS positions in degrees."""
    return unit_vectors(np.atleast_1d(ra), np.atleast_1d(dec))


def bjd_of(earth: EarthVectors, directions: Floats) -> Floats:
    """(frames, stars) BJD_TDB: when the wave that met the telescope at each frame passes the barycentre.

    JD_TDB + r . n / c (Eastman, Siverd & Gaudi 2010, PASP 122, 935), stars at infinity, without
    the Shapiro delay and the place's own part of TDB: below 13 (45 degrees from the Sun) and 3 microseconds.
    """
    bjd: Floats = earth.jd_tdb[:, None] + earth.from_barycentre @ directions.T
    return bjd


def hjd_of(earth: EarthVectors, directions: Floats) -> Floats:
    """(frames, stars) HJD_UTC: JD_UTC + light travel time to the Sun, the convention of old tables."""
    hjd: Floats = earth.jd_utc[:, None] + earth.from_sun @ directions.T
    return hjd


def bjd_tdb(mid: Time, ra: ArrayLike, dec: ArrayLike, site: Site) -> Floats:
    """(frames, stars) BJD_TDB of stars at `ra`, `dec` (ICRS degrees) at the times `mid`, seen from `site`."""
    return bjd_of(earth_vectors(mid, site), star_directions(ra, dec))


def altitude_of(earth: EarthVectors, directions: Floats) -> Floats:
    """(frames, stars) altitude in degrees, without refraction.

    Aberration as the sum of direction and velocity, no light deflection: within 1 arcsec of the rigorous one.
    """
    apparent = directions[None] + earth.velocity[:, None]
    apparent /= np.linalg.norm(apparent, axis=-1, keepdims=True)
    sine = np.einsum("fsi,fi->fs", apparent, earth.zenith)
    altitude: Floats = np.degrees(np.arcsin(np.clip(sine, -1, 1)))
    return altitude


def sun_altitudes(earth: Sequence[EarthVectors]) -> Floats:
    """(frames,) altitude of the middle of the Sun in degrees, without refraction."""
    if not earth:
        return np.zeros(0)
    away, zenith = (np.concatenate([getattr(one, name) for one in earth]) for name in ("from_sun", "zenith"))
    sine = -(away * zenith).sum(axis=1) / np.linalg.norm(away, axis=1)
    altitude: Floats = np.degrees(np.arcsin(np.clip(sine, -1, 1)))
    return altitude


def altitude_at(mid: Time, ra: ArrayLike, dec: ArrayLike, site: Site) -> Floats:
    """(frames, stars) altitude in degrees, without refraction, of ICRS degrees `ra`, `dec` at the times `mid`."""
    return altitude_of(earth_vectors(mid, site), star_directions(ra, dec))


def airmass(altitude_deg: ArrayLike) -> Floats:
    """1 / sin(altitude) (the plane-parallel airmass), NaN below the horizon.

    To six digits, so that a number computed again, alone or among others, is the same.
    """
    altitude = np.asarray(altitude_deg, float)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        masses: Floats = np.where(altitude > 0, 1 / np.sin(np.radians(altitude)), np.nan)
    return masses.round(6)


def earth_location(site: Site, height_m: float = 0.0) -> EarthLocation:
    """The place of a site, so many meters above it, as an astropy EarthLocation."""
    return EarthLocation.from_geodetic(site.longitude_deg, site.latitude_deg, site.elevation_m + height_m)


def _light_days(position: Any) -> Floats:
    """(frames, 3) floats of a CartesianRepresentation of lengths."""
    vectors: Floats = (position.xyz / _LIGHT_DAY).to_value(units.one).T
    return vectors


@contextlib.contextmanager
def _without_network() -> Iterator[None]:
    """Earth rotation from the tables at hand, silent beyond their end and about leap seconds still unknown."""
    with (
        iers.conf.set_temp("auto_download", False),
        iers.conf.set_temp("auto_max_age", None),  # else an installation of last month refuses tonight
        iers.conf.set_temp("iers_degraded_accuracy", "ignore"),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore", AstropyWarning)
        warnings.simplefilter("ignore", ErfaWarning)
        yield
