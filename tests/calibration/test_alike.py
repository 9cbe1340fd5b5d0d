"""How a flat differs from the others, against what was planted into it."""

import numpy as np
import pytest

from ngcmos.calibration.alike import CELL_PX, ROW_STEP, Likeness, compare_flat, odd_ones

SHAPE = (320, 317)  # twenty cells each way, the last of them cut


@pytest.fixture
def usual():
    rng = np.random.default_rng(5)
    usual = rng.normal(1, 0.01, SHAPE).astype(np.float32)
    usual[rng.random(SHAPE) < 0.002] = 0
    usual[64:96, 64:96] = 0  # four cells of which nothing is known
    return usual


def compared(flat, usual):
    return compare_flat(flat[::ROW_STEP], usual[::ROW_STEP])


def noisy(usual):
    return usual * np.random.default_rng(6).normal(1, 0.005, SHAPE).astype(np.float32)


def test_flat_like_the_others_is_off_nowhere(usual):
    found = compared(noisy(usual) * np.float32(1.3), usual)
    assert found.off == 0 and found.bright < 0.0001


def test_share_that_is_off_is_that_of_its_cells(usual):
    flat = noisy(usual)
    flat[: 3 * CELL_PX] *= 1.04
    flat[-CELL_PX:, -CELL_PX:] *= 0.9
    assert compared(flat, usual).off == pytest.approx(61 / 400, abs=1e-6)


def test_share_of_bright_pixels_is_that_under_stars(usual):
    flat, stars = noisy(usual), np.zeros(SHAPE, bool)
    for x in range(5, 300, 20):
        stars[100 : 100 + 2 * ROW_STEP, x : x + 2] = True
    found = compared(np.where(stars, flat * np.float32(1.3), flat), usual)
    known = stars & (usual > 0)
    assert found.bright == pytest.approx(known[::ROW_STEP].mean(), rel=0.02)
    assert found.off == 0


@pytest.mark.parametrize("name", ["off", "bright"])
@pytest.mark.parametrize(
    ("usual", "own", "is_odd"),
    # 2 % of the cells and 0.05 % of the pixels are allowed anyway, five times what is usual among the flats always
    [(0.0, 0.99, False), (0.0, 1.01, True), (1.0, 4.99, False), (1.0, 5.01, True)],
)
def test_flat_stands_out_beyond_what_is_allowed_and_usual(name, usual, own, is_odd):
    allowed = {"off": 0.02, "bright": 0.0005}[name]
    alike = Likeness(0.0, 0.0)
    flats = [
        Likeness(**{"off": 0.0, "bright": 0.0, name: share * allowed}) for share in (usual, usual, usual, own)
    ]
    assert set(odd_ones(flats)) == ({3} if is_odd else set())
    assert odd_ones([alike] * 4) == {}
