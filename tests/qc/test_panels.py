"""Panels of the smaller figures show what they were given, where it belongs."""

import numpy as np
import pytest

from ngcmos.qc.comparison_map import ComparisonMap, draw_comparison_map
from ngcmos.qc.detector_plot import TransferPanel, plot_transfer
from ngcmos.qc.plots import new_figure
from ngcmos.qc.target_plot import plot_small
from ngcmos.qc.timescale_plot import TimescaleLine, plot_timescale
from ngcmos.qc.transit_plot import TransitPanel, plot_transit

MIDNIGHT = 1.72e9


def test_map_of_comparison_stars_is_the_chip_with_areas_by_weight():
    axes = new_figure(4, 4).subplots()
    weight = np.array([1.0, 0.5, 0.25])
    draw_comparison_map(
        axes, ComparisonMap(np.array([5.0, 90, 40]), np.array([7.0, 8, 60]), weight, (50, 50), (80, 100))
    )
    assert axes.get_xlim() == (-0.5, 99.5) and axes.get_ylim() == (-0.5, 79.5)
    sizes = axes.collections[0].get_sizes()
    assert sizes / sizes[0] == pytest.approx(weight)
    assert axes.get_title() == "3 comparison stars, worth 2.3"


@pytest.mark.parametrize(("gain", "is_drawn"), [(1.131, True), (np.nan, False)])
def test_line_of_gain_and_read_noise_is_drawn_where_the_gain_is_known(gain, is_drawn):
    signal = np.geomspace(30, 3000, 12)
    panel = TransferPanel("HDR", signal, signal / 1.131 + 4, gain, 2.0, np.nan, signal[:3], np.zeros(3))
    curve = plot_transfer([panel], title="camera").axes[0]
    labels = [text.get_text() for text in curve.get_legend().get_texts()]
    assert labels == ["pairs of flats", "1.131 e/ADU"][: 1 + is_drawn]
    if is_drawn:
        assert curve.lines[1].get_ydata() == pytest.approx(signal / 1.131 + 4)


def test_lines_of_the_first_table_are_filled_and_those_of_another_are_not():
    minutes = [1.0, 10.0, 60.0]
    lines = [TimescaleLine(f"table {n}", "bright", minutes, [4e-3, 2e-3, 1e-3], minutes, table=n) for n in (0, 1)]
    axes = plot_timescale(lines, title="NG").axes[0]
    first, second = (line for line in axes.lines if line.get_label().startswith("table"))
    assert first.get_markerfacecolor() == first.get_color() == second.get_color()
    assert (second.get_markerfacecolor(), second.get_marker()) == ("w", "s")
    assert first.get_ydata() == pytest.approx([4000, 2000, 1000])


@pytest.mark.parametrize(("count", "rows"), [(3, 1), (4, 2), (6, 2), (7, 3)])
def test_small_curves_fill_row_after_row_and_leave_no_empty_panel(count, rows):
    time = MIDNIGHT + 600.0 * np.arange(5)
    curves = [(f"TIC {n}", (time, np.ones(5), np.full(5, 0.01))) for n in range(count)]
    figure = plot_small(curves, width=9.0, columns=3)
    assert len(figure.axes) == 3 * rows
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title() for axes in shown] == [f"TIC {n}" for n in range(count)]


def test_expected_moments_are_as_wide_as_they_are_uncertain():
    bjd = 2460497.3 + np.linspace(0, 0.3, 40)
    flat, error, nothing = np.ones(40), np.full(40, 0.002), (np.zeros(0),) * 3
    expected = (2460497.4, 2460497.45, 2460497.7, 0.01)  # its end lies after the night
    panel = TransitPanel("20240705", bjd, flat, error, flat, flat, nothing, expected)
    upper = plot_transit([panel], title="TIC 1", said="none").axes[0]
    spans = [(patch.get_x(), patch.get_width()) for patch in upper.patches]
    assert np.array(spans) == pytest.approx(np.array([(9.36, 0.48), (10.56, 0.48)]), abs=1e-4)
    assert [text.get_text() for text in upper.texts] == ["expected start", "expected middle"]
