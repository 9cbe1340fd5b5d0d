"""Make a movie of every fifth frame of each field of a night: a close-up and the full frame.

The products lie in shifts_plots/ under the base path.

Example:  ngcmos QC_control --night 20240705
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ngcmos.names import Stage, Verdict
from ngcmos.night.job import Job
from ngcmos.night.ledger import Entry, record
from ngcmos.night.outcome import Outcome
from ngcmos.night.products import control_path, make_folder, plots_folder
from ngcmos.qc.movie import write_movie
from ngcmos.steps.movie_cards import draw_cards


def run(job: Job) -> Outcome:
    """Write `control_{field}_{night}.mp4` of each field where it is missing or lacks frames; an Outcome."""
    base = job.config.directories.base
    make_folder(plots_folder(base))
    for field, paths in job.night.fields.items():
        with job.outcome.attempt(field):
            _film(job, field, paths, control_path(base, field, job.night.date))
    return job.outcome


def _film(job: Job, field: str, paths: Sequence[Path], path: Path) -> None:
    movie = job.camera.movie
    items = [(number, frame, "") for number, frame in list(enumerate(paths, 1))[:: movie.every]]
    names, everything = [frame.name for _, frame, _ in items], [frame.name for frame in paths]
    if _is_done(path, everything, job.recall(Stage.QC_CONTROL, field)):
        job.outcome.skipped.extend(names)
        return
    cards = draw_cards(job, items, path.parent, count=len(paths), label=f"movie {field}")
    write_movie(path, cards, fps=movie.fps)
    job.outcome.done.extend(names)
    job.outcome.products.append(path)
    numbers = {"frames": everything, "bytes": path.stat().st_size}
    record(job.ledger, Stage.QC_CONTROL, path.name, field, Verdict.DONE, numbers=numbers)


def _is_done(path: Path, names: Sequence[str], entries: Mapping[str, Entry]) -> bool:
    """Whether the movie lies there, whole, made when all these frames were known; some may have left since."""
    known = entries.get(path.name)
    if known is None or not path.exists() or path.stat().st_size != known.number("bytes"):
        return False
    return set(names) <= set(known.texts("frames"))
