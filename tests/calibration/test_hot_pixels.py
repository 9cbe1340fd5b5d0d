"""Hot pixels found among stars that move; none made of stars, of cosmic rays, or of what stands still."""

import itertools

import numpy as np
import pytest

from ngcmos.calibration.hot_pixels import FEWEST_FRAMES, do_stars_move, excess_of, find_hot_pixels

SHAPE, FRAMES, NOISE, GAIN = (60, 70), 24, 3.0, 2.0
STEADY = {(20, 30): 12.0, (40, 11): 400.0, (33, 50): -60.0}
FLICKERING = (10, 60)


@pytest.fixture(scope="module")
def frames():
    """[(counts, pixels near the known star)]: a known star and one that nobody knows move by 3 px a frame."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    made = []
    for number in range(FRAMES):
        image = rng.normal(100, NOISE, SHAPE)
        for start, light in (((5, 8), 3000.0), ((30, 3), 900.0)):
            image += light * np.exp(-((y - start[0] - number) ** 2 + (x - start[1] - 2.5 * number) ** 2) / 2)
        for place, excess in STEADY.items():
            image[place] += excess
        image[FLICKERING] += rng.choice([0.0, 300.0])
        image[tuple(rng.integers(2, 55, 2))] += 5000.0  # a cosmic ray
        near = (y - 5 - number) ** 2 + (x - 8 - 2.5 * number) ** 2 < 25
        made.append((image, near))
    return made


@pytest.fixture(scope="module")
def found(frames):
    return find_hot_pixels(lambda: (excess_of(*frame) for frame in frames), SHAPE, GAIN)


def test_all_are_found_and_nothing_else(found):
    places = list(zip(*np.unravel_index(found.index, SHAPE), strict=True))
    assert {tuple(map(int, place)) for place in places} == {*STEADY, FLICKERING}


def test_each_by_what_it_counts_too_much(found):
    """The middle half of 24 frames scatters by 1.1 / sqrt(24) of one, and the neighbours' median adds its own."""
    for place, excess in STEADY.items():
        row = np.flatnonzero(found.index == np.ravel_multi_index(place, SHAPE))[0]
        assert found.excess[row] == pytest.approx(excess, abs=4 * 1.3 * NOISE / np.sqrt(FRAMES))
        assert not found.flickers[row]


def test_what_flickers_is_bad_and_not_taken_off(found):
    dark, bad = found.added_to(np.full(SHAPE, 7, np.float32), np.zeros(SHAPE, bool))
    assert np.argwhere(bad).tolist() == [[*FLICKERING]]
    assert dark[FLICKERING] == 7
    assert dark[40, 11] == pytest.approx(407, abs=3)
    assert np.count_nonzero(dark != 7) == len(STEADY)


def test_excess_is_over_the_median_of_eight_neighbours():
    counts = np.arange(12.0).reshape(3, 4) ** 2
    excess = excess_of(counts, np.zeros((3, 4), bool))
    around = [counts[row, column] for row in range(3) for column in range(3) if (row, column) != (1, 1)]
    assert excess[1, 1] == pytest.approx(25 - np.median(around))
    assert np.isnan(excess[0]).all()
    assert np.isfinite(excess).sum() == 2


def test_median_is_right_whichever_of_the_neighbours_count_more():
    """All 256 orders of two values: what sorts zeros and ones sorts all numbers."""
    around = np.array(list(itertools.product((0.0, 1.0), repeat=8)))
    tiles = np.insert(around, 4, 0.5, axis=1).reshape(16, 16, 3, 3)
    excess = excess_of(tiles.swapaxes(1, 2).reshape(48, 48), np.zeros((48, 48), bool))
    np.testing.assert_array_equal(excess[1::3, 1::3].ravel(), 0.5 - np.median(around, axis=1))


@pytest.mark.parametrize(
    ("step_px", "count", "moves"), [(2.0, 40, True), (0.1, 40, False), (9.0, FEWEST_FRAMES - 1, False)]
)
def test_stars_must_move(step_px, count, moves):
    assert do_stars_move(step_px * np.arange(count), np.zeros(count)) is moves


def test_a_quarter_of_the_frames_at_one_place_can_be_trimmed_and_no_more():
    for together, moves in ((5, True), (6, False)):
        x = np.concatenate([np.zeros(together), 10.0 * np.arange(1, 21 - together)])
        assert do_stars_move(x, np.zeros(20)) is moves
