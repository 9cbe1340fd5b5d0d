"""Places on the celestial sphere as unit vectors, the angles between them, and when the sky turned on the chip."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ngcmos.arrays import Floats, Ints

TURNED_DEG = 20.0  # from one frame to the next: more than a slow rotation of the field
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


def sides_of(rotation_deg: Floats) -> Ints:
    """Which side each frame was taken on, counted from 0 in the order of their first frames.

    The side changes where the sky turns from one frame to the next by more than `TURNED_DEG`; back at the rotation
    of an earlier side it is that again.

    Parameters
    ----------
    rotation_deg : (frames,) array
        In time order; a frame of unknown rotation (NaN) is taken for one of the side before.
    """
    sides = np.zeros(len(rotation_deg), int)
    newest: list[float] = []  # rotation of each side's newest frame
    for frame, angle in enumerate(rotation_deg):
        before = sides[frame - 1] if frame else 0
        sides[frame] = before if np.isnan(angle) else _nearest(angle, newest, before)
        if not np.isnan(angle):
            newest[sides[frame] : sides[frame] + 1] = [float(angle)]
    return sides


def _nearest(angle: float, newest: list[float], before: int) -> int:
    """The side before, if the sky has not turned since; else one of that rotation, or a new one."""
    near = [side for side, other in enumerate(newest) if abs((angle - other + 180) % 360 - 180) <= TURNED_DEG]
    return before if before in near else next(iter(near), len(newest))
