"""Zero points of made-up stars, and their fluxes on an image."""

import numpy as np
import pytest
from made_sky import electrons_of, render
from photutils.aperture import CircularAperture, aperture_photometry

from ngcmos.astrometry.zeropoint import (
    aperture_flux,
    measure_zero_point,
    zero_point,
    zero_point_cards,
)
from ngcmos.errors import FrameError

SHAPE = (400, 500)


def make_stars(seed=1, count=300, zero=20.8, scatter=0.02):
    """(flux per second, tmag, x, y) of stars with a known zero point."""
    rng = np.random.default_rng(seed)
    tmag = rng.uniform(9, 14, count)
    flux = 10 ** (0.4 * (zero - tmag + rng.normal(0, scatter, count)))
    return flux, tmag, rng.uniform(0, 499, count), rng.uniform(0, 399, count)


def surface_at(zero, x, y):
    """Zero point at 0-based pixels, by the meaning of its cards: sums of s**i t**j."""
    s, t = x / (SHAPE[1] - 1), y / (SHAPE[0] - 1)
    return sum(zero.surface[i, j] * s**i * t**j for i in range(3) for j in range(3))


def test_zero_point_is_the_median():
    found = zero_point(*make_stars(), shape=SHAPE)
    assert found.median == pytest.approx(20.8, abs=0.005)
    assert found.scatter == pytest.approx(0.02, rel=0.15)
    assert 290 <= found.count <= 300


def test_outliers_are_clipped():
    flux, tmag, x, y = make_stars()
    flux[:30] *= 3.0
    found = zero_point(flux, tmag, x, y, shape=SHAPE)
    assert found.median == pytest.approx(20.8, abs=0.01)
    assert found.count <= 270
    assert found.scatter == pytest.approx(0.02, rel=0.15)


@pytest.mark.parametrize("bad", [np.nan, 0.0, -5.0])
def test_stars_without_flux_are_left_out(bad):
    flux, tmag, x, y = make_stars()
    flux[:10] = bad
    assert zero_point(flux, tmag, x, y, shape=SHAPE).count <= 290


def test_stars_without_magnitude_are_left_out():
    flux, tmag, x, y = make_stars()
    tmag[:10] = np.nan
    assert np.isfinite(zero_point(flux, tmag, x, y, shape=SHAPE).median)


def test_equal_stars_are_not_clipped_by_rounding():
    tmag = np.linspace(9, 14, 50)
    found = zero_point(10 ** (0.4 * (20.0 - tmag)), tmag, np.arange(50.0), np.arange(50.0), shape=SHAPE)
    assert found.count == 50


@pytest.mark.parametrize("count", [0, 2])
def test_too_few_stars(count):
    with pytest.raises(FrameError, match=f"no zero point: {count} stars with flux, expected at least 3"):
        zero_point(*(column[:count] for column in make_stars()), shape=SHAPE)


def test_surface_follows_the_chip():
    flux, tmag, x, y = make_stars(scatter=0.005)
    true = 0.1 * (x / 499) - 0.2 * (y / 399) ** 2
    found = zero_point(flux * 10 ** (0.4 * true), tmag, x, y, shape=SHAPE)
    np.testing.assert_allclose(surface_at(found, x, y), 20.8 + true, atol=0.006)
    assert found.surface[1, 0] == pytest.approx(0.1, abs=0.03)
    assert found.surface[0, 2] == pytest.approx(-0.2, abs=0.03)
    assert found.surface_count > 280


def test_few_stars_have_a_flat_surface():
    found = zero_point(*(column[:20] for column in make_stars()), shape=SHAPE)
    assert found.surface_count == 0
    assert surface_at(found, 100.0, 100.0) == found.median


def test_cards_of_a_zero_point():
    found = zero_point(*make_stars(), shape=SHAPE)
    cards = {keyword: value for keyword, value, _ in zero_point_cards(found)}
    assert (cards["MAGZP_T"], cards["MAGZP_TS"], cards["MAGZP_TC"]) == (found.median, found.scatter, found.count)
    assert (cards["ZP_ORDER"], cards["ZPCALCN2"]) == (2, found.surface_count)
    assert {"ZP_0_0", "ZP_1_0", "ZP_0_1", "ZP_2_0", "ZP_1_1", "ZP_0_2"} <= set(cards)
    assert all(len(keyword) <= 8 for keyword in cards)


def star_image(**options):
    rng = np.random.default_rng(2)
    x, y = (
        grid.ravel() + rng.uniform(-0.5, 0.5, 99)
        for grid in np.meshgrid(np.arange(40, 480, 40), np.arange(40, 400, 40))
    )
    tmag = rng.uniform(10, 12, len(x))
    return render(rng, x, y, electrons_of(tmag), shape=SHAPE, **options), x, y, tmag


def test_flux_is_the_exact_aperture_sum():
    image, x, y, _ = star_image(sky_e=0.0, read_noise_e=0.0, bias_adu=0)
    expected = aperture_photometry(image, CircularAperture(np.stack([x, y], axis=1), 5.0))["aperture_sum"]
    np.testing.assert_allclose(aperture_flux(image, x, y, radius_px=5.0), expected, rtol=1e-5)


def test_flux_does_not_hold_the_sky():
    image, x, y, tmag = star_image(sky_e=2000.0)
    expected = electrons_of(tmag) / 1.131
    np.testing.assert_allclose(aperture_flux(image, x, y, radius_px=5.0), expected, rtol=0.02, atol=1500)


def test_flux_needs_the_whole_surroundings():
    image, *_ = star_image()
    flux = aperture_flux(image, np.array([3.0, 250.0, np.nan, 600.0]), np.array([100.0, 398.0, 9.0, 9.0]))
    assert np.isnan(flux).all()


def test_flux_of_a_star_with_unusable_pixels_is_unknown():
    image, x, y, _ = star_image()
    pixels = image.astype(float)
    pixels[round(y[0]), round(x[0])] = np.nan
    flux = aperture_flux(pixels, x, y)
    assert np.isnan(flux[0])
    assert np.isfinite(flux[1:]).all()


def test_zero_point_of_an_image():
    image, x, y, tmag = star_image()
    found = measure_zero_point(image, x, y, tmag, exptime_s=10.0)
    assert found.median == pytest.approx(21.0 - 2.5 * np.log10(1.131), abs=0.01)
    assert found.scatter < 0.02
