"""Sorting out of bad frames: too far off to `failed_donuts/`, without a plate solution to `no_wcs/`."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ngcmos.arrays import Bools, Floats, Ints
from ngcmos.astrometry.distortion import Solution, centre_of, rotation_of
from ngcmos.astrometry.places import find_jumps, offsets_of
from ngcmos.errors import FrameError, WorkError
from ngcmos.names import Stage, Verdict
from ngcmos.night.folder import FAILED_DONUTS, NO_WCS, bring_back
from ngcmos.night.heads import SUFFIX as HEAD
from ngcmos.night.job import Job
from ngcmos.night.ledger import record
from ngcmos.night.loop import HEADERS_TOGETHER
from ngcmos.night.outcome import Outcome
from ngcmos.sphere import sides_of
from ngcmos.steps.shifts import FieldShifts
from ngcmos.steps.solution import read_solution
from ngcmos.steps.sorting import Belonging, carry_out, judge_by_shift

log = logging.getLogger(__name__)

FEWEST_OF_SIDE = 3


def run(job: Job, *, dry_run: bool = False, restore: bool = False) -> Outcome:
    """Move frames that cannot be used out of the night, or (`restore`) bring all of them back; an Outcome.

    A frame's place is judged by its plate solution against the others of its field, which may drift; where it has
    none, by its donuts shift. A field without a single plate solution is left alone: it has not been solved yet;
    so is a frame that simple_wrapper has not seen while it has seen others of the field.
    """
    if restore:
        _restore(job, dry_run)
        return job.outcome
    for field, paths in job.night.fields.items():
        with job.outcome.attempt(field):
            sorter = FieldSorter(job, field)
            belongs = sorter.judge(paths)
            for path in paths:
                carry_out(path, field, belongs[path], job, dry_run=dry_run)
    return job.outcome


class FieldSorter:
    """Where the frames of a field belong; unsolved ones are sorted out as soon as the field has a solution."""

    def __init__(self, job: Job, field: str) -> None:
        self._job, self._field = job, field
        self._unsolved: dict[Path, FrameError] = {}
        self._is_solved = False

    def take(self, paths: Sequence[Path]) -> list[Path]:
        """Sort out frames without a plate solution, those of before too; those that stay."""
        solved, unsolved = self._read(paths)
        self._is_solved |= bool(solved)
        self._unsolved |= unsolved
        if self._is_solved:
            for path, belonging in self._judge_unsolved(self._unsolved).items():
                if path.exists():
                    carry_out(path, self._field, belonging, self._job)
                del self._unsolved[path]  # only now: what could not be moved is tried again
        return list(solved)

    def judge(self, paths: Sequence[Path]) -> dict[Path, Belonging]:
        """Where all frames of the field belong.

        Raises
        ------
        WorkError
            None has a plate solution.
        """
        solved, unsolved = self._read(paths)
        if not solved:
            why = self._job.say_unsolved(self._field) or f"the first: {unsolved[paths[0]]}"
            raise WorkError(f"none of {len(paths)} frames has a plate solution, nothing moved: {why}")
        return self._judge_by_wcs(solved) | (self._judge_unsolved(unsolved) if unsolved else {})

    def _read(self, paths: Sequence[Path]) -> tuple[dict[Path, Solution], dict[Path, FrameError]]:
        """The frames with their plate solutions, and those without one with the reason."""
        shared, label = (self._job.camera,), f"check {self._field}"
        results = self._job.through(read_solution, paths, shared=shared, together=HEADERS_TOGETHER, label=label)
        solved, unsolved = {}, {}
        for path, result in results:
            if isinstance(result, FrameError):
                unsolved[path] = result
            else:
                solved[path] = result
        return solved, unsolved

    def _judge_unsolved(self, unsolved: Mapping[Path, FrameError]) -> dict[Path, Belonging]:
        """Where frames without a plate solution belong.

        A frame that simple_wrapper has not seen, while it has seen others, has come since: it waits.
        """
        shifts = FieldShifts(self._job, self._field)
        # where the field has a reference these are all that is asked for: others may not be due yet
        shifts.take([*unsolved] if shifts.has_reference else self._job.night.fields.get(self._field, ()))
        tried = self._job.recall(Stage.SIMPLE_WRAPPER, self._field)
        belongs = {}
        for path, error in unsolved.items():
            if tried and (path.name not in tried or tried[path.name].is_of_field):
                told = f"{path.name}: not tried by {Stage.SIMPLE_WRAPPER} yet, left where it is"
                belongs[path] = Belonging(None, told)
                continue
            known = tried[path.name].reason if path.name in tried else ""
            reason = (known or str(error)).removeprefix(f"{path.name}: ")
            limit_px = self._job.camera.check.limit_px
            belongs[path] = judge_by_shift(shifts.shift_of(path.name), reason, limit_px)
        return belongs

    def _judge_by_wcs(self, solved: Mapping[Path, Solution]) -> dict[Path, Belonging]:
        """By where the centres of the frames lie, against the others of their side of the field in time."""
        limit_px, shape = self._job.camera.check.limit_px, self._job.camera.detector.shape
        ra, dec = np.array([centre_of(solution, shape) for solution in solved.values()]).T
        offsets = offsets_of(ra, dec, next(iter(solved.values())), shape)
        off, jumped = _judge_sides(offsets, [rotation_of(solution) for solution in solved.values()], limit_px)
        told = "%s: %s: scatter of %d frames x %.3f, y %.3f px"
        log.info(told, Stage.CHECK_CMOS, self._field, (~jumped).sum(), *off[~jumped].std(axis=0))
        reason = "too far off by its plate solution: {:.1f}, {:.1f} px, expected at most {:g}"
        return {
            path: Belonging(FAILED_DONUTS, reason.format(*distance, limit_px)) if is_off else Belonging(None, "")
            for path, distance, is_off in zip(solved, off, jumped, strict=True)
        }


def _judge_sides(offsets: Floats, rotation_deg: Sequence[float], limit_px: float) -> tuple[Floats, Bools]:
    """(frames, 2) offsets from the usual place of each frame's side of a turn of the sky, and which jumped there.

    Few frames are no side of their own.
    """
    sides: Ints = sides_of(np.array(rotation_deg))
    count = np.bincount(sides)
    sides = np.where(count[sides] < FEWEST_OF_SIDE, count.argmax(), sides)
    off, jumped = offsets.copy(), np.zeros(len(offsets), dtype=bool)
    for side in np.unique(sides):
        here = np.flatnonzero(sides == side)
        jumped[here] = find_jumps(offsets[here], limit_px)
        off[here] -= np.median(offsets[here[~jumped[here]]], axis=0)
    return off, jumped


def _restore(job: Job, dry_run: bool) -> None:
    for aside in (FAILED_DONUTS, NO_WCS):
        for path in sorted(path for path in (job.folder / aside).glob("*") if path.suffix != HEAD):
            comes = "would come back" if dry_run else "comes back"
            log.info("%s: %s/%s %s", Stage.CHECK_CMOS, aside, path.name, comes)
            try:
                back = path if dry_run else bring_back(path)
            except FrameError as error:
                job.outcome.refuse(path.name, error)
                continue
            job.outcome.done.append(path.name)
            if not dry_run:
                record(job.ledger, Stage.CHECK_CMOS, back.name, "", Verdict.DONE, "brought back")
