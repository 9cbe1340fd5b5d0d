"""The chain of a night: every stage in its order, only where something is missing, none stopped by another."""

import contextlib
import dataclasses
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ngcmos.arrays import Place
from ngcmos.chain.deadline import find_deadline
from ngcmos.chain.registry import Entry, chosen_stages
from ngcmos.chain.schedule import Schedule, hurried_schedule
from ngcmos.chain.telling import StageRun, tell_end, tell_stages
from ngcmos.config import Config
from ngcmos.errors import ProductError, UsageError, WorkError, WriteError
from ngcmos.names import Record, Stage, Verdict
from ngcmos.night.accounting import Kind, sum_up
from ngcmos.night.disk import require_space
from ngcmos.night.folder import Night, open_night
from ngcmos.night.job import open_job
from ngcmos.night.ledger import open_ledger, read_ledger, recall, record
from ngcmos.night.outcome import Outcome
from ngcmos.night.products import photometry_path
from ngcmos.night.provenance import StaleProduct, stale_products
from ngcmos.night.remarks import Remark, read_remarks
from ngcmos.steps.solve_options import SolveOptions

log = logging.getLogger(__name__)

RUN = "run_night"


@dataclasses.dataclass(frozen=True)
class RunOptions:
    """What is asked of the chain.

    Attributes
    ----------
    catalogs : sequence of paths
        Local TIC extracts for simple_wrapper.
    center : (float, float), optional
        Where the fields are, whatever their cards say; degrees.
    only, skip : sequence of str
        Names of stages.
    overwrite : bool
        Solve, measure and compare anew what was done before.
    commands : sequence of (str, str)
        For the morning page: what for, and the line to type.
    deadline : str
        When it has to end, see `ngcmos.chain.deadline`; "" is that of the profile.
    now : callable
        The clock, Unix seconds.
    """

    catalogs: Sequence[str | Path] = ()
    center: Place | None = None
    only: Sequence[str] = ()
    skip: Sequence[str] = ()
    overwrite: bool = False
    commands: Sequence[tuple[str, str]] = ()
    deadline: str = ""
    now: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        if self.deadline and self.overwrite:
            raise UsageError("--overwrite makes all anew, however long it takes: expected no --deadline with it")


WHOLE = RunOptions()


@dataclasses.dataclass
class ChainOutcome(Outcome):
    """Outcome whose `done` and `failed` are stages; `stale` are products that would be made otherwise today."""

    stale: list[StaleProduct] = dataclasses.field(default_factory=list)

    def summary(self) -> str:
        """One line for the log."""
        told = f"{self.stage}: {len(self.done)} stages done"
        trouble = f", {len(self.failed)} in trouble, the first: {self.troubles[0]}" if self.troubles else ""
        stale = f"; {len(self.stale)} products of another reduction: {self.stale[0]}" if self.stale else ""
        return told + trouble + stale


def run(
    config: Config, folder: Path, options: RunOptions = WHOLE, *, workers: int = 1, quiet: bool = False
) -> ChainOutcome:
    """Run the stages of a night.

    Parameters
    ----------
    config : ngcmos.config.Config
    folder : Path
        The night folder.
    options : RunOptions
    workers : int
        Processes of stages that work in several.
    quiet : bool
        No progress bars.
    """
    total = ChainOutcome(RUN)
    runs: list[StageRun] = []
    chosen = chosen_stages(options.only, options.skip)
    place = _Place(config, folder)
    schedule = place.schedule = _schedule(place, chosen, options, (workers, quiet))
    names = [entry.name for entry in chosen]
    for entry in schedule.stages:
        if any(one.outcome.out_of_disk for one in runs) and entry.name != Stage.NIGHT_REPORT:
            continue
        if entry.of_table and not _tables(folder) and not _are_extras(chosen):
            log.info("%s: no photometry table, nothing to make", entry.name)
            continue
        if not schedule.has_time_for(entry.name):
            continue
        started = time.monotonic()
        processes = workers if entry.parallel else 1
        arguments = _arguments(entry, options, names) | _hurried(entry, schedule)
        outcome = _run_stage(place, entry, arguments, (processes, quiet))
        runs.append(StageRun(entry, outcome, time.monotonic() - started))
        _remember(folder, runs[-1])
        _add(total, runs[-1], chosen)
    total.stale = _stale(folder)
    _account(place, total)
    page = _tell(runs, folder, total.stale, schedule.say_left())
    if page is not None:
        total.headline, total.is_silent = page.headline, page.is_silent
    return total


def _schedule(place: "_Place", chosen: Sequence[Entry], options: RunOptions, work: tuple[int, bool]) -> Schedule:
    """What is worked on; where everything is made anew there is no deadline."""
    asked = "" if options.overwrite else options.deadline or place.config.camera.chain.deadline
    if not asked:
        return Schedule(chosen)
    night = place.open()
    deadline = find_deadline(asked, night.date, place.config.site, options.now)
    if deadline is None:
        log.info("deadline %s: passed, everything is done now", asked)
        return Schedule(chosen)
    workers, quiet = work
    with open_job(Stage.PROCESS_CMOS, place.config, night, workers=workers, quiet=quiet) as job:
        return hurried_schedule(job, chosen, _solving(options, [entry.name for entry in chosen]), deadline)


def _solving(options: RunOptions, names: Sequence[Stage]) -> SolveOptions:
    both = Stage.ADDING_HEADERS in names  # then a frame is written once for both
    return SolveOptions(options.catalogs, options.center, overwrite=options.overwrite, time_cards=both)


def _hurried(entry: Entry, schedule: Schedule) -> dict[str, Any]:
    """What a stage is told where time has run out."""
    of_part = {Stage.QC_DONUTS: {"whole": False}, Stage.CHECK_CMOS: {"dry_run": True}}
    return of_part.get(entry.name, {}) if schedule.is_late else {}


def _arguments(entry: Entry, options: RunOptions, names: Sequence[Stage]) -> dict[str, Any]:
    """What a stage is told beside its job."""
    if entry.name == Stage.SIMPLE_WRAPPER:
        return {"options": _solving(options, names)}
    if entry.name == Stage.NIGHT_REPORT:
        return {"commands": options.commands}
    if entry.name == Stage.SEASON:  # it sees by itself that the night is another one now
        return {}
    return {"overwrite": options.overwrite} if entry.name == Stage.PROCESS_CMOS or entry.of_table else {}


def _tables(folder: Path) -> list[Path]:
    return sorted(folder.glob(photometry_path(folder, "*").name))


def _is_excused(one: StageRun, chosen: Sequence[Entry]) -> bool:
    """Whether a night is none the worse for a stage that failed; not where nothing else was asked for."""
    full = one.outcome.out_of_disk and one.entry.name != Stage.NIGHT_REPORT
    return one.entry.extra and not full and not _are_extras(chosen)


def _are_extras(chosen: Sequence[Entry]) -> bool:
    return all(entry.extra for entry in chosen)


@dataclasses.dataclass
class _Place:
    """Where the chain is: the night as it was opened last, so that headers are read once."""

    config: Config
    folder: Path
    night: Night | None = None
    schedule: Schedule = dataclasses.field(default_factory=lambda: Schedule([]))

    def open(self, stage: Stage = Stage.NIGHT_REPORT) -> Night:
        """The night as it is now, with the frames that a stage is to work on."""
        self.night = open_night(self.config, self.folder, known=self.night)
        return self.schedule.restricted(self.night, stage)


def _run_stage(place: _Place, entry: Entry, arguments: dict[str, Any], work: tuple[int, bool]) -> Outcome:
    """Outcome of one stage; whatever goes wrong in it stays in it, as if it were a process of its own."""
    outcome = Outcome(entry.name)
    workers, quiet = work
    try:
        if entry.name != Stage.NIGHT_REPORT:  # a page is small, and tells that the disk is full
            require_space(place.folder, place.config.camera.files.reserve_mb)
        with open_job(entry.name, place.config, place.open(entry.name), workers=workers, quiet=quiet) as job:
            outcome = job.outcome
            return entry.run(job, **arguments)
    except WriteError as error:
        outcome.out_of_disk = True
        outcome.troubles.append(str(error))
        log.error("%s: %s; nothing further is tried", entry.name, error)
    except WorkError as error:
        outcome.troubles.append(str(error))
        log.error("%s: %s", entry.name, error)
    except Exception as error:  # a bug of ours in one stage must not cost the others
        outcome.troubles.append(f"a bug in ngcmos: {error!r}")
        log.exception("%s: a bug in ngcmos, please report it with this traceback", entry.name)
    return outcome


def _remember(folder: Path, one: StageRun) -> None:
    """Write into the ledger what a stage did and how long it took, where anything can be written."""
    outcome, script = one.outcome, one.entry.name
    counts = {"done": len(outcome.done), "before": len(outcome.skipped), "refused": len(outcome.failed)}
    numbers: dict[str, Any] = {**counts, "seconds": round(one.seconds, 1), "order": list(Stage).index(script)}
    numbers["troubles"] = list(outcome.troubles)
    verdict = Verdict.REFUSED if outcome.exit_code else Verdict.DONE
    reason = "; ".join(outcome.troubles) or ("all frames refused" if outcome.exit_code else "")
    with contextlib.suppress(WriteError), open_ledger(folder) as ledger:
        earlier = recall(ledger, Record.RUN).get(script)
        if (
            not outcome.done
            and verdict == Verdict.DONE
            and earlier is not None
            and earlier.verdict == Verdict.DONE
        ):
            return  # nothing was left to do: the run that did it says more
        record(ledger, Record.RUN, script, "", verdict, reason, numbers)


def _add(total: ChainOutcome, one: StageRun, chosen: Sequence[Entry]) -> None:
    outcome, script = one.outcome, one.entry.name
    total.products.extend(outcome.products)
    if outcome.exit_code and _is_excused(one, chosen):
        return  # told in the log and on the page
    total.troubles.extend(f"{script}: {trouble}" for trouble in outcome.troubles)
    if outcome.exit_code:
        total.failed[script] = outcome.troubles[0] if outcome.troubles else "all frames refused"
    else:
        total.done.append(script)


def _stale(folder: Path) -> list[StaleProduct]:
    try:
        return stale_products(read_ledger(folder))
    except ProductError:  # told by the stages
        return []


def _remarks(folder: Path) -> list[Remark]:
    try:
        return read_remarks(read_ledger(folder))
    except ProductError:  # told by the stages
        return []


def _account(place: _Place, total: ChainOutcome) -> None:
    """Say what the files of the night are; a night of which no file is looked at has failed."""
    if place.night is None:
        return
    frames = sum(map(len, place.night.whole_fields.values()))
    log.info("files: %s", sum_up(place.night.others, frames))
    unseen = [one for one in place.night.others if one.kind == Kind.NOT_LOOKED_AT]
    if not frames and unseen:
        told = f"none of {len(unseen)} files is looked at: {unseen[0].path.name}: {unseen[0].reason}"
        total.troubles.append(told)
        total.failed[RUN] = told
        log.error("%s", told)


def _tell(runs: Sequence[StageRun], folder: Path, stale: Sequence[StaleProduct], left: str) -> Outcome | None:
    """The table at the end, then what is stale, where the photometry lies, and how the night is; by its page."""
    tell_stages(runs)
    for product in stale:
        log.info("stale: %s; --overwrite makes it anew", product)
    for path in _tables(folder):
        log.info("photometry: %s", path)
    return tell_end(runs, _remarks(folder), left)
