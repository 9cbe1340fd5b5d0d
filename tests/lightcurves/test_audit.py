"""Scatter against prediction, on noise that is known."""

import numpy as np
import pytest

from ngcmos.config import load_camera
from ngcmos.lightcurves.audit import (
    AuditBin,
    audit,
    bin_curves,
    judge,
    judge_sky,
    scatter_in_bins,
    sky_ratio,
)
from ngcmos.lightcurves.ensemble import Relative
from ngcmos.lightcurves.series import BinLength, assign_bins


def test_means_of_whole_bins():
    flux = np.arange(20.0).reshape(10, 2)
    means, points = bin_curves(flux, np.repeat([0, 1, 2], [4, 4, 2]))
    np.testing.assert_allclose(means[:, 0], [3, 11, 17])
    assert points == pytest.approx(10 / 3)


def test_short_bin_is_left_out():
    means, points = bin_curves(np.ones((9, 1)), np.repeat([0, 1, 2], [4, 4, 1]))
    assert (means.shape, points) == ((2, 1), 4.0)


def test_star_with_half_of_a_bin_missing_has_none():
    flux = np.ones((8, 2))
    flux[:3, 1] = np.nan
    means, _ = bin_curves(flux, np.repeat([0, 1], 4))
    assert np.isnan(means[0, 1])
    np.testing.assert_array_equal(means[:, 0], 1)


@pytest.mark.parametrize("points", [2, 4, 300])
def test_ratio_of_true_noise_is_one_for_any_number_of_points(points):
    rng = np.random.default_rng(points)
    measured = np.std(rng.normal(0, 0.01, (points, 20000)), axis=0, ddof=1)
    (found,) = audit(measured / 0.01, np.full(20000, 12.5), points)
    assert found.ratio == pytest.approx(1, abs=0.02)
    assert (found.low, found.high, found.stars) == (12.0, 13.0, 20000)


def test_too_few_stars_tell_nothing():
    assert audit(np.ones(4), np.full(4, 10.5), 100) == []
    assert audit(np.append(np.ones(4), np.nan), np.full(5, 10.5), 100) == []
    assert [bin.stars for bin in audit(np.ones(5), np.full(5, 10.5), 100)] == [5]


def test_sentence_names_the_magnitudes_that_are_wrong():
    bins = [AuditBin(9.0, 10.0, 8, 1.0), AuditBin(10.0, 11.0, 8, 1.31), AuditBin(11.0, 12.0, 8, 0.85)]
    assert judge(bins) == (
        "measured over predicted scatter is 1.31 at 10-11 mag, 0.85 at 11-12 mag, expected 0.9 to 1.15"
    )


def test_no_sentence_where_all_is_well():
    assert judge([AuditBin(9.0, 10.0, 8, 1.14), AuditBin(10.0, 11.0, 8, 0.91)]) == ""


def test_true_noise_of_few_stars_in_few_frames_is_not_blamed():
    """Six stars in 20 frames: their median alone strays by 8 %, as far as the limit is away."""
    rng = np.random.default_rng(5)
    measured = np.std(rng.normal(0, 1.0, (400, 20, 6)), axis=1, ddof=1)
    blamed = [judge(audit(stars, np.full(6, 11.5), 20)) for stars in measured]
    assert sum(map(bool, blamed)) < 20


@pytest.mark.parametrize("factor", [0.8, 1.3])
def test_wrong_noise_of_many_frames_is_blamed_for_few_stars_too(factor):
    rng = np.random.default_rng(6)
    measured = factor * np.std(rng.normal(0, 1.0, (300, 6)), axis=0, ddof=1)
    assert "at 11-12 mag" in judge(audit(measured, np.full(6, 11.5), 300))


def test_bins_do_not_bridge_gaps():
    time_d = np.concatenate([np.arange(4), 100 + np.arange(4)]) / 1440
    flux = np.r_[np.ones(4), 3 * np.ones(4)][:, None]
    means, _ = bin_curves(flux, assign_bins(time_d, BinLength(minutes=30)))
    np.testing.assert_allclose(means[:, 0], [1, 3])


def sky_of(gain):
    """Sky and its scatter of three frames taken with this gain."""
    detector, sky = load_camera().detector, np.array([150.0, 220.0, 300.0])
    electrons = sky * gain + detector.dark_e_s * 10 + detector.read_noise_e**2
    return sky, np.sqrt(electrons / gain**2 + 1 / 12), np.full(3, 10.0), detector


def test_sky_of_the_profile_scatters_as_predicted():
    assert sky_ratio(*sky_of(load_camera().detector.gain_e_adu)) == pytest.approx(1, abs=1e-3)
    assert judge_sky(1.0) == ""


@pytest.mark.parametrize("factor", [0.8, 1.2])
def test_gain_off_by_20_per_cent_is_said(factor):
    ratio = sky_ratio(*sky_of(factor * load_camera().detector.gain_e_adu))
    assert "one of them is wrong in the profile" in judge_sky(ratio)


def test_sky_of_unknown_scatter_says_nothing():
    sky, _, exptime_s, detector = sky_of(1.1)
    assert judge_sky(sky_ratio(sky, np.full(3, np.nan), exptime_s, detector)) == ""


def test_bins_are_predicted_by_the_light_of_their_own_frames():
    """A third of the frames ten times as sure as the rest, in bins of 5."""
    rng, (frames, stars) = np.random.default_rng(2), (300, 400)
    error = np.where(np.arange(frames) < 100, 0.001, 0.01)[:, None] * np.ones(stars)
    flux = 1 + rng.normal(0, error)
    predicted = np.sqrt(np.mean(error**2, axis=0))
    nothing = np.zeros(stars)
    curves = Relative(
        flux, error, np.ones(frames), predicted, predicted, nothing > 0, nothing, np.zeros((0, stars))
    )
    binned = scatter_in_bins(curves, np.arange(frames) // 5)
    assert (len(binned.means), binned.points) == (60, 5)
    assert binned.predicted == pytest.approx(np.sqrt(np.mean(error[:, 0] ** 2) / 5), rel=0.06)
    assert np.median(binned.measured / binned.predicted) == pytest.approx(1, abs=0.03)
    assert np.mean(binned.measured < 0.7 * binned.predicted) < 0.01
