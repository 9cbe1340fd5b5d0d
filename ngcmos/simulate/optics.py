"""Where a star falls on the chip: tangent plane, rotation, parity and a cubic distortion.

The distortion is written as TAN-SIP writes it, from pixels to the sky, so that a solution of order 3 can be
exact; the way from the sky to pixels is found by iteration. Pixels are 0-based: (0, 0) is the centre of the
first pixel.
"""

import dataclasses

import numpy as np
from numpy.typing import ArrayLike

from ngcmos.simulate.signals import Floats

ITERATIONS = 12


@dataclasses.dataclass(frozen=True)
class Optics:
    """How the sky lies on the chip while nothing is shifted.

    Attributes
    ----------
    ra, dec : float
        ICRS degrees of the true pointing; it falls on the centre of the chip.
    rows, columns : int
    scale_arcsec : float
        Per pixel, in the centre.
    rotation_deg : float
        From the +y axis to North, positive towards the East.
    parity : int
        +1: as seen on the sky (East is left where North is up); -1: mirrored.
    distortion_px : float
        Radial displacement in a corner of the chip; a tenth of it is decentred.
    """

    ra: float
    dec: float
    rows: int
    columns: int
    scale_arcsec: float
    rotation_deg: float = 0.0
    parity: int = 1
    distortion_px: float = 0.0

    @property
    def centre(self) -> tuple[float, float]:
        """(x, y) of the centre of the chip."""
        return (self.columns - 1) / 2, (self.rows - 1) / 2

    @property
    def corner_px(self) -> float:
        """Distance of a corner from the centre."""
        return float(np.hypot(self.columns, self.rows)) / 2

    @property
    def matrix(self) -> Floats:
        """2x2 matrix from pixels to degrees on the tangent plane (the CD matrix)."""
        angle = np.deg2rad(self.rotation_deg)
        to_pixels = np.array([[-np.cos(angle), -np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        to_pixels[0] *= self.parity
        return np.asarray(np.linalg.inv(to_pixels) * self.scale_arcsec / 3600)


def distort(optics: Optics, u: Floats, v: Floats) -> tuple[Floats, Floats]:
    """Undistorted (u, v) of detector pixels counted from the centre: a radial cube and a decentred square."""
    radial = optics.distortion_px / optics.corner_px**3 * (u**2 + v**2)
    decentred = 0.1 * optics.distortion_px / optics.corner_px**2
    return u + radial * u + decentred * (3 * u**2 + v**2), v + radial * v + decentred * 2 * u * v


def sky_to_pixels(
    optics: Optics, ra: ArrayLike, dec: ArrayLike, *, shift: tuple[float, float] = (0.0, 0.0)
) -> tuple[Floats, Floats]:
    """0-based x, y of stars.

    Parameters
    ----------
    ra, dec : ndarray
        ICRS degrees, less than 90 deg from the pointing.
    shift : (float, float)
        Pixels by which the sky is moved over the chip, before the optics distort it.
    """
    u_flat, v_flat = np.linalg.solve(optics.matrix, _project(optics, ra, dec))
    u_flat, v_flat = u_flat + shift[0], v_flat + shift[1]
    limit = 2 * optics.corner_px  # the cube has no inverse far outside of the chip
    u, v = u_flat.copy(), v_flat.copy()
    near = np.hypot(u, v) < limit
    for _ in range(ITERATIONS):
        bent = distort(optics, u[near], v[near])
        u[near] += u_flat[near] - bent[0]
        v[near] += v_flat[near] - bent[1]
    return u + optics.centre[0], v + optics.centre[1]


def _project(optics: Optics, ra: ArrayLike, dec: ArrayLike) -> Floats:
    """Degrees on the tangent plane, (xi, eta): Calabretta & Greisen 2002, A&A 395, 1077, section 5.1.3."""
    d_ra, dec, dec0 = np.deg2rad(np.asarray(ra) - optics.ra), np.deg2rad(dec), np.deg2rad(optics.dec)
    depth = np.sin(dec) * np.sin(dec0) + np.cos(dec) * np.cos(dec0) * np.cos(d_ra)
    xi = np.cos(dec) * np.sin(d_ra) / depth
    eta = (np.sin(dec) * np.cos(dec0) - np.cos(dec) * np.sin(dec0) * np.cos(d_ra)) / depth
    return np.asarray(np.rad2deg(np.array([xi, eta])))
