"""Whether there is a transit, and how deep one must be: what is foretold of depths holds when they are put in."""

import dataclasses

import numpy as np
import pytest
from made_transits import BJD0, made_curve, transit_loss

from ngcmos.transits.ephemeris import Expected
from ngcmos.transits.evidence import CERTAIN_BIC, TRANSIT_TERMS, bic_difference, depths_needed, terms_of
from ngcmos.transits.red_noise import try_noises
from ngcmos.transits.trend import trend_columns

HOUR = 1 / 24
KNOWN = Expected(BJD0, 0.001, HOUR, 0.001, 3.0, is_seen=True)


def loss_at(curve, mid_bjd):
    """Loss of light by a transit of an hour and depth 1."""
    loss = transit_loss(curve.bjd_tdb - mid_bjd, HOUR, 0.4, 0.1)
    return loss / loss.max()


@pytest.mark.parametrize("ratio", [0.0, 1.0])
def test_a_little_deeper_is_found_and_a_little_shallower_is_not(ratio):
    """Red noise and bent trends make up for dips: a limit by the scatter alone is passed over by half of them."""
    curve, _ = made_curve(3, part="none", ratio=ratio)
    losses = np.stack([loss_at(curve, curve.bjd_tdb[row]) for row in (40, 60, 75)], axis=1)
    whiteners = try_noises(curve)
    for loss, depth in zip(losses.T, depths_needed(curve, whiteners, "time", losses, TRANSIT_TERMS), strict=True):
        found = []
        for one in (0.94 * depth, 1.06 * depth):
            dipped = dataclasses.replace(curve, flux=curve.flux - one * loss)
            design = np.column_stack([trend_columns(curve, "time"), loss])
            found.append(bic_difference(dipped, whiteners, design, TRANSIT_TERMS) > CERTAIN_BIC)
        assert found == [False, True]


def test_where_there_are_no_points_no_depth_is_found():
    curve, _ = made_curve(3, part="none")
    nothing = np.zeros((len(curve), 1))
    assert depths_needed(curve, try_noises(curve), "time", nothing, TRANSIT_TERMS) == [np.inf]


@pytest.mark.parametrize(
    ("expected", "off_d", "terms"),
    [
        (None, 0.0, 4),
        (KNOWN, 0.002, 2),
        (KNOWN, 0.012, 4),  # another one, a wrong ephemeris, or what noise is like
        (dataclasses.replace(KNOWN, duration_d=float("nan")), 0.0, 3),
        (dataclasses.replace(KNOWN, mid_err_d=0.03), 0.0, 4),  # it tells hardly more than the night
        (dataclasses.replace(KNOWN, is_seen=False), 0.0, 4),
    ],
)
def test_what_an_ephemeris_tells_rightly_is_no_term(expected, off_d, terms):
    assert terms_of(expected, HOUR, off_d) == terms


def test_a_term_less_is_worth_the_log_of_the_points():
    curve, truth = made_curve(1, depth=0.006)
    design = np.column_stack([trend_columns(curve, "time"), loss_at(curve, truth.mid_bjd)])
    more, less = (bic_difference(curve, try_noises(curve), design, terms) for terms in (4, 2))
    assert less - more == pytest.approx(2 * np.log(len(curve)))
