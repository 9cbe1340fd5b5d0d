"""What is on the pixels of a simulated night, measured by plain numpy and photutils, against its truth."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.stats import mad_std, sigma_clipped_stats
from scipy.spatial import cKDTree

GAIN = 1.131


def raw(path):
    return fits.getdata(path).astype(float)


@pytest.fixture(scope="module")
def images(rich):
    """Calibrated frames in electrons."""
    calibration = rich.base / "calibration"
    bias = np.median([raw(path) for path in calibration.glob("bias*")], axis=0)
    dark = np.median([raw(path) for path in calibration.glob("dark*")], axis=0) - bias  # of 10 s
    flats = [raw(path) - bias - dark / 5 for path in rich.folder.glob("evening-flat*")]
    flat = np.median([flat / flat.mean() for flat in flats], axis=0)
    return [(raw(rich.folder / name) - bias - dark) / flat * GAIN for name in rich.truths[0].frames["file"]]


@pytest.fixture(scope="module")
def lonely(rich):
    """Stars without any other in 6 px or a measured one in 9 px, well on the chip and below the gain step."""
    truth = rich.truths[0]
    x, y = truth.x[0], truth.y[0]
    inside = (x > 25) & (x < 358) & (y > 25) & (y < 358)
    light = truth.electrons[0]
    nearest = cKDTree(np.column_stack([x, y])).query(np.column_stack([x, y]), k=2)[0][:, 1]
    alone = (truth.stars["foreign"] == 0) & (nearest > 9)
    return np.nonzero(inside & alone & (light > 800) & (light < 8000))[0]


def net_sums(image, x, y, radius, sky):
    from photutils.aperture import CircularAperture, aperture_photometry

    aperture = CircularAperture(np.column_stack([x, y]), radius)
    return np.asarray(aperture_photometry(image, aperture)["aperture_sum"]) - sky * aperture.area


def sky_at(frame, x, y):
    """The plane told in the plan: 6 % from left to right, half of it upwards."""
    return frame["sky_e"] * (1 + 0.06 * (x - 191.5) / 383 + 0.03 * (y - 191.5) / 383)


@pytest.mark.parametrize("frame", [0, 2])
def test_stars_hold_the_electrons_told(rich, images, lonely, frame):
    truth = rich.truths[0]
    x, y = truth.x[frame, lonely], truth.y[frame, lonely]
    sky = sky_at(truth.frames[frame], x, y)
    found = net_sums(images[frame], x, y, 4.5, sky)
    expected = truth.electrons[frame, lonely] * truth.scintillation[frame, lonely]
    of_masters = 1 + 2 * np.pi / 2 / 9  # medians of nine frames, of bias and dark
    noise = np.sqrt(expected + np.pi * 4.5**2 * (sky + 16 * of_masters + GAIN**2 / 12 + 1.56**2 * of_masters))
    off = (found - expected) / noise
    assert len(lonely) > 30
    assert np.median(off) == pytest.approx(0, abs=0.45)
    assert mad_std(off) == pytest.approx(1, abs=0.3)


def test_scale_of_bright_stars_is_that_of_the_truth(rich, images):
    truth = rich.truths[0]
    light = truth.electrons * truth.scintillation
    inside = (truth.x[0] > 25) & (truth.x[0] < 358) & (truth.y[0] > 25) & (truth.y[0] < 358)
    bright = (light[0] > 4e4) & (light[0] < 2.5e5)
    chosen = np.nonzero(inside & bright & (truth.stars["foreign"] < 3e-3))[0]
    ratios = []
    for frame, image in enumerate(images):
        x, y = truth.x[frame, chosen], truth.y[frame, chosen]
        sums = net_sums(image, x, y, 4.0, sky_at(truth.frames[frame], x, y))
        ratios.append(sums / light[frame, chosen])
    above_the_gain_step = 1.0019
    assert len(chosen) >= 5
    assert np.mean(ratios) == pytest.approx(above_the_gain_step, abs=0.003)


def test_stars_are_where_the_truth_says(rich, images):
    from photutils.centroids import centroid_2dg, centroid_sources

    truth = rich.truths[0]
    x, y = truth.x[1], truth.y[1]
    inside = (x > 25) & (x < 358) & (y > 25) & (y < 358)
    light = truth.electrons[1]
    chosen = np.nonzero(inside & (truth.stars["foreign"] < 3e-3) & (light > 2e4) & (light < 2.5e5))[0]
    found = centroid_sources(images[1], x[chosen], y[chosen], box_size=7, centroid_func=centroid_2dg)
    off = np.array(found) - [x[chosen], y[chosen]]
    assert np.abs(np.median(off, axis=1)).max() < 0.01
    assert mad_std(off) < 0.03


def test_sky_is_that_of_the_truth(rich, images):
    sky = rich.truths[0].frames["sky_e"][1]
    assert sigma_clipped_stats(images[1], sigma=2.5)[1] == pytest.approx(sky, rel=0.02)


def test_noise_from_frame_to_frame_is_that_of_sky_dark_and_reading(rich):
    first, second = (raw(rich.folder / name) for name in rich.truths[0].frames["file"][:2])
    sky = rich.truths[0].frames["sky_e"][:2].mean()
    per_frame = mad_std((first - second)[100:280, 100:280]) / np.sqrt(2)
    middle_response = 1.06
    expected = np.sqrt(sky * middle_response + 16 + 1.56**2) / GAIN
    assert per_frame == pytest.approx(expected, rel=0.05)


def test_brightest_stars_are_saturated(rich):
    truth = rich.truths[0]
    data = fits.getdata(rich.folder / truth.frames["file"][0])
    x, y = np.rint([truth.x[0], truth.y[0]]).astype(int)
    inside = (x >= 0) & (x < 384) & (y >= 0) & (y < 384)
    bright = inside & (truth.electrons[0] > 1e6)
    assert (data[y[bright], x[bright]] == 65535).all() and bright.any()


def test_a_star_of_nine_and_a_half_nearly_saturates(camera):
    from ngcmos.simulate.detector import render_stars
    from ngcmos.simulate.sky import electrons_per_second

    light = electrons_per_second([9.5], 0.2) * 10
    peak = render_stars((9, 9), np.array([4.0]), np.array([4.0]), light, fwhm_px=2.0).max() / GAIN
    assert peak == pytest.approx(65535, rel=0.15)


def test_scintillation_has_its_scatter(rich):
    airmass = rich.truths[0].frames["airmass"].mean()
    assert rich.truths[0].scintillation.std() == pytest.approx(0.003366 * airmass**1.5, rel=0.1)
