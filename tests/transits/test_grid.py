"""Median and error of what cells of a grid say: those of the distribution that the cells stand for."""

import numpy as np
import pytest

from ngcmos.transits.grid import Cells


def cells_of(places, weight, *, step=0.0, depth_sigma=0.0):
    zeros = np.zeros(places.size)
    facts = dict.fromkeys(("width_d", "impact", "duration_d", "duration_step"), zeros)
    spread = {"depth": places, "variance": zeros + depth_sigma**2}
    return Cells(mid=places, mid_step=zeros + step, weight=weight / weight.sum(), **facts, **spread)


@pytest.mark.parametrize("between", [0.1, 0.3, 0.6, 1.0, 3.0])
def test_error_of_a_depth_is_that_of_the_normal_distribution_that_all_cells_make(between):
    """However much of it lies within each cell: a sum of normal distributions of normal places is one."""
    places = between * np.linspace(-5, 5, 61)
    cells = cells_of(0.01 + 1e-3 * places, np.exp(-0.5 * (places / between) ** 2), depth_sigma=1e-3)
    depth, error = cells.depth_middle()
    assert depth == pytest.approx(0.01, abs=2e-5)
    assert error == pytest.approx(1e-3 * np.hypot(1, between), rel=0.03)


@pytest.mark.parametrize("step", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("start", [0.0, 0.3, 0.7])
def test_error_of_a_time_does_not_hang_on_where_the_steps_fall(step, start):
    """Steps as coarse as a search ends with, in standard errors."""
    places = np.arange(-6, 6, step) + start * step
    cells = cells_of(places, np.exp(-0.5 * places**2), step=step)
    middle, error = cells.middle(places, cells.mid_step)
    assert middle == pytest.approx(0, abs=0.06)
    assert error == pytest.approx(1, rel=0.06)


def test_cells_that_are_alike_likely_all_count():
    """As those of mid-times where no point lies: none tells, together they are a third."""
    places = np.arange(-30.0, 31.0)
    weight = np.where(np.abs(places) < 5, 10.0, 1.0)
    middle, error = cells_of(places, weight, step=1.0).middle(places, np.ones(places.size))
    below = np.interp([0.15865, 0.84135], np.cumsum(weight) / weight.sum(), places + 0.5)
    assert middle == pytest.approx(0, abs=1e-3) and error == pytest.approx(np.ptp(below) / 2, rel=1e-3)
    flat, spread = cells_of(places, np.ones(places.size), step=1.0).middle(places, np.ones(places.size))
    assert flat == pytest.approx(0, abs=1e-3) and spread == pytest.approx(0.3413 * 61, rel=1e-3)
