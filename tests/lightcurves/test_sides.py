"""Curves over a turn of the sky: steps of the chip go, what stars do of themselves stays."""

import numpy as np
import pytest

from ngcmos.lightcurves.ensemble import Counts, Kinship, relate
from ngcmos.lightcurves.sides import level_sides

FRAMES, STARS, TURN = 300, 150, 140
NOISE = np.geomspace(0.002, 0.02, STARS)  # a frame
TIME = 2460000.5 + np.arange(FRAMES) * 20 / 86400 + np.where(np.arange(FRAMES) >= TURN, 300, 0) / 86400
SIDES = (np.arange(FRAMES) >= TURN).astype(int)


@pytest.fixture
def rng():
    return np.random.default_rng(6)


def count(rng, *, steps=0.0, signal=1.0):
    """Counts through changing air; `steps` and `signal` of the stars."""
    air = 1 + 0.1 * np.sin(np.arange(FRAMES) / 40)[:, None]
    true = 1e5 * air * signal * (1 + np.asarray(steps) * SIDES[:, None]) * np.ones((FRAMES, STARS))
    flux = true * (1 + rng.normal(0, NOISE, true.shape))
    return Counts(flux.astype(np.float32), (true * NOISE).astype(np.float32), np.ones(flux.shape, bool))


def step_of(flux):
    """(stars,) mean of the half hour after the turn over that before, less 1."""
    near = np.abs(TIME - TIME[TURN]) < 0.5 / 24
    before, after = (np.mean(flux[near & (side == SIDES)], axis=0) for side in (0, 1))
    return after / before - 1


def curve_of(counts):
    kinship = Kinship(*(np.zeros(STARS) for _ in range(4)), np.zeros(STARS, bool))
    return relate(counts, kinship, np.zeros(FRAMES)).flux


def test_a_night_of_one_side_stays_as_it_is(rng):
    counts = count(rng)
    assert level_sides(counts, np.zeros(FRAMES, int), TIME) is counts


def test_steps_of_the_chip_go_to_within_their_errors(rng):
    steps = rng.normal(0, 0.02, STARS)
    counts = count(rng, steps=steps)
    expected = NOISE * np.sqrt(1 / 90 + 1 / 90)
    assert np.std(step_of(curve_of(counts))[:50] / expected[:50]) > 10
    left = step_of(curve_of(level_sides(counts, SIDES, TIME)))
    assert np.std(left / expected) < 1.2
    assert np.abs(left / expected).max() < 5


@pytest.mark.parametrize(("frames", "share"), [(2, 0.0), (3, 0.5)])
def test_three_frames_after_a_turn_tell_a_step(rng, frames, share):
    """All three must be usual, which those of some stars are not."""
    counts, some = count(rng, steps=rng.normal(0, 0.1, STARS)), slice(TURN + frames)
    short = Counts(*(getattr(counts, name)[some] for name in ("flux", "fluxerr", "trusted")))
    changed = (level_sides(short, SIDES[some], TIME[some]).flux != short.flux).any(axis=0)
    assert share <= changed.mean() <= 2 * share


def test_a_good_flat_leaves_all_as_it_is(rng):
    counts = count(rng)
    assert np.array_equal(level_sides(counts, SIDES, TIME).flux, counts.flux)


@pytest.mark.parametrize("chip", [0.0, 0.02])
def test_what_a_star_does_in_hours_stays(rng, chip):
    """A transit of two per cent on one side, and a star that fades all night by ten."""
    signal = np.ones((FRAMES, STARS))
    signal[30:90, 10] = 0.98
    signal[:, 20] = np.interp(TIME, TIME[[0, -1]], [1.05, 0.95])
    flux = curve_of(level_sides(count(rng, steps=rng.normal(0, chip, STARS), signal=signal), SIDES, TIME))
    out = np.r_[0:30, 90:FRAMES]
    assert np.mean(flux[30:90, 10]) / np.mean(flux[out, 10]) == pytest.approx(0.98, abs=0.002)
    ratio = flux[:, 20] / signal[:, 20]
    assert np.mean(ratio[:TURN]) / np.mean(ratio[TURN:]) == pytest.approx(1, abs=0.004)


def test_back_on_the_first_side_the_step_is_gone(rng):
    steps = rng.normal(0, 0.02, STARS)
    sides = np.where((np.arange(FRAMES) >= TURN) & (np.arange(FRAMES) < 220), 1, 0)
    counts = count(rng)
    counts = Counts(counts.flux * (1 + steps * sides[:, None]), counts.fluxerr, counts.trusted)
    flux = curve_of(level_sides(counts, sides, TIME))
    means = [np.mean(flux[part], axis=0) for part in (slice(0, TURN), slice(TURN, 220), slice(220, FRAMES))]
    for mean in means[1:]:
        assert np.std((mean / means[0] - 1) / NOISE) < 0.25


def test_a_side_of_too_few_frames_is_left_alone(rng):
    sides = (np.arange(FRAMES) >= FRAMES - 2).astype(int)
    counts = count(rng, steps=0.0)
    assert np.array_equal(level_sides(counts, sides, TIME).flux, counts.flux)
