"""Background, sources and forced centroids on made-up images; what sep cannot bear becomes a FrameError."""

import dataclasses

import numpy as np
import pytest
import sep
from made_sky import electrons_of, render

from ngcmos.astrometry.detection import (
    defocus_kernel,
    find_sources,
    forced_centroids,
    subtract_background,
)
from ngcmos.config import load_camera
from ngcmos.errors import FrameError

SHAPE = (256, 320)
SETTINGS = dataclasses.replace(
    load_camera().detection, threshold_sigma=3.0, min_area_px=5, max_area_px=200, border_px=10
)


def starry(seed=1, *, count=60, fwhm_px=2.5, apart=20, shape=SHAPE, **options):
    """(image, x, y, electrons) of stars on a grid, each at a random place in its cell, so that none overlap."""
    rng = np.random.default_rng(seed)
    cells = [(i, j) for i in range(1, shape[1] // apart - 1) for j in range(1, shape[0] // apart - 1)]
    chosen = rng.permutation(len(cells))[:count]
    x, y = (np.array(cells, dtype=float)[chosen] * apart + rng.uniform(5, apart - 5, (len(chosen), 2))).T
    electrons = electrons_of(rng.uniform(10, 12.5, len(chosen)))
    return render(rng, x, y, electrons, shape=shape, fwhm_px=fwhm_px, **options), x, y, electrons


def noise(seed=2, shape=SHAPE):
    return np.random.default_rng(seed).normal(100, 5, shape)


def nearest(sources, x, y):
    distance = np.hypot(np.subtract.outer(x, sources.x), np.subtract.outer(y, sources.y))
    return distance.argmin(axis=1), distance.min(axis=1)


def test_background_level_and_noise():
    background = subtract_background(noise(), mesh_px=32)
    assert background.level == pytest.approx(100, abs=0.3)
    assert background.rms == pytest.approx(5, rel=0.05)
    assert background.image.dtype == np.float32
    assert np.mean(background.image) == pytest.approx(0, abs=0.3)


def test_background_follows_a_gradient():
    slope = np.linspace(0, 300, SHAPE[1])
    background = subtract_background(noise() + slope, mesh_px=32)
    assert np.abs(np.median(background.image[:, 40:-40], axis=0)).max() < 3


def test_background_leaves_its_input_alone():
    image = noise()
    before = image.copy()
    subtract_background(image, mesh_px=32)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("kind", ["<u2", ">u2", ">i2", "<f8", ">f4"])
def test_background_takes_any_number_type(kind):
    assert subtract_background(noise().astype(kind), mesh_px=32).level == pytest.approx(100, abs=1)


def test_unusable_pixels_are_masked():
    image = noise()
    image[:40, :40] = np.nan
    image[50, 50] = np.inf
    background = subtract_background(image, mesh_px=32)
    assert np.isfinite(background.image).all()
    assert np.count_nonzero(background.mask) == 1601
    assert background.rms == pytest.approx(5, rel=0.05)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.full(SHAPE, 100.0), "constant"),
        (np.zeros(SHAPE, dtype=np.uint16), "constant"),
        (np.full(SHAPE, 65535, dtype=np.uint16), "constant"),
        (np.full(SHAPE, np.nan), "no usable pixel"),
        (np.zeros((8, 8)), "smaller than one background cell"),
        (np.zeros((2, 64, 64)), "smaller than one background cell"),
    ],
)
def test_images_without_a_sky_are_refused(image, message):
    with pytest.raises(FrameError, match=message):
        subtract_background(image, mesh_px=32)


def test_all_stars_are_found_where_they_are():
    image, x, y, _ = starry()
    sources = find_sources(subtract_background(image, mesh_px=32), SETTINGS)
    assert len(sources) == len(x)
    assert nearest(sources, x, y)[1].max() < 0.3


def test_brightest_source_comes_first():
    image, x, y, electrons = starry()
    sources = find_sources(subtract_background(image, mesh_px=32), SETTINGS)
    assert (np.diff(sources.flux) <= 0).all()
    assert nearest(sources, x, y)[0][electrons.argmax()] == 0


def test_border_is_left_out():
    image, *_ = starry()
    sources = find_sources(subtract_background(image, mesh_px=32), dataclasses.replace(SETTINGS, border_px=60))
    assert len(sources) > 5
    assert sources.x.min() >= 60
    assert sources.x.max() <= SHAPE[1] - 61
    assert sources.y.max() <= SHAPE[0] - 61


def test_large_areas_are_dropped():
    image, *_ = starry()
    image[100:120, 100:120] += 3000
    background = subtract_background(image, mesh_px=128)
    assert find_sources(background, SETTINGS).npix.max() <= 200
    assert find_sources(background, dataclasses.replace(SETTINGS, max_area_px=5000)).npix.max() >= 400


def test_noise_alone_is_too_few_sources():
    with pytest.raises(FrameError, match=r"too few sources: \d+, expected at least 30"):
        find_sources(subtract_background(noise(), mesh_px=32), SETTINGS, at_least=30)


def test_small_pixel_buffer_grows():
    image, x, *_ = starry()
    background = subtract_background(image, mesh_px=32)
    before = sep.get_extract_pixstack()
    sep.set_extract_pixstack(400)
    try:
        assert len(find_sources(background, SETTINGS)) == len(x)
        assert sep.get_extract_pixstack() == 400
    finally:
        sep.set_extract_pixstack(before)


def test_hopeless_pixel_buffer_is_a_frame_error():
    background = subtract_background(noise(), mesh_px=32)
    before = sep.get_extract_pixstack()
    sep.set_extract_pixstack(10)
    try:
        with pytest.raises(FrameError, match="more sources than can be told apart"):
            find_sources(background, dataclasses.replace(SETTINGS, threshold_sigma=-5.0))
    finally:
        sep.set_extract_pixstack(before)


def test_deblending_overflow_grows():
    glow = 5000 * np.exp(-0.5 * np.hypot(*np.mgrid[-128:128, -160:160]) ** 2 / 60**2)
    clear = subtract_background(noise(), mesh_px=32)
    crowded = dataclasses.replace(clear, image=(starry()[0] - 350.0 + glow).astype(np.float32))
    before = sep.get_sub_object_limit()
    sep.set_sub_object_limit(8)
    try:
        with pytest.raises(Exception, match="deblending overflow"):
            sep.extract(crowded.image, 15.0)
        assert len(find_sources(crowded, dataclasses.replace(SETTINGS, max_area_px=10**6))) >= 1
    finally:
        sep.set_sub_object_limit(before)


@pytest.mark.parametrize(("defocus_mm", "radius"), [(0.15, 2.5), (0.29, 2.5), (0.3, 5.0), (0.5, 8.3), (2.0, 8.3)])
def test_kernel_is_as_wide_as_the_defocused_star(defocus_mm, radius):
    kernel = defocus_kernel(defocus_mm, (0.15, 0.3, 0.5))
    assert kernel.sum() == pytest.approx(1)
    assert kernel.shape[0] == 2 * np.ceil(radius) + 1
    assert np.count_nonzero(kernel > 0.99 * kernel.max()) == pytest.approx(np.pi * radius**2, rel=0.35)


@pytest.mark.parametrize(("defocus_mm", "steps"), [(0.0, (0.15, 0.3)), (0.1, (0.15, 0.3)), (1.0, ())])
def test_focus_needs_no_kernel(defocus_mm, steps):
    assert defocus_kernel(defocus_mm, steps) is None


def test_wide_kernel_finds_faint_defocused_stars():
    rng = np.random.default_rng(5)
    x, y = (grid.ravel().astype(float) for grid in np.meshgrid(np.arange(40, 300, 40), np.arange(40, 240, 40)))
    image = render(rng, x, y, np.full(len(x), 3000.0), shape=SHAPE, fwhm_px=11.0)
    background = subtract_background(image, mesh_px=128)
    wide = find_sources(background, SETTINGS, kernel=defocus_kernel(0.3, (0.15, 0.3, 0.5)))
    assert np.count_nonzero(nearest(wide, x, y)[1] < 3) > 0.8 * len(x)
    with pytest.raises(FrameError, match="too few"):
        find_sources(background, SETTINGS, at_least=len(wide))


@pytest.mark.parametrize("fwhm_px", [2.0, 2.5, 4.0, 8.0])
def test_centroids_are_free_of_the_pixel_phase(fwhm_px):
    apart = max(22, round(7 * fwhm_px))
    image, x, y, _ = starry(fwhm_px=fwhm_px, apart=apart, shape=(640, 640), sky_e=0.0, read_noise_e=0.0)
    found = forced_centroids(image, np.rint(x), np.rint(y), fwhm_px=fwhm_px)
    assert found.good.all()
    assert np.hypot(found.x - x, found.y - y).mean() < 0.005 * fwhm_px
    assert abs(np.mean(found.x - x)) < 0.003


def test_centroids_equal_sep_winpos():
    image, x, y, _ = starry()
    sigma = 1.3
    found = forced_centroids(image, x, y, fwhm_px=sigma * 2.3548)
    background = subtract_background(image, mesh_px=64)
    expected_x, expected_y, flag = sep.winpos(background.image, x, y, sigma)
    assert not flag.any()
    assert np.hypot(found.x - expected_x, found.y - expected_y).max() < 0.01


def test_centroids_scatter_as_their_noise_predicts():
    rng = np.random.default_rng(6)
    x, y = (grid.ravel() + 0.3 for grid in np.meshgrid(np.arange(20, 300, 15.0), np.arange(20, 240, 15.0)))
    image = render(rng, x, y, np.full(len(x), 3000.0), shape=SHAPE, fwhm_px=2.5, sky_e=400.0)
    found = forced_centroids(image, x, y, fwhm_px=2.5)
    sigma = 2.5 / 2.3548
    predicted = np.sqrt(2 * (sigma / np.median(found.snr)) ** 2 + sigma**2 / 3000)
    assert np.std(found.x[found.good] - x[found.good]) == pytest.approx(predicted, rel=0.25)


def test_width_of_the_stars_is_measured():
    image, x, y, _ = starry(fwhm_px=4.0)
    found = forced_centroids(image, x, y, fwhm_px=4.0)
    assert np.median(found.fwhm) == pytest.approx(4.0, rel=0.05)


def test_centroids_come_back_from_two_pixels_away():
    image, x, y, _ = starry(count=40)
    found = forced_centroids(image, x + 1.2, y - 1.2, fwhm_px=2.5)
    assert found.good.all()
    assert np.hypot(found.x - x, found.y - y).max() < 0.1


def test_centroid_that_runs_away_is_not_good():
    image, x, y, _ = starry(count=40)
    found = forced_centroids(image, x + 2.2, y, fwhm_px=2.5, capture_px=1.0)
    assert not found.good.any()


@pytest.mark.parametrize(
    "place", [(-50.0, 20.0), (2.0, 100.0), (319.0, 100.0), (100.0, 255.9), (np.nan, 5.0), (1e9, 0.0)]
)
def test_stars_without_a_whole_stamp_are_not_good(place):
    image, x, y, _ = starry(count=5)
    found = forced_centroids(image, np.append(x, place[0]), np.append(y, place[1]), fwhm_px=2.5)
    assert found.good.tolist() == [True] * 5 + [False]


def test_a_pixel_that_is_no_number_spoils_a_star():
    image, x, y, _ = starry(count=10)
    pixels = image.astype(float)
    pixels[round(y[0]), round(x[0]) + 1] = np.nan
    found = forced_centroids(pixels, x, y, fwhm_px=2.5)
    assert found.good.tolist() == [False] + [True] * 9


def test_peak_is_the_highest_count_of_the_core():
    image, x, y, _ = starry(count=10)
    found = forced_centroids(image, x, y, fwhm_px=2.5)
    for near_x, near_y, peak in zip(np.rint(x).astype(int), np.rint(y).astype(int), found.peak, strict=True):
        assert peak == image[near_y - 1 : near_y + 2, near_x - 1 : near_x + 2].max()


def test_no_stars_give_no_centroids():
    found = forced_centroids(starry(count=5)[0], np.empty(0), np.empty(0), fwhm_px=2.5)
    assert len(found.x) == 0


def test_constant_image_gives_no_good_centroid():
    found = forced_centroids(np.full(SHAPE, 7, dtype=np.uint16), np.array([100.0]), np.array([90.0]), fwhm_px=2.5)
    assert not found.good.any()


def test_hot_pixels_are_no_sources():
    image, x, *_ = starry()
    rng = np.random.default_rng(7)
    image[rng.integers(20, 230, 100), rng.integers(20, 300, 100)] = 40000
    sources = find_sources(subtract_background(image, mesh_px=32), SETTINGS)
    assert len(sources) < 1.3 * len(x)


def test_centroids_of_undersampled_stars_are_free_of_the_pixel_phase():
    rng = np.random.default_rng(8)
    x, y = (
        grid.ravel() + rng.uniform(-0.5, 0.5, 180)
        for grid in np.meshgrid(np.arange(20, 320, 20), np.arange(8, 248, 20))
    )
    image = render(rng, x, y, np.full(180, 1.4e5), shape=SHAPE, fwhm_px=1.7, sky_e=0.0, read_noise_e=0.0)
    found = forced_centroids(image, np.rint(x), np.rint(y), fwhm_px=1.7)
    assert np.sqrt(np.mean((found.x - x)[found.good] ** 2)) < 0.006
