"""The stars of a night or of a season as a list: who they are, where, how bright, how much they scatter and vary.

``stars_of_night(folder, choice)``, ``stars_of_season(base, choice)``; what a night does not know is left out.
"""

import dataclasses
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table, vstack

from ngcmos.arrays import Bools
from ngcmos.errors import NightError, ProductError, UsageError, WorkError
from ngcmos.lightcurves.cube import colours
from ngcmos.night.products import photometry_path, relative_path
from ngcmos.season.archive import season_folder
from ngcmos.season.reader import Season
from ngcmos.sphere import separation_deg
from ngcmos.tables.table import read_stars

OF_ALL = (
    "field",
    "gaia_id",
    "tic_id",
    "ra_deg",
    "dec_deg",
    "Tmag",
    "color",
    "rms",
    "variable",
    "radius_px",
    "points",
)
OF_SEASON = (
    *("nights", "rms_night", "rms_night_expected", "period_d", "period_fap", "amplitude", "alias_d"),
    *("dip_period_d", "dip_t0_bjd", "dip_depth", "dip_duration_h", "dip_snr", "dips"),
    *("known_period_d", "known_kind", "name"),
)
ARCSEC = 3600.0


@dataclasses.dataclass(frozen=True)
class Choice:
    """Which stars.

    Attributes
    ----------
    field : str or None
        None: all fields.
    variable : bool
        Those that vary.
    near : (ra, dec) in degrees or None
        The nearest first.
    most : int or None
        At most so many.
    """

    field: str | None = None
    variable: bool = False
    near: tuple[float, float] | None = None
    most: int | None = None

    def __post_init__(self) -> None:
        if self.near and not (0 <= self.near[0] < 360 and -90 <= self.near[1] <= 90):
            raise UsageError(
                f"--near is {self.near[0]:g} {self.near[1]:g}, expected degrees, RA 0 to 360, Dec -90 to 90"
            )


def stars_of_night(folder: Path, choice: Choice) -> Table:
    """Stars of the fields of a night; scatter and what varies where relative_photometry has made the curves.

    Raises
    ------
    NightError
        There is no photometry of this field in the night.
    ProductError
        A file is damaged.
    """
    paths = sorted(folder.glob(photometry_path(folder, choice.field or "*").name))
    if not paths:
        raise NightError(f"{folder}: no phot_{choice.field or '*'}.fits, expected one made by process_cmos")
    tables = [_of_table(folder, path.stem.removeprefix("phot_")) for path in paths]
    return _chosen(vstack(tables, metadata_conflicts="silent"), choice)


def stars_of_season(base: Path, choice: Choice) -> Table:
    """Stars of the seasons under a base path.

    Raises
    ------
    NightError
        There is no season of this field.
    ProductError
        A file is damaged.
    """
    fields = [choice.field] if choice.field else sorted(path.name for path in (base / "seasons").glob("[!.]*"))
    if not fields:
        raise NightError(f"{base / 'seasons'}: no season, expected those made by season.py")
    return _chosen(vstack([_of_season(base, field) for field in fields]), choice)


def _of_season(base: Path, field: str) -> Table:
    stars = Season(season_folder(base, field)).stars
    stars["field"], stars["color"] = field, colours(stars)
    return stars[[*OF_ALL, *OF_SEASON]]


def _of_table(folder: Path, field: str) -> Table:
    """Stars of the photometry table, with what is known of their curves."""
    stars = read_stars(photometry_path(folder, field))
    table = Table({name: np.asarray(stars[name]) for name in ("gaia_id", "tic_id", "Tmag")})
    table["field"], table["color"] = field, colours(stars)
    for name in ("ra_deg", "dec_deg"):
        table[name] = np.asarray(stars[name if name in stars.colnames else f"{name}_corr"], float)
    known = _of_curves(relative_path(folder, field))
    place = {tic_id: at for at, tic_id in enumerate(known["tic_id"].tolist())}
    at = np.array([place.get(tic_id, -1) for tic_id in table["tic_id"].tolist()], int)
    for name, blank in (("rms", np.nan), ("variable", False), ("radius_px", np.nan), ("points", 0)):
        values = np.append(np.asarray(known[name]), blank)
        table[name] = values[at]
    return table[list(OF_ALL)]


def _of_curves(path: Path) -> Table:
    """The extension STARS of the relative light curves; no row where there are none."""
    names = ("tic_id", "rms", "variable", "radius_px", "points")
    if not path.exists():
        return Table({name: np.zeros(0, bool if name == "variable" else float) for name in names})
    try:
        with fits.open(path) as units:
            return Table({name: np.array(units["STARS"].data[name]) for name in names})
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise ProductError(f"{path}: damaged or of another kind ({error})") from None


def _chosen(table: Table, choice: Choice) -> Table:
    """The stars asked for: the nearest first, else the brightest."""
    if choice.variable:
        table = table[np.asarray(table["variable"], bool)]
    if choice.near:
        away = ARCSEC * separation_deg(*choice.near, np.asarray(table["ra_deg"]), np.asarray(table["dec_deg"]))
        table["distance_arcsec"] = np.round(away, 2)
        table.sort("distance_arcsec")
    else:
        table.sort("Tmag")
    return table[: choice.most]


def in_lines(table: Table) -> Iterable[str]:
    """A line a star, under a head, for the terminal; columns in which nothing is known are left out."""
    shown = table[[name for name in table.colnames if _known(table, name).any()]]
    columns = [[name, *(_cell(name, value) for value in shown[name])] for name in shown.colnames]
    widths = [max(map(len, column)) for column in columns]
    for row in zip(*columns, strict=True):
        yield "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _known(table: Table, name: str) -> Bools:
    values = np.asarray(table[name])
    if values.dtype.kind in "OU":
        told: Bools = values.astype(str) != ""
        return told
    return np.isfinite(values) if values.dtype.kind == "f" else np.ones(len(values), bool)


_FORMATS = {"ra_deg": ".6f", "dec_deg": ".6f", "Tmag": ".3f", "color": ".2f", "dip_t0_bjd": ".4f"}


def _cell(name: str, value: object) -> str:
    if isinstance(value, np.bool_ | bool):
        return "varies" if value else "-"
    if isinstance(value, np.floating | float):
        return format(float(value), _FORMATS.get(name, ".5g")) if np.isfinite(value) else "-"
    return str(value) or "-"


def require_stars(table: Table, what: str) -> Table:
    """The table, unless nothing is in it.

    Raises
    ------
    WorkError
        No star is left.
    """
    if not len(table):
        raise WorkError(f"no star of {what} is as asked for")
    return table
