"""Scatter against the length of bins, of noise whose colour is known."""

import numpy as np
import pytest

from ngcmos.lightcurves.timescale import frames_of_bins, scatter_by_length, typical

CADENCE_D = 15.0 / 86400
WHITE = 0.01


def curves(red, *, frames=1440, stars=60, seed=3):
    """(flux, error, time): white noise, and an offset for each 100 min that is `red` (rms) from star to star."""
    rng = np.random.default_rng(seed)
    time = 2460496.5 + CADENCE_D * np.arange(frames)
    slow = np.repeat(rng.normal(0, red, (frames // 400 + 1, stars)), 400, axis=0)[:frames]
    return 1 + rng.normal(0, WHITE, (frames, stars)) + slow, np.full((frames, stars), WHITE), time


def all_of(lengths):
    return np.ones(lengths.rms.shape[1], bool)


def test_white_noise_falls_by_the_root_of_the_length():
    lengths = scatter_by_length(*curves(0.0))
    curve = typical(lengths, all_of(lengths))
    assert (lengths.minutes[0], lengths.minutes[-1]) == pytest.approx((0.25, 60), rel=0.01)
    assert curve.slope == pytest.approx(-0.5, abs=0.02)
    assert curve.rms[0] == pytest.approx(WHITE, rel=0.01)
    np.testing.assert_allclose(curve.rms, WHITE / np.sqrt(lengths.points), rtol=0.08)
    assert curve.floor < 2 * max(curve.floor_error, 1e-4)


def test_red_noise_leaves_the_planted_floor():
    lengths = scatter_by_length(*curves(0.002, frames=11520))
    curve = typical(lengths, all_of(lengths))
    assert curve.floor == pytest.approx(0.002, rel=0.1)
    assert curve.rms[-1] == pytest.approx(np.hypot(0.002, WHITE / np.sqrt(240)), rel=0.12)
    assert curve.white[-1] == pytest.approx(np.hypot(WHITE, 0.002) / np.sqrt(240), rel=0.05)


def test_floor_and_its_error_grow_with_the_noise():
    flux, error, time = curves(0.002, stars=20)
    one, four = (
        typical(lengths, all_of(lengths))
        for lengths in (scatter_by_length(1 + k * (flux - 1), k * error, time) for k in (1, 4))
    )
    assert one.floor > 0 and four.floor == pytest.approx(4 * one.floor, rel=1e-6)
    assert four.floor_error == pytest.approx(4 * one.floor_error, rel=1e-6)


def test_wild_points_and_stars_without_counts_do_no_harm():
    flux, error, time = curves(0.0)
    flux[100] = 5.0
    flux[:, 7] = np.nan
    lengths = scatter_by_length(flux, error, time)
    assert np.isnan(lengths.rms[:, 7]).all()
    assert typical(lengths, all_of(lengths)).slope == pytest.approx(-0.5, abs=0.02)


def test_too_few_frames_say_nothing_of_slopes():
    flux, error, time = curves(0.0, frames=6)
    lengths = scatter_by_length(flux, error, time)
    assert lengths.minutes.size == 1
    curve = typical(lengths, all_of(lengths))
    assert np.isnan(curve.slope) and np.isnan(curve.floor)


def test_lengths_end_with_an_hour_or_with_the_night():
    assert frames_of_bins(0.25, 10_000)[-1] == 240
    assert frames_of_bins(0.25, 100)[-1] == 20
    assert frames_of_bins(90.0, 100) == [1]
