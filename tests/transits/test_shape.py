import numpy as np
import pytest
from made_transits import LIMB, transit_loss

from ngcmos.transits.shape import Limb, Shape, dips, limb_of, mid_depth, radius_ratio_of, transit_flux

SHAPES = [Shape(0.1, 0.1, 0.05), Shape(0.1, 0.6, 0.12), Shape(0.05, 0.85, 0.1)]


@pytest.mark.parametrize("shape", SHAPES)
def test_flux_is_that_of_rings_each_covered_in_part(shape):
    offset = np.linspace(-0.08, 0.08, 81)
    expected = 1 - transit_loss(offset, shape.duration_d, shape.impact, shape.radius_ratio)
    assert transit_flux(offset, shape, Limb(*LIMB)) == pytest.approx(expected, abs=1.5e-4)  # the orbit is curved


def test_width_is_the_time_between_the_limbs():
    shape = Shape(0.1, 0.3, 0.02)
    flux = transit_flux(np.array([0.05]), shape, Limb(0.0, 0.0))
    assert 1 - flux[0] == pytest.approx(0.02**2 / 2, rel=0.02)  # half of the small planet is before the star


def test_a_long_exposure_sees_the_mean_of_short_ones():
    shape, exptime_d = Shape(0.04, 0.2, 0.1), 0.01
    within = np.linspace(-0.5, 0.5, 201) * exptime_d
    at = np.array([-0.021, 0.0, 0.018])
    mean = np.array([transit_flux(one + within, shape, Limb(*LIMB)).mean() for one in at])
    assert transit_flux(at, shape, Limb(*LIMB), exptime_d=exptime_d) == pytest.approx(mean, abs=3e-4)


def test_dips_are_one_at_the_middle_and_zero_outside():
    loss = dips(np.array([[0.0, 0.3], [0.056, -0.2]]), Shape(0.1, 0.4, 0.1), Limb(*LIMB))
    assert loss == pytest.approx(np.array([[1, 0], [0, 0]]), abs=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_radius_comes_back_from_the_depth(shape):
    limb = Limb(*LIMB)
    assert radius_ratio_of(mid_depth(shape, limb), shape.impact, limb) == pytest.approx(
        shape.radius_ratio, rel=0.03
    )


def test_cool_stars_are_darker_at_the_limb():
    edge = [limb_of(teff).u1 + limb_of(teff).u2 for teff in (9000.0, 6000.0, 4500.0)]
    assert edge == sorted(edge)


def test_a_star_of_unknown_temperature_is_like_the_sun():
    assert limb_of(float("nan")) == limb_of(5800.0)
