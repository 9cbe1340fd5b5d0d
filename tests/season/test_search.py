"""A season searched: every kind of signal is found in the star that has it."""

import numpy as np
import pytest
from season.made_curves import FIRST, made_binned, sine, single, train

from ngcmos.season.binned import BinnedSeason
from ngcmos.season.search import free_of_periods, neighbours_of, search

SIGNALS = [
    sine(0.37, 0.02),
    train(1.37, FIRST + 0.2, 0.012, 2.5),
    single(FIRST + 7.2, 0.02, 3),
    lambda time: sine(4.1, 0.02)(time) * train(1.83, FIRST + 0.1, 0.02, 2.5)(time),
]


@pytest.fixture(scope="module")
def season():
    return made_binned(np.random.default_rng(61), SIGNALS, stars=16, nights=16)


@pytest.fixture(scope="module")
def found(season):
    return search(season)


def test_sine_has_its_period_and_no_dips(found):
    assert found.periods[0].period_d == pytest.approx(0.37, rel=0.003) and found.dips[0].snr < 6.5


def test_planet_has_its_dips(found):
    assert found.dips[1].period_d == pytest.approx(1.37, rel=0.003) and found.dips[1].snr > 8


def test_single_dip_is_told_as_one(found):
    assert np.isnan(found.dips[2].period_d) and found.dips[2].t0_bjd == pytest.approx(FIRST + 7.2, abs=0.03)
    assert found.dips[2].snr > 8


def test_planet_of_a_variable_star_has_its_dips(found):
    assert found.periods[3].period_d == pytest.approx(4.1, rel=0.02)
    assert found.dips[3].period_d == pytest.approx(1.83, rel=0.005)


def test_constant_stars_have_nothing(found):
    assert max(dip.snr for dip in found.dips[4:]) < 6.5
    assert min(period.fap for period in found.periods[4:]) > 1e-4


def test_workers_find_the_same(season):
    some = season.of_stars(np.array([0, 1, 4, 5, 6]))  # more than a process gets at a time
    alone, together = search(some), search(some, workers=2)
    assert repr(alone.dips) == repr(together.dips)
    assert [one.period_d for one in alone.periods] == [one.period_d for one in together.periods]


def test_slow_variation_is_taken_off(season):
    freed = free_of_periods(season.time, season.flux[:, 0], season.error[:, 0])
    assert np.std(freed.residual) == pytest.approx(0.003, rel=0.1)


def test_neighbours_are_near_and_alike(season):
    nearest = neighbours_of(season, 5)
    assert 5 not in nearest and len(nearest) == 15
    ra, dec, mag = (season.stars[name] for name in ("ra_deg", "dec_deg", "Tmag"))
    away = np.hypot(np.cos(np.radians(dec[5])) * (ra - ra[5]), dec - dec[5]) / 0.5
    assert (np.diff(np.hypot(away, mag - mag[5])[nearest]) >= 0).all()


def test_a_season_all_under_clouds_has_nothing(season):
    one, none = season, slice(0, 0)
    empty = BinnedSeason(one.stars, one.time[none], one.night[none], one.flux[none], one.error[none])
    found = search(empty)
    assert len(found.periods) == len(found.dips) == len(season.stars)
    assert all(np.isnan(period.period_d) for period in found.periods)
    assert all(dip.snr == 0 for dip in found.dips)
