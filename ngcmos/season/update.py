"""A season brought up to date: its nights, then what is found in all of them, then its tables.

``update(folder, sources, workers=...) -> (Changes, Gathered)``.
"""

import dataclasses
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ngcmos.arrays import Rows
from ngcmos.errors import ProductError
from ngcmos.night.fingerprint import code_of, digest_of
from ngcmos.season.archive import SeasonFolder, read_mark, text_of_mark, write_pieces, write_rows
from ngcmos.season.binned import BinnedSeason, read_binned
from ngcmos.season.build import SMALL_SEASON_POINTS, Changes, bring_in
from ngcmos.season.clocks import say_clocks
from ngcmos.season.findings import enter_found, say_searched, still_holds, take_over
from ngcmos.season.health import NightHealth
from ngcmos.season.known import UNKNOWN, KnownStars
from ngcmos.season.means import NightMeans
from ngcmos.season.reductions import read_reductions, say_reductions
from ngcmos.season.search import search
from ngcmos.season.season import Season
from ngcmos.season.seen import Seen
from ngcmos.season.source import Source
from ngcmos.season.standing import Standing
from ngcmos.season.tables import frame_rows, night_means, star_rows
from ngcmos.season.variability import chance_of_nights, chance_within_nights, excess, find_variable

log = logging.getLogger(__name__)

OTHERWISE, CLOCKS, COPIES, SEARCHED = "otherwise", "clocks", "copies", "last search"
TOLD = (OTHERWISE, CLOCKS, COPIES, SEARCHED)  # in the mark of the tables: of its nights
_ROOMS = ("binned", "clocks", "dips", "findings", "means", "noise", "periods", "search", "tables", "update")
ROOMS = (*[f"ngcmos.season.{name}" for name in (*_ROOMS, "variability")], "ngcmos.lightcurves.scatter")


@dataclasses.dataclass(frozen=True, eq=False)
class Gathered:
    """What an update has read of the nights, for the page that is drawn next; both are large.

    Attributes
    ----------
    names : tuple of str
        Of the nights of `binned`, in order.
    binned : BinnedSeason
    health : dict of str to NightHealth
        By names of nights.
    """

    names: tuple[str, ...]
    binned: BinnedSeason
    health: Mapping[str, NightHealth]


def update(
    folder: SeasonFolder,
    sources: Mapping[str, Source],
    *,
    overwrite: bool = False,
    workers: int = 1,
    scheduler: str = "",
    patient: bool = False,
    copies: str = "",
) -> tuple[Changes, Gathered | None]:
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
    patient : bool
        In a large season leave periods and dips as they are until a twentieth of its nights has come since the
        last search.
    copies : str
        What is told of nights that are left out as copies of others.

    Returns
    -------
    Changes
    Gathered or None
        None where the tables stand, and nothing had to be read.

    Raises
    ------
    WriteError
        The disk is full, read-only or failing; what is written so far is whole.
    WorkError
        No night is usable.
    """
    effort = Effort(overwrite, workers, scheduler, patient, copies)
    try:
        return _update(folder, sources, effort)
    except ProductError as error:  # of the season's own files, as nights are refused by name: bytes have rotted
        log.warning("%s: all files are read again", error)
        Standing(folder.path).forget_all()
        return _update(folder, sources, effort)


@dataclasses.dataclass(frozen=True)
class Effort:
    """How much is done, by whom, and what is told with it; as of `update`."""

    overwrite: bool
    workers: int
    scheduler: str
    patient: bool
    copies: str


def _update(
    folder: SeasonFolder, sources: Mapping[str, Source], effort: Effort
) -> tuple[Changes, Gathered | None]:
    gathered = None
    changes, season = bring_in(folder, sources, overwrite=effort.overwrite, patient=effort.patient)
    known = next(iter(sources.values())).known if sources else UNKNOWN
    made_of = _made_of(season, known, effort)
    digest, standing = digest_of(text_of_mark(made_of)), season.standing
    if effort.overwrite or any(standing.mark_of(path) != digest for path in (folder.stars, folder.frames)):
        for told in filter(None, (made_of[name] for name in TOLD)):
            log.warning("%s: %s", folder.field, told)
        rows, gathered = _rows_of_stars(season, effort, anew=made_of["searched"] == made_of["solutions"])
        _enter_known(rows, known)
        log.info("%s: %d stars, %d vary", folder.field, len(rows), int(rows["variable"].sum()))
        kept = {} if effort.overwrite else _kept_frames(season, made_of)
        write_pieces(folder.frames, frame_rows(folder, season, kept), made_of)
        write_rows(folder.stars, rows, made_of)
        for path in (folder.frames, folder.stars):
            standing.wrote(path, text_of_mark(made_of))
    standing.write()
    return changes, gathered


def _rows_of_stars(season: Season, effort: Effort, *, anew: bool) -> tuple[Rows, Gathered]:
    """The rows of the stars, by a new search or by what the last one has found; what was read for them."""
    means = night_means(season)
    binned = read_binned([season.folder.bins(name) for name in means.names], means.stars)
    rows = star_rows(season, means)
    if anew:
        enter_found(rows, search(binned, workers=effort.workers, scheduler=effort.scheduler))
    else:
        take_over(rows, season.folder.stars)
    _enter_variable(rows, means, binned)
    return rows, Gathered(means.names, binned, season.health)


def _kept_frames(season: Season, made_of: Mapping[str, Any]) -> dict[str, int]:
    """Nights whose frames stand in the table that is there, and how-manieth of it they are."""
    before = _mark_there(season, season.folder.frames)
    if before.get("code") != made_of["code"]:
        return {}
    then, now = before["solutions"], made_of["solutions"]
    return {name: at for at, name in enumerate(sorted(then)) if now.get(name) == then[name]}


def _mark_there(season: Season, path: Path) -> dict[str, Any]:
    """What a whole table that is there is made of; empty without one."""
    return read_mark(path) if season.standing.mark_of(path) else {}


def _made_of(season: Season, known: KnownStars, effort: Effort) -> dict[str, Any]:
    """What the tables of a season are made of: solutions, curves, the code that searches them; what is told."""
    marks = {name: season.standing.mark_of(season.folder.bins(name)) for name in season.names}
    solutions = {name: season.standing.mark_of(season.folder.summary(name)) for name in season.names}
    made_of = {"nights": marks, "solutions": solutions, "code": code_of(*ROOMS), "known": known.digest}
    if season.beside:  # their means change when all nights are solved again, while light curves may stay
        made_of["beside"] = season.beside
    looks = Seen(season.folder.path).looks(season.sources.values())
    inside = {name: look for name, look in looks.items() if name in season.names}
    large = sum(look.points for look in inside.values()) > SMALL_SEASON_POINTS
    patient = effort.patient and large and not effort.overwrite
    searched = _searched(season, made_of) if patient else solutions
    timezone = season.sources[season.names[-1]].camera.site.timezone
    return made_of | {
        "searched": searched,
        OTHERWISE: say_reductions(read_reductions(looks)),
        CLOCKS: say_clocks(inside, timezone),
        COPIES: effort.copies,
        SEARCHED: say_searched(len(searched), len(solutions)),
    }


def _searched(season: Season, made_of: Mapping[str, Any]) -> dict[str, str]:
    """The nights of the last search and what they were made of; all that there are where it will not do."""
    now: dict[str, str] = made_of["solutions"]
    before = _mark_there(season, season.folder.stars)
    searched: dict[str, str] = before.get("searched", {})
    return searched if before.get("code") == made_of["code"] and still_holds(searched, now) else now


def _enter_known(rows: Rows, known: KnownStars) -> None:
    """Names, kinds and periods of known stars, into the rows of the stars."""
    at = known.rows_in(rows)
    here = at >= 0
    for name, column in (("name", "name"), ("known_kind", "kind"), ("known_period_d", "period_d")):
        rows[name][here] = known.table[column][at[here]]


def _enter_variable(rows: Rows, means: NightMeans, binned: BinnedSeason) -> None:
    """Which stars vary, into their rows, which have the chances of their periods."""
    mag = rows["Tmag"].astype(float)
    barred = None if rows["blended"].all() else rows["blended"]
    within = chance_within_nights(binned.flux, binned.error, binned.night, mag, barred)
    nights = chance_of_nights(means.deviation, means.error, mag, barred, points=means.points)
    chances = [nights, within, rows["period_fap"]]
    sizes = [excess(rows[name], rows[f"{name}_expected"]) for name in ("rms", "rms_night")]
    rows["variable"] = find_variable(chances, [*sizes, rows["amplitude"]], rows["contamination"])
