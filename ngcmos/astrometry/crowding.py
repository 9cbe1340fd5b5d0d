"""How much light of its neighbours in the catalog falls into a star's aperture."""

import numpy as np
from scipy.spatial import cKDTree
from scipy.special import chndtr

USUAL_FWHM_PX = 2.5
REACH_FWHM = 2.0  # neighbours further outside of the aperture than this leave 1e-6 of their light in it
_SIGMA_A_FWHM = 1 / np.sqrt(8 * np.log(2))


def contamination(ra, dec, mag, *, radius_px, scale_arcsec, fwhm_px=USUAL_FWHM_PX):
    """Light of all other stars in the aperture of each star, over the star's own light.

    Stars are round Gaussians: of one at the distance d, a circle of radius r holds the share P(r^2 / s^2) of the
    noncentral chi-square distribution of 2 degrees of freedom with noncentrality d^2 / s^2.

    Parameters
    ----------
    ra, dec : (stars,) array
        Degrees, finite.
    mag : (stars,) array
        NaN where unknown: such a star adds nothing, and its own contamination is NaN.
    radius_px, scale_arcsec, fwhm_px : float
        Aperture, arcsec a pixel, width of the stars.

    Returns
    -------
    (stars,) array
    """
    mag = np.asarray(mag, float)
    light = np.where(np.isfinite(mag), 10 ** (-0.4 * np.nan_to_num(mag)), 0.0)
    if mag.size == 0:
        return np.zeros(0)
    pixel = np.radians(scale_arcsec / 3600)
    places = _unit_vectors(ra, dec)
    reach = 2 * np.sin((radius_px + REACH_FWHM * fwhm_px) * pixel / 2)
    first, second = cKDTree(places).query_pairs(reach, output_type="ndarray").T
    chord = np.linalg.norm(places[first] - places[second], axis=1)
    distance_px = 2 * np.arcsin(chord / 2) / pixel
    sigma = _SIGMA_A_FWHM * fwhm_px
    share = chndtr((radius_px / sigma) ** 2, 2, (distance_px / sigma) ** 2)
    foreign = np.bincount(first, light[second] * share, minlength=mag.size)
    foreign += np.bincount(second, light[first] * share, minlength=mag.size)
    own = light * chndtr((radius_px / sigma) ** 2, 2, 0.0)
    return np.divide(foreign, own, out=np.full(mag.size, np.nan), where=own > 0)


def _unit_vectors(ra, dec):
    ra, dec = np.radians(np.asarray(ra, float)), np.radians(np.asarray(dec, float))
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)
