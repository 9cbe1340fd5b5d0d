"""What notebooks ask for: the light curve of one star, the photometry table of a field, a season.

::

    import ngcmos

    curve = ngcmos.read_light_curve("/ngts/cmos/20240705", gaia_id=2395685455587424512)
    rows = ngcmos.read_photometry("/ngts/cmos/20240705", "NG2320-1302")
    season = ngcmos.read_season("NG2320-1302")

A night is its folder, or its date where directories.json can be found. Nothing is written and no run is disturbed.
"""

import re
from pathlib import Path

import numpy as np
from astropy import units
from astropy.table import Table
from astropy.time import Time
from astropy.timeseries import TimeSeries

from ngcmos.config import load_config
from ngcmos.errors import NightError, ProductError, UsageError, WorkError
from ngcmos.names import Quality
from ngcmos.night.folder import find_folder
from ngcmos.night.products import photometry_path, relative_path
from ngcmos.season.archive import season_folder
from ngcmos.season.reader import Season
from ngcmos.tables.relative import read_qualities, read_relative_star
from ngcmos.tables.table import check_table, exposures_of, read_star

RADIUS_PX = 5.0
_DATE = re.compile(r"(19|20)\d{6}")
_KEPT = ("x", "y", "sky", "airmass", "zp", "flags")


def read_light_curve(
    night: str | Path,
    *,
    gaia_id: int | None = None,
    tic_id: int | None = None,
    aper: float = RADIUS_PX,
    config: str | Path | None = None,
) -> TimeSeries:
    """The light curve of one star.

    Parameters
    ----------
    night : path or str
        The night folder, or its date as 20240705.
    gaia_id, tic_id : int
        One of them.
    aper : float
        Radius in pixels; one of the table's.
    config : path, optional
        directories.json, for a night given by its date; looked for as by the scripts.

    Returns
    -------
    astropy.timeseries.TimeSeries
        A row a frame, in time order: `time` (BJD_TDB of mid exposure), `flux` and `flux_err` (ADU), `x`, `y` (FITS
        pixels, the first is 1), `sky`, `airmass`, `zp`, `flags`, `exptime_s`, `frame` (row of FRAMES, from 0).
        Where relative_photometry has compared the star with others, `relative_flux` and `relative_flux_err` too
        (about 1, in the best aperture of the star, whatever `aper` is), and `quality` of the frame (0: good, else
        a bit that `meta["QUALITY"]` names).
        What could not be measured is NaN; all are numbers, as lightkurve cannot bin texts.
        `meta` holds FIELD, GAIA_ID, TIC_ID, TMAG, APERTURE and the cards of the table.

    Raises
    ------
    UsageError
        Not one id, or a radius that was not measured.
    NightError
        There is no such night, or no photometry in it.
    WorkError
        No table holds the star.
    ProductError
        A table is damaged and no other one holds the star.
    """
    if (gaia_id is None) == (tic_id is None):
        raise UsageError("expected one of gaia_id and tic_id")
    tables = _find_tables(_find_night(night, config))
    path, star = _find_star(tables, gaia_id=gaia_id, tic_id=tic_id)
    column = f"flux_{aper:g}"
    if column not in star.colnames:
        radii = ", ".join(name[5:] for name in star.colnames if re.fullmatch(r"flux_[\d.]+", name))
        raise UsageError(f"{path}: no aperture of {aper:g} px, expected one of {radii}")
    curve = TimeSeries(time=Time(np.asarray(star["jd_bary"], float), format="jd", scale="tdb"))
    curve["flux"], curve["flux_err"] = (
        star[name].quantity for name in (column, column.replace("flux", "fluxerr"))
    )
    for name in _KEPT:
        curve[name] = star[name].quantity if star[name].unit else np.asarray(star[name])
    compared = read_relative_star(relative_path(path.parent, _field(path)), path, tic_id=star["tic_id"][0])
    if compared is not None:
        curve["relative_flux"], curve["relative_flux_err"] = compared.flux, compared.error
    qualities = read_qualities(relative_path(path.parent, _field(path)), path)
    if qualities is not None:
        curve["quality"] = [Quality(word).bit if word else 0 for word in qualities]
        curve.meta["QUALITY"] = ", ".join(f"{quality.bit} {quality}" for quality in Quality)
    curve["exptime_s"] = exposures_of(path) * units.s
    curve["frame"] = np.arange(len(star))
    curve.meta |= {
        "FIELD": _field(path),
        "APERTURE": float(aper),
        "TMAG": float(star["Tmag"][0]),
    }
    curve.meta |= {"GAIA_ID": int(star["gaia_id"][0]), "TIC_ID": int(star["tic_id"][0])} | star.meta
    return curve


def read_photometry(night: str | Path, field: str | None = None, *, config: str | Path | None = None) -> Table:
    """The whole photometry of a field.

    Parameters
    ----------
    night, config
        As of `read_light_curve`.
    field : str, optional
        Needed where the night has several.

    Returns
    -------
    astropy.table.Table
        Extension PHOT, see the README; what is not known is NaN.

    Raises
    ------
    NightError
        There is no such night or no photometry of the field in it.
    UsageError
        The night has several fields and none is named.
    ProductError
        The table is damaged.
    """
    tables = _find_tables(_find_night(night, config))
    fields = {_field(path): path for path in tables}
    if field is None and len(fields) > 1:
        raise UsageError(f"{tables[0].parent} has several fields, expected one of {', '.join(fields)}")
    name = next(iter(fields)) if field is None else field
    if name not in fields:
        raise NightError(f"{tables[0].parent}: no photometry of {name}, expected one of {', '.join(fields)}")
    check_table(fields[name])
    return Table.read(fields[name], hdu="PHOT", mask_invalid=False, character_as_bytes=False)


def read_season(field: str, base: Path | str | None = None, *, config: Path | str | None = None) -> Season:
    """The season of a field: one star over all nights.

    Parameters
    ----------
    field : str
    base : path, optional
        The folder of the nights; that of directories.json by default.
    config : path, optional
        directories.json; looked for as by the scripts.

    Returns
    -------
    ngcmos.season.reader.Season
        `stars` and `frames` are Tables, `light_curve(gaia_id=...)` is a TimeSeries, `nights` a list.

    Raises
    ------
    NightError
        There is no season of this field.
    """
    if base is None:
        base = load_config(config=config).directories.base
    return Season(season_folder(Path(base).absolute(), field))


def _find_night(night: str | Path, config: str | Path | None) -> Path:
    """The folder of a night that is named by itself or by its date."""
    if isinstance(night, str) and _DATE.fullmatch(night) and not Path(night).is_dir():
        return find_folder(load_config(config=config), night=night)
    folder = Path(night).absolute()
    if not folder.is_dir():
        raise NightError(f"no night found: {folder} is not a folder")
    return folder


def _field(table: Path) -> str:
    return table.stem.removeprefix("phot_")


def _find_tables(folder: Path) -> list[Path]:
    tables = sorted(folder.glob(photometry_path(folder, "*").name))
    if not tables:
        raise NightError(f"{folder}: no phot_*.fits, expected one a field; run process_cmos first")
    return tables


def _find_star(tables: list[Path], **star: int | None) -> tuple[Path, Table]:
    """(path, rows) of a star in the first table that holds it."""
    failures = []
    for path in tables:
        try:
            return path, read_star(path, **star)
        except WorkError as error:
            failures.append(error)
    damaged = [error for error in failures if isinstance(error, ProductError)]
    raise (damaged or failures)[0]
