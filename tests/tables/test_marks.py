"""Bits set in a finished table: in the rows of their frames alone, and gone without a trace when taken back."""

import zlib

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from ngcmos.errors import ProductError
from ngcmos.names import Flag
from ngcmos.tables.marks import mark_frames
from ngcmos.tables.table import check_table, read_frames, read_stars, table_checksum
from ngcmos.tables.writer import columns, write_photometry

FRAMES, STARS = 5, 7
CLOUDED = np.array([False, True, True, False, False])


@pytest.fixture
def path(tmp_path):
    stars = Table({"gaia_id": np.arange(STARS), "name": [f"s{n}".encode() for n in range(STARS)]})
    kinds = np.dtype([(name, kind) for name, kind, _ in columns([2.0], 10)])
    path = tmp_path / "phot_NG2320-1302.fits"
    with write_photometry(path, stars, radii=[2.0], name_width=10) as writer:
        writer.units = {"zp": "of a team's own"}
        for frame in range(FRAMES):
            rows = np.zeros(STARS, kinds)
            rows["flags"], rows["flux_2"] = np.arange(STARS), frame + np.arange(STARS) / 8
            writer.add(rows, {"frame_id": f"f{frame}", "zp": np.nan, "flags": 0 if frame else int(Flag.TRAIL)})
    return path


def test_rows_of_the_frames_have_the_bit_and_no_others(path):
    before = fits.getdata(path, "PHOT").copy()
    assert mark_frames(path, Flag.CLOUD, CLOUDED)
    rows = fits.getdata(path, "PHOT")
    expected = before["flags"].reshape(FRAMES, STARS) + 256 * CLOUDED[:, None]
    assert np.array_equal(rows["flags"], expected.ravel())
    for name in set(rows.names) - {"flags"}:
        assert np.array_equal(rows[name], before[name])
    assert read_frames(path)["flags"].tolist() == [128, 256, 256, 0, 0]
    assert read_stars(path)["name"].tolist() == [f"s{n}" for n in range(STARS)]
    assert check_table(path)["NFRAMES"] == FRAMES


def test_a_bit_taken_back_leaves_no_trace(path):
    content, checksum = path.read_bytes(), table_checksum(path)
    mark_frames(path, Flag.CLOUD, CLOUDED)
    assert table_checksum(path) != checksum
    assert mark_frames(path, Flag.CLOUD, np.zeros(FRAMES, bool))
    assert path.read_bytes() == content


def test_checksums_are_those_of_the_marked_rows(path):
    mark_frames(path, Flag.CLOUD, CLOUDED)
    rows = np.asarray(fits.getdata(path, "PHOT")).reshape(FRAMES, STARS)
    assert read_frames(path)["checksum"].tolist() == [zlib.crc32(rows[n].tobytes()) for n in range(FRAMES)]
    assert read_stars(path)["checksum"].tolist() == [zlib.crc32(rows[:, n].tobytes()) for n in range(STARS)]


def test_a_table_marked_so_before_is_not_written(path):
    mark_frames(path, Flag.CLOUD, CLOUDED)
    inode = path.stat().st_ino
    assert not mark_frames(path, Flag.CLOUD, CLOUDED)
    assert path.stat().st_ino == inode


def test_a_table_without_flags_of_frames_is_refused(tmp_path):
    path = tmp_path / "phot.fits"
    with write_photometry(path, Table({"gaia_id": [1]}), radii=[2.0], name_width=2) as writer:
        writer.add(np.zeros(1, [(name, kind) for name, kind, _ in columns([2.0], 2)]), {"frame_id": "a"})
    with pytest.raises(ProductError, match="FRAMES has no flags"):
        mark_frames(path, Flag.CLOUD, np.array([True]))
