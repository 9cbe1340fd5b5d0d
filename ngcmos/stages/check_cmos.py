"""Sorting out of bad frames: too far off to `failed_donuts/`, without a plate solution to `no_wcs/`."""

import logging

import numpy as np

from ngcmos.astrometry.distortion import solution_from_header, to_pixels, to_sky
from ngcmos.errors import FrameError, WorkError
from ngcmos.night.folder import FAILED_DONUTS, NO_WCS, bring_back
from ngcmos.night.frames import read_frame
from ngcmos.night.ledger import DONE, open_ledger, recall, record
from ngcmos.night.loop import HEADERS_TOGETHER, work_through
from ngcmos.night.outcome import Outcome
from ngcmos.steps.shifts import measure_field
from ngcmos.steps.sorting import Verdict, carry_out, judge_by_shift

log = logging.getLogger(__name__)

STAGE = "check_cmos"
SOLVING = "simple_wrapper"


def run(config, night, *, dry_run=False, restore=False, workers=1, quiet=False):
    """Move frames that cannot be used out of the night, or (`restore`) bring all of them back; an Outcome.

    A frame's place is judged by its plate solution against the median of its field; where it has none, by its
    donuts shift. A field without a single plate solution is left alone: it has not been solved yet; so is a frame
    that simple_wrapper has not seen while it has seen others of the field.
    """
    outcome = Outcome(STAGE)
    with open_ledger(night.folder) as ledger:
        if restore:
            _restore(night.folder, outcome, ledger, dry_run)
            return outcome
        for field, paths in night.fields.items():
            with outcome.attempt(field):
                verdicts = _judge_field(config, field, paths, ledger, workers=workers, quiet=quiet)
                for path in paths:
                    carry_out(path, field, verdicts[path], outcome, ledger, dry_run)
    return outcome


def _judge_field(config, field, paths, ledger, *, workers, quiet):
    """{path: Verdict} of all frames of a field."""
    loop = {"workers": workers, "quiet": quiet}
    reading = loop | {"together": HEADERS_TOGETHER, "label": f"check {field}"}
    results = dict(work_through(_read_solution, paths, shared=(config.camera,), **reading))
    solved = {path: result for path, result in results.items() if not isinstance(result, FrameError)}
    if not solved:
        count = f"none of {len(paths)} frames has a plate solution"
        raise WorkError(f"{count}, run {SOLVING} first; nothing moved (the first: {results[paths[0]]})")
    verdicts = _judge_by_wcs(solved, config.camera.detector.shape, config.camera.check.limit_px, field)
    unsolved = {path: result for path, result in results.items() if isinstance(result, FrameError)}
    if unsolved:
        _, shifts = measure_field(config, field, paths, ledger, **loop)
        by_name = {measured.name: measured.shift for measured in shifts}
        verdicts |= _judge_unsolved(
            unsolved, by_name, recall(ledger, SOLVING, field), config.camera.check.limit_px
        )
    return verdicts


def _judge_unsolved(unsolved, shifts, tried, limit):
    """{path: Verdict} of the frames without a plate solution.

    A frame that simple_wrapper has not seen, while it has seen others, has come since: it waits for the next run.
    """
    verdicts = {}
    for path, error in unsolved.items():
        if tried and path.name not in tried:
            verdicts[path] = Verdict(None, f"{path.name}: not tried by {SOLVING} yet, left where it is")
            continue
        known = tried[path.name].reason if path.name in tried else ""
        reason = (known or str(error)).removeprefix(f"{path.name}: ")
        verdicts[path] = judge_by_shift(shifts.get(path.name), reason, limit)
    return verdicts


def _read_solution(path, camera):
    return solution_from_header(read_frame(path, camera, pixels=False).header)


def _judge_by_wcs(solved, shape, limit, field):
    """Verdicts by where the centre of the first solved frame lies in the others, against the field's median."""
    centre = (shape[1] - 1) / 2, (shape[0] - 1) / 2
    ra, dec = to_sky(next(iter(solved.values())), *centre)
    offsets = np.array([np.squeeze(to_pixels(solution, ra, dec)) for solution in solved.values()]) - centre
    offsets = np.where(np.isfinite(offsets), offsets, np.inf)
    off = offsets - np.median(offsets, axis=0)
    near = np.abs(off).max(axis=1) <= limit
    if near.any():
        scatter = off[near].std(axis=0)
        log.info("%s: %s: scatter of %d frames x %.3f, y %.3f px", STAGE, field, near.sum(), *scatter)
    reason = "{:.1f}, {:.1f} px off by its plate solution, expected at most {:g}"
    return {
        path: Verdict(None, "") if fine else Verdict(FAILED_DONUTS, reason.format(*distance, limit))
        for path, distance, fine in zip(solved, off, near, strict=True)
    }


def _restore(folder, outcome, ledger, dry_run):
    for aside in (FAILED_DONUTS, NO_WCS):
        for path in sorted((folder / aside).glob("*")):
            log.info("%s: %s/%s %s", STAGE, aside, path.name, "would come back" if dry_run else "comes back")
            try:
                back = path if dry_run else bring_back(path)
            except FrameError as error:
                outcome.refuse(path.name, error)
                continue
            outcome.done.append(path.name)
            if not dry_run:
                record(ledger, STAGE, back.name, "", DONE, "brought back")
