"""Bits that are known of a frame only once its night is: set in a finished photometry table."""

from pathlib import Path

import numpy as np
from astropy.io import fits

from ngcmos.arrays import Bools, Ints, Rows
from ngcmos.errors import ProductError
from ngcmos.names import Flag
from ngcmos.night.products import write_then_rename
from ngcmos.tables.sums import SUM_COLUMN, RowSums
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
    header, kinds, start = layout_of_table(path)
    end = start + header["NFRAMES"] * header["NSTARS"] * kinds.itemsize
    tail, tails = _tail_of(path, end)
    frames = tails["FRAMES"]
    if "flags" not in (frames.dtype.names or ()):
        raise ProductError(f"{path}: FRAMES has no flags; --overwrite makes the table anew")
    before = frames["flags"].copy()
    _mark(frames, flag, marked)
    if np.array_equal(before, frames["flags"]):
        return False
    with write_then_rename(path) as temporary, path.open("rb") as old, temporary.open("wb") as new:
        new.write(old.read(start))
        sums = RowSums(header["NSTARS"])
        for first, rows in chunks_of_table(path, most_bytes=CHUNK_BYTES):
            _mark(rows, flag, marked[first : first + len(rows), None])
            for one in rows:
                sums.add(one)
            new.write(rows.tobytes())
        for name, values in (("STARS", sums.of_stars), ("FRAMES", sums.of_frames)):
            _enter(tails[name], values)
        new.write(tail)
    return True


def _tail_of(path: Path, end: int) -> tuple[bytearray, dict[str, Rows]]:
    """All that stands behind the rows of PHOT, and within it the rows of STARS and FRAMES, to be changed there."""
    with path.open("rb") as file, fits.open(file) as units:
        file.seek(end)
        tail = bytearray(file.read())
        return tail, {name: _rows_within(tail, units[name], end) for name in ("STARS", "FRAMES")}


def _rows_within(tail: bytearray, unit: fits.BinTableHDU, end: int) -> Rows:
    kinds = unit.columns.dtype.newbyteorder(">")
    return np.frombuffer(tail, kinds, unit.header["NAXIS2"], unit.fileinfo()["datLoc"] - end)


def _enter(rows: Rows, sums: Ints) -> None:
    """The new checksums; a table of an earlier version has no place for them."""
    if SUM_COLUMN in (rows.dtype.names or ()):
        rows[SUM_COLUMN] = sums


def _mark(rows: Rows, flag: Flag, marked: Bools) -> None:
    rows["flags"] = np.where(marked, rows["flags"] | flag, rows["flags"] & ~flag)
