"""The files of a season as their readers see them."""

import subprocess
import sys

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from season.conftest import FIELD, made_on_disk
from table_sums import renew_sums

from ngcmos.errors import ProductError
from ngcmos.season import archive
from ngcmos.season.archive import CURVE_SCHEMA, read_mark, read_rows, write_pieces, write_rows
from ngcmos.season.one_star import read_star_rows

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


def test_every_version_of_spark_knows_how_they_are_written(whole):
    """And no number that hardly repeats has a dictionary, which is large and slow to read."""
    group = pq.read_metadata(paths(whole)[0]).row_group(0)
    columns = {name: group.column(at) for at, name in enumerate(CURVE_SCHEMA.names)}
    encodings = {encoding for one in columns.values() for encoding in one.encodings}
    assert encodings == {"PLAIN", "RLE", "RLE_DICTIONARY"}
    assert {one.compression for one in columns.values()} == {"SNAPPY"}
    told = {name for name, one in columns.items() if one.has_dictionary_page}
    assert told == set(CURVE_SCHEMA.names) - {"bjd_tdb", "relative_flux", "relative_flux_err", "x", "y", "sky"}


def test_ten_stars_of_a_long_night_lie_in_a_row_group(tmp_path):
    made = made_on_disk(tmp_path, nights=1, frames=2600, stars=25)
    made.bring_in()
    foot = pq.read_metadata(paths(made)[0])
    assert [foot.row_group(at).num_rows for at in range(foot.num_row_groups)] == [26_000, 26_000, 13_000]


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


def test_pieces_below_each_other_are_one_table(tmp_path):
    rows = np.zeros(5, [("night", "S16"), ("value", "f4")])
    rows["night"], rows["value"] = [b"20240701", b"20240701", b"20240702", b"2", b""], [1, 2, np.nan, 4, 5]
    write_pieces(tmp_path / "pieces.parquet", iter([rows[:2], rows[2:]]), {"a": 1})
    write_rows(tmp_path / "whole.parquet", rows, {"a": 1})
    pieces, whole = (read_rows(tmp_path / name).to_pydict() for name in ("pieces.parquet", "whole.parquet"))
    assert pieces["night"] == whole["night"] == [one.decode() for one in rows["night"]]
    np.testing.assert_array_equal(pieces["value"], whole["value"])
    assert read_mark(tmp_path / "pieces.parquet") == {"a": 1}


def test_star_without_id_of_gaia_is_found_among_all_such(tmp_path):
    """Row groups of stars that have none all start and end with 0."""
    path = tmp_path / "night.parquet"
    ids = [(0, 5), (0, 7), (0, 9), (4, 5), (8, 1)]
    names = ("gaia_id", "tic_id", "relative_flux")
    schema = pa.schema([CURVE_SCHEMA.field(name) for name in names])
    with pq.ParquetWriter(path, schema) as writer:
        for gaia, tic in ids:
            columns = [[gaia] * 3, [tic] * 3, [10.0 * gaia + tic] * 3]
            writer.write_table(pa.table(dict(zip(names, columns, strict=True)), schema))
    for gaia, tic in ids:
        rows = read_star_rows([path], gaia_id=gaia, tic_id=tic, columns=["relative_flux"])
        assert rows["relative_flux"].to_pylist() == [10.0 * gaia + tic] * 3
    assert read_star_rows([path], gaia_id=4, tic_id=6, columns=["relative_flux"]).num_rows == 0


@pytest.mark.parametrize(
    "values",
    [
        np.array([1.5, np.nan, -np.inf]),
        np.array([1, -2, 3], np.int8),
        np.arange(20, dtype=np.int64)[::2],
        np.array([True, False, True] * 5),
        np.array([b"good", b"", b"x" * 300]),
        np.array(["", "V* \u03b1 Cyg"]),
        np.zeros(0, "S4"),
        np.zeros(0, bool),
        np.zeros(0, "f4"),
    ],
)
def test_arrays_are_those_of_pyarrow(values):
    plain = np.char.decode(values, "ascii") if values.dtype.kind == "S" else values
    found = archive._array_of(values)
    found.validate(full=True)
    assert repr(found.to_pylist()) == repr(pa.array(plain).to_pylist()) and found.type == pa.array(plain).type


def test_season_is_written_without_pandas(tmp_path):
    disk = made_on_disk(tmp_path, nights=2, frames=8, stars=8)
    code = (
        "import sys; from pathlib import Path; from ngcmos.config import load_camera;"
        "from ngcmos.season.archive import season_folder; from ngcmos.season.source import Source;"
        "from ngcmos.season.update import update; base = Path(sys.argv[1]);"
        "names = [path.name for path in base.glob('2024*')];"
        f"update(season_folder(base, {FIELD!r}), {{n: Source(n, base / n, load_camera()) for n in names}});"
        "print(*sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code, disk.base], capture_output=True, text=True, check=True)
    assert disk.folder.stars.exists() and "pandas" not in ran.stdout.split()
