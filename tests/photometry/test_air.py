"""Cards of altitude and airmass against the sky: what fits, spelled anyhow, is silent, the rest is one line."""

import math

import pytest

from ngcmos.photometry.air import ALTITUDE_LEEWAY_DEG, AirCards, number_of, tell_air

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
