"""The season of each field of a night: one star over all nights, and what varies, repeats or dips.

Brings the night into `BASE/seasons/{field}/`, again where its photometry changed, and takes out nights that are
gone; a few others that are not in it yet come along. The files are described in docs/season.md.
"""

import dataclasses
import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from astropy.table import Table

from ngcmos.config import Config
from ngcmos.errors import NightError, ProductError, WorkError
from ngcmos.names import Record, Stage, Verdict
from ngcmos.night.exclusions import read_exclusions
from ngcmos.night.job import Job
from ngcmos.night.ledger import record
from ngcmos.night.lock import hold_night
from ngcmos.night.outcome import Outcome
from ngcmos.night.products import photometry_path, sweep_temporaries
from ngcmos.night.remarks import FOUND, keep_remark
from ngcmos.report.season_page import write_season
from ngcmos.season.archive import SeasonFolder, season_folder
from ngcmos.season.binned import read_binned
from ngcmos.season.build import Changes
from ngcmos.season.injection import completeness, write_completeness
from ngcmos.season.known import KnownStars
from ngcmos.season.news import known_in, news_of
from ngcmos.season.reader import Season
from ngcmos.season.search import SURE_SNR
from ngcmos.season.source import Source
from ngcmos.season.sources import (
    NIGHT,
    copies_among,
    find_sources,
    remember_others,
    say_copies,
    wanted_sources,
)
from ngcmos.season.standing import Standing
from ngcmos.season.update import update
from ngcmos.steps.known import load_known

log = logging.getLogger(__name__)

MOST_OTHERS = 3  # nights that come along with the one of the morning


@dataclasses.dataclass(frozen=True)
class Crew:
    """Who searches the stars: so many processes, or the workers of a Dask scheduler."""

    workers: int = 1
    scheduler: str = ""


@dataclasses.dataclass(frozen=True)
class Wish:
    """Which nights come into a season.

    Attributes
    ----------
    nights : sequence of str, optional
        All that are there by default.
    most_others : int
        Nights that nobody has asked for which may come in too.
    overwrite : bool
        Make the seasons anew, from the tables of all their nights.
    others : sequence of Path
        Base paths of other telescopes, whose nights join from now on.
    patient : bool
        In a large season look for periods and dips anew only when a twentieth of its nights has come since.
    """

    nights: Sequence[str] | None = None
    most_others: int = 0
    overwrite: bool = False
    others: Sequence[Path] = ()
    patient: bool = False


def run(job: Job) -> Outcome:
    """Bring the night into the season of each of its fields; an Outcome.

    Nights are known by their date: frames in a folder of another name are in no season, which is said.

    Raises
    ------
    WorkError
        There is no photometry table, or the night does not lie under the base path.
    """
    tables = sorted(job.folder.glob(photometry_path(job.folder, "*").name))
    if not tables:
        raise WorkError(f"{job.folder}: no phot_*.fits, expected one a field; run {Stage.PROCESS_CMOS} first")
    base = job.config.directories.base
    if not NIGHT.fullmatch(job.folder.name):
        log.info("%s: no season, its folder is not named by the date of a night (YYYYMMDD)", job.folder.name)
        return job.outcome
    if job.folder.parent.resolve() != base.resolve():
        raise WorkError(f"{job.folder}: not under {base}, which holds the nights of its seasons")
    fields = [path.stem.removeprefix("phot_") for path in tables]
    wish = Wish([job.folder.name], most_others=MOST_OTHERS, patient=True)
    seasons = bring_in(job.config, job.outcome, fields, wish, Crew(job.workers))
    for field, (before, after) in seasons.items():
        tell_news(job, field, known_in(before), after)
    return job.outcome


def tell_news(job: Job, field: str, known: Mapping[str, Sequence[str]], after: Table) -> None:
    """Keep what the night has brought.

    The newest night is held against what its season knew when it first came in, so that what it brings is the same
    however often it is made anew, and whatever was left out in between. News of older ones are of their own day.
    """
    folder = season_folder(job.config.directories.base, field)
    if job.folder.name < max(name[:8] for name in folder.nights()):
        if text := news_of(known, after):
            keep_remark(job.ledger, field, FOUND, text)
        return
    first = job.recall(Record.KNOWN, field).get(f"{field}:known")
    if first is None:
        record(job.ledger, Record.KNOWN, f"{field}:known", field, Verdict.DONE, "", known)
    text = news_of({what: first.texts(what) for what in known} if first else known, after)
    if text or first:
        keep_remark(job.ledger, field, FOUND, text)


def bring_in(
    config: Config,
    outcome: Outcome,
    fields: Iterable[str],
    wish: Wish = Wish(),
    crew: Crew = Crew(),
) -> dict[str, tuple[Table, Table]]:
    """Bring nights into the seasons of fields; the stars of each that was there, before and after.

    Parameters
    ----------
    config : ngcmos.config.Config
    outcome : Outcome
        What is done and what is not is entered here.
    fields : iterable of str
    wish : Wish
    crew : Crew
    """
    base = config.directories.base
    seasons = {}
    for field in fields:
        with outcome.attempt(field):
            folder = season_folder(base, field)
            folder.make()
            with hold_night(folder.path):
                _sweep(folder)
                sources, copies = _sources(config, folder, wish.others)
                wanted = [name for name in sources if wish.nights is None or name[:8] in wish.nights]
                chosen, rest = wanted_sources(folder, sources, wanted, most_others=wish.most_others)
                before = _stars_of(folder)
                who = dataclasses.asdict(crew)
                changes, gathered = update(
                    folder, chosen, overwrite=wish.overwrite, patient=wish.patient, copies=copies, **who
                )
                drawn = write_season(folder, base, config.camera.detector.shape, gathered)
                del gathered
            _enter(outcome, folder, changes, rest)
            outcome.products += [folder.page] if drawn else []
            after = _stars_of(folder)
            if before is not None and after is not None:
                seasons[field] = (before, after)
    return seasons


def map_completeness(config: Config, outcome: Outcome, fields: Iterable[str], *, workers: int = 1) -> None:
    """Plant transits into the seasons of fields, and tell on their pages which of them are found.

    Parameters
    ----------
    config : ngcmos.config.Config
    outcome : Outcome
        What goes wrong is entered here.
    fields : iterable of str
    workers : int
    """
    base = config.directories.base
    for field in fields:
        with outcome.attempt(field):
            folder = season_folder(base, field)
            with hold_night(folder.path):
                season = Season(folder)
                stars = season.stars.as_array()
                binned = read_binned([folder.bins(name) for name in season.nights], stars)
                quiet = ~stars["variable"].astype(bool) & ~(stars["dip_snr"] >= SURE_SNR)
                write_completeness(folder, completeness(binned, quiet, workers=workers))
                write_season(folder, base, config.camera.detector.shape)
            outcome.products.append(folder.page)


def _sources(config: Config, folder: SeasonFolder, others: Sequence[Path]) -> tuple[dict[str, Source], str]:
    """(The nights that are there, of all telescopes, and what is known of their stars; which are copies)."""
    rows = [base for base in config.directories.others if find_sources(base, folder.field, config.camera)]
    telescopes = remember_others(folder, [*rows, *others])
    sources = find_sources(config.directories.base, folder.field, config.camera, others=telescopes)
    known = KnownStars(load_known(config, folder.field, _newest_folder(sources)))
    sources = {name: _with_word(config, one, known) for name, one in sources.items()}
    for name in (copies := copies_among(sources, folder)):
        del sources[name]
    return sources, say_copies(copies)


def _with_word(config: Config, source: Source, known: KnownStars) -> Source:
    """A source with the known stars, and with what the observer leaves out."""
    exclusions = read_exclusions(source.folder, config.directories.out)
    return dataclasses.replace(source, known=known, exclusions=exclusions)


def _newest_folder(sources: Mapping[str, Source]) -> Path:
    """That of the newest night; one that is not there where there is none."""
    return sources[max(sources)].folder if sources else Path("/nonexistent")


def _stars_of(folder: SeasonFolder) -> Table | None:
    """The stars of a season; None where there is none yet, or a damaged one: then all of it is looked at."""
    try:
        return Season(folder).stars
    except NightError:
        return None
    except ProductError:
        Standing(folder.path).forget_all()
        return None


def _sweep(folder: SeasonFolder) -> None:
    """Remove what a run that was stopped has left half written."""
    for place in (folder.path, *(path for path in folder.path.iterdir() if path.is_dir())):
        for name in sweep_temporaries(place):
            log.info("removed the leftover %s of a run that was stopped", name)


def _enter(outcome: Outcome, folder: SeasonFolder, changes: Changes, rest: Sequence[str]) -> None:
    """What became of a season, into the outcome and the log."""
    for name, reason in changes.refused.items():
        outcome.troubles.append(f"{folder.field}: {name}: {reason}")
    outcome.done += [f"{folder.field} {name}" for name in changes.brought]
    outcome.skipped += [] if changes.any else [folder.field]
    outcome.products += [folder.curves(name) for name in (*changes.brought, *changes.rewritten)]
    counts = (
        f"{len(changes.brought)} nights in, {len(changes.rewritten)} on a new scale, {len(changes.removed)} gone"
    )
    log.info("%s: %s: %s", Stage.SEASON, folder.field, counts)
    if rest:
        said = f"{rest[0]} to {rest[-1]}" if len(rest) > 1 else rest[0]
        log.info(
            "%s: %s: %d other nights are not in it (%s); %s.py brings them in",
            *(Stage.SEASON, folder.field, len(rest), said, Stage.SEASON),
        )
