"""Detectors that are known, measured back from frames of theirs within the errors that are promised."""

import dataclasses
import functools

import numpy as np
import pytest

from ngcmos.calibration.transfer import (
    GainStep,
    Measure,
    dark_of,
    gain_change_of,
    gain_of,
    nonlinearity_of,
    read_noise_of,
    saturation_of,
    slope_of,
    step_of,
    transfer_of,
)

SHAPE = (400, 400)


@dataclasses.dataclass(frozen=True)
class Made:
    """A detector: e/ADU, e, ADU, and what happens above its gain step."""

    gain: float = 1.131
    noise_e: float = 1.56
    bias: float = 100.0
    step: float = np.inf
    slope: float = 1.0
    high_noise_e: float = 0.0
    full: float = 65535
    shape: tuple = SHAPE

    def flat(self, electrons, rng):
        counts = rng.poisson(electrons * response(self.shape)) / self.gain
        high = counts + self.bias > self.step
        counts = np.where(
            high, counts * self.slope + rng.normal(0, self.high_noise_e / self.gain, self.shape), counts
        )
        counts += self.bias + rng.normal(0, self.noise_e / self.gain, self.shape)
        return np.clip(np.rint(counts), 0, self.full).astype(np.uint16)

    def zeros(self, count, rng):
        return [self.flat(0.0, rng) for _ in range(count)]


@functools.cache
def response(shape):
    """Light that comes to each pixel, and what it makes of it."""
    y, x = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    return (1 - 0.1 * (x**2 + y**2)) * np.random.default_rng(3).normal(1, 0.01, shape)


def taken(made, levels, seed=1):
    """(bias frames, their mean, pairs of flats)."""
    rng = np.random.default_rng(seed)
    biases = made.zeros(8, rng)
    pairs = [(made.flat(level, rng), made.flat(0.97 * level, rng)) for level in levels]
    return biases, np.mean(biases, axis=0, dtype=np.float32), pairs


@pytest.mark.parametrize(
    "made", [Made(), Made(gain=0.25, noise_e=3.0), Made(gain=2.5, noise_e=9.0), Made(gain=1.0, noise_e=0.8)]
)
def test_gain_and_read_noise(made):
    biases, bias, pairs = taken(made, [500, 1000, 2000, 4000, 8000])
    noise = read_noise_of(biases)
    gain = gain_of(transfer_of(pairs, bias, made.full), noise, 0.7 * made.full)
    assert gain.value == pytest.approx(made.gain, rel=0.005)
    assert abs(gain.value - made.gain) < 4 * gain.error
    assert noise.value * gain.value == pytest.approx(made.noise_e, rel=0.02)


def test_error_of_the_gain_is_what_it_scatters_by():
    made = Made(shape=(120, 120))
    found = []
    for seed in range(40):
        biases, bias, pairs = taken(made, [1500, 6000], seed)
        found.append(gain_of(transfer_of(pairs, bias, 65535), read_noise_of(biases), 5e4))
    pulls = [(one.value - made.gain) / one.error for one in found]
    assert np.std(pulls) == pytest.approx(1, abs=0.35)  # known to 0.11, three sigma


def test_flickering_pixels_add_no_variance():
    """Seven sigma of a difference of two flats, in one pixel of 800."""
    biases, bias, pairs = taken(Made(), [4000, 8000])
    spoilt = [(first.copy(), second) for first, second in pairs]
    for first, _ in spoilt:
        first.reshape(-1)[::800] += 700
    noise = read_noise_of(biases)
    gain, same = (gain_of(transfer_of(some, bias, 65535), noise, 5e4).value for some in (pairs, spoilt))
    assert same == pytest.approx(gain, rel=0.005)


def test_the_dimmest_flats_tell_from_20_counts_on():
    _, bias, pairs = taken(Made(), [23.0])
    points = transfer_of(pairs, bias, 65535)
    width = (65535 / 20) ** (1 / 160)
    assert 20 < points.signal[0] < 20 * width < points.signal[1] < 20 * width**2


LEVELS = np.geomspace(1650, 2700, 12)
WIDE = (480, 480)


def hdr(slope):
    """An HDR detector whose pixels change their gain here and there around 1800 counts."""
    return Made(shape=WIDE, step=np.random.default_rng(9).normal(1800, 67, WIDE), slope=slope, high_noise_e=12.0)


@pytest.mark.parametrize("counts_more", [1.006, 0.985])
def test_gain_step_and_slope_together(counts_more):
    _, bias, pairs = taken(hdr(counts_more), LEVELS, seed=2)
    step, slope = gain_change_of(pairs, bias, 65535)
    assert abs(step.place.value - 1800) < 2 * step.place.error
    assert step.place.error < 10
    assert step.added == pytest.approx((12.0 / 1.131) ** 2, rel=0.25)
    assert slope.value == pytest.approx(counts_more, abs=0.0025 if counts_more < 1 else 0.001)
    assert slope.error < 0.001


@pytest.mark.slow
def test_gain_step_of_a_larger_chip():
    made = dataclasses.replace(hdr(1.002), shape=(600, 600))
    made = dataclasses.replace(made, step=np.random.default_rng(9).normal(1800, 67, made.shape))
    _, bias, pairs = taken(made, LEVELS, seed=7)
    assert gain_change_of(pairs, bias, 65535)[0].place.value == pytest.approx(1800, abs=10)


@pytest.mark.parametrize("slope", [1.02, 0.985])
def test_slope_of_a_known_step(slope):
    _, bias, pairs = taken(hdr(slope), LEVELS[::3], seed=2)
    step = GainStep(Measure(1800 + 850 * (slope - 1), 1.0), 3 * 67.0, 112.0)
    found = slope_of([flat for pair in pairs for flat in pair], bias, step, 65535)
    assert found.value == pytest.approx(slope, abs=0.001)


@pytest.fixture(scope="module")
def low():
    """Flats around and below the gain step."""
    return taken(hdr(1.002), [600, 900, 1200, 2500], seed=3)


def test_gain_of_the_low_range_is_that_below_the_step(low):
    biases, bias, pairs = low
    points = transfer_of(pairs, bias, 65535)
    assert gain_of(points, read_noise_of(biases), 1500.0).value == pytest.approx(1.131, rel=0.005)


def test_plain_detector_has_no_step():
    _, bias, pairs = taken(Made(), LEVELS)
    assert gain_change_of(pairs, bias, 65535) is None


def test_flats_on_one_side_tell_no_slope(low):
    _, bias, pairs = low
    step = GainStep(Measure(1800.0, 1.0), 100.0, 112.0)
    assert "no flats have counts on both sides" in slope_of(pairs[0], bias, step, 65535).why


def test_dark_current_and_hot_pixels():
    rng = np.random.default_rng(5)
    bias = np.full(SHAPE, 100, np.float32)
    rate = np.full(SHAPE, 1.6)
    rate[3, :40] = 60.0
    darks = [np.rint(rng.poisson(rate * 10) / 1.131 + 100 + rng.normal(0, 1.4, SHAPE)) for _ in range(5)]
    dark, hot = dark_of([one.astype(np.uint16) for one in darks], [10.0] * 5, bias)
    assert dark.value * 1.131 == pytest.approx(1.6, abs=5 * dark.error + 0.01)
    assert hot == 40


@pytest.mark.parametrize(("full", "known"), [(4095, True), (65535, False)])
def test_saturation(full, known):
    made = Made(full=full)
    rng = np.random.default_rng(1)
    found = saturation_of([made.flat(2000, rng), made.flat(9000, rng)])
    assert found.known == known
    assert found.value == 4095 if known else "not reached" in found.why


def test_flats_of_one_value_are_not_saturated():
    found = saturation_of([np.full(SHAPE, 2300, np.uint16)])
    assert not found.known and "one value only" in found.why


def test_response_that_bends():
    bias = np.zeros(SHAPE, np.float32)
    times = [1.0, 2.0, 3.0, 4.0]
    straight = [np.full(SHAPE, round(1000 * time)) for time in times]
    bent = [flat * (1 - 0.02 * time / 4) for flat, time in zip(straight, times, strict=True)]
    assert nonlinearity_of(straight, times, bias, 5e4)[0].value == pytest.approx(0, abs=1e-6)
    assert nonlinearity_of(bent, times, bias, 5e4)[0].value == pytest.approx(0.0075, abs=5e-4)
    unsteady = [flat * factor for flat, factor in zip(straight, (1.0, 0.8, 1.0, 1.2), strict=True)]
    assert "not steady" in nonlinearity_of(unsteady, times, bias, 5e4)[0].why


def test_too_little_says_so():
    assert "expected two or more" in read_noise_of([np.zeros(SHAPE)]).why
    empty = transfer_of([], np.zeros(SHAPE, np.float32), 65535)
    assert "too few flats" in gain_of(empty, read_noise_of([]), 1000.0).why
    assert step_of(empty, 65535) is None
