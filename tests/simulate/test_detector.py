"""Light on pixels, and electrons made counts."""

import dataclasses

import numpy as np
import pytest
from scipy.integrate import dblquad

from ngcmos.simulate.detector import BIAS_ADU, Chip, expose, make_chip, render_stars


@pytest.fixture(scope="module")
def detector(camera):
    return dataclasses.replace(camera.detector, rows=300, columns=400)


def plain_chip(detector, *, dark=0.0, step=np.inf):
    ones = np.ones(detector.shape, dtype=np.float32)
    return Chip(detector, BIAS_ADU * ones, np.float32(dark) * ones, ones, np.float32(step) * ones)


def test_all_light_of_a_star_is_on_the_chip():
    image = render_stars((40, 50), np.array([20.3]), np.array([15.8]), np.array([1e5]), fwhm_px=2.0)
    assert image.sum(dtype=float) == pytest.approx(1e5, rel=1e-5)


def test_faint_star_loses_little_light():
    image = render_stars((40, 50), np.array([20.3]), np.array([15.8]), np.array([1e3]), fwhm_px=2.0)
    assert image.sum(dtype=float) == pytest.approx(1e3, rel=2e-5)


@pytest.mark.parametrize(("dx", "dy"), [(0, 0), (1, 0), (0, -1), (2, 1)])
def test_pixels_hold_the_integral_of_a_gaussian(dx, dy):
    x, y, sigma = 20.3, 15.8, 2.0 / 2.3548200450309493
    image = render_stars((40, 50), np.array([x]), np.array([y]), np.array([1.0e5]), fwhm_px=2.0)
    column, row = 20 + dx, 16 + dy
    expected, _ = dblquad(
        lambda v, w: np.exp(-((w - x) ** 2 + (v - y) ** 2) / (2 * sigma**2)) / (2 * np.pi * sigma**2),
        column - 0.5,
        column + 0.5,
        row - 0.5,
        row + 0.5,
    )
    assert image[row, column] == pytest.approx(1e5 * expected, rel=1e-5)


def test_star_off_the_edge_leaves_its_wing():
    image = render_stars((40, 50), np.array([-0.5]), np.array([20.0]), np.array([1e5]), fwhm_px=2.0)
    assert image.sum(dtype=float) == pytest.approx(5e4, rel=1e-4)
    assert image[:, -5:].sum() == 0


def test_star_far_off_leaves_nothing():
    image = render_stars(
        (40, 50), np.array([-80.0, 25, 1e9]), np.array([20.0, 70, 5]), np.full(3, 1e5), fwhm_px=2.0
    )
    assert not image.any()


def test_stars_on_one_another_add_up():
    places = np.array([20.0, 20.0, 21.0])
    image = render_stars((40, 50), places, places, np.array([1e4, 2e4, 3e4]), fwhm_px=2.0)
    assert image.sum(dtype=float) == pytest.approx(6e4, rel=1e-5)


@pytest.mark.parametrize("light", [0.0, 20.0, 250.0, 1500.0])
def test_counts_have_mean_and_scatter_of_poisson_and_read_noise(detector, light):
    counts = expose(plain_chip(detector), np.float32(light), 10.0, np.random.default_rng(1)).astype(float)
    gain = detector.gain_e_adu
    expected = np.sqrt((light + detector.read_noise_e**2) / gain**2 + 1 / 12)
    assert counts.mean() == pytest.approx(BIAS_ADU + light / gain, abs=5 * expected / np.sqrt(counts.size))
    assert counts.std() == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("light", [20.0, 250.0, 1500.0])
def test_counts_are_as_skew_as_poisson_numbers(detector, light):
    """Third central moment: that of the electrons, their mean, as read noise has none."""
    large = dataclasses.replace(detector, rows=2000, columns=2000)
    counts = expose(plain_chip(large), np.float32(light), 10.0, np.random.default_rng(1)).astype(float)
    electrons = (counts - counts.mean()) * detector.gain_e_adu
    error = np.sqrt(15 * electrons.var() ** 3 / counts.size)
    assert np.mean(electrons**3) == pytest.approx(light, abs=4 * error)
    assert 4 * error < 0.6 * light


def test_few_electrons_come_in_poisson_numbers(detector):
    quiet = dataclasses.replace(detector, read_noise_e=0.0, gain_e_adu=1.0)
    counts = expose(plain_chip(quiet), np.float32(3.0), 1.0, np.random.default_rng(2)) - 100.0
    assert (counts == 0).mean() == pytest.approx(np.exp(-3), abs=0.004)


def test_dark_current_grows_with_time(detector):
    chip = plain_chip(detector, dark=1.6)
    means = [expose(chip, np.float32(0), time, np.random.default_rng(1)).mean() for time in (10.0, 100.0)]
    assert (means[1] - means[0]) * detector.gain_e_adu == pytest.approx(144, rel=0.005)


def test_no_count_is_above_saturation(detector):
    low = dataclasses.replace(detector, saturation_adu=4095)
    assert (expose(plain_chip(low), np.float32(1e6), 1.0, np.random.default_rng(1)) == 4095).all()


def test_counts_are_unsigned_16_bit(detector):
    assert expose(plain_chip(detector), np.float32(0), 1.0, np.random.default_rng(1)).dtype == np.uint16


def test_beyond_the_gain_step_there_is_more_noise(detector):
    light = np.float32(4000.0)
    scatter = [
        expose(plain_chip(detector, step=step), light, 1.0, np.random.default_rng(1)).std()
        for step in (np.inf, 1700.0)
    ]
    assert (scatter[1] ** 2 - scatter[0] ** 2) * detector.gain_e_adu**2 == pytest.approx(12**2, rel=0.4)


def test_beyond_the_gain_step_the_slope_is_another(detector):
    light = np.float32(40000.0)
    chips = plain_chip(detector), plain_chip(detector, step=1700.0)
    high, low = (expose(chip, light, 1.0, np.random.default_rng(1)).mean() - BIAS_ADU for chip in chips)
    assert low / high == pytest.approx(1.002, abs=2e-4)


def test_gain_step_of_pixels_lies_where_the_profile_says(detector):
    chip = make_chip(detector, np.random.default_rng(1))
    raw = chip.step_adu + BIAS_ADU
    assert np.abs(raw - 1800).max() < 1.8 * 200
    assert np.median(raw) == pytest.approx(1800, abs=2)


def test_a_camera_without_a_gain_step_has_none(detector):
    chip = make_chip(dataclasses.replace(detector, gain_step_adu=0), np.random.default_rng(1))
    assert np.isinf(chip.step_adu).all()


def test_response_has_the_mean_one_and_darker_corners(detector):
    response = make_chip(detector, np.random.default_rng(1)).response
    assert response.mean() == pytest.approx(1, abs=1e-4)
    corner, middle = response[:20, :20].mean(), response[140:160, 190:210].mean()
    assert corner / middle == pytest.approx(0.79, abs=0.03)


def test_some_pixels_are_hot(detector):
    large = dataclasses.replace(detector, rows=1000, columns=1000)
    dark = make_chip(large, np.random.default_rng(1)).dark_e_s
    assert 50 < (dark > 10 * detector.dark_e_s).sum() < 200


def test_bad_edges_see_no_light(detector):
    chip = make_chip(dataclasses.replace(detector, bad_edge_px=(4, 0, 9, 2)), np.random.default_rng(1))
    dark = chip.response == 0
    assert dark[:9].all() and dark[-2:].all() and dark[:, :4].all()
    assert not dark[9:-2, 4:].any()


def test_patterns_are_those_of_the_seed(detector):
    first, same, other = (make_chip(detector, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (first.bias_adu == same.bias_adu).all()
    assert (first.bias_adu != other.bias_adu).any()
