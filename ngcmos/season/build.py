"""Nights brought into the season of a field, changed ones again, those that are gone removed.

``bring_in(folder, sources) -> (Changes, Season)``. First each new night is solved by itself, then all nights are
put on one scale, then the light curves are written that are not there yet or that have moved. Whatever stops it,
the next run does the rest, and the result is the same: nothing but the tables of the nights decides it.
"""

import base64
import collections
import dataclasses
import functools
import json
import logging
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ngcmos.arrays import Bools, Floats
from ngcmos.config import Camera
from ngcmos.errors import ProductError, WorkError, WriteError
from ngcmos.lightcurves.cube import DOUBTFUL
from ngcmos.names import Quality
from ngcmos.night.disk import require_space
from ngcmos.night.exclusions import NOTHING, Exclusions
from ngcmos.night.fingerprint import Inputs, code_of, digest_of
from ngcmos.season.archive import SeasonFolder, bytes_of_curves, read_mark, write_bins, write_curves
from ngcmos.season.bins import bin_night
from ngcmos.season.curves import Scale, relative_curves
from ngcmos.season.known import UNKNOWN, KnownStars
from ngcmos.season.read import FieldNight, read_field_night, read_night_facts
from ngcmos.season.scale import SeasonFit, common_radii, fit_season
from ngcmos.season.seen import Seen
from ngcmos.season.settled import Settled
from ngcmos.season.summary import (
    NightSummary,
    read_for_scale,
    read_made_of,
    read_parts,
    read_summary,
    summarise,
    write_summary,
)

log = logging.getLogger(__name__)

SMALL_SEASON_POINTS = 5_000_000  # up to here all nights are written anew when one comes: the result is exact
MOVED_ERRORS = 0.1  # of a point: a star has moved when its flux would change by more than this
MOVED_SHARE = 0.05  # of the stars of a night: then it is written anew
ROOMS = ("ngcmos.season", "ngcmos.lightcurves")  # whose code the scale is made by, and some more


@dataclasses.dataclass(frozen=True)
class Source:
    """A night of a field: the name of its files in the season, its folder, its camera's profile, known stars.

    `telescope` is "" for that of the season's own base path; `exclusions` are what the observer leaves out.
    """

    name: str
    folder: Path
    camera: Camera
    known: KnownStars = UNKNOWN
    telescope: str = ""
    exclusions: Exclusions = NOTHING

    @property
    def beside(self) -> str:
        """What enters the solution of the night beside its own files."""
        return self.known.digest + (self.exclusions.digest or "")

    def read(self, field: str, *, further: tuple[str, ...] = ()) -> FieldNight:
        """A field of the night; its camera is the profile, and the telescope where that is another one.

        Raises
        ------
        ProductError
            As `read_field_night`.
        """
        night = read_field_night(
            self.folder, field, self.camera, further=further, known=self.known, exclusions=self.exclusions
        )
        return dataclasses.replace(night, camera=f"{night.camera} {self.telescope}".strip())


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


@dataclasses.dataclass(frozen=True, eq=False)
class Season:
    """The nights of a season, their names in order; what they hold is read and solved once it is asked for."""

    folder: SeasonFolder
    sources: Mapping[str, Source]
    names: Sequence[str]

    @functools.cached_property
    def summaries(self) -> list[NightSummary]:
        """The solutions of the nights, as `read_for_scale`."""
        return [read_for_scale(self.folder.summary(name)) for name in self.names]

    @functools.cached_property
    def fits(self) -> dict[str, SeasonFit]:
        """The scale of each camera."""
        fits = {}
        for camera in sorted({summary.camera for summary in self.summaries}):
            own = [summary for summary in self.summaries if summary.camera == camera]
            source = self.sources[own[-1].name]
            fits[camera] = fit_season(own, source.camera.detector.shape, source.known)
        return fits

    @property
    def points(self) -> int:
        """How many there are of all stars."""
        return sum(one.share.shape[1] * len(one.stars) for one in self.summaries)

    def signature(self) -> str:
        """What its scale is made of and what its light curves are: as long as it stays, these need not be touched.

        Solutions by the sizes and times of their files, light curves by their marks.
        """
        files = [self.folder.summary(name).stat() for name in self.names]
        marks = [_marks_there(self.folder, name) for name in self.names]
        enters = [
            [name, self.sources[name].camera.detector.shape, self.sources[name].known.digest]
            for name in self.names
        ]
        states = [[file.st_size, file.st_mtime_ns] for file in files]
        return digest_of(json.dumps([code_of(*ROOMS), enters, states, marks]))


def bring_in(
    folder: SeasonFolder,
    sources: Mapping[str, Source],
    *,
    overwrite: bool = False,
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

    Raises
    ------
    WriteError
        The disk is full, read-only or failing; what is written so far is whole.
    WorkError
        No night is usable.
    """
    changes = Changes()
    _remove_gone(folder, sources, changes)
    _solve_new(folder, sources, changes, overwrite=overwrite)
    season = Season(folder, sources, _usable(folder, sources, changes))
    if not season.names:
        told = next(iter(changes.refused.values()), "no night has photometry of it")
        raise WorkError(f"{folder.field}: no season, {told}")
    settled = Settled(folder.path, exact_points)
    if overwrite or not settled.holds(season.signature()):
        _write_moved(season, changes, overwrite=overwrite, exactly=season.points <= exact_points)
        if not changes.refused:
            settled.keep(season.signature())
    return changes, season


def _remove_gone(folder: SeasonFolder, sources: Mapping[str, Source], changes: Changes) -> None:
    """Remove what the archive holds of nights that are gone."""
    for name in folder.nights():
        if name not in sources:
            folder.remove(name)
            changes.removed.append(name)
            log.info("%s: %s is gone, removed from the season", folder.field, name)


def _solve_new(folder: SeasonFolder, sources: Mapping[str, Source], changes: Changes, *, overwrite: bool) -> None:
    """Make the summaries that are missing, of another table, or all; those of other code alone are told."""
    seen = Seen(folder.path)
    for name, source in sorted(sources.items()):
        made_of = "" if overwrite else read_made_of(folder.summary(name))
        if made_of and seen.unchanged(name, source.folder, source.camera, source.beside):
            continue
        try:
            given = (source.folder, folder.field, source.camera, source.known, source.exclusions)
            facts = read_night_facts(*given)
            differs = facts.made_of.differences(made_of)
            if not made_of or not facts.made_of.is_other_code(differs):
                _solve(folder, source)
                changes.brought.append(name)
            elif differs:
                changes.stale.append(name)
            seen.keep(name, source.folder, source.camera, source.beside, facts.reduction)
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


def _solve(folder: SeasonFolder, source: Source) -> None:
    """Make the summary of one night."""
    night = source.read(folder.field)
    write_summary(folder.summary(source.name), summarise(source.name, night, source.camera, source.known))
    log.info(
        "%s: %s solved, %d frames, %d stars", folder.field, source.name, len(night.measured), len(night.stars)
    )


def _refuse(changes: Changes, name: str, error: Exception | str) -> None:
    """Count a night that cannot come in; what the season has of it already stays."""
    changes.refused[name] = str(error)
    log.error("season: %s: %s", name, error)


def _usable(folder: SeasonFolder, sources: Mapping[str, Source], changes: Changes) -> list[str]:
    """Names of all nights that share an aperture with the newest one of their camera."""
    kept: dict[str, dict[str, Floats]] = collections.defaultdict(dict)  # by cameras: the radii of their nights
    for name in sorted(sources, reverse=True):
        if not folder.summary(name).exists():
            continue
        parts = read_parts(folder.summary(name), ["camera", "radii"])
        beside = kept[str(parts["camera"])]
        if common_radii([*beside.values(), parts["radii"]]):
            beside[name] = parts["radii"]
        else:
            radii = ", ".join(f"{radius:g}" for radius in next(iter(beside.values())))
            _refuse(changes, name, f"measured with other apertures, expected some of {radii} px")
    return sorted(name for own in kept.values() for name in own)


def _write_moved(season: Season, changes: Changes, *, overwrite: bool, exactly: bool) -> None:
    """Write the light curves that are not there, of another solution, or that moved."""
    folder = season.folder
    for summary in season.summaries:
        scale = season.fits[summary.camera].scale_of(summary)
        mark = _mark(summary, scale)
        there = _marks_there(folder, summary.name)
        if not overwrite and all(_stands(one, mark, summary, scale, exactly=exactly) for one in there):
            continue
        try:
            _write_night(folder, season.sources[summary.name], summary, scale, mark)
        except WriteError:
            raise
        except WorkError as error:
            _refuse(changes, summary.name, error)
            continue
        if summary.name not in changes.brought:
            changes.rewritten.append(summary.name)
    if changes.rewritten:
        log.info("%s: %d earlier nights put on the new scale", folder.field, len(changes.rewritten))


def _write_night(
    folder: SeasonFolder, source: Source, summary: NightSummary, scale: Scale, mark: Mapping[str, Any]
) -> None:
    """The light curves of one night, and their bins.

    Raises
    ------
    ProductError
        The table is damaged or another one than that of the summary.
    """
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
    good = good & ((night.columns["flags"] & DOUBTFUL) == 0)
    write_bins(folder.bins(summary.name), night.stars, bin_night(night.columns["jd_bary"], curves, good), mark)


def _marks_there(folder: SeasonFolder, name: str) -> list[dict[str, Any]]:
    """What the light curves of a night that lie there are made of, and their bins."""
    return [read_mark(path) for path in (folder.curves(name), folder.bins(name))]


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
    there: Mapping[str, Any], mark: Mapping[str, Any], summary: NightSummary, scale: Scale, *, exactly: bool
) -> bool:
    """Whether light curves that are there may stay."""
    if there == mark:
        return True
    if exactly or any(there.get(key) != mark[key] for key in ("made_of", "radius_px")):
        return False
    before = _unpacked(there["unit"], "<f4").reshape(scale.unit.shape)
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
