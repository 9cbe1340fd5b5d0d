"""Catalog of each field, plate solution of each frame, and the stars to measure."""

import dataclasses
import enum
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from astropy.table import Table

from ngcmos.astrometry.distortion import Solution
from ngcmos.astrometry.vizier import SERVER
from ngcmos.errors import FrameError, StarlessError, UnsolvedError, WorkError
from ngcmos.names import Stage, Verdict
from ngcmos.night.job import Job
from ngcmos.night.ledger import record
from ngcmos.night.loop import HEADERS_TOGETHER
from ngcmos.night.outcome import Outcome
from ngcmos.night.provenance import keep_standing
from ngcmos.night.remarks import keep_remark
from ngcmos.steps.catalog import field_targets, keep_catalog, read_catalog, select_stars
from ngcmos.steps.clock import Clocked, tell_clock
from ngcmos.steps.solution import (
    Sighting,
    Solving,
    after_failure,
    prepare_solving,
    read_solution,
    search_solution,
    sight_frame,
    solve_one,
)
from ngcmos.steps.time_cards import prepare_cards

log = logging.getLogger(__name__)


class Part(enum.StrEnum):
    """A part of the stage that can be done alone."""

    CATALOG = "catalog"
    SOLVE = "solve"


@dataclasses.dataclass(frozen=True)
class SolveOptions:
    """How a field is solved.

    Attributes
    ----------
    defocus_mm : float
        Defocus of the telescope: wider detection kernels.
    force3rd : bool
        Fit the distortion to third order however few the stars.
    save_matched_cat : bool
        Keep the matched stars of each frame beside it.
    catalogs : sequence of paths
        Local TIC extracts to use instead of the network.
    only : Part, optional
        Do that part alone.
    time_cards : bool
        Write the cards of adding_headers too, so that a frame is written once for both.
    overwrite : bool
        Solve again what is solved.
    server : str
        Address of VizieR or a mirror.
    sleep : callable
        Waits so many seconds between two tries there.
    """

    defocus_mm: float = 0.0
    force3rd: bool = False
    save_matched_cat: bool = False
    catalogs: Sequence[str | Path] = ()
    only: Part | None = None
    time_cards: bool = False
    overwrite: bool = False
    server: str = SERVER
    sleep: Callable[[float], None] = time.sleep


def run(job: Job, options: SolveOptions = SolveOptions()) -> Outcome:
    """Write the catalogs of each field and the WCS cards of each frame that has none; an Outcome."""
    for field, paths in job.night.fields.items():
        with job.attempt(field):
            _refuse_misfits(job, field)
            solver = FieldSolver(job, field, options)
            solver.take(paths)
            solver.finish()
    return job.outcome


def _refuse_misfits(job: Job, field: str) -> None:
    """Frames of another setup than most of their field are not mixed with them."""
    misfits = job.night.misfits.get(field, {})
    for path, reason in misfits.items():
        job.settle(path, field, FrameError(f"{path.name}: {reason}"))
    all_frames = len(misfits) + len(job.night.fields[field])
    first = next(iter(misfits.values()), "").partition(":")[0]
    told = f"{len(misfits)} of {all_frames} frames have {first}; they are not measured" if misfits else ""
    keep_remark(job.ledger, field, "setup", told)


class FieldSolver:
    """Plate solutions of a field, each from that of its first solved frame; all frames at once or as they come.

    What ngcmos has solved already is not solved again; but where a field would hold solutions made in two ways,
    those of before are made anew.
    """

    def __init__(self, job: Job, field: str, options: SolveOptions) -> None:
        self._job, self._field, self._options = job, field, options
        self._sightings: dict[str, Sighting] = {}
        self._solved: set[str] = set()
        self._starless: set[str] = set()
        self._stale: set[str] = set()
        self._catalog: Table | None = None
        self._solving: Solving | None = None
        self._reference: Solution | None = None
        self._targets: set[int] | None = None

    def take(self, paths: Sequence[Path]) -> list[Path]:
        """Solve the frames that are not yet solved; those of them that have a solution."""
        frames = self._sight(paths)
        if not frames:
            return []
        solving = self._prepare()
        if self._options.only != Part.CATALOG:
            self._solve(solving, frames)
        return [frame.path for frame in frames if frame.name in self._solved]

    def finish(self) -> None:
        """Choose the stars to measure, and say where solutions are stale.

        Raises
        ------
        WorkError
            No frame of the field can be read, or none is solved.
        """
        if not self._sightings:
            raise WorkError(f"none of {len(self._job.night.fields[self._field])} frames can be read")
        if self._options.only == Part.CATALOG:
            return
        if not self._solved:
            raise UnsolvedError(f"none of {len(self._sightings)} frames could be solved: {self._why_unsolved()}")
        self.select()
        texts = [frame.exposure_as_text for frame in self._sightings.values() if frame.exposure_as_text]
        told = f"{texts[0]} in {len(texts)} frames" if texts else ""
        keep_remark(self._job.ledger, self._field, "exposure", told)
        clocked = [Clocked(f.path, f.start, f.exptime_s, f.end) for f in self._sightings.values()]
        told = tell_clock(clocked, self._job.camera.headers.date_obs[0])
        keep_remark(self._job.ledger, self._field, "time", told)
        differs = ["code, settings or catalog"] if self._stale else []
        keep_standing(self._job.ledger, Path(f"the plate solution of {self._field}"), self._field, differs)

    def select(self) -> None:
        """Write the input catalog where the stars in it are not those of the field."""
        frames, job = list(self._sightings.values()), self._job
        first = next(frame for frame in frames if frame.name in self._solved)
        select_stars(job, self._field, frames, self._catalog, read_solution(first.path, job.camera))
        self._targets = set(field_targets(frames))

    @property
    def needs_selection(self) -> bool:
        """Whether stars can be chosen, and were not yet with all targets of the frames so far among them."""
        targets = set(field_targets(list(self._sightings.values())))
        return bool(self._solved) and (self._targets is None or not targets <= self._targets)

    def _sight(self, paths: Sequence[Path]) -> list[Sighting]:
        """The frames by their headers, those that cannot be read refused."""
        frames, job = [], self._job
        options: dict[str, Any] = {"together": HEADERS_TOGETHER, "label": f"headers {self._field}"}
        for path, result in job.through(sight_frame, paths, shared=(job.camera,), **options):
            if isinstance(result, FrameError):
                job.settle(path, self._field, result)
                continue
            if path.name not in self._sightings:
                _check_object(result, job.camera.headers.object[0])
            frames.append(result)
            self._sightings[path.name] = result
        return frames

    def _prepare(self) -> Solving:
        """What all frames of the field need, had once."""
        if self._solving is None:
            job, field, options = self._job, self._field, self._options
            if options.only == Part.SOLVE:
                self._catalog = read_catalog(job.folder, field)
            else:
                source: dict[str, Any] = {"server": options.server, "sleep": options.sleep}
                frames = list(self._sightings.values())
                self._catalog = keep_catalog(job, field, frames, local=options.catalogs, **source)
            self._solving = prepare_solving(
                job.camera,
                self._catalog,
                defocus_mm=options.defocus_mm,
                force3rd=options.force3rd,
                save_matched_cat=options.save_matched_cat,
            )
        return self._solving

    def _solve(self, solving: Solving, frames: Sequence[Sighting]) -> None:
        """Solve what is to be solved, from the first solved frame once there is one."""
        pending = self._pending(solving, frames)
        self._skip([frame for frame in frames if frame.path not in pending])
        if self._reference is None and not self._options.overwrite:
            self._reference = next((frame.solution for frame in frames if frame.is_solved), None)
        if pending and self._options.time_cards:
            told = [frame for frame in frames if frame.path in pending]
            solving = dataclasses.replace(solving, further_cards=prepare_cards(self._job.config, told))
        while pending and self._reference is None:
            solving = self._search(pending.pop(0), solving)
        shared, label = (solving, self._reference), f"solve {self._field}"
        for path, result in self._job.through(solve_one, pending, shared=shared, label=label):
            self._settle(path, result)

    def _search(self, path: Path, solving: Solving) -> Solving:
        """Solve a frame from its pointing; the Solving for the next."""
        try:
            self._settle(path, search_solution(path, solving))
        except FrameError as error:
            self._settle(path, error)
            solving = after_failure(solving, error, self._field)
            self._solving = dataclasses.replace(solving, further_cards=None)
        else:
            self._reference = read_solution(path, self._job.camera)
        return solving

    def _why_unsolved(self) -> str:
        """What may be wrong with a field of which no frame is solved."""
        if 2 * len(self._starless) >= len(self._sightings):
            return f"{len(self._starless)} show hardly any stars – cloud or dome closed"
        return "stars are seen: are the pointing cards right? is the telescope out of focus (--defocus)?"

    def _settle(self, path: Path, result: dict[str, Any] | FrameError) -> None:
        if isinstance(result, StarlessError):
            self._starless.add(path.name)
        numbers = None if isinstance(result, FrameError) else result
        if self._job.settle(path, self._field, result, numbers):
            self._solved.add(path.name)
            self._stale.discard(path.name)

    def _pending(self, solving: Solving, frames: Sequence[Sighting]) -> list[Path]:
        """Frames to solve: those without a solution; those made otherwise too, where not all are."""
        if self._options.overwrite:
            return [frame.path for frame in frames]
        stale = {frame.name for frame in frames if frame.is_solved and frame.solution_sum != solving.fingerprint}
        if stale and len(stale) < len(frames):
            told = "%s: %d plate solutions were made otherwise than now, they are made anew with the others"
            log.warning(told, self._field, len(stale))
            return [frame.path for frame in frames if frame.name in stale or not frame.is_solved]
        self._stale |= stale
        return [frame.path for frame in frames if not frame.is_solved]

    def _skip(self, frames: Sequence[Sighting]) -> None:
        """Count frames that were solved before; a run may have stopped between their headers and the ledger."""
        known = self._job.recall(Stage.SIMPLE_WRAPPER, self._field)
        for frame in frames:
            self._job.outcome.skipped.append(frame.name)
            self._solved.add(frame.name)
            if frame.name not in known:
                stage, verdict = Stage.SIMPLE_WRAPPER, Verdict.DONE
                record(self._job.ledger, stage, frame.name, self._field, verdict, "found solved")


def _check_object(frame: Sighting, key: str) -> None:
    """Say where OBJECT is not of the field that the name gives; the sky decides which is right."""
    if frame.object_name and not frame.object_name.startswith(frame.field):
        told = "%s: %s: %s is %r, expected one that begins with %s; solved as that field"
        log.warning(told, Stage.SIMPLE_WRAPPER, frame.name, key, frame.object_name, frame.field)
