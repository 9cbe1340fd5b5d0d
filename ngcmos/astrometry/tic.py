"""Rows of the TESS Input Catalog around a field: from local files, from a kept answer of VizieR, or from VizieR.

    region = region_of(place, camera.catalog, targets=...)
    extract = load_tic(field, region, camera.catalog, kept_folder=..., local=...)

Local files win where they are named; else the kept catalog of the field, where it covers what is asked; else
VizieR, whose answer is kept. When VizieR has no answer, a kept catalog that lies a little off still serves.
Rows are as `catalog.tidy_rows` makes them: exact ids, no masks.
"""

import contextlib
import dataclasses
import datetime
import io
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.utils.exceptions import AstropyWarning

from ngcmos.astrometry.catalog import tidy_rows
from ngcmos.astrometry.coverage import Lie, share_in_box
from ngcmos.astrometry.extracts import read_local
from ngcmos.astrometry.vizier import DAMAGE, VIZIER, Region, Service, fetch_tic
from ngcmos.config import Catalog
from ngcmos.errors import CatalogError, ProductError, WriteError
from ngcmos.night.products import make_folder, write_then_rename
from ngcmos.sphere import separation_deg

# Part of the box by which a field may be off where it was when its catalog was kept, before a frame is solved.
CENTRE_TOLERANCE = 0.1


@dataclasses.dataclass(frozen=True, eq=False)
class Extract:
    """Rows of the catalog, and what they hold.

    Attributes
    ----------
    rows : Table
        Columns of `catalog.VIZIER_COLUMNS`.
    region : Region
        Of a local file the one that was asked for, for its extent is not known.
    source : str
        For logs and headers; says too what went wrong on the way without loss (not kept, not newer).
    fetched : str
        Day of VizieR's answer; "" of local files.
    """

    rows: Table
    region: Region
    source: str
    fetched: str

    @property
    def is_local(self) -> bool:
        """Whether it comes from local files."""
        return not self.fetched


@dataclasses.dataclass(frozen=True, eq=False)
class Kept:
    """A catalog of an earlier night: what was asked for, the rows, the file and the day of the query."""

    region: Region
    rows: Table
    path: Path
    date: str

    def covers(self, wanted: Region, least_deg: float, lie: Lie | None) -> bool:
        """True where a new query would bring nothing that is needed; `lie` is that of a solved frame.

        Until one is solved, cards that say the same as when it was kept find it again.
        """
        known = self.region.targets | set(self.rows["TIC"].tolist())
        same = self.region.catalog == wanted.catalog and self.region.box_deg >= least_deg
        deep = self.region.tmag_limit >= wanted.tmag_limit and wanted.targets <= known
        if lie is not None:
            there = share_in_box(lie, self.region.place, self.region.box_deg) == 1
        else:
            off = separation_deg(*self.region.cards, *wanted.cards)
            there = bool(off <= CENTRE_TOLERANCE * self.region.box_deg)
        return there and same and deep

    def overlaps(self, wanted: Region) -> bool:
        """True where the middle of the field is in, so that it is better than nothing."""
        return bool(self.region.centre.separation(wanted.centre).deg < self.region.box_deg / 2)


def load_tic(
    field: str,
    wanted: Region,
    settings: Catalog,
    *,
    kept_folder: Path,
    lie: Lie | None = None,
    local: Sequence[str | Path] = (),
    service: Service = VIZIER,
) -> Extract:
    """The Extract of a field.

    Parameters
    ----------
    field : str
        Names the kept file, `{kept_folder}/{field}_catalog.fits`.
    lie : Lie, optional
        Of a solved frame: a kept catalog that does not cover it does not serve.
    local : sequence of paths
        TIC extracts to use instead of the network; without them `settings.local`.

    Raises
    ------
    CatalogError
        No stars there, or a local file that does not serve.
    NetworkError
        VizieR did not answer and no kept catalog serves.
    """
    local = tuple(local) or settings.local
    if local:
        rows = read_local(local, wanted.place, wanted.box_deg)
        return Extract(rows, wanted, ", ".join(str(Path(path).resolve()) for path in local), "")
    path = kept_folder / f"{field}_catalog.fits"
    kept, damage = _find_kept(path)
    for old in kept:
        if old.covers(wanted, settings.box_deg, lie):
            return Extract(old.rows, old.region, f"{path}, kept since {old.date}", old.date)
    try:
        rows, server = fetch_tic(wanted, settings, service)
    except CatalogError as error:
        for old in kept:
            if old.overlaps(wanted):
                told = f"{path}, kept since {old.date} {old.region}; {error}"
                return Extract(old.rows, old.region, told, old.date)
        raise type(error)("; ".join([str(error), *damage])) from error
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    told = "; ".join([f"{wanted.catalog} from {server}", *damage, *_keep(path, rows, wanted, today)])
    return Extract(rows, wanted, told, today)


def _keep(path: Path, rows: Table, region: Region, today: str) -> list[str]:
    """Write the kept catalog; a note in a list where that failed, else an empty list."""
    table = rows.copy()
    table.meta = {
        "CATALOG": region.catalog,
        "RA_CEN": region.ra,
        "DEC_CEN": region.dec,
        "BOX_DEG": region.box_deg,
        "TMAGLIM": region.tmag_limit,
        "TARGETS": ",".join(str(tic_id) for tic_id in sorted(region.targets)),
        "RA_CARD": region.cards[0],
        "DEC_CARD": region.cards[1],
        "FETCHED": today,
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
                    (header.get("RA_CARD", header["RA_CEN"]), header.get("DEC_CARD", header["DEC_CEN"])),
                )
                _require_rows(rows)
                return Kept(region, rows, path, header["FETCHED"])
    except (*DAMAGE, CatalogError) as error:
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise ProductError(f"{path}: not a sound kept catalog ({reason})") from error


def _require_rows(rows: Table) -> None:
    if not np.count_nonzero(rows["TIC"]):
        raise ValueError("no stars")
