"""The streaming writer of the table `phot_{field}.fits`, and its columns.

``write_photometry(path, stars, ...)`` writes frame by frame what ``rows_of_frame(...)`` makes; `table` reads it.

Every frame has the same stars in the same order, so a star is one row in NSTARS. A column of an aperture
carries its radius in pixels: `flux_3`, or `flux_2.5` where the profile has such.
"""

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
from astropy.io import fits
from astropy.table import Column, Table
from numpy.typing import ArrayLike, NDArray

from ngcmos import __version__
from ngcmos.arrays import Floats, Rows
from ngcmos.errors import ProductError
from ngcmos.names import flag_names
from ngcmos.night.products import write_then_rename
from ngcmos.night.table_bytes import (
    cards_text,
    comments_text,
    first_unit,
    header_bytes,
    plain_table,
    sealed,
    table_cards,
)
from ngcmos.tables.sums import FITS_BLOCK, SEALED, SUM_COLUMN, RowSums, bytes_of_sealed

Card = tuple[str, str | float, str]  # keyword, value, comment
Facts = Mapping[str, str | float | None]  # a row of FRAMES
ColumnKind = tuple[str, str, str]  # name, numpy type, unit

_IDENTITY = [("gaia_id", ">i8", ""), ("Tmag", ">f4", "mag"), ("jd_mid", ">f8", "d"), ("x", ">f4", "pix")]
_IDENTITY += [("y", ">f4", "pix")]
_APERTURE = [("flux", "adu"), ("fluxerr", "adu"), ("flux_w_sky", "adu"), ("fluxerr_w_sky", "adu")]
_APERTURE += [("max_pixel_value", "adu")]
_ADDED = [("tic_id", ">i8", ""), ("gaiabp", ">f4", "mag"), ("gaiarp", ">f4", "mag"), ("jd_bary", ">f8", "d")]
_ADDED += [("airmass", ">f4", ""), ("zp", ">f4", "mag"), ("sky", ">f4", "adu"), ("sky_rms", ">f4", "adu")]
_ADDED += [("flags", ">i4", "")]
_CENTROID = ("dx", "dy", "dxerr", "dyerr")
_ADDED += [(name, ">f4", "pix") for name in _CENTROID]
_BY_SHAPE = ("flux_psf", "fluxerr_psf")
_ADDED += [(name, ">f4", "adu") for name in _BY_SHAPE]
_NAMES = "extension name"
_COMMENTS = [
    "One row a star a frame: frames in time order, the same stars in each.",
    "x, y: FITS pixels, the centre of the first pixel is 1.",
    "Counts are ADU of calibrated pixels. gaia_id 0: not in Gaia.",
    "jd_mid: UTC JD of mid exposure; jd_bary: its BJD_TDB for each star.",
    "flux_R: sum within R px minus sky; NaN where the circle leaves the chip.",
    "fluxerr_R: star, sky, dark, read noise, rounding, error of the sky.",
    "max_pixel_value_R: largest raw count in the aperture.",
    "flux_psf: by the shape of the stars, neighbours at once, as of the largest R.",
    "dx, dy: own windowed centroid minus x, y; dxerr, dyerr: their errors.",
]


class Measured(Protocol):
    """A `ngcmos.photometry.apertures.Measurement`: its other attributes are named as the columns they fill."""

    @property
    def radii(self) -> Floats:
        """(k,) pixels."""


@dataclasses.dataclass(frozen=True, eq=False)
class Moment:
    """What the rows of a frame share: name, UTC JD of mid exposure, its BJD_TDB (of each star), airmass, zp."""

    frame_id: str
    jd_mid: float
    jd_bary: ArrayLike
    airmass: float
    zp: float


def columns(radii: Iterable[float], name_width: int) -> list[ColumnKind]:
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


def bytes_of_row(radii: Iterable[float], name_width: int) -> int:
    """Bytes of a row of the table; arguments as of `columns`."""
    return _row_type(columns(radii, name_width)).itemsize


def _row_type(table_columns: Sequence[ColumnKind]) -> np.dtype[np.void]:
    return np.dtype([(name, kind) for name, kind, _ in table_columns])


def rows_of_frame(
    measurement: Measured, stars: Table, x: ArrayLike, y: ArrayLike, moment: Moment, *, name_width: int
) -> Rows:
    """The rows of one frame, as they lie in the file.

    Parameters
    ----------
    measurement : Measured
    stars : Table
        Columns gaia_id, tic_id, Tmag, gaiabp, gaiarp; masked values become NaN, or 0 for ids.
    x, y : (n,) arrays
        0-based pixels; the table gets 1-based ones.
    moment : Moment
    name_width : int
        As of `columns`.

    Returns
    -------
    (n,) structured array, big-endian

    Raises
    ------
    ProductError
        The name is longer than its column.
    """
    if len(moment.frame_id) > name_width:
        raise ProductError(f"{moment.frame_id}: longer than the {name_width} characters of the column frame_id")
    rows = np.zeros(len(stars), _row_type(columns(measurement.radii, name_width)))
    rows["frame_id"] = moment.frame_id.encode("ascii", "replace")
    for name in ("gaia_id", "tic_id"):
        rows[name] = _plain(stars[name], 0)
    for name in ("Tmag", "gaiabp", "gaiarp"):
        rows[name] = _plain(stars[name], np.nan)
    rows["x"], rows["y"] = np.asarray(x) + 1.0, np.asarray(y) + 1.0
    for name in ("jd_mid", "jd_bary", "airmass", "zp"):
        rows[name] = getattr(moment, name)
    for name in ("sky", "sky_rms", "flags", *_CENTROID, *_BY_SHAPE):
        rows[name] = getattr(measurement, name)
    for index, radius in enumerate(measurement.radii):
        for name, _ in _APERTURE:
            rows[f"{name}_{radius:g}"] = getattr(measurement, name)[index]
    return rows


@contextlib.contextmanager
def write_photometry(
    path: Path, stars: Table, *, radii: Iterable[float], name_width: int, cards: Sequence[Card] = ()
) -> Iterator["PhotWriter"]:
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
        radius_cards = [(f"RADIUS{n}", float(r), "[px] aperture") for n, r in enumerate(radii, start=1)]
        writer = PhotWriter(file, path, stars, columns(radii, name_width), [*cards, *radius_cards])
        yield writer
        writer.finish()


class PhotWriter:
    """An open photometry table; made by `write_photometry`."""

    def __init__(
        self, file: BinaryIO, path: Path, stars: Table, columns: Sequence[ColumnKind], cards: Sequence[Card]
    ) -> None:
        self._file, self._path, self._stars = file, path, stars
        self._columns, self._row, self._cards = columns, _row_type(columns), cards
        self.facts: list[Facts] = []  # of the frames added
        self.units: Mapping[str, str] = {}  # of columns of FRAMES that the profile names
        self._sums = RowSums(len(stars))
        file.write(first_unit())
        self._start = file.tell()
        file.write(self._header())

    def add(self, rows: Rows, facts: Facts) -> None:
        """Append the rows of one frame; `facts` (the same keys for each frame) is its row in FRAMES.

        Rows of another byte order, or with frame names of another width, are fitted.
        """
        if len(rows) != len(self._stars):
            raise ProductError(
                f"{self._path}: {len(rows)} rows of a frame, expected {len(self._stars)}, one a star"
            )
        if rows.dtype.names != self._row.names:
            raise ProductError(f"{self._path}: columns of a frame differ, expected those of its radii")
        rows = rows.astype(self._row, copy=False)
        self._file.write(rows.tobytes())
        self._sums.add(rows)
        self.facts.append(facts)

    def describe(self, columns: Mapping[str, Floats]) -> None:
        """Put (stars,) columns into STARS that are known only once all frames are."""
        self._stars = Table(self._stars)
        for name, values in columns.items():
            self._stars[name] = values

    def finish(self) -> None:
        """Append STARS and FRAMES and enter the number of rows in the header."""
        if not self.facts:
            raise ProductError(f"{self._path}: no frame was added, expected at least one")
        self._file.write(bytes(-self._file.tell() % FITS_BLOCK))
        stars, frames = Table(self._stars, copy=False), _table_of_facts(self.facts)
        stars[SUM_COLUMN], frames[SUM_COLUMN] = self._sums.of_stars, self._sums.of_frames
        for name, table in (("STARS", stars), ("FRAMES", frames)):
            self._file.write(_bytes_of_extension(table, name, self.units))
        self._file.seek(self._start)
        self._file.write(self._header())

    def _header(self) -> bytes:
        """Header of PHOT; of the same length whatever the number of frames."""
        fields = [(name, np.dtype(kind), unit) for name, kind, unit in self._columns]
        cards = table_cards(fields, len(self.facts) * len(self._stars))
        cards["EXTNAME"] = ("PHOT", _NAMES)
        cards["NFRAMES"] = (len(self.facts), "frames")
        cards["NSTARS"] = (len(self._stars), "stars in each frame")
        cards["CREATOR"] = (f"ngcmos {__version__}", "")
        cards |= {key: (value, comment) for key, value, comment in self._cards}
        cards |= {f"FLAG{bit}": (name, f"meaning of bit {bit} of flags") for bit, name in flag_names()}
        return header_bytes(cards_text(cards) + comments_text(_COMMENTS))


def _bytes_of_extension(table: Table, name: str, units: Mapping[str, str]) -> bytes:
    """A table as an extension as it lies in a file.

    Units stand in the comments of TTYPEn: a team's own may be none that FITS knows.
    """
    comments = {n: f"[{units[column]}]" for n, column in enumerate(table.colnames, start=1) if column in units}
    plain = plain_table(table, meta=False)
    if plain is not None:
        for number, comment in comments.items():
            plain.cards[f"TTYPE{number}"] = (plain.cards[f"TTYPE{number}"][0], comment)
        plain.cards["EXTNAME"] = (name, _NAMES)
        return sealed(plain.text, plain.rows, SEALED)
    extension = fits.table_to_hdu(Table(table, copy=False, meta={}))
    extension.name = name
    for number, comment in comments.items():
        extension.header.comments[f"TTYPE{number}"] = comment
    return bytes_of_sealed(extension)


def _table_of_facts(facts: Sequence[Facts]) -> Table:
    """Table with a row a frame; what a frame does not know is NaN, or empty text."""
    table = Table()
    for name in facts[0]:
        values = [row[name] for row in facts]
        if any(isinstance(value, str) for value in values):
            table[name] = [str(value or "").encode("ascii", "replace") for value in values]
        else:
            table[name] = [np.nan if value is None else value for value in values]
    return table


def _plain(column: Column, blank: float) -> NDArray[Any]:
    """Values of a column, masked ones as `blank`."""
    return np.asarray(np.ma.filled(column, blank) if np.ma.isMaskedArray(column) else column)
