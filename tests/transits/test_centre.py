"""Where the centre of the light goes when a star dips: against centroids measured on painted stars."""

import numpy as np
import pytest

from ngcmos.photometry.centroids import SkyUnder, own_centroids, window_sigma
from ngcmos.transits.centre import Motion

SIZE, FWHM_PX = 41, 2.6
SIGMA_PX = FWHM_PX / np.sqrt(8 * np.log(2))
WINDOW_PX = window_sigma([2, 3, 4, 5, 6])


def painted(stars):
    """An image of round Gaussian stars (x, y from the middle, light), finely enough sampled to be summed so."""
    y, x = np.mgrid[:SIZE, :SIZE] - SIZE // 2
    lights = (
        light * np.exp(-((x - at_x) ** 2 + (y - at_y) ** 2) / (2 * SIGMA_PX**2)) for at_x, at_y, light in stars
    )
    return sum(lights) * 1e5


def centroid(stars):
    middle = np.array([SIZE // 2], float)
    sky = SkyUnder(np.zeros(1), np.ones(1))
    found = own_centroids(painted(stars), middle, middle, sky, sigma_px=WINDOW_PX, gain_e_adu=1.0)
    return np.array([found.dx[0], found.dy[0]])


@pytest.mark.parametrize(("dipping", "depth"), [(0, 0.5), (1, 0.9), (None, 0.02)])
def test_expected_motion_is_that_of_measured_centroids(dipping, depth):
    stars = np.array([(0.0, 0.0, 1.0), (2.5, -1.0, 0.05), (-4.0, 2.0, 0.4)])
    dimmed = stars.copy()
    dimmed[0 if dipping is None else dipping + 1, 2] *= 1 - depth
    motion = Motion(np.zeros(2), np.zeros(2), WINDOW_PX, SIGMA_PX)
    expected = motion.expected(stars[1:], dipping, depth)
    measured = centroid(dimmed) - centroid(stars)
    assert expected == pytest.approx(measured, rel=0.1, abs=2e-4)
    assert np.hypot(*measured) > 5e-4


def test_motion_does_not_speak_for_a_star_whose_place_is_not_known():
    motion = Motion(np.array([0.1, 0.0]), np.full(2, 0.002), WINDOW_PX, SIGMA_PX)
    nowhere = np.array([(np.nan, np.nan, 0.5)])
    assert motion.misfit(nowhere, 0, 0.5) == motion.misfit(nowhere, None, 0.02) > 100
