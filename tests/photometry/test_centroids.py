"""Own centroids: against another program, their errors, and what tells a blend from a transit."""

import dataclasses

import numpy as np
import pytest
import sep

from ngcmos.config import load_camera
from ngcmos.photometry.apertures import Exposure, measure
from ngcmos.photometry.centroids import SkyUnder, own_centroids, window_sigma

GAIN, SKY, SHAPE = 1.131, 200.0, (40, 40)
SIGMA = window_sigma(np.array([2.0, 3.0, 4.0, 5.0, 6.0]))
NEIGHBOUR = 6.0 / 4.05  # px: 6 arcsec
FRAMES = 138  # half an hour


def centroids(image, x, y, *, sky_rms=1.0):
    x, y = np.atleast_1d(np.asarray(x, float)), np.atleast_1d(np.asarray(y, float))
    under = SkyUnder(np.full(x.size, SKY), np.full(x.size, sky_rms))
    return own_centroids(image, x, y, under, sigma_px=SIGMA, gain_e_adu=GAIN)


def half_an_hour(paint, rng, x, y, flux):
    """dx, dy, dxerr, dyerr of the first star in frames with photon noise, (4, frames)."""
    clean = paint(SHAPE, x, y, flux, sky=SKY)
    rms = np.sqrt(SKY / GAIN)
    found = [
        centroids((rng.poisson(clean * GAIN) / GAIN).astype(np.float32), x[0], y[0], sky_rms=rms)
        for _ in range(FRAMES)
    ]
    return np.array([[one.dx[0], one.dy[0], one.dx_err[0], one.dy_err[0]] for one in found]).T


def winpos(paint, x, y, flux):
    """Another program's centroid of the first star, from an image without noise."""
    clean = np.ascontiguousarray(paint(SHAPE, x, y, flux), dtype=float)
    at_x, at_y, _ = sep.winpos(clean, x[:1], y[:1], SIGMA)
    return np.array([at_x[0], at_y[0]])


@pytest.mark.parametrize("off", [(0.0, 0.0), (0.3, -0.2), (-0.25, 0.25)])
def test_same_as_source_extractor(paint, off):
    x, y = np.array([20.3]), np.array([19.6])
    image = paint(SHAPE, x, y, np.array([1e5]), sky=SKY)
    found = centroids(image, x + off[0], y + off[1])
    expected = winpos(paint, x, y, np.array([1e5]))
    assert x + off[0] + found.dx == pytest.approx(expected[0], abs=0.003)
    assert y + off[1] + found.dy == pytest.approx(expected[1], abs=0.003)


@pytest.mark.parametrize("flux", [3e3, 3e4, 3e5])
def test_errors_are_the_scatter(paint, flux):
    dx, dy, dxerr, dyerr = half_an_hour(
        paint, np.random.default_rng(1), np.array([20.3]), np.array([19.6]), [flux]
    )
    assert np.std(np.concatenate([dx / dxerr, dy / dyerr])) == pytest.approx(1, abs=0.13)


def test_bright_star_is_known_to_a_thousandth_of_a_pixel_in_half_an_hour(paint):
    dx, dy, _, _ = half_an_hour(paint, np.random.default_rng(2), np.array([20.3]), np.array([19.6]), [1e5])
    assert max(dx.std(), dy.std()) / np.sqrt(FRAMES) < 0.001


@pytest.mark.parametrize(("dimmed", "moves"), [("neighbour", True), ("star", False)])
def test_eclipse_of_a_neighbour_moves_the_centroid_and_a_transit_does_not(paint, dimmed, moves):
    """A neighbour 6 arcsec off, 3 mag fainter, that loses half of its light; or the star alone with such a dip."""
    rng = np.random.default_rng(3)
    if dimmed == "neighbour":
        x, y = np.array([20.3, 20.3 + NEIGHBOUR * 0.8]), np.array([19.6, 19.6 + NEIGHBOUR * 0.6])
        before, during = np.array([2e5, 12.6e3]), np.array([2e5, 6.3e3])
    else:
        x, y, before, during = np.array([20.3]), np.array([19.6]), np.array([2e5]), np.array([1.94e5])
    out, eclipse = (half_an_hour(paint, rng, x, y, flux) for flux in (before, during))
    moved = eclipse[:2].mean(axis=1) - out[:2].mean(axis=1)
    error = np.sqrt((out[2:] ** 2 + eclipse[2:] ** 2).mean(axis=1) / FRAMES)
    expected = winpos(paint, x, y, during) - winpos(paint, x, y, before)
    assert np.all(np.abs(moved - expected) < 4 * error)
    assert (np.hypot(*moved) > 10 * error.max()) == moves


def test_nothing_at_the_edge_and_where_there_is_no_light(paint):
    image = paint(SHAPE, np.array([20.0]), np.array([20.0]), np.array([1e4]), sky=SKY)
    found = centroids(image, [1.0, 38.5, 8.0, 20.0], [20.0, 20.0, 8.0, 20.0])
    assert np.isfinite(found.dx).tolist() == [False, False, False, True]
    assert np.isfinite(found.dx_err).tolist() == [False, False, False, True]


def test_profile_switches_them_off_and_on(paint):
    camera = load_camera()
    x, y = np.array([60.3, 30.0]), np.array([59.6, -9.0])
    image = paint((128, 128), x[:1], y[:1], np.array([1e5]), sky=SKY).astype(np.float32)
    for wanted in (True, False):
        settings = dataclasses.replace(camera.photometry, centroids=wanted)
        found = measure(Exposure(image, image, 10.0), x, y, settings=settings, detector=camera.detector)
        assert np.isfinite(found.dx).tolist() == [wanted, False]
        assert np.isfinite(found.dyerr).tolist() == [wanted, False]
