"""The table `phot_{field}.fits` read: all of it, one star, its stars or frames; whether it is whole.

``read_star(path, gaia_id=...)``, ``read_frames`` and ``read_stars`` read; ``check_table(path)`` tells whether it
is whole, ``table_checksum(path)`` whether it is another one than before. It is written by `writer`.
"""

import functools
import hashlib
import logging
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import Table

from ngcmos.arrays import Floats, Ints, Rows
from ngcmos.errors import ProductError, WorkError
from ngcmos.night.binary_tables import TableUnit, is_sealed, table_of, units_of
from ngcmos.tables.sums import SEAL, SUM_COLUMN, check_rows, check_seal

log = logging.getLogger(__name__)

FILTER_CARD = "FILTER"  # of the frames, where it is not the usual one
SERIAL_CARD = "SERIAL"  # of the camera, where the profile names its card
CHECKED_BYTES = 2**24  # at a time
KEPT = 16  # layouts and extensions, of the tables that a run asks again and again

EXTENSIONS = ("PHOT", "STARS", "FRAMES")

Cards = Mapping[str, Any]  # values by keyword
Layout = tuple[Cards, np.dtype[np.void], int]
Found = tuple[Cards, np.dtype[np.void], int, Mapping[str, int], int]  # a layout, rows of extensions, bytes in all
State = tuple[int, int, int]


def filter_of_table(path: Path) -> str:
    """The filter of the frames of a table; "" of the usual one. Errors as of `check_table`."""
    return str(check_table(path).get(FILTER_CARD, ""))


def check_table(path: Path) -> Cards:
    """Header of PHOT of a whole table.

    Raises
    ------
    ProductError
        Missing, truncated, damaged, or not a table of ngcmos.
    """
    return layout_of_table(path)[0]


def table_checksum(path: Path) -> str:
    """First 16 hex digits of a SHA-256 that tells a table from any other, without its rows being read.

    It is over the header, which says what the table was made with, over STARS, and over FRAMES, which holds what
    was measured of every frame: its sky, its zero point, its width, its numbers of stars.

    Raises
    ------
    ProductError
        As `check_table`.
    """
    header, kinds, start = layout_of_table(path)
    with path.open("rb") as file:
        digest = hashlib.sha256(file.read(start))
        file.seek(start + header["NFRAMES"] * header["NSTARS"] * kinds.itemsize)
        digest.update(file.read())
    return digest.hexdigest()[:16]


def read_star(path: Path, *, gaia_id: int | None = None, tic_id: int | None = None) -> Table:
    """All rows of one star, a row a frame.

    Only this star's rows are read: it has one row in NSTARS. Of several stars of one id the first is, and a
    warning names the others; a catalog of today has none such.

    Parameters
    ----------
    path : Path
    gaia_id, tic_id : int
        One of them.

    Returns
    -------
    Table
        Columns of PHOT; `meta` holds the cards of its header.

    Raises
    ------
    ProductError
        As `check_table`, or its rows are not those that were written.
    WorkError
        The star is not in the table.
    """
    header, kinds, start = layout_of_table(path)
    name, wanted = ("gaia_id", gaia_id) if gaia_id is not None else ("tic_id", tic_id)
    frames, stars = header["NFRAMES"], header["NSTARS"]
    ids = _read_rows(path, kinds, start, stars)[name]
    found = np.flatnonzero(ids == wanted) if wanted else np.zeros(0, int)
    if not found.size:
        known = ids[ids != 0]
        span = f"{stars} stars with {name} from {known.min()} to {known.max()}" if known.size else "no such ids"
        raise WorkError(f"{path}: no star with {name} {wanted}, the table has {span}")
    if found.size > 1:
        tic_ids = _read_rows(path, kinds, start, stars)["tic_id"][found]
        others = ", ".join(f"TIC {tic_id}" for tic_id in tic_ids[1:])
        log.warning("%s: TIC %d is read; %s has %s %d too", path.name, tic_ids[0], others, name, wanted)
    rows = _read_rows(path, kinds, start + found[0] * kinds.itemsize, 1, times=frames, step=stars * kinds.itemsize)
    sums = sums_of(path, "STARS")
    check_rows(path, f"{name} {wanted}", rows, None if sums is None else sums[found[0]])
    native = rows.astype(kinds.newbyteorder("="))
    table = Table(native, meta={key: header[key] for key in header if key not in ("COMMENT", "")})
    table["frame_id"] = np.char.decode(native["frame_id"], "ascii")
    for number, column in enumerate(kinds.names or (), start=1):
        table[column].unit = header.get(f"TUNIT{number}")
    return table


def rows_of_table(path: Path) -> Rows:
    """(frames, stars) structured array of a whole table, on the disk until it is touched.

    Raises
    ------
    ProductError
        As `check_table`.
    """
    header, kinds, start = layout_of_table(path)
    return np.memmap(path, dtype=kinds, mode="r", offset=start, shape=(header["NFRAMES"], header["NSTARS"]))


def chunks_of_table(path: Path, *, most_bytes: int, checked: bool = True) -> Iterator[tuple[int, Rows]]:
    """(first frame, (frames, stars) structured array) of pieces of a whole table, one after the other.

    Read, not mapped into memory, where the pages of the whole file would pile up. Who reads it again need not have
    its rows `checked` again.

    Raises
    ------
    ProductError
        As `check_table`.
    """
    header, kinds, start = layout_of_table(path)
    frames, stars = header["NFRAMES"], header["NSTARS"]
    names, sums = _kept_extension(path, "FRAMES")["frame_id"], sums_of(path, "FRAMES")
    step = max(1, most_bytes // (stars * kinds.itemsize))
    with path.open("rb") as file:
        file.seek(start)
        for first in range(0, frames, step):
            count = min(step, frames - first)
            rows = np.fromfile(file, kinds, count * stars).reshape(count, stars)
            for number, one in enumerate(rows if checked else (), start=first):
                check_rows(path, str(names[number]), one, None if sums is None else sums[number])
            yield first, rows


def check_all_rows(path: Path) -> None:
    """Read all rows of a table and compare them with their checksums.

    Raises
    ------
    ProductError
        As `check_table`, or rows are not those that were written.
    """
    for _ in chunks_of_table(path, most_bytes=CHECKED_BYTES):
        pass


def _read_rows(
    path: Path, kinds: np.dtype[np.void], start: int, count: int, *, times: int = 1, step: int = 0
) -> Rows:
    """`count` rows at byte `start` and as many at every further `step`; nothing between is read from the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_RANDOM)  # else the kernel reads ahead, all of it
        pieces = [os.pread(descriptor, count * kinds.itemsize, int(start) + step * n) for n in range(times)]
    finally:
        os.close(descriptor)
    return np.frombuffer(b"".join(pieces), dtype=kinds)


def read_stars(path: Path) -> Table:
    """The extension STARS: one row a star, in the order of the rows of each frame.

    Raises
    ------
    ProductError
        As `check_table`.
    """
    return _read_extension(path, "STARS")


def read_frames(path: Path) -> Table:
    """The extension FRAMES: one row a frame, in time order.

    Raises
    ------
    ProductError
        As `check_table`.
    """
    return _read_extension(path, "FRAMES")


def exposures_of(path: Path) -> Floats:
    """(frames,) seconds of exposure; NaN of tables that do not say. Errors as of `check_table`."""
    frames = _kept_extension(path, "FRAMES")
    known = "exptime_s" in frames.colnames
    return np.array(frames["exptime_s"], float) if known else np.full(len(frames), np.nan)


def sums_of(path: Path, extension: str) -> Ints | None:
    """Checksums of the rows of each star (`extension` STARS) or frame (FRAMES); None in older tables.

    Raises
    ------
    ProductError
        As `check_table`.
    """
    table = _kept_extension(path, extension)
    return np.array(table[SUM_COLUMN]) if SUM_COLUMN in table.colnames else None


def _read_extension(path: Path, name: str) -> Table:
    """A table that its reader may change."""
    return _kept_extension(path, name).copy()


def _kept_extension(path: Path, name: str) -> Table:
    """A table that all its readers share."""
    check_table(path)
    return _extension(path, name, _state_of(path))


@functools.lru_cache(maxsize=KEPT)
def _extension(path: Path, name: str, state: State) -> Table:
    plain = _plain_extension(path, name, state)
    table = None if plain is None else table_of(*plain, text_as_bytes=False)
    if table is None:
        with fits.open(path) as units:
            check_seal(path, units[name])
        table = Table.read(path, hdu=name, mask_invalid=False, character_as_bytes=False)
    for card in SEAL:  # true of the file alone
        table.meta.pop(card, None)
    return table


def plain_extension(path: Path, name: str) -> tuple[TableUnit, bytes] | None:
    """STARS or FRAMES as a unit and its bytes, where it is written plainly and its checksums are right.

    Raises
    ------
    ProductError
        As `check_table`.
    """
    return _plain_extension(path, name, _state_of(path))


def _plain_extension(path: Path, name: str, state: State) -> tuple[TableUnit, bytes] | None:
    units = _plain_units(path, state)
    if units is None:
        return None
    unit = units[EXTENSIONS.index(name)]
    with path.open("rb") as file:
        content = unit.content(file)
    return (unit, content) if is_sealed(unit, content) else None


def layout_of_table(path: Path) -> Layout:
    """(header, numpy type of a row, where the rows begin) of PHOT, after checking that the file is whole."""
    return _layout(path, _state_of(path))


def _state_of(path: Path) -> State:
    """Which file it is, its size and when it was written: while that is so, nobody reads it twice."""
    try:
        state = path.stat()
    except OSError as error:
        raise ProductError(f"{path}: not readable, {error.strerror or error}") from None
    return state.st_ino, state.st_size, state.st_mtime_ns


@functools.lru_cache(maxsize=KEPT)
def _layout(path: Path, state: State) -> Layout:
    try:
        units = _plain_units(path, state)
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # astropy only warns of a truncated file
            header, kinds, start, counts, end = _by_astropy(path) if units is None else _by_units(units)
    except OSError as error:
        raise ProductError(f"{path}: not readable, {error.strerror or error}") from None
    except (KeyError, IndexError, ValueError, TypeError, Warning, fits.VerifyError) as error:
        raise ProductError(f"{path}: damaged or not made by ngcmos ({error})") from None
    _check_counts(path, header, kinds, counts, end)
    return header, kinds, start


@functools.lru_cache(maxsize=KEPT)
def _plain_units(path: Path, _state: State) -> list[TableUnit] | None:
    """The units of a table whose headers are plain."""
    with path.open("rb") as file:
        units = units_of(file)
    return units if units is not None and tuple(unit.name for unit in units) == EXTENSIONS else None


def _by_units(units: Sequence[TableUnit]) -> Found:
    rows, last = units[0], units[-1]
    return rows.header, rows.kinds, rows.data_at, {unit.name: unit.rows for unit in units}, last.end_at


def _by_astropy(path: Path) -> Found:
    with path.open("rb") as file, fits.open(file) as units:
        header, info = units["PHOT"].header, units["PHOT"].fileinfo()
        kinds = units["PHOT"].columns.dtype.newbyteorder(">")
        counts = {name: units[name].header["NAXIS2"] for name in EXTENSIONS}
        last = units[-1].fileinfo()
    return header, kinds, info["datLoc"], counts, last["datLoc"] + last["datSpan"]


def _check_counts(
    path: Path,
    header: Cards,
    kinds: np.dtype[np.void],
    counts: Mapping[str, int],
    end: int,
) -> None:
    frames, stars = header.get("NFRAMES"), header.get("NSTARS")
    expected = {"PHOT": frames and stars and frames * stars, "STARS": stars, "FRAMES": frames}
    if not frames or not stars or counts != expected or kinds.itemsize != header["NAXIS1"]:
        raise ProductError(f"{path}: holds {counts} rows, expected {expected} by NFRAMES and NSTARS")
    size = path.stat().st_size
    if size != end:
        raise ProductError(f"{path}: {size} bytes, expected {end}")
