"""TAN-SIP plate solutions, and how they are applied.

A `Solution` maps pixels to the sky as the SIP convention does (Shupe et al. 2005, ASP Conf. 347, 491)::

    u, v = x - crpix_x, y - crpix_y
    xi, eta = CD @ (u + A(u, v), v + B(u, v))        tangent plane at crval, degrees

with 0-based pixels and polynomials A, B without constant or linear terms. `to_pixels` and `to_sky` apply one;
`ngcmos.astrometry.fitting` makes one from matched stars, `ngcmos.astrometry.wcs_header` writes and reads it.
"""

import dataclasses
import math
from collections.abc import Iterable

import numpy as np
from numpy.polynomial.polynomial import polyval2d
from numpy.typing import ArrayLike

from ngcmos.arrays import Floats, Ints, Place, Shape

Terms = list[Floats]  # of each power of v: (powers of u, k) coefficients of k polynomials

ORDER = 3
FIELD_LIMIT_DEG = 30.0
NEWTON_STEPS = 6
CONVERGED_PX = 1e-7
FOLD_LIMIT = 0.5


def no_distortion(order: int = ORDER) -> Floats:
    return np.zeros((order + 1, order + 1))


def _empty() -> Floats:
    return np.empty(0)


@dataclasses.dataclass(frozen=True, eq=False)
class Solution:
    """A plate solution, with the stars it was made from where they are known.

    Attributes
    ----------
    crval : (float, float)
        Right ascension and declination of the tangent point, degrees.
    crpix : (float, float)
        Its 0-based pixel x, y.
    cd : (2, 2) array
        Degrees per pixel.
    a, b : (n, n) arrays
        SIP coefficients: `a[i, j]` belongs to u**i v**j, zero for i + j < 2.
    ap, bp : (m, m) arrays
        Coefficients of the approximate inverse, as in the AP_i_j and BP_i_j cards.
    index : (k,) int array
        Rows of the matched stars in the list that was given to the fit.
    x, y : (k,) arrays
        Their measured 0-based positions.
    dx, dy : (k,) arrays
        Measured minus predicted, pixels.
    rms : float
        Root mean square of hypot(dx, dy); NaN without matched stars.
    fwhm : float
        Median width of the brightest of them, pixels; NaN where it was not measured.
    rung : str
        What found it: forced, shift, triangles, guess, solve-field or header.
    """

    crval: Place
    crpix: Place
    cd: Floats
    a: Floats = dataclasses.field(default_factory=no_distortion)
    b: Floats = dataclasses.field(default_factory=no_distortion)
    ap: Floats = dataclasses.field(default_factory=no_distortion)
    bp: Floats = dataclasses.field(default_factory=no_distortion)
    index: Ints = dataclasses.field(default_factory=lambda: np.empty(0, dtype=int))
    x: Floats = dataclasses.field(default_factory=_empty)
    y: Floats = dataclasses.field(default_factory=_empty)
    dx: Floats = dataclasses.field(default_factory=_empty)
    dy: Floats = dataclasses.field(default_factory=_empty)
    rms: float = math.nan
    fwhm: float = math.nan
    rung: str = ""

    @property
    def n(self) -> int:
        """Number of matched stars."""
        return len(self.index)

    @property
    def scale_arcsec(self) -> float:
        """Arcseconds per pixel at the tangent point."""
        return 3600.0 * math.sqrt(abs(np.linalg.det(self.cd)))

    @property
    def residual(self) -> Floats:
        """Distance of each matched star from its prediction, pixels."""
        distance: Floats = np.hypot(self.dx, self.dy)
        return distance


def project(ra: ArrayLike, dec: ArrayLike, crval: Place) -> tuple[Floats, Floats]:
    """Tangent-plane coordinates xi, eta in degrees; NaN more than 30 degrees from `crval`.

    Calabretta & Greisen 2002, A&A 395, 1077, section 5.1.3.
    """
    ra0, dec0 = np.radians(crval)
    alpha, delta = np.radians(ra) - ra0, np.radians(dec)
    cos_alpha, sin_delta, cos_delta = np.cos(alpha), np.sin(delta), np.cos(delta)
    cos_distance = np.sin(dec0) * sin_delta + np.cos(dec0) * cos_delta * cos_alpha
    near = np.where(cos_distance > math.cos(math.radians(FIELD_LIMIT_DEG)), cos_distance, np.nan)
    xi = cos_delta * np.sin(alpha) / near
    eta = (np.cos(dec0) * sin_delta - np.sin(dec0) * cos_delta * cos_alpha) / near
    return np.degrees(xi), np.degrees(eta)


def deproject(xi: ArrayLike, eta: ArrayLike, crval: Place) -> tuple[Floats, Floats]:
    """Right ascension (0 to 360) and declination of tangent-plane coordinates, all in degrees."""
    ra0, dec0 = np.radians(crval)
    east, up = np.radians(xi), np.radians(eta)
    north = np.cos(dec0) - up * np.sin(dec0)
    ra = ra0 + np.arctan2(east, north)
    dec = np.arctan2(np.sin(dec0) + up * np.cos(dec0), np.hypot(east, north))
    return np.degrees(ra) % 360.0, np.degrees(dec)


def rotation_of(solution: Solution) -> float:
    """Position angle of the chip's y axis, degrees east of north, 0 to 360."""
    east, north = solution.cd[:, 1]
    return float(np.degrees(np.arctan2(east, north)) % 360)


def to_sky(solution: Solution, x: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
    """Right ascension and declination in degrees of 0-based pixels."""
    u, v = np.asarray(x, dtype=float) - solution.crpix[0], np.asarray(y, dtype=float) - solution.crpix[1]
    plane_x, plane_y = u + polyval2d(u, v, solution.a), v + polyval2d(u, v, solution.b)
    (cd11, cd12), (cd21, cd22) = solution.cd
    return deproject(cd11 * plane_x + cd12 * plane_y, cd21 * plane_x + cd22 * plane_y, solution.crval)


def centre_of(solution: Solution, shape: Shape) -> Place:
    """Right ascension and declination in degrees of the middle of a chip."""
    ra, dec = to_sky(solution, (shape[1] - 1) / 2.0, (shape[0] - 1) / 2.0)
    return float(ra), float(dec)


def to_pixels(solution: Solution, ra: ArrayLike, dec: ArrayLike) -> tuple[Floats, Floats]:
    """0-based pixels x, y of positions in degrees.

    NaN where the position is more than 30 degrees away, or so far off the chip that the distortion
    polynomial folds back and has no unique inverse. The inverse is iterated (Newton) to 1e-7 px.
    """
    xi, eta = project(np.asarray(ra, dtype=float), np.asarray(dec, dtype=float), solution.crval)
    (inv11, inv12), (inv21, inv22) = np.linalg.inv(solution.cd)
    u, v = _undistort(solution, inv11 * xi + inv12 * eta, inv21 * xi + inv22 * eta)
    return u + solution.crpix[0], v + solution.crpix[1]


def to_pixels_roughly(solution: Solution, ra: ArrayLike, dec: ArrayLike) -> tuple[Floats, Floats]:
    """As `to_pixels`, in less than half the time: distorted as the position without distortion is.

    That is off by the distortion times its slope: 0.02 px where it reaches 3 px in the corners.
    """
    xi, eta = project(np.asarray(ra, dtype=float), np.asarray(dec, dtype=float), solution.crval)
    (inv11, inv12), (inv21, inv22) = np.linalg.inv(solution.cd)
    u, v = inv11 * xi + inv12 * eta, inv21 * xi + inv22 * eta
    x, y = u - polyval2d(u, v, solution.a), v - polyval2d(u, v, solution.b)
    return x + solution.crpix[0], y + solution.crpix[1]


def _undistort(solution: Solution, plane_x: Floats, plane_y: Floats) -> tuple[Floats, Floats]:
    """u, v with u + A(u, v) = plane_x and v + B(u, v) = plane_y."""
    if not (solution.a.any() or solution.b.any()):
        return plane_x, plane_y
    terms, u, v = _with_slopes(solution), plane_x, plane_y
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        for _ in range(NEWTON_STEPS):
            a, b, a_u, b_u, a_v, b_v = _polynomials(terms, u, v)
            miss_x, miss_y = u + a - plane_x, v + b - plane_y
            j11, j22 = 1.0 + a_u, 1.0 + b_v
            det = j11 * j22 - a_v * b_u
            step_u, step_v = (j22 * miss_x - a_v * miss_y) / det, (j11 * miss_y - b_u * miss_x) / det
            u, v = u - step_u, v - step_v
            step = np.hypot(step_u, step_v)
            if not np.any(step > CONVERGED_PX):
                break
        good = (step <= CONVERGED_PX) & (np.abs(det - 1.0) < FOLD_LIMIT)
    return np.where(good, u, np.nan), np.where(good, v, np.nan)


def _with_slopes(solution: Solution) -> Terms:
    """The terms of A and B, of their derivatives by u, and by v: six polynomials."""
    size = max(len(solution.a), len(solution.b))
    coefficients = np.zeros((size, size, 6))
    for column, of_one in enumerate((solution.a, solution.b)):
        side, power = len(of_one), np.arange(1.0, len(of_one))
        coefficients[:side, :side, column] = of_one
        coefficients[: side - 1, :side, column + 2] = of_one[1:] * power[:, None]
        coefficients[:side, : side - 1, column + 4] = of_one[:, 1:] * power
    of_v = [coefficients[:, power] for power in range(size)]
    return [terms[: 1 + max(np.flatnonzero(terms.any(axis=1)), default=0)] for terms in of_v]


def _polynomials(terms: Terms, u: Floats, v: Floats) -> Floats:
    """(k, ...) values of k polynomials in u and v, all of them at once.

    To the same bit as `polyval2d` of each, which takes twice as long or longer.
    """
    columns = (of_v.reshape(*of_v.shape, *[1] * u.ndim) for of_v in reversed(terms))
    return _horner((_horner(reversed(of_u), u) for of_u in columns), v)


def _horner(falling: Iterable[Floats], x: Floats) -> Floats:
    """Values of polynomials by their coefficients, that of the highest power first."""
    coefficients = iter(falling)
    values = next(coefficients) + 0.0 * x  # not known where x is not
    for one in coefficients:
        values *= x
        values += one
    return values
