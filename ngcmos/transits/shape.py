"""Shape of a transit: the limb-darkened model of batman, and what it needs to know of the star.

``dip(offset_d, shape, limb)`` is 1 at mid-transit and 0 outside, so that a light curve is
``trend * (1 - depth * dip)`` and the depth is what the star loses at mid-transit.
"""

import dataclasses

import numpy as np
from numpy.typing import ArrayLike

from ngcmos.arrays import Floats

USUAL_TEFF_K = 5800.0
USUAL_PERIOD_D = 3.0  # where none is known: an orbit so long bends no transit
LEAST_PERIOD_DURATIONS = 4.0
_FINE_STEPS = 400  # of a shape, interpolated between
_SUPERSAMPLE, _SUPERSAMPLE_FROM = 7, 1 / 40  # exposures longer than this share of the transit are smeared

# Quadratic law, log g 4.5, solar metallicity, band of TESS (the nearest to that of NGTS): Claret 2018, A&A 618,
# A20, table 5, spherical PHOENIX-COND models.
_TEFF_K = (2600.0, 3000, 3500, 4000, 4500, 5100, 5500, 6000, 6500, 7000, 8000, 9000)
_U1 = (0.3317, 0.1719, 0.2007, 0.3416, 0.5047, 0.4258, 0.3876, 0.3362, 0.3092, 0.2858, 0.2341, 0.1807)
_U2 = (0.5171, 0.4977, 0.4094, 0.2948, 0.1564, 0.1936, 0.2036, 0.2251, 0.2271, 0.2290, 0.2335, 0.2305)


@dataclasses.dataclass(frozen=True)
class Limb:
    """Coefficients of the quadratic law of limb darkening."""

    u1: float
    u2: float


@dataclasses.dataclass(frozen=True)
class Shape:
    """A transit without its time and depth.

    Attributes
    ----------
    width_d : float
        Days from the planet's centre on one limb of the star to its centre on the other one.
    impact : float
        Least distance of the centres, in radii of the star; below 1.
    radius_ratio : float
        Radius of the planet over that of the star.
    period_d : float
    """

    width_d: float
    impact: float
    radius_ratio: float
    period_d: float = USUAL_PERIOD_D

    @property
    def duration_d(self) -> float:
        """Days from first to last contact."""
        outer = (1 + self.radius_ratio) ** 2 - self.impact**2
        return float(self.width_d * np.sqrt(outer / (1 - self.impact**2)))


def limb_of(teff_k: float) -> Limb:
    """Limb darkening of a dwarf of that effective temperature; that of a star like the Sun where it is NaN."""
    teff_k = teff_k if np.isfinite(teff_k) else USUAL_TEFF_K
    return Limb(float(np.interp(teff_k, _TEFF_K, _U1)), float(np.interp(teff_k, _TEFF_K, _U2)))


def transit_flux(offset_d: ArrayLike, shape: Shape, limb: Limb, *, exptime_d: float = 0.0) -> Floats:
    """Relative flux of the star at so many days from mid-transit, on a circular orbit.

    Parameters
    ----------
    offset_d : (n,) array
    shape : Shape
    limb : Limb
    exptime_d : float
        The flux is averaged over so long an exposure.
    """
    import batman

    period_d = max(shape.period_d, LEAST_PERIOD_DURATIONS * shape.duration_d)
    outer = (1 + shape.radius_ratio) ** 2 - shape.impact**2
    axis = np.sqrt(shape.impact**2 + outer / np.sin(np.pi * shape.duration_d / period_d) ** 2)
    orbit = batman.TransitParams()
    orbit.t0, orbit.per, orbit.ecc, orbit.w = 0.0, period_d, 0.0, 90.0
    orbit.rp, orbit.a, orbit.inc = shape.radius_ratio, axis, np.degrees(np.arccos(shape.impact / axis))
    orbit.u, orbit.limb_dark = [limb.u1, limb.u2], "quadratic"
    smeared = exptime_d > _SUPERSAMPLE_FROM * shape.duration_d
    times = np.ascontiguousarray(offset_d, float)
    model = batman.TransitModel(
        orbit, times, supersample_factor=_SUPERSAMPLE if smeared else 1, exp_time=exptime_d if smeared else 0.0
    )
    flux: Floats = model.light_curve(orbit)
    return flux


def mid_depth(shape: Shape, limb: Limb) -> float:
    """Share of its light that the star loses at mid-transit."""
    return float(1 - transit_flux([0.0], shape, limb)[0])


def dips(offset_d: Floats, shape: Shape, limb: Limb, *, exptime_d: float = 0.0) -> Floats:
    """Loss of light over that at mid-transit, for an array of any shape of days from it; 0 outside."""
    reach = (shape.duration_d + exptime_d) / 2
    fine = np.linspace(-reach, reach, _FINE_STEPS + 1)
    loss = (1 - transit_flux(fine, shape, limb, exptime_d=exptime_d)) / mid_depth(shape, limb)
    shares: Floats = np.interp(offset_d, fine, loss, left=0.0, right=0.0)
    return shares


def radius_ratio_of(depth: float, impact: float, limb: Limb) -> float:
    """Radius of a small planet over that of its star, from the loss of light at mid-transit.

    The planet hides light of the brightness at its centre (Mandel & Agol 2002, ApJ 580, L171, section 5) of a star
    whose mean brightness is 1 - u1 / 3 - u2 / 6.
    """
    dark = 1 - np.sqrt(1 - min(impact, 1.0) ** 2)
    brightness = (1 - limb.u1 * dark - limb.u2 * dark**2) / (1 - limb.u1 / 3 - limb.u2 / 6)
    return float(np.sqrt(max(depth, 0.0) / brightness))
