"""What a curve says against an ephemeris in wrong units, of another time scale, or of another time."""

import dataclasses

import numpy as np
import pytest
from made_transits import LIMB, made_curve

from ngcmos.transits.doubts import doubts_of_fit
from ngcmos.transits.ephemeris import Ephemeris, expect
from ngcmos.transits.fit import fit_transit
from ngcmos.transits.shape import Limb

PERIOD, DEPTH = 2.15, 0.012


@pytest.fixture(scope="module")
def seen():
    """(curve, fit with the right ephemeris, that ephemeris)."""
    curve, truth = made_curve(8, depth=DEPTH)
    right = Ephemeris(PERIOD, truth.mid_bjd - 700 * PERIOD, 1e-7, 1e-4, truth.duration_d, depth=truth.depth)
    return curve, fit_transit(curve, limb=Limb(*LIMB), expected=expect(right, curve.bjd_tdb)), right


def doubts(seen, **wrong):
    """Of an ephemeris that is right but for some of its numbers."""
    curve, fit, right = seen
    expected = expect(dataclasses.replace(right, **wrong), curve.bjd_tdb)
    return doubts_of_fit(fit.against(expected), expected)


def test_a_right_ephemeris_is_not_doubted(seen):
    assert doubts(seen) == [] and doubts_of_fit(seen[1], None) == []


@pytest.mark.parametrize("minutes", [-7.5, 8.0])
def test_an_epoch_in_another_time_scale(seen, minutes):
    [told] = doubts(seen, t0_bjd=seen[2].t0_bjd + minutes / 1440)
    assert ("early" if minutes > 0 else "late") in told and "is its epoch BJD_TDB?" in told


def test_an_epoch_that_is_off_by_more_than_time_scales(seen):
    [told] = doubts(seen, t0_bjd=seen[2].t0_bjd + 25 / 1440)
    assert "min early" in told and "known so well" in told


def test_a_period_in_hours_expects_another_time(seen):
    [told] = doubts(seen, period_d=24 * PERIOD)
    assert "there is a transit at BJD_TDB" in told and "period (days)" in told


@pytest.mark.parametrize("factor", [100, 0.01])
def test_a_depth_in_another_unit(seen, factor):
    [told] = doubts(seen, depth=factor * DEPTH)
    assert f"expected {factor * DEPTH:.2%}" in told and "in its unit?" in told


def test_a_transit_hours_from_the_expected_one_is_told(seen):
    """With the ephemeris none is found, without it one is."""
    curve, fit, right = seen
    expected = expect(dataclasses.replace(right, t0_bjd=right.t0_bjd + 0.1), curve.bjd_tdb)
    none = dataclasses.replace(fit, bic_difference=-5.0)
    [told] = doubts_of_fit(none, expected, fit)
    assert "-2.4 h from the expected one" in told
    assert doubts_of_fit(none, expected, none) == [] and np.isfinite(fit.depth)


def test_a_length_in_days_hides_a_transit_and_is_told(seen):
    curve, fit, right = seen
    expected = expect(dataclasses.replace(right, duration_d=right.duration_d / 24), curve.bjd_tdb)
    none = dataclasses.replace(fit, bic_difference=-5.0)
    [told] = doubts_of_fit(none, expected, fit)
    assert f"expected {right.duration_d:.2f} h: is its length (hours) right?" in told
