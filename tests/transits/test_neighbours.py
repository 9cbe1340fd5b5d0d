import dataclasses

import numpy as np
import pytest

from ngcmos.transits.centre import Motion
from ngcmos.transits.neighbours import Star, Witness, check_expected, check_neighbours
from ngcmos.transits.star import light_within

RADII = np.array([2.0, 3.0, 4.0, 5.0, 6.0])
ERRORS = np.full(5, 3e-4)


def star(distance_px, light, tic_id=7, **own):
    shares = light * light_within(RADII, distance_px, 2.5) / light_within(RADII, 0.0, 2.5)
    return Star(tic_id, 0, 4.0 * distance_px, 10 - 2.5 * np.log10(light), light, shares, **own)


def dips(culprit, depth, *others):
    """Depths that a dip of one star makes in the target's apertures."""
    total = 1 + sum(one.shares for one in others)
    return depth * (1.0 if culprit is None else culprit.shares) / total


def test_binary_20_arcsec_away_is_named_by_the_apertures():
    binary, other = star(5.0, 0.5), star(4.0, 0.02, tic_id=8)
    checked, culprit = check_neighbours([binary, other], dips(binary, 0.3, binary, other), ERRORS, 3)
    assert culprit is binary
    assert {one.star.tic_id: one.witness for one in checked} == {7: Witness.DIPS, 8: Witness.TOO_FAINT}


def test_target_that_dips_itself_blames_nobody():
    neighbour = star(5.0, 0.5)
    checked, culprit = check_neighbours([neighbour], dips(None, 0.01, neighbour), ERRORS, 3)
    assert culprit is None
    assert checked[0].needed_depth == pytest.approx(0.01 / neighbour.shares[3])


def test_binary_is_named_by_its_own_curve():
    binary = star(5.0, 0.5, depth=0.3, depth_err=0.01)
    _, culprit = check_neighbours([binary], dips(binary, 0.3, binary), ERRORS, 1)
    assert culprit is binary


def test_own_curve_that_does_not_dip_clears_a_neighbour():
    quiet = star(5.0, 0.5, depth=0.001, depth_err=0.002)
    checked, culprit = check_neighbours([quiet], dips(None, 0.01, quiet), ERRORS, 3)
    assert checked[0].witness is Witness.CLEARED and culprit is None


def test_light_of_the_target_in_the_neighbours_aperture_is_no_proof():
    """A target of 2 % dips; a fainter neighbour shows some of it, and loses less light than the target."""
    neighbour = star(5.0, 0.1, depth=0.015, depth_err=0.001)
    _, culprit = check_neighbours([neighbour], dips(None, 0.02, neighbour), ERRORS, 3)
    assert culprit is None


def test_too_faint_for_the_depth():
    faint = star(5.0, 0.001)
    checked, _ = check_neighbours([faint], dips(None, 0.01, faint), ERRORS, 3)
    assert checked[0].witness is Witness.TOO_FAINT


def test_where_the_target_does_not_dip_the_one_that_does_is_named():
    binary, quiet = (
        star(20.0, 0.1, depth=0.1, depth_err=0.005),
        star(25.0, 0.2, tic_id=8, depth=0.0, depth_err=0.005),
    )
    unknown = star(30.0, 0.3, tic_id=9)
    checked, culprit = check_expected([binary, quiet, unknown], 0.01)
    assert culprit is binary
    assert [one.witness for one in checked] == [Witness.DIPS, Witness.CLEARED, Witness.UNKNOWN]


def test_no_neighbour_is_no_culprit():
    assert check_neighbours([], np.full(5, 0.01), ERRORS, 2) == ([], None)


def test_light_within_is_the_integral_of_a_gaussian():
    sigma = 2.5 / 2.3548
    x, y = np.meshgrid(np.arange(-20, 20, 0.02), np.arange(-20, 20, 0.02))
    light = np.exp(-((x - 4.0) ** 2 + y**2) / (2 * sigma**2))
    assert light_within(5.0, 4.0, 2.5) == pytest.approx(light[np.hypot(x, y) <= 5].sum() / light.sum(), rel=1e-3)


def beside(star, x_px, y_px):
    return dataclasses.replace(star, x_px=x_px, y_px=y_px)


@pytest.mark.parametrize("dipping", [0, 1])
def test_centre_of_the_light_tells_two_neighbours_apart(dipping):
    """Two alike on both sides, 10 arcsec away: apertures cannot tell them apart, the motion of the centre does."""
    both = [beside(star(2.5, 0.1, tic_id=7), 2.5, 0.0), beside(star(2.5, 0.1, tic_id=8), -2.5, 0.0)]
    depths = dips(both[dipping], 0.2, *both)
    places = np.array([(one.x_px, one.y_px, one.light) for one in both])
    still = Motion(np.zeros(2), np.full(2, 0.002), 1.5, 1.06)
    moved = dataclasses.replace(still, shift=still.expected(places, dipping, 0.2))
    _, culprit = check_neighbours(both, depths, ERRORS, 3, moved)
    assert culprit is both[dipping]


def test_centre_that_moves_as_by_the_target_clears_the_neighbours():
    """A target that dips draws the balance to its neighbour, one that dips lets it go."""
    near = beside(star(1.5, 0.3), 1.5, 0.0)
    still = Motion(np.zeros(2), np.full(2, 0.002), 1.5, 1.06)
    places = np.array([(near.x_px, near.y_px, near.light)])
    moved = dataclasses.replace(still, shift=still.expected(places, None, 0.05))
    assert moved.misfit(places, None, 0.05) == pytest.approx(0, abs=1e-9)
    assert moved.misfit(places, 0, 0.15) > 12
    _, culprit = check_neighbours([near], dips(None, 0.05, near), ERRORS, 3, moved)
    assert culprit is None
