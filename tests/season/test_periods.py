"""Periods of sines under noise, their chances, and aliases of a day."""

import numpy as np
import pytest
from season.made_curves import made_binned, sine, time_of

from ngcmos.season.periods import calibrate_faps, find_period, frequency_grid


@pytest.fixture
def rng():
    return np.random.default_rng(31)


@pytest.mark.parametrize("period", [0.06, 0.13, 0.37, 0.9, 2.3, 5.1, 9.7])
def test_period_and_amplitude_of_a_sine(rng, period):
    season = made_binned(rng, [sine(period, 0.01)], stars=1)
    found = find_period(season.time, season.flux[:, 0], season.error[:, 0])
    assert found.period_d == pytest.approx(period, rel=0.005)
    assert found.amplitude == pytest.approx(0.01, rel=0.1) and found.fap < 1e-20


def test_noise_has_no_period(rng):
    season = made_binned(rng, stars=40)
    faps = [find_period(season.time, season.flux[:, star], season.error[:, star]).fap for star in range(40)]
    assert min(faps) > 1e-4 and np.median(faps) > 0.1


def test_alias_of_a_day_is_told():
    """One point a night: periods that differ by once a day are the same to it."""
    rng, time = np.random.default_rng(1), time_of(60, 1)[0]
    flux = sine(2.7, 0.02)(time) + rng.normal(0, 0.003, time.size)
    found = find_period(time, flux, np.full(time.size, 0.003))
    assert found.period_d == pytest.approx(2.7, rel=0.01)  # the longest of those that are alike
    days = [abs(1 / found.alias_d + sign / 2.7) for sign in (-1, 1)]
    assert min(abs(day - round(day)) for day in days) < 0.01


def test_sure_period_has_no_alias(rng):
    season = made_binned(rng, [sine(0.37, 0.02)], stars=1)
    assert np.isnan(find_period(season.time, season.flux[:, 0], season.error[:, 0]).alias_d)


def test_points_without_flux_or_error_do_not_count(rng):
    season = made_binned(rng, [sine(0.37, 0.02)], stars=1)
    flux, error = season.flux[:, 0].copy(), season.error[:, 0].copy()
    flux[::3], error[1::3], flux[1::3] = np.nan, np.inf, 50.0
    assert find_period(season.time, flux, error).period_d == pytest.approx(0.37, rel=0.01)


def test_too_few_points_have_no_period():
    time = np.arange(5.0)
    found = find_period(time, np.ones(5), np.ones(5))
    assert np.isnan(found.period_d) and np.isnan(found.fap)


def test_frequencies_reach_from_the_season_to_0_05_d():
    grid = frequency_grid(200.0)
    assert 1 / grid[0] == pytest.approx(100) and 1 / grid[-1] == pytest.approx(0.05, rel=1e-4)
    assert 1 / frequency_grid(20.0)[0] == pytest.approx(30)


def test_chances_know_what_like_stars_show(rng):
    """Where all stars show some gain, that gain is no news; one far above them still is."""
    gain, mag = rng.gumbel(30, 3, 300), rng.uniform(10, 12, 300)
    gain[0] = 120.0
    chance = calibrate_faps(gain, np.full(300, 1e-9), mag)
    assert chance[0] < 1e-6
    assert (chance[1:] < 0.01).mean() == pytest.approx(0.01, abs=0.015)
    assert np.median(chance[1:]) == pytest.approx(0.5, abs=0.1)


def test_chance_is_never_below_that_of_the_periodogram(rng):
    gain, fap = rng.gumbel(5, 1, 100), rng.uniform(0, 1, 100)
    assert (calibrate_faps(gain, fap, rng.uniform(10, 12, 100)) >= fap).all()
