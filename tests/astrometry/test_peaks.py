"""The quick look: star-like peaks, and the shift they vote for."""

import numpy as np
import pytest
from made_sky import render

from ngcmos.astrometry.peaks import find_peaks, vote_shift
from ngcmos.errors import UnsolvedError

SHAPE = (250, 330)  # no multiple of a block


def starry(seed=1, *, count=60, shift=(0.0, 0.0)):
    """(image, x, y) of stars in separate blocks, brightest first."""
    rng = np.random.default_rng(seed)
    cells = np.array([(i, j) for i in range(1, 19) for j in range(1, 14)])
    x, y = (cells[rng.permutation(len(cells))[:count]] * 16 + rng.uniform(3, 12, (count, 2))).T
    electrons = np.geomspace(1e5, 3e3, count)
    return render(rng, x + shift[0], y + shift[1], electrons, shape=SHAPE, fwhm_px=2.2), x, y


def test_peaks_are_the_stars():
    image, x, y = starry()
    peaks = find_peaks(image)
    apart = np.hypot(np.subtract.outer(x, peaks.x), np.subtract.outer(y, peaks.y)).min(axis=1)
    assert apart.max() < 0.5
    assert np.median(apart) < 0.25
    assert (np.diff(peaks.flux) <= 0).all()


def test_hot_pixels_are_no_peaks():
    image, x, _ = starry(count=30)
    image[5:240:9, 4:320:11] = 60000
    peaks = find_peaks(image)
    assert peaks.flux[len(x) :].max(initial=0) < 60000 / 2
    hot = (np.rint(peaks.x) % 11 == 4) & (np.rint(peaks.y) % 9 == 5)
    assert np.count_nonzero(hot[:20]) <= 2


@pytest.mark.parametrize(
    "pixels", [np.full(SHAPE, 9, dtype=np.uint16), np.full(SHAPE, np.nan), np.zeros((10, 10))]
)
def test_no_peaks_in_nothing(pixels):
    assert len(find_peaks(pixels).x) == 0


@pytest.mark.parametrize("shift", [(0.0, 0.0), (-13.0, 21.5), (150.0, -80.0)])
def test_vote_finds_the_shift(shift):
    image, x, y = starry(count=200, shift=shift)
    assert vote_shift(find_peaks(image), x, y, shape=SHAPE) == pytest.approx(shift, abs=0.3)


def test_vote_of_strangers_is_refused():
    _, x, y = starry(seed=3, count=150)
    with pytest.raises(UnsolvedError, match=r"shift: \d+ of \d+ peaks agree, \d+ do by chance"):
        vote_shift(find_peaks(starry(seed=4, count=150)[0]), x, y, shape=SHAPE)


def test_vote_without_stars_is_refused():
    with pytest.raises(UnsolvedError, match="shift: 0 of"):
        vote_shift(find_peaks(starry()[0]), np.empty(0), np.empty(0), shape=SHAPE)
