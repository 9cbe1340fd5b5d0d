"""The two catalogs of a field on disk: all its stars, and those that are measured; each with its DS9 regions."""

import hashlib
import io
import logging
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.time import Time
from astropy.utils.exceptions import AstropyWarning

from ngcmos.astrometry.catalog import CATALOG_COLUMNS, ds9_regions, select_input, star_catalog, targets_of
from ngcmos.astrometry.crowding import contamination
from ngcmos.astrometry.distortion import Solution, to_pixels
from ngcmos.astrometry.vizier import SERVER, Service, load_tic, region_of
from ngcmos.config import Camera
from ngcmos.errors import CatalogError
from ngcmos.night.job import Job
from ngcmos.night.products import catalog_path, input_catalog_path, keep_old, region_path, write_table, write_text
from ngcmos.sphere import directions, unit_vectors

log = logging.getLogger(__name__)

KEPT_FOLDER = "catalogs"
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


def keep_catalog(
    job: Job,
    field: str,
    frames: Sequence[Sighted],
    *,
    local: Sequence[str | Path] = (),
    server: str = SERVER,
    sleep: Callable[[float], None] = time.sleep,
) -> Table:
    """The star catalog of a field at the epoch of the night, `{field}_catalog.fits`; made where it is missing.

    Raises
    ------
    CatalogError
        There is no usable catalog, or no frame says where it looks.
    """
    config, folder = job.config, job.folder
    path = catalog_path(folder, field)
    if path.exists():
        try:
            catalog = read_catalog(folder, field)
            if not local or catalog.meta.get("SOURCE") == _source_of(local):
                return catalog
        except CatalogError as error:
            log.warning("%s; it is kept as %s and made anew", error, keep_old(path).name)
    settings, camera = config.camera.catalog, config.camera
    ra, dec = field_centre(frames)
    rows, source = load_tic(
        field,
        region_of(ra, dec, settings, field_targets(frames)),
        settings,
        kept_folder=config.directories.out / KEPT_FOLDER,
        local=local,
        service=Service(server, sleep),
    )
    log.info("%s: %d stars from %s", field, len(rows), source)
    epoch = Time(frames[0].start, scale="utc")
    catalog = star_catalog(rows, epoch, blend_arcsec=settings.blend_arcsec, blend_dmag=settings.blend_dmag)
    catalog.meta |= {
        "RA_CEN": ra,
        "DEC_CEN": dec,
        "SOURCE": _source_of(local) if local else source.encode("ascii", "replace").decode(),
    }
    regions = region_path(folder, field, "master")
    write_text(regions, ds9_regions(catalog, radius_arcsec=_circle_arcsec(camera), colour=_MASTER_COLOUR))
    write_table(path, catalog)  # last: where it stands, its regions do
    job.outcome.products += [path, regions]
    return read_catalog(folder, field)  # as every later run has it


def select_stars(job: Job, field: str, frames: Sequence[Sighted], catalog: Table, solution: Solution) -> None:
    """Write the input catalog: the stars on the chip by the plate solution of the first solved frame.

    Raises
    ------
    CatalogError
        No star is left.
    """
    rows, columns = job.camera.detector.shape
    ra, dec = np.asarray(catalog["ra_deg_corr"]), np.asarray(catalog["dec_deg_corr"])
    x, y = to_pixels(solution, ra, dec)
    margin = job.camera.catalog.margin_px + 0.5
    on_chip = (x >= -margin) & (x <= columns - 1 + margin) & (y >= -margin) & (y <= rows - 1 + margin)
    keep_input_catalog(job, field, frames, catalog, on_chip)


def keep_input_catalog(
    job: Job, field: str, frames: Sequence[Sighted], catalog: Table, on_chip: np.ndarray
) -> None:
    """Write `{field}_catalog_input.fits`, the stars that are measured, unless it was made of the same already.

    Raises
    ------
    CatalogError
        No star is left.
    """
    camera, folder = job.camera, job.folder
    path = input_catalog_path(folder, field)
    checksum = file_checksum(catalog_path(folder, field))
    targets = field_targets(frames)
    here = set(np.asarray(catalog["tic_id"])[on_chip].tolist())
    if path.exists():
        try:
            if _is_made_of(read_input_catalog(folder, field), checksum, here & set(targets)):
                return
        except CatalogError as error:
            log.warning("%s; it is kept as %s and made anew", error, keep_old(path).name)
    chosen = select_input(
        _with_contamination(catalog, camera), on_chip, tmag_max=camera.catalog.tmag_max, targets=targets
    )
    if not len(chosen):
        raise CatalogError(f"{field}: no star of the catalog lies on the chip")
    lost = [tic_id for tic_id in targets if tic_id not in set(chosen["tic_id"].tolist())]
    if lost:
        named = ", ".join(f"TIC {tic_id}" for tic_id in lost)
        log.warning("%s: %s named in OBJECT, but not on the chip or not in the catalog", field, named)
    chosen.meta["CATSUM"] = checksum
    regions = region_path(folder, field, "input")
    write_text(regions, ds9_regions(chosen, radius_arcsec=_circle_arcsec(camera), colour=_INPUT_COLOUR))
    write_table(path, chosen)
    job.outcome.products += [path, regions]
    log.info("%s: %d stars to measure", field, len(chosen))


def _is_made_of(chosen: Table, checksum: str, targets: set[int]) -> bool:
    """Whether an input catalog was made of the catalog of that checksum and holds all these targets."""
    known = set(np.asarray(chosen["tic_id"])[np.asarray(chosen["target"], bool)].tolist())
    return bool(chosen.meta.get("CATSUM") == checksum and targets <= known)


def _with_contamination(catalog: Table, camera: Camera) -> Table:
    """A copy of the catalog that tells how much light of neighbours the largest aperture holds."""
    catalog = catalog.copy()
    tmag, gmag = (np.ma.filled(np.ma.asarray(catalog[name]).astype(float), np.nan) for name in ("Tmag", "Gmag"))
    catalog["contamination"] = contamination(
        catalog["ra_deg_corr"],
        catalog["dec_deg_corr"],
        np.where(np.isfinite(tmag), tmag, gmag),
        radius_px=max(camera.photometry.radii_px),
        scale_arcsec=camera.detector.scale_arcsec,
    )
    catalog["contamination"].description = "light of neighbours in the largest aperture, relative"
    return catalog


def read_catalog(folder: Path, field: str) -> Table:
    """The star catalog of a field as it lies in the night.

    Raises
    ------
    CatalogError
        Missing, damaged or without a column.
    """
    return _read(catalog_path(folder, field), ["RA_CEN", "DEC_CEN"])


def read_input_catalog(folder: Path, field: str) -> Table:
    """The stars of a field that are measured, as they lie in the night; errors as `read_catalog`."""
    return _read(input_catalog_path(folder, field), [])


def _read(path: Path, needed: Sequence[str]) -> Table:
    if not path.exists():
        raise CatalogError(f"{path}: no such catalog, expected that of simple_wrapper")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", AstropyWarning)  # astropy only warns of a damaged file
            with fits.open(io.BytesIO(path.read_bytes()), checksum=True) as units:
                table = Table.read(units, format="fits", mask_invalid=False)
    except (OSError, ValueError, TypeError, KeyError, IndexError, AstropyWarning, fits.VerifyError) as error:
        raise CatalogError(f"{path}: damaged ({error})") from error
    missing = [name for name in CATALOG_COLUMNS if name not in table.colnames]
    missing += [key for key in needed if key not in table.meta]
    if missing or not len(table):
        raise CatalogError(f"{path}: {len(table)} rows, lacks {', '.join(missing) or 'stars'}")
    return table


def field_centre(frames: Sequence[Sighted]) -> tuple[float, float]:
    """(ra, dec) in degrees: the median of the pointings, so that a slewing first frame does not matter."""
    pointings = [frame.pointing for frame in frames if frame.pointing is not None]
    if not pointings:
        raise CatalogError(f"{frames[0].field}: no frame has a pointing in its header, expected one at least")
    ra, dec = directions(np.median(unit_vectors(*np.array(pointings).T), axis=0))
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
    """The local extracts by their whole paths, however they were spelled; ASCII, as a header wants it."""
    return ", ".join(str(Path(path).resolve()) for path in local).encode("ascii", "replace").decode()


def _circle_arcsec(camera: Camera) -> float:
    """Radius of a region's circle: the largest aperture."""
    return max(camera.photometry.radii_px) * camera.detector.scale_arcsec
