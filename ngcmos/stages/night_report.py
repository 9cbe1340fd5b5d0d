"""The morning page: how the night was, what became of every field, and what to do; from products and ledger alone.

``run(job) -> Outcome`` writes `night_report.html` into the night, a copy by date into `shifts_plots/`,
and `shifts_plots/index.html` of all nights, and draws the pages of its seasons again, which tell of masters too.
It is made whatever failed before it, and changes nothing else.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

from ngcmos.errors import ProductError
from ngcmos.names import Stage
from ngcmos.night.job import Job
from ngcmos.night.outcome import Outcome
from ngcmos.night.products import (
    bad_donuts_path,
    control_path,
    make_folder,
    plots_folder,
    report_copy_path,
    report_index_path,
    report_path,
    shifts_path,
    write_text,
)
from ngcmos.report.digest import is_silent, say_night, tell_night
from ngcmos.report.field import Exhibits
from ngcmos.report.night import gather
from ngcmos.report.page import draw_index, draw_page
from ngcmos.report.pictures import draw_field
from ngcmos.report.season_page import write_season
from ngcmos.report.solution import draw_solution, read_stars_of_night
from ngcmos.report.summary import read_summaries
from ngcmos.season.archive import season_folder

log = logging.getLogger(__name__)

MAX_BYTES = 5_000_000


def run(job: Job, *, commands: Sequence[tuple[str, str]] = ()) -> Outcome:
    """Write the page of a night and the index of all; an Outcome.

    Parameters
    ----------
    job : ngcmos.night.job.Job
        Its ledger is only read.
    commands : sequence of (str, str)
        What for, and the line to type: how to run the rest of the night again.

    Raises
    ------
    WriteError
        The page could not be written.
    """
    outcome, config, night = job.outcome, job.config, job.night
    base = config.directories.base
    make_folder(plots_folder(base))
    facts = gather(config, night, commands)
    drawn = {field.name: _draw_solution(job, field.name) for field in facts.fields}
    links = {field.name: find_products(base, field.name, night.date) for field in facts.fields}
    pictured = {
        field.name: Exhibits(links[field.name], [*draw_field(field), *drawn[field.name]]) for field in facts.fields
    }
    whole = draw_page(facts, pictured)
    if (size := len(whole.encode())) > MAX_BYTES:
        log.warning("%s: %d bytes with thumbnails, expected %d; left out", Stage.NIGHT_REPORT, size, MAX_BYTES)
        whole = draw_page(facts, {name: Exhibits(own) for name, own in links.items()})
    for path in (report_path(night.folder), report_copy_path(base, night.date)):
        write_text(path, _place_links(whole, path, base))
        outcome.products.append(path)
    write_text(report_index_path(base), draw_index(read_summaries(base)))
    outcome.products.append(report_index_path(base))
    _draw_seasons(job, [field.name for field in facts.fields])
    outcome.done.append(night.date)
    outcome.told, outcome.headline = tell_night(facts, report_path(night.folder)), say_night(facts)
    outcome.is_silent = is_silent(facts)
    return outcome


def _draw_solution(job: Job, field: str) -> list[tuple[bytes, str]]:
    """[(JPEG, caption), ...] of the plate solution and zero point of a field; the large ones are written."""
    stars = read_stars_of_night(job.folder, field, job.camera)
    if stars is None:
        return []
    drawn = draw_solution(job.config.directories.base, field, job.night.date, stars)
    job.outcome.products += drawn.large
    return drawn.small


def _draw_seasons(job: Job, fields: Sequence[str]) -> None:
    """The pages of the seasons again, which tell of the masters of this night now."""
    base = job.config.directories.base
    for folder in (season_folder(base, field) for field in fields):
        if not folder.stars.is_file():
            continue
        try:
            if write_season(folder, base, job.config.camera.detector.shape):
                job.outcome.products.append(folder.page)
        except ProductError as error:
            log.warning("%s: %s", Stage.NIGHT_REPORT, error)


def find_products(base: Path, field: str, date: str) -> list[tuple[str, str]]:
    """[(name, label), ...] of the pictures and movies of a field that are there, all in `shifts_plots`."""
    known = [
        (shifts_path(base, field, date, ".pdf"), "shifts (PDF)"),
        (control_path(base, field, date), "movie"),
        (bad_donuts_path(base, field, date), "movie of the frames that moved"),
        (plots_folder(base) / f"wcs_residuals_{field}_{date}.png", "residuals of the plate solution"),
        (plots_folder(base) / f"zero_point_{field}_{date}.png", "zero point"),
    ]
    return [(f"PLOTS/{path.name}", label) for path, label in known if path.exists()]


def _place_links(whole: str, path: Path, base: Path) -> str:
    """The page with its links to products as they are seen from where it lies."""
    plots = plots_folder(base)
    if path.parent == plots:
        prefix = ""
    elif path.parent.parent == base:
        prefix = f"../{plots.name}/"
    else:
        prefix = plots.absolute().as_uri() + "/"
    return whole.replace('href="PLOTS/', f'href="{prefix}').replace('href="INDEX"', f'href="{prefix}index.html"')
