"""A line through points some of which are wild, and the pictures that tell it."""

import numpy as np
import pytest

from ngcmos.qc.extinction import fit_line
from ngcmos.qc.solution_plot import SolutionPicture, ZeroPointPicture, plot_solution, plot_zero_point


def night(rng, extinction=0.09):
    """(airmass, zero point) of frames, some under clouds, one not known."""
    airmass = np.linspace(1, 2, 200)
    zp = 20.5 - extinction * (airmass - 1) + rng.normal(0, 0.003, 200)
    zp[40:60] -= rng.uniform(0.1, 1, 20)
    zp[7] = np.nan
    return airmass, zp


def test_extinction_is_found_through_clouds():
    line = fit_line(*night(np.random.default_rng(1)))
    assert abs(line.slope + 0.09) < 4 * line.slope_error
    assert line.slope_error == pytest.approx(0.003 / np.sqrt(180) / 0.29, rel=0.25)
    assert line.at(np.array([1.0]))[0] == pytest.approx(20.5, abs=0.002)


@pytest.mark.parametrize("x", [np.ones(50), np.linspace(1, 2, 9), np.full(50, np.nan)])
def test_nothing_to_tell_a_line_by(x):
    assert np.isnan(fit_line(x, np.zeros(x.size)).slope)


def test_ten_points_tell_a_line():
    x = np.linspace(1, 2, 10)
    assert fit_line(x, 3 - 2 * x).slope == pytest.approx(-2)


def texts_of(figure):
    return " ".join([figure.get_suptitle(), *(axes.get_title() for axes in figure.axes)])


def test_picture_tells_the_extinction_or_that_it_cannot():
    airmass, zp = night(np.random.default_rng(1))
    colour = np.random.default_rng(2).normal(1, 0.4, 90)
    told = texts_of(plot_zero_point(ZeroPointPicture(airmass, zp, colour, 0.02 * (colour - 1)), title="NG"))
    assert "extinction +0.09" in told and "slope +0.020 ± 0.000 mag per mag" in told
    narrow = ZeroPointPicture(1 + airmass / 100, zp, colour, 0 * colour)
    assert "airmass spans 0.01: too little" in texts_of(plot_zero_point(narrow, title="NG"))
    alike = ZeroPointPicture(airmass, zp, 0.8 + 1e-6 * (colour > 1), 0.02 * (colour - 1))
    assert "colors span 0.00 mag: too little" in texts_of(plot_zero_point(alike, title="NG"))


def test_arrows_are_the_residuals_that_are_known():
    rng = np.random.default_rng(3)
    x, y = rng.uniform(0, 500, (2, 60))
    dx, dy = rng.normal(0, 0.05, (2, 60))
    dx[5] = np.nan
    figure = plot_solution(SolutionPicture(x, y, dx, dy, (500, 600)), title="NG")
    [quiver] = [one for one in figure.axes[0].collections if hasattr(one, "U")]
    assert np.asarray(quiver.U) == pytest.approx(np.delete(dx, 5))
    assert "of 59 stars" in texts_of(figure)


def test_no_star_is_said():
    nothing = np.full(3, np.nan)
    figure = plot_solution(SolutionPicture(nothing, nothing, nothing, nothing, (10, 10)), title="NG")
    assert "no star" in figure.axes[0].texts[0].get_text()
