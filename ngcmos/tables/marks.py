"""Bits that are known of a frame only once its night is: set in a finished photometry table."""

from pathlib import Path

import numpy as np
from astropy.io import fits

from ngcmos.arrays import Bools, Rows
from ngcmos.errors import ProductError
from ngcmos.names import Flag
from ngcmos.night.products import write_then_rename
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
    tail, frames = _tail_of(path, end)
    if "flags" not in (frames.dtype.names or ()):
        raise ProductError(f"{path}: FRAMES has no flags; --overwrite makes the table anew")
    before = frames["flags"].copy()
    _mark(frames, flag, marked)
    if np.array_equal(before, frames["flags"]):
        return False
    with write_then_rename(path) as temporary, path.open("rb") as old, temporary.open("wb") as new:
        new.write(old.read(start))
        for first, rows in chunks_of_table(path, most_bytes=CHUNK_BYTES):
            _mark(rows, flag, marked[first : first + len(rows), None])
            new.write(rows.tobytes())
        new.write(tail)
    return True


def _tail_of(path: Path, end: int) -> tuple[bytearray, Rows]:
    """All that stands behind the rows of PHOT, and within it the rows of FRAMES, which can be changed there."""
    with path.open("rb") as file, fits.open(file) as units:
        kinds = units["FRAMES"].columns.dtype.newbyteorder(">")
        count, begin = units["FRAMES"].header["NAXIS2"], units["FRAMES"].fileinfo()["datLoc"]
        file.seek(end)
        tail = bytearray(file.read())
    return tail, np.frombuffer(tail, kinds, count, begin - end)


def _mark(rows: Rows, flag: Flag, marked: Bools) -> None:
    rows["flags"] = np.where(marked, rows["flags"] | flag, rows["flags"] & ~flag)
