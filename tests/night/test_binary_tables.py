"""Binary tables that are read without astropy are what astropy reads, and all else is left to it."""

import io

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from made_tables import ROWS, plain_columns

from ngcmos.night.binary_tables import is_sealed, read_sealed, table_of, units_of


def usual():
    """A table of each kind of column, with units and cards."""
    table = plain_columns()
    table.meta.update({"RA_CEN": 12.5, "SOURCE": "it's /all/ of it", "STARS": 3, "SOLVED": True})
    return table


def content_of(unit, sealed=True, name=""):
    if name:
        unit.name = name
    if sealed:
        unit.add_checksum()
    file = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), unit]).writeto(file)
    return file.getvalue()


def read(content, text_as_bytes=True):
    """The first table of a file, None where it is not plain."""
    file = io.BytesIO(content)
    units = units_of(file)
    return None if units is None else table_of(units[0], units[0].content(file), text_as_bytes=text_as_bytes)


@pytest.mark.parametrize("text_as_bytes", [True, False])
@pytest.mark.parametrize("rows", [ROWS, 1, 0])
def test_table_is_the_one_that_astropy_reads(rows, text_as_bytes):
    content = content_of(fits.table_to_hdu(usual()[:rows]))
    found = read(content, text_as_bytes)
    expected = Table.read(io.BytesIO(content), format="fits", mask_invalid=False, character_as_bytes=text_as_bytes)
    assert found.colnames == expected.colnames
    assert list(found.meta.items()) == list(expected.meta.items())
    for name in found.colnames:
        mine, other = found[name], expected[name]
        assert (type(mine), mine.unit, mine.dtype) == (type(other), other.unit, other.dtype)
        assert mine.tobytes() == other.tobytes()


def with_card(key, value):
    def change():
        unit = fits.table_to_hdu(usual())
        unit.header[key] = value
        return unit

    return change


def of_columns(**columns):
    return lambda: fits.table_to_hdu(Table(columns))


def of_column(*told, **more):
    return lambda: fits.BinTableHDU.from_columns([fits.Column(*told, **more)])


ODD = {
    "comment": with_card("COMMENT", "what to know"),
    "history": with_card("HISTORY", "what was"),
    "scale": with_card("TSCAL1", 2.0),
    "null": with_card("TNULL1", 0),
    "format": with_card("TDISP5", "F8.3"),
    "unit that is none": of_column("flux", "E", array=np.zeros(ROWS), unit="bananas"),
    "vectors": of_columns(place=np.zeros((ROWS, 2))),
    "complex": of_columns(phase=np.zeros(ROWS, complex)),
    "unsigned": of_columns(count=np.zeros(ROWS, np.uint32)),
    "masked": lambda: fits.table_to_hdu(Table({"id": np.ma.array([1, 2], mask=[True, False])}, masked=True)),
    "lists": of_column("parts", "PE()", array=np.array([np.zeros(1, "f4"), np.zeros(2, "f4")], object)),
    "image": lambda: fits.ImageHDU(np.zeros((2, 2))),
    "letters that are none": of_column("name", "2A", array=[b"\xe9t"]),
}


@pytest.mark.parametrize("kind", ODD)
def test_what_is_odd_is_left_to_astropy(kind):
    assert read(content_of(ODD[kind]()), text_as_bytes=False) is None


def test_text_that_goes_on_in_further_cards_is_read_whole():
    table, long = usual(), "much of it, " * 20
    table.meta["INPUTS"] = long
    unit = fits.table_to_hdu(table)
    file = io.BytesIO(content_of(unit))
    [found] = units_of(file)
    assert found.header["INPUTS"] == unit.header["INPUTS"] == long.strip()
    assert found.header["SOLVED"] is True
    assert list(found.header) == list(unit.header)


@pytest.mark.parametrize("cut", [1, 2880, 5000])
def test_file_that_is_cut_or_grown_is_none(cut):
    content = content_of(fits.table_to_hdu(usual()))
    assert units_of(io.BytesIO(content)) is not None
    assert units_of(io.BytesIO(content[:-cut])) is None
    assert units_of(io.BytesIO(content + b"x" * cut)) is None


def test_units_have_their_names_and_places():
    content = content_of(fits.table_to_hdu(usual()), name="stars")
    [unit] = units_of(io.BytesIO(content))
    with fits.open(io.BytesIO(content)) as expected:
        places = expected["STARS"].fileinfo()
    assert (unit.name, unit.rows, unit.end_at) == ("STARS", ROWS, len(content))
    assert (unit.head_at, unit.data_at) == (places["hdrLoc"], places["datLoc"])


def test_seal_is_broken_by_any_changed_byte_and_missing_where_there_is_none():
    content = content_of(fits.table_to_hdu(usual()))
    assert read_sealed(content) is not None
    [unit] = units_of(io.BytesIO(content))
    own = unit.content(io.BytesIO(content))
    for at in range(0, len(own), 7):
        changed = bytearray(own)
        changed[at] ^= 0x04
        assert not is_sealed(unit, bytes(changed))
    assert read_sealed(content_of(fits.table_to_hdu(usual()), sealed=False)) is None
