"""What every star's count scatters by: one place for the noise terms, for apertures and for figures.

``noise_terms(...)`` gives the variance of each term in ADU^2, ``Noise.total`` the sum; ``scintillation(...)`` the
relative scatter the air adds; ``noise_curve(...)`` the expected relative scatter against flux.
"""

import dataclasses

import numpy as np

SCALE_HEIGHT_M = 8000.0  # of the atmosphere, for scintillation
QUANTISATION_ADU2 = 1.0 / 12.0  # variance of rounding to whole counts


@dataclasses.dataclass(frozen=True, eq=False)
class Noise:
    """Variances of an aperture sum in ADU^2, one attribute a term, shaped as the flux."""

    star: np.ndarray
    sky: np.ndarray
    dark: np.ndarray
    read: np.ndarray
    quantisation: np.ndarray
    sky_estimate: np.ndarray

    @property
    def total(self):
        """Sum of all terms, ADU^2."""
        return self.star + self.sky + self.dark + self.read + self.quantisation + self.sky_estimate


def noise_area(radius_px):
    """Sum of the squared shares that a circle covers of its pixels: the area that per-pixel noise counts with.

    A pixel covered to a share w adds w to the counts, and w^2 of its variance to the noise. Along an edge that
    crosses the pixels anywhere, w - w^2 sums to 1/6 a pixel of length, thus pi r^2 - 2 pi r / 6 on average;
    within 1 % for radii from 1 px on, and taken as at least a quarter of the area.
    """
    radius_px = np.asarray(radius_px, float)
    area = np.pi * radius_px**2
    return np.maximum(area - np.pi * radius_px / 3, area / 4)


def noise_terms(flux, sky, *, radius_px, detector, exptime_s, sky_sigma=0.0, sky_count=np.inf):
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
    exptime_s : float
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
        "dark": pixels * detector.dark_e_s * exptime_s / gain**2,
        "read": pixels * detector.read_noise_e**2 / gain**2,
        "quantisation": pixels * QUANTISATION_ADU2,
        "sky_estimate": (area * np.asarray(sky_sigma)) ** 2 / sky_count,
    }
    shape = np.broadcast_shapes(*(np.shape(term) for term in terms.values()))
    return Noise(**{name: np.broadcast_to(term, shape) for name, term in terms.items()})


def scintillation(exptime_s, airmass, *, telescope, elevation_m):
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
    return np.sqrt(variance)


def noise_curve(flux, sky, *, radius_px, detector, exptime_s, scintillation_rms=0.0, **sky_estimate):
    """Expected relative scatter of one exposure against flux, term by term.

    Parameters
    ----------
    flux : (n,) array
        Net counts in ADU, positive.
    sky, radius_px, detector, exptime_s, **sky_estimate
        As of `noise_terms`.
    scintillation_rms : float
        As of `scintillation`.

    Returns
    -------
    dict of (n,) arrays
        rms / flux of "star", "sky", "dark", "read", "quantisation", "sky_estimate", "scintillation", "total".
    """
    flux = np.asarray(flux, float)
    noise = noise_terms(flux, sky, radius_px=radius_px, detector=detector, exptime_s=exptime_s, **sky_estimate)
    curve = {f.name: np.sqrt(getattr(noise, f.name)) / flux for f in dataclasses.fields(noise)}
    curve["scintillation"] = np.full(flux.shape, float(scintillation_rms))
    curve["total"] = np.sqrt(noise.total / flux**2 + scintillation_rms**2)
    return curve
