"""Trails of any direction, width and length over frames of stars; which stars they spoil."""

import numpy as np
import pytest

from ngcmos.photometry.trails import TRAIL_SHARE, find_trails

NOWHERE = np.zeros(0), np.zeros(0)
LIGHT = {"sky": 200.0, "sky_rms": 10.0}
SHAPE = 600, 700


def draw(image, angle_deg, *, through=(340.0, 310.0), half_width=1.2, height=150.0):
    """Distance of every pixel from a line that is drawn into the image."""
    row, column = np.indices(image.shape)
    angle = np.radians(angle_deg)
    away = np.abs((column - through[0]) * np.sin(angle) - (row - through[1]) * np.cos(angle))
    image[away < half_width] += height
    return away


@pytest.fixture
def empty():
    return np.random.default_rng(2).normal(200, 10, SHAPE)


@pytest.mark.parametrize("angle_deg", [0, 13.25, 20, 45, 44.8, 70, 90, 130, 175])
@pytest.mark.parametrize("half_width", [1.2, 4.0])
def test_trail_of_any_direction_is_found_and_its_stars_are_known(empty, angle_deg, half_width):
    away = draw(empty, angle_deg, half_width=half_width)
    trails = find_trails(empty, *NOWHERE, **LIGHT)
    assert trails[0].share > 0.9
    y, x = np.indices(SHAPE).reshape(2, -1).astype(float)
    crossed = np.any([trail.crosses(x, y, 5.0) for trail in trails], axis=0).reshape(SHAPE)
    assert crossed[away < 5.0 + half_width - 1].all()
    assert not crossed[away > 5.0 + half_width + 2].any()


@pytest.mark.parametrize("angle_deg", [13.25, 76.75, 31.3])
def test_trail_between_the_slopes_looked_at_is_followed_over_a_full_chip(angle_deg):
    image = np.random.default_rng(3).normal(200, 10, (2048, 2048)).astype(np.float32)
    away = draw(image, angle_deg, through=(1000.0, 1000.0))
    trail = find_trails(image, *NOWHERE, **LIGHT)[0]
    assert trail.share > 0.9
    y, x = np.nonzero(away < 0.3)
    assert trail.crosses(x.astype(float), y.astype(float), 0.5).all()


@pytest.mark.parametrize(
    ("angle_deg", "through"), [(-40.0, (110.0, 100.0)), (-40.0, (590.0, 500.0)), (50.0, (590.0, 100.0))]
)
def test_trail_over_a_corner_counts_between_its_ends(empty, angle_deg, through):
    draw(empty, angle_deg, through=through)
    assert find_trails(empty, *NOWHERE, **LIGHT)[0].share > 0.8


def test_two_trails_are_told_apart(empty):
    lines = [draw(empty, angle, through=through) for angle, through in ((20, (300, 150)), (110, (300, 400)))]
    trails = find_trails(empty, *NOWHERE, **LIGHT)
    for away in lines:
        y, x = (values.astype(float) for values in np.nonzero(away < 0.3))
        assert max(trail.crosses(x, y, 1.0).mean() for trail in trails) == 1


def test_star_without_a_place_is_crossed_by_nothing(empty):
    draw(empty, 20.0)
    trail = find_trails(empty, np.array([np.nan]), np.array([3.0]), **LIGHT)[0]
    assert trail.crosses(np.array([np.nan, 340.0]), np.array([3.0, 310.0]), 5.0).tolist() == [False, True]


def test_stars_are_no_trail(paint):
    rng = np.random.default_rng(3)
    x, y = rng.uniform(10, 590, (2, 300))
    image = paint((600, 600), x, y, np.full(300, 1e5), sky=200.0)
    assert find_trails(image, x, y, **LIGHT) == []
    line = np.full(40, 100.0)  # forty unknown stars in a row are fewer than a line across the chip
    image = paint((600, 600), np.linspace(10, 90, 40), line, np.full(40, 1e4), sky=200.0)
    assert find_trails(image, *NOWHERE, **LIGHT)[0].share < TRAIL_SHARE


@pytest.mark.parametrize("level", [9.0, 4.6, 5.2])
def test_bright_frame_is_no_trail(level):
    """All of it above the limit, or a third, or more than half by noise."""
    image = np.random.default_rng(1).normal(level, 1.0, (1024, 1024)).astype(np.float32)
    trails = find_trails(image, np.array([np.nan]), np.array([np.nan]), sky=0.0, sky_rms=1.0)
    assert not any(trail.is_trail for trail in trails)


def test_bad_row_is_no_trail():
    image = np.full((320, 320), 200.0)
    image[48] = 5000
    image[:, 100] = 5000
    bad = image > 1000
    assert find_trails(image, *NOWHERE, **LIGHT)[0].share == pytest.approx(1, abs=0.01)
    assert find_trails(image, *NOWHERE, **LIGHT, bad=bad) == []
