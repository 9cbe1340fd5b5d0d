"""How much light of its neighbours in the catalog falls into a star's aperture."""

import functools

import numpy as np
from astropy.table import Table
from numpy.typing import ArrayLike

from ngcmos.arrays import Floats
from ngcmos.astrometry.growth import Growth
from ngcmos.config import Camera
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
    growth: Growth | None = None,
) -> Floats:
    """Light of all other stars in the aperture of each star, over the star's own light.

    Stars are as the field's own light grows where that is known, else round Gaussians: of one at the distance d, a
    circle of radius r holds the share P(r^2 / s^2) of the noncentral chi-square distribution of 2 degrees of
    freedom with noncentrality d^2 / s^2.

    Parameters
    ----------
    ra, dec : (stars,) array
        Degrees, finite.
    mag : (stars,) array
        NaN where unknown: such a star adds nothing, and its own contamination is NaN.
    radius_px, scale_arcsec, fwhm_px : float
        Aperture, arcsec a pixel, width of the stars.
    growth : Growth, optional

    Returns
    -------
    (stars,) array
    """
    known = np.asarray(mag, float)
    light = np.where(np.isfinite(known), 10 ** (-0.4 * np.nan_to_num(known)), 0.0)
    if known.size == 0:
        return np.zeros(0)
    pixel = np.radians(scale_arcsec / 3600)
    places = unit_vectors(np.asarray(ra, float), np.asarray(dec, float))
    wings_px = REACH_FWHM * fwhm_px if growth is None else growth.reach_px
    reach = 2 * np.sin((radius_px + wings_px) * pixel / 2)
    first, second = tree_of(places).query_pairs(reach, output_type="ndarray").T
    chord = np.linalg.norm(places[first] - places[second], axis=1)
    distance_px = 2 * np.arcsin(chord / 2) / pixel
    share_of = functools.partial(_gaussian_share, fwhm_px=fwhm_px) if growth is None else growth.share
    share = share_of(radius_px, distance_px)
    foreign = np.bincount(first, light[second] * share, minlength=known.size)
    foreign += np.bincount(second, light[first] * share, minlength=known.size)
    own = light * share_of(radius_px, np.zeros(1))
    shares: Floats = np.divide(foreign, own, out=np.full(known.size, np.nan), where=own > 0)
    return shares


def contamination_of(
    stars: Table,
    catalog: Table,
    radius_px: float,
    camera: Camera,
    fwhm_px: float = USUAL_FWHM_PX,
    growth: Growth | None = None,
) -> Floats:
    """(stars,) light of all other stars of the catalog in an aperture of each of `stars`, over the star's own."""
    tmag, gmag = (np.ma.filled(np.ma.asarray(catalog[name]).astype(float), np.nan) for name in ("Tmag", "Gmag"))
    of_all = contamination(
        catalog["ra_deg_corr"],
        catalog["dec_deg_corr"],
        np.where(np.isfinite(tmag), tmag, gmag),
        radius_px=radius_px,
        scale_arcsec=camera.detector.scale_arcsec,
        fwhm_px=fwhm_px,
        growth=growth,
    )
    tic_id = np.asarray(catalog["tic_id"])
    order = np.argsort(tic_id, kind="stable")
    shares: Floats = of_all[order[np.searchsorted(tic_id[order], np.asarray(stars["tic_id"]))]]
    return shares


def contaminations(
    stars: Table, catalog: Table, camera: Camera, fwhm_px: float, growth: Growth | None = None
) -> dict[str, Floats]:
    """Columns of STARS: the light of neighbours in each aperture, `contamination` that of the largest.

    Their light grows as the field's own does; else they are as wide as the night's, as usual where that is NaN.
    """
    width_px, radii = fwhm_px if np.isfinite(fwhm_px) else USUAL_FWHM_PX, camera.photometry.radii_px
    shares = {radius: contamination_of(stars, catalog, radius, camera, width_px, growth) for radius in radii}
    return {"contamination": shares[max(radii)]} | {f"contamination_{r:g}": share for r, share in shares.items()}


def _gaussian_share(radius_px: float, distance_px: Floats, *, fwhm_px: float) -> Floats:
    from scipy.special import chndtr

    sigma = _SIGMA_A_FWHM * fwhm_px
    shares: Floats = chndtr((radius_px / sigma) ** 2, 2, (distance_px / sigma) ** 2)
    return shares
