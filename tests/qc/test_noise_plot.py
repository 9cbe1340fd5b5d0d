"""The figure of scatter against magnitude holds what it was given."""

import dataclasses
import io

import numpy as np
import pytest

from ngcmos.qc.noise_plot import NoisePanel, plot_noise


@pytest.fixture
def panel():
    mag = np.linspace(9, 15, 30)
    rms = 1e-3 * 10 ** (0.2 * (mag - 9))
    rms[4] = np.nan
    variable = np.zeros(30, bool)
    variable[7] = True
    grid = np.linspace(9, 15, 10)
    terms = {"star": np.full(10, 1e-3), "total": np.full(10, 2e-3)}
    return NoisePanel("each frame", mag, rms, variable, grid, terms, [(9.0, 10.0, 1.02), (10.0, 11.0, 1.6)])


def test_stars_in_ppm_and_variables_apart(panel):
    axes = plot_noise([panel], title="field").axes[0]
    lines = {line.get_label(): line for line in axes.lines}
    assert lines["stars"].get_ydata()[0] == pytest.approx(1000)
    assert len(lines["stars"].get_xdata()) == 29
    assert lines["variable"].get_xdata().tolist() == [panel.mag[7]]


def test_each_term_given_has_its_line_and_no_other(panel):
    axes = plot_noise([panel], title="field").axes[0]
    assert {line.get_label() for line in axes.lines} == {"stars", "variable", "star", "total"}


def test_ratios_are_all_inside_their_axes(panel):
    axes = plot_noise([panel, panel], title="field").axes[2]
    assert axes.get_ylim()[1] > 1.6


def test_scatter_by_chance_far_below_the_model_does_not_stretch_the_axes(panel):
    rms = panel.rms.copy()
    rms[0] = 1e-9
    axes = plot_noise([dataclasses.replace(panel, rms=rms)], title="field").axes[0]
    assert axes.get_ylim()[0] > 50


def test_panel_without_ratios_says_so(panel):
    axes = plot_noise([dataclasses.replace(panel, ratios=[])], title="field").axes[1]
    assert [text.get_text() for text in axes.texts] == ["too few points or stars to compare"]


def test_field_without_any_scatter_is_drawn(panel):
    empty = NoisePanel(
        "each frame", panel.mag, panel.mag * np.nan, panel.variable, np.zeros(0), {"total": np.zeros(0)}, []
    )
    plot_noise([empty], title="field").savefig(io.BytesIO(), format="png")
