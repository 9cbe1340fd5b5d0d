"""Binary tables of FITS files as ngcmos writes them, read in a fifth of the time that astropy takes.

``units_of(file)`` tells what a file holds, ``table_of(unit, content)`` reads a table. astropy makes hundreds of
objects of the header of a table before it reads a row. This looks at what it needs: cards as the FITS standard has
them (4.00, sections 4 and 7.3), and columns of numbers, truths and text. Of all else, and of whatever does not add
up, functions here return None: the caller has astropy read it, which also tells what is wrong.
"""

import dataclasses
import functools
import io
import re
from typing import Any, BinaryIO

import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.units import Unit as UnitOfMeasure
from numpy.typing import NDArray

from ngcmos.arrays import Rows
from ngcmos.night.cards import BLOCK, CARD, PlainHeader, bytes_of_header, plain_text, read_plain

_HEADER_BLOCKS = 8
_FORM = re.compile(r"(?P<count>[0-9]*)(?P<kind>[ABDEIJKL]) *\Z")
_NUMBERS = {"B": ">u1", "D": ">f8", "E": ">f4", "I": ">i2", "J": ">i4", "K": ">i8", "L": ">i1"}
OF_COLUMNS = re.compile(r"(TTYPE|TFORM|TUNIT)[0-9]+\Z")
ODD = re.compile(r"T(NULL|SCAL|ZERO|DISP|BCOL|DIM|CTYP|CUNI|CRPX|CRVL|CDLT|RPOS)[0-9]|(THEAP|COMMENT|HISTORY|)\Z")
_USUAL = {"XTENSION": "BINTABLE", "BITPIX": 8, "NAXIS": 2, "PCOUNT": 0, "GCOUNT": 1}
STRUCTURE = (*_USUAL, "NAXIS1", "NAXIS2", "TFIELDS")
_ONES = 2**32 - 1
_SENSELESS = (KeyError, ValueError, TypeError, OverflowError, fits.VerifyError)


@dataclasses.dataclass(frozen=True, eq=False)
class TableUnit:
    """A table of a file.

    Attributes
    ----------
    header : PlainHeader
    text : str
        Its cards, 80 characters each, without END.
    kinds : dtype
        Of a row, as it lies in the file.
    rows : int
    head_at, data_at, end_at : int
        Bytes of the file before its header, its rows, and what comes after it.
    """

    header: PlainHeader
    text: str
    kinds: np.dtype[np.void]
    rows: int
    head_at: int
    data_at: int
    end_at: int

    @property
    def keys(self) -> list[str]:
        """Keywords of all cards in their order, comments too."""
        return [self.text[card : card + 8].rstrip(" ") for card in range(0, len(self.text), CARD)]

    @property
    def name(self) -> str:
        """EXTNAME as astropy has it; "" without."""
        return str(self.header.get("EXTNAME", "")).strip().upper()

    def rows_in(self, content: bytes) -> Rows:
        """Its rows as they lie in the file, in the memory of its `content`."""
        return np.frombuffer(content, self.kinds, self.rows, offset=self.data_at - self.head_at)

    def content(self, file: BinaryIO) -> bytes:
        """The bytes of the unit."""
        file.seek(self.head_at)
        return file.read(self.end_at - self.head_at)


def units_of(file: BinaryIO) -> list[TableUnit] | None:
    """The tables of a file whose first unit has no data; None where the file is not plain, or not whole."""
    size = file.seek(0, io.SEEK_END)
    try:
        first = _header_at(file, 0)
        if first is None or first[0]["SIMPLE"] is not True or first[0]["NAXIS"] != 0:
            return None
        units, at = [], first[2]
        while at < size:
            unit = _unit_at(file, at)
            if unit is None:
                return None
            units.append(unit)
            at = unit.end_at
    except _SENSELESS:
        return None
    return units if at == size else None


def _header_at(file: BinaryIO, at: int) -> tuple[PlainHeader, str, int] | None:
    """(header, its text, where its data begin)."""
    file.seek(at)
    text = plain_text(file.read(_HEADER_BLOCKS * BLOCK))
    header = None if text is None else read_plain(text, long_text=True)
    if text is None or header is None:
        return None
    return header, text, at + bytes_of_header(len(text))


def _unit_at(file: BinaryIO, at: int) -> TableUnit | None:
    found = _header_at(file, at)
    if found is None:
        return None
    header, text, data_at = found
    kinds, rows = _kinds_of(header), header["NAXIS2"]
    usual = all(header[key] == value for key, value in _USUAL.items())
    if not usual or type(rows) is not int or rows < 0 or kinds is None or kinds.itemsize != header["NAXIS1"]:
        return None
    length = kinds.itemsize * rows
    return TableUnit(header, text, kinds, rows, at, data_at, data_at + length + -length % BLOCK)


def _kinds_of(header: PlainHeader) -> np.dtype[np.void] | None:
    """Type of a row; None with columns of vectors, or of kinds that are not known here."""
    fields = []
    for number in range(1, int(header["TFIELDS"]) + 1):
        form = _FORM.match(str(header[f"TFORM{number}"]))
        name = header[f"TTYPE{number}"]
        if form is None or not isinstance(name, str):
            return None
        count = int(form["count"] or 1)
        if count < 1 or (count > 1 and form["kind"] != "A"):
            return None
        fields.append((name, f"S{count}" if form["kind"] == "A" else _NUMBERS[form["kind"]]))
    return np.dtype(fields)  # ValueError where two have one name


def read_sealed(content: bytes) -> Table | None:
    """The only table of a file, text as bytes, where its checksums are right."""
    file = io.BytesIO(content)
    units = units_of(file)
    if units is None or len(units) != 1:
        return None
    [unit] = units
    own = unit.content(file)
    return table_of(unit, own, text_as_bytes=True) if is_sealed(unit, own) else None


def is_sealed(unit: TableUnit, content: bytes) -> bool:
    """Whether a unit has both of the checksums that FITS knows, and they are right; `content` is its bytes.

    Sums of ones' complement, of which that of a whole unit is zero (FITS standard 4.00, appendix J).
    """
    words = np.frombuffer(content, ">u4")
    of_head, of_data = (
        int(part.sum(dtype=np.uint64)) for part in np.split(words, [(unit.data_at - unit.head_at) // 4])
    )
    try:
        said = int(unit.header["DATASUM"])
        return "CHECKSUM" in unit.header and said % _ONES == of_data % _ONES and (of_head + of_data) % _ONES == 0
    except _SENSELESS:
        return False


def table_of(unit: TableUnit, content: bytes, *, text_as_bytes: bool) -> Table | None:
    """A unit as `Table.read` has it with `mask_invalid=False`: numbers in the byte order of the file, too.

    Parameters
    ----------
    unit : TableUnit
    content : bytes
        Of the unit, from its header on.
    text_as_bytes : bool
        What `character_as_bytes` is to `Table.read`.
    """
    keys = unit.keys
    if any(ODD.match(key) for key in keys) or len(set(keys)) < len(keys):
        return None
    try:
        rows = unit.rows_in(content)
        columns = {name: _column(rows[name], text_as_bytes) for name in unit.kinds.names or ()}
        table = Table(columns, copy=False)
        for number, name in enumerate(columns, start=1):
            measure = unit.header.get(f"TUNIT{number}")
            if measure is not None:
                table[name].unit = _measure(str(measure))
        for key in keys:
            if key not in STRUCTURE and not OF_COLUMNS.match(key):
                table.meta[key] = unit.header[key]
    except _SENSELESS:
        return None
    return table


def _column(values: NDArray[Any], text_as_bytes: bool) -> NDArray[Any]:
    """Values of a column, in memory of their own."""
    kind = values.dtype
    if kind.kind == "S":
        text = np.strings.rstrip(values)
        return text if text_as_bytes else text.astype(f"U{kind.itemsize}")
    return values == ord("T") if kind.char == "b" else values.copy()


@functools.lru_cache(maxsize=256)
def _measure(text: str) -> UnitOfMeasure:
    """A unit of measure by what a card says; ValueError of one that FITS does not know."""
    return UnitOfMeasure(text, format="fits", parse_strict="raise")
