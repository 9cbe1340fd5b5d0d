"""Catalogs of Gaia and Tycho-2 in the forms that people have, brought to the columns of VizieR's TIC.

Gaia archive (CSV, ECSV, VOTable, FITS), VizieR's I/355 and I/350, Tycho-2 (I/259), index files of astrometry.net
that hold their stars' columns. Tmag comes from published relations; places are brought to J2000.
"""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import MaskedColumn, Table
from astropy.utils.exceptions import AstropyWarning
from numpy.typing import ArrayLike

from ngcmos.arrays import Floats, Ints
from ngcmos.astrometry.catalog import exact_ids, move_stars
from ngcmos.astrometry.gaia import EPOCH_YR, tess_magnitude
from ngcmos.errors import CatalogError

_NAMES: Mapping[str, tuple[str, ...]] = {
    "GAIA": ("source_id", "source", "ref_id", "gaia_id", "gaia"),
    "ra": ("ra", "ra_icrs", "raj2000", "_raj2000"),
    "dec": ("dec", "de_icrs", "dej2000", "_dej2000"),
    "pmra": ("pmra",),
    "pmdec": ("pmdec", "pmde"),
    "epoch": ("ref_epoch", "epoch"),
    "G": ("phot_g_mean_mag", "gmag", "mag"),
    "BP": ("phot_bp_mean_mag", "bpmag"),
    "RP": ("phot_rp_mean_mag", "rpmag"),
    "teff": ("teff_gspphot", "teff_val", "teff"),
}
_TYCHO: Mapping[str, tuple[str, ...]] = {
    "ra": ("ramdeg", "_raj2000", "raj2000", "ra_icrs", "ra"),
    "dec": ("demdeg", "_dej2000", "dej2000", "de_icrs", "dec"),
    "pmra": ("pmra",),
    "pmdec": ("pmde", "pmdec"),
    "BT": ("btmag", "bt_mag", "bt"),
    "VT": ("vtmag", "vt_mag", "vt"),
}
_TYCHO_IDS = ("tyc1", "tyc2", "tyc3")
_FORMATS = {
    ".csv": "ascii.csv",
    ".ecsv": "ascii.ecsv",
    ".vot": "votable",
    ".xml": "votable",
    ".votable": "votable",
}


def gaia_of_tycho(bt: ArrayLike, vt: ArrayLike) -> tuple[Floats, Floats]:
    """(G, BP - RP) of stars by Tycho's magnitudes, good to 0.05 mag for stars that are not reddened.

    Johnson's V and B - V are those of the guide to Tycho-2 (Hog et al. 2000, A&A 355, L27), Gaia's those of
    Evans et al. 2018, A&A 616, A4, table A.2: G - V by B - V, and the BP - RP whose G - V that is.
    """
    tycho_colour = np.asarray(bt, float) - np.asarray(vt, float)
    v, b_v = np.asarray(vt, float) - 0.090 * tycho_colour, 0.850 * tycho_colour
    g_v = -0.02907 - 0.02385 * b_v - 0.2297 * b_v**2 - 0.001768 * b_v**3
    root = np.maximum(0.006860**2 - 4 * 0.1732 * (0.01760 + g_v), 0.0)
    return np.asarray(v + g_v), np.asarray((np.sqrt(root) - 0.006860) / (2 * 0.1732))


def rows_of(path: Path) -> Table:
    """The stars of a file with the columns of VizieR's TIC; places J2000, ids 0 where there are none.

    Raises
    ------
    CatalogError
        The file is unreadable, or holds neither Gaia's columns nor Tycho's.
    """
    table = _read(path)
    columns = {name.lower(): name for name in table.colnames}
    if all(name in columns for name in _TYCHO_IDS):
        return _from_tycho(table, columns, path)
    return _from_gaia(table, columns, path)


def _read(path: Path) -> Table:
    name = path.name.lower().removesuffix(".gz")
    suffix = Path(name).suffix
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AstropyWarning)  # odd units of columns that are not used
            if suffix in _FORMATS:
                return Table.read(path, format=_FORMATS[suffix])
            with fits.open(path) as units:
                return _first_with_stars([Table.read(unit) for unit in units if _is_table(unit)], path)
    except (OSError, ValueError, TypeError, KeyError, IndexError) as error:
        reason = str(error).strip().split("\n")[0]
        raise CatalogError(f"{path}: not readable as a table ({reason})") from None


def _is_table(unit: fits.BinTableHDU) -> bool:
    return isinstance(unit, fits.BinTableHDU | fits.TableHDU) and len(unit.columns) > 0


def _first_with_stars(tables: Sequence[Table], path: Path) -> Table:
    """The first table with places; index files of astrometry.net have others before it."""
    for table in tables:
        names = {name.lower() for name in table.colnames}
        if names & {*_NAMES["ra"], *_TYCHO["ra"]} and names & {*_NAMES["dec"], *_TYCHO["dec"]}:
            return table
    raise CatalogError(
        f"{path}: no table with right ascensions and declinations; of an index of astrometry.net, the heavy kind"
        " (5200) holds them"
    )


def _from_gaia(table: Table, columns: Mapping[str, str], path: Path) -> Table:
    found = {
        key: next((columns[name] for name in names if name in columns), None) for key, names in _NAMES.items()
    }
    missing = [names[0] for key, names in _NAMES.items() if key in ("ra", "dec", "G") and found[key] is None]
    if missing:
        has = ", ".join(table.colnames[:12])
        raise CatalogError(
            f"{path}: no column {', '.join(missing)}, expected those of the Gaia archive; it has {has}"
        )
    number = {key: _numbers(table, found[key]) for key in _NAMES if key != "GAIA"}
    ids = exact_ids(table[found["GAIA"]]) if found["GAIA"] else np.zeros(len(table), np.int64)
    years = 2000.0 - np.where(np.isfinite(number["epoch"]), number["epoch"], _epoch_of(str(found["ra"])))
    ra, dec = _moved(number, years)
    rows = {"GAIA": ids, "Tmag": tess_magnitude(number["G"], number["BP"] - number["RP"]), "Gmag": number["G"]}
    rows |= {"BPmag": number["BP"], "RPmag": number["RP"], "Teff": number["teff"]}
    return _table(rows | {"RAJ2000": ra, "DEJ2000": dec, "pmRA": number["pmra"], "pmDE": number["pmdec"]})


def _epoch_of(name: str) -> float:
    """Epoch of places by the name of their column: those of VizieR that are J2000 say so."""
    return 2000.0 if "J2000" in name.upper() else EPOCH_YR


def _moved(number: Mapping[str, Floats], years: Floats) -> tuple[Floats, Floats]:
    """(ra, dec) brought to J2000 by proper motion, where that is known."""
    moving = [np.nan_to_num(number[key]) for key in ("pmra", "pmdec")]
    ra, dec = number["ra"].copy(), number["dec"].copy()
    for span in np.unique(years):
        own = years == span
        ra[own], dec[own] = move_stars(ra[own], dec[own], moving[0][own], moving[1][own], float(span))
    return ra, dec


def _from_tycho(table: Table, columns: Mapping[str, str], path: Path) -> Table:
    """Stars of Tycho-2, their places J2000; TIC holds the Tycho number, as 1234-567-1 is 1234005671."""
    found = {
        key: next((columns[name] for name in names if name in columns), None) for key, names in _TYCHO.items()
    }
    missing = [names[0] for key, names in _TYCHO.items() if found[key] is None and key not in ("pmra", "pmdec")]
    if missing:
        raise CatalogError(f"{path}: no column {', '.join(missing)}, expected those of Tycho-2 (I/259)")
    number = {key: _numbers(table, found[key]) for key in _TYCHO}
    first, second, third = (np.asarray(table[columns[name]], np.int64) for name in _TYCHO_IDS)
    gmag, bp_rp = gaia_of_tycho(number["BT"], number["VT"])
    rows: dict[str, Floats | Ints] = {
        "TIC": first * 1_000_000 + second * 10 + third,
        "Tmag": tess_magnitude(gmag, bp_rp),
        "Gmag": gmag,
    }
    places = {"RAJ2000": number["ra"], "DEJ2000": number["dec"], "pmRA": number["pmra"], "pmDE": number["pmdec"]}
    return _table(rows | places)


def _numbers(table: Table, name: str | None) -> Floats:
    """A column as floats, NaN where nothing is known."""
    if name is None:
        return np.full(len(table), np.nan)
    values = np.ma.asarray(table[name])
    if values.dtype.kind in "SUO":
        texts = np.ma.filled(values.astype(str), "nan")
        return np.array([np.nan if text.strip() in ("", "null", "--") else float(text) for text in texts])
    return np.asarray(np.ma.filled(values.astype(np.float64), np.nan))


def _table(rows: Mapping[str, Floats | Ints]) -> Table:
    """Rows with all columns of VizieR's TIC; what is not known is masked."""
    count = len(rows["RAJ2000"])
    table = Table()
    for name in ("TIC", "GAIA"):
        table[name] = np.asarray(rows.get(name, np.zeros(count, np.int64)), np.int64)
    for name in ("RAJ2000", "DEJ2000", "Tmag", "Gmag", "BPmag", "RPmag", "pmRA", "pmDE", "Teff"):
        values = np.asarray(rows.get(name, np.full(count, np.nan)), float)
        table[name] = MaskedColumn(values, mask=~np.isfinite(values))
    return table
