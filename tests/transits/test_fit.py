import dataclasses
import functools

import numpy as np
import pytest
from made_transits import BJD0, LIMB, made_curve

from ngcmos.transits.curve import Curve, join_nights
from ngcmos.transits.ephemeris import Ephemeris, Expected, expect
from ngcmos.transits.fit import depth_in, fit_transit, undiluted
from ngcmos.transits.shape import Limb

STAR = Limb(*LIMB)


@functools.cache
def plain_fit(seed, **options):
    """Fit of a made curve without an ephemeris; several tests ask for the same."""
    return fit_transit(made_curve(seed, **options)[0], limb=STAR)


@functools.cache
def half_fit(part):
    """(fit, truth) of half a transit that is expected; two tests ask for the ingress."""
    curve, truth = made_curve(4, part=part, depth=0.015, scatter=0.001)
    return fit_transit(curve, limb=STAR, expected=known(truth)), truth


def pulls(curves, **options):
    """(transits, 2) array: depth and mid-time off the true ones in errors."""
    found = []
    for curve, truth in curves:
        fit = fit_transit(curve, limb=STAR, **options)
        found.append([(fit.depth - truth.depth) / fit.depth_err, (fit.mid_bjd - truth.mid_bjd) / fit.mid_err_d])
    return np.array(found)


def test_errors_of_whole_transits_are_honest():
    """A few of those whose pulls stand in docs/precision.md."""
    found = pulls(made_curve(seed, ratio=0.2) for seed in range(3))
    assert np.abs(found).max() < 3 and np.all(found.std(axis=0) > 0.05)


@pytest.mark.parametrize("part", ["ingress", "egress"])
def test_half_a_transit_has_large_errors_and_honest_ones(part):
    fit, truth = half_fit(part)
    assert abs(fit.mid_bjd - truth.mid_bjd) < 3 * fit.mid_err_d
    assert abs(fit.depth - truth.depth) < 3 * fit.depth_err
    assert fit.mid_err_d > 1.5 * plain_fit(4, depth=0.015, scatter=0.001).mid_err_d


def turned_round(curve):
    """The night from its end to its beginning."""
    first_and_last = curve.bjd_tdb[0] + curve.bjd_tdb[-1]
    backwards = [values[::-1] for values in curve.columns]
    return dataclasses.replace(Curve(*backwards, curve.night), bjd_tdb=first_and_last - backwards[0])


def test_an_egress_is_an_ingress_turned_round():
    """Depth and errors hang on no direction of time, nor on where a coarse grid begins: trends are weighed by what
    fits best with each."""
    seed = 40003
    random = np.random.default_rng([17, seed])
    curve, truth = made_curve(seed, part="ingress", ratio=random.uniform(0, 0.4))
    mid, duration_d = truth.mid_bjd + 0.003 * random.standard_normal(), truth.duration_d
    duration_d *= 1 + 0.05 * random.standard_normal()
    expected = Expected(mid, 0.003, duration_d, 0.05 * truth.duration_d, 3.0, True)
    mirrored = dataclasses.replace(expected, mid_bjd=curve.bjd_tdb[0] + curve.bjd_tdb[-1] - mid)
    fit = fit_transit(curve, limb=STAR, expected=expected)
    other = fit_transit(turned_round(curve), limb=STAR, expected=mirrored)
    assert other.depth == pytest.approx(fit.depth, abs=0.1 * fit.depth_err)
    assert other.depth_err == pytest.approx(fit.depth_err, rel=0.1)
    assert other.mid_err_d == pytest.approx(fit.mid_err_d, rel=0.1)


def known(truth):
    return Expected(truth.mid_bjd + 0.002, 0.003, truth.duration_d, 0.05 * truth.duration_d, 3.0, True)


def test_a_transit_is_there_and_none_is_not():
    assert plain_fit(8, depth=0.01).is_transit
    flat = [plain_fit(seed, part="none", ratio=0.3) for seed in (1, 2)]
    assert not any(fit.is_transit for fit in flat)


def test_the_limit_is_where_transits_begin_to_be_found():
    limit = plain_fit(2, part="none", ratio=0.3).depth_limit
    found = [plain_fit(2, depth=depth, ratio=0.3).is_transit for depth in (limit / 4, 2.5 * limit)]
    assert found == [False, True]


def test_red_noise_makes_the_errors_larger():
    white, red = plain_fit(8, depth=0.01), plain_fit(8, depth=0.01, ratio=1.0)
    assert red.depth_err > 2 * white.depth_err and red.beta > white.beta


def test_observed_minus_expected():
    curve, truth = made_curve(1, depth=0.01)
    expected = Expected(truth.mid_bjd - 0.01, 0.004, truth.duration_d, float("nan"), 3.0, True)
    fit = fit_transit(curve, limb=STAR, expected=expected)
    assert fit.oc_d == pytest.approx(0.01, abs=4 * fit.mid_err_d)
    assert fit.oc_err_d == pytest.approx(np.hypot(fit.mid_err_d, 0.004))


def test_trend_in_airmass_is_chosen_where_there_is_one():
    curve, truth = made_curve(1, depth=0.01)
    flux = curve.flux + 0.05 * (curve.airmass - 1.1)
    fit = fit_transit(dataclasses.replace(curve, flux=flux), limb=STAR)
    assert "airmass" in fit.trend or "square" in fit.trend
    assert abs(fit.depth - truth.depth) < 3 * fit.depth_err


def test_two_halves_in_two_nights_make_a_transit():
    alone, truth = half_fit("ingress")
    period = 1.9
    later = truth.mid_bjd + period - BJD0
    time = later + np.linspace(-0.01, 0.2, 100)
    many = np.full(100, 1e-3)
    from made_transits import transit_loss

    random = np.random.default_rng([13, 4])
    shape = random.uniform(1.0, 3.0) / 24, random.uniform(0, 0.85)
    flux = 1 - transit_loss(time - later, *shape, np.sqrt(0.015)) + 1e-3 * random.standard_normal(100)
    second = Curve(time + BJD0, flux, many, 1.2 + many, 1e5 * many, np.zeros(100, int))
    both = join_nights([alone.curve, second])
    expected = expect(Ephemeris(period, truth.mid_bjd), both.bjd_tdb)
    fit = fit_transit(both, limb=STAR, expected=expected)
    assert fit.mid_err_d < alone.mid_err_d
    assert fit.is_transit and abs(fit.depth - truth.depth) < 3 * fit.depth_err


def test_wild_points_are_left_out():
    curve, truth = made_curve(1, depth=0.01)
    flux = curve.flux.copy()
    flux[[10, 60]] += 0.05
    fit = fit_transit(dataclasses.replace(curve, flux=flux), limb=STAR)
    assert len(fit.curve) == len(curve) - 2
    assert abs(fit.depth - truth.depth) < 3 * fit.depth_err


def test_dip_of_a_neighbour_is_measured_at_the_same_time():
    curve, _ = made_curve(8, depth=0.01)
    fit = plain_fit(8, depth=0.01)
    deeper = dataclasses.replace(curve, flux=1 - 20 * (1 - curve.flux))
    assert depth_in(deeper, fit, STAR)[0] == pytest.approx(20 * fit.depth, rel=0.15)
    flat, _ = made_curve(9, part="none")
    depth, error = depth_in(flat, fit, STAR)
    assert abs(depth) < 4 * error


def test_light_of_neighbours_is_taken_off():
    fit = plain_fit(8, depth=0.01)
    assert undiluted(fit, 0.25).depth == pytest.approx(1.25 * fit.depth)
    assert undiluted(fit, 0.25).radius_ratio == pytest.approx(np.sqrt(1.25) * fit.radius_ratio)


def test_too_few_points_are_refused():
    curve, _ = made_curve(1)
    with pytest.raises(ValueError, match="expected 12"):
        fit_transit(curve.at(slice(0, 11)), limb=STAR)
