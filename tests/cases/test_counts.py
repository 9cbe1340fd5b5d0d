"""Counts that wrapped around or were cut at half of the range: said, and flagged where a star has them."""

import numpy as np
import pytest
from astropy.io import fits

from ngcmos.names import Flag
from ngcmos.simulate.troubles import clip, rewrite, wrap


@pytest.fixture
def bright_stars(copied):
    """TIC ids of stars with pixels above half of the range in all frames."""
    counts = fits.getdata(copied.frames[0])
    x, y = np.rint(copied.truth.x[0]).astype(int), np.rint(copied.truth.y[0]).astype(int)
    inside = (x > 10) & (x < 245) & (y > 10) & (y < 245)
    peaks = np.zeros(x.size)
    peaks[inside] = counts[y[inside], x[inside]]
    found = copied.truth.stars["tic_id"][peaks > 40000].tolist()
    assert found
    return found


@pytest.mark.parametrize("change", [wrap, clip])
def test_stars_that_lost_counts_are_flagged_or_their_frames_refused(copied, bright_stars, change):
    for path in copied.frames:
        rewrite(path, change)
    copied.reduce()
    told = [*copied.remarks(), *copied.reasons().values()]
    assert told
    if copied.tables():
        rows = copied.table()
        struck = np.isin(rows["tic_id"], bright_stars)
        assert (np.asarray(rows["flags"])[struck] & Flag.SATURATED).all()
