"""How much of a chip a catalog covers: by its box, by its stars, at any angle of the chip."""

import math

import numpy as np
import pytest
from scipy.spatial import ConvexHull, Delaunay, cKDTree

from ngcmos.astrometry.coverage import box_around, is_in_box, lie_of_chip, share_among, share_in_box
from ngcmos.astrometry.distortion import Solution, project

SHAPE = (2048, 2048)
SCALE = 4.05 / 3600
CENTRE = (350.0, -13.0)


def solution_of(angle_deg, centre=CENTRE):
    """A chip turned by an angle, without distortion."""
    turn = math.radians(angle_deg)
    cd = SCALE * np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    return Solution(centre, (1023.5, 1023.5), cd)


def lie(angle_deg=0.0, centre=CENTRE, **options):
    return lie_of_chip(solution_of(angle_deg, centre), SHAPE, **options)


def test_the_points_reach_the_corners():
    here = lie(margin_px=10.0)
    east = (here.ra - CENTRE[0]) * math.cos(math.radians(CENTRE[1]))
    assert np.abs(east).max() == pytest.approx(1034 * SCALE, rel=0.02)
    assert here.centre == pytest.approx(CENTRE, abs=1e-9)


@pytest.mark.parametrize("angle", [0.0, 20.0, 45.0, 77.0])
def test_the_box_around_holds_the_chip_at_any_angle(angle):
    box_deg = box_around(SHAPE, 4.05, margin_px=10.0, least_deg=0.1)
    assert share_in_box(lie(angle, margin_px=10.0), CENTRE, box_deg) == 1
    assert box_deg < 1.1 * math.hypot(*SHAPE) * SCALE


def test_a_box_may_be_wider_than_the_chip_needs():
    assert box_around(SHAPE, 4.05, margin_px=10.0, least_deg=5.0) == 5.0


def test_three_degrees_lose_the_corners_of_a_turned_chip():
    assert share_in_box(lie(0.0), CENTRE, 3.0) == 1
    assert 0.9 < share_in_box(lie(45.0), CENTRE, 3.0) < 1


def test_a_box_beside_the_chip_covers_half():
    beside = (CENTRE[0], CENTRE[1] + 1.5)
    assert share_in_box(lie(), beside, 3.0) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("centre", [(0.05, 60.0), (120.0, 89.5), (120.0, -89.9)])
def test_boxes_are_right_at_0_h_and_at_the_poles(centre):
    assert share_in_box(lie(30.0, centre), centre, 3.5) == 1
    assert not is_in_box((centre[0] + 180) % 360, -centre[1], centre, 3.5)


def stars(half_deg, count=2000, seed=2, gap_deg=0.0):
    """Stars strewn over a square around the centre, none within a gap there."""
    rng = np.random.default_rng(seed)
    east, north = rng.uniform(-half_deg, half_deg, (2, count))
    kept = np.hypot(east, north) > gap_deg
    dec = CENTRE[1] + north[kept]
    return CENTRE[0] + east[kept] / np.cos(np.radians(dec)), dec


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("count", [60, 2000])
def test_stars_around_the_chip_cover_it(seed, count):
    assert share_among(lie(10.0), *stars(1.5, count, seed)) == 1


def test_a_hole_among_stars_is_no_edge():
    assert share_among(lie(), *stars(1.5, gap_deg=0.3)) == 1


def test_stars_on_half_of_the_chip_cover_half():
    ra, dec = stars(1.5)
    half = dec > CENTRE[1]
    assert share_among(lie(), ra[half], dec[half]) == pytest.approx(0.53, abs=0.05)


def test_a_handful_of_stars_covers_nothing():
    assert share_among(lie(), *stars(1.5, 16)) == 0


def test_stars_on_the_other_side_of_the_sky_cover_nothing():
    ra, dec = stars(1.5)
    assert share_among(lie(), (ra + 180) % 360, -dec) == 0


@pytest.mark.parametrize("seed", range(8))
def test_share_is_that_of_the_hull_of_scipy(seed):
    rng = np.random.default_rng(seed)
    ra, dec = stars(1.5, rng.integers(20, 400), seed)
    cut = np.cos(seed) * (ra - CENTRE[0]) + np.sin(seed) * (dec - CENTRE[1]) > 0.3
    here = lie(10.0 * seed)
    x, points = (
        np.stack(project(*place, here.centre), axis=1) for place in ((ra[cut], dec[cut]), (here.ra, here.dec))
    )
    hull = ConvexHull(x)
    inside = Delaunay(x[hull.vertices]).find_simplex(points) >= 0
    inside |= cKDTree(x).query(points)[0] < math.sqrt(16 * hull.volume / (math.pi * len(x)))
    assert 0.1 < share_among(here, ra[cut], dec[cut]) == np.mean(inside) < 1


def test_stars_on_a_line_cover_what_is_next_to_them():
    dec = np.linspace(CENTRE[1] - 2, CENTRE[1] + 2, 200)
    assert share_among(lie(), np.full(200, CENTRE[0]), dec) <= 1 / 21
