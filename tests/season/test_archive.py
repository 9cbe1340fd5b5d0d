"""The files of a season as their readers see them."""

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from table_sums import renew_sums

from ngcmos.errors import ProductError
from ngcmos.season.archive import CURVE_SCHEMA, read_rows, read_star_rows, write_rows

COLUMNS = "gaia_id tic_id bjd_tdb relative_flux relative_flux_err flags quality frame camera x y sky airmass night"


def paths(season):
    return [season.folder.curves(name) for name in season.folder.nights()]


def test_columns_are_those_promised(whole):
    assert pq.read_schema(paths(whole)[0]).names == COLUMNS.split() == CURVE_SCHEMA.names


def test_one_star_comes_back_night_after_night_in_time_order(whole):
    star = 17
    rows = read_star_rows(paths(whole), gaia_id=10**18 + 100 * (star + 1), tic_id=1000 + star).to_pandas()
    rows["night"] = rows.night.astype(str)
    assert len(rows) == 4 * 12 and (np.diff(rows.bjd_tdb) > 0).all()
    for night, (_, own) in zip(whole.nights, rows.groupby("night"), strict=True):
        np.testing.assert_allclose(own.bjd_tdb, night.bjd)
        np.testing.assert_allclose(own.x, night.x[:, star] + 1, rtol=1e-6)
        np.testing.assert_allclose(own.sky, night.sky[:, star], rtol=1e-6)
        np.testing.assert_array_equal(own.frame, np.arange(12))
        np.testing.assert_array_equal(own.quality == "cloud", night.zp < quantile_of_clear(night) - 0.17)


def quantile_of_clear(night):
    zenith = night.zp + 0.1 * (night.airmass - 1)
    return np.quantile(zenith, 0.9) - 0.1 * (night.airmass - 1)


def test_flux_is_that_of_the_star_over_its_mean(whole):
    every = np.concatenate([pq.read_table(path)["relative_flux"] for path in paths(whole)])
    assert np.median(every) == pytest.approx(1, abs=0.001) and np.std(every) < 0.03


def test_star_that_is_not_there_has_no_rows(whole):
    assert len(read_star_rows(paths(whole), gaia_id=1, tic_id=1)) == 0


def test_damaged_file_is_named(built):
    paths(built)[1].write_bytes(b"PAR1")
    with pytest.raises(ProductError, match=r"20240702\.parquet"):
        read_star_rows(paths(built), gaia_id=1, tic_id=1)


def test_byte_that_rotted_in_a_light_curve_is_seen(built):
    path, star = paths(built)[1], 17
    flux = pq.read_metadata(path).row_group(0).column(COLUMNS.split().index("relative_flux"))
    content = bytearray(path.read_bytes())
    content[flux.data_page_offset + flux.total_compressed_size // 2] ^= 0x01
    path.write_bytes(content)
    with pytest.raises(ProductError, match=r"20240702\.parquet: missing or damaged"):
        read_star_rows([path], gaia_id=10**18 + 100 * (star + 1), tic_id=1000 + star)


def test_byte_that_rotted_in_a_list_is_seen(tmp_path):
    path = tmp_path / "stars.parquet"
    write_rows(path, np.array([(n, n / 7) for n in range(500)], [("gaia_id", "i8"), ("rms", "f8")]), {})
    content = bytearray(path.read_bytes())
    content[pq.read_metadata(path).row_group(0).column(1).data_page_offset + 100] ^= 0x01
    path.write_bytes(content)
    with pytest.raises(ProductError, match=r"stars\.parquet: missing or damaged"):
        read_rows(path)


def test_duckdb_reads_the_files_as_they_are(whole):
    rows = duckdb.sql(
        f"select night, count(*), avg(relative_flux) from '{whole.folder.path}/light_curves/*.parquet' "
        "where quality = 'good' group by night order by night"
    ).fetchall()
    assert [row[0] for row in rows] == whole.folder.nights()
    assert all(row[2] == pytest.approx(1, abs=0.003) for row in rows)


def test_count_that_saturates_has_no_flux(disk):
    night = disk.nights[0]
    folder = disk.base / "20240701"
    with fits.open(folder / disk.table("20240701").name, mode="update") as units:
        units["PHOT"].data["flags"][5] = 2
        renew_sums(units)
    disk.bring_in()
    rows = read_star_rows([disk.folder.curves("20240701")], gaia_id=10**18 + 600, tic_id=1005)
    flux = rows["relative_flux"].to_numpy()
    assert np.isnan(flux[0]) and np.isfinite(flux[1:]).all() and len(flux) == len(night.bjd)
