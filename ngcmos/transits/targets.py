"""The list of targets, `targets.csv` in OUT: stars that are measured whatever their brightness or neighbours, and
when they are expected to do something.

A row is a planet (or whatever repeats); a star may have several. A row names its star by `tic_id`, `gaia_id` or a
place, `ra` and `dec`; all else may be missing. Names of columns and units are taken as the public tables have them
(NASA Exoplanet Archive, ExoFOP, ExoClock).
"""

import csv
import dataclasses
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from ngcmos.arrays import Ints
from ngcmos.errors import ConfigError
from ngcmos.sphere import separation_deg
from ngcmos.transits.ephemeris import Ephemeris

NAN = float("nan")
SAME_PLACE_ARCSEC = 10.0
FAR_ARCSEC = 60.0  # no proper motion in decades
OFFSETS = {"bjd - 2457000": 2_457_000.0, "btjd": 2_457_000.0, "bjd - 2454833": 2_454_833.0, "bkjd": 2_454_833.0}
_HOURS_A_DAY = 24.0
_COLUMNS: dict[str, tuple[str, ...]] = {
    "name": ("name", "planet", "pl_name", "toi", "target", "hostname"),
    "tic_id": ("tic_id", "tic", "tid", "tic id", "ticid"),
    "gaia_id": ("gaia_id", "gaia", "gaia id", "gaia_dr2_id", "gaia_dr3_id", "source_id"),
    "ra": ("ra", "ra_deg", "ra_j2000", "rastr", "raj2000"),
    "dec": ("dec", "dec_deg", "dec_j2000", "decstr", "dej2000", "decj2000"),
    "period_d": ("period_d", "period", "pl_orbper", "period (days)", "period_days", "ephem_period", "p"),
    "period_err_d": (
        "period_err_d",
        "period_err",
        "pl_orbpererr1",
        "period (days) err",
        "period_unc",
        "ephem_period_e1",
    ),
    "t0_bjd": ("t0_bjd", "t0", "epoch", "pl_tranmid", "epoch (bjd)", "ephem_mid_time", "t0_bjd_tdb", *OFFSETS),
    "t0_err_d": (
        "t0_err_d",
        "t0_err",
        "pl_tranmiderr1",
        "epoch (bjd) err",
        "t0_unc",
        "ephem_mid_time_e1",
        "epoch_err",
    ),
    "duration_h": ("duration_h", "duration", "pl_trandur", "pl_trandurh", "duration (hours)", "duration_hours"),
    "duration_err_h": ("duration_err_h", "pl_trandurerr1", "pl_trandurherr1", "duration (hours) err"),
    "depth": (
        "depth",
        "depth_ppm",
        "depth (ppm)",
        "depth_percent",
        "depth_ppt",
        "depth (ppt)",
        "pl_trandep",
        "depth_mmag",
        "depth (mmag)",
        "depth_r_mmag",
    ),
}
_SEPARATORS = (",", ";", "\t", "|")
_DEPTH_UNITS = {"ppm": 1e-6, "ppt": 1e-3, "percent": 0.01}
_WORDS = {"t0|epoch": "t0_bjd", "period": "period_d", "duration": "duration_h", "depth": "depth"}
_NO_VALUE = r"err|unc|_e\d|lim|flag|ref"
SAME_PERIOD = 0.01  # of it: of the same planet


@dataclasses.dataclass(frozen=True)
class Target:
    """A row of the list; ids are 0 and numbers NaN where nothing is said."""

    name: str
    tic_id: int = 0
    gaia_id: int = 0
    ra_deg: float = NAN
    dec_deg: float = NAN
    ephemeris: Ephemeris | None = None


def read_targets(path: Path) -> tuple[list[Target], list[str]]:
    """(targets, complaints): the rows of a list, and a line for each that makes no sense; none without a file.

    Raises
    ------
    ConfigError
        The file cannot be read, or no column names a star.
    """
    if not path.exists():
        return [], []
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not readable ({error}), expected a table of targets as CSV") from None
    lines = [(number, line) for number, line in enumerate(text.splitlines(), start=1) if _says_something(line)]
    if not lines:
        return [], []
    separator = _separator_of(lines[0][1])
    rows = csv.reader([line for _, line in lines], delimiter=separator, skipinitialspace=True)
    header = [name.strip().lower() for name in next(rows)]
    places = {key: [name for name in names if name in header] for key, names in _COLUMNS.items()}
    if not (places["tic_id"] or places["gaia_id"] or (places["ra"] and places["dec"])):
        known = "tic_id, gaia_id, or ra and dec"
        raise ConfigError(f"{path}: columns {', '.join(header)} name no star, expected one of {known}")
    targets: dict[str, Target] = {}  # by all that is said: what is not known (NaN) equals nothing, not even itself
    complaints = [f"{path}: {line}" for line in _unread(header, places)]
    for (number, _), cells in zip(lines[1:], rows, strict=False):
        row = dict(zip(header, (_plain(cell, separator) for cell in cells), strict=False))
        try:
            target = _target_of(row, places)
        except ValueError as error:
            complaints.append(f"{path}: line {number}: {error}; the line is left out")
            continue
        if row.get("default_flag", "1") == "1" and repr(target) not in targets:
            told = _doubts(target, [*targets.values()], _lacking(row, places))
            complaints += [f"{path}: line {number}: {target.name}: {line}" for line in told]
            targets[repr(target)] = target
    return [*targets.values()], complaints


def _doubts(target: Target, before: list[Target], lacking: str) -> list[str]:
    """What of a row that is taken looks like a slip."""
    told = target.ephemeris.doubts() if target.ephemeris else []
    if lacking:
        told.append(f"no {lacking}, so nobody knows when the next transit is; the star is kept")
    return [*told, *_of_another_row(target, before)]


def _unread(header: list[str], places: dict[str, list[str]]) -> list[str]:
    """A line on columns that seem to tell of transits, by names that nobody knows."""
    strange = [
        name
        for word, key in _WORDS.items()
        for name in header
        if not places[key] and re.match(word, name) and not re.search(_NO_VALUE, name)
    ]
    if not strange:
        return []
    known = "t0_bjd (BJD_TDB), period_d, duration_h, depth (or depth_ppm, depth_ppt, depth_percent, depth_mmag)"
    return [f"not read: {', '.join(strange)}; expected names that tell their units: {known}"]


def _of_another_row(target: Target, others: list[Target]) -> list[str]:
    """What does not fit the rows before: one name for two stars, or two ephemerides of one planet."""
    same = [one for one in others if one.name.lower() == target.name.lower()]
    for one in same:
        ids = ((one.tic_id, target.tic_id), (one.gaia_id, target.gaia_id))
        if any(a and b and a != b for a, b in ids):
            return ["a row before gives this name to another star; both are kept"]
    periods = [one.ephemeris.period_d for one in same if one.ephemeris]
    if target.ephemeris and any(abs(target.ephemeris.period_d / known - 1) < SAME_PERIOD for known in periods):
        return ["a row before has another ephemeris of it; that of which more is seen is taken"]
    return []


def _says_something(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _separator_of(header: str) -> str:
    """What stands between the columns: a spreadsheet writes `;` where its numbers have commas."""
    return max(_SEPARATORS, key=header.count)


def _plain(cell: str, separator: str) -> str:
    """A cell without blanks around it, its decimal comma a point."""
    text = cell.strip()
    return text if separator == "," else re.sub(r"^([+-]?\d+),(\d+)", r"\1.\2", text)


def _lacking(row: dict[str, str], places: dict[str, list[str]]) -> str:
    """What of an ephemeris that is begun is missing; nothing where it is whole or not begun."""
    known = {
        key: any(np.nan_to_num(_number(name, row.get(name, ""))) != 0 for name in places[key])
        for key in ("period_d", "t0_bjd")
    }
    missing = [key for key, is_there in known.items() if not is_there]
    return missing[0] if len(missing) == 1 else ""


def _target_of(row: dict[str, str], places: dict[str, list[str]]) -> Target:
    """The target of a row; a ValueError tells what is wrong with it."""

    def cell(key: str) -> tuple[str, str]:
        """(column, text) of the first column of a kind that says something."""
        return next(((name, row[name]) for name in places[key] if row.get(name)), ("", ""))

    def number(key: str) -> float:
        return _number(*cell(key))

    tic_id, gaia_id = (_id(*cell(key)) for key in ("tic_id", "gaia_id"))
    ra, dec = _angle(*cell("ra"), 15.0, 360.0), _angle(*cell("dec"), 1.0, 90.0)
    if not (tic_id or gaia_id or np.isfinite(ra + dec)):
        raise ValueError("names no star, expected a tic_id, a gaia_id, or ra and dec")
    name = cell("name")[1] or (
        f"TIC {tic_id}" if tic_id else f"Gaia {gaia_id}" if gaia_id else f"{ra:.4f} {dec:+.4f}"
    )
    return Target(name, tic_id, gaia_id, ra, dec, _ephemeris_of(cell, number, _depth_of(row, *cell("depth"))))


def _ephemeris_of(
    cell: Callable[[str], tuple[str, str]], number: Callable[[str], float], depth: float
) -> Ephemeris | None:
    """The ephemeris of a row; None where it has no period or no time."""
    period_d, t0_bjd = number("period_d"), number("t0_bjd")
    t0_bjd += OFFSETS.get(cell("t0_bjd")[0], 0.0)
    if not np.isfinite(period_d + t0_bjd) or period_d == 0:  # a planet seen once has period 0 in the list of TOIs
        return None
    duration_d, duration_err_d = (number(key) / _HOURS_A_DAY for key in ("duration_h", "duration_err_h"))
    if duration_d >= period_d:
        raise ValueError(
            f"{cell('duration_h')[0]} is {number('duration_h'):g}, expected hours, less than the period"
        )
    period_err_d, t0_err_d = (abs(number(key)) for key in ("period_err_d", "t0_err_d"))
    return Ephemeris(period_d, t0_bjd, period_err_d, t0_err_d, duration_d, abs(duration_err_d), depth)


def _depth_of(row: dict[str, str], column: str, text: str) -> float:
    """Depth as a share of the flux; the name of its column tells the unit."""
    value = _number(column, text)
    unit = next((factor for name, factor in _DEPTH_UNITS.items() if name in column), 1.0)
    if column == "pl_trandep":  # the archive's table of candidates has ppm and hours under names of their own
        unit = _DEPTH_UNITS["ppm" if "pl_trandurh" in row else "percent"]
    depth = 1 - 10 ** (-0.4e-3 * value) if "mmag" in column else value * unit
    if depth >= 1 or value < 0:
        raise ValueError(
            f"{column} is {text}, expected a share of the flux, as 0.01 (or a column depth_ppm, depth_mmag)"
        )
    return depth


def _number(column: str, text: str) -> float:
    if text.lower() in ("", "nan", "null", "none", "--", "na", "n/a"):
        return NAN
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{column} is {text!r}, expected a number") from None


def _id(column: str, text: str) -> int:
    """An id as it is, or behind a word as in `TIC 1234` and `Gaia DR3 1234`; 0 where there is none."""
    if text.lower() in ("", "nan", "null", "none", "--", "0"):
        return 0
    match = re.fullmatch(r"(?:[A-Za-z]+[\s_-]*(?:E?DR\d\s+)?)?(\d+)", text)
    if not match:
        raise ValueError(
            f"{column} is {text!r}, expected a whole number (spreadsheets round ids: keep them as text)"
        )
    return int(match[1])


def _angle(column: str, text: str, factor: float, limit: float) -> float:
    """Degrees of a number, or of hours (factor 15) or degrees, minutes and seconds as 23:20:58.2, 23h20m58s."""
    parts = re.findall(r"[+-]?[\d.]+", text)
    if len(parts) == 1 and not re.search(r"[hd°:]", text):
        degrees = _number(column, text)
    elif len(parts) == 3:
        whole, minutes, seconds = (abs(_number(column, part)) for part in parts)
        degrees = factor * (whole + minutes / 60 + seconds / 3600) * (-1 if parts[0].startswith("-") else 1)
    elif not text:
        return NAN
    else:
        raise ValueError(f"{column} is {text!r}, expected degrees as 350.24 or sexagesimal as 23:20:58.2")
    if not abs(degrees) <= limit:
        raise ValueError(f"{column} is {text}, expected at most {limit:g} degrees")
    return degrees


def find_star(
    target: Target, tic_id: ArrayLike, gaia_id: ArrayLike, ra_deg: ArrayLike, dec_deg: ArrayLike
) -> Ints:
    """Rows of the stars that a target means: by its TIC id, else by its Gaia id, else the nearest within 10".

    Parameters
    ----------
    target : Target
    tic_id, gaia_id, ra_deg, dec_deg : (stars,) arrays
    """
    for wanted, ids in ((target.tic_id, tic_id), (target.gaia_id, gaia_id)):
        if wanted and (np.asarray(ids) == wanted).any():
            return np.flatnonzero(np.asarray(ids) == wanted)
    if not np.isfinite(target.ra_deg + target.dec_deg) or not np.size(ra_deg):
        return np.zeros(0, np.int64)
    away = separation_deg(target.ra_deg, target.dec_deg, ra_deg, dec_deg) * 3600
    nearest = int(np.nanargmin(away))
    return np.array([nearest] if away[nearest] <= SAME_PLACE_ARCSEC else [], np.int64)


def doubts_of_match(
    target: Target, tic_id: ArrayLike, gaia_id: ArrayLike, ra_deg: ArrayLike, dec_deg: ArrayLike
) -> list[str]:
    """Where the ids and the place of a target that is among the stars mean different ones, or a place several."""
    tic, found = np.asarray(tic_id), find_star(target, tic_id, gaia_id, ra_deg, dec_deg)
    if not found.size:
        return []
    taken, others = f"TIC {tic[found[0]]} is taken", np.flatnonzero(np.asarray(gaia_id) == target.gaia_id)
    told = []
    if target.gaia_id and others.size and not np.isin(others, found).any():
        told.append(f"its gaia_id is that of TIC {tic[others[0]]}; {taken}")
    if np.isfinite(target.ra_deg + target.dec_deg):
        away = separation_deg(target.ra_deg, target.dec_deg, ra_deg, dec_deg) * 3600
        near = np.flatnonzero(away <= SAME_PLACE_ARCSEC)
        own = (int(tic[found[0]]), int(np.asarray(gaia_id)[found[0]]))
        by_id = any(said and said == one for said, one in zip((target.tic_id, target.gaia_id), own, strict=True))
        if not by_id and near.size > 1:
            named = ", ".join(f'TIC {tic[row]} {away[row]:.1f}" away' for row in near[np.argsort(away[near])])
            told.append(f"several stars are at its place: {named}; {taken}")
        elif away[found[0]] > FAR_ARCSEC:
            told.append(f"its place is {away[found[0]] / 60:.1f}' away from the star of its id; {taken}")
    return [f"{target.name}: {line}" for line in told]
