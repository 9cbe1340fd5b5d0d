"""phot_{field}.fits as written, as astropy reads it, and one star back."""

import dataclasses

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import MaskedColumn, Table

from ngcmos.errors import ProductError, WorkError
from ngcmos.photometry.apertures import Measurement
from ngcmos.tables.table import (
    check_table,
    chunks_of_table,
    layout_of_table,
    read_frames,
    read_star,
    read_stars,
    rows_of_table,
    table_checksum,
)
from ngcmos.tables.writer import Moment, columns, rows_of_frame, write_photometry

RADII = np.array([2.0, 3.0, 4.0, 5.0, 6.0])
STARS, FRAMES = 7, 4
GAIA = 2**62 + np.array([1, 2, 0, 4, 5, 6, 7]) * (np.arange(STARS) != 2) - 2**62 * (np.arange(STARS) == 2)
WIDTH = 52


def frame_name(number):
    return f"NG2320-1302_TIC-188620407_S43-{20240706072737751 + number}.fits"


@pytest.fixture
def stars():
    return Table(
        {
            "gaia_id": GAIA.astype(np.int64),
            "Tmag": np.linspace(9, 15, STARS),
            "tic_id": 188620407 + np.arange(STARS),
            "gaiabp": MaskedColumn(np.full(STARS, 13.5), mask=np.arange(STARS) == 1),
            "gaiarp": np.full(STARS, 12.5),
            "blended": np.arange(STARS) == 3,
        }
    )


def measurement(number, radii=RADII):
    """Every number different from every other."""
    rng = np.random.default_rng(number)
    many = {field.name: rng.normal(1e4, 1e3, (len(radii), STARS)) for field in dataclasses.fields(Measurement)}
    many |= {"radii": radii, "sky": rng.normal(400, 9, STARS), "sky_rms": rng.normal(20, 1, STARS)}
    many |= {name: rng.normal(0, 0.1, STARS) for name in ("dx", "dy", "dxerr", "dyerr", "flux_psf", "fluxerr_psf")}
    return Measurement(**many | {"flags": rng.integers(0, 127, STARS).astype(np.int32)})


def rows(stars, number, *, radii=RADII, **changes):
    given = {
        "frame_id": frame_name(number),
        "jd_mid": 2460497.8107 + number * 1.2345678e-4,
        "jd_bary": 2460497.8121 + number * 1.2345678e-4 + np.arange(STARS) * 1e-9,
        "airmass": 1.2,
        "zp": 20.5,
    }
    places = np.arange(STARS) * 10.5, np.arange(STARS) * 20.25
    return rows_of_frame(measurement(number, radii), stars, *places, Moment(**given | changes), name_width=WIDTH)


def write(path, stars, *, frames=FRAMES, radii=RADII):
    with write_photometry(path, stars, radii=radii, name_width=WIDTH, cards=[("SKYMETH", "map", "sky")]) as writer:
        for number in range(frames):
            facts = {
                "frame_id": frame_name(number),
                "airmass": 1.2,
                "shift_x": None if number else 0.1,
                "stars": 7,
            }
            writer.add(rows(stars, number, radii=radii), facts)
    return path


@pytest.fixture
def path(tmp_path, stars):
    return write(tmp_path / "phot_NG2320-1302.fits", stars)


def test_the_columns_are_those_of_the_contract(path):
    old = ["frame_id", "gaia_id", "Tmag", "jd_mid", "x", "y"]
    for radius in (2, 3, 4, 5, 6):
        names = ("flux", "fluxerr", "flux_w_sky", "fluxerr_w_sky", "max_pixel_value")
        old += [f"{name}_{radius}" for name in names]
    new = ["tic_id", "gaiabp", "gaiarp", "jd_bary", "airmass", "zp", "sky", "sky_rms", "flags"]
    new += ["dx", "dy", "dxerr", "dyerr", "flux_psf", "fluxerr_psf"]
    assert Table.read(path, hdu=1).colnames == old + new


def test_a_radius_that_is_not_whole_keeps_its_fraction(tmp_path, stars):
    path = write(tmp_path / "phot.fits", stars, radii=np.array([2.0, 2.5]))
    assert "flux_2.5" in Table.read(path, hdu=1).colnames
    assert "flux_2" in Table.read(path, hdu=1).colnames


def test_the_file_is_valid_fits_of_whole_blocks(path):
    with fits.open(path, checksum=True) as units:
        units.verify("exception")
        assert [unit.name for unit in units] == ["PRIMARY", "PHOT", "STARS", "FRAMES"]
        assert units[1].data.shape == (STARS * FRAMES,)
    assert path.stat().st_size % 2880 == 0


def test_the_streamed_rows_are_those_astropy_writes(path, stars, tmp_path):
    whole = np.concatenate([rows(stars, number) for number in range(FRAMES)])
    fits.BinTableHDU(whole).writeto(tmp_path / "astropy.fits")
    expected, found = fits.getdata(tmp_path / "astropy.fits"), fits.getdata(path, "PHOT")
    assert found.dtype == expected.dtype
    assert found.tobytes() == expected.tobytes()


def test_values_come_back_as_they_were_measured(path):
    table = Table.read(path, hdu="PHOT")
    for number in range(FRAMES):
        block = table[number * STARS : (number + 1) * STARS]
        for index, radius in enumerate((2, 3, 4, 5, 6)):
            assert np.allclose(
                block[f"fluxerr_w_sky_{radius}"], measurement(number).fluxerr_w_sky[index], rtol=1e-6
            )
        assert np.array_equal(block["flags"], measurement(number).flags)


def test_positions_count_from_one_in_the_table(path):
    assert Table.read(path, hdu=1)["x", "y"][1].as_void().tolist() == (11.5, 21.25)


def test_ids_keep_all_their_digits(path):
    table = Table.read(path, hdu=1)
    assert table["gaia_id"][:STARS].tolist() == GAIA.tolist()
    assert table["gaia_id"].dtype.kind == "i"


def test_times_keep_a_microsecond(path):
    table = Table.read(path, hdu=1)
    later = (table["jd_mid"][STARS] - table["jd_mid"][0]) * 86400
    assert later == pytest.approx(1.2345678e-4 * 86400, abs=5e-5)
    assert table["jd_bary"].dtype == np.dtype(">f8")


def test_what_the_catalog_does_not_know_is_nan(path):
    values = fits.getdata(path, "PHOT")["gaiabp"][:STARS]
    assert np.argwhere(np.isnan(values)).ravel().tolist() == [1]


def test_a_masked_id_is_zero(stars):
    stars["gaia_id"] = MaskedColumn(stars["gaia_id"], mask=np.arange(STARS) == 4)
    assert rows(stars, 0)["gaia_id"][4] == 0


def test_units_are_there(path):
    table = Table.read(path, hdu=1)
    units = [str(table[name].unit) for name in ("Tmag", "jd_mid", "x", "flux_3", "max_pixel_value_6", "sky")]
    assert units == ["mag", "d", "pix", "adu", "adu", "adu"]


def test_the_header_tells_what_was_done(path):
    header = fits.getheader(path, "PHOT")
    assert (header["NFRAMES"], header["NSTARS"], header["SKYMETH"]) == (FRAMES, STARS, "map")
    assert [header[f"RADIUS{n}"] for n in range(1, 6)] == RADII.tolist()
    assert (header["FLAG2"], header["FLAG64"]) == ("saturated", "off_chip")


def test_frames_hold_what_is_known_of_each(path):
    frames = read_frames(path)
    assert frames["frame_id"].tolist() == [frame_name(number) for number in range(FRAMES)]
    assert frames["stars"].tolist() == [7] * FRAMES


def test_an_unknown_fact_is_missing(path):
    assert np.isnan(np.ma.filled(read_frames(path)["shift_x"], np.nan)).tolist() == [False, True, True, True]


def test_stars_keep_the_catalogs_columns(path, stars):
    found = read_stars(path)
    assert found.colnames == [*stars.colnames, "checksum"]
    assert found["gaia_id"].tolist() == GAIA.tolist()
    assert found["blended"].tolist() == stars["blended"].tolist()


@pytest.mark.parametrize("star", [0, 1, 3, 6])
def test_one_star_is_its_rows_of_the_whole_table(path, star):
    whole = fits.getdata(path, "PHOT")
    mine = whole[whole["gaia_id"] == GAIA[star]]
    table = read_star(path, gaia_id=GAIA[star])
    assert len(table) == FRAMES
    for name in mine.names:
        assert np.array_equal(table[name], mine[name], equal_nan=name == "gaiabp")


def test_a_star_without_gaia_id_is_found_by_its_tic_id(path):
    table = read_star(path, tic_id=188620409)
    assert table["gaia_id"].tolist() == [0] * FRAMES
    assert table["tic_id"].tolist() == [188620409] * FRAMES


def test_a_stars_table_is_text_units_and_native_numbers(path):
    table = read_star(path, gaia_id=GAIA[0])
    assert table["frame_id"][0] == frame_name(0)
    assert table["flux_3"].dtype.isnative
    assert str(table["flux_3"].unit) == "adu"
    assert table.meta["SKYMETH"] == "map"


def test_an_unknown_star_is_an_error_that_tells_the_range(path):
    span = f"{STARS} stars with gaia_id from {GAIA[0]} to {GAIA[6]}"
    with pytest.raises(WorkError, match=f"no star with gaia_id 12345, the table has {span}"):
        read_star(path, gaia_id=12345)


def test_the_id_of_stars_without_gaia_id_is_no_star(path):
    with pytest.raises(WorkError, match="no star with gaia_id 0"):
        read_star(path, gaia_id=0)


def test_no_id_at_all_is_refused(path):
    with pytest.raises(WorkError, match="no star with tic_id None"):
        read_star(path)


def cut(size):
    return lambda path: path.write_bytes(path.read_bytes()[:size])


def flip_frames(path):
    path.write_bytes(
        path.read_bytes().replace(b"NFRAMES =                    4", b"NFRAMES =                    5")
    )


def by_another_hand(path):
    Table({"flux": np.arange(5.0)}).write(path, overwrite=True)


DAMAGE = {
    "missing": lambda path: path.unlink(),
    "empty": cut(0),
    "cut in the first header": cut(1000),
    "cut behind the first header": cut(2880),
    "cut in the header of PHOT": cut(5000),
    "cut in the rows": lambda path: cut(path.stat().st_size - 20000)(path),
    "last block missing": lambda path: cut(path.stat().st_size - 2880)(path),
    "last byte missing": lambda path: cut(path.stat().st_size - 1)(path),
    "grown": lambda path: path.write_bytes(path.read_bytes() + b"x" * 2880),
    "not FITS": lambda path: path.write_text("nothing\n" * 1000),
    "counts that disagree": flip_frames,
    "another table": by_another_hand,
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_table_is_refused_by_name(path, damage):
    DAMAGE[damage](path)
    with pytest.raises(ProductError, match=r"phot_NG2320-1302\.fits: "):
        check_table(path)


@pytest.mark.parametrize("read", [read_frames, read_stars, lambda path: read_star(path, gaia_id=1)])
def test_readers_refuse_a_truncated_table(path, read):
    cut(path.stat().st_size - 2880)(path)
    with pytest.raises(ProductError):
        read(path)


def rotten(path, frame, star):
    """One bit of a flux of the table turned over."""
    header, kinds, start = layout_of_table(path)
    content = bytearray(path.read_bytes())
    at = start + (frame * header["NSTARS"] + star) * kinds.itemsize + kinds.fields["flux_3"][1] + 3
    content[at] ^= 0x01
    path.write_bytes(content)


@pytest.mark.parametrize("star", [0, 3])
def test_star_whose_bytes_rotted_is_refused_and_the_others_are_read(path, star):
    rotten(path, 1, star)
    ids = read_stars(path)["gaia_id"]
    with pytest.raises(ProductError, match=rf"rows of gaia_id {ids[star]} are not those that were written"):
        read_star(path, gaia_id=ids[star])
    other = (star + 1) % len(ids)
    assert len(read_star(path, gaia_id=ids[other])) == FRAMES


def test_frame_whose_bytes_rotted_is_refused(path):
    rotten(path, 1, 0)
    name = read_frames(path)["frame_id"][1]
    with pytest.raises(ProductError, match=f"rows of {name} are not those that were written"):
        list(chunks_of_table(path, most_bytes=10**6))


@pytest.mark.parametrize(("name", "read"), [("STARS", read_stars), ("FRAMES", read_frames)])
@pytest.mark.parametrize(("of", "byte"), [("hdrLoc", 130), ("datLoc", 5)], ids=["head", "rows"])
def test_stars_and_frames_whose_bytes_rotted_are_refused(path, name, read, of, byte):
    with fits.open(path) as units:
        at = units[name].fileinfo()[of] + byte
    content = bytearray(path.read_bytes())
    content[at] ^= 0x01
    path.write_bytes(content)
    with pytest.raises(ProductError, match=rf"{path.name}: ({name} is not what was written|damaged)"):
        read(path)


def test_table_of_an_earlier_version_is_read_without_its_checksums(path, tmp_path):
    old = tmp_path / "old.fits"
    with fits.open(path) as units:
        for name in ("STARS", "FRAMES"):
            units[name].columns.del_col("checksum")
            for card in ("CHECKSUM", "DATASUM"):
                del units[name].header[card]
        units.writeto(old)
    gaia_id = GAIA[3]
    assert (
        read_star(old, gaia_id=gaia_id)["flux_3"].tolist() == read_star(path, gaia_id=gaia_id)["flux_3"].tolist()
    )
    assert len(list(chunks_of_table(old, most_bytes=10**6))) == 1


def test_a_whole_table_is_sound(path):
    assert check_table(path)["NSTARS"] == STARS


def test_checksum_is_that_of_what_was_measured(path, stars, tmp_path):
    same, more = tmp_path / "same.fits", tmp_path / "more.fits"
    write(same, stars)
    write(more, stars, frames=FRAMES + 1)
    assert table_checksum(same) == table_checksum(path) != table_checksum(more)


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"SKYMETH = 'map     '", b"SKYMETH = 'mean    '"), (np.array(0.1, ">f8").tobytes(), bytes(8))],
    ids=["header", "fact of a frame"],
)
def test_checksum_changes_with_what_a_table_is_made_of(path, old, new):
    before, whole = table_checksum(path), path.read_bytes()
    assert whole.count(old) == 1
    path.write_bytes(whole.replace(old, new))
    assert table_checksum(path) != before


@pytest.mark.parametrize("most_bytes", [1, 3000, 10**9])
def test_chunks_are_the_rows(path, most_bytes):
    chunks = list(chunks_of_table(path, most_bytes=most_bytes))
    assert [first for first, _ in chunks][:2] in ([0], [0, len(chunks[0][1])])
    assert b"".join(rows.tobytes() for _, rows in chunks) == rows_of_table(path).tobytes()


def test_the_table_takes_its_name_only_when_it_is_whole(tmp_path, stars):
    path = tmp_path / "phot.fits"
    with write_photometry(path, stars, radii=RADII, name_width=WIDTH) as writer:
        writer.add(rows(stars, 0), {"frame_id": "a"})
        assert not path.exists()
    assert path.exists()


def test_after_an_error_the_older_table_is_whole_and_nothing_else_is_left(path, stars):
    before = path.read_bytes()
    with (
        pytest.raises(RuntimeError, match="stopped"),
        write_photometry(path, stars, radii=RADII, name_width=WIDTH) as writer,
    ):
        writer.add(rows(stars, 0), {"frame_id": "a"})
        raise RuntimeError("stopped")
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_table_of_no_frames_is_not_written(tmp_path, stars):
    with pytest.raises(ProductError, match=r"phot\.fits: no frame was added"):
        write(tmp_path / "phot.fits", stars, frames=0)
    assert list(tmp_path.iterdir()) == []


def test_rows_of_other_stars_are_refused(tmp_path, stars):
    with (
        pytest.raises(ProductError, match="6 rows of a frame, expected 7"),
        write_photometry(tmp_path / "phot.fits", stars, radii=RADII, name_width=WIDTH) as writer,
    ):
        writer.add(rows(stars, 0)[:6], {"frame_id": "a"})


def test_rows_of_other_columns_are_refused(tmp_path, stars):
    with (
        pytest.raises(ProductError, match="columns of a frame differ"),
        write_photometry(tmp_path / "phot.fits", stars, radii=RADII, name_width=WIDTH) as writer,
    ):
        writer.add(rows(stars, 0, radii=np.array([2.0])), {"frame_id": "a"})


def test_a_name_too_long_for_its_column_is_refused(stars):
    with pytest.raises(ProductError, match="longer than the 52 characters"):
        rows(stars, 0, frame_id="x" * 53)


def test_not_a_number_stays_so(stars, tmp_path):
    path = tmp_path / "phot.fits"
    with write_photometry(path, stars, radii=RADII, name_width=WIDTH) as writer:
        writer.add(rows(stars, 0, jd_bary=np.full(STARS, np.nan), zp=np.nan), {"frame_id": "a"})
    data = fits.getdata(path, "PHOT")
    assert np.isnan(data["jd_bary"]).all()
    assert np.isnan(data["zp"]).all()


def test_radii_as_texts_are_unique_columns():
    names = [name for name, _, _ in columns([2.0, 2.25, 10.0], 10)]
    assert len(set(names)) == len(names)
    assert {"flux_2", "flux_2.25", "flux_10"} <= set(names)
