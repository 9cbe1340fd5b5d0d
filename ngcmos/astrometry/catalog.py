"""The star catalog of a field: from rows of the TESS Input Catalog to the stars that are measured.

The way of a star: `tidy_rows` (exact ids, NaN for what is missing) -> `star_catalog` (moved to the epoch of the
night, blends flagged) -> `select_input` (bright enough and on the chip; the target of the field always).
"""

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
from astropy.table import Column, Table
from astropy.time import Time
from numpy.typing import ArrayLike

from ngcmos.arrays import Bools, Floats, Ints, Place
from ngcmos.astrometry.coverage import is_in_box
from ngcmos.errors import CatalogError
from ngcmos.neighbours import tree_of
from ngcmos.sphere import Vectors, directions, unit_vectors

ID_COLUMNS = ("TIC", "GAIA")
NUMBER_COLUMNS = ("RAJ2000", "DEJ2000", "Tmag", "Gmag", "BPmag", "RPmag", "pmRA", "pmDE", "Teff")
VIZIER_COLUMNS = ID_COLUMNS + NUMBER_COLUMNS
DISPOSITION, DUPLICATE_OF = "Disp", "m_TIC"  # of TIC 8.2, where they are to be had
NO_STARS = ("DUPLICATE", "SPLIT", "ARTIFACT")
SAME_ARCSEC, SAME_DMAG = 1.0, 0.5  # two entries nearer and more alike than this are one star

# name: (unit, meaning); the first eleven are what users' notebooks read, in this order
CATALOG_COLUMNS = {
    "gaia_id": (None, "Gaia DR2 source, 0 = none"),
    "Gmag": ("mag", "Gaia G"),
    "tic_id": (None, "TESS Input Catalog star"),
    "Tmag": ("mag", "TESS T"),
    "ra_deg_corr": ("deg", "right ascension, ICRS, at the epoch of the night"),
    "dec_deg_corr": ("deg", "declination, ICRS, at the epoch of the night"),
    "on_chip": (None, "within the chip where the field usually is"),
    "gaiabp": ("mag", "Gaia BP"),
    "gaiarp": ("mag", "Gaia RP"),
    "Teff": ("K", "effective temperature"),
    "blended": (None, "a neighbour of similar brightness is close"),
    "target": (None, "named in OBJECT or in targets.csv"),
    "ra_deg": ("deg", "right ascension, ICRS, J2000"),
    "dec_deg": ("deg", "declination, ICRS, J2000"),
    "pmra": ("mas / yr", "proper motion in right ascension times cos(dec), 0 = unknown"),
    "pmdec": ("mas / yr", "proper motion in declination, 0 = unknown"),
}

_KEPT_COLUMNS = {  # as they are called in VizieR's answer
    "gaia_id": "GAIA",
    "Gmag": "Gmag",
    "tic_id": "TIC",
    "Tmag": "Tmag",
    "gaiabp": "BPmag",
    "gaiarp": "RPmag",
    "Teff": "Teff",
    "ra_deg": "RAJ2000",
    "dec_deg": "DEJ2000",
}

_MAS = np.radians(1 / 3_600_000)
_TIC_IN_NAME = re.compile(r"(?<![A-Za-z])TIC[-_ ]?(\d{1,11})(?!\d)", re.IGNORECASE)


def tidy_rows(rows: Table) -> Table:
    """The columns of `VIZIER_COLUMNS` without masks: ids as int64 (0 = none), numbers as float64 (NaN = none).

    A star of Gaia that has no TIC id gets minus its Gaia id for one.

    Rows without a position, repeated TIC ids (but the first) and what is no star of its own are left out: entries
    that TIC 8.2 disposes of as duplicate, artifact or parent of a split, a second one of a Gaia id, and one of two
    entries within 1 arcsec that are alike in brightness. Tidy rows come back equal.

    Raises
    ------
    CatalogError
        A column is missing, or ids came as floats, which have lost digits.
    """
    missing = [name for name in VIZIER_COLUMNS if name not in rows.colnames]
    if missing:
        raise CatalogError(f"columns {', '.join(missing)} missing, expected {' '.join(VIZIER_COLUMNS)}")
    tidy = Table({name: exact_ids(rows[name]) for name in ID_COLUMNS})
    tidy["TIC"] = np.where(tidy["TIC"] > 0, tidy["TIC"], -tidy["GAIA"])  # every star has an id of its own
    for name in NUMBER_COLUMNS:
        tidy[name] = _numbers(rows[name])
    placed = np.isfinite(tidy["RAJ2000"]) & np.isfinite(tidy["DEJ2000"])
    stars = tidy[placed & _is_first(tidy["TIC"]) & ~_is_no_star(rows)]
    return stars[~_is_double(stars)]


def _is_no_star(rows: Table) -> Bools:
    """Entries that the catalog itself says are no stars, or the same as another one that is a star."""
    none: Bools = np.zeros(len(rows), dtype=bool)
    if DISPOSITION in rows.colnames:
        said = np.ma.filled(np.ma.asarray(rows[DISPOSITION]).astype(str), "")
        none = np.isin(np.char.upper(np.char.strip(said)), NO_STARS)
    if DUPLICATE_OF not in rows.colnames or not len(rows):
        return none
    own, other = exact_ids(rows["TIC"]), exact_ids(rows[DUPLICATE_OF])
    order = np.argsort(own)
    at = order[np.minimum(np.searchsorted(own, other, sorter=order), len(own) - 1)]
    names_a_star = (other > 0) & (own[at] == other) & (other != own) & ~none[at]
    of_each_other = (other[at] == own) & (own < other)
    doubles: Bools = none | (names_a_star & ~of_each_other)
    return doubles


def _is_double(stars: Table) -> Bools:
    """Entries of which another one is the same star: that with a Gaia id, else with the lower TIC id, stays."""
    double = np.zeros(len(stars), dtype=bool)
    if len(stars) < 2:
        return double
    tic, gaia = np.asarray(stars["TIC"]), np.asarray(stars["GAIA"])
    rank = np.lexsort((tic, gaia == 0)).argsort()
    places = unit_vectors(np.asarray(stars["RAJ2000"]), np.asarray(stars["DEJ2000"]))
    pairs = tree_of(places).query_pairs(np.radians(SAME_ARCSEC / 3600), output_type="ndarray")
    first, second = pairs.T
    by_t, by_g = (
        np.abs(np.asarray(stars[name])[first] - np.asarray(stars[name])[second]) for name in ("Tmag", "Gmag")
    )
    same = np.where(np.isfinite(by_t), by_t, by_g) < SAME_DMAG
    same &= (gaia[first] == 0) | (gaia[second] == 0) | (gaia[first] == gaia[second])  # Gaia tells two stars apart
    first, second = first[same], second[same]
    double[np.where(rank[first] < rank[second], second, first)] = True
    order = np.lexsort((tic, gaia))
    again = np.flatnonzero((np.diff(gaia[order]) == 0) & (gaia[order][1:] != 0)) + 1
    double[order[again]] = True
    return double


def no_rows() -> Table:
    """Tidy rows of an empty sky."""
    return Table(names=VIZIER_COLUMNS, dtype=[np.int64] * len(ID_COLUMNS) + [np.float64] * len(NUMBER_COLUMNS))


def exact_ids(column: Column) -> Ints:
    """Ids as int64, never by way of floats; masked, empty and negative ids become 0.

    Raises
    ------
    CatalogError
        The column holds floats or text that is not a whole number.
    """
    values: np.ma.MaskedArray[Any, Any] = np.ma.asarray(column)
    if values.dtype.kind in "iu":
        ids = np.ma.filled(values.astype(np.int64), 0)
    elif values.dtype.kind in "SUO":
        ids = np.array([_id_of(text) for text in np.ma.filled(values.astype(str), "")], dtype=np.int64)
    else:
        name = getattr(column, "name", "id")
        raise CatalogError(f"column {name} is {values.dtype}, expected int64: floats lose digits of ids")
    return np.where(ids > 0, ids, 0)


def _id_of(text: str) -> int:
    text = text.strip()
    if text and not re.fullmatch(r"-?\d{1,18}|-?[1-8]\d{18}", text):
        raise CatalogError(f"{text!r} is not an id, expected a whole number")
    return int(text or 0)


def _numbers(column: Column) -> Floats:
    numbers: Floats = np.ma.filled(np.ma.asarray(column).astype(np.float64), np.nan)
    return numbers


def _is_first(ids: Column) -> Bools:
    """True for the first row of each id; id 0 names no star, so its rows are all kept."""
    first: Bools = np.asarray(ids) == 0
    first[np.unique(ids, return_index=True)[1]] = True
    return first


def star_catalog(rows: Table, epoch: Time | float, *, blend_arcsec: float, blend_dmag: float) -> Table:
    """Star catalog of a field at an epoch.

    Parameters
    ----------
    rows : Table
        Columns of `VIZIER_COLUMNS` as VizieR gives them (masked or NaN where unknown), positions J2000.
    epoch : Time or float
        Of the positions wanted; a float is a julian year.
    blend_arcsec, blend_dmag : float
        See `find_blended`.

    Returns
    -------
    Table
        Columns of `CATALOG_COLUMNS`, in the order of `rows`; `on_chip` and `target` are False until
        `select_input` knows them. The header notes the epoch as PMEPOCH.

    Raises
    ------
    CatalogError
        See `tidy_rows`.
    """
    rows = tidy_rows(rows)
    year = float(getattr(epoch, "jyear", epoch))
    pmra, pmdec = np.nan_to_num(rows["pmRA"].data), np.nan_to_num(rows["pmDE"].data)
    ra, dec = move_stars(rows["RAJ2000"].data, rows["DEJ2000"].data, pmra, pmdec, year - 2000.0)
    blended = find_blended(ra, dec, rows["Gmag"], rows["Tmag"], blend_arcsec=blend_arcsec, blend_dmag=blend_dmag)
    values = {name: rows[name_there].data for name, name_there in _KEPT_COLUMNS.items()}
    values |= {"ra_deg_corr": ra, "dec_deg_corr": dec, "pmra": pmra, "pmdec": pmdec, "blended": blended}
    values |= {name: np.zeros(len(rows), dtype=bool) for name in ("on_chip", "target")}
    units = {name: unit for name, (unit, _) in CATALOG_COLUMNS.items() if unit}
    descriptions = {name: meaning for name, (_, meaning) in CATALOG_COLUMNS.items()}
    return Table(
        values, names=list(CATALOG_COLUMNS), units=units, descriptions=descriptions, meta={"PMEPOCH": year}
    )


def move_stars(
    ra: ArrayLike, dec: ArrayLike, pmra: ArrayLike, pmdec: ArrayLike, years: float
) -> tuple[Floats, Floats]:
    """Positions after `years` of proper motion.

    Stars move uniformly on straight lines through space, seen from far away: right at the poles and over
    0 h too (The Hipparcos and Tycho Catalogues, ESA SP-1200, vol. 1, on epoch transformation; here without
    parallax and radial velocity).

    Parameters
    ----------
    ra, dec : array
        Degrees.
    pmra, pmdec : array
        mas / yr; `pmra` is times cos(dec).
    years : float

    Returns
    -------
    ra, dec : float64 arrays
        Degrees, 0 <= ra < 360.
    """
    place = unit_vectors(ra, dec)
    east, north = _east_north(ra, dec)
    motion = np.asarray(pmra)[..., None] * east + np.asarray(pmdec)[..., None] * north
    moved_ra, moved_dec = directions(place + years * _MAS * motion)
    return np.where(moved_ra < 360.0, moved_ra, 0.0), moved_dec


def find_blended(
    ra: Floats, dec: Floats, gmag: ArrayLike, tmag: ArrayLike, *, blend_arcsec: float, blend_dmag: float
) -> Bools:
    """True for each star with another one closer than `blend_arcsec` and within `blend_dmag` of its brightness.

    Both stars of a pair are compared in G; where one has no G, in T; where they have no band in common, they
    do not count as blended. Distances are great circles, so that neither the poles nor 0 h matter.

    Parameters
    ----------
    ra, dec : (stars,) array
        Degrees, finite.
    gmag, tmag : (stars,) array
        NaN where unknown.
    """
    blended = np.zeros(len(ra), dtype=bool)
    if len(ra) == 0:
        return blended
    chord = 2 * np.sin(np.radians(blend_arcsec / 3600) / 2)
    places = unit_vectors(ra, dec)
    first, second = tree_of(places).query_pairs(chord, output_type="ndarray").T
    close = np.linalg.norm(places[first] - places[second], axis=1) < chord
    by_g, by_t = (mag[first] - mag[second] for mag in (np.asarray(gmag, float), np.asarray(tmag, float)))
    difference = np.where(np.isfinite(by_g), by_g, by_t)
    alike = close & (np.abs(difference) < blend_dmag)
    blended[first[alike]] = True
    blended[second[alike]] = True
    return blended


def select_input(catalog: Table, on_chip: Bools, *, tmag_max: float, targets: Iterable[int] = ()) -> Table:
    """The stars to measure: on the chip and brighter than `tmag_max`, blended ones too.

    Parameters
    ----------
    catalog : Table
        Of `star_catalog`.
    on_chip : (stars,) bool array
        Which of them lie on the chip.
    tmag_max : float
        Stars of this T or fainter, or without T, are left out.
    targets : iterable of int
        TIC ids that are kept wherever they are on the chip, however faint, flagged as `target`.

    Returns
    -------
    Table
        A copy, brightest first (T, then TIC id; targets without T last).

    Raises
    ------
    ValueError
        `on_chip` is not one value a star.
    """
    on_chip = np.asarray(on_chip, dtype=bool)
    if on_chip.shape != (len(catalog),):
        raise ValueError(f"on_chip has shape {on_chip.shape}, expected ({len(catalog)},)")
    chosen = catalog.copy()
    chosen["on_chip"] = on_chip
    chosen["target"] = np.isin(chosen["tic_id"], np.array(list(targets), dtype=np.int64))
    tmag = _numbers(chosen["Tmag"])  # a table read from a file has masks in place of NaN
    kept = np.flatnonzero(chosen["on_chip"] & ((tmag < tmag_max) | chosen["target"]))
    return chosen[kept[np.lexsort((chosen["tic_id"][kept], tmag[kept]))]]


def targets_of(object_name: str) -> tuple[int, ...]:
    """TIC ids that an OBJECT names, in order: 'NG2320-1302_TIC-188620407_S43' -> (188620407,); may be empty."""
    ids = (int(digits) for digits in _TIC_IN_NAME.findall(object_name))
    return tuple(dict.fromkeys(tic_id for tic_id in ids if tic_id > 0))


def within_box(rows: Table, centre: Place, box_deg: float) -> Table:
    """Rows (columns RAJ2000, DEJ2000) in a box around a centre, see `ngcmos.astrometry.coverage.is_in_box`."""
    return rows[is_in_box(_numbers(rows["RAJ2000"]), _numbers(rows["DEJ2000"]), centre, box_deg)]


def ds9_regions(catalog: Table, *, radius_arcsec: float, colour: str = "green") -> str:
    """DS9 region text of a star catalog: a circle and the TIC id for each star, targets with a thick line.

    Positions are ICRS degrees at the epoch of the catalog, so the file fits every solved frame.
    """
    lines = [
        "# Region file format: DS9 version 4.1",
        f'global color={colour} font="helvetica 9 normal roman" select=1 edit=0 move=0 delete=1',
        "icrs",
    ]
    for star in zip(
        *(catalog[n].tolist() for n in ("ra_deg_corr", "dec_deg_corr", "tic_id", "target")), strict=True
    ):
        ra, dec, tic_id, is_target = star
        width = " width=3" if is_target else ""
        lines.append(f'circle({ra:.7f},{dec:.7f},{radius_arcsec:.2f}") # text={{{tic_id}}}{width}')
    return "\n".join(lines) + "\n"


def _east_north(ra: ArrayLike, dec: ArrayLike) -> tuple[Vectors, Vectors]:
    """Unit vectors that point east and north at `ra`, `dec`."""
    alpha, delta = np.radians(ra), np.radians(dec)
    east = np.stack([-np.sin(alpha), np.cos(alpha), np.zeros_like(alpha)], axis=-1)
    north = np.stack([-np.sin(delta) * np.cos(alpha), -np.sin(delta) * np.sin(alpha), np.cos(delta)], axis=-1)
    return east, north
