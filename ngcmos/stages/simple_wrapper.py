"""Catalog of each field, plate solution of each frame, and the stars to measure."""

import dataclasses
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from astropy.table import Table

from ngcmos.arrays import Place
from ngcmos.astrometry.coverage import Lie, lie_of_chip
from ngcmos.astrometry.distortion import Solution
from ngcmos.astrometry.places import FieldPlaces
from ngcmos.astrometry.vizier import Service
from ngcmos.doctor.frame import remark_on_profile
from ngcmos.errors import (
    CatalogError,
    FrameError,
    LastResortError,
    NetworkError,
    StarlessError,
    UnmatchedError,
    UnsolvedError,
    WorkError,
)
from ngcmos.names import Stage, Verdict
from ngcmos.night.job import Job
from ngcmos.night.ledger import record
from ngcmos.night.loop import HEADERS_TOGETHER
from ngcmos.night.outcome import Outcome
from ngcmos.night.provenance import keep_standing
from ngcmos.steps.catalog import (
    STEADY_PX,
    CatalogSource,
    field_targets,
    find_centre,
    keep_catalog,
    load_wide,
    read_catalog,
    select_stars,
    share_covered,
    wide_box_deg,
)
from ngcmos.steps.clock import remark_on_times
from ngcmos.steps.keep_list import kept_stars
from ngcmos.steps.pointing import check_object, tell_coverage, tell_pointing
from ngcmos.steps.remarking import refuse_misfits
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
from ngcmos.steps.solve_options import USUAL, Part, SolveOptions
from ngcmos.steps.time_cards import prepare_cards

log = logging.getLogger(__name__)

SAMPLE = 4  # frames, beside the first one, that say where a field is
WIDE_TRIES = 3  # frames of a field in a run that are looked for in all the sky where they may be


def run(job: Job, options: SolveOptions = USUAL) -> Outcome:
    """Write the catalogs of each field and the WCS cards of each frame that has none; an Outcome."""
    for field, paths in job.night.fields.items():
        with job.attempt(field):
            refuse_misfits(job, job.night, field)
            solver = FieldSolver(job, field, options)
            solver.take(paths)
            solver.finish()
    return job.outcome


class FieldSolver:
    """Plate solutions of a field, each from that of its first solved frame; all frames at once or as they come.

    What ngcmos has solved already is not solved again; but where a field would hold solutions made in two ways,
    those of before are made anew. The sky is believed before the cards: once the field is found, its catalog is
    that around the place, and a catalog that does not cover the chip there is had anew.
    """

    def __init__(self, job: Job, field: str, options: SolveOptions) -> None:
        self._job, self._field, self._options = job, field, options
        service = Service(options.server, options.sleep)
        self._source = CatalogSource(options.catalogs, options.center, service)
        self._sightings: dict[str, Sighting] = {}
        self._places = FieldPlaces(job.camera.detector.shape, job.camera.check.limit_px)
        self._sums: dict[str, str] = {}  # of the solved frames, what their solutions were made of
        self._new: set[str] = set()  # frames solved by this run
        self._starless: set[str] = set()
        self._stale: set[str] = set()
        self._catalog: Table | None = None
        self._solving: Solving | None = None
        self._elsewhere: dict[Place | None, Solving | None] = {}
        self._tries_elsewhere = WIDE_TRIES
        self._reference: Solution | None = None
        self._selected: tuple[Place, set[int]] | None = None

    def take(self, paths: Sequence[Path]) -> list[Path]:
        """Solve the frames that are not yet solved; those of them that have a solution."""
        frames = self._sight(paths)
        if not frames:
            return []
        if self._solving is None:
            self._use(self._find_catalog())
        if self._options.only != Part.CATALOG:
            self._solve(frames)
        return [frame.path for frame in frames if frame.name in self._sums]

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
        if not self._sums:
            raise UnsolvedError(f"none of {len(self._sightings)} frames could be solved: {self._why_unsolved()}")
        self.select()
        self.remark()
        differs = ["code, settings or catalog"] if self._stale else []
        keep_standing(self._job.ledger, Path(f"the plate solution of {self._field}"), self._field, differs)

    def select(self) -> None:
        """Write the input catalog where the stars in it are not those of the field; say where that sits."""
        frames = list(self._sightings.values())
        self._solve_again(self._settle_catalog())
        usual, first = map(self._places.solution_of, self._places.usual_names())
        assert self._catalog is not None
        kept = kept_stars(self._job, self._catalog)
        select_stars(self._job, self._field, frames, self._catalog, [usual, first], kept=kept)
        self._selected = self._places.usual_place, set(field_targets(frames))
        tell_pointing(self._job, self._field, self._options.center or find_centre(frames), usual)
        tell_coverage(self._job, self._field, share_covered(self._catalog, self._find_lie()))
        remark_on_profile(self._job, self._field, frames[0].path)

    def remark(self) -> None:
        """Keep what the times of the frames seen so far contradict."""
        if self._sightings:
            remark_on_times(self._job, self._field, list(self._sightings.values()))

    @property
    def has_reference(self) -> bool:
        """Whether there is a solution that those of other frames begin with."""
        return self._reference is not None

    @property
    def needs_selection(self) -> bool:
        """Whether stars can be chosen, and were not yet for where the field usually is and for all its targets."""
        if not self._sums:
            return False
        if self._selected is None:
            return True
        place, targets = self._selected
        has_moved = self._places.usual_off_px(place) > STEADY_PX
        return has_moved or not set(field_targets(list(self._sightings.values()))) <= targets

    def _sight(self, paths: Sequence[Path]) -> list[Sighting]:
        """The frames by their headers, those that cannot be read refused."""
        frames, job = [], self._job
        options: dict[str, Any] = {"together": HEADERS_TOGETHER, "label": f"headers {self._field}"}
        for path, result in job.through(sight_frame, paths, shared=(job.camera,), **options):
            if isinstance(result, FrameError):
                job.settle(path, self._field, result)
                continue
            if path.name not in self._sightings:
                check_object(result, job.camera.headers.object[0])
            frames.append(result)
            self._sightings[path.name] = result
            if result.solution is not None and not self._options.overwrite:
                self._places.add(path.name, result.start, result.solution)
        return frames

    def _find_catalog(self) -> Table:
        """The catalog of the field; of all the sky where it may be, where there is none around its cards."""
        job, frames = self._job, list(self._sightings.values())
        if self._options.only == Part.SOLVE:
            return read_catalog(job.folder, self._field)
        lie = self._find_lie() if len(self._places) else None
        try:
            return keep_catalog(job, self._field, frames, self._source, lie)
        except NetworkError:
            raise
        except CatalogError as error:
            if lie is not None or self._options.only == Part.CATALOG:
                raise
            log.warning("%s: %s; looked for further off", self._field, error)
            return self._find_catalog_elsewhere(error)

    def _find_catalog_elsewhere(self, error: CatalogError) -> Table:
        """All the sky around the cards, else around them read as hours; the error where no star is there."""
        for source in self._source.elsewhere(list(self._sightings.values())):
            try:
                catalog = load_wide(self._job, list(self._sightings.values()), source)
            except NetworkError:
                raise
            except CatalogError as failure:
                log.warning("%s: %s", self._field, failure)
            else:
                self._source = source
                return catalog
        raise error

    def _use(self, catalog: Table) -> None:
        self._catalog, solving = catalog, self._prepare(catalog)
        if self._solving is not None:
            solving = dataclasses.replace(solving, last_resorts=self._solving.last_resorts)
        self._solving = solving

    def _prepare(self, catalog: Table, center: Place | None = None) -> Solving:
        """What all frames of the field need; they are looked for around `center` where it is given."""
        options = self._options
        solving = prepare_solving(
            self._job.camera,
            catalog,
            defocus_mm=options.defocus_mm,
            force3rd=options.force3rd,
            save_matched_cat=options.save_matched_cat,
        )
        center = self._source.center if center is None else center
        if center is not None and not solving.placed:
            solving = dataclasses.replace(solving, pointing=center, placed=True)
        return solving

    def _solve(self, frames: Sequence[Sighting]) -> None:
        """Solve what is to be solved, from the first solved frame once there is one."""
        pending = self._pending(frames)
        self._skip([frame for frame in frames if frame.path not in pending])
        if self._reference is None and not self._options.overwrite:
            self._reference = next((frame.solution for frame in frames if frame.is_solved), None)
        is_found = self._reference is not None
        while pending and self._reference is None:
            self._search(pending.pop(0))
        if self._reference is not None and not is_found:
            sample = _spread(pending)  # the first may have been taken while the telescope still moved
            self._solve_again(self._settle_catalog())
            self._solve_all(sample)
            self._solve_again(self._settle_catalog())
            pending = [path for path in pending if path not in sample]
        self._solve_all(pending)

    def _search(self, path: Path) -> None:
        """Solve a frame from its pointing, and further off where there is no match."""
        assert self._solving is not None
        solving = self._with_cards(self._solving, [path])
        try:
            self._search_twice(path, solving)
        except FrameError as error:
            self._settle(path, error, "")
            self._solving = after_failure(self._solving, error, self._field)
        else:
            self._reference = read_solution(path, self._job.camera)

    def _search_twice(self, path: Path, solving: Solving) -> None:
        try:
            self._settle(path, search_solution(path, solving), solving.fingerprint)
        except (UnmatchedError, LastResortError) as error:
            kind, told = type(error), str(error)
            for other in self._look_elsewhere():
                try:
                    self._settle(path, search_solution(path, self._with_cards(other, [path])), other.fingerprint)
                except UnsolvedError as failure:
                    told = str(failure)
                else:
                    return
            raise kind(told) from None

    def _look_elsewhere(self) -> Iterator[Solving]:
        """With all the sky where the field may be, one after the other; none where that brings nothing (more)."""
        if self._options.only == Part.SOLVE or not self._tries_elsewhere:
            return
        self._tries_elsewhere -= 1
        box_deg = float(self._catalog.meta.get("BOX_DEG", 0)) if self._catalog is not None else 0.0
        for source in self._source.elsewhere(list(self._sightings.values())):
            if source is self._source and box_deg >= wide_box_deg(self._job.camera):
                continue
            if source.center not in self._elsewhere:
                self._elsewhere[source.center] = self._prepare_elsewhere(source)
            solving = self._elsewhere[source.center]
            if solving is not None:
                yield solving

    def _prepare_elsewhere(self, source: CatalogSource) -> Solving | None:
        """The Solving with all the sky around a place; None where its stars are not to be had."""
        try:
            wide = load_wide(self._job, list(self._sightings.values()), source)
        except CatalogError as error:
            log.warning("%s: not looked for further off: %s", self._field, error)
            return None
        return dataclasses.replace(self._prepare(wide, source.center), last_resorts=0)

    def _settle_catalog(self) -> list[Path]:
        """Have the catalog around the usual place, if that at hand does not cover it; what is to solve anew."""
        assert self._solving is not None
        if self._options.only == Part.SOLVE:
            return []
        frames, lie = list(self._sightings.values()), self._find_lie()
        before = self._solving.fingerprint
        self._use(keep_catalog(self._job, self._field, frames, self._source, lie))
        stale = {name for name, made_of in self._sums.items() if made_of != self._solving.fingerprint}
        if not stale or before == self._solving.fingerprint:
            return []
        if not self._new:
            self._stale |= stale
            return []
        log.info("%s: %d frames are solved again with the catalog around their place", self._field, len(stale))
        return [self._sightings[name].path for name in sorted(stale)]

    def _solve_again(self, paths: Sequence[Path]) -> None:
        """Solve frames with another catalog, not from what stars on a part of the chip told of all of it."""
        if paths:
            self._search(paths[0])
            self._solve_all(paths[1:])

    def _solve_all(self, paths: Sequence[Path]) -> None:
        """Solve frames from the reference."""
        if not paths:
            return
        assert self._solving is not None
        solving = self._with_cards(self._solving, paths)
        shared, label = (solving, self._reference), f"solve {self._field}"
        for path, result in self._job.through(solve_one, paths, shared=shared, label=label):
            self._settle(path, result, solving.fingerprint)

    def _with_cards(self, solving: Solving, paths: Sequence[Path]) -> Solving:
        """A Solving that writes the cards of adding_headers too, into these frames."""
        if not self._options.time_cards:
            return solving
        frames = [self._sightings[path.name] for path in paths]
        return dataclasses.replace(solving, further_cards=prepare_cards(self._job.config, frames))

    def _why_unsolved(self) -> str:
        """What may be wrong with a field of which no frame is solved."""
        if 2 * len(self._starless) >= len(self._sightings):
            return f"{len(self._starless)} show hardly any stars – cloud or dome closed, or too small a field"
        lost = "stars are seen: are the pointing cards right? is the telescope out of focus (--defocus)?"
        return f"{lost} is detector.scale_arcsec of the profile that of this camera?"

    def _settle(self, path: Path, result: dict[str, Any] | FrameError, made_of: str) -> None:
        if isinstance(result, StarlessError):
            self._starless.add(path.name)
        numbers = None if isinstance(result, FrameError) else result
        if path.name in self._new:
            self._job.outcome.done.remove(path.name)  # solved again, it is still one frame
        if not self._job.settle(path, self._field, result, numbers):
            return
        self._sums[path.name] = made_of
        self._new.add(path.name)
        self._stale.discard(path.name)
        self._places.add(path.name, self._sightings[path.name].start, read_solution(path, self._job.camera))

    def _pending(self, frames: Sequence[Sighting]) -> list[Path]:
        """Frames to solve: those without a solution; those made otherwise too, where not all are."""
        assert self._solving is not None
        if self._options.overwrite:
            return [frame.path for frame in frames]
        made_of = self._solving.fingerprint
        stale = {frame.name for frame in frames if frame.is_solved and frame.solution_sum != made_of}
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
            self._sums[frame.name] = frame.solution_sum
            if frame.name not in known:
                stage, verdict = Stage.SIMPLE_WRAPPER, Verdict.DONE
                record(self._job.ledger, stage, frame.name, self._field, verdict, "found solved")

    def _find_lie(self) -> Lie:
        """How the chip lies on the sky where the field usually is."""
        solution, camera = self._places.solution_of(self._places.usual_names()[0]), self._job.camera
        return lie_of_chip(solution, camera.detector.shape, margin_px=camera.catalog.margin_px)


def _spread(paths: Sequence[Path]) -> list[Path]:
    """Some of the paths, spread over all."""
    rows = {len(paths) * (number + 1) // (SAMPLE + 1) for number in range(SAMPLE)} if paths else set()
    return [paths[row] for row in sorted(rows)]
