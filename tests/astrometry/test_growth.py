"""How light grows with the aperture, and what falls into one beside the star, against light on a fine grid."""

import numpy as np
import pytest

from ngcmos.astrometry.crowding import contamination
from ngcmos.astrometry.growth import growth_of

RADII = np.array([2.0, 3.0, 4.0, 5.0, 6.0])
STEP = 0.04
Y, X = np.mgrid[-14 : 14 + STEP : STEP, -14 : 14 + STEP : STEP]


def with_wings(distance):
    """A star of 2 px whose wings hold an eighth of its light, out to 6 px."""
    core = np.exp(-4 * np.log(2) * (distance / 2.0) ** 2)
    return np.where(distance <= 6, core + 0.018 * np.exp(-distance / 2), 0)


def held(radius, away, light=with_wings):
    """Share of a star's light in an aperture so far away, by counting."""
    image = light(np.hypot(X, Y))
    return image[np.hypot(X - away, Y) <= radius].sum() / image.sum()


@pytest.fixture(scope="module")
def growth():
    inside = np.array([held(radius, 0.0) for radius in RADII])
    rng = np.random.default_rng(1)
    flux = 1e4 * inside[:, None] * rng.normal(1, 0.004, (8, 5, 60))
    flux[:, :, ::7] = np.nan
    return growth_of(RADII, flux, 2.0)


def test_light_within_each_aperture_is_that_of_the_stars(growth):
    expected = [held(radius, 0.0) for radius in RADII]
    assert growth.inside == pytest.approx(np.array(expected), abs=0.002)
    assert [growth.share(radius, np.zeros(1))[0] for radius in RADII] == pytest.approx(expected, abs=0.003)


@pytest.mark.parametrize("radius", [2.0, 4.0, 6.0])
@pytest.mark.parametrize("away", [1.0, 3.0, 5.5, 8.0, 10.5])
def test_share_of_a_star_beside_is_that_of_its_light(growth, radius, away):
    assert growth.share(radius, np.array([away]))[0] == pytest.approx(held(radius, away), abs=0.004, rel=0.05)


def test_a_star_whose_light_ends_before_the_aperture_gives_nothing(growth):
    assert growth.share(6.0, np.array([12.1, 30.0])).tolist() == [0.0, 0.0]


def test_contamination_is_by_the_growth_where_it_is_known(growth):
    away = 7.0
    ra, dec = np.array([10.0, 10.0 + away * 4.0 / 3600]), np.zeros(2)
    options = {"radius_px": 5.0, "scale_arcsec": 4.0, "fwhm_px": 2.0}
    shares = contamination(ra, dec, [12.0, 11.0], growth=growth, **options)
    expected = held(5.0, away) / held(5.0, 0.0)
    assert shares == pytest.approx(expected * 10 ** (0.4 * np.array([1, -1])), rel=0.1)
    further = np.array([10.0, 10.0 + 9.5 * 4.0 / 3600])  # where a round Gaussian has nothing left
    assert contamination(further, dec, [12.0, 12.0], growth=growth, **options)[0] > 1e-3
    assert contamination(further, dec, [12.0, 12.0], **options)[0] == 0


def test_few_stars_or_no_width_tell_no_growth():
    flux = np.ones((3, 5, 30))
    assert growth_of(RADII, flux, np.nan) is None
    flux[:, :, 19:] = np.nan
    assert growth_of(RADII, flux, 2.0) is None
    assert growth_of(RADII, np.ones((3, 5, 20)), 2.0) is not None
