"""Catalog of each field, plate solution of each frame, and the stars to measure."""

import collections
import dataclasses
import logging
import time

from ngcmos.astrometry.distortion import solution_from_header
from ngcmos.astrometry.vizier import SERVER
from ngcmos.errors import FrameError, UnsolvedError, WorkError
from ngcmos.night.frames import read_frame
from ngcmos.night.ledger import DONE, open_ledger, recall, record
from ngcmos.night.loop import HEADERS_TOGETHER, work_through
from ngcmos.night.outcome import Outcome
from ngcmos.steps.catalog import keep_catalog, read_catalog, select_stars
from ngcmos.steps.solution import (
    after_failure,
    is_solved,
    prepare_solving,
    search_solution,
    sight_frame,
    solve_one,
)

log = logging.getLogger(__name__)

STAGE = "simple_wrapper"


def run(
    config,
    night,
    *,
    defocus_mm=0.0,
    force3rd=False,
    save_matched_cat=False,
    catalogs=(),
    only=None,
    prepare_cards=None,
    server=SERVER,
    sleep=time.sleep,
    workers=1,
    quiet=False,
):
    """Write the catalogs of each field and the WCS cards of each frame that has none; an Outcome.

    Parameters
    ----------
    config : ngcmos.config.Config
    night : ngcmos.night.folder.Night
    defocus_mm : float
        Defocus of the telescope: wider detection kernels.
    force3rd : bool
        Fit the distortion to third order however few the stars.
    save_matched_cat : bool
        Keep the matched stars of each frame beside it.
    catalogs : sequence of paths
        Local TIC extracts to use instead of the network.
    only : {None, 'catalog', 'solve'}
        Do that part alone.
    prepare_cards : callable, optional
        `prepare_cards(config, sightings)` returns what `Solving.further_cards` is: cards of a later stage, so
        that a frame is written once for both.
    server : str
        Address of VizieR or a mirror.
    sleep : callable
        Waits so many seconds between two tries there.
    """
    outcome = Outcome(STAGE)
    loop = {"workers": workers, "quiet": quiet}
    with open_ledger(night.folder) as ledger:
        for field, paths in night.fields.items():
            with outcome.attempt(field):
                frames = _read_facts(config.camera, field, paths, outcome, ledger, loop)
                if only == "solve":
                    catalog = read_catalog(night.folder, field)
                else:
                    catalog = keep_catalog(
                        config, night, field, frames, catalogs, outcome, server=server, sleep=sleep
                    )
                if only == "catalog":
                    continue
                solving = prepare_solving(
                    config.camera,
                    catalog,
                    defocus_mm=defocus_mm,
                    force3rd=force3rd,
                    save_matched_cat=save_matched_cat,
                )
                if prepare_cards and not all(frame.is_solved for frame in frames):
                    solving = dataclasses.replace(solving, further_cards=prepare_cards(config, frames))
                _solve_field(solving, field, frames, outcome, ledger, loop)
                first = _first_solution(frames, config.camera)
                select_stars(config.camera, night, field, frames, catalog, first, outcome)
    return outcome


def _read_facts(camera, field, paths, outcome, ledger, loop):
    """The frames of a field by their headers, those that cannot be read refused."""
    frames = []
    loop = loop | {"together": HEADERS_TOGETHER, "label": f"headers {field}"}
    for path, result in work_through(sight_frame, paths, shared=(camera,), **loop):
        if isinstance(result, FrameError):
            outcome.settle(ledger, path, field, result)
        else:
            frames.append(result)
            _check_object(result, camera)
    if not frames:
        raise WorkError(f"none of {len(paths)} frames can be read")
    return frames


def _check_object(frame, camera):
    """Say where OBJECT is not of the field that the name gives; the sky decides which is right."""
    if frame.object_name and not frame.object_name.startswith(frame.field):
        log.warning(
            "%s: %s: %s is %r, expected one that begins with %s; solved as that field",
            STAGE,
            frame.name,
            camera.headers.object,
            frame.object_name,
            frame.field,
        )


def _read_header(path, camera):
    return read_frame(path, camera, pixels=False).header


def _solve_field(solving, field, frames, outcome, ledger, loop):
    """Solve the frames that have no solution yet, each from that of the first solved frame."""
    known = recall(ledger, STAGE, field)
    for frame in frames:
        if frame.is_solved:
            outcome.skipped.append(frame.name)
            if frame.name not in known:  # a run was stopped between the header and the ledger
                record(ledger, STAGE, frame.name, field, DONE, "found solved")
    pending = collections.deque(frame.path for frame in frames if not frame.is_solved)
    first = next((frame.path for frame in frames if frame.is_solved), None)
    reference = first and solution_from_header(_read_header(first, solving.camera))
    while pending and reference is None:
        path = pending.popleft()
        try:
            numbers = search_solution(path, solving)
        except FrameError as error:
            outcome.settle(ledger, path, field, error)
            solving = after_failure(solving, error, field)
            continue
        outcome.settle(ledger, path, field, None, numbers)
        reference = solution_from_header(_read_header(path, solving.camera))
    if reference is None:
        raise UnsolvedError(f"none of {len(frames)} frames could be solved")
    results = work_through(solve_one, list(pending), shared=(solving, reference), label=f"solve {field}", **loop)
    for path, result in results:
        outcome.settle(ledger, path, field, result, None if isinstance(result, FrameError) else result)


def _first_solution(frames, camera):
    """Plate solution of the first frame of the field that has one."""
    headers = (_read_header(frame.path, camera) for frame in frames)
    return solution_from_header(next(header for header in headers if is_solved(header)))
