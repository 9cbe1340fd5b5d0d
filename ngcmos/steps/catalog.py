"""The two catalogs of a field on disk: all its stars, and those that are measured; each with its DS9 regions."""

import dataclasses
import datetime
import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from astropy.table import Table
from astropy.time import Time

from ngcmos.arrays import Bools, Place
from ngcmos.astrometry.catalog import ds9_regions, select_input, star_catalog, targets_of
from ngcmos.astrometry.coverage import Lie, box_around, share_among, share_in_box
from ngcmos.astrometry.crowding import contamination_of
from ngcmos.astrometry.distortion import Solution, to_pixels
from ngcmos.astrometry.extracts import read_kept, read_local
from ngcmos.astrometry.tic import Extract, load_tic
from ngcmos.astrometry.vizier import VIZIER, Service, fetch_tic, region_of
from ngcmos.config import Camera
from ngcmos.errors import CatalogError
from ngcmos.neighbours import tree_of
from ngcmos.night.job import Job
from ngcmos.night.pointing import in_hours
from ngcmos.night.products import catalog_path, input_catalog_path, keep_old, region_path, write_table, write_text
from ngcmos.night.remarks import WITHOUT_TMAG, keep_remark
from ngcmos.profile import Catalog as CatalogSettings
from ngcmos.sphere import directions, separation_deg, unit_vectors

log = logging.getLogger(__name__)

KEPT_FOLDER = "catalogs"
TARGET = "target"
WIDEST_BOX_DEG = 20.0
SAME_PLACE = 0.01  # of the box: asked there once, local files have no more
ONE_PLACE_DEG = 1.0  # pointings of a field that are further apart are of two places, or one of them is wrong
STEADY_PX = 10.0  # stars so near to the edge of the list may be in it or not: the field never sits quite still
_MASTER_COLOUR, _INPUT_COLOUR = "green", "cyan"


class Sighted(Protocol):
    """What a catalog must know of a frame: `start` is ISO text, UTC."""

    @property
    def path(self) -> Path: ...
    @property
    def field(self) -> str: ...
    @property
    def start(self) -> str: ...
    @property
    def pointing(self) -> tuple[float, float] | None: ...
    @property
    def object_name(self) -> str: ...
    @property
    def pointing_like(self) -> str: ...


@dataclasses.dataclass(frozen=True)
class CatalogSource:
    """Where catalogs come from.

    Attributes
    ----------
    local : sequence of paths
        TIC extracts to use instead of the network.
    center : (float, float), optional
        Where the fields are, whatever their cards say; degrees.
    service : Service
    """

    local: Sequence[str | Path] = ()
    center: Place | None = None
    service: Service = VIZIER

    def elsewhere(self, frames: Sequence[Sighted]) -> list["CatalogSource"]:
        """Where a field may be, too: further off, and where plain numbers of its cards are hours."""
        cards = None if self.center else find_centre(frames)
        hours = None if cards is None else in_hours(cards)
        return [self] + ([dataclasses.replace(self, center=hours)] if hours else [])


def keep_catalog(
    job: Job, field: str, frames: Sequence[Sighted], source: CatalogSource, lie: Lie | None = None
) -> Table:
    """The star catalog of a field at the epoch of the night, `{field}_catalog.fits`; made where it is missing.

    `lie` is how the chip lies where the field usually is: a catalog that does not cover it is made anew there.

    Raises
    ------
    CatalogError
        There is no usable catalog, or no frame says where it looks.
    """
    path = catalog_path(job.folder, field)
    standing = _find_standing(job, field, source.local)
    if standing is not None and (lie is None or _serves(standing, lie)):
        return standing
    try:
        extract = _load(job, field, frames, source, lie)
    except CatalogError as error:
        if standing is None:
            raise
        log.warning("%s: %s; the catalog at hand serves", field, error)
        return standing
    told = f", {_age_days(extract.fetched)} days old" if extract.fetched else ""
    log.info("%s: %d stars from %s%s", field, len(extract.rows), extract.source, told)
    catalog = _catalog_of(extract, job.camera.catalog, frames[0].start)
    catalog.meta["SOLVED"] = lie is not None
    if lie is not None:
        catalog.meta["COVERED"] = share_covered(catalog, lie)
    regions = region_path(job.folder, field, "master")
    write_text(regions, ds9_regions(catalog, radius_arcsec=_circle_arcsec(job.camera), colour=_MASTER_COLOUR))
    write_table(path, catalog)  # last: where it stands, its regions do
    job.outcome.products += [path, regions]
    return read_catalog(job.folder, field)  # as every later run has it


def _find_standing(job: Job, field: str, local: Sequence[str | Path]) -> Table | None:
    """The catalog that lies in the night, if it is sound and of these local extracts."""
    path = catalog_path(job.folder, field)
    if not path.exists():
        return None
    try:
        catalog = read_catalog(job.folder, field)
    except CatalogError as error:
        log.warning("%s; it is kept as %s and made anew", error, keep_old(path).name)
        return None
    return catalog if not local or catalog.meta.get("SOURCE") == _source_of(local) else None


def _serves(catalog: Table, lie: Lie) -> bool:
    """Whether a catalog covers the chip, or is all that its local files hold around there."""
    if catalog.meta.get("SOLVED") and catalog.meta.get("EXTRACT"):  # asked for around a solved place
        off_deg = separation_deg(catalog.meta["RA_CEN"], catalog.meta["DEC_CEN"], *lie.centre)
        if off_deg <= SAME_PLACE * float(catalog.meta["BOX_DEG"]):
            return True
    return share_covered(catalog, lie) == 1


def share_covered(catalog: Table, lie: Lie) -> float:
    """Share of the chip that a catalog covers: by its box; if that is unknown or of local files by its stars."""
    meta, share = catalog.meta, 1.0
    if "BOX_DEG" in meta:
        share = share_in_box(lie, (meta["RA_CEN"], meta["DEC_CEN"]), meta["BOX_DEG"])
    if meta.get("EXTRACT", True):
        places = (np.asarray(catalog[name], float) for name in ("ra_deg_corr", "dec_deg_corr"))
        share = min(share, share_among(lie, *places))
    return share


def _load(job: Job, field: str, frames: Sequence[Sighted], source: CatalogSource, lie: Lie | None) -> Extract:
    """The Extract around where the chip lies, else around where the cards say."""
    settings, cards = job.camera.catalog, source.center or field_centre(frames)
    place = cards if lie is None else lie.centre
    targets, box_deg = field_targets(frames), chip_box_deg(job.camera)
    wanted = region_of(place, settings, targets=targets, box_deg=box_deg, cards=cards)
    kept, local = job.config.directories.out / KEPT_FOLDER, source.local
    return load_tic(field, wanted, settings, kept_folder=kept, lie=lie, local=local, service=source.service)


def load_wide(job: Job, frames: Sequence[Sighted], source: CatalogSource) -> Table:
    """The catalog of all the sky where a field may be by the profile, as deep as frames are solved; kept nowhere.

    Raises
    ------
    CatalogError
        As `keep_catalog`.
    """
    camera, cards = job.camera, source.center or field_centre(frames)
    box_deg = wide_box_deg(camera)
    local = tuple(source.local) or camera.catalog.local
    region = region_of(cards, camera.catalog, box_deg=box_deg)
    if local:
        rows = read_local(local, cards, box_deg)
    else:
        region = dataclasses.replace(region, tmag_limit=camera.solve.tmag_max)
        rows, _ = fetch_tic(region, camera.catalog, source.service)
    return _catalog_of(Extract(rows, region, "", ""), camera.catalog, frames[0].start)


def chip_box_deg(camera: Camera) -> float:
    """Side of the box in which a field's stars are asked for."""
    detector, settings = camera.detector, camera.catalog
    margin_px, least_deg = settings.margin_px, settings.box_deg
    return box_around(detector.shape, detector.scale_arcsec, margin_px=margin_px, least_deg=least_deg)


def wide_box_deg(camera: Camera) -> float:
    """Side of the box in which a field may lie by its cards."""
    return min(chip_box_deg(camera) + 2 * max(camera.solve.radius_deg), WIDEST_BOX_DEG)


def _catalog_of(extract: Extract, settings: CatalogSettings, start: str) -> Table:
    """The star catalog of an Extract at the epoch of a night; its header says what it holds."""
    epoch = Time(start, scale="utc")
    catalog = star_catalog(extract.rows, epoch, blend_arcsec=settings.blend_arcsec, blend_dmag=settings.blend_dmag)
    region = extract.region
    catalog.meta |= {
        "RA_CEN": region.ra,
        "DEC_CEN": region.dec,
        "BOX_DEG": region.box_deg,
        "RA_CARD": region.cards[0],
        "DEC_CARD": region.cards[1],
        "EXTRACT": extract.is_local,
        "FETCHED": extract.fetched,
        "SOURCE": _ascii(extract.source),
    }
    return catalog


def _age_days(fetched: str) -> int:
    return (datetime.datetime.now(datetime.UTC).date() - datetime.date.fromisoformat(fetched)).days


def select_stars(
    job: Job,
    field: str,
    frames: Sequence[Sighted],
    catalog: Table,
    near: Sequence[Solution],
    *,
    kept: Sequence[int] = (),
) -> None:
    """Write the input catalog: the stars on the chip where the field usually is.

    Parameters
    ----------
    near : sequence of Solution
        Of the frame at the usual place, and of another that may stand for it. What is chosen by the latter, or was
        chosen before, stands while it has all stars well on the chip at the usual place, and none far off.
    kept : sequence of int
        TIC ids of stars that are measured as the target is.

    Raises
    ------
    CatalogError
        No star is left.
    """
    camera, settings, named = job.camera, job.camera.catalog, field_targets(frames)
    targets = (*named, *kept)

    def choose(solution: Solution, more_px: float = 0.0, stars: Table = catalog) -> Table:
        on_chip = _on_chip(camera, stars, solution, more_px=more_px)
        return select_input(stars, on_chip, tmag_max=settings.tmag_max, targets=targets)

    _tell_lost(job, field, named, choose(near[0]))
    here = _on_chip(camera, catalog, near[0], more_px=-camera.catalog.margin_px)
    _tell_without_tmag(job, field, catalog[here], targets)
    least, most = (_ids(choose(near[0], more_px)) for more_px in (-STEADY_PX, STEADY_PX))
    before = _read_chosen(job, field)
    checksum = file_checksum(catalog_path(job.folder, field))
    if before is not None and before.meta.get("CATSUM") == checksum and least <= _ids(before) <= most:
        return
    usual = next((solution for solution in near[1:] if least <= _ids(choose(solution)) <= most), near[0])
    _write_chosen(job, field, choose(usual, stars=_with_contamination(catalog, camera)), before)


def _ids(stars: Table) -> set[tuple[int, bool]]:
    """Stars by their ids, and whether they are targets."""
    return set(zip(np.asarray(stars["tic_id"]).tolist(), np.asarray(stars["target"], bool).tolist(), strict=True))


def _on_chip(camera: Camera, catalog: Table, solution: Solution, *, more_px: float = 0.0) -> Bools:
    """Stars on the chip and the margin of the profile, and so much more, by a plate solution."""
    rows, columns = camera.detector.shape
    x, y = to_pixels(solution, np.asarray(catalog["ra_deg_corr"]), np.asarray(catalog["dec_deg_corr"]))
    margin = camera.catalog.margin_px + 0.5 + more_px
    inside: Bools = (x >= -margin) & (x <= columns - 1 + margin) & (y >= -margin) & (y <= rows - 1 + margin)
    return inside


def _read_chosen(job: Job, field: str) -> Table | None:
    """The input catalog that lies in the night, if it is sound."""
    path = input_catalog_path(job.folder, field)
    if not path.exists():
        return None
    try:
        return read_input_catalog(job.folder, field)
    except CatalogError as error:
        log.warning("%s; it is kept as %s and made anew", error, keep_old(path).name)
        return None


def _tell_lost(job: Job, field: str, targets: Sequence[int], chosen: Table) -> None:
    """Remark on targets that are not measured."""
    lost = [f"TIC {tic_id}" for tic_id in targets if tic_id not in set(chosen["tic_id"].tolist())]
    told = f"{', '.join(lost)} named in OBJECT, but not on the chip or not in the catalog" if lost else ""
    keep_remark(job.ledger, field, TARGET, told)


def _tell_without_tmag(job: Job, field: str, here: Table, targets: Sequence[int]) -> None:
    """Remark on stars on the chip that are not measured, as nobody knows how bright they are."""
    blank = ~np.isfinite(np.ma.filled(np.ma.asarray(here["Tmag"]).astype(float), np.nan))
    count = int((blank & ~np.isin(here["tic_id"], np.array(list(targets), np.int64))).sum())
    told = f"stars on the chip without Tmag in the catalog, which are not measured: {count}" if count else ""
    keep_remark(job.ledger, field, WITHOUT_TMAG, told)


def _write_chosen(job: Job, field: str, chosen: Table, before: Table | None) -> None:
    """Write `{field}_catalog_input.fits`, the stars that are measured."""
    if not len(chosen):
        raise CatalogError(f"{field}: no star of the catalog lies on the chip")
    if before is not None and _ids(chosen) != _ids(before):
        new, gone = len(_ids(chosen) - _ids(before)), len(_ids(before) - _ids(chosen))
        told = "%s: the field's usual place or its targets have changed: its stars are chosen anew, %d come, %d go"
        log.warning(told, field, new, gone)
    path = input_catalog_path(job.folder, field)
    chosen.meta["CATSUM"] = file_checksum(catalog_path(job.folder, field))
    regions = region_path(job.folder, field, "input")
    write_text(regions, ds9_regions(chosen, radius_arcsec=_circle_arcsec(job.camera), colour=_INPUT_COLOUR))
    write_table(path, chosen)
    job.outcome.products += [path, regions]
    log.info("%s: %d stars to measure", field, len(chosen))


def _with_contamination(catalog: Table, camera: Camera) -> Table:
    """A copy of the catalog that tells how much light of neighbours the largest aperture holds."""
    known = catalog.copy()
    known["contamination"] = contamination_of(catalog, catalog, max(camera.photometry.radii_px), camera)
    known["contamination"].description = "light of neighbours in the largest aperture, relative"
    return known


def read_catalog(folder: Path, field: str) -> Table:
    """The star catalog of a field as it lies in the night.

    Raises
    ------
    CatalogError
        Missing, damaged or without a column.
    """
    return read_kept(catalog_path(folder, field), ["RA_CEN", "DEC_CEN"])


def read_input_catalog(folder: Path, field: str) -> Table:
    """The stars of a field that are measured, as they lie in the night; errors as `read_catalog`."""
    return read_kept(input_catalog_path(folder, field), [])


def field_centre(frames: Sequence[Sighted]) -> tuple[float, float]:
    """(ra, dec) in degrees: the median of the pointings where most lie: a slewing frame does not matter."""
    centre = find_centre(frames)
    if centre is None:
        told = "no frame has a pointing in its header, expected one at least, or --center RA DEC"
        raise CatalogError(f"{frames[0].field}: {told}{frames[0].pointing_like}")
    return centre


def find_centre(frames: Sequence[Sighted]) -> Place | None:
    """The centre of a field by its cards, as `field_centre`; None where no frame has a pointing."""
    pointings = [frame.pointing for frame in frames if frame.pointing is not None]
    if not pointings:
        return None
    places = unit_vectors(*np.array(pointings).T)
    middle = np.median(places, axis=0)
    reach = np.radians(ONE_PLACE_DEG)
    if np.linalg.norm(places - middle, axis=1).max() > reach:  # of two places the middle is none
        tree = tree_of(places)
        fullest = int(np.argmax(tree.query_ball_point(places, reach, return_length=True)))
        middle = np.median(places[tree.query_ball_point(places[fullest], reach)], axis=0)
    ra, dec = directions(middle)
    return float(ra), float(dec)


def field_targets(frames: Sequence[Sighted]) -> tuple[int, ...]:
    """TIC ids that OBJECT, else the name of the file, gives for any frame of the field."""
    targets: dict[int, None] = {}
    for frame in frames:
        targets |= dict.fromkeys(targets_of(frame.object_name) or targets_of(frame.path.name))
    return tuple(targets)


def file_checksum(path: Path) -> str:
    """First 16 hex digits of the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def _source_of(local: Sequence[str | Path]) -> str:
    """The local extracts by their whole paths, however they were spelled."""
    return _ascii(", ".join(str(Path(path).resolve()) for path in local))


def _ascii(text: str) -> str:
    """As a header wants it."""
    return text.encode("ascii", "replace").decode()


def _circle_arcsec(camera: Camera) -> float:
    """Radius of a region's circle: the largest aperture."""
    return max(camera.photometry.radii_px) * camera.detector.scale_arcsec
