"""Times on the curves of stars: clock times of a night however short, dates where a folder holds months."""

import numpy as np
import pytest

from ngcmos.qc.target_plot import TargetSeries, plot_small, plot_target


@pytest.mark.parametrize(("days", "label"), [(0.3, "UTC"), (100.0, "date")])
def test_axis_names_few_times(days, label):
    time = 1.7e9 + np.linspace(0, 86400 * days, 9)
    figure = plot_small([("a star", (time, np.ones(9), np.full(9, 0.1)))], width=5, columns=1)
    axes = figure.axes[0]
    assert axes.get_xlabel() == label
    assert 2 <= len(axes.get_xticks()) <= 20


EVENING = 1720238400.0  # 2024-07-06T04:00:00


@pytest.mark.parametrize(
    ("minutes", "named"),
    [
        ([0.0], ["03:59", "04:00", "04:01"]),
        ([0.0, 3.0], ["04:00", "04:02", "04:04"]),
        ([0.0, 60.0, 300.0], ["04:00", "06:00", "08:00"]),
    ],
)
def test_axis_is_as_long_as_the_night_and_names_its_hours(minutes, named):
    """One bin alone, whose axis matplotlib would make years long."""
    time = EVENING + 60 * np.array(minutes)
    curve = ("TIC 1", (time, np.ones(time.size), np.full(time.size, 0.01)))
    axes = plot_small([curve], width=4.0, columns=2).axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == named


def test_points_of_a_short_night_are_not_cut_and_far_ones_are_counted():
    """Bins of many frames have small errors: the axis holds the points of the frames too, but for wild ones."""
    frames = 60
    flux = 1 + 0.005 * np.random.default_rng(3).standard_normal(frames)
    flux[[7, 40]] = 0.8, 1.3
    unix = 1.72e9 + 10.0 * np.arange(frames)
    nothing, bins = np.zeros(frames), (unix[5::30], np.ones(2), np.full(2, 0.0004))
    series = TargetSeries(unix, flux, bins, None, np.zeros(frames, bool), *(nothing,) * 6, None)
    [curve, *_] = plot_target(series, title="", width=9, height=7).axes
    low, high = curve.get_ylim()
    inside = (flux > low) & (flux < high)
    assert inside.sum() == frames - 2
    assert [text.get_text() for text in curve.texts] == ["2 beyond"]
