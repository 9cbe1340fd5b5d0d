"""Relative light curves of made-up stars whose noise and signals are known."""

import dataclasses

import numpy as np
import pytest

from ngcmos.lightcurves.audit import usual_scatter
from ngcmos.lightcurves.ensemble import (
    Counts,
    Kinship,
    choose_best,
    choose_comparisons,
    relate,
)
from ngcmos.lightcurves.scatter import find_variables, of_like, redness, scatter

FRAMES, STARS = 200, 120
NOISE = 0.004


@pytest.fixture
def rng():
    return np.random.default_rng(4)


@pytest.fixture
def kinship(rng):
    """Stars of 10 to 13 mag all over a chip of 1000 px, brightest first; every third colour is unknown."""
    colour = rng.normal(1, 0.3, STARS)
    colour[::3] = np.nan
    mag = np.sort(rng.uniform(10, 13, STARS))
    return Kinship(mag, colour, *rng.uniform(0, 1000, (2, STARS)), np.zeros(STARS, bool))


def count(rng, kinship, *, factor=1.0, signal=1.0, noise=NOISE, frames=FRAMES):
    """Counts of these stars under a common factor of each frame, with signals of their own."""
    level = 10 ** (0.4 * (20 - kinship.mag))
    true = level * np.asarray(factor) * signal * np.ones((frames, STARS))
    flux = true * (1 + rng.normal(0, noise, true.shape))
    return Counts(flux, true * noise, np.isfinite(flux))


def clouds(rng):
    """(frames, 1) factor between 0.2 and 1."""
    return rng.uniform(0.2, 1, (FRAMES, 1))


def test_constant_stars_scatter_by_their_noise_through_clouds(rng, kinship):
    curves = relate(count(rng, kinship, factor=clouds(rng)), kinship, np.zeros(FRAMES))
    assert np.median(curves.rms) == pytest.approx(NOISE, rel=0.05)
    np.testing.assert_allclose(np.median(curves.flux, axis=0), 1, atol=0.002)


def test_errors_are_those_of_the_curves(rng, kinship):
    curves = relate(count(rng, kinship, factor=clouds(rng)), kinship, np.zeros(FRAMES))
    pulls = (curves.flux - np.median(curves.flux, axis=0)) / curves.error
    assert np.std(pulls) == pytest.approx(1, abs=0.03)


def test_noise_of_few_comparison_stars_is_in_the_errors(rng):
    """Eight like stars: each is held against seven, whose mean scatters by a seventh of its variance."""
    kinship = Kinship(np.full(8, 11.0), np.full(8, 1.0), *rng.uniform(490, 510, (2, 8)), np.zeros(8, bool))
    flux = 1e4 * (1 + rng.normal(0, NOISE, (2000, 8)))
    curves = relate(Counts(flux, np.full(flux.shape, 1e4 * NOISE), np.isfinite(flux)), kinship, np.zeros(2000))
    assert np.median(curves.error) == pytest.approx(NOISE * np.sqrt(1 + 1 / 7), rel=0.01)
    assert np.std(curves.flux) == pytest.approx(np.median(curves.error), rel=0.02)


def test_scintillation_is_in_the_errors(rng, kinship):
    counts = count(rng, kinship, noise=0.005)
    told = dataclasses.replace(counts, fluxerr=counts.fluxerr * 0.6)  # 0.003 of counting, 0.004 of the air
    curves = relate(told, kinship, np.full(FRAMES, 0.004))
    assert np.median(curves.predicted) == pytest.approx(0.005, rel=0.01)
    assert np.median(curves.error) == pytest.approx(0.005, rel=0.03)


def test_barred_stars_change_nothing_of_the_others(rng, kinship):
    barred = np.arange(STARS) % 3 == 1
    wild = dataclasses.replace(kinship, barred=barred, x=np.where(barred, 5 * kinship.x, kinship.x))
    signal = np.where(barred, rng.normal(1, 0.1, (FRAMES, STARS)), 1.0)
    counts = count(rng, wild, factor=clouds(rng), signal=signal)
    few = Kinship(*(getattr(wild, name)[~barred] for name in ("mag", "colour", "x", "y", "barred")))
    alone = Counts(counts.flux[:, ~barred], counts.fluxerr[:, ~barred], counts.trusted[:, ~barred])
    with_them = relate(counts, wild, np.zeros(FRAMES))
    without = relate(alone, few, np.zeros(FRAMES))
    np.testing.assert_allclose(with_them.flux[:, ~barred], without.flux, rtol=1e-6)
    np.testing.assert_array_equal(with_them.variable[~barred], without.variable)
    best = [
        choose_best([curves] * 2, own.mag, own.barred)[1] for curves, own in ((with_them, wild), (without, few))
    ]
    np.testing.assert_array_equal(best[0][~barred], best[1])


CLEAR = slice(60)


@pytest.fixture
def clouded(rng, kinship):
    """(frames, 1) light, a third of the night clear, the rest under a cloud of 0.25; counts by their photons."""
    light = np.full((FRAMES, 1), 0.25)
    light[CLEAR] = 1.0
    noise = NOISE * np.sqrt(10 ** (0.4 * (kinship.mag - 11.5)) / light)
    return light, count(rng, kinship, factor=light, noise=noise)


def test_in_a_night_mostly_clouded_scatter_is_as_predicted(clouded, kinship):
    """Each half by its own light; the whole by that of all frames."""
    light, counts = clouded
    curves = relate(counts, kinship, np.zeros(FRAMES))
    for half in (CLEAR, slice(60, None)):
        measured = np.std(curves.flux[half], axis=0, ddof=1)
        assert np.median(measured / np.median(curves.error[half], axis=0)) == pytest.approx(1, abs=0.05)
    expected = NOISE * np.sqrt(10 ** (0.4 * (kinship.mag - 11.5)) * np.mean(1 / light))
    np.testing.assert_allclose(curves.predicted, expected, rtol=0.02)
    assert np.median(curves.rms / curves.predicted) == pytest.approx(1, abs=0.05)
    assert np.mean(curves.rms < 0.85 * curves.predicted) < 0.02
    assert not curves.variable.any()


def test_what_varies_by_less_than_clouds_scatter_is_found_in_the_clear(rng, clouded, kinship):
    _, counts = clouded
    signal = np.ones((FRAMES, STARS))
    signal[30:45, 70] = 0.985
    assert np.median(counts.fluxerr[60:, 70] / counts.flux[60:, 70]) > 0.008
    curves = relate(dataclasses.replace(counts, flux=counts.flux * signal), kinship, np.zeros(FRAMES))
    assert np.flatnonzero(curves.variable).tolist() == [70]


def test_factor_is_what_all_share(rng, kinship):
    factor = clouds(rng)
    curves = relate(count(rng, kinship, factor=factor), kinship, np.zeros(FRAMES))
    ratio = curves.factor / factor[:, 0]
    assert np.std(ratio) / np.mean(ratio) < 3 * NOISE / np.sqrt(STARS)


@pytest.mark.parametrize("star", [0, 60])
def test_signal_stays_whole_in_bright_and_faint_stars(rng, kinship, star):
    signal = np.ones((FRAMES, STARS))
    signal[80:120, star] = 0.95
    curve = relate(count(rng, kinship, factor=clouds(rng), signal=signal), kinship, np.zeros(FRAMES)).flux[:, star]
    out = np.r_[0:80, 120:FRAMES]
    depth = 1 - np.mean(curve[80:120]) / np.mean(curve[out])
    assert depth == pytest.approx(0.05, abs=4 * NOISE * np.sqrt(1 / 40 + 1 / 160))


def test_curve_is_the_star_over_the_weighted_mean_of_the_others(rng, kinship):
    """By a plain loop over the frames, the weights as the module gives them."""
    counts = count(rng, kinship, factor=clouds(rng))
    curves = relate(counts, kinship, np.zeros(FRAMES))
    value = counts.flux / np.median(counts.flux, axis=0)
    star = 30
    others = [j for j in range(STARS) if j != star and abs(kinship.mag[j] - kinship.mag[star]) < 1.5]
    expected = np.array([frame[star] / np.mean(frame[others]) for frame in value])
    difference = curves.flux[:, star] / expected
    assert np.std(difference) < 4 * NOISE / np.sqrt(len(others))


def test_variables_are_found_and_compare_no_other_star(rng, kinship):
    signal = np.ones((FRAMES, STARS))
    signal[:, 5] += 0.05 * np.sin(np.arange(FRAMES) / 9)
    signal[100:130, 40] = 0.98
    curves = relate(count(rng, kinship, signal=signal), kinship, np.zeros(FRAMES))
    assert np.flatnonzero(curves.variable).tolist() == [5, 40]


def test_slow_change_of_the_size_of_the_noise_is_found(rng, kinship):
    deviation = rng.normal(0, NOISE, (FRAMES, STARS))
    deviation[:, 7] += 1.5 * NOISE * np.sin(np.arange(FRAMES) / 40)
    assert np.flatnonzero(find_variables(deviation / NOISE, kinship.mag)).tolist() == [7]


def test_few_frames_tell_no_variable(rng, kinship):
    wild = rng.normal(0, NOISE, (5, STARS))
    wild[:, 3] *= 100
    assert not find_variables(wild / NOISE, kinship.mag).any()


def test_no_star_compares_itself_and_barred_ones_none(kinship):
    barred = np.zeros(STARS, bool)
    barred[[2, 9]] = True
    weights = choose_comparisons(np.full(STARS, NOISE), np.full(STARS, NOISE), ~barred, kinship)
    assert np.all(np.diag(weights) == 0)
    assert np.all(weights[:, barred] == 0)
    assert np.all(weights[barred].sum(axis=1) > 0)


def test_quieter_stars_count_by_the_inverse_square(kinship):
    """With stars all alike nothing else matters."""
    same = Kinship(*(np.zeros(STARS) for _ in range(4)), np.zeros(STARS, bool))
    sigma = np.where(np.arange(STARS) % 2, NOISE, 2 * NOISE)
    weights = choose_comparisons(sigma, sigma, np.ones(STARS, bool), same)
    assert weights[0, 1] / weights[0, 2] == pytest.approx(4, rel=1e-5)


@pytest.mark.parametrize("name", ["mag", "colour", "x"])
def test_like_stars_count_more(kinship, name):
    base = Kinship(*(np.zeros(STARS) for _ in range(4)), np.zeros(STARS, bool))
    values = np.zeros(STARS)
    values[60:] = 800.0 if name == "x" else 2.0
    weights = choose_comparisons(
        *(np.full(STARS, NOISE),) * 2, np.ones(STARS, bool), dataclasses.replace(base, **{name: values})
    )
    assert weights[0, 1] > 5 * weights[0, 100]
    assert weights[100, 101] > 5 * weights[100, 1]


def test_stars_of_unknown_colour_are_like_any(kinship):
    base = Kinship(*(np.zeros(STARS) for _ in range(4)), np.zeros(STARS, bool))
    colour = np.full(STARS, np.nan)
    weights = choose_comparisons(
        *(np.full(STARS, NOISE),) * 2, np.ones(STARS, bool), dataclasses.replace(base, colour=colour)
    )
    assert weights[0, 1] == weights[0, 100] > 0


def test_neighbours_take_out_what_differs_over_the_chip(rng):
    """A cloud that covers one side of the chip at a time, seen by many stars."""
    stars = 600
    x, y = rng.uniform(0, 1000, (2, stars))
    field = Kinship(rng.uniform(10, 11, stars), np.full(stars, np.nan), x, y, np.zeros(stars, bool))
    slope = 0.03 * np.sin(np.arange(FRAMES) / 20)[:, None] * (x / 500 - 1)
    flux = 1e5 * (1 + slope) * (1 + rng.normal(0, NOISE, (FRAMES, stars)))
    curves = relate(Counts(flux, NOISE * flux, np.isfinite(flux)), field, np.zeros(FRAMES))
    alone = np.std(flux / np.mean(flux, axis=1)[:, None], axis=0)
    assert np.median(curves.rms) < 0.6 * np.median(alone)


def test_frames_without_a_count_are_nan_and_the_others_stay(rng, kinship):
    counts = count(rng, kinship)
    flux = counts.flux.copy()
    flux[3, 10] = np.nan
    flux[50] = np.nan
    curves = relate(Counts(flux, counts.fluxerr, np.isfinite(flux)), kinship, np.zeros(FRAMES))
    assert np.flatnonzero(np.isnan(curves.flux[:, 10])).tolist() == [3, 50]
    assert np.flatnonzero(np.isnan(curves.error[:, 10])).tolist() == [3, 50]
    assert np.isnan(curves.factor[50])


def test_wild_counts_of_comparison_stars_do_not_reach_the_others(rng, kinship):
    counts = count(rng, kinship)
    flux = counts.flux.copy()
    flux[20, 1:30] *= 3  # a satellite over part of the stars
    curves = relate(Counts(flux, counts.fluxerr, np.isfinite(flux)), kinship, np.zeros(FRAMES))
    np.testing.assert_allclose(curves.flux[20, 30:], 1, atol=6 * NOISE)


def test_distrusted_counts_are_not_compared_with(rng, kinship):
    counts = count(rng, kinship)
    flux, trusted = counts.flux.copy(), counts.trusted.copy()
    flux[:, 4] *= 1 + 0.01 * np.arange(FRAMES)
    trusted[:, 4] = False
    curves = relate(Counts(flux, counts.fluxerr, trusted), kinship, np.zeros(FRAMES))
    assert curves.rms[np.arange(STARS) != 4].max() < 1.3 * NOISE
    assert curves.flux[-1, 4] / curves.flux[0, 4] == pytest.approx(1 + 0.01 * (FRAMES - 1), rel=0.05)


def test_star_without_any_comparison_is_nan(rng):
    field = Kinship(*(np.zeros(1) for _ in range(4)), np.zeros(1, bool))
    flux = 1000 + rng.normal(0, 1, (FRAMES, 1))
    curves = relate(Counts(flux, np.ones_like(flux), np.isfinite(flux)), field, np.zeros(FRAMES))
    assert np.isnan(curves.flux).all()
    assert curves.comparisons[0] == 0


def test_star_never_seen_stays_nan(rng, kinship):
    counts = count(rng, kinship)
    flux = counts.flux.copy()
    flux[:, 8] = np.nan
    curves = relate(Counts(flux, counts.fluxerr, np.isfinite(flux)), kinship, np.zeros(FRAMES))
    assert np.isnan(curves.flux[:, 8]).all()
    assert np.isfinite(np.delete(curves.flux, 8, axis=1)).all()


def test_best_aperture_is_that_of_the_least_scatter(rng, kinship):
    noise = np.where(np.arange(STARS) < 50, 0.5, 2.0) * NOISE
    curves = [relate(count(rng, kinship, noise=n), kinship, np.zeros(FRAMES)) for n in (NOISE, noise)]
    best, index = choose_best(curves, kinship.mag)
    assert index.tolist() == [1] * 50 + [0] * 70
    np.testing.assert_array_equal(best.flux[:, :50], curves[1].flux[:, :50])
    np.testing.assert_array_equal(best.error[:, 50:], curves[0].error[:, 50:])


def test_best_aperture_of_few_frames_is_not_that_of_luck(rng, kinship):
    noises = NOISE * np.array([1.0, 1.3, 1.6, 1.9])
    apertures = [relate(count(rng, kinship, noise=n, frames=8), kinship, np.zeros(8)) for n in noises]
    best, _ = choose_best(apertures, kinship.mag)
    ratio = np.median(best.rms / best.predicted) / usual_scatter(7)
    assert ratio == pytest.approx(1, abs=0.1)


def test_an_aperture_that_drifts_slowly_is_not_the_best(rng, kinship):
    """From frame to frame it is the quieter one, over an hour it is not."""
    slow = np.sin(np.linspace(0, 25, FRAMES)[:, None] + rng.uniform(0, 2 * np.pi, STARS))
    drifting = count(rng, kinship, signal=1 + NOISE * slow, noise=0.5 * NOISE)
    steady, restless = (relate(one, kinship, np.zeros(FRAMES)) for one in (count(rng, kinship), drifting))
    assert np.median(restless.rms) < np.median(steady.rms)
    index = choose_best([steady, restless], kinship.mag)[1]
    assert np.mean(index == 0) > 0.9


def test_scatter_leaves_out_wild_points(rng):
    values = rng.normal(1, NOISE, (1000, 2))
    expected = np.std(values, axis=0, ddof=1)
    values[5, 0] = 3
    np.testing.assert_allclose(scatter(values), expected, rtol=0.02)


def test_scatter_of_a_short_series(rng):
    assert np.isnan(scatter(np.array([[1.0, np.nan], [np.nan, np.nan]]))).all()


def test_barred_stars_are_told_what_their_like_show_and_tell_nothing():
    values = np.array([1.0] * 20 + [9.0] * 30 + [np.nan])
    barred = values == 9
    told = of_like(values, np.linspace(10, 11, values.size), barred)
    assert told[:-1].tolist() == [1.0] * 50 and np.isnan(told[-1])


@pytest.mark.parametrize(("stars", "told"), [(150, 1.0), (400, 5.0)])
def test_few_bright_stars_are_judged_by_bright_ones(stars, told):
    """The like of a star are a tenth of all, 15 of 150 and 40 of 400, where a hundred would be most of them."""
    mag = np.linspace(9, 15, stars)
    like = of_like(np.where(mag < mag[16], 1.0, 5.0), mag)
    assert like[:8].tolist() == [told] * 8 and like[-100:].tolist() == [5.0] * 100


@pytest.mark.parametrize(("frames", "known"), [(15, False), (16, True)])
def test_slow_noise_is_told_by_16_frames(frames, known):
    slow = np.repeat([1.0, -1.0], 8)[:frames, None] + 0.1 * np.arange(frames)[:, None]
    assert (redness(slow)[0] > 1.5) == known
    assert known or redness(slow)[0] == 1


def test_counts_that_are_all_alike_are_usual_and_do_not_scatter():
    assert scatter(np.ones((10, 2))).tolist() == [0, 0]
