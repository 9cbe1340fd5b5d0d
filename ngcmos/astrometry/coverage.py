"""Where the chip lies on the sky, and how much of it a catalog covers.

A catalog is asked for as a box around the solved place, wide enough for the diagonal of the chip at any angle
(`box_around`). What it covers is looked up at points all over the chip (`lie_of_chip`): inside the box, and for a
file of unknown extent (`share_among`) among its stars.
"""

import dataclasses
import math

import numpy as np
from numpy.typing import ArrayLike

from ngcmos.arrays import Bools, Floats, Place, Shape
from ngcmos.astrometry.distortion import Solution, centre_of, project, to_sky
from ngcmos.neighbours import tree_of
from ngcmos.sphere import unit_vectors

POINTS_A_SIDE = 21
SLACK = 0.05  # of the diagonal: the field may sit elsewhere tomorrow, and the scale is known to some per cent
# a circle in which so many stars are expected is empty by chance in 1e-7 of all cases
EXPECTED_STARS = 16


@dataclasses.dataclass(frozen=True, eq=False)
class Lie:
    """How a chip lies on the sky: its centre, and points all over it up to its edges, in degrees."""

    centre: Place
    ra: Floats
    dec: Floats


def lie_of_chip(solution: Solution, shape: Shape, *, margin_px: float = 0.0) -> Lie:
    """The Lie of a chip, `margin_px` more at each side."""
    rows, columns = shape
    across = np.linspace(-0.5 - margin_px, columns - 0.5 + margin_px, POINTS_A_SIDE)
    up = np.linspace(-0.5 - margin_px, rows - 0.5 + margin_px, POINTS_A_SIDE)
    x, y = np.meshgrid(across, up)
    ra, dec = to_sky(solution, x.ravel(), y.ravel())
    return Lie(centre_of(solution, shape), ra, dec)


def box_around(shape: Shape, scale_arcsec: float, *, margin_px: float, least_deg: float) -> float:
    """Side in degrees of a box that holds a chip at any angle, and some more; at least `least_deg`."""
    diagonal_px = (1 + SLACK) * math.hypot(*shape) + 2 * margin_px
    return max(least_deg, diagonal_px * scale_arcsec / 3600.0)


def is_in_box(ra: ArrayLike, dec: ArrayLike, centre: Place, box_deg: float) -> Bools:
    """Which places lie in a box of `box_deg` x `box_deg` around a centre, north up; all in degrees.

    The box is a square of the tangent plane, as a chip sees it: right at the poles and over 0 h.
    """
    places = unit_vectors(ra, dec)
    alpha, delta = np.radians(centre)
    east = np.array([-np.sin(alpha), np.cos(alpha), 0.0])
    north = np.array([-np.sin(delta) * np.cos(alpha), -np.sin(delta) * np.sin(alpha), np.cos(delta)])
    depth = places @ unit_vectors(*centre)
    half = np.tan(np.radians(box_deg / 2)) * depth  # negative on the other side of the sky: nothing is inside
    inside: Bools = (np.abs(places @ east) <= half) & (np.abs(places @ north) <= half)
    return inside


def share_in_box(lie: Lie, centre: Place, box_deg: float) -> float:
    """Share of a chip that lies in a box."""
    return float(np.mean(is_in_box(lie.ra, lie.dec, centre, box_deg)))


def share_among(lie: Lie, ra: Floats, dec: Floats) -> float:
    """Share of a chip that lies among stars: within their hull, or so near to one that the edge may be chance.

    Parameters
    ----------
    lie : Lie
    ra, dec : (stars,) arrays
        Degrees; all that is known of the extent of their catalog.
    """
    stars = np.stack(project(ra, dec, lie.centre), axis=1)
    stars = stars[np.isfinite(stars).all(axis=1)]
    if len(stars) <= EXPECTED_STARS:
        return 0.0
    points = np.stack(project(lie.ra, lie.dec, lie.centre), axis=1)
    if _are_amid(points, stars):
        return 1.0
    from scipy.spatial import ConvexHull, Delaunay

    hull = ConvexHull(stars)
    inside = Delaunay(stars[hull.vertices]).find_simplex(points) >= 0
    reach = math.sqrt(EXPECTED_STARS * hull.volume / (math.pi * len(stars)))  # of a plane hull: its area
    inside |= tree_of(stars).query(points)[0] < reach
    return float(np.mean(inside))


def _are_amid(points: Floats, stars: Floats) -> bool:
    """Whether each point has stars in all four quadrants around it, and so lies in their hull."""
    right, above = (stars[:, axis] > points[:, axis, None] for axis in (0, 1))
    return bool(np.all([(side & half).any(axis=1) for side in (right, ~right) for half in (above, ~above)]))
