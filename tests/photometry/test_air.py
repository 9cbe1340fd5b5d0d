"""Cards of altitude and airmass against the sky: what fits, spelled anyhow, is silent, the rest is one line."""

import dataclasses
import functools
import math

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import AltAz, EarthLocation, SkyCoord
from astropy.io import fits
from astropy.time import Time

from ngcmos.config import load_camera
from ngcmos.photometry.air import (
    ALTITUDE_LEEWAY_DEG,
    AirCards,
    air_cards,
    clock_lag_s,
    number_of,
    tell_air,
    tell_daylight,
    tell_lag,
    under_sky,
)
from ngcmos.photometry.times import earth_vectors, star_directions

TRUE_DEG = 30.0  # airmass 2
SO = "place, site and time say"


@pytest.mark.parametrize(
    ("said", "number"),
    [
        (30, 30.0),
        (30.5, 30.5),
        ("30.5", 30.5),
        (" 1e1 ", 10.0),
        ("84 18 51", 84 + 18 / 60 + 51 / 3600),
        ("+84:18:51.6", 84 + 18 / 60 + 51.6 / 3600),
        ("84d18m51s", 84 + 18 / 60 + 51 / 3600),
        ("-00 30 00", -0.5),
    ],
)
def test_numbers_are_read_in_any_spelling(said, number):
    assert number_of(said) == pytest.approx(number, abs=1e-9)


@pytest.mark.parametrize("said", ["", "high", True, None, "12 high", float("nan"), "1.2.3"])
def test_what_is_no_number_is_none(said):
    assert math.isnan(number_of(said))


@pytest.mark.parametrize(
    ("altitude", "mass"),
    [
        (30.0, 2.0),
        ("30 00 00", "2.0"),
        (None, None),
        (30 + 0.99 * ALTITUDE_LEEWAY_DEG, 1.995),  # the formula of Young (1994), and the mount's own place
        (30 - 0.99 * ALTITUDE_LEEWAY_DEG, 2.05),
    ],
)
def test_cards_that_fit_are_silent(altitude, mass):
    assert tell_air([AirCards(altitude, mass, TRUE_DEG)], "ALTITUDE") == ""


@pytest.mark.parametrize("said", [-5.0, 28.9, 31.1, "high", 0, float("nan"), "29 00 -"])
def test_an_altitude_that_the_sky_contradicts_is_told(said):
    told = tell_air([AirCards(said, None, TRUE_DEG), AirCards(30.0, None, TRUE_DEG)], "ALT")
    assert told == f"ALT says {said} in 1 of 2 frames, where {SO} 30.0 deg; the sky is believed"


@pytest.mark.parametrize("said", [-1.0, 0, 0.99, 1.9, 2.1, 3.9, "much"])
def test_an_airmass_that_the_sky_contradicts_is_told(said):
    told = tell_air([AirCards(None, said, TRUE_DEG)], "ALTITUDE")
    assert told == f"AIRMASS says {said} in 1 of 1 frames, where {SO} 2.000; the sky is believed"


@pytest.mark.parametrize("blank", ["", "   ", None])
def test_a_card_that_says_nothing_contradicts_nothing(blank):
    said = air_cards(fits.Header({"ALTITUDE": blank, "AIRMASS": blank}), "ALTITUDE")
    assert tell_air([dataclasses.replace(said, altitude_deg=TRUE_DEG)], "ALTITUDE") == ""


def test_all_of_a_field_is_one_line():
    frames = [AirCards(n, 3.9, 84.3) for n in range(6)] + [AirCards(84, 1.0, 84.3)]
    told = tell_air(frames, "ALTITUDE")
    assert told.startswith("ALTITUDE says 0, 1, 2, ... in 6 of 7 frames, where")
    assert "; AIRMASS says 3.9 in 6 of 7 frames, where place, site and time say 1.005;" in told


def test_a_field_below_the_horizon_is_told():
    told = tell_air([AirCards(None, None, -12.34), AirCards(None, None, 5.0)], "ALTITUDE")
    assert told == "by place, site and time 1 of 2 frames look down to -12.3 deg; the sky is believed"


def test_frames_whose_place_is_unknown_tell_nothing():
    assert tell_air([AirCards(-5.0, -1.0)], "ALTITUDE") == ""


NIGHTS = 200


@pytest.fixture(scope="module")
def nights():
    """200 nights of 12 frames each: what we know of them, and a function of the altitudes then, by astropy."""
    rng, site = np.random.default_rng(7), load_camera().site
    begin = Time("2024-01-01T01:00:00") + rng.uniform(0, 365, NIGHTS).astype(int) * u.day
    mid = begin[:, None] + rng.uniform(0, 6, NIGHTS)[:, None] * u.h + np.linspace(0, 2, 12) * u.h
    dec = rng.uniform(-70, 20, NIGHTS)
    ra = begin.sidereal_time("mean", site.longitude_deg * u.deg).deg + rng.uniform(-45, 90, NIGHTS)
    earth = earth_vectors(mid.ravel(), site)
    place = EarthLocation.from_geodetic(site.longitude_deg, site.latitude_deg, site.elevation_m)

    @functools.cache
    def altitudes(late_s):
        horizon = AltAz(obstime=mid + late_s * u.s, location=place)
        return SkyCoord(ra[:, None], dec[:, None], unit="deg").transform_to(horizon).alt.deg

    def cards(said, chosen=range(NIGHTS)):
        return [
            [
                under_sky(AirCards(said[n][k], None), earth[at : at + 1], star_directions(ra[n], dec[n]), 10.0)
                for k in range(12)
                for at in [12 * n + k]
            ]
            for n in chosen
        ]

    return altitudes, cards


def test_altitudes_of_right_clocks_tell_no_other_time(nights):
    """Mounts that are off by up to 0.2 deg, cards of the start, of whole tenths, with refraction."""
    altitudes, cards = nights
    rng = np.random.default_rng(8)
    said = altitudes(-5.0) + rng.uniform(-0.2, 0.2, (NIGHTS, 1)) + rng.normal(0, 0.02, (NIGHTS, 12))
    said[::2] = said[::2].round(1)
    assert [clock_lag_s(night) for night in cards(said)] == [0.0] * NIGHTS


@pytest.mark.parametrize("late_s", [120.0, -120.0, 150.0, -200.0, 4 * 3600.0, -9.5 * 3600.0])
def test_a_clock_that_is_off_is_told_by_the_altitudes(nights, late_s):
    """Where these change enough; the axis of the Earth is taken as of J2000."""
    altitudes, cards = nights
    said, now = altitudes(late_s), altitudes(0.0)
    clear = np.flatnonzero((np.median(np.abs(said - now), axis=1) > 0.35) & (said.min(axis=1) > 0))
    assert len(clear) > 20
    found = np.array([clock_lag_s(night) for night in cards(said, clear[:40])])
    assert np.mean(np.abs(found - late_s) < 10 + 0.006 * abs(late_s)) > 0.95


def test_a_clock_is_told_in_one_line():
    assert tell_lag(185.0, "ALTITUDE", "DATE-OBS") == (
        "ALTITUDE is that of the field 3.1 min later than DATE-OBS says;"
        " DATE-OBS is believed as the profile reads it"
    )
    assert "headers.utc_offset_h = -4;" in tell_lag(14410.0, "ALT", "DATE-OBS")


def test_altitudes_that_are_no_field_s_tell_no_time(nights):
    _, cards = nights
    for junk in (-5.0, "closed"):
        assert not any(map(clock_lag_s, cards(np.full((NIGHTS, 12), junk, object), range(40))))


def test_frames_taken_by_day_are_told():
    told = tell_daylight(np.array([-20.0, -0.1, 0.1, 12.4]), "DATE-OBS")
    assert told.startswith("by DATE-OBS and the site the Sun stood up to 12 deg high in 2 of 4 frames")
    assert tell_daylight(np.array([-20.0, -0.1]), "DATE-OBS") == tell_daylight(np.zeros(0), "DATE-OBS") == ""
