"""Binary tables written without astropy are byte for byte what astropy writes, and all else is left to it."""

import io

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import MaskedColumn, QTable, Table
from hypothesis import given
from hypothesis import strategies as st
from made_tables import ROWS, plain_columns

from ngcmos.night.products import read_written, write_table
from ngcmos.night.table_bytes import comments_text, first_unit, header_bytes, plain_table, sealed

PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=90)
VALUES = st.one_of(
    PRINTABLE, st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.just("a.b: 1.0")
)


def by_astropy(table):
    unit, file = fits.table_to_hdu(table), io.BytesIO()
    unit.add_checksum(when="here")
    fits.HDUList([fits.PrimaryHDU(), unit]).writeto(file)
    return file.getvalue()


def own(table):
    plain = plain_table(table, meta=True)
    return None if plain is None else first_unit() + sealed(plain.text, plain.rows, "here")


@pytest.mark.parametrize("rows", [ROWS, 1, 0])
def test_table_of_each_kind_of_column(rows):
    table = plain_columns()[:rows]
    assert own(table) == by_astropy(table)


@given(values=st.lists(VALUES, max_size=4))
def test_cards_that_a_table_carries(values):
    table = Table({"id": [1]}, meta={f"KEY{number}": value for number, value in enumerate(values)})
    assert own(table) == by_astropy(table)


@given(rows=st.lists(st.integers(-(2**63), 2**63 - 1), max_size=9))
def test_checksums_of_any_rows(rows):
    table = Table({"id": np.array(rows, np.int64)})
    assert own(table) == by_astropy(table)


def test_table_that_was_read_keeps_the_places_of_its_checksums(tmp_path):
    path = tmp_path / "catalog.fits"
    write_table(path, plain_columns())
    table = read_written(path)
    table.meta["CATSUM"] = "0123"
    assert list(table.meta) == ["CHECKSUM", "DATASUM", "CATSUM"]
    assert own(table) == by_astropy(table)


def test_comments_longer_than_a_card_go_on_in_the_next():
    comments = ["short", "long " * 40, "x" * 72, "y" * 73]
    header = fits.Header()
    for comment in comments:
        header["COMMENT"] = comment
    assert header_bytes(comments_text(comments)).decode() == header.tostring()


def with_column(**columns):
    return lambda: Table({"id": np.arange(2), **columns})


def with_meta(**meta):
    return lambda: Table({"id": np.arange(2)}, meta=meta)


def in_form(table):
    table["flux"].format = "8.3f"
    return table


ODD = {
    "masked": with_column(mag=MaskedColumn([1.0, 2.0], mask=[True, False])),
    "vectors": with_column(place=np.zeros((2, 2))),
    "complex": with_column(phase=np.zeros(2, complex)),
    "unsigned": with_column(count=np.zeros(2, np.uint32)),
    "signed bytes": with_column(count=np.zeros(2, np.int8)),
    "not ASCII": with_column(name=["é", "a"]),
    "objects": with_column(what=np.array([None, "a"], object)),
    "blank at the end": with_column(name=["a ", "b"]),
    "with a unit of its own": lambda: QTable([u.Quantity([1.0], u.m)], names=["height"]),
    "unit that FITS lacks": lambda: Table({"flux": [1.0]}, units={"flux": u.imperial.mile}),
    "format": lambda: in_form(plain_columns()),
    "comments": with_meta(comments=["one", "two"]),
    "lower case": with_meta(fetched="today"),
    "card of a column": with_meta(TDISP1="I5"),
    "card of the table": with_meta(NAXIS2=7),
    "nothing": with_meta(FETCHED=None),
    "not a number": with_meta(RA_CEN=np.nan),
    "half a seal": with_meta(DATASUM="7"),
}


@pytest.mark.parametrize("kind", ODD)
def test_what_is_odd_is_left_to_astropy(kind):
    assert plain_table(ODD[kind](), meta=True) is None


def test_odd_table_is_written_by_astropy_and_read_back(tmp_path):
    path = tmp_path / "catalog.fits"
    write_table(path, ODD["masked"]())
    assert np.isnan(read_written(path)["mag"]).tolist() == [True, False]
