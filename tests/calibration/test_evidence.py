"""Whether a pattern is in a frame is told by the pixels, and only where they can tell."""

import numpy as np
import pytest

from ngcmos.calibration.evidence import FEWEST_SPOTS, TURNS, count_spots, judge_pattern

SIDE, NOISE = 300, 12.0


def sky(pattern, *, noise=NOISE, seed=1):
    """A frame of a pattern, photon noise and some stars."""
    rng = np.random.default_rng(seed)
    frame = 300 + pattern + rng.normal(0, noise, pattern.shape)
    y, x = np.indices(pattern.shape)
    for at_x, at_y, height in zip(*rng.uniform(5, 295, (2, 60)), 10 ** rng.uniform(2, 4.5, 60), strict=True):
        frame += height * np.exp(-((x - at_x) ** 2 + (y - at_y) ** 2) / 3)
    return frame.astype(np.float32)


def master(own=1.5, *, noise=0.4, seed=2):
    """(pattern of a chip with hot pixels, its master)."""
    rng = np.random.default_rng(seed)
    pattern = 100 + rng.normal(0, own, (SIDE, SIDE)) + 3000 * (rng.random((SIDE, SIDE)) < 1e-4)
    return pattern, (pattern + rng.normal(0, noise, pattern.shape)).astype(np.float32)


@pytest.mark.parametrize("seed", range(20))
def test_a_pattern_that_is_there_is_no_fault(seed):
    pattern, known = master(seed=100 + seed)
    assert judge_pattern(sky(pattern, seed=seed), known, 0.4) == ""


@pytest.mark.parametrize("how", TURNS)
def test_a_pattern_that_lies_otherwise_is_named(how):
    pattern, known = master()
    assert judge_pattern(sky(TURNS[how](pattern)), known, 0.4) == how


def test_a_pattern_that_was_taken_off_or_is_of_another_chip_is_not_there():
    pattern, known = master()
    assert judge_pattern(sky(np.full_like(pattern, 100)), known, 0.4) == "not there"
    assert judge_pattern(sky(master(seed=9)[0]), known, 0.4) == "not there"
    assert judge_pattern(sky(200 - 0.5 * pattern), known, 0.4) == "not there"  # taken off twice


def test_where_the_pixels_cannot_tell_nothing_is_told():
    pattern, known = master()
    other = master(seed=9)[0]
    assert judge_pattern(sky(other, noise=300.0), known, 0.4) == ""  # too bright a sky
    assert judge_pattern(sky(other), known, 1.5) == ""  # a master of noise alone
    assert judge_pattern(sky(pattern), np.full((SIDE, SIDE), 100, np.float32), 0.4) == ""


def test_stars_in_a_flat_are_counted_and_its_own_structure_is_not():
    rng = np.random.default_rng(3)
    y, x = np.indices((SIDE, SIDE))
    flat = 1 - 0.2 * ((x - 150) ** 2 + (y - 150) ** 2) / 150**2 + rng.normal(0, 0.006, (SIDE, SIDE))
    ring = np.hypot(x - 80, y - 90)
    flat[(ring > 9) & (ring < 18)] *= 0.95
    flat[rng.random(flat.shape) < 1e-3] *= 1.4  # single pixels
    assert count_spots(flat.astype(np.float32)) == 0
    for at_x, at_y in rng.uniform(10, 290, (20, 2)):
        flat += 0.15 * np.exp(-((x - at_x) ** 2 + (y - at_y) ** 2) / 3)
    assert FEWEST_SPOTS < count_spots(flat.astype(np.float32)) <= 20
