"""The file of the light curves of a field, written some stars at a time: its rows would take half a GB.

``write_curves(path, counts, curves, cards, tables)``; COLUMNS are those of its first extension, REL_PHOT.
"""

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from astropy.io import fits
from astropy.table import Table

from ngcmos import __version__
from ngcmos.arrays import Rows
from ngcmos.lightcurves.cube import FieldCounts, colours, columns_of
from ngcmos.lightcurves.ensemble import Relative
from ngcmos.stats import blocks

FITS_BLOCK = 2880
ROWS_AT_ONCE = 100_000
COLUMNS = [
    ("TIC_ID", ">i8", None),
    ("Tmag", ">f4", "mag"),
    ("Time_BJD", ">f8", "d"),
    ("Relative_Flux", ">f4", None),
    ("Relative_Flux_err", ">f4", None),
    ("RMS", ">f4", None),
    ("Sky", ">f4", "adu"),
    ("Airmass", ">f4", None),
    ("ZP", ">f4", "mag"),
    ("COLOR", ">f4", "mag"),
    ("gaia_id", ">i8", None),
    ("flags", ">i4", None),
    ("frame", ">i4", None),
]
ROW = np.dtype([(name, kind) for name, kind, _ in COLUMNS])


def write_curves(
    path: Path,
    counts: FieldCounts,
    curves: Relative,
    cards: Mapping[str, object],
    tables: Sequence[Callable[[], Table]],
) -> None:
    """Write REL_PHOT with these cards, then the tables, each made when it is written."""
    header = _curve_unit(curves.flux.shape[0], curves.flux.shape[1], cards).header
    with path.open("wb") as file:
        fits.HDUList([fits.PrimaryHDU()]).writeto(file)
        file.write(header.tostring().encode("ascii"))
        for rows in _curve_rows(counts, curves):
            rows.tofile(file)
        file.write(bytes(-file.tell() % FITS_BLOCK))
        for table in tables:
            _write_table(file, table())


def _write_table(file: BinaryIO, table: Table) -> None:
    """A table as an extension, some rows at a time: astropy copies them three times over."""
    for some in blocks(max(len(table), 1), ROWS_AT_ONCE):
        unit, whole = fits.table_to_hdu(table[some]), io.BytesIO()
        fits.HDUList([fits.PrimaryHDU(), unit]).writeto(whole)
        start, size = FITS_BLOCK + len(unit.header.tostring()), unit.header["NAXIS1"] * unit.header["NAXIS2"]
        if some.start == 0:
            unit.header["NAXIS2"] = len(table)
            file.write(unit.header.tostring().encode("ascii"))
        file.write(whole.getbuffer()[start : start + size])
    file.write(bytes(-file.tell() % FITS_BLOCK))


def _curve_rows(counts: FieldCounts, curves: Relative) -> Iterator[Rows]:
    """The rows of REL_PHOT, some stars at a time."""
    frames, stars = curves.flux.shape
    sources = {"Time_BJD": "jd_bary", "Sky": "sky", "Airmass": "airmass", "ZP": "zp", "flags": "flags"}
    columns = columns_of(counts, *sources.values())
    of_star = {"TIC_ID": "tic_id", "Tmag": "Tmag", "gaia_id": "gaia_id"}
    own = {name: np.asarray(counts.stars[source]) for name, source in of_star.items()}
    own |= {"COLOR": colours(counts.stars), "RMS": curves.rms}
    for some in blocks(stars):
        rows = np.empty((some.stop - some.start, frames), ROW)
        for name, values in own.items():
            rows[name] = values[some, None]
        for name, source in sources.items():
            rows[name] = columns[source][:, some].T
        rows["Relative_Flux"], rows["Relative_Flux_err"] = curves.flux[:, some].T, curves.error[:, some].T
        rows["frame"] = np.arange(frames)
        yield rows


def _curve_unit(frames: int, stars: int, made_of: Mapping[str, object]) -> fits.BinTableHDU:
    """The extension REL_PHOT without its rows."""
    unit = fits.BinTableHDU(np.empty(0, ROW), name="REL_PHOT")
    for number, (_, _, measure) in enumerate(COLUMNS, start=1):
        if measure:
            unit.header.set(f"TUNIT{number}", measure, after=f"TFORM{number}")
    unit.header.update({"NSTARS": stars, "NFRAMES": frames, **made_of, "CREATOR": f"ngcmos {__version__}"})
    unit.header["NAXIS2"] = frames * stars
    return unit
