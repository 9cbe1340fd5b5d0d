"""What is known of variable stars and planet hosts: extracts of VSX, of Gaia's variables, of the list of TOIs.

``read_known(paths)`` reads files with the column names of their publishers, ``fetch_known(region, settings)`` asks
VizieR; both give one table: `name`, `kind`, `period_d`, `ra_deg`, `dec_deg`, `tic_id`, `gaia_id`.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units
from astropy.coordinates import SkyCoord
from astropy.table import Table, vstack

from ngcmos.astrometry.extracts import read_table
from ngcmos.astrometry.vizier import VIZIER, Region, Service, ask_table, servers_of
from ngcmos.config import Catalog
from ngcmos.errors import CatalogError, NetworkError

KNOWN_COLUMNS = ("name", "kind", "period_d", "ra_deg", "dec_deg", "tic_id", "gaia_id")
LONGEST_WAIT_S = 30.0  # labels are good to have, no morning waits for them


@dataclasses.dataclass(frozen=True)
class Publication:
    """A list of known stars: its table on VizieR ("": files alone), what marks it, and its columns by ours."""

    vizier: str
    marks: frozenset[str]
    columns: Mapping[str, str]
    prefix: str = ""


VSX = Publication(
    "B/vsx/vsx",
    frozenset({"Name", "Type", "RAJ2000", "DEJ2000"}),
    {"name": "Name", "kind": "Type", "period_d": "Period", "ra_deg": "RAJ2000", "dec_deg": "DEJ2000"},
)
GAIA = Publication(
    "I/358/vclassre",
    frozenset({"Source", "Class"}),
    {"name": "Source", "kind": "Class", "gaia_id": "Source", "ra_deg": "RA_ICRS", "dec_deg": "DE_ICRS"},
    "Gaia ",
)
TOI = Publication(
    "",
    frozenset({"TIC ID", "TOI"}),
    {
        "name": "TOI",
        "kind": "TFOPWG Disposition",
        "period_d": "Period (days)",
        "ra_deg": "RA",
        "dec_deg": "Dec",
        "tic_id": "TIC ID",
    },
    "TOI ",
)
PUBLICATIONS = (VSX, GAIA, TOI)


def read_known(paths: Sequence[str | Path]) -> Table:
    """Known stars of local files, those of the first file first.

    Parameters
    ----------
    paths : sequence of paths
        FITS tables, VOTables, or CSV files with the column names of VSX (Name, Type, Period, RAJ2000, DEJ2000) or
        of Gaia's classification (Source, Class) on VizieR, or of ExoFOP's list of TOIs (TIC ID, TOI, ...).

    Raises
    ------
    CatalogError
        A file is unreadable or none of these.
    """
    return _joined([_read_one(Path(path)) for path in paths])


def _read_one(path: Path) -> Table:
    try:
        rows = _read_text(path) if path.suffix.lower() == ".csv" else read_table(path)
    except CatalogError as error:
        raise CatalogError(f"{path}: {error}") from error
    for publication in PUBLICATIONS:
        if publication.marks <= set(rows.colnames):
            return _known_of(rows, publication)
    marks = "; ".join(", ".join(sorted(publication.marks)) for publication in PUBLICATIONS)
    raise CatalogError(f"{path}: columns {', '.join(rows.colnames[:6])}, ..., expected those of one of: {marks}")


def _read_text(path: Path) -> Table:
    try:
        return Table.read(path, format="ascii.csv", comment="#")
    except (OSError, ValueError) as error:
        raise CatalogError(f"not readable as a table ({error})") from error


def fetch_known(region: Region, settings: Catalog, service: Service = VIZIER) -> Table:
    """Known stars of a region as VizieR has them; each mirror is asked once.

    Raises
    ------
    NetworkError
        No mirror answered.
    CatalogError
        VizieR refused the query.
    """
    timeout_s = min(settings.timeout_s, LONGEST_WAIT_S)
    errors = []
    for server in servers_of(settings, service):
        try:
            return _joined([_ask(one, region, server, timeout_s) for one in PUBLICATIONS if one.vizier])
        except NetworkError as error:
            errors.append(str(error))
    raise NetworkError("; ".join(errors))


def _ask(publication: Publication, region: Region, server: str, timeout_s: float) -> Table:
    asked = dataclasses.replace(region, catalog=publication.vizier)
    rows = ask_table(sorted(set(publication.columns.values())), asked, {}, server, timeout_s)
    return no_known() if rows is None else _known_of(rows, publication)


def no_known() -> Table:
    """A table without a row."""
    return Table({name: np.zeros(0, kind) for name, kind in zip(KNOWN_COLUMNS, _KINDS, strict=True)})


_KINDS = ("U60", "U30", float, float, float, np.int64, np.int64)


def _known_of(rows: Table, publication: Publication) -> Table:
    """Our columns of a publication's rows."""
    columns: dict[str, Any] = {}
    for name, kind in zip(KNOWN_COLUMNS, _KINDS, strict=True):
        source = publication.columns.get(name, "")
        columns[name] = _column(rows, source, kind)
    names = np.char.strip(columns["name"].astype(str))
    columns["name"] = np.char.add(publication.prefix, names) if publication.prefix else names
    if {"ra_deg", "dec_deg"} <= set(publication.columns):
        columns["ra_deg"], columns["dec_deg"] = _places(rows, publication)
    return Table(columns)


def _column(rows: Table, source: str, kind: Any) -> Any:
    """A column as this kind; "", 0 or NaN where it is not there or masked."""
    if source not in rows.colnames:
        return np.full(len(rows), np.nan) if kind is float else np.zeros(len(rows), kind)
    blank = {"i": 0, "f": np.nan, "u": 0}.get(rows[source].dtype.kind, "")
    values = np.ma.filled(rows[source], blank)
    if kind is not float:
        return np.asarray(values).astype(kind)
    return np.array([_number(value) for value in values], float)


def _number(value: object) -> float:
    try:
        number = float(str(value))
    except ValueError:
        return float("nan")
    return number if number > 0 or number < 0 else float("nan")


def _places(rows: Table, publication: Publication) -> tuple[Any, Any]:
    """Right ascension and declination in degrees, from degrees or sexagesimal texts."""
    names = [publication.columns[name] for name in ("ra_deg", "dec_deg")]
    if not set(names) <= set(rows.colnames):
        return np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    ra, dec = (rows[name] for name in names)
    if ra.dtype.kind in "USO" and len(rows):
        place = SkyCoord(list(map(str, ra)), list(map(str, dec)), unit=(units.hourangle, units.deg))
        return place.ra.deg, place.dec.deg
    return np.ma.filled(ra, np.nan).astype(float), np.ma.filled(dec, np.nan).astype(float)


def _joined(tables: Sequence[Table]) -> Table:
    return vstack([no_known(), *tables], metadata_conflicts="silent")
