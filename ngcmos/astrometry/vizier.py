"""Rows of the TESS Input Catalog asked from VizieR or one of its mirrors."""

import dataclasses
import io
import logging
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from astropy import units
from astropy.io import fits
from astropy.table import Table, vstack
from astropy.utils.exceptions import AstropyWarning

from ngcmos.arrays import Place
from ngcmos.astrometry.catalog import DISPOSITION, DUPLICATE_OF, VIZIER_COLUMNS, no_rows, tidy_rows
from ngcmos.astrometry.gaia import GAIA_CATALOG, GAIA_COLUMNS, TIC_CATALOG, as_tic_rows, name_target
from ngcmos.config import Catalog
from ngcmos.errors import CatalogError, NetworkError

if TYPE_CHECKING:  # heavy, and asked for once a field
    from astropy.coordinates import SkyCoord
    from astropy.io import votable
    from requests import Response

# A red star of T = tmag_max can be blended with a blue one that is `blend_dmag` fainter in G: G - T is 1.3 to 0.
REDDEST_G_MINUS_T = 1.5
FIRST_PAUSE_S = 2.0
_TRY_AGAIN = (408, 425, 429)
DAMAGE = (
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
    """What a query asks for: T below `tmag_limit` in a box around `ra`, `dec` (ICRS degrees), and some TIC ids.

    `cards` is where the frames' headers, or whoever asks, said that the field is.
    """

    catalog: str
    ra: float
    dec: float
    box_deg: float
    tmag_limit: float
    targets: frozenset[int]
    cards: Place

    @property
    def place(self) -> Place:
        """Right ascension and declination of the middle."""
        return self.ra, self.dec

    @property
    def centre(self) -> "SkyCoord":
        """SkyCoord of the middle."""
        from astropy.coordinates import SkyCoord

        return SkyCoord(self.ra, self.dec, unit="deg", frame="icrs")

    def __str__(self) -> str:
        return f"within {self.box_deg:g} deg of {self.ra:.4f} {self.dec:+.4f}"


@dataclasses.dataclass(frozen=True)
class Service:
    """A server to ask instead of those of the profile, and what waits so many seconds between two tries."""

    server: str = ""
    sleep: Callable[[float], object] = time.sleep


VIZIER = Service()


def servers_of(settings: Catalog, service: Service = VIZIER) -> list[str]:
    """Addresses up to `/viz-bin`, in the order in which they are asked; a bare host is asked by https."""
    hosts = (service.server,) if service.server else settings.mirrors
    return [(host if "://" in host else f"https://{host}").rstrip("/") for host in hosts]


def region_of(
    place: Place,
    settings: Catalog,
    *,
    targets: Iterable[int] = (),
    box_deg: float | None = None,
    cards: Place | None = None,
) -> Region:
    """The Region around a place (ICRS degrees) that holds all that the settings need, and some TIC ids.

    Stars are asked for down to a limit that holds all those which could blend one of `tmag_max`.
    """
    limit, (ra, dec) = settings.tmag_max + settings.blend_dmag + REDDEST_G_MINUS_T, map(float, place)
    box_deg = settings.box_deg if box_deg is None else box_deg
    catalog = GAIA_CATALOG if settings.source == "gaia_dr3" else settings.vizier
    return Region(catalog, ra, dec, box_deg, limit, frozenset(map(int, targets)), cards or (ra, dec))


def fetch_tic(region: Region, settings: Catalog, service: Service = VIZIER) -> tuple[Table, str]:
    """Catalog rows of a region and the address that gave them; targets that its limit left out are asked by name.

    The mirrors are asked in turn; those that failed again after 2, 4, 8, ... seconds, so often as settings say.

    Returns
    -------
    rows : Table
        See `catalog.tidy_rows`.
    server : str

    Raises
    ------
    NetworkError
        No mirror answered, all answers are not whole or no VOTable, or server errors, after all retries.
    CatalogError
        The catalog has no stars there, or VizieR refused the query.
    """
    servers = servers_of(settings, service)
    for attempt in range(settings.retries + 1):
        errors: dict[str, CatalogError] = {}
        for server in servers:
            try:
                return _fetch(region, server, settings.timeout_s), server
            except CatalogError as error:
                errors[server] = error
        servers = [server for server, error in errors.items() if isinstance(error, NetworkError)]
        if not servers or attempt == settings.retries:
            break
        pause_s = FIRST_PAUSE_S * 2**attempt
        told = "; ".join(map(str, errors.values()))
        log.warning("%s; try %d of %d in %g s", told, attempt + 2, settings.retries + 1, pause_s)
        service.sleep(pause_s)
    known = next((error for error in errors.values() if not isinstance(error, NetworkError)), None)
    if known is not None:
        raise known
    raise NetworkError("; ".join(map(str, errors.values())))


def _fetch(region: Region, server: str, timeout_s: float) -> Table:
    if region.catalog == GAIA_CATALOG:
        return _fetch_gaia(region, server, timeout_s)
    rows = _ask(region, {"Tmag": f"<{region.tmag_limit:g}"}, server, timeout_s)
    if not len(rows):
        raise CatalogError(f"{region.catalog} at {server} has no stars {region}")
    for tic_id in sorted(region.targets - set(rows["TIC"].tolist())):
        rows = vstack([rows, _ask(region, {"TIC": str(tic_id)}, server, timeout_s)])
    return rows


def _fetch_gaia(region: Region, server: str, timeout_s: float) -> Table:
    """Stars of Gaia as rows of the TIC; the TIC says which of them the targets are."""
    constraints = {"Gmag": f"<{region.tmag_limit:g}"}
    rows = _tidy_gaia(ask_table(tuple(GAIA_COLUMNS), region, constraints, server, timeout_s), server)
    if not len(rows):
        raise CatalogError(f"{region.catalog} at {server} has no stars {region}")
    for tic_id in sorted(region.targets):
        in_tic = _ask(dataclasses.replace(region, catalog=TIC_CATALOG), {"TIC": str(tic_id)}, server, timeout_s)
        if len(in_tic):
            name_target(rows, in_tic)
    return rows


def _tidy_gaia(rows: Table | None, server: str) -> Table:
    try:
        return no_rows() if rows is None else tidy_rows(as_tic_rows(rows))
    except CatalogError as error:
        raise CatalogError(f"{server}/viz-bin/votable: {GAIA_CATALOG}, {error}") from error


def _query_of(columns: Sequence[str], region: Region, constraints: dict[str, str]) -> str:
    """What astroquery would send to VizieR for all rows of a region that fulfil these constraints on columns.

    astroquery itself knows a closed list of hosts, and https only.
    """
    from astroquery.vizier import VizierClass  # here, for it takes a second

    box = region.box_deg * units.deg
    client = VizierClass(columns=list(columns), row_limit=-1)
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


class RefusedQueryError(CatalogError):
    """VizieR did not understand a query."""


def _ask(region: Region, constraints: dict[str, str], server: str, timeout_s: float) -> Table:
    """Tidy rows of one query; asked again without what tells duplicates where that is not understood."""
    for further in ([DISPOSITION, DUPLICATE_OF], [DISPOSITION]):
        try:
            return _ask_for([*VIZIER_COLUMNS, *further], region, constraints, server, timeout_s)
        except RefusedQueryError:
            continue
    return _ask_for(VIZIER_COLUMNS, region, constraints, server, timeout_s)


def _ask_for(
    columns: Sequence[str], region: Region, constraints: dict[str, str], server: str, timeout_s: float
) -> Table:
    rows = ask_table(columns, region, constraints, server, timeout_s)
    try:
        return no_rows() if rows is None else tidy_rows(rows)
    except CatalogError as error:
        raise CatalogError(f"{server}/viz-bin/votable: {region.catalog}, {error}") from error


def ask_table(
    columns: Sequence[str], region: Region, constraints: dict[str, str], server: str, timeout_s: float
) -> Table | None:
    """Rows of one query as the server gives them; None where it has none.

    Raises
    ------
    NetworkError
        No answer, or none that is whole.
    CatalogError
        The query was refused, or the answer is cut off.
    """
    import requests

    url = f"{server}/viz-bin/votable"
    try:
        response = requests.post(url, data=_query_of(columns, region, constraints), timeout=timeout_s)
    except OSError as error:  # all that requests raises
        raise NetworkError(f"{url}: no answer, {_root_of(error)}") from error
    _check_status(url, response)
    return _rows_of(url, region.catalog, response.content)


def _root_of(error: BaseException) -> str:
    """The first cause of a chain of errors, in words."""
    while error.__context__ is not None:
        error = error.__context__
    return str(error) or type(error).__name__


def _check_status(where: str, response: "Response") -> None:
    status = response.status_code
    if status >= 500 or status in _TRY_AGAIN:
        raise NetworkError(f"{where}: answered {status} {response.reason}, expected 200")
    if status != 200:
        raise CatalogError(f"{where}: refused the query, {status} {response.reason}")


def _rows_of(where: str, catalog: str, content: bytes) -> Table | None:
    """Rows of a VOTable; None where it has no table."""
    from astropy.io import votable

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            answer = votable.parse(io.BytesIO(content), verify="ignore", invalid="mask")
        except DAMAGE as error:
            start = content[:40].decode("ascii", "replace").split("\n")[0]
            raise NetworkError(f"{where}: {len(content)} bytes {start!r}..., expected a whole VOTable") from error
        tables = [table.to_table(use_names_over_ids=True) for table in answer.iter_tables() if len(table.array)]
    remarks = {info.value: info.content or info.value for info in _remarks(answer)}
    if "OVERFLOW" in remarks:
        raise CatalogError(f"{where}: {catalog} cut off, {remarks['OVERFLOW']}, expected all rows")
    if "ERROR" in remarks:
        raise RefusedQueryError(f"{where}: {catalog} refused, {remarks['ERROR']}")
    return tables[0] if tables else None


def _remarks(answer: "votable.tree.VOTableFile") -> "list[votable.tree.Info]":
    """The QUERY_STATUS notes of a VOTable, at the top and in its resources."""
    notes = [*answer.infos, *(info for resource in answer.resources for info in resource.infos)]
    return [note for note in notes if note.name == "QUERY_STATUS"]
