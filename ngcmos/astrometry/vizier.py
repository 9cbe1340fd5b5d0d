"""Rows of the TESS Input Catalog around a field: from VizieR, from a kept answer of it, or from local files.

    region = region_of(ra, dec, camera.catalog, targets)
    rows, source = load_tic(field, region, camera.catalog, kept_folder=..., local=...)

Local files win where they are named; else the kept catalog of the field, where it covers what is asked; else
VizieR, whose answer is kept. When VizieR has no answer, a kept catalog that lies a little off still serves.
Ints are as `catalog.tidy_rows` makes them: exact ids, no masks.
"""

import contextlib
import dataclasses
import datetime
import io
import logging
import time
import warnings
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import requests
from astropy import units
from astropy.coordinates import SkyCoord
from astropy.io import fits, votable
from astropy.table import Table, vstack
from astropy.utils.exceptions import AstropyWarning

from ngcmos.astrometry.catalog import VIZIER_COLUMNS, no_rows, tidy_rows, within_box
from ngcmos.config import Catalog
from ngcmos.errors import CatalogError, NetworkError, ProductError, WriteError
from ngcmos.night.products import make_folder, write_then_rename

SERVER = "https://vizier.cds.unistra.fr"
# A red star of T = tmag_max can be blended with a blue one that is `blend_dmag` fainter in G: G - T is 1.3 to 0.
REDDEST_G_MINUS_T = 1.5
# Part of the box by which the centre of a kept catalog may be off: a chip of 3/4 of the box stays covered.
CENTRE_TOLERANCE = 0.1
FIRST_PAUSE_S = 2.0
_TRY_AGAIN = (408, 425, 429)
_FITS_SUFFIXES = (".fits", ".fit", ".fts")
_VOTABLE_SUFFIXES = (".xml", ".vot", ".votable")
_DAMAGE = (
    OSError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    AstropyWarning,
    EOFError,
    fits.VerifyError,
)

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Region:
    """What a query asks for: T below `tmag_limit` in a box around `ra`, `dec` (ICRS degrees), and some TIC ids."""

    catalog: str
    ra: float
    dec: float
    box_deg: float
    tmag_limit: float
    targets: frozenset[int]

    @property
    def centre(self) -> SkyCoord:
        """SkyCoord of the middle."""
        return SkyCoord(self.ra, self.dec, unit="deg", frame="icrs")

    def __str__(self) -> str:
        return f"within {self.box_deg:g} deg of {self.ra:.4f} {self.dec:+.4f}"


@dataclasses.dataclass(frozen=True, eq=False)
class Kept:
    """A catalog of an earlier night: what was asked for, the rows, the file and the day of the query."""

    region: Region
    rows: Table
    path: Path
    date: str

    def covers(self, wanted: Region) -> bool:
        """True where a new query would bring nothing that is needed."""
        near = self.region.centre.separation(wanted.centre).deg <= CENTRE_TOLERANCE * wanted.box_deg
        known = self.region.targets | set(self.rows["TIC"].tolist())
        same = self.region.catalog == wanted.catalog and self.region.box_deg >= wanted.box_deg
        return bool(near and same and self.region.tmag_limit >= wanted.tmag_limit and wanted.targets <= known)

    def overlaps(self, wanted: Region) -> bool:
        """True where the middle of the field is in, so that it is better than nothing."""
        return bool(self.region.centre.separation(wanted.centre).deg < self.region.box_deg / 2)


@dataclasses.dataclass(frozen=True)
class Service:
    """VizieR or a mirror of it: the address up to `/viz-bin`, and what waits so many seconds between two tries."""

    server: str = SERVER
    sleep: Callable[[float], object] = time.sleep

    @property
    def url(self) -> str:
        """Where queries go."""
        return f"{self.server.rstrip('/')}/viz-bin/votable"


VIZIER = Service()


def region_of(ra: float, dec: float, settings: Catalog, targets: Iterable[int] = ()) -> Region:
    """The Region around `ra`, `dec` (ICRS degrees) that holds all that the settings need, and some TIC ids.

    Stars are asked for down to a limit that holds all those which could blend one of `tmag_max`.
    """
    limit = settings.tmag_max + settings.blend_dmag + REDDEST_G_MINUS_T
    return Region(settings.vizier, float(ra), float(dec), settings.box_deg, limit, frozenset(map(int, targets)))


def load_tic(
    field: str,
    wanted: Region,
    settings: Catalog,
    *,
    kept_folder: Path,
    local: Sequence[str | Path] = (),
    service: Service = VIZIER,
) -> tuple[Table, str]:
    """Catalog rows of a field and, in words, where they come from.

    Parameters
    ----------
    field : str
        Names the kept file, `{kept_folder}/{field}_catalog.fits`.
    local : sequence of paths
        TIC extracts to use instead of the network; without them `settings.local`.

    Returns
    -------
    rows : Table
        Columns of `catalog.VIZIER_COLUMNS`.
    source : str
        For logs and headers; says too what went wrong on the way without loss (not kept, not newer).

    Raises
    ------
    CatalogError
        No stars there, or a local file that does not serve.
    NetworkError
        VizieR did not answer and no kept catalog serves.
    """
    local = tuple(local) or settings.local
    if local:
        rows = read_local(local, wanted.ra, wanted.dec, wanted.box_deg)
        return rows, ", ".join(str(path) for path in local)
    path = kept_folder / f"{field}_catalog.fits"
    kept, damage = _find_kept(path)
    for catalog in kept:
        if catalog.covers(wanted):
            return catalog.rows, f"{path}, kept since {catalog.date}"
    try:
        rows = fetch_tic(wanted, settings, service)
    except CatalogError as error:
        for catalog in kept:
            if catalog.overlaps(wanted):
                return catalog.rows, f"{path}, kept since {catalog.date} {catalog.region}; {error}"
        raise type(error)("; ".join([str(error), *damage])) from error
    return rows, "; ".join([f"{settings.vizier} from {service.server}", *damage, *_keep(path, rows, wanted)])


def fetch_tic(region: Region, settings: Catalog, service: Service = VIZIER) -> Table:
    """Catalog rows of a region, asked from VizieR; targets are asked for by name where its limit left them out.

    Parameters
    ----------
    region : Region
    settings : config.Catalog
        Time-out, and how often to try again, after 2, 4, 8, ... seconds.
    service : Service

    Returns
    -------
    Table
        See `catalog.tidy_rows`.

    Raises
    ------
    NetworkError
        No answer, an answer that is not whole or not a VOTable, or a server error, after all retries.
    CatalogError
        The catalog has no stars there, or VizieR refused the query.
    """
    rows = _ask(service, settings, region, {"Tmag": f"<{region.tmag_limit:g}"})
    if not len(rows):
        raise CatalogError(f"{region.catalog} at {service.server} has no stars {region}")
    for tic_id in sorted(region.targets - set(rows["TIC"].tolist())):
        rows = vstack([rows, _ask(service, settings, region, {"TIC": str(tic_id)})])
    return rows


def read_local(paths: Sequence[str | Path], ra: float, dec: float, box_deg: float) -> Table:
    """Catalog rows in a box around `ra`, `dec` (ICRS degrees), from files with VizieR's column names.

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
    rows = tidy_rows(vstack([within_box(_read_extract(Path(path)), ra, dec, box_deg) for path in paths]))
    if not len(rows):
        names = ", ".join(str(path) for path in paths)
        place = f"{box_deg:g} deg of {ra:.4f} {dec:+.4f}"
        raise CatalogError(f"{names}: no stars within {place}, expected some: are the pointing cards right?")
    return rows


def _ask(service: Service, settings: Catalog, region: Region, constraints: dict[str, str]) -> Table:
    """Tidy rows of one query, asked again with growing pauses while the network fails."""
    query = _query_of(region, constraints)
    for attempt in range(settings.retries):
        try:
            return _ask_once(service.url, query, region.catalog, settings.timeout_s)
        except NetworkError as error:
            pause_s = FIRST_PAUSE_S * 2**attempt
            log.warning("%s; try %d of %d in %g s", error, attempt + 2, settings.retries + 1, pause_s)
            service.sleep(pause_s)
    return _ask_once(service.url, query, region.catalog, settings.timeout_s)


def _query_of(region: Region, constraints: dict[str, str]) -> str:
    """What astroquery would send to VizieR for all rows of a region that fulfil these constraints on columns.

    astroquery itself knows a closed list of hosts, and https only.
    """
    from astroquery.vizier import VizierClass  # here, for it takes a second

    box = region.box_deg * units.deg
    client = VizierClass(columns=list(VIZIER_COLUMNS), row_limit=-1)
    query: str = client.query_region_async(
        region.centre,
        width=box,
        height=box,
        frame="icrs",
        catalog=region.catalog,
        column_filters=constraints,
        get_query_payload=True,
    )
    return query


def _ask_once(url: str, query: str, catalog: str, timeout_s: float) -> Table:
    try:
        response = requests.post(url, data=query, timeout=timeout_s)
    except OSError as error:  # all that requests raises
        raise NetworkError(f"{url}: no answer, {_root_of(error)}") from error
    _check_status(url, response)
    return _rows_of(url, catalog, response.content)


def _root_of(error: BaseException) -> str:
    """The first cause of a chain of errors, in words."""
    while error.__context__ is not None:
        error = error.__context__
    return str(error) or type(error).__name__


def _check_status(where: str, response: requests.Response) -> None:
    status = response.status_code
    if status >= 500 or status in _TRY_AGAIN:
        raise NetworkError(f"{where}: answered {status} {response.reason}, expected 200")
    if status != 200:
        raise CatalogError(f"{where}: refused the query, {status} {response.reason}")


def _rows_of(where: str, catalog: str, content: bytes) -> Table:
    """Tidy rows of a VOTable; none where it has no table."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            answer = votable.parse(io.BytesIO(content), verify="ignore", invalid="mask")
        except _DAMAGE as error:
            start = content[:40].decode("ascii", "replace").split("\n")[0]
            raise NetworkError(f"{where}: {len(content)} bytes {start!r}..., expected a whole VOTable") from error
        tables = [table.to_table(use_names_over_ids=True) for table in answer.iter_tables() if len(table.array)]
    remarks = {info.value: info.content or info.value for info in _remarks(answer)}
    if "OVERFLOW" in remarks:
        raise CatalogError(f"{where}: {catalog} cut off, {remarks['OVERFLOW']}, expected all rows")
    if "ERROR" in remarks:
        raise CatalogError(f"{where}: {catalog} refused, {remarks['ERROR']}")
    try:
        return tidy_rows(tables[0]) if tables else no_rows()
    except CatalogError as error:
        raise CatalogError(f"{where}: {catalog}, {error}") from error


def _remarks(answer: votable.tree.VOTableFile) -> list[votable.tree.Info]:
    """The QUERY_STATUS notes of a VOTable, at the top and in its resources."""
    notes = [*answer.infos, *(info for resource in answer.resources for info in resource.infos)]
    return [note for note in notes if note.name == "QUERY_STATUS"]


def _read_extract(path: Path) -> Table:
    """Tidy rows of a local file."""
    try:
        return tidy_rows(_read_table(path))
    except CatalogError as error:
        raise CatalogError(f"{path}: {error}") from error


def _read_table(path: Path) -> Table:
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
        except (*_DAMAGE, zlib.error) as error:
            reason = str(error).strip().split("\n")[0]
            raise CatalogError(f"not readable as a table ({reason or type(error).__name__})") from error
    raise CatalogError(f"expected a name that ends in {' '.join(_FITS_SUFFIXES + _VOTABLE_SUFFIXES)}")


def _keep(path: Path, rows: Table, region: Region) -> list[str]:
    """Write the kept catalog; a note in a list where that failed, else an empty list."""
    table = rows.copy()
    table.meta = {
        "CATALOG": region.catalog,
        "RA_CEN": region.ra,
        "DEC_CEN": region.dec,
        "BOX_DEG": region.box_deg,
        "TMAGLIM": region.tmag_limit,
        "TARGETS": ",".join(str(tic_id) for tic_id in sorted(region.targets)),
        "FETCHED": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }
    hdus = fits.HDUList([fits.PrimaryHDU(), fits.table_to_hdu(table)])
    try:
        make_folder(path.parent)
        with write_then_rename(path) as temporary:
            hdus.writeto(temporary, checksum=True)
    except WriteError as error:
        return [str(error)]
    return []


def _find_kept(path: Path) -> tuple[list[Kept], list[str]]:
    """([Kept] or [], notes on a damaged file, which is set aside)."""
    if not path.exists():
        return [], []
    try:
        return [_read_kept(path)], []
    except ProductError as error:
        aside = path.with_name(path.name + ".damaged")
        with contextlib.suppress(OSError):
            path.replace(aside)
        return [], [f"{error}, set aside as {aside.name}"]


def _read_kept(path: Path) -> Kept:
    """The kept catalog, checked against its checksums."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", AstropyWarning)
            # from memory: where astropy gives up half way it would leave a file open
            with fits.open(io.BytesIO(path.read_bytes()), checksum=True) as hdus:
                header = hdus[1].header
                rows = tidy_rows(Table.read(hdus[1]))
                targets = frozenset(int(tic_id) for tic_id in header["TARGETS"].split(",") if tic_id)
                region = Region(
                    header["CATALOG"],
                    header["RA_CEN"],
                    header["DEC_CEN"],
                    header["BOX_DEG"],
                    header["TMAGLIM"],
                    targets,
                )
                _require_rows(rows)
                return Kept(region, rows, path, header["FETCHED"])
    except (*_DAMAGE, CatalogError) as error:
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise ProductError(f"{path}: not a sound kept catalog ({reason})") from error


def _require_rows(rows: Table) -> None:
    if not np.count_nonzero(rows["TIC"]):
        raise ValueError("no stars")
