import numpy as np
import pytest
from made_transits import red_noise

from ngcmos.transits.curve import Curve
from ngcmos.transits.red_noise import (
    FEW_COLUMNS,
    Noise,
    Whitener,
    best_fit,
    beta,
    fit_linear,
    likely_noises,
    try_noises,
)


def curve_of(flux, error=1e-3, cadence_d=0.002, nights=1):
    points = len(flux)
    night = np.repeat(np.arange(nights), points // nights)
    time = np.arange(points) * cadence_d + night
    many = np.ones(points)
    return Curve(time, np.asarray(flux, float), error * many, many, 60 * many, night)


def covariance_of(curve, noise):
    lag = np.abs(curve.bjd_tdb[:, None] - curve.bjd_tdb[None, :])
    red = (noise.ratio * np.median(curve.error)) ** 2 * np.exp(-lag / noise.memory_d)
    red[curve.night[:, None] != curve.night[None, :]] = 0
    return red + np.diag(curve.error**2)


def test_whitener_is_the_cholesky_factor_of_the_covariance():
    random = np.random.default_rng(1)
    curve, noise = curve_of(np.ones(60), random.uniform(0.5, 2, 60) * 1e-3, nights=2), Noise(0.8, 0.02)
    covariance = covariance_of(curve, noise)
    columns = random.standard_normal((60, 3))
    whitener = Whitener(curve, noise)
    assert whitener(columns) == pytest.approx(np.linalg.solve(np.linalg.cholesky(covariance), columns))
    assert whitener.log_det == pytest.approx(np.linalg.slogdet(covariance)[1])


def test_a_column_is_whitened_to_the_bit_whatever_stands_beside_it():
    random = np.random.default_rng(6)
    whitener = Whitener(curve_of(np.ones(60), nights=2), Noise(0.8, 0.02))
    columns = random.standard_normal((60, FEW_COLUMNS + 1))
    together = whitener(columns)
    assert np.array_equal(whitener(columns[:, :2]), together[:, :2])
    assert np.array_equal(whitener(columns[:, 0]), together[:, 0])


def test_fit_is_that_of_generalised_least_squares():
    random = np.random.default_rng(2)
    curve, noise = curve_of(random.standard_normal(50)), Noise(0.5, 0.01)
    design = np.stack([np.ones(50), np.linspace(-1, 1, 50)], axis=1)
    inverse = np.linalg.inv(covariance_of(curve, noise))
    normal = design.T @ inverse @ design
    expected = np.linalg.solve(normal, design.T @ inverse @ curve.flux)
    left = curve.flux - design @ expected
    fitted = fit_linear(Whitener(curve, noise), curve.flux, design)
    assert fitted.coefficients == pytest.approx(expected)
    assert fitted.chi2 == pytest.approx(left @ inverse @ left)
    assert fitted.log_det_design == pytest.approx(np.linalg.slogdet(normal)[1])


def test_the_noise_that_was_put_in_is_the_likely_one():
    random = np.random.default_rng(3)
    flux = 1 + 1e-3 * (random.standard_normal(600) + 1.3 * red_noise(random, 600, 20))
    curve = curve_of(flux)
    found = likely_noises(try_noises(curve), curve.flux, np.ones((600, 1)))[0].noise
    assert 0.8 <= found.ratio <= 2.0 and 0.01 < found.memory_d < 0.16  # 20 points are 0.04 d


def test_white_noise_is_told_as_such():
    flux = 1 + 1e-3 * np.random.default_rng(4).standard_normal(600)
    curve = curve_of(flux)
    assert likely_noises(try_noises(curve), curve.flux, np.ones((600, 1)))[0].noise.ratio == 0


def test_a_needless_term_costs_more_than_it_gains():
    random = np.random.default_rng(5)
    curve = curve_of(1 + 1e-3 * random.standard_normal(200))
    plain, more = np.ones((200, 1)), np.stack([np.ones(200), random.standard_normal(200)], axis=1)
    whiteners = try_noises(curve)
    assert best_fit(whiteners, curve.flux, plain).bic < best_fit(whiteners, curve.flux, more).bic


def test_beta_of_white_noise_is_one():
    residual = np.random.default_rng(6).standard_normal(5000)
    assert beta(residual, np.arange(5000) / 1440) == pytest.approx(1.0, abs=0.05)


def test_beta_of_red_noise_is_that_of_its_sums():
    random = np.random.default_rng(7)
    series = red_noise(random, 40000, 10)
    times = np.arange(40000) / 1440
    expected = []
    for length in range(10, 31):
        lag = np.arange(1, length)
        sums = 1 + 2 * ((1 - lag / length) * np.exp(-lag / 10)).sum()
        expected.append(np.sqrt(sums))
    assert beta(series, times) == pytest.approx(np.mean(expected), rel=0.05)


def test_beta_of_a_few_points_is_one():
    assert beta(np.array([1.0, -1.0, 2.0]), np.array([0.0, 0.1, 0.2])) == 1.0
