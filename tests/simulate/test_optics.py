"""The way from the sky to pixels, against astropy's TAN-SIP."""

import dataclasses

import numpy as np
import pytest
from astropy.wcs import WCS, Sip

from ngcmos.simulate.optics import Optics, distort, sky_to_pixels

OPTICS = Optics(350.1, -13.0, 2048, 2048, 4.05, rotation_deg=20.0, distortion_px=3.0)


def astropy_wcs(optics):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN-SIP", "DEC--TAN-SIP"]
    wcs.wcs.crval = [optics.ra, optics.dec]
    wcs.wcs.crpix = [(optics.columns + 1) / 2, (optics.rows + 1) / 2]
    angle, step = np.deg2rad(optics.rotation_deg), optics.scale_arcsec / 3600
    east_left = np.array([[-np.cos(angle), -np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) * step
    wcs.wcs.cd = east_left @ np.diag([optics.parity, 1])
    radius = np.hypot(optics.rows, optics.columns) / 2
    cube, square = optics.distortion_px / radius**3, 0.1 * optics.distortion_px / radius**2
    a, b = np.zeros((4, 4)), np.zeros((4, 4))
    a[3, 0] = a[1, 2] = b[2, 1] = b[0, 3] = cube
    a[2, 0], a[0, 2], b[1, 1] = 3 * square, square, 2 * square
    wcs.sip = Sip(a, b, None, None, wcs.wcs.crpix)
    return wcs


def pixels_to_sky(x, y, shift=(0.0, 0.0)):
    """ICRS degrees of 0-based pixels, by the plane and its inverse gnomonic projection."""
    u, v = distort(OPTICS, np.asarray(x) - OPTICS.centre[0], np.asarray(y) - OPTICS.centre[1])
    xi, eta = np.deg2rad(np.tensordot(OPTICS.matrix, np.array([u - shift[0], v - shift[1]]), axes=1))
    dec0 = np.deg2rad(OPTICS.dec)
    depth = np.cos(dec0) - eta * np.sin(dec0)
    ra = np.rad2deg(np.arctan2(xi, depth)) + OPTICS.ra
    dec = np.rad2deg(np.arctan2(np.sin(dec0) + eta * np.cos(dec0), np.hypot(xi, depth)))
    return ra % 360, dec


@pytest.mark.parametrize("parity", [1, -1])
@pytest.mark.parametrize("rotation", [0.0, 20.0, 181.0])
def test_pixels_agree_with_tan_sip_of_astropy(parity, rotation):
    optics = dataclasses.replace(OPTICS, parity=parity, rotation_deg=rotation)
    x, y = np.random.default_rng(1).uniform(0, 2047, (2, 200))
    ra, dec = astropy_wcs(optics).all_pix2world(x, y, 0)
    found = sky_to_pixels(optics, ra, dec)
    np.testing.assert_allclose(found, [x, y], atol=1e-6)


def test_sky_agrees_with_tan_sip_of_astropy():
    x, y = np.random.default_rng(2).uniform(0, 2047, (2, 200))
    np.testing.assert_allclose(pixels_to_sky(x, y), astropy_wcs(OPTICS).all_pix2world(x, y, 0), atol=1e-10)


def test_a_shift_moves_the_centre_by_itself():
    x, y = sky_to_pixels(OPTICS, np.array([OPTICS.ra]), np.array([OPTICS.dec]), shift=(12.0, -7.0))
    np.testing.assert_allclose([x[0] - 1023.5, y[0] - 1023.5], [12, -7], atol=2e-3)


def test_shift_and_back_is_the_same_place():
    ra, dec = pixels_to_sky(np.array([100.0, 1900]), np.array([50.0, 600]), shift=(40.0, 25.0))
    x, y = sky_to_pixels(OPTICS, ra, dec, shift=(40.0, 25.0))
    np.testing.assert_allclose([x, y], [[100, 1900], [50, 600]], atol=1e-7)


def test_corner_is_bent_by_the_distortion_asked_for():
    u, v = distort(OPTICS, np.array([1024.0]), np.array([1024.0]))
    assert np.hypot(u[0] - 1024, v[0] - 1024) == pytest.approx(3.0, rel=0.35)


def test_stars_far_outside_do_not_fall_on_the_chip():
    x, y = sky_to_pixels(OPTICS, OPTICS.ra + np.array([5.0, -9.0, 20.0]), OPTICS.dec + np.array([4.0, 9.0, -20.0]))
    assert not np.any((x > 0) & (x < 2048) & (y > 0) & (y < 2048))
