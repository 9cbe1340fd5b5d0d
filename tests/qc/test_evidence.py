"""Each kind of evidence for a shift, on places and projections made by hand."""

import numpy as np
import pytest

from ngcmos.qc.evidence import Evidence, compare_stars, find_stars, match_projections

SHAPE = (500, 600)


@pytest.fixture(scope="module")
def stars():
    return np.random.default_rng(1).uniform((0, 0), (600, 500), (300, 2))


def test_stars_are_counted_and_hot_pixels_are_not():
    region = np.random.default_rng(3).normal(500, 10, (320, 320))
    for x in range(20, 320, 40):
        region[100, x] += 5000
        region[199:202, x - 1 : x + 2] += [[200, 400, 200], [400, 900, 400], [200, 400, 200]]
    assert len(find_stars(region, np.full((32, 32), 500.0))) == 8


@pytest.mark.parametrize("kind", [np.uint16, np.int32, np.float32])
def test_star_is_found_at_its_centre_of_light(kind):
    rows, columns = np.indices((160, 160))
    light = 5000 * np.exp(-((columns - 70.3) ** 2 + (rows - 99.8) ** 2) / 1.5)
    region = (np.random.default_rng(4).normal(500, 10, (160, 160)) + light).astype(kind)
    assert find_stars(region, np.full((16, 16), 500.0)) == pytest.approx(np.array([[70.3, 99.8]]), abs=0.15)


def test_stars_are_seen_up_to_the_last_pixel_but_one():
    region = np.random.default_rng(3).normal(500, 10, (160, 160))
    for x, y in ((1, 1), (158, 60), (70, 158)):
        region[y - 1 : y + 2, x - 1 : x + 2] += [[200, 400, 200], [400, 900, 400], [200, 400, 200]]
    found = find_stars(region, np.full((16, 16), 500.0))
    assert sorted(np.rint(found).astype(int).tolist()) == [[1, 1], [70, 158], [158, 60]]


def test_a_star_expected_in_the_first_column_is_looked_for():
    places = np.array([[0.4, 20.0], [30.0, 40.0]])
    assert compare_stars(places, places[1:], (0.0, 0.0), (50, 60))[0] == 1.0  # the other way round: one of one
    assert compare_stars(places, np.array([[30.0, 40.0], [10.0, 10.0]]), (0.0, 0.0), (50, 60))[0] == 0.5


def test_brightest_star_comes_first():
    rows, columns = np.indices((160, 160))
    region = np.random.default_rng(4).normal(500, 10, (160, 160))
    for x, level in [(30, 900), (80, 4000), (130, 2000)]:
        region += level * np.exp(-((columns - x) ** 2 + (rows - 50) ** 2) / 1.5)
    assert find_stars(region, np.full((16, 16), 500.0))[:, 0] == pytest.approx([80, 130, 30], abs=0.2)


def test_star_on_the_rim_is_left_out():
    region = np.random.default_rng(4).normal(500, 10, (160, 160))
    region[0, 60:63] += 3000
    region[90:93, 159] += 3000
    assert len(find_stars(region, np.full((16, 16), 500.0))) == 0


def test_trail_full_of_false_stars_hides_nothing(stars):
    trail = np.column_stack([np.arange(0, 600, 2.0), np.arange(0, 450, 1.5)])
    share, residual = compare_stars(stars, np.vstack([trail, np.add(stars, (3.0, 0.0))]), (-3.0, 0.0), SHAPE)
    assert (share, residual) == pytest.approx((1.0, 0.0), abs=0.05)


def test_sky_near_the_top_of_the_range_shows_no_stars():
    region = np.full((160, 160), 65535, np.uint16)
    region[::2, ::2] = 65000
    assert len(find_stars(region, np.full((16, 16), 65535.0))) == 0


def test_moved_stars_are_all_found(stars):
    share, residual = compare_stars(stars, np.add(stars, (7.0, -4.0)), (-7.0, 4.0), SHAPE)
    assert (share, residual) == pytest.approx((1.0, 0.0), abs=1e-9)


def test_shift_that_falls_short_shows_as_residual(stars):
    _, residual = compare_stars(stars, np.add(stars, (0.9, 0.0)), (-0.6, 0.4), SHAPE)
    assert residual == pytest.approx(0.5, abs=0.06)


def test_stars_that_stay_are_not_found_elsewhere(stars):
    share, _ = compare_stars(stars, stars, (25.0, 0.0), SHAPE)
    assert share < 0.1


def test_stars_that_left_the_chip_are_not_missed(stars):
    share, _ = compare_stars(stars, np.add(stars, (300.0, 0.0)), (-300.0, 0.0), SHAPE)
    assert share == 1.0


def test_no_star_in_both_is_no_evidence(stars):
    assert compare_stars(stars, stars, (900.0, 0.0), SHAPE) == (0.0, 0.0)


def test_poor_reference_is_compared_by_its_own_number(stars):
    share, _ = compare_stars(stars[:40], stars, (0.0, 0.0), SHAPE)
    assert share == 1.0


def projection(moved=0):
    return np.roll(np.random.default_rng(5).exponential(1, 400) ** 3, moved)


@pytest.mark.parametrize("moved", [0, 3, -3, 120, -120])
def test_moved_projection_matches_at_its_shift(moved):
    assert match_projections(projection(), projection(moved), -float(moved)) > 0.95


def test_projection_does_not_match_at_the_opposite_shift():
    assert match_projections(projection(), projection(5), 5.0) < 0.3


def test_flat_projection_matches_nothing():
    assert match_projections(projection(), np.full(400, 7.0), 0.0) == 0.0


def test_quality_is_the_weakest_evidence():
    assert [Evidence(0.9, 0.4, 0.0).quality, Evidence(-0.2, 0.4, 0.0).quality] == [0.4, 0.0]
