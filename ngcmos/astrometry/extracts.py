"""Rows of the TESS Input Catalog from local files with VizieR's column names, of the TIC or of Gaia DR3."""

import warnings
import zlib
from collections.abc import Sequence
from pathlib import Path

from astropy.io import votable
from astropy.table import Table, vstack
from astropy.utils.exceptions import AstropyWarning

from ngcmos.arrays import Place
from ngcmos.astrometry.catalog import CATALOG_COLUMNS, tidy_rows, within_box
from ngcmos.astrometry.gaia import as_tic_rows, is_gaia
from ngcmos.astrometry.vizier import DAMAGE
from ngcmos.errors import CatalogError, ProductError
from ngcmos.night.products import read_written

_FITS_SUFFIXES = (".fits", ".fit", ".fts")
_VOTABLE_SUFFIXES = (".xml", ".vot", ".votable")


def read_local(paths: Sequence[str | Path], centre: Place, box_deg: float) -> Table:
    """Catalog rows in a box around a centre (ICRS degrees), from files with VizieR's column names.

    Parameters
    ----------
    paths : sequence of paths
        FITS tables (.fits, .fit, .fts) or VOTables (.xml, .vot, .votable), each also with .gz. A star in
        several files is taken from the first.

    Raises
    ------
    CatalogError
        A file is unreadable or lacks columns, or none has stars in the box; the message names the files.
    """
    rows = tidy_rows(vstack([within_box(_read_extract(Path(path)), centre, box_deg) for path in paths]))
    if not len(rows):
        names = ", ".join(str(path) for path in paths)
        place = f"{box_deg:g} deg of {centre[0]:.4f} {centre[1]:+.4f}"
        raise CatalogError(f"{names}: no stars within {place}, expected some: are the pointing cards right?")
    return rows


def _read_extract(path: Path) -> Table:
    """Tidy rows of a local file."""
    try:
        rows = read_table(path)
        return tidy_rows(as_tic_rows(rows) if is_gaia(rows) else rows)
    except CatalogError as error:
        raise CatalogError(f"{path}: {error}") from error


def read_table(path: Path) -> Table:
    """Rows of a FITS table or a VOTable, as they are.

    Raises
    ------
    CatalogError
        It is missing, unreadable or of another kind.
    """
    name = path.name.lower().removesuffix(".gz")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AstropyWarning)  # odd units of columns that are not used
        try:
            if name.endswith(_FITS_SUFFIXES):
                return Table.read(path, format="fits")
            if name.endswith(_VOTABLE_SUFFIXES):
                return votable.parse_single_table(path, verify="ignore").to_table(use_names_over_ids=True)
        except FileNotFoundError:
            raise CatalogError("no such file") from None
        except (*DAMAGE, zlib.error) as error:
            reason = str(error).strip().split("\n")[0]
            raise CatalogError(f"not readable as a table ({reason or type(error).__name__})") from error
    raise CatalogError(f"expected a name that ends in {' '.join(_FITS_SUFFIXES + _VOTABLE_SUFFIXES)}")


def read_kept(path: Path, needed: Sequence[str]) -> Table:
    """A catalog as it lies in a night; `needed` are cards that its header must have.

    Raises
    ------
    CatalogError
        Missing, damaged or without a column.
    """
    if not path.exists():
        raise CatalogError(f"{path}: no such catalog, expected that of simple_wrapper")
    try:
        table = read_written(path)
    except ProductError as error:
        raise CatalogError(str(error)) from error
    missing = [name for name in CATALOG_COLUMNS if name not in table.colnames]
    missing += [key for key in needed if key not in table.meta]
    if missing or not len(table):
        raise CatalogError(f"{path}: {len(table)} rows, lacks {', '.join(missing) or 'stars'}")
    return table
