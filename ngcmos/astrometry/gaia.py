"""Stars of Gaia DR3 as rows of the TESS Input Catalog: ``as_tic_rows(rows) -> Table``.

A star that is in Gaia alone has no TIC id; `tidy_rows` gives it minus its Gaia id.
"""

import numpy as np
from astropy.table import Table
from numpy.typing import ArrayLike

from ngcmos.arrays import Floats
from ngcmos.errors import CatalogError

GAIA_CATALOG = "I/355/gaiadr3"
TIC_CATALOG = "IV/39/tic82"
# as VizieR calls them, and as the Gaia archive does
GAIA_COLUMNS = {
    "Source": "source_id",
    "RA_ICRS": "ra",
    "DE_ICRS": "dec",
    "Gmag": "phot_g_mean_mag",
    "BPmag": "phot_bp_mean_mag",
    "RPmag": "phot_rp_mean_mag",
    "pmRA": "pmra",
    "pmDE": "pmdec",
    "Teff": "teff_gspphot",
}
EPOCH_YR, J2000_YR = 2016.0, 2000.0
COLOURS = (-0.2, 3.5)  # that the relation was made of; others count as its ends
G_MINUS_T = 0.430  # of a star without a colour
SAME_ARCSEC = 2.0
_MAS_A_DEG = 3_600_000.0


def tess_magnitude(gmag: ArrayLike, bp_rp: ArrayLike) -> Floats:
    """T of stars by Gaia G and BP - RP; NaN where G is unknown.

    Stassun et al. 2019, AJ 158, 138, section 2.2.1; without a colour G - 0.430, good to 0.6 mag.
    """
    colour = np.clip(np.asarray(bp_rp, float), *COLOURS)
    shift = -0.00522555 * colour**3 + 0.0891337 * colour**2 - 0.633923 * colour + 0.0324473
    t: Floats = np.asarray(gmag, float) + np.where(np.isfinite(colour), shift, -G_MINUS_T)
    return t


def is_gaia(rows: Table) -> bool:
    """Whether a table is of Gaia, by its columns: those of VizieR or of the Gaia archive."""
    if "TIC" in rows.colnames:
        return False
    return any({"Source", "RA_ICRS"} <= names for names in ({*rows.colnames}, _of_archive(rows)))


def _of_archive(rows: Table) -> set[str]:
    return {name for name, other in GAIA_COLUMNS.items() if other in rows.colnames}


def as_tic_rows(rows: Table) -> Table:
    """Gaia stars with the columns of TIC rows: T by the published relation, places moved from 2016.0 to J2000.

    Raises
    ------
    CatalogError
        A column is missing.
    """
    names = {name: name if name in rows.colnames else other for name, other in GAIA_COLUMNS.items()}
    optional = ("Teff",)
    missing = [name for name, own in names.items() if own not in rows.colnames and name not in optional]
    if missing:
        raise CatalogError(f"columns {', '.join(missing)} missing, expected {' '.join(GAIA_COLUMNS)}")
    numbers = {
        name: _numbers(rows[own]) if own in rows.colnames else np.full(len(rows), np.nan)
        for name, own in names.items()
        if name != "Source"
    }
    source = rows[names["Source"]]
    moved = _at_j2000(numbers)
    tic = Table({"TIC": np.zeros(len(rows), np.int64), "GAIA": source, "RAJ2000": moved[0], "DEJ2000": moved[1]})
    tic["Tmag"] = tess_magnitude(numbers["Gmag"], numbers["BPmag"] - numbers["RPmag"])
    for name in ("Gmag", "BPmag", "RPmag", "pmRA", "pmDE", "Teff"):
        tic[name] = numbers[name]
    return tic


def _numbers(column: ArrayLike) -> Floats:
    values: Floats = np.ma.filled(np.ma.asarray(column).astype(float), np.nan)
    return values


def _at_j2000(numbers: dict[str, Floats]) -> tuple[Floats, Floats]:
    """Right ascension and declination 16 years earlier; a motion that is unknown is none."""
    years = J2000_YR - EPOCH_YR
    pm_ra, pm_dec = (np.nan_to_num(numbers[name]) for name in ("pmRA", "pmDE"))
    dec = numbers["DE_ICRS"]
    ra = numbers["RA_ICRS"] + years * pm_ra / _MAS_A_DEG / np.cos(np.radians(dec))
    return ra % 360, dec + years * pm_dec / _MAS_A_DEG


def name_target(rows: Table, target: Table) -> None:
    """Give the Gaia star that is a TIC star (a row of the TIC) its TIC id: by Gaia id, else by place."""
    same = np.flatnonzero(np.asarray(rows["GAIA"]) == int(target["GAIA"][0]))
    if len(same) and target["GAIA"][0]:
        rows["TIC"][same[0]] = target["TIC"][0]
        return
    north = (np.asarray(rows["DEJ2000"]) - target["DEJ2000"][0]) * 3600
    east = (np.asarray(rows["RAJ2000"]) - target["RAJ2000"][0] + 180) % 360 - 180
    away = np.hypot(north, east * 3600 * np.cos(np.radians(target["DEJ2000"][0])))
    if away.min() <= SAME_ARCSEC:
        rows["TIC"][int(away.argmin())] = target["TIC"][0]
