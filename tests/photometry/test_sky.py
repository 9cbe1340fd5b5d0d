"""The sky map and the stars it leaves out."""

import numpy as np
import pytest

from ngcmos.config import Photometry, load_camera
from ngcmos.photometry.sky import MOST_COVERED, KnownStars, cover_stars, estimate_sky, star_reach

SHAPE = (90, 121)


def by(method, mesh_px=64):
    return Photometry(radii_px=(5.0,), annulus_px=(15.0, 20.0), sky_method=method, mesh_px=mesh_px)


@pytest.fixture
def rng():
    return np.random.default_rng(17)


@pytest.mark.parametrize("step", [1, 2, 3])
def test_covered_is_what_lies_near_a_star(rng, step):
    """By the distance of every pixel from the pixel of every star, at the edges too."""
    x, y = rng.uniform(-0.5, 120.5, 40), rng.uniform(-0.5, 89.5, 40)
    x[:4], y[:4] = (0.0, 120.4, 60.0, 30.0), (40.0, 0.2, 89.4, 0.0)
    reach = rng.integers(1, 5, 40)
    row, column = np.mgrid[: SHAPE[0], : SHAPE[1]]
    expected = np.zeros(SHAPE, bool)
    for at_x, at_y, length in zip(np.rint(x), np.rint(y), reach, strict=True):
        expected |= np.hypot(column - at_x, row - at_y) <= length + 0.3
    assert np.array_equal(cover_stars(SHAPE, KnownStars(x, y, reach), step=step), expected[::step])


def test_stars_off_the_chip_and_without_a_place_cover_nothing():
    x, y = np.array([np.nan, -3.0, 200.0, 50.0]), np.array([5.0, 20.0, 20.0, 95.0])
    assert not cover_stars(SHAPE, KnownStars(x, y, np.full(4, 5))).any()
    assert not cover_stars(SHAPE, KnownStars(np.zeros(0), np.zeros(0), np.zeros(0, int)), step=2).any()


def test_in_a_crowd_the_brightest_alone_are_covered(rng):
    x, y = rng.uniform(0, 120, 3000), rng.uniform(0, 89, 3000)
    covered = cover_stars(SHAPE, KnownStars(x, y, np.full(3000, 3)))
    assert 0.15 < covered.mean() <= MOST_COVERED
    assert covered[np.rint(y[:50]).astype(int), np.rint(x[:50]).astype(int)].all()


def test_reach_grows_with_the_light_within_limits():
    assert star_reach([19.0, 16.0, 14.0, 12.0, 6.0]).tolist() == [3, 3, 5, 6, 9]


@pytest.mark.parametrize("mesh_px", [32, 64])
def test_stars_too_faint_to_be_measured_do_not_lift_the_map(rng, paint, mesh_px):
    """Sky of 200 ADU under 4000 stars of 100 to 600 counts: told where the stars are, the map sees it again."""
    shape = (512, 512)
    x, y, flux = rng.uniform(0, 511, 4000), rng.uniform(0, 511, 4000), rng.uniform(100, 600, 4000)
    light = paint(shape, x, y, flux, sky=200.0)
    image = rng.normal(light, np.sqrt(light)).astype(np.float32)
    at = np.mgrid[40:480:55, 40:480:55].reshape(2, -1).astype(float)
    known = KnownStars(x, y, np.full(4000, 2))
    lifted = estimate_sky(image, *at, by("map", mesh_px))
    found = estimate_sky(image, *at, by("map", mesh_px), known=known)
    assert lifted.level.mean() > 200.4
    assert found.level.mean() == pytest.approx(200.0, abs=0.15)
    assert found.count[0] / found.wanted == pytest.approx(1 - cover_stars(shape, known).mean(), abs=0.01)


def test_bad_pixels_and_stars_are_left_out_together(rng):
    image = rng.normal(200, 5, (256, 256)).astype(np.float32)
    bad = np.zeros(image.shape, bool)
    bad[:, ::7] = True
    image[bad] = 240
    x, y = rng.uniform(0, 255, (2, 300))
    image[np.rint(y).astype(int), np.rint(x).astype(int)] += 60
    place = np.array([128.0]), np.array([128.0])
    sky = estimate_sky(image, *place, by("map"), bad=bad, known=KnownStars(x, y, np.full(300, 1)))
    assert sky.level[0] == pytest.approx(200, abs=0.6)


@pytest.mark.parametrize(("method", "below"), [("map", 0.3), ("annulus", 0.1)])
@pytest.mark.parametrize("electrons", [60.0, 266.0, 2000.0])
def test_sky_of_poisson_counts_is_their_mean(rng, method, below, electrons):
    """Not their mode or median, which lie below it; whatever the level of the sky."""
    detector = load_camera().detector
    read = rng.normal(100 * detector.gain_e_adu, detector.read_noise_e, (1024, 1024))
    image = np.rint((rng.poisson(electrons, read.shape) + read) / detector.gain_e_adu).astype(np.float32)
    at = np.mgrid[40:980:20, 40:980:20].reshape(2, -1).astype(float)
    raw, found = (estimate_sky(image, *at, by(method), detector=one).level for one in (None, detector))
    expected = image.mean(dtype=float)
    error = 2 * float(image.std()) / 1024
    assert raw.mean() < expected - below + 2 * error
    assert found.mean() == pytest.approx(expected, abs=0.04 + 2 * error)


@pytest.mark.parametrize("method", ["annulus", "mean"])
def test_error_of_a_ring_is_the_scatter_of_its_level(rng, method):
    """rms over the root of the count; a median scatters sqrt(pi / 2) more than the mean of as many pixels."""
    image = rng.normal(200, 8, (1024, 1024)).astype(np.float32)
    at = np.mgrid[40:980:41, 40:980:41].reshape(2, -1).astype(float)  # rings that share no pixel
    sky = estimate_sky(image, *at, by(method))
    expected = float(np.median(sky.rms / np.sqrt(sky.count)))
    assert np.std(sky.level) == pytest.approx(expected, rel=0.08)
    assert np.median(sky.rms) == pytest.approx(8, rel=0.02)


@pytest.mark.parametrize(("count", "expected"), [(321.0, 321.0), (np.nan, np.nan)])
def test_a_ring_of_one_known_pixel_tells_its_count(count, expected):
    image = np.full((80, 80), np.nan, np.float32)
    image[40, 57] = count
    level = estimate_sky(image, np.array([40.0]), np.array([40.0]), by("annulus")).level
    np.testing.assert_allclose(level, [expected], atol=0.6)  # rounded counts are spread by half a count
