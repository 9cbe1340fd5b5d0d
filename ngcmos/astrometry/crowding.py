"""How much light of its neighbours in the catalog falls into a star's aperture."""

import numpy as np
from numpy.typing import ArrayLike

from ngcmos.arrays import Floats
from ngcmos.neighbours import tree_of
from ngcmos.sphere import unit_vectors

USUAL_FWHM_PX = 2.5
REACH_FWHM = 2.0  # neighbours further outside of the aperture than this leave 1e-6 of their light in it
_SIGMA_A_FWHM = 1 / np.sqrt(8 * np.log(2))


def contamination(
    ra: ArrayLike,
    dec: ArrayLike,
    mag: ArrayLike,
    *,
    radius_px: float,
    scale_arcsec: float,
    fwhm_px: float = USUAL_FWHM_PX,
) -> Floats:
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
    from scipy.special import chndtr

    known = np.asarray(mag, float)
    light = np.where(np.isfinite(known), 10 ** (-0.4 * np.nan_to_num(known)), 0.0)
    if known.size == 0:
        return np.zeros(0)
    pixel = np.radians(scale_arcsec / 3600)
    places = unit_vectors(np.asarray(ra, float), np.asarray(dec, float))
    reach = 2 * np.sin((radius_px + REACH_FWHM * fwhm_px) * pixel / 2)
    first, second = tree_of(places).query_pairs(reach, output_type="ndarray").T
    chord = np.linalg.norm(places[first] - places[second], axis=1)
    distance_px = 2 * np.arcsin(chord / 2) / pixel
    sigma = _SIGMA_A_FWHM * fwhm_px
    share = chndtr((radius_px / sigma) ** 2, 2, (distance_px / sigma) ** 2)
    foreign = np.bincount(first, light[second] * share, minlength=known.size)
    foreign += np.bincount(second, light[first] * share, minlength=known.size)
    own = light * chndtr((radius_px / sigma) ** 2, 2, 0.0)
    shares: Floats = np.divide(foreign, own, out=np.full(known.size, np.nan), where=own > 0)
    return shares
