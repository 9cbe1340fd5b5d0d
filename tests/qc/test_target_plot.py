"""Times on the curves of stars: clock times of a night, dates where a folder holds months."""

import numpy as np
import pytest

from ngcmos.qc.target_plot import plot_small


@pytest.mark.parametrize(("days", "label"), [(0.3, "UTC"), (100.0, "date")])
def test_axis_names_few_times(days, label):
    time = 1.7e9 + np.linspace(0, 86400 * days, 9)
    figure = plot_small([("a star", (time, np.ones(9), np.full(9, 0.1)))], width=5, columns=1)
    axes = figure.axes[0]
    assert axes.get_xlabel() == label
    assert 2 <= len(axes.get_xticks()) <= 20
