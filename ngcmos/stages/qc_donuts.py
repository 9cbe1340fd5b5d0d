"""Shifts of every frame of a night: JSON, figure, and a movie of the frames that moved."""

import json
import logging

from ngcmos.errors import FrameError
from ngcmos.night.folder import find_frame
from ngcmos.night.ledger import open_ledger
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
from ngcmos.qc.plots import plot_shifts
from ngcmos.qc.shifts import LARGE, format_json, summarise
from ngcmos.steps.movie_cards import draw_cards
from ngcmos.steps.shifts import measure_field

log = logging.getLogger(__name__)

STAGE = "QC_Donuts"


def run(config, night, *, workers=1, quiet=False):
    """Write shifts, figure and movie of each field where they lack a frame; an Outcome."""
    outcome = Outcome(STAGE)
    make_folder(plots_folder(config.directories.base))
    with open_ledger(night.folder) as ledger:
        for field, paths in night.fields.items():
            with outcome.attempt(field):
                _report_field(config, night, field, paths, outcome, ledger, {"workers": workers, "quiet": quiet})
    return outcome


def _report_field(config, night, field, paths, outcome, ledger, loop):
    reference, shifts = measure_field(config, field, paths, ledger, **loop)
    base, donuts = config.directories.base, config.camera.donuts
    summary = summarise(shifts, reference, night.date, large_px=donuts.large_px, field=field)
    text = format_json(summary)
    json_path, pdf_path = (shifts_path(base, field, night.date, suffix) for suffix in (".json", ".pdf"))
    if _is_same(json_path, summary) and pdf_path.exists():
        outcome.skipped.extend(measured.name for measured in shifts)
        return
    for name, shift in ((measured.name, measured.shift) for measured in shifts):
        if shift.known:
            outcome.done.append(name)
        else:
            reason = shift.reason.removeprefix(f"{name}: ")
            outcome.refuse(name, FrameError(f"{name}: no shift: {shift.verdict}: {reason}"))
    figure = plot_shifts(shifts, reference=reference, field=field, night=night.date, large_px=donuts.large_px)
    with write_then_rename(pdf_path) as temporary:
        figure.savefig(temporary, format="pdf")
    large = [measured for measured in shifts if measured.shift.verdict == LARGE]
    log.info(
        "%s: %s: %d of %d frames moved by %g px or more", STAGE, field, len(large), len(shifts), donuts.large_px
    )
    movie = bad_donuts_path(base, field, night.date)
    _write_bad_movie(config, movie, night.folder, large, outcome, loop)
    write_text(json_path, text)  # last: where it stands, the others do
    outcome.products += [pdf_path, json_path]


def _is_same(path, summary):
    """Whether the file holds this summary already."""
    try:
        return json.loads(path.read_text(encoding="utf-8")) == json.loads(json.dumps(summary))
    except (OSError, ValueError):
        return False


def _write_bad_movie(config, path, folder, large, outcome, loop):
    """Movie of the frames with large shifts; none where there are none."""
    if not large:
        path.unlink(missing_ok=True)  # of an earlier run, when more frames counted as moved
        return
    notes = {m.name: f"shift x {m.shift.x:+.2f}, y {m.shift.y:+.2f} px" for m in large}
    items = [(number, find_frame(folder, m.name), notes[m.name]) for number, m in enumerate(large, 1)]
    with outcome.attempt(path.name):
        cards = draw_cards(config.camera, items, path.parent, label="movie", **loop)
        write_movie(path, cards, fps=config.camera.movie.fps)
        outcome.products.append(path)
