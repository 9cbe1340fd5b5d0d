"""Bits that are known of a frame only once its night is: set in a finished photometry table."""

from pathlib import Path

import numpy as np
from astropy.io import fits

from ngcmos.arrays import Bools, Rows
from ngcmos.errors import ProductError
from ngcmos.names import Flag
from ngcmos.night.products import write_then_rename
from ngcmos.tables.sums import FITS_BLOCK, SUM_COLUMN, RowSums, bytes_of_sealed, check_seal
from ngcmos.tables.table import chunks_of_table, layout_of_table

CHUNK_BYTES = 2**26


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
    if "flags" not in frames.columns.names:
        raise ProductError(f"{path}: FRAMES has no flags; --overwrite makes the table anew")
    before = frames.data["flags"].copy()
    _mark(frames.data, flag, marked)
    if np.array_equal(before, frames.data["flags"]):
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
            if SUM_COLUMN in extension.columns.names:  # a table of an earlier version has no place for them
                extension.data[SUM_COLUMN] = values
            new.write(bytes_of_sealed(extension))
    return True


def _extensions_of(path: Path) -> tuple[fits.BinTableHDU, fits.BinTableHDU]:
    """STARS and FRAMES, in memory, to be changed there."""
    with fits.open(path, memmap=False) as units:
        for name in ("STARS", "FRAMES"):
            check_seal(path, units[name])
        return units["STARS"].copy(), units["FRAMES"].copy()


def _mark(rows: Rows, flag: Flag, marked: Bools) -> None:
    rows["flags"] = np.where(marked, rows["flags"] | flag, rows["flags"] & ~flag)
