"""A season brought up to date: its nights, then what is found in all of them, then its tables.

``update(folder, sources, workers=...) -> (Changes, rows of stars)``.
"""

import json
import logging
from collections.abc import Mapping

import numpy as np

from ngcmos.arrays import Rows
from ngcmos.night.fingerprint import code_of, digest_of
from ngcmos.season.archive import SeasonFolder, read_mark, write_pieces, write_rows
from ngcmos.season.binned import BinnedSeason, read_binned
from ngcmos.season.build import Changes, Season, Source, bring_in
from ngcmos.season.known import UNKNOWN, KnownStars
from ngcmos.season.periods import calibrate_faps
from ngcmos.season.reductions import read_reductions, say_reductions
from ngcmos.season.search import Found, search
from ngcmos.season.tables import NightMeans, frame_rows, night_means, star_rows
from ngcmos.season.variability import chance_of_nights, chance_within_nights, excess, find_variable

log = logging.getLogger(__name__)

OTHERWISE = "otherwise"  # in the mark of the tables: which nights were measured in another way
_ROOMS = ("binned", "dips", "noise", "periods", "search", "tables", "update", "variability")
ROOMS = (*[f"ngcmos.season.{name}" for name in _ROOMS], "ngcmos.lightcurves.scatter")


def update(
    folder: SeasonFolder,
    sources: Mapping[str, Source],
    *,
    overwrite: bool = False,
    workers: int = 1,
    scheduler: str = "",
) -> Changes:
    """Bring a season up to date.

    Parameters
    ----------
    folder : SeasonFolder
        Held by nobody else.
    sources : mapping of str to Source
        All nights of the season.
    overwrite : bool
        Make all of it anew.
    workers : int
        Processes of the search.
    scheduler : str
        Address of a Dask scheduler that does the search instead.

    Raises
    ------
    WriteError
        The disk is full, read-only or failing; what is written so far is whole.
    WorkError
        No night is usable.
    """
    changes, season = bring_in(folder, sources, overwrite=overwrite)
    known = next(iter(sources.values())).known if sources else UNKNOWN
    otherwise = say_reductions(read_reductions(sources, folder))
    made_of = _made_of(folder, season, known) | {OTHERWISE: otherwise}
    if overwrite or any(read_mark(path) != made_of for path in (folder.stars, folder.frames)):
        if otherwise:
            log.warning("%s: %s", folder.field, otherwise)
        means = night_means(season)
        binned = read_binned([folder.bins(name) for name in means.names], means.stars)
        rows = star_rows(season, means)
        _enter(rows, means, binned, search(binned, workers=workers, scheduler=scheduler))
        _enter_known(rows, known)
        log.info("%s: %d stars, %d vary", folder.field, len(rows), int(rows["variable"].sum()))
        write_pieces(folder.frames, frame_rows(folder, season), made_of)
        write_rows(folder.stars, rows, made_of)
    return changes


def _made_of(folder: SeasonFolder, season: Season, known: KnownStars) -> dict[str, object]:
    """What the tables of a season are made of: its light curves, and the code that searches them."""
    marks = {name: digest_of(json.dumps(read_mark(folder.bins(name)))) for name in season.names}
    return {"nights": marks, "code": code_of(*ROOMS), "known": known.digest}


def _enter_known(rows: Rows, known: KnownStars) -> None:
    """Names, kinds and periods of known stars, into the rows of the stars."""
    at = known.rows_in(rows)
    here = at >= 0
    for name, column in (("name", "name"), ("known_kind", "kind"), ("known_period_d", "period_d")):
        rows[name][here] = known.table[column][at[here]]


def _enter(rows: Rows, means: NightMeans, binned: BinnedSeason, found: Found) -> None:
    """What a search has found, into the rows of the stars."""
    mag = rows["Tmag"].astype(float)
    periods, dips = found.periods, found.dips
    gain, fap = (np.array([getattr(one, name) for one in periods]) for name in ("gain", "fap"))
    barred = None if rows["blended"].all() else rows["blended"]
    fap = calibrate_faps(gain, fap, mag, barred)
    within = chance_within_nights(binned.flux, binned.error, binned.night, mag, barred)
    chances = [chance_of_nights(means.deviation, means.error, mag, barred), within, fap]
    sizes = [excess(rows[name], rows[f"{name}_expected"]) for name in ("rms", "rms_night")]
    sizes.append(np.array([one.amplitude for one in periods]))
    rows["variable"] = find_variable(chances, sizes, rows["contamination"])
    rows["period_fap"] = fap
    for name, key in (("period_d", "period_d"), ("amplitude", "amplitude"), ("alias_d", "alias_d")):
        rows[name] = [getattr(one, key) for one in periods]
    seen = np.array([one.snr > 0 for one in dips])
    for name, key in (("dip_period_d", "period_d"), ("dip_t0_bjd", "t0_bjd"), ("dip_depth", "depth")):
        rows[name] = [getattr(one, key) for one in dips]
    rows["dip_duration_h"] = [one.duration_h for one in dips]
    rows["dip_snr"] = np.where(seen, [one.snr for one in dips], np.nan)
    rows["dips"] = [one.seen for one in dips]
