"""How many constant stars are called variable, and that variable ones are."""

import numpy as np
import pytest
from season.made_curves import made_binned, sine

from ngcmos.season.variability import FALSE_ALARMS, chance_of_nights, chance_within_nights, find_variable

STARS = 2000


@pytest.fixture
def rng():
    return np.random.default_rng(51)


def test_chance_of_nights_is_at_most_that_of_constant_stars(rng):
    error = rng.uniform(0.001, 0.003, (20, STARS))
    chance = chance_of_nights(rng.normal(0, error), error, rng.uniform(9, 13, STARS))
    for level in (0.5, 0.1, 0.01):
        assert 0.05 * level < (chance < level).mean() <= level


def test_one_night_alone_is_no_variation_from_night_to_night(rng):
    deviation, error, mag = rng.normal(0, 0.002, (20, 200)), np.full((20, 200), 0.002), rng.uniform(9, 13, 200)
    deviation[7, 0] += 0.05
    deviation[::2, 1] += 0.01
    assert (chance_of_nights(deviation, error, mag)[:2] < 1e-3).tolist() == [False, True]


@pytest.mark.parametrize("points", [1, 2, 3, 40])
def test_cosmic_rays_in_nights_of_few_frames_are_no_variation(rng, points):
    """Two bright nights of forty; three, two faint ones and a wave are what they are."""
    deviation, error, mag = rng.normal(0, 0.02, (40, 200)), np.full((40, 200), 0.02), rng.uniform(9, 13, 200)
    deviation[[7, 21], 0] += 0.8
    deviation[[7, 21, 30, 31], 1] += 0.8
    deviation[[7, 21], 2] -= 0.4
    deviation[:, 3] += 0.2 * np.sin(np.arange(40))
    judged = chance_of_nights(deviation, error, mag, points=np.full((40, 200), float(points)))
    assert (judged[:4] < 1e-3).tolist() == [points > 2, True, True, True]


def test_where_all_like_stars_scatter_more_than_their_errors_they_do_not_all_vary(rng):
    error, mag = np.full((40, 200), 0.002), rng.uniform(9, 13, 200)
    spread = 0.002 * np.exp(rng.normal(0.3, 0.4, 200))
    assert (chance_of_nights(rng.normal(0, spread, (40, 200)), error, mag) < FALSE_ALARMS / 3).mean() < 0.03


def test_chance_within_nights_is_that_of_constant_stars_also_under_red_noise(rng):
    season = made_binned(rng, stars=STARS, nights=6, common=0.003)
    mag = rng.uniform(9, 13, STARS)
    chance = chance_within_nights(season.flux, season.error, season.night, mag)
    assert (chance < 0.001).mean() <= 0.005 and (chance < 0.1).mean() == pytest.approx(0.1, abs=0.03)


def test_slow_variation_is_in_the_nights_and_a_fast_one_within(rng):
    signals = [sine(9.7, 0.01), sine(0.13, 0.005)]
    season = made_binned(rng, signals, stars=200)
    mag = season.stars["Tmag"].astype(float)
    within = chance_within_nights(season.flux, season.error, season.night, mag)
    means = np.array([season.flux[season.night == night].mean(axis=0) - 1 for night in range(20)])
    nights = chance_of_nights(means.astype(float), np.full(means.shape, 0.003 / np.sqrt(45)), mag)
    assert nights[0] < 1e-10 and within[1] < 1e-10
    variable = find_variable([nights, within], [np.full(200, 0.01)], np.zeros(200))
    assert variable[:2].all() and variable[2:].mean() < 0.02


def test_stars_of_few_nights_or_bins_are_not_called_variable():
    assert (chance_of_nights(np.array([[0.0], [0.5]]), np.full((2, 1), 0.001), np.ones(1)) == 1).all()
    few = np.ones((5, 1), "f4")
    assert (chance_within_nights(few, few, np.zeros(5, int), np.array([10.0])) == 1).all()


def test_stars_without_a_night_are_not_called_variable():
    nothing = np.full((5, 2), np.nan)
    assert (chance_of_nights(nothing, nothing, np.ones(2)) == 1).all()


def test_false_alarms_are_shared_among_the_tests():
    chance = np.array([FALSE_ALARMS / 3 * 1.01, FALSE_ALARMS / 3 * 0.99])
    alone = [np.full(2, 0.01)], np.zeros(2)
    assert find_variable([chance, np.ones(2), np.full(2, np.nan)], *alone).tolist() == [False, True]


def test_what_neighbours_can_do_is_no_variation():
    """5 % of their light: a star with as much of it as of its own must vary by more than that."""
    size, sure = np.array([0.04, 0.06, 0.04, 0.0]), np.zeros(4)
    contamination = np.array([1.0, 1.0, np.nan, 0.0])
    assert find_variable([sure], [size, np.full(4, np.nan)], contamination).tolist() == [False, True, True, False]


def test_blended_stars_tell_nothing_of_their_like(rng):
    """Half of the stars scatter threefold for their neighbours' light: the others are judged by their own kind."""
    blended, mag = np.arange(400) % 2 == 0, rng.uniform(9, 13, 400)
    error = np.full((30, 400), 0.002)
    deviation = rng.normal(0, np.where(blended, 0.006, 0.002), (30, 400))
    deviation[:, 1] *= 3
    judged = chance_of_nights(deviation, error, mag, blended)
    assert judged[1] < 1e-4 < chance_of_nights(deviation, error, mag)[1]
