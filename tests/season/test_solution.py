"""One scale for all nights, on seasons whose truth is known."""

import dataclasses

import numpy as np
import pytest
from season.made_season import Habits, make_season, make_sky
from season.test_nightly import counts_of

from ngcmos.season.levels import Levels
from ngcmos.season.nightly import Setting, solve_night
from ngcmos.season.solution import solve_season

STARS, NIGHTS = 500, 12
USUAL = Habits(flipped=(3, 7))


@dataclasses.dataclass
class Solved:
    sky: object
    nights: list
    levels: Levels

    def solution(self, **changed):
        return solve_season(dataclasses.replace(self.levels, **changed))

    def truth(self):
        """(nights, stars) true mean flux of each night over that of the season."""
        mean = np.array([night.true.mean(axis=0) for night in self.nights])
        return mean / mean.mean(axis=0) - 1


def season_of(rng, *, signals=(), habits=USUAL, nights=NIGHTS, frames=60, stars=STARS):
    sky = make_sky(rng, stars, signals=dict(signals))
    made = make_season(rng, sky, nights, frames=frames, habits=habits)
    solved = [solve_night(counts_of(night), setting_of(sky, night)) for night in made]
    levels = Levels(
        level=np.array([one.level for one in solved]),
        error=np.array([one.level_error for one in solved]),
        basis=np.array([surface_basis(sky, night) for night in made]),
        mag=sky.mag,
        comparing=np.ones((nights, stars), bool),
        counting=np.ones(nights, bool),
    )
    return Solved(sky, made, levels)


def setting_of(sky, night):
    basis = surface_basis(sky, night)[:, :4]
    comparing = np.ones(len(basis), bool)
    return Setting(basis, sky.mag, 0.00336 * night.airmass**1.5, ~night.cloudy, comparing)


def surface_basis(sky, night):
    x, y = (np.median(place, axis=0) / 1024 - 1 for place in (night.x, night.y))
    return np.column_stack([np.ones(x.size), x, y, sky.colour - 0.9, x * x, x * y, y * y])


@pytest.fixture(scope="module")
def usual():
    return season_of(np.random.default_rng(21))


def test_nightly_means_of_constant_stars_are_good_to_1_2_mmag(usual):
    """Photons and air leave 1.2 themselves, the median of these stars."""
    bright = (usual.sky.mag >= 9.5) & (usual.sky.mag < 11.5)
    scatter = np.std(usual.solution().deviation[:, bright], axis=0, ddof=1)
    assert np.median(scatter) < 0.00125
    assert np.sqrt(np.mean(scatter**2) / np.mean(usual.levels.error[:, bright] ** 2)) < 1.06


def test_left_alone_the_flats_would_show(usual):
    """The task is not empty: zero points of the nights alone leave the slope of the flats."""
    only_zero_points = usual.solution(basis=usual.levels.basis[:, :, :1])
    bright = (usual.sky.mag >= 9.5) & (usual.sky.mag < 11.5)
    assert np.std(only_zero_points.deviation[:, bright]) > 0.003


def test_errors_of_nightly_means_are_true(usual):
    solution = usual.solution()
    for low, high in ((9.0, 10.5), (10.5, 12.0), (12.0, 13.0), (13.0, 14.0)):
        inside = (usual.sky.mag >= low) & (usual.sky.mag < high)
        pulls = (solution.deviation / solution.error)[:, inside] * np.sqrt(NIGHTS / (NIGHTS - 1))
        assert np.std(pulls) == pytest.approx(1, abs=0.1), (low, high)


def test_few_constant_stars_are_taken_for_variable(usual):
    assert usual.solution().terms.constant.mean() > 0.99


def slow_sine(phase):
    return lambda bjd: 1 + 0.05 * np.sin(2 * np.pi * bjd / 20 + phase)


@pytest.fixture(scope="module")
def varied():
    """Every tenth star varies slowly by 5 %, one is 30 % brighter in one night."""
    rng = np.random.default_rng(22)
    curves = {star: slow_sine(rng.uniform(0, 6)) for star in range(0, STARS, 10)}
    curves[7] = lambda bjd: 1 + 0.3 * (bjd.mean() > 2460502) * (bjd.mean() < 2460503)
    return season_of(rng, signals=curves)


def test_star_fainter_all_night_stays_fainter(varied):
    solution, truth = varied.solution(), varied.truth()
    slow = np.flatnonzero((np.arange(STARS) % 10 == 0) & (varied.sky.mag < 12.5))
    assert np.abs(truth[:, slow]).max() > 0.04
    away = solution.deviation[:, slow] - solution.deviation[:, slow].mean(axis=0) - truth[:, slow]
    assert np.std(away) < 0.004


def test_variable_stars_tell_nothing_of_the_nights(varied):
    solution = varied.solution()
    assert not solution.terms.constant[[star for star in range(0, STARS, 10) if varied.sky.mag[star] < 12]].any()
    bright = (varied.sky.mag >= 9.5) & (varied.sky.mag < 11.5) & (np.arange(STARS) % 10 != 0)
    bright[7] = False
    assert np.std(solution.deviation[:, bright]) < 0.0013


def test_one_wild_night_of_a_star_leaves_its_others_alone(varied):
    deviation = varied.solution().deviation[:, 7]
    wild = np.argmax(deviation)
    assert deviation[wild] == pytest.approx(0.3, abs=0.03)
    assert np.abs(np.delete(deviation, wild)).max() < 0.02 + 5 * varied.levels.error[:, 7].max()


def test_nights_that_left_more_over_have_a_floor():
    rng = np.random.default_rng(23)
    solved = season_of(rng, habits=Habits(pixel_error=0.0))
    solved.levels.level[4] *= 1 + rng.normal(0, 0.004, STARS)
    solution = solved.solution()
    assert solution.floor[4] == pytest.approx(0.004, rel=0.2)
    assert np.delete(solution.floor, 4).max() < 0.001


def test_single_frames_and_shifted_nights_are_on_the_same_scale():
    habits = Habits(flipped=(5,), shift_px=25.0, cloudy_share=0.0)
    solved = season_of(np.random.default_rng(24), habits=habits, nights=15, frames=1)
    solution = solved.solution()
    pulls = (solution.deviation / solution.error) * np.sqrt(15 / 14)
    assert np.std(pulls) == pytest.approx(1, abs=0.1)
    bright = solved.sky.mag < 11
    assert np.std(solution.deviation[:, bright]) < 0.009  # one frame: 7 mmag by photons and air


def test_star_of_some_nights_alone_has_a_mean(usual):
    level = usual.levels.level.copy()
    level[:9, 50] = np.nan
    solution = usual.solution(level=level)
    assert np.isfinite(solution.terms.mean[50]) and np.isnan(solution.deviation[:9, 50]).all()
    assert np.abs(solution.deviation[9:, 50]).max() < 5 * usual.levels.error[9:, 50].max()


def test_star_never_seen_has_no_mean(usual):
    level = usual.levels.level.copy()
    level[:, 50] = np.nan
    assert np.isnan(usual.solution(level=level).terms.mean[50])


def test_season_of_one_night_has_a_flux_of_one(usual):
    one = {name: getattr(usual.levels, name)[:1] for name in ("level", "error", "basis", "comparing", "counting")}
    solution = usual.solution(**one)
    np.testing.assert_allclose(solution.deviation, 0, atol=1e-6)
    assert (solution.freedom == 0).all()


def test_night_without_good_frames_does_not_count_for_means(usual):
    level = usual.levels.level.copy()
    level[2] *= 1 + np.random.default_rng(1).normal(0, 0.05, STARS)
    counting = np.arange(NIGHTS) != 2
    with_it, without = usual.solution(level=level, counting=counting), usual.solution()
    bright = usual.sky.mag < 12
    moved = (with_it.deviation - without.deviation)[np.ix_(counting, bright)]
    assert np.abs(moved).max() < 0.001


def crowded_season(rng, *, bright=12, faint=140, nights=40):
    """Few bright stars amid faint ones that scatter three times as much as their photons; flat nights."""
    mag = np.concatenate([rng.uniform(16, 18, bright), rng.uniform(19.5, 21.5, faint)])
    error = np.where(mag < 18, 0.002, 0.01)
    true = np.where(mag < 18, 0.004, 0.03)
    light = rng.uniform(0.7, 1.1, (nights, 1))
    x, y = rng.uniform(-1, 1, (2, mag.size))
    basis = np.column_stack([np.ones(mag.size), x, y, 0 * x, x * x, x * y, y * y])
    return Levels(
        level=1000 * light * (1 + rng.normal(0, true, (nights, mag.size))),
        error=np.tile(error, (nights, 1)),
        basis=np.tile(basis, (nights, 1, 1)),
        mag=mag,
        comparing=np.ones((nights, mag.size), bool),
        counting=np.ones(nights, bool),
    )


def test_few_bright_stars_keep_their_precision_amid_restless_faint_ones():
    solution = solve_season(crowded_season(np.random.default_rng(31)))
    bright = solution.deviation[:, :12]
    assert np.median(bright.std(axis=0, ddof=1)) < 0.004 * 1.15
    pulls = (bright / solution.error[:, :12]).std(axis=0, ddof=1)
    assert np.median(pulls) == pytest.approx(1, abs=0.2)


def test_a_wild_star_makes_no_floor():
    levels = crowded_season(np.random.default_rng(32))
    levels.level[5, 20:24] *= 3
    solution = solve_season(levels)
    assert solution.floor[5] < 2 * np.median(solution.floor) + 0.002
    assert abs(np.median(solution.deviation[5, :12])) < 0.004
