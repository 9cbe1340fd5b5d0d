"""Nights brought into the season of a field, changed ones again, those that are gone removed.

``bring_in(folder, sources) -> (Changes, Season)``. First each new night is solved by itself, then all nights are
put on one scale, then the light curves are written that are not there yet or that have moved. Whatever stops it,
the next run does the rest, and the result is the same: nothing but the tables of the nights decides it.
"""

import base64
import collections
import dataclasses
import logging
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ngcmos.arrays import Bools, Floats
from ngcmos.errors import ProductError, WorkError, WriteError
from ngcmos.lightcurves.cube import DOUBTFUL
from ngcmos.names import Quality
from ngcmos.night.disk import require_space
from ngcmos.night.fingerprint import Inputs, digest_of
from ngcmos.season.archive import (
    SeasonFolder,
    bytes_of_curves,
    read_mark,
    text_of_mark,
    write_bins,
    write_curves,
)
from ngcmos.season.bins import bin_night
from ngcmos.season.curves import Scale, relative_curves
from ngcmos.season.read import NightFacts
from ngcmos.season.reference import MOVED_ERRORS, MOVED_SHARE, Reference, read_references
from ngcmos.season.scale import common_radii
from ngcmos.season.season import Season
from ngcmos.season.seen import Seen
from ngcmos.season.source import Source
from ngcmos.season.standing import Standing
from ngcmos.season.summary import (
    NightSummary,
    read_made_of,
    read_parts,
    read_summary,
    summarise,
    write_summary,
)

log = logging.getLogger(__name__)

SMALL_SEASON_POINTS = 5_000_000  # up to here all nights are written anew when one comes: the result is exact


@dataclasses.dataclass
class Changes:
    """What became of the nights of a season, by their names; `stale` ones were solved by other code."""

    brought: list[str] = dataclasses.field(default_factory=list)
    removed: list[str] = dataclasses.field(default_factory=list)
    rewritten: list[str] = dataclasses.field(default_factory=list)
    refused: dict[str, str] = dataclasses.field(default_factory=dict)
    stale: list[str] = dataclasses.field(default_factory=list)

    @property
    def any(self) -> bool:
        return bool(self.brought or self.removed or self.rewritten)


def bring_in(
    folder: SeasonFolder,
    sources: Mapping[str, Source],
    *,
    overwrite: bool = False,
    patient: bool = False,
    exact_points: int = SMALL_SEASON_POINTS,
) -> tuple[Changes, Season]:
    """Bring nights up to date in a season.

    Parameters
    ----------
    folder : SeasonFolder
        Held by nobody else.
    sources : mapping of str to Source
        All nights of the season; what else the archive holds is removed.
    overwrite : bool
        Solve and write all of them anew.
    exact_points : int
        A season of up to so many points is written anew whenever its scale changes; in a larger one a night stays
        as it is until 5 % of its stars have moved by more than a tenth of the errors of their points.
    patient : bool
        In a larger season fit new nights to the scale that stands, see `ngcmos.season.reference`, while it holds.

    Raises
    ------
    WriteError
        The disk is full, read-only or failing; what is written so far is whole.
    WorkError
        No night is usable.
    """
    changes, standing = Changes(), Standing(folder.path)
    _remove_gone(folder, sources, changes)
    _solve_new(folder, sources, changes, standing, overwrite=overwrite)
    kept = read_references(folder.reference) if patient and not overwrite else {}
    season = Season(folder, sources, _usable(folder, sources, changes, standing, kept), standing)
    if not season.names:
        told = next(iter(changes.refused.values()), "no night has photometry of it")
        raise WorkError(f"{folder.field}: no season, {told}")
    if not patient or overwrite:
        season = dataclasses.replace(season, renewed=dict.fromkeys(season.cameras, "it was asked for"))
    elif Seen(folder.path).points_of(season.names) > exact_points:
        season = season.by_references(kept)
    if overwrite or not standing.is_settled(season.signature(exact_points)):
        season = season.by_what_holds()
        season.forget()
        exactly = not season.references and season.points <= exact_points
        _write_moved(season, changes, overwrite=overwrite, exactly=exactly)
        if not exactly:
            season.keep()
        standing.settle("" if changes.refused else season.signature(exact_points))
    standing.forget_gone()
    standing.write()
    return changes, season


def _remove_gone(folder: SeasonFolder, sources: Mapping[str, Source], changes: Changes) -> None:
    """Remove what the archive holds of nights that are gone."""
    for name in folder.nights():
        if name not in sources:
            folder.remove(name)
            changes.removed.append(name)
            log.info("%s: %s is gone, removed from the season", folder.field, name)


def _solve_new(
    folder: SeasonFolder, sources: Mapping[str, Source], changes: Changes, standing: Standing, *, overwrite: bool
) -> None:
    """Make the summaries that are missing, of another table, or all; those of other code alone are told.

    The rows of a table that was touched and yet seems to be the same are checked: they may not be.
    """
    seen = Seen(folder.path)
    for name, source in sorted(sources.items()):
        stands = not overwrite and bool(standing.mark_of(folder.summary(name)))
        if stands and seen.look(source):
            continue
        try:
            facts = source.facts(folder.field)
            differs = facts.made_of.differences(read_made_of(folder.summary(name))) if stands else []
            if not stands or not facts.made_of.is_other_code(differs):
                standing.wrote(folder.summary(name), _solve(folder, source, facts))
                changes.brought.append(name)
            else:
                seen.check_table(name, facts.path)
                changes.stale += [name] if differs else []
            seen.keep(source, facts)
        except WriteError:
            raise
        except WorkError as error:
            _refuse(changes, name, error)
    if changes.stale:
        log.info(
            "%s: %d nights were solved by other code, they stay; --overwrite solves them anew",
            folder.field,
            len(changes.stale),
        )
    seen.write()


def _solve(folder: SeasonFolder, source: Source, facts: NightFacts) -> str:
    """Make the summary of one night; what it is made of."""
    night = source.read(folder.field, facts=facts)
    summary = summarise(source.name, night, source.camera, source.known)
    if not np.isfinite(summary.share).any():
        log.warning(
            "%s: %s has no star whose frames can be compared, none of them counts", folder.field, source.name
        )
    write_summary(folder.summary(source.name), summary)
    log.info(
        "%s: %s solved, %d frames, %d stars", folder.field, source.name, len(night.measured), len(night.stars)
    )
    return night.made_of


def _refuse(changes: Changes, name: str, error: Exception | str) -> None:
    """Count a night that cannot come in; what the season has of it already stays."""
    changes.refused[name] = str(error)
    log.error("season: %s: %s", name, error)


def _usable(
    folder: SeasonFolder,
    sources: Mapping[str, Source],
    changes: Changes,
    standing: Standing,
    references: Mapping[str, Reference],
) -> dict[str, list[str]]:
    """By cameras the names of all nights that share an aperture with the newest one of it, in order."""
    kept: dict[str, dict[str, Floats]] = collections.defaultdict(dict)  # by cameras: the radii of their nights
    there = sorted((name for name in sources if standing.mark_of(folder.summary(name))), reverse=True)
    for name, (camera, own) in _radii_of(folder, there, standing, references).items():
        beside = kept[camera]
        if common_radii([*beside.values(), own]):
            beside[name] = own
        else:
            radii = ", ".join(f"{radius:g}" for radius in next(iter(beside.values())))
            _refuse(changes, name, f"measured with other apertures, expected some of {radii} px")
    return {camera: sorted(own) for camera, own in kept.items()}


def _radii_of(
    folder: SeasonFolder, names: Sequence[str], standing: Standing, references: Mapping[str, Reference]
) -> dict[str, tuple[str, Floats]]:
    """(camera, radii) of nights; those of references have none but these, while all others have these too."""
    known = {
        name: (one.camera, np.array(one.scale.radii))
        for one in references.values()
        for name, mark in one.solutions.items()
        if standing.mark_of(folder.summary(name)) == mark
    }
    found = {}
    for name in names:
        if name not in known:
            parts = read_parts(folder.summary(name), ["camera", "radii"])
            found[name] = (str(parts["camera"]), parts["radii"])
    for camera, radii in found.values():
        if camera in references and not set(references[camera].scale.radii) <= set(radii.tolist()):
            return _radii_of(folder, names, standing, {})
    return {name: found.get(name) or known[name] for name in names}


def _write_moved(season: Season, changes: Changes, *, overwrite: bool, exactly: bool) -> None:
    """Write the light curves that are not there, of another solution, or that moved."""
    folder = season.folder
    _say_strangers(season)
    for summary in season.summaries:
        scale = season.fits[summary.camera].scale_of(summary)
        mark = _mark(summary, scale)
        if not overwrite and _stands(season, mark, summary, scale, exactly=exactly):
            continue
        try:
            _write_night(season, summary, scale, mark)
        except WriteError:
            raise
        except WorkError as error:
            _refuse(changes, summary.name, error)
            continue
        if summary.name not in changes.brought:
            changes.rewritten.append(summary.name)
    if changes.rewritten:
        log.info("%s: %d earlier nights put on the new scale", folder.field, len(changes.rewritten))


def _say_strangers(season: Season) -> None:
    """Tell nights that have no star in common with the others of their camera: they are compared with nothing."""
    for camera in set(season.fits) - set(season.references):
        own = season.summaries_of(camera)
        stars, nights = np.unique(np.concatenate([np.unique(one.keys) for one in own]), return_counts=True)
        shared = stars[nights > 1]
        alone = [one.name for one in own if len(own) > 1 and not np.isin(one.keys, shared).any()]
        if alone:
            told = "%s: no star in common with the other nights, they are on a scale of their own: %s"
            log.warning(told, season.folder.field, ", ".join(alone))


def _write_night(season: Season, summary: NightSummary, scale: Scale, mark: Mapping[str, Any]) -> None:
    """The light curves of one night, and their bins.

    Raises
    ------
    ProductError
        The table is damaged or another one than that of the summary.
    """
    folder, source = season.folder, season.sources[summary.name]
    night = source.read(folder.field, further=("jd_bary", "sky"))
    made_of = Inputs.read(night.made_of)
    differs = made_of.differences(summary.made_of)  # one that other code has solved stays, on the new scale
    if differs and not made_of.is_other_code(differs):
        raise ProductError(f"{source.folder}: the photometry of {folder.field} has just changed; run again")
    needed_mb = bytes_of_curves(night) / 1e6
    require_space(folder.path, source.camera.files.reserve_mb, needed_mb=needed_mb)
    curves = relative_curves(night, read_summary(folder.summary(source.name)), scale, source.camera)
    write_curves(folder.curves(summary.name), night, curves, mark)
    good = (night.measured["quality"] == Quality.GOOD.value.encode())[:, None]
    good = good & ((night.columns["flags"] & DOUBTFUL) == 0) & np.isfinite(night.columns["jd_bary"])
    write_bins(folder.bins(summary.name), night.stars, bin_night(night.columns["jd_bary"], curves, good), mark)
    for path in (folder.curves(summary.name), folder.bins(summary.name)):
        season.standing.wrote(path, text_of_mark(mark))


def _mark(summary: NightSummary, scale: Scale) -> dict[str, Any]:
    """What the light curves of a night are made of."""
    return {
        "made_of": summary.made_of,
        "radius_px": _packed(scale.radius_px.astype("<f4")),
        "unit": _packed(scale.unit.astype("<f4")),
    }


def _packed(values: Any) -> str:
    return base64.b64encode(zlib.compress(values.tobytes())).decode()


def _unpacked(text: str, kind: str) -> Any:
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), kind)


def _stands(
    season: Season, mark: Mapping[str, Any], summary: NightSummary, scale: Scale, *, exactly: bool
) -> bool:
    """Whether the light curves of a night that are there, and their bins, may stay."""
    bins = season.folder.bins(summary.name)
    there = {season.standing.mark_of(path) for path in (season.folder.curves(summary.name), bins)}
    if there == {digest_of(text_of_mark(mark))}:
        return True
    if exactly or "" in there or len(there) > 1:
        return False
    before_mark = read_mark(bins)
    if any(before_mark.get(key) != mark[key] for key in ("made_of", "radius_px")):
        return False
    before = _unpacked(before_mark["unit"], "<f4").reshape(scale.unit.shape)
    return bool(_moved(before, scale, summary).mean() <= MOVED_SHARE)


def _moved(before: Floats, scale: Scale, summary: NightSummary) -> Bools:
    """(stars,) whether the flux of a star would change by more than a tenth of the error of its points."""
    apertures = np.searchsorted(summary.radii, scale.radius_px)
    error = summary.expected[apertures, :, np.arange(apertures.size)].T
    with np.errstate(invalid="ignore", divide="ignore"):
        change = np.abs(scale.unit / before - 1)
        moved: Bools = (change > MOVED_ERRORS * error) | (np.isfinite(scale.unit) != np.isfinite(before))
    any_pointing: Bools = np.logical_or.reduce(moved, axis=0)
    return any_pointing
