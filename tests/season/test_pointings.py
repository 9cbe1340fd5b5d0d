"""Frames that keep the stars on their places, and those that do not."""

import numpy as np
import pytest

from ngcmos.season.pointings import find_pointings, middle_places

CHIP = 2000.0


@pytest.fixture
def stars():
    return np.random.default_rng(3).uniform(0, CHIP, (2, 40))


def night_of(stars, shifts, turned=()):
    """x and y of each frame, moved by so many pixels, some turned by 180 degrees."""
    x = np.array([np.where(at in turned, CHIP - stars[0], stars[0]) + shift for at, shift in enumerate(shifts)])
    y = np.array([np.where(at in turned, CHIP - stars[1], stars[1]) for at, _ in enumerate(shifts)])
    return x, y


def test_drift_of_some_pixels_is_one_pointing(stars):
    assert (find_pointings(*night_of(stars, np.linspace(0, 19, 10)), CHIP) == 0).all()


def test_move_of_more_than_a_hundredth_of_the_chip_is_another(stars):
    found = find_pointings(*night_of(stars, [0, 0, 21, 21, 0]), CHIP)
    assert found.tolist() == [0, 0, 1, 1, 0]


def test_flip_is_another(stars):
    assert find_pointings(*night_of(stars, [0] * 6, turned=(3, 4, 5)), CHIP).tolist() == [0, 0, 0, 1, 1, 1]


def test_frames_without_places_belong_to_the_one_before(stars):
    x, y = night_of(stars, [0, 0, 0, 50, 50])
    x[[0, 2, 4]] = y[[0, 2, 4]] = np.nan
    assert find_pointings(x, y, CHIP).tolist() == [0, 0, 0, 1, 1]


def test_night_without_any_place_is_one_pointing(stars):
    nothing = np.full((4, 40), np.nan)
    assert find_pointings(nothing, nothing, CHIP).tolist() == [0, 0, 0, 0]


def test_middle_places_are_those_of_each_pointing(stars):
    x, y = night_of(stars, [0, 2, 4, 0, 0], turned=(3, 4))
    place = middle_places(x, y, np.array([0, 0, 0, 1, 1]))
    np.testing.assert_allclose(place[0], np.column_stack([stars[0] + 2, stars[1]]))
    np.testing.assert_allclose(place[1], CHIP - stars.T)
