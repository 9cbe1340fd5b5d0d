"""What every star's count scatters by: one place for the noise terms, for apertures and for figures.

``noise_terms(...)`` gives the variance of each term in ADU^2, ``Noise.total`` the sum; ``scintillation(...)`` the
relative scatter the air adds; ``noise_curve(...)`` the expected relative scatter against flux.
"""

import dataclasses

import numpy as np
from numpy.typing import ArrayLike

from ngcmos.arrays import Floats
from ngcmos.config import Detector, Telescope

SCALE_HEIGHT_M = 8000.0  # of the atmosphere, for scintillation
QUANTISATION_ADU2 = 1.0 / 12.0  # variance of rounding to whole counts


@dataclasses.dataclass(frozen=True, eq=False)
class Noise:
    """Variances of an aperture sum in ADU^2, one attribute a term, shaped as the flux."""

    star: Floats
    sky: Floats
    dark: Floats
    read: Floats
    quantisation: Floats
    sky_estimate: Floats

    @property
    def total(self) -> Floats:
        """Sum of all terms, ADU^2."""
        return self.star + self.sky + self.dark + self.read + self.quantisation + self.sky_estimate


def noise_area(radius_px: ArrayLike) -> Floats:
    """Sum of the squared shares that a circle covers of its pixels: the area that per-pixel noise counts with.

    A pixel covered to a share w adds w to the counts, and w^2 of its variance to the noise. Along an edge that
    crosses the pixels anywhere, w - w^2 sums to 1/6 a pixel of length, thus pi r^2 - 2 pi r / 6 on average;
    within 1 % for radii from 1 px on, and taken as at least a quarter of the area.
    """
    radius = np.asarray(radius_px, float)
    area = np.pi * radius**2
    return np.maximum(area - np.pi * radius / 3, area / 4)


def noise_terms(
    flux: ArrayLike,
    sky: ArrayLike,
    *,
    radius_px: ArrayLike,
    detector: Detector,
    exptime_s: ArrayLike,
    sky_sigma: ArrayLike = 0.0,
    sky_count: ArrayLike = np.inf,
) -> Noise:
    """Variance of each noise term of an aperture sum: the CCD equation.

    Merline & Howell 1995, Exp. Astron. 6, 163, eqs. 5 and 25, divided by the gain squared, so that all is in
    ADU; rounding adds 1/12 ADU^2 a pixel. Pixels count by `noise_area`. Negative light carries no photon noise.

    Parameters
    ----------
    flux : array
        Net counts of the star in ADU.
    sky : array
        Sky in ADU per pixel.
    radius_px : array or float
        Radius of the aperture.
    detector : ngcmos.config.Detector
        Gain (e-/ADU), read noise (e-), dark current (e-/px/s).
    exptime_s : array or float
    sky_sigma, sky_count : array or float
        Scatter of the sky pixels in ADU, and how many of them the sky estimate rests on.

    Returns
    -------
    Noise
        Each term broadcast to the shape of `flux`.
    """
    gain = detector.gain_e_adu
    pixels, area = noise_area(radius_px), np.pi * np.asarray(radius_px) ** 2
    terms = {
        "star": np.maximum(flux, 0.0) / gain,
        "sky": pixels * np.maximum(sky, 0.0) / gain,
        "dark": pixels * detector.dark_e_s * np.asarray(exptime_s) / gain**2,
        "read": pixels * detector.read_noise_e**2 / gain**2,
        "quantisation": pixels * QUANTISATION_ADU2,
        "sky_estimate": (area * np.asarray(sky_sigma)) ** 2 / np.asarray(sky_count),
    }
    shape = np.broadcast_shapes(*(np.shape(term) for term in terms.values()))
    return Noise(**{name: np.broadcast_to(term, shape) for name, term in terms.items()})


def pixel_variance(sky: ArrayLike, *, detector: Detector, exptime_s: float) -> Floats:
    """Variance of a pixel without stars, ADU^2: sky (ADU), dark, read noise and rounding, as in `noise_terms`."""
    gain = detector.gain_e_adu
    electrons = detector.dark_e_s * exptime_s + detector.read_noise_e**2
    variance: Floats = np.maximum(sky, 0.0) / gain + electrons / gain**2 + QUANTISATION_ADU2
    return variance


def scintillation(exptime_s: ArrayLike, airmass: ArrayLike, *, telescope: Telescope, elevation_m: float) -> Floats:
    """Relative scatter (rms of flux / flux) that scintillation adds to one exposure.

    Osborn et al. 2015, MNRAS 452, 1707, eq. 7: sigma^2 = 1e-5 C_Y^2 D^(-4/3) t^-1 sec(z)^3 exp(-2 h / H), with D
    and the heights in metres, t in seconds, H = 8000 m.

    Parameters
    ----------
    exptime_s, airmass : array or float
    telescope : ngcmos.config.Telescope
        Aperture in metres and C_Y of the site.
    elevation_m : float
        Height of the site above the sea.
    """
    variance = (
        1e-5
        * telescope.scintillation_cy**2
        * telescope.aperture_m ** (-4.0 / 3.0)
        / np.asarray(exptime_s)
        * np.asarray(airmass) ** 3
        * np.exp(-2.0 * elevation_m / SCALE_HEIGHT_M)
    )
    rms: Floats = np.sqrt(variance)
    return rms


def noise_curve(
    flux: ArrayLike,
    sky: ArrayLike,
    *,
    radius_px: float,
    detector: Detector,
    exptime_s: float,
    sky_error: float = 0.0,
    scintillation_rms: float = 0.0,
) -> dict[str, Floats]:
    """Expected relative scatter of one exposure against flux, term by term.

    Parameters
    ----------
    flux : (n,) array
        Net counts in ADU, positive.
    sky, radius_px, detector, exptime_s
        As of `noise_terms`.
    sky_error : float
        Standard error of the sky in ADU per pixel.
    scintillation_rms : float
        As of `scintillation`.

    Returns
    -------
    dict of (n,) arrays
        rms / flux of "star", "sky", "dark", "read", "quantisation", "sky_estimate", "scintillation", "total".
    """
    light = np.asarray(flux, float)
    ccd = {"radius_px": radius_px, "exptime_s": exptime_s, "sky_sigma": sky_error, "sky_count": 1.0}
    noise = noise_terms(light, sky, detector=detector, **ccd)
    curve = {f.name: np.sqrt(getattr(noise, f.name)) / light for f in dataclasses.fields(noise)}
    curve["scintillation"] = np.full(light.shape, float(scintillation_rms))
    curve["total"] = np.sqrt(noise.total / light**2 + scintillation_rms**2)
    return curve
