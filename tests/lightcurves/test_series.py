"""Bins that neither bridge gaps nor lose points, the scatter of a series, and points that stand out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngcmos.lightcurves.series import (
    BinLength,
    assign_bins,
    bin_points,
    find_outliers,
    frame_to_frame,
    parse_bin,
)

SECOND = 1 / 86400
START = 2460497.6


def times(*seconds):
    return START + np.array(seconds, float) * SECOND


def even(count, step_s=13.0):
    return times(*(step_s * np.arange(count)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", BinLength(frames=1)),
        ("20", BinLength(frames=20)),
        (" 20 ", BinLength(frames=20)),
        ("10min", BinLength(minutes=10)),
        ("10m", BinLength(minutes=10)),
        ("10 min", BinLength(minutes=10)),
        ("2.5min", BinLength(minutes=2.5)),
    ],
)
def test_length_of_a_bin_is_frames_or_minutes(text, expected):
    assert parse_bin(text) == expected


@pytest.mark.parametrize(
    "text", ["0", "0min", "0.0m", "-3", "-3min", "2.5", "ten", "", "10s", "nan", "1e3", "min"]
)
def test_nonsense_is_no_length_of_a_bin(text):
    with pytest.raises(ValueError, match="is no length of a bin, expected a number of frames as 20"):
        parse_bin(text)


@pytest.mark.parametrize(
    "lengths", [{}, {"frames": 3, "minutes": 1.0}, {"frames": -1}, {"minutes": -1.0}, {"minutes": float("nan")}]
)
def test_a_bin_has_one_length(lengths):
    with pytest.raises(ValueError, match="expected"):
        BinLength(**lengths)


def test_bins_of_frames_keep_the_short_tail():
    assert assign_bins(even(10), BinLength(frames=4)).tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2]


def test_bins_of_minutes_hold_what_lies_within_them():
    bins = assign_bins(times(0, 20, 59, 60, 119.9, 120, 130), BinLength(minutes=1))
    assert bins.tolist() == [0, 0, 0, 1, 1, 2, 2]


def test_a_bin_of_whole_steps_holds_as_many_frames_everywhere():
    bins = assign_bins(even(600, step_s=12.0), BinLength(minutes=1))
    assert set(np.bincount(bins)) == {5}


def test_a_gap_starts_a_new_bin_of_frames():
    time_d = np.concatenate([even(5), even(5) + 3600 * SECOND])
    assert assign_bins(time_d, BinLength(frames=3)).tolist() == [0, 0, 0, 1, 1, 2, 2, 2, 3, 3]


def test_a_gap_starts_the_minutes_anew():
    time_d = times(0, 13, 26, 39, 3610, 3623, 3636, 3649, 3662, 3675)
    bins = assign_bins(time_d, BinLength(minutes=1))
    assert bins.tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 1, 2]


def test_a_lost_frame_is_no_gap():
    time_d = np.delete(even(12), [4, 5, 6])
    assert assign_bins(time_d, BinLength(frames=3)).tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]


@pytest.mark.parametrize(
    ("lost", "bins"), [(3, [0, 0, 0, 0, 1, 1, 1, 1, 2, 2]), (4, [0, 0, 0, 0, 1, 1, 1, 1, 2, 2])]
)
def test_five_steps_are_no_gap(lost, bins):
    time_d = np.delete(even(10 + lost), np.arange(6, 6 + lost))
    assert assign_bins(time_d, BinLength(frames=4)).tolist() == bins


def test_more_than_five_steps_are_a_gap():
    time_d = np.delete(even(15), np.arange(6, 11))
    assert assign_bins(time_d, BinLength(frames=4)).tolist() == [0, 0, 0, 0, 1, 1, 2, 2, 2, 2]


def test_a_pause_shorter_than_the_bin_is_no_gap():
    time_d = times(0, 13, 26, 200, 213, 226)
    assert assign_bins(time_d, BinLength(minutes=10)).tolist() == [0] * 6


@pytest.mark.parametrize("length", [BinLength(frames=5), BinLength(minutes=5)])
@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_points_fall_into_one_bin(count, length):
    assert assign_bins(even(count), length).tolist() == [0] * count


@given(
    st.lists(st.floats(1, 2000), min_size=1, max_size=60),
    st.one_of(
        st.integers(1, 20).map(lambda n: BinLength(frames=n)),
        st.floats(0.1, 60).map(lambda m: BinLength(minutes=m)),
    ),
)
def test_bins_follow_each_other_and_none_is_longer_than_asked(steps, length):
    time_d = START + np.cumsum(steps) * SECOND
    bins = assign_bins(time_d, length)
    assert set(np.diff(bins)) <= {0, 1}
    assert bins[0] == 0
    for number in range(bins[-1] + 1):
        inside = time_d[bins == number]
        if length.frames:
            assert inside.size <= length.frames
        else:
            assert np.ptp(inside) * 1440 < length.minutes * (1 + 1e-5) + 1e-6


@given(st.integers(1, 50), st.integers(1, 60), st.integers(0, 100))
def test_binning_conserves_the_sum(frames, count, seed):
    rng = np.random.default_rng(seed)
    value, error = rng.normal(5e4, 300, count), rng.uniform(100, 300, count)
    binned = bin_points(assign_bins(even(count), BinLength(frames=frames)), even(count), value, error)
    assert binned.count.sum() == count
    assert (binned.value * binned.count).sum() == pytest.approx(value.sum(), rel=1e-12)
    assert (binned.error * binned.count) @ (binned.error * binned.count) == pytest.approx(error @ error, rel=1e-12)


def test_a_bin_is_the_mean_of_its_points_and_of_their_times():
    binned = bin_points([0, 0, 0, 0, 1], even(5), np.array([1.0, 2, 3, 6, 9]), np.array([2.0, 2, 2, 2, 5]))
    assert binned.value.tolist() == [3, 9]
    assert binned.error.tolist() == [1, 5]
    assert (binned.time_d - START) / SECOND == pytest.approx([19.5, 52], abs=1e-3)


def test_errors_of_bins_are_those_the_scatter_shows():
    rng = np.random.default_rng(3)
    value = rng.normal(100, 7, 40_000)
    time_d = even(value.size)
    binned = bin_points(assign_bins(time_d, BinLength(frames=16)), time_d, value, np.full(value.size, 7.0))
    assert np.std(binned.value) == pytest.approx(binned.error[0], rel=4 / np.sqrt(2 * 2500))


@pytest.mark.parametrize("lost", ["value", "error"])
def test_points_without_a_number_are_left_out(lost):
    given = {"value": np.array([1.0, 100, 3, 4]), "error": np.ones(4)}
    given[lost][1] = np.nan
    binned = bin_points([0, 0, 0, 1], even(4), **given)
    assert binned.value.tolist() == [2, 4]
    assert binned.count.tolist() == [2, 1]


def test_a_bin_without_any_number_is_no_point():
    binned = bin_points([0, 0, 1, 2], even(4), np.array([np.nan, np.nan, 3, 4]), np.ones(4))
    assert binned.value.tolist() == [3, 4]


def test_no_numbers_give_no_points():
    binned = bin_points([0, 1], even(2), np.full(2, np.nan), np.ones(2))
    assert binned.value.size == binned.time_d.size == binned.error.size == binned.count.size == 0


def test_scatter_is_that_of_the_noise_whatever_the_trend():
    rng = np.random.default_rng(4)
    value = 1e4 + rng.normal(0, 25, 4000) + 3000 * np.sin(np.arange(4000) / 500)
    value[rng.choice(4000, 40, replace=False)] += 1e5
    value[100:150] = np.nan
    assert frame_to_frame(value) == pytest.approx(25, rel=0.08)


@pytest.mark.parametrize("value", [[], [1.0], [1.0, 2.0], [np.nan] * 9])
def test_too_few_points_have_no_scatter(value):
    assert np.isnan(frame_to_frame(value))


def test_wild_points_stand_out_and_a_transit_does_not():
    rng = np.random.default_rng(5)
    value = 1 + rng.normal(0, 0.002, 200)
    value[80:120] -= 0.01
    value[[0, 50, 100, 199]] += [0.1, -0.1, 0.1, 0.1]
    value[20] = np.nan
    assert np.flatnonzero(find_outliers(value)).tolist() == [0, 50, 100, 199]


def test_a_short_or_constant_series_has_no_outliers():
    assert not find_outliers([1.0, 1.1, 1.0, 9.0]).any()
    assert not find_outliers([1.0] * 50 + [2.0]).any()
