"""The comparison with the truth reads a table by itself, and tells one that it cannot read."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from ngcmos.errors import ProductError
from ngcmos.simulate.compare import read_measured


@pytest.fixture
def table(tmp_path):
    """A table of two frames and three stars."""
    cubes = {name: np.arange(6.0) for name in ("x", "y", "jd_mid", "jd_bary", "flux_5")}
    parts = {
        "PHOT": Table({**cubes, "flags": np.zeros(6, np.int32)}),
        "STARS": Table({"tic_id": [7, 5, 6], "blended": [False, True, False]}),
        "FRAMES": Table({"frame_id": ["one.fits", "other.fits"]}),
    }
    units = [fits.BinTableHDU(part, name=name) for name, part in parts.items()]
    units[0].header["NFRAMES"], units[0].header["NSTARS"] = 2, 3
    path = tmp_path / "phot.fits"
    fits.HDUList([fits.PrimaryHDU(), *units]).writeto(path)
    return path


def test_rows_of_a_table_by_frame_and_star(table):
    measured = read_measured(table).of_stars(np.array([2, 0]))
    assert measured.frame_ids == ("one.fits", "other.fits")
    assert measured.ids.tolist() == [6, 7]
    np.testing.assert_array_equal(measured.flux, [[2, 0], [5, 3]])


def test_table_cut_short_is_refused(table):
    table.write_bytes(table.read_bytes()[:-3000])
    with pytest.raises(ProductError, match="expected a whole photometry table"):
        read_measured(table)


def test_missing_table_is_told(tmp_path):
    with pytest.raises(ProductError, match=r"none\.fits: cannot be compared"):
        read_measured(tmp_path / "none.fits")
