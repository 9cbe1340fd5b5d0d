"""Which star is wanted, and where the tables of a night have it; what is known of one that they have not."""

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Row, Table
from numpy.typing import NDArray

from ngcmos.arrays import Floats
from ngcmos.config import Camera, Catalog, Config
from ngcmos.errors import UsageError, WorkError
from ngcmos.lightcurves.series import BinLength
from ngcmos.night.outcome import Outcome
from ngcmos.night.products import input_catalog_path, photometry_path
from ngcmos.steps.catalog import read_catalog
from ngcmos.tables.table import exposures_of, read_star, read_stars

log = logging.getLogger(__name__)

STAGE = "analyse_cmos"
PICTURES = (".png", ".pdf", ".svg")
USUAL_RADIUS_PX = 5.0
NEAREST = 3


@dataclasses.dataclass(frozen=True, eq=False)
class FoundStar:
    """A star in the photometry table of a field.

    Attributes
    ----------
    field : str
    rows : Table
        A row a frame, see `ngcmos.tables.table`.
    radius_px : float
        Of the aperture to show.
    """

    field: str
    rows: Table
    radius_px: float
    exptime_s: Floats

    @property
    def has_exposures(self) -> bool:
        """Whether exposure times differ, so that counts of two exposures do not compare."""
        return bool(np.ptp(self.exptime_s) > 0)

    @property
    def per(self) -> Floats:
        """What counts are divided by to compare: seconds where exposure times differ, else 1."""
        return self.exptime_s if self.has_exposures else np.ones(len(self.exptime_s))

    def __getitem__(self, name: str) -> NDArray[Any]:
        """A column as an array; `flux`, `fluxerr` and `max_pixel_value` are those of the aperture."""
        apertures = ("flux", "fluxerr", "max_pixel_value")
        return np.asarray(self.rows[f"{name}_{self.radius_px:g}" if name in apertures else name])

    @property
    def gaia_id(self) -> int:
        return int(self.rows["gaia_id"][0])

    @property
    def tic_id(self) -> int:
        return int(self.rows["tic_id"][0])


@dataclasses.dataclass(frozen=True)
class Wanted:
    """Which star is drawn, and how.

    Attributes
    ----------
    gaia_id, tic_id : int or None
        Exactly one of them.
    bin_length : ngcmos.lightcurves.series.BinLength or None
        Binned points beside those of the frames.
    radius_px : float or None
        A radius of the table; None: 5, else the middle one.
    output : path or None
        The picture, its kind by its ending; None: `light_curve_{id}_aperture_{radius}.png` of the night.
        Where several fields have the star, this is the first one's; the others' have the field behind it.
    csv : path or None
        The series as a table, named alike.
    show : bool
        Open a window as well, if there is a display.
    """

    gaia_id: int | None = None
    tic_id: int | None = None
    bin_length: BinLength | None = None
    radius_px: float | None = None
    output: Path | str | None = None
    csv: Path | str | None = None
    show: bool = False

    def check(self) -> None:
        """Raise UsageError where this cannot be meant."""
        if (self.gaia_id is None) == (self.tic_id is None):
            raise UsageError("the star is named by its gaia_id or its tic_id, expected one of them")
        if self.number < 1:
            raise UsageError(f"{self.key} is {self.number}, expected a positive number")  # 0: without such an id
        check_ending("--output", self.output, PICTURES)
        check_ending("--csv", self.csv, (".csv",))

    @property
    def key(self) -> str:
        """Column of the id that names the star."""
        return "gaia_id" if self.tic_id is None else "tic_id"

    @property
    def number(self) -> int:
        """The id that names the star."""
        return (self.gaia_id if self.tic_id is None else self.tic_id) or 0


def check_ending(option: str, path: Path | str | None, endings: Sequence[str]) -> None:
    if path is not None and Path(path).suffix.lower() not in endings:
        raise UsageError(f"{option} is {path}, expected a name that ends in {', '.join(endings)}")


def find_star(config: Config, folder: Path, wanted: Wanted, outcome: Outcome) -> list[FoundStar]:
    """FoundStar of each field that has the star, in the order of the fields' names."""
    key, number = wanted.key, wanted.number
    found: list[tuple[Path, Table]] = []
    tables: dict[str, Table] = {}
    for path in sorted(folder.glob(photometry_path(folder, "*").name)):
        field = path.stem.removeprefix("phot_")
        with outcome.attempt(path.name):
            tables[field] = read_stars(path)
            if number in tables[field][key]:
                found.append((path, read_star(path, **{key: number})))
    if not tables:
        raise WorkError(f"{folder}: no readable phot_*.fits, expected one a field; run process_cmos first")
    if not found:
        _explain_missing(config.camera, folder, wanted, tables, outcome)
        raise WorkError(f"no star with {key} {number} in {', '.join(f'phot_{field}.fits' for field in tables)}")
    if len(found) > 1:
        log.info("%s: %s %d is in %d fields, a picture each", STAGE, key, number, len(found))
    radius_px = wanted.radius_px
    return [_found(path, rows, radius_px) for path, rows in found]


def _found(path: Path, rows: Table, radius_px: float | None) -> FoundStar:
    field, exptime_s = path.stem.removeprefix("phot_"), exposures_of(path)
    return FoundStar(field, rows, _choose_radius(field, rows.meta, radius_px), exptime_s)


def _choose_radius(field: str, header: Mapping[str, Any], wanted: float | None) -> float:
    """The radius asked for, else the usual one, else the middle one of the table."""
    radii = sorted(float(header[key]) for key in header if key.startswith("RADIUS"))
    if wanted is None:
        return USUAL_RADIUS_PX if USUAL_RADIUS_PX in radii else radii[len(radii) // 2]
    if wanted not in radii:
        known = ", ".join(f"{radius:g}" for radius in radii)
        raise UsageError(f"--aper is {wanted:g}, phot_{field}.fits has the radii {known}")
    return wanted


def _explain_missing(
    camera: Camera, folder: Path, wanted: Wanted, tables: Mapping[str, Table], outcome: Outcome
) -> None:
    """Say what is known of a star that is in no table, a line a fact."""
    key, number = wanted.key, wanted.number
    other = "tic_id" if key == "gaia_id" else "gaia_id"
    for field, stars in tables.items():
        if number in stars[other]:
            log.warning("%s: %s: %d is a %s, expected --%s", STAGE, field, number, other, other)
        _tell_ids(folder, field, key, stars)
        with outcome.attempt(field):
            catalog = read_catalog(folder, field)
            for row in catalog[catalog[key] == number]:
                why = _why_not_measured(row, camera.catalog)
                log.warning("%s: %s: TIC %d of the catalog is not measured: %s", STAGE, field, row["tic_id"], why)
                log.warning("%s: %s: nearest measured stars: %s", STAGE, field, _name_nearest(row, stars))


def _tell_ids(folder: Path, field: str, key: str, stars: Table) -> None:
    """Say which ids of the kind there are, where they stand, and those of the targets."""
    known = np.asarray(stars[key])[np.asarray(stars[key]) > 0]
    span = f"{known.size} stars with {key} from {known.min()} to {known.max()}" if known.size else f"no {key}"
    place = input_catalog_path(folder, field).name
    log.warning("%s: %s: the table has %s; all stand in %s", STAGE, field, span, place)
    for row in stars[np.asarray(stars["target"], bool)]:
        log.warning("%s: %s: its target is TIC %d, gaia_id %d", STAGE, field, row["tic_id"], row["gaia_id"])


def _why_not_measured(row: Row, settings: Catalog) -> str:
    if not row["Tmag"] < settings.tmag_max:
        return f"Tmag {row['Tmag']:.2f}, not brighter than {settings.tmag_max:g}"
    return "off the chip where the field usually is"


def _name_nearest(row: Row, stars: Table) -> str:
    """Distance and ids of the measured stars nearest to a star of the catalog."""
    from astropy.coordinates import angular_separation

    here = np.radians([row["ra_deg_corr"], row["dec_deg_corr"]])
    ra, dec = np.radians(stars["ra_deg_corr"]), np.radians(stars["dec_deg_corr"])
    distance = np.degrees(angular_separation(*here, np.asarray(ra), np.asarray(dec))) * 3600
    nearest = np.argsort(distance)[:NEAREST]
    return ", ".join(
        f"{distance[at]:.1f} arcsec gaia_id {stars['gaia_id'][at]} TIC {stars['tic_id'][at]}" for at in nearest
    )
