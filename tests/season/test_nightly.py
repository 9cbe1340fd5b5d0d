"""One night by itself: levels, what frames let through, restless frames, stars that vary."""

import dataclasses

import numpy as np
import pytest
from season.made_season import Habits, make_night, make_sky

from ngcmos.lightcurves.ensemble import Counts
from ngcmos.season.nightly import Setting, leverage, point_variance, share_variance, shares, solve_night

FRAMES, STARS = 80, 300


@pytest.fixture
def rng():
    return np.random.default_rng(11)


@pytest.fixture
def sky(rng):
    return make_sky(rng, STARS)


def basis_of(sky, night):
    x, y = (np.median(place, axis=0) / 1024 - 1 for place in (night.x, night.y))
    return np.column_stack([np.ones(STARS), x, y, sky.colour - 0.9])


def setting_of(sky, night, **changed):
    whole = Setting(
        basis=basis_of(sky, night),
        mag=sky.mag,
        air_rms=0.00336 * night.airmass**1.5,
        counting=~night.cloudy,
        comparing=np.ones(STARS, bool),
    )
    return dataclasses.replace(whole, **changed)


def counts_of(night):
    return Counts(night.flux[0], night.error[0], np.isfinite(night.flux[0]))


def solve(sky, night, **changed):
    setting = setting_of(sky, night, **changed)
    return solve_night(counts_of(night), setting), setting


def curves(night, solution, setting):
    return night.flux[0] / (shares(solution.share, setting.basis) * solution.level)


def test_curves_of_constant_stars_scatter_by_their_errors_also_under_clouds(rng, sky):
    night = make_night(rng, sky, 0, frames=FRAMES, habits=Habits(cloudy_share=0.2))
    solution, setting = solve(sky, night)
    deviation = curves(night, solution, setting) - 1
    counted = (night.error[0] / (shares(solution.share, setting.basis) * solution.level)) ** 2
    error = np.sqrt(point_variance(counted + setting.air_rms[:, None] ** 2, solution.inflation, solution.jitter))
    pulls = deviation / error
    assert np.std(pulls[~night.cloudy]) == pytest.approx(1, abs=0.03)
    assert np.std(pulls[night.cloudy]) == pytest.approx(1, abs=0.06)


def test_level_of_a_star_has_the_error_it_is_given(rng, sky):
    nights = [
        make_night(rng, sky, 0, frames=FRAMES, habits=Habits(slope=0.0, cloudy_share=0.0)) for _ in range(20)
    ]
    solutions = [solve(sky, night)[0] for night in nights]
    level = np.array([one.level / np.median(one.level / sky_light(sky)) for one in solutions]) / sky_light(sky)
    pulls = (level / level.mean(axis=0) - 1) / np.array([one.level_error for one in solutions])
    assert np.std(pulls) * np.sqrt(20 / 19) == pytest.approx(1, abs=0.1)


def sky_light(sky):
    return 10 ** (-0.4 * sky.mag)


def test_a_star_dims_blue_light_and_slanting_clouds_do_not(rng, sky):
    """A signal in one star stays whole; slopes of frames do not pass for signals of stars."""
    night = make_night(rng, sky, 0, frames=FRAMES, habits=Habits(cloudy_share=0.0))
    tilt = 0.02 * np.sin(np.arange(FRAMES) / 5)[:, None] * basis_of(sky, night)[:, 1]
    night.flux[0] *= 1 + tilt
    star = int(np.argmin(sky.mag))
    night.flux[0, 30:50, star] *= 0.98
    solution, setting = solve(sky, night)
    curve = curves(night, solution, setting)
    depth = curve[np.r_[:30, 50:FRAMES], star].mean() - curve[30:50, star].mean()
    assert depth == pytest.approx(0.02, abs=0.003)
    others = np.delete(curve, star, axis=1)[:, np.argsort(np.delete(sky.mag, star))[:30]]
    assert np.std(others - others.mean(axis=0)) < 0.012


def test_restless_frame_is_found(rng, sky):
    night = make_night(rng, sky, 0, frames=FRAMES, habits=Habits(cloudy_share=0.0))
    night.flux[0, 40] *= 1 + rng.normal(0, 0.03, STARS)
    solution, _ = solve(sky, night)
    assert solution.jitter[40] == pytest.approx(0.03, rel=0.3)
    assert (np.delete(solution.jitter, 40) > 0).mean() < 0.05


def test_star_that_varies_in_the_night_is_told(rng, sky):
    night = make_night(rng, sky, 0, frames=FRAMES, habits=Habits(cloudy_share=0.0))
    star = int(np.argsort(sky.mag)[5])
    night.flux[0, :, star] *= 1 + 0.05 * np.sin(np.arange(FRAMES) / 10)
    solution, _ = solve(sky, night)
    assert solution.variable[star] and solution.variable.sum() <= 3
    assert solution.rms[star] > 3 * solution.expected[star]


def test_clouded_frames_do_not_count_for_levels(rng, sky):
    night = make_night(rng, sky, 0, frames=FRAMES, habits=Habits(cloudy_share=0.3))
    solution, _ = solve(sky, night)
    assert solution.points.max() == (~night.cloudy).sum()


def test_night_of_one_frame_has_levels(rng, sky):
    night = make_night(rng, sky, 0, frames=1, habits=Habits(cloudy_share=0.0))
    solution, setting = solve(sky, night)
    np.testing.assert_allclose(curves(night, solution, setting), 1, atol=1e-5)
    expected = np.hypot(night.error[0, 0] / night.flux[0, 0], setting.air_rms[0])
    bright = sky.mag < 12
    np.testing.assert_allclose(solution.level_error[bright], expected[bright], rtol=0.1)
    assert np.isnan(solution.rms).all()


def test_night_all_under_clouds_has_curves(rng, sky):
    night = make_night(rng, sky, 0, frames=20, habits=Habits(cloudy_share=1.0))
    solution, setting = solve(sky, night)
    assert np.isfinite(curves(night, solution, setting)).all()


def test_frame_without_a_trusted_star_is_unknown(rng, sky):
    night = make_night(rng, sky, 0, frames=20, habits=Habits(cloudy_share=0.0))
    night.flux[0, 7] = np.nan
    solution, _ = solve(sky, night)
    assert np.isnan(solution.share[7]).all() and np.isfinite(np.delete(solution.share, 7, axis=0)).all()


def test_star_never_counted_has_no_level(rng, sky):
    night = make_night(rng, sky, 0, frames=20)
    night.flux[0, :, 3] = np.nan
    solution, _ = solve(sky, night)
    assert np.isnan(solution.level[3]) and solution.points[3] == 0


def depths_of_a_star_that_outshines_all_others(seed):
    """A dip of 1.5 % in one of twenty stars, against the shares as they are and without its own part in them."""
    rng = np.random.default_rng(seed)
    sky = make_sky(rng, 20, bright=11.5, faint=12.5)
    sky.mag[0] = 9.5
    night = make_night(rng, sky, 0, frames=FRAMES, habits=Habits(cloudy_share=0.0))
    night.flux[0, 30:50, 0] *= 0.985
    x, y = (place[0] / 1024 - 1 for place in (night.x, night.y))
    basis = np.column_stack([np.ones(20), x, y, sky.colour - 0.9])
    setting = Setting(basis, sky.mag, 0.00336 * night.airmass**1.5, ~night.cloudy, np.ones(20, bool))
    solution = solve_night(counts_of(night), setting)
    through = shares(solution.share, basis)
    away = night.flux[0] / (through * solution.level) - 1
    counted = (night.error[0] / (through * solution.level)) ** 2 + setting.air_rms[:, None] ** 2
    variance = point_variance(counted, solution.inflation, solution.jitter)
    taken = leverage(solution.say, share_variance(solution.covariance, basis) / through**2, variance)
    return [
        np.mean(np.delete(one[:, 0], np.s_[30:50])) - np.mean(one[30:50, 0]) for one in (away, away / (1 - taken))
    ]


def test_signal_of_a_star_that_outshines_all_others_stays_whole():
    by_all, by_others = np.mean([depths_of_a_star_that_outshines_all_others(seed) for seed in range(12)], axis=0)
    assert by_all < 0.0125 and by_others == pytest.approx(0.015, abs=0.0015)
