"""Places on the celestial sphere as unit vectors, and the angles between them."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Vectors = NDArray[np.float64]  # (..., 3)


def unit_vectors(ra: ArrayLike, dec: ArrayLike) -> Vectors:
    """Unit vectors towards right ascensions and declinations in degrees; the last axis holds x, y, z."""
    alpha, delta = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(delta) * np.cos(alpha), np.cos(delta) * np.sin(alpha), np.sin(delta)], axis=-1)


def directions(vectors: Vectors) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Right ascension (0 to 360) and declination in degrees of vectors of any length."""
    x, y, z = np.moveaxis(vectors, -1, 0)
    return np.degrees(np.arctan2(y, x)) % 360.0, np.degrees(np.arctan2(z, np.hypot(x, y)))


def separation_deg(
    ra: ArrayLike, dec: ArrayLike, other_ra: ArrayLike, other_dec: ArrayLike
) -> NDArray[np.float64]:
    """Angle in degrees between places, sound at any distance (Vincenty's form, by cross and dot product)."""
    one, other = unit_vectors(ra, dec), unit_vectors(other_ra, other_dec)
    across = np.linalg.norm(np.cross(one, other), axis=-1)
    angle: NDArray[np.float64] = np.degrees(np.arctan2(across, (one * other).sum(axis=-1)))
    return angle
