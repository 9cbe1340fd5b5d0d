"""A movie of each field: every fifth frame, close-up and whole."""

import logging

from ngcmos.night.ledger import DONE, open_ledger, recall, record
from ngcmos.night.outcome import Outcome
from ngcmos.night.products import control_path, make_folder, plots_folder
from ngcmos.qc.movie import write_movie
from ngcmos.steps.movie_cards import draw_cards

log = logging.getLogger(__name__)

STAGE = "QC_control"


def run(config, night, *, workers=1, quiet=False):
    """Write `control_{field}_{night}.mp4` of each field where it is missing or lacks frames; an Outcome."""
    outcome = Outcome(STAGE)
    make_folder(plots_folder(config.directories.base))
    with open_ledger(night.folder) as ledger:
        for field, paths in night.fields.items():
            path = control_path(config.directories.base, field, night.date)
            with outcome.attempt(field):
                _film(config.camera, field, paths, path, outcome, ledger, {"workers": workers, "quiet": quiet})
    return outcome


def _film(camera, field, paths, path, outcome, ledger, loop):
    every = camera.movie.every
    shown = list(enumerate(paths, 1))[::every]
    names = [frame.name for _, frame in shown]
    everything = [frame.name for frame in paths]
    if _is_done(path, everything, recall(ledger, STAGE, field)):
        outcome.skipped.extend(names)
        return
    items = [(number, frame, "") for number, frame in shown]
    cards = draw_cards(camera, items, path.parent, count=len(paths), label=f"movie {field}", **loop)
    write_movie(path, cards, fps=camera.movie.fps)
    outcome.done.extend(names)
    outcome.products.append(path)
    record(ledger, STAGE, path.name, field, DONE, numbers={"frames": everything, "bytes": path.stat().st_size})


def _is_done(path, names, entries):
    """Whether the movie lies there, whole, made when all these frames were known; some may have left since."""
    known = entries.get(path.name)
    if known is None or not path.exists() or path.stat().st_size != known.numbers["bytes"]:
        return False
    return set(names) <= set(known.numbers["frames"])
