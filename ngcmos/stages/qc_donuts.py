"""Measure the donuts shift of every frame of a night: JSON and PDF, and a movie of those that moved.

The products lie in shifts_plots/ under the base path.

Example:  ngcmos QC_Donuts --night 20240705
"""

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ngcmos.errors import FrameError
from ngcmos.names import ShiftVerdict, Stage
from ngcmos.night.folder import find_frame
from ngcmos.night.job import Job
from ngcmos.night.outcome import Outcome
from ngcmos.night.products import (
    bad_donuts_path,
    make_folder,
    plots_folder,
    shifts_path,
    write_text,
    write_then_rename,
)
from ngcmos.qc.movie import write_movie
from ngcmos.qc.plots import plot_shifts, write_figure
from ngcmos.qc.shifts import MeasuredShift, format_json, summarise
from ngcmos.steps.movie_cards import draw_cards
from ngcmos.steps.shifts import FieldShifts

log = logging.getLogger(__name__)


def run(job: Job, *, whole: bool = True) -> Outcome:
    """Write shifts, figure and movie of each field where they lack a frame; an Outcome.

    Where there was no time for the `whole` night there is no movie, and where most frames lie counts for now only.
    """
    make_folder(plots_folder(job.config.directories.base))
    for field, paths in job.night.fields.items():
        with job.outcome.attempt(field):
            shifts = FieldShifts(job, field)
            shifts.take(paths)
            shifts.settle(lasting=whole)
            references = shifts.require_reference(), shifts.turned_reference
            _report_field(job, field, references, shifts.shifts, movies=whole)
    return job.outcome


def _report_field(
    job: Job, field: str, references: tuple[str, str | None], shifts: Sequence[MeasuredShift], *, movies: bool
) -> None:
    base, date, outcome = job.config.directories.base, job.night.date, job.outcome
    large_px = job.camera.donuts.large_px
    summary = summarise(shifts, references, date, large_px=large_px, field=field)
    json_path, pdf_path = (shifts_path(base, field, date, suffix) for suffix in (".json", ".pdf"))
    if _is_same(json_path, summary) and pdf_path.exists():
        outcome.skipped.extend(measured.name for measured in shifts)
        return
    _count(shifts, outcome)
    figure = plot_shifts(shifts, references=references, field=field, night=date, large_px=large_px)
    with write_then_rename(pdf_path) as temporary:
        write_figure(figure, temporary, kind="pdf")
    large = [measured for measured in shifts if measured.shift.verdict == ShiftVerdict.LARGE]
    told = "%s: %s: %d of %d frames moved by %g px or more"
    log.info(told, Stage.QC_DONUTS, field, len(large), len(shifts), large_px)
    if movies:
        _write_bad_movie(job, bad_donuts_path(base, field, date), large)
    write_text(json_path, format_json(summary))  # last: where it stands, the others do
    outcome.products += [pdf_path, json_path]


def _count(shifts: Sequence[MeasuredShift], outcome: Outcome) -> None:
    for name, shift in ((measured.name, measured.shift) for measured in shifts):
        if shift.known:
            outcome.done.append(name)
        else:
            reason = shift.reason.removeprefix(f"{name}: ")
            outcome.refuse(name, FrameError(f"{name}: no shift: {shift.verdict}: {reason}"))


def _is_same(path: Path, summary: dict[str, Any]) -> bool:
    """Whether the file holds this summary already."""
    try:
        return bool(json.loads(path.read_text(encoding="utf-8")) == json.loads(json.dumps(summary)))
    except (OSError, ValueError):
        return False


def _write_bad_movie(job: Job, path: Path, large: Sequence[MeasuredShift]) -> None:
    """Movie of the frames with large shifts; none where there are none."""
    if not large:
        path.unlink(missing_ok=True)  # of an earlier run, when more frames counted as moved
        return
    notes = {m.name: f"shift x {m.shift.x:+.2f}, y {m.shift.y:+.2f} px" for m in large}
    items = [(number, find_frame(job.folder, m.name), notes[m.name]) for number, m in enumerate(large, 1)]
    with job.outcome.attempt(path.name):
        write_movie(path, draw_cards(job, items, path.parent, label="movie"), fps=job.camera.movie.fps)
        job.outcome.products.append(path)
