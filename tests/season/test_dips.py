"""Transits planted into noise come back; what many stars do at once does not."""

import numpy as np
import pytest
from season.made_curves import FIRST, made_binned, single, train

from ngcmos.season.dips import find_single, find_train
from ngcmos.season.noise import fit_box, make_curves


def curves_of(season):
    return make_curves(season.time, season.night, season.flux - 1, season.error)


def found_in(season, find=find_train, star=0):
    curves = curves_of(season)
    return find(curves.of_stars(np.array([star])), curves.of_stars(np.arange(1, curves.residual.shape[1])))


@pytest.fixture
def rng():
    return np.random.default_rng(41)


@pytest.mark.parametrize(("period", "depth"), [(0.83, 0.006), (1.37, 0.008), (2.61, 0.012), (4.02, 0.02)])
def test_train_of_dips_is_found(rng, period, depth):
    middle = FIRST + 0.2
    dip = found_in(made_binned(rng, [train(period, middle, depth, 2.5)]))
    assert dip.period_d == pytest.approx(period, rel=0.003)
    assert dip.depth == pytest.approx(depth, rel=0.2)
    assert dip.duration_h == pytest.approx(2.3, abs=0.6)
    turns = (dip.t0_bjd - middle) / period
    assert abs(turns - round(turns)) * period * 24 < 0.5
    assert dip.snr > 8 and dip.seen >= 3


def test_dips_keep_their_depth_where_nights_scatter(rng):
    season = made_binned(rng, [train(1.37, FIRST + 0.2, 0.012, 2.5)], of_nights=0.002)
    assert found_in(season).depth == pytest.approx(0.012, rel=0.2)


def test_noise_has_no_sure_dip(rng):
    season = made_binned(rng, stars=40, of_nights=0.001)
    curves = curves_of(season)
    every = np.arange(40)
    snr = [
        find_train(curves.of_stars(every[[star]]), curves.of_stars(every[every != star])).snr for star in range(20)
    ]
    assert max(snr) < 6.5


def test_eclipses_of_two_depths_have_the_period_of_both(rng):
    period, middle = 1.21, FIRST + 0.15
    deep, shallow = train(period, middle, 0.1, 3), train(period, middle + period / 2, 0.04, 3)
    dip = found_in(made_binned(rng, [lambda time: deep(time) * shallow(time)]))
    assert dip.period_d == pytest.approx(period, rel=0.003) and dip.depth == pytest.approx(0.1, rel=0.1)


def test_single_dip_is_no_train_but_is_found(rng):
    season = made_binned(rng, [single(FIRST + 7.2, 0.02, 3)])
    assert found_in(season).snr < 6.5
    dip = found_in(season, find_single)
    assert dip.t0_bjd == pytest.approx(FIRST + 7.2, abs=0.03) and np.isnan(dip.period_d)
    assert dip.depth == pytest.approx(0.02, rel=0.2) and dip.snr > 8 and dip.seen == 1


def test_dip_that_all_stars_show_is_none(rng):
    """At the same hour of every night: the air, not a planet."""
    everywhere = [train(1.0, FIRST + 0.2, 0.008, 2.5)] * 60
    assert found_in(made_binned(rng, everywhere)).snr < 3
    assert found_in(made_binned(rng, everywhere[:1])).snr > 8


def test_night_that_is_dim_in_all_stars_is_no_dip(rng):
    clouds = [single(FIRST + 5.15, 0.03, 3)] * 60
    assert found_in(made_binned(rng, clouds), find_single).snr < 3


def test_errors_of_depths_are_true(rng):
    season = made_binned(rng, stars=400, of_nights=0.002)
    inside = train(1.37, FIRST + 0.2, 1.0, 2.5)(season.time) < 0.5
    depth, information = fit_box(curves_of(season), inside)
    assert np.std(depth * np.sqrt(information)) == pytest.approx(1, abs=0.15)


def test_box_without_points_has_no_depth(rng):
    season = made_binned(rng, stars=3)
    depth, information = fit_box(curves_of(season), np.zeros(season.time.size, bool))
    assert not depth.any() and not information.any()


def test_red_noise_widens_the_errors(rng):
    season = made_binned(rng, stars=50)
    quiet, red = curves_of(season), season.flux - 1
    red = red + 0.003 * np.sin(season.time * 50)[:, None] * rng.normal(1, 0.3, 50)
    assert (make_curves(season.time, season.night, red, season.error).weight < quiet.weight).mean() > 0.9
