"""Light of neighbours in an aperture, against pixels painted and counted."""

import functools

import numpy as np
import pytest

from ngcmos.astrometry.crowding import contamination

OPTIONS = {"radius_px": 6.0, "scale_arcsec": 4.0, "fwhm_px": 2.5}


def pair(distance_px, *, dec=0.0, ra=10.0):
    """Right ascensions and declinations of two stars, one to the east of the other."""
    step = distance_px * 4.0 / 3600 / np.cos(np.radians(dec))
    return np.array([ra, (ra + step) % 360]), np.array([dec, dec])


@functools.cache
def painted_share(distance_px):
    """Share of a Gaussian's light within the aperture, counted on a fine grid."""
    y, x = np.mgrid[-15:15:0.02, -15:15:0.02]
    sigma = 2.5 / 2.3548
    light = np.exp(-((x - distance_px) ** 2 + y**2) / (2 * sigma**2))
    return light[np.hypot(x, y) <= 6].sum() / light.sum()


@pytest.mark.parametrize("distance_px", [1.0, 5.0, 6.0, 7.0, 8.5])
def test_share_of_a_neighbour_is_the_one_of_painted_light(distance_px):
    ra, dec = pair(distance_px)
    found = contamination(ra, dec, [12.0, 13.0], **OPTIONS)
    expected = painted_share(distance_px) / painted_share(0.0) * 10**-0.4
    assert found[0] == pytest.approx(expected, rel=0.01, abs=1e-6)
    assert found[1] == pytest.approx(expected / 10**-0.8, rel=0.01, abs=1e-6)


@pytest.mark.parametrize(("dec", "ra"), [(60.0, 10.0), (0.0, 359.999), (-85.0, 359.99)])
def test_place_on_the_sky_does_not_matter(dec, ra):
    here = contamination(*pair(5.0), [12.0, 12.0], **OPTIONS)
    there = contamination(*pair(5.0, dec=dec, ra=ra), [12.0, 12.0], **OPTIONS)
    np.testing.assert_allclose(there, here, rtol=1e-4)


def test_star_alone_has_none():
    np.testing.assert_array_equal(contamination(*pair(40.0), [12.0, 6.0], **OPTIONS), 0)


def test_light_of_several_neighbours_adds():
    ra, dec = pair(3.0)
    three = contamination(
        np.append(ra, ra[0]), np.append(dec, dec[0] + 3 * 4 / 3600), [12.0, 13.0, 13.0], **OPTIONS
    )
    assert three[0] == pytest.approx(2 * contamination(ra, dec, [12.0, 13.0], **OPTIONS)[0], rel=1e-6)


def test_star_of_unknown_magnitude_adds_nothing_and_has_nothing_to_tell():
    found = contamination(*pair(3.0), [12.0, np.nan], **OPTIONS)
    assert found[0] == 0
    assert np.isnan(found[1])


def test_no_stars():
    assert contamination([], [], [], **OPTIONS).shape == (0,)
