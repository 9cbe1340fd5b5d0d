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
    hull = _hull_of(stars)
    inside = _are_in(points, hull)
    reach = math.sqrt(EXPECTED_STARS * _area_of(hull) / (math.pi * len(stars)))
    inside[~inside] = [np.hypot(*(stars - point).T).min() < reach for point in points[~inside]]
    return float(np.mean(inside))


def _hull_of(stars: Floats) -> Floats:
    """(corners, 2) the convex hull of (stars, 2) places, counter-clockwise (Andrew 1979, monotone chain).

    That of scipy takes a quarter of a second to import, and stars are some thousand at most here.
    """
    ordered = [(float(x), float(y)) for x, y in np.unique(stars, axis=0)]
    corners = []
    for one_way in (ordered, ordered[::-1]):
        chain: list[tuple[float, float]] = []
        for place in one_way:
            while len(chain) > 1 and _turn(chain[-2], chain[-1], place) <= 0:
                chain.pop()
            chain.append(place)
        corners += chain[:-1]
    return np.array(corners)


def _turn(start: tuple[float, float], corner: tuple[float, float], end: tuple[float, float]) -> float:
    """Positive where the way from start to end over a corner turns to the left."""
    ahead, aside = (corner[0] - start[0], corner[1] - start[1]), (end[0] - start[0], end[1] - start[1])
    return ahead[0] * aside[1] - ahead[1] * aside[0]


def _are_in(points: Floats, hull: Floats) -> Bools:
    """Which points lie to the left of every side of a hull."""
    sides = np.roll(hull, -1, axis=0) - hull
    x, y = (points[:, None, :] - hull).transpose(2, 0, 1)
    inside: Bools = (sides[:, 0] * y - sides[:, 1] * x >= 0).all(axis=1)
    return inside


def _area_of(hull: Floats) -> float:
    """By the trapezoids under its sides."""
    (x, y), (x_next, y_next) = hull.T, np.roll(hull, -1, axis=0).T
    return float(np.sum(x * y_next - x_next * y)) / 2


def _are_amid(points: Floats, stars: Floats) -> bool:
    """Whether each point has stars in all four quadrants around it, and so lies in their hull."""
    right, above = (stars[:, axis] > points[:, axis, None] for axis in (0, 1))
    return bool(np.all([(side & half).any(axis=1) for side in (right, ~right) for half in (above, ~above)]))
