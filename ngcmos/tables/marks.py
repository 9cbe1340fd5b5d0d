"""Bits that are known of a frame only once its night is: set in a finished photometry table."""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
from astropy.io import fits

from ngcmos.arrays import Bools, Rows
from ngcmos.errors import ProductError
from ngcmos.names import Flag
from ngcmos.night.binary_tables import TableUnit
from ngcmos.night.products import write_then_rename
from ngcmos.night.table_bytes import sealed
from ngcmos.tables.sums import FITS_BLOCK, SEALED, SUM_COLUMN, RowSums, bytes_of_sealed, check_seal
from ngcmos.tables.table import chunks_of_table, layout_of_table, plain_extension

CHUNK_BYTES = 2**26
NAMES = ("STARS", "FRAMES")


def mark_frames(path: Path, flag: Flag, marked: Bools) -> bool:
    """Give the rows of the marked frames a bit, in PHOT and FRAMES, take it from the others; whether any changed.

    The table is written anew, whole, where a frame is marked otherwise than before.

    Parameters
    ----------
    path : Path
    flag : Flag
    marked : (frames,) bool array

    Raises
    ------
    ProductError
        The table is damaged, or of a version whose FRAMES had no flags.
    WriteError
        The disk is full, read-only or failing.
    """
    header, _, start = layout_of_table(path)
    stars, frames = _extensions_of(path)
    if "flags" not in frames.names:
        raise ProductError(f"{path}: FRAMES has no flags; --overwrite makes the table anew")
    before = frames.rows["flags"].copy()
    _mark(frames.rows, flag, marked)
    if np.array_equal(before, frames.rows["flags"]):
        return False
    with write_then_rename(path) as temporary, path.open("rb") as old, temporary.open("wb") as new:
        new.write(old.read(start))
        sums = RowSums(header["NSTARS"])
        for first, rows in chunks_of_table(path, most_bytes=CHUNK_BYTES):
            _mark(rows, flag, marked[first : first + len(rows), None])
            for one in rows:
                sums.add(one)
            new.write(rows.tobytes())
        new.write(bytes(-new.tell() % FITS_BLOCK))
        for extension, values in ((stars, sums.of_stars), (frames, sums.of_frames)):
            if SUM_COLUMN in extension.names:  # a table of an earlier version has no place for them
                extension.rows[SUM_COLUMN] = values
            new.write(extension.sealed())
    return True


@dataclasses.dataclass(frozen=True, eq=False)
class _Extension:
    """STARS or FRAMES in memory: rows that are changed there, and what makes bytes of them."""

    rows: Rows
    sealed: Callable[[], bytes]

    @property
    def names(self) -> tuple[str, ...]:
        return self.rows.dtype.names or ()


def _extensions_of(path: Path) -> list[_Extension]:
    """STARS and FRAMES."""
    plain = [plain_extension(path, name) for name in NAMES]
    if None in plain:
        return _by_astropy(path)
    return [_extension_of(*found) for found in plain if found is not None]


def _extension_of(unit: TableUnit, content: bytes) -> _Extension:
    rows = unit.rows_in(content).copy()
    return _Extension(rows, functools.partial(sealed, unit.text, rows, SEALED))


def _by_astropy(path: Path) -> list[_Extension]:
    with fits.open(path, memmap=False) as units:
        for name in NAMES:
            check_seal(path, units[name])
        copies = [units[name].copy() for name in NAMES]
    return [_Extension(unit.data, functools.partial(bytes_of_sealed, unit)) for unit in copies]


def _mark(rows: Rows, flag: Flag, marked: Bools) -> None:
    rows["flags"] = np.where(marked, rows["flags"] | flag, rows["flags"] & ~flag)
