"""What is known of the stars of a field: from files, else as kept, else asked from VizieR and kept.

``load_known(config, field, night) -> Table``. VizieR is asked where the catalog of the field came from it, never
for a field of local catalogs; where it does not answer, nothing is known this time.
"""

import logging
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table

from ngcmos.astrometry.known import fetch_known, no_known, read_known
from ngcmos.astrometry.vizier import DAMAGE, VIZIER, Region, Service, region_of
from ngcmos.config import Config
from ngcmos.errors import CatalogError
from ngcmos.night.products import catalog_path, make_folder, write_table
from ngcmos.season.known import KnownStars
from ngcmos.season.read import stars_of_table

log = logging.getLogger(__name__)

KEPT_FOLDER = "catalogs"


def load_known(config: Config, field: str, night: Path, service: Service = VIZIER) -> Table:
    """Known variables and planet hosts around a field; see `ngcmos.astrometry.known`.

    Parameters
    ----------
    config : Config
        Files of its profile win (`catalog.known`).
    field : str
    night : Path
        Whose catalog tells where the field is.
    service : Service

    Raises
    ------
    CatalogError
        A file of the profile is unreadable.
    WriteError
        The answer cannot be kept.
    """
    kept = kept_known(config, field)
    if kept is not None:
        return kept
    path = _kept_path(config, field)
    region = _region_of(config, field, night)
    if region is None:
        return no_known()
    try:
        known = fetch_known(region, config.camera.catalog, service)
    except CatalogError as error:
        log.info("%s: no names of known variables: %s", field, error)
        return no_known()
    make_folder(path.parent)
    write_table(path, known)
    log.info("%s: %d known variables around it, kept in %s", field, len(known), path)
    return known


def kept_known(config: Config, field: str) -> Table | None:
    """What is known of a field by the files of its profile, or by what was asked for before; None for neither.

    Raises
    ------
    CatalogError
        A file of the profile is unreadable.
    """
    if config.camera.catalog.known:
        return read_known(config.camera.catalog.known)
    path = _kept_path(config, field)
    if path.is_file():
        try:
            return Table.read(path, format="fits", character_as_bytes=False)
        except DAMAGE as error:
            log.warning("%s: damaged (%s), the season asks for it again", path, error)
    return None


def known_ids(config: Config, field: str, stars: Table) -> list[int]:
    """Ids of those of some stars that are known to vary or to have planets; the network is not asked.

    Parameters
    ----------
    config : Config
    field : str
    stars : Table
        Extension STARS of a photometry table.

    Raises
    ------
    CatalogError
        A file of the profile is unreadable.
    """
    known = kept_known(config, field)
    if known is None or not len(known):
        return []
    rows = stars_of_table(stars)
    told = rows[KnownStars(known).are_known(rows)]
    return [int(one) for one in np.where(told["tic_id"] > 0, told["tic_id"], told["gaia_id"])]


def _kept_path(config: Config, field: str) -> Path:
    return config.directories.out / KEPT_FOLDER / f"known_{field}.fits"


def _region_of(config: Config, field: str, night: Path) -> Region | None:
    """The region of the field's catalog where it came from VizieR; None where it did not, or is not there."""
    try:
        header = fits.getheader(catalog_path(night, field), 1)
    except DAMAGE:
        return None
    if header.get("EXTRACT", True) or "RA_CEN" not in header:
        return None
    place = (float(header["RA_CEN"]), float(header["DEC_CEN"]))
    return region_of(place, config.camera.catalog, box_deg=float(header["BOX_DEG"]))
