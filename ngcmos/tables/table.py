"""The table `phot_{field}.fits`: its columns, its streaming writer, one star back from it.

``write_photometry(path, stars, ...)`` writes frame by frame what ``rows_of_frame(...)`` makes;
``read_star(path, gaia_id=...)``, ``read_frames`` and ``read_stars`` read; ``check_table(path)`` and
``is_sound(path)`` tell whether it is whole, ``table_checksum(path)`` whether it is another one than before.

Every frame has the same stars in the same order, so a star is one row in NSTARS. A column of an aperture
carries its radius in pixels: `flux_3`, or `flux_2.5` where the profile has such.
"""

import contextlib
import hashlib
import io
import os
import warnings
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table

from ngcmos import __version__
from ngcmos.errors import ProductError, WorkError
from ngcmos.names import flag_names
from ngcmos.night.products import write_then_rename

_BLOCK = 2880
_IDENTITY = [("gaia_id", ">i8", ""), ("Tmag", ">f4", "mag"), ("jd_mid", ">f8", "d"), ("x", ">f4", "pix")]
_IDENTITY += [("y", ">f4", "pix")]
_APERTURE = [("flux", "adu"), ("fluxerr", "adu"), ("flux_w_sky", "adu"), ("fluxerr_w_sky", "adu")]
_APERTURE += [("max_pixel_value", "adu")]
_ADDED = [("tic_id", ">i8", ""), ("gaiabp", ">f4", "mag"), ("gaiarp", ">f4", "mag"), ("jd_bary", ">f8", "d")]
_ADDED += [("airmass", ">f4", ""), ("zp", ">f4", "mag"), ("sky", ">f4", "adu"), ("sky_rms", ">f4", "adu")]
_ADDED += [("flags", ">i4", "")]
_COMMENTS = [
    "One row a star a frame: frames in time order, the same stars in each.",
    "x, y: FITS pixels, the centre of the first pixel is 1.",
    "Counts are ADU of calibrated pixels. gaia_id 0: not in Gaia.",
    "jd_mid: UTC JD of mid exposure; jd_bary: its BJD_TDB for each star.",
    "flux_R: sum within R px minus sky; NaN where the circle leaves the chip.",
    "fluxerr_R: star, sky, dark, read noise, rounding, error of the sky.",
    "max_pixel_value_R: largest raw count in the aperture.",
]


def columns(radii, name_width):
    """[(name, numpy type, unit), ...] of the table in their order.

    Parameters
    ----------
    radii : sequence of float
        Aperture radii in pixels.
    name_width : int
        Characters of the longest frame name.
    """
    apertures = [(f"{name}_{radius:g}", ">f4", unit) for radius in radii for name, unit in _APERTURE]
    return [("frame_id", f"S{name_width}", ""), *_IDENTITY, *apertures, *_ADDED]


def bytes_of_row(radii, name_width):
    """Bytes of a row of the table; arguments as of `columns`."""
    return np.dtype([(name, kind) for name, kind, _ in columns(radii, name_width)]).itemsize


def rows_of_frame(measurement, stars, *, frame_id, name_width, x, y, jd_mid, jd_bary, airmass, zp):
    """The rows of one frame, as they lie in the file.

    Parameters
    ----------
    measurement : ngcmos.photometry.apertures.Measurement
    stars : Table
        Columns gaia_id, tic_id, Tmag, gaiabp, gaiarp; masked values become NaN, or 0 for ids.
    frame_id : str
        Name of the frame's file.
    name_width : int
        As of `columns`.
    x, y : (n,) arrays
        0-based pixels; the table gets 1-based ones.
    jd_mid : float
        UTC JD of mid exposure.
    jd_bary, airmass, zp : float or (n,) array

    Returns
    -------
    (n,) structured array, big-endian

    Raises
    ------
    ProductError
        The name is longer than its column.
    """
    if len(frame_id) > name_width:
        raise ProductError(f"{frame_id}: longer than the {name_width} characters of the column frame_id")
    table_columns = columns(measurement.radii, name_width)
    rows = np.zeros(len(stars), [(name, kind) for name, kind, _ in table_columns])
    rows["frame_id"] = frame_id.encode("ascii", "replace")
    for name in ("gaia_id", "tic_id"):
        rows[name] = _plain(stars[name], 0)
    for name in ("Tmag", "gaiabp", "gaiarp"):
        rows[name] = _plain(stars[name], np.nan)
    rows["x"], rows["y"] = np.asarray(x) + 1.0, np.asarray(y) + 1.0
    rows["jd_mid"], rows["jd_bary"], rows["airmass"], rows["zp"] = jd_mid, jd_bary, airmass, zp
    for name in ("sky", "sky_rms", "flags"):
        rows[name] = getattr(measurement, name)
    for index, radius in enumerate(measurement.radii):
        for name, _ in _APERTURE:
            rows[f"{name}_{radius:g}"] = getattr(measurement, name)[index]
    return rows


@contextlib.contextmanager
def write_photometry(path, stars, *, radii, name_width, cards=()):
    """A writer of the photometry table; the file takes its name when the block ends without an error.

    ::

        with write_photometry(path, stars, radii=radii, name_width=52, cards=cards) as writer:
            writer.add(rows_of_frame(...), {"frame_id": ..., "airmass": ..., ...})

    Memory stays that of one frame. After an error inside the block an older file of that name is untouched.

    Parameters
    ----------
    path : Path
    stars : Table
        The stars in the order of the rows; becomes the extension STARS.
    radii, name_width
        As of `columns`.
    cards : list of (keyword, value, comment)
        For the header: profile, checksums of masters and catalog, sky method.

    Raises
    ------
    WriteError
        The disk is full, read-only or failing.
    ProductError
        No frame was added, or one with another number of rows than there are stars.
    """
    with write_then_rename(path) as temporary, temporary.open("wb") as file:
        writer = PhotWriter(file, Path(path), stars, radii=radii, name_width=name_width, cards=cards)
        yield writer
        writer.finish()


class PhotWriter:
    """An open photometry table; made by `write_photometry`."""

    def __init__(self, file, path, stars, *, radii, name_width, cards):
        self._file, self._path, self._stars = file, path, stars
        self._columns = columns(radii, name_width)
        self._row = np.dtype([(name, kind) for name, kind, _ in self._columns])
        self._cards = [*cards]
        self._cards += [(f"RADIUS{n}", float(r), "[px] aperture") for n, r in enumerate(radii, start=1)]
        self._facts = []
        file.write(_primary_header())
        self._start = file.tell()
        file.write(self._header())

    def add(self, rows, facts):
        """Append the rows of one frame; `facts` (a dict, the same keys for each frame) is its row in FRAMES.

        Rows of another byte order, or with frame names of another width, are fitted.
        """
        if len(rows) != len(self._stars):
            raise ProductError(
                f"{self._path}: {len(rows)} rows of a frame, expected {len(self._stars)}, one a star"
            )
        if rows.dtype.names != self._row.names:
            raise ProductError(f"{self._path}: columns of a frame differ, expected those of its radii")
        self._file.write(rows.astype(self._row, copy=False).tobytes())
        self._facts.append(facts)

    def finish(self):
        """Append STARS and FRAMES and enter the number of rows in the header."""
        if not self._facts:
            raise ProductError(f"{self._path}: no frame was added, expected at least one")
        self._file.write(bytes(-self._file.tell() % _BLOCK))
        for name, table in (("STARS", self._stars), ("FRAMES", _table_of_facts(self._facts))):
            extension = fits.table_to_hdu(Table(table, copy=False, meta={}))
            extension.name = name
            self._file.write(_bytes_of_extension(extension))
        self._file.seek(self._start)
        self._file.write(self._header())

    def _header(self):
        """Header of PHOT; of the same length whatever the number of frames."""
        header = fits.BinTableHDU(np.zeros(0, self._row), name="PHOT").header
        for number, (_, _, unit) in enumerate(self._columns, start=1):
            if unit:
                header.set(f"TUNIT{number}", unit, after=f"TFORM{number}")
        header["NAXIS2"] = len(self._facts) * len(self._stars)
        header["NFRAMES"] = (len(self._facts), "frames")
        header["NSTARS"] = (len(self._stars), "stars in each frame")
        header["CREATOR"] = f"ngcmos {__version__}"
        for key, value, comment in self._cards:
            header[key] = (value, comment)
        for bit, name in flag_names():
            header[f"FLAG{bit}"] = (name, f"meaning of bit {bit} of flags")
        for comment in _COMMENTS:
            header["COMMENT"] = comment
        return header.tostring(padding=True).encode("ascii")


def check_table(path):
    """Header of PHOT of a whole table.

    Raises
    ------
    ProductError
        Missing, truncated, damaged, or not a table of ngcmos.
    """
    return _layout(path)[0]


def is_sound(path):
    """Whether a whole table lies at `path`."""
    try:
        check_table(path)
    except ProductError:
        return False
    return True


def table_checksum(path):
    """First 16 hex digits of a SHA-256 that tells a table from any other, without its rows being read.

    It is over the header, which says what the table was made with, over STARS, and over FRAMES, which holds what
    was measured of every frame: its sky, its zero point, its width, its numbers of stars.

    Raises
    ------
    ProductError
        As `check_table`.
    """
    header, kinds, start = _layout(path)
    with Path(path).open("rb") as file:
        digest = hashlib.sha256(file.read(start))
        file.seek(start + header["NFRAMES"] * header["NSTARS"] * kinds.itemsize)
        digest.update(file.read())
    return digest.hexdigest()[:16]


def read_star(path, *, gaia_id=None, tic_id=None):
    """All rows of one star, a row a frame.

    Only this star's rows are read: it has one row in NSTARS.

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
        As `check_table`.
    WorkError
        The star is not in the table.
    """
    header, kinds, start = _layout(path)
    name, wanted = ("gaia_id", gaia_id) if gaia_id is not None else ("tic_id", tic_id)
    frames, stars = header["NFRAMES"], header["NSTARS"]
    ids = _read_rows(path, kinds, start, stars)[name]
    found = np.nonzero(ids == wanted)[0] if wanted else []
    if len(found) == 0:
        known = ids[ids != 0]
        span = f"{stars} stars with {name} from {known.min()} to {known.max()}" if known.size else "no such ids"
        raise WorkError(f"{path}: no star with {name} {wanted}, the table has {span}")
    rows = _read_rows(path, kinds, start + found[0] * kinds.itemsize, 1, times=frames, step=stars * kinds.itemsize)
    native = rows.astype(kinds.newbyteorder("="))
    table = Table(native, meta={key: header[key] for key in header if key not in ("COMMENT", "")})
    table["frame_id"] = np.char.decode(native["frame_id"], "ascii")
    for number, column in enumerate(kinds.names, start=1):
        table[column].unit = header.get(f"TUNIT{number}")
    return table


def rows_of_table(path):
    """(frames, stars) structured array of a whole table, on the disk until it is touched.

    Raises
    ------
    ProductError
        As `check_table`.
    """
    header, kinds, start = _layout(path)
    return np.memmap(path, dtype=kinds, mode="r", offset=start, shape=(header["NFRAMES"], header["NSTARS"]))


def chunks_of_table(path, *, most_bytes):
    """(first frame, (frames, stars) structured array) of pieces of a whole table, one after the other.

    Read, not mapped into memory, where the pages of the whole file would pile up.

    Raises
    ------
    ProductError
        As `check_table`.
    """
    header, kinds, start = _layout(path)
    frames, stars = header["NFRAMES"], header["NSTARS"]
    step = max(1, most_bytes // (stars * kinds.itemsize))
    with Path(path).open("rb") as file:
        file.seek(start)
        for first in range(0, frames, step):
            count = min(step, frames - first)
            yield first, np.fromfile(file, kinds, count * stars).reshape(count, stars)


def _read_rows(path, kinds, start, count, *, times=1, step=0):
    """`count` rows at byte `start` and as many at every further `step`; nothing between is read from the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_RANDOM)  # else the kernel reads ahead, all of it
        pieces = [os.pread(descriptor, count * kinds.itemsize, int(start) + step * n) for n in range(times)]
    finally:
        os.close(descriptor)
    return np.frombuffer(b"".join(pieces), dtype=kinds)


def read_stars(path):
    """The extension STARS: one row a star, in the order of the rows of each frame.

    Raises
    ------
    ProductError
        As `check_table`.
    """
    return _read_extension(path, "STARS")


def read_frames(path):
    """The extension FRAMES: one row a frame, in time order.

    Raises
    ------
    ProductError
        As `check_table`.
    """
    return _read_extension(path, "FRAMES")


def _read_extension(path, name):
    check_table(path)
    return Table.read(path, hdu=name, mask_invalid=False, character_as_bytes=False)


def _layout(path):
    """(header, numpy type of a row, where the rows begin) of PHOT, after checking that the file is whole."""
    path = Path(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # astropy only warns of a truncated file
            with path.open("rb") as file, fits.open(file) as units:
                header, info = units["PHOT"].header, units["PHOT"].fileinfo()
                kinds = units["PHOT"].columns.dtype.newbyteorder(">")
                counts = {name: units[name].header["NAXIS2"] for name in ("PHOT", "STARS", "FRAMES")}
                last = units[-1].fileinfo()
    except OSError as error:
        raise ProductError(f"{path}: not readable, {error.strerror or error}") from None
    except (KeyError, IndexError, ValueError, TypeError, Warning, fits.VerifyError) as error:
        raise ProductError(f"{path}: damaged or not made by ngcmos ({error})") from None
    _check_counts(path, header, kinds, counts, last)
    return header, kinds, info["datLoc"]


def _check_counts(path, header, kinds, counts, last):
    frames, stars = header.get("NFRAMES"), header.get("NSTARS")
    expected = {"PHOT": frames and stars and frames * stars, "STARS": stars, "FRAMES": frames}
    if not frames or not stars or counts != expected or kinds.itemsize != header["NAXIS1"]:
        raise ProductError(f"{path}: holds {counts} rows, expected {expected} by NFRAMES and NSTARS")
    size, whole = path.stat().st_size, last["datLoc"] + last["datSpan"]
    if size != whole:
        raise ProductError(f"{path}: {size} bytes, expected {whole}")


def _primary_header():
    return fits.PrimaryHDU().header.tostring(padding=True).encode("ascii")


def _bytes_of_extension(extension):
    """An extension as it lies in a file, without the primary unit astropy puts before it."""
    whole = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), extension]).writeto(whole)
    return whole.getvalue()[_BLOCK:]


def _table_of_facts(facts):
    """Table with a row a frame; what a frame does not know is NaN, or empty text."""
    table = Table()
    for name in facts[0]:
        values = [row[name] for row in facts]
        if any(isinstance(value, str) for value in values):
            table[name] = [(value or "").encode("ascii", "replace") for value in values]
        else:
            table[name] = [np.nan if value is None else value for value in values]
    return table


def _plain(column, blank):
    """Values of a column, masked ones as `blank`."""
    return np.ma.filled(column, blank) if np.ma.isMaskedArray(column) else np.asarray(column)
