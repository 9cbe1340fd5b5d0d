"""A satellite over a bright star: the star's row says so, in its table and its light curve."""

import numpy as np
import pytest
from astropy.table import Table
from spoilt_night import MEASURING

from ngcmos.names import Flag, Stage
from ngcmos.simulate.troubles import cross, rewrite


@pytest.fixture(scope="module")
def crossed(make_case):
    """Twelve frames; over a lonely bright star in the sixth a trail of 3000 ADU. (case, TIC id, frame)."""
    case = make_case(frames=12)
    stars, (x, y) = case.truth.stars, (case.truth.x[5], case.truth.y[5])
    inside = (abs(x - 128) < 80) & (abs(y - 128) < 80)
    fit = inside & (stars["foreign"] < 0.001) & (stars["signal"] == "constant") & ~stars["blended"].astype(bool)
    row = np.flatnonzero(fit)[np.argsort(stars["Tmag"][fit])][1]
    rewrite(case.folder / case.truth.frames["file"][5], cross(x=x[row], y=y[row] + 1.0, adu=3000))
    case.reduce(*MEASURING, Stage.RELATIVE_PHOTOMETRY)
    return case, int(stars["tic_id"][row]), case.truth.frames["file"][5]


def rows_of(case, tic_id):
    rows = case.table()
    return rows[rows["tic_id"] == tic_id]


def test_row_of_the_star_is_flagged_in_that_frame_alone(crossed):
    case, tic_id, name = crossed
    rows = rows_of(case, tic_id)
    struck = np.char.strip(np.asarray(rows["frame_id"], str)) == name
    trail = (np.asarray(rows["flags"]) & Flag.TRAIL) > 0
    assert np.asarray(rows["flux_5"])[struck] > 1.1 * np.median(rows["flux_5"])
    np.testing.assert_array_equal(trail, struck)


def test_stars_far_from_the_trail_are_not_flagged(crossed):
    case, _, name = crossed
    rows = case.table()
    rows = rows[np.char.strip(np.asarray(rows["frame_id"], str)) == name]
    trail = (np.asarray(rows["flags"]) & Flag.TRAIL) > 0
    assert 0 < trail.mean() < 0.25


def test_light_curve_says_so_too(crossed):
    case, tic_id, name = crossed
    rows = Table.read(case.folder / f"rel_phot_{case.truth.field}.fits", hdu=1, mask_invalid=False)
    rows = rows[rows["TIC_ID"] == tic_id]
    struck = case.truth.frames["file"] == name
    np.testing.assert_array_equal((np.asarray(rows["flags"]) & Flag.TRAIL) > 0, struck)
