"""Many nights, each by the chain of one night: in processes of this machine, or on a Dask cluster.

Both call `run_one`. A night stands for itself: what goes wrong in it stays in its report. A night whose process or
cluster worker dies is begun again, and as the chain does only what is missing, it is continued.
"""

import collections
import contextlib
import dataclasses
import datetime
import importlib
import logging
import multiprocessing
import os
import socket
import time
import uuid
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from ngcmos.chain import night as chain
from ngcmos.chain.night import WHOLE, ChainOutcome, RunOptions
from ngcmos.chain.registry import STAGES, chosen_stages
from ngcmos.config import Config
from ngcmos.errors import LockedError, NgcmosError, NightError, ProductError, ToolError, UsageError
from ngcmos.names import Stage
from ngcmos.night.cluster import connect, import_distributed
from ngcmos.night.fingerprint import Inputs
from ngcmos.night.folder import find_folder
from ngcmos.night.lock import hold_night
from ngcmos.night.loop import follow_parent
from ngcmos.night.outcome import Outcome
from ngcmos.night.products import photometry_path
from ngcmos.night.session import log_in, sweep
from ngcmos.night.terminal import tell_summary
from ngcmos.stages.season import Crew, Wish, bring_in
from ngcmos.tables.table import check_table

log = logging.getLogger(__name__)

TRIES = 3
LOCK_WAIT_S = 120.0  # a network file system may hold the lock of a dead machine that long
_LOADED_BY_NIGHTS = (
    *("astropy.coordinates", "astropy.table", "imageio_ffmpeg", "scipy.ndimage", "scipy.optimize"),
    *("matplotlib.backends.backend_agg", "matplotlib.backends.backend_pdf", "matplotlib.figure"),
    "ngcmos.qc.projection",
)


@dataclasses.dataclass(frozen=True)
class Report:
    """How a night went.

    Attributes
    ----------
    night : str
    exit_code : int
        As of run_night.
    frames, tables : int
        Frames in its photometry tables, and tables.
    seconds : float
    where : str
        Machine and process.
    troubles : tuple of str
    reduction : str
        Settings and code that its tables were made with, as JSON.
    stale : tuple of str
        Products that would be made otherwise today.
    headline : str
        The night in one line; "" where it has no page, or needs no word.
    """

    night: str
    exit_code: int
    frames: int
    tables: int
    seconds: float
    where: str
    troubles: tuple[str, ...] = ()
    reduction: str = ""
    stale: tuple[str, ...] = ()
    headline: str = ""


Running = tuple[Connection, BaseProcess]


def choose_nights(config: Config, text: str) -> list[str]:
    """Nights of `20240701:20240731` (those that are there) or of `20240701,20240705` (all of them).

    Raises
    ------
    UsageError
        A date is none, or the range is empty.
    NightError
        No night of the range is there.
    """
    if ":" not in text:
        return list(dict.fromkeys(_date(one).strftime("%Y%m%d") for one in text.split(",")))
    first, last = (_date(one) for one in text.split(":", 1))
    days = [first + datetime.timedelta(days) for days in range((last - first).days + 1)]
    if not days:
        raise UsageError(f"--nights {text}: empty, expected the earlier night first")
    names = [day.strftime("%Y%m%d") for day in days]
    there = [name for name in names if (config.directories.base / name).is_dir()]
    if not there:
        raise NightError(f"no night found: none of {text} in {config.directories.base}")
    return there


def _date(text: str) -> datetime.date:
    try:
        if len(text) != len("20240705"):
            raise ValueError
        return datetime.datetime.strptime(text, "%Y%m%d").date()
    except ValueError:
        raise UsageError(f"--nights: {text!r} is no night, expected one as 20240705") from None


def run_one(date: str, config: Config, options: RunOptions) -> Report:
    """Report of a night after the chain: what each process, here or on a cluster, calls.

    Parameters
    ----------
    date : str
        YYYYMMDD.
    config : ngcmos.config.Config
    options : RunOptions
    """
    started = time.monotonic()
    code, troubles, stale, headline = 1, [], [], ""
    folder = config.directories.base / date
    try:
        folder = find_folder(config, night=date)
        outcome = _run_chain(config, folder, options)
        code, troubles, stale = outcome.exit_code, outcome.troubles, outcome.stale
        headline = "" if outcome.is_silent else outcome.headline
    except NgcmosError as error:
        code, troubles = error.exit_code, [str(error)]
    except Exception as error:  # a bug of ours in one night must not cost the others
        log.exception("%s: a bug in ngcmos, please report it with this traceback", date)
        troubles = [f"a bug in ngcmos: {error!r}"]
    tables = list(_headers_of_tables(folder))
    where = f"{socket.gethostname()}, process {os.getpid()}"
    reduction = Inputs.read(str(tables[0].get("INPUTS", ""))).reduction.text if tables else ""
    frames, seconds = sum(header["NFRAMES"] for header in tables), time.monotonic() - started
    said = tuple(map(str, stale))
    return Report(date, code, frames, len(tables), seconds, where, tuple(troubles), reduction, said, headline)


def _run_chain(config: Config, folder: Path, options: RunOptions) -> ChainOutcome:
    with contextlib.ExitStack() as stack:
        _hold(folder, stack)
        stack.enter_context(_log_only_in(folder))
        sweep(config, folder)
        return chain.run(config, folder, options, workers=1, quiet=True)


def _hold(folder: Path, stack: contextlib.ExitStack) -> None:
    """Hold a night; a lock that a dead run has left on a network disk is waited for."""
    patience = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            stack.enter_context(hold_night(folder))
        except LockedError:
            if time.monotonic() > patience:
                raise
            time.sleep(1.0)
        else:
            return


@contextlib.contextmanager
def _log_only_in(folder: Path) -> Iterator[None]:
    """The log goes to the night's file alone: lines of several nights among each other tell nothing."""
    logger = logging.getLogger("ngcmos")
    kept = logger.handlers, logger.level, logger.propagate
    logger.handlers, logger.propagate = [], False
    logger.setLevel(logging.DEBUG)
    handler = log_in(folder)
    try:
        yield
    finally:
        handler.close()
        logger.handlers, logger.propagate = kept[0], kept[2]
        logger.setLevel(kept[1])


def _headers_of_tables(folder: Path) -> Iterator[Any]:
    """Header of each whole table of a night."""
    for path in sorted(folder.glob(photometry_path(folder, "*").name)):
        with contextlib.suppress(ProductError):
            yield check_table(path)


def run_here(dates: Sequence[str], config: Config, options: RunOptions, *, workers: int = 1) -> Iterator[Report]:
    """Reports of nights as they end, so many at once, each in a process of its own."""
    if len(dates) > 1:
        _load_ahead()
    waiting = collections.deque((date, 1) for date in dates)
    running: dict[Running, tuple[str, int]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                date, number = waiting.popleft()
                running |= {_start(date, config, options): (date, number)}
            for receiver, process in _ended(running):
                date, number = running.pop((receiver, process))
                report = _receive(receiver, process)
                if report is None and number < TRIES:
                    log.warning("%s: its process died (out of memory?); the night is tried again", date)
                    waiting.append((date, number + 1))
                    continue
                yield report or _lost(date, f"its process died {TRIES} times (out of memory?)")
    finally:
        for receiver, process in running:
            process.kill()
            process.join()
            receiver.close()


def _load_ahead() -> None:
    """Load what each night would load for itself, which is a third of the work of a night of one small frame."""
    for name in _LOADED_BY_NIGHTS:
        importlib.import_module(name)
    for stage in STAGES.values():
        _ = stage.run


def _ended(running: dict[Running, tuple[str, int]]) -> list[Running]:
    """Those of the (receiver, process) pairs that have ended."""
    ready = wait([receiver for receiver, _ in running])
    return [pair for pair in running if pair[0] in ready]


def _start(date: str, config: Config, options: RunOptions) -> Running:
    """(receiver, process) of a night."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send_report, args=(sender, date, config, options), name=date)
    process.start()
    sender.close()
    return receiver, process


def _send_report(sender: Connection, date: str, config: Config, options: RunOptions) -> None:
    follow_parent()
    sender.send(run_one(date, config, options))


def _receive(receiver: Connection, process: BaseProcess) -> Report | None:
    """The report of a process, or None where it died before it had one."""
    try:
        report: Report = receiver.recv()
        return report
    except EOFError:
        return None
    finally:
        process.join()
        receiver.close()


def run_on_cluster(
    dates: Sequence[str], config: Config, options: RunOptions, *, scheduler: str
) -> Iterator[Report]:
    """Reports of nights as they end, computed by the workers of a running Dask scheduler.

    A night whose worker dies is given to another one by the scheduler. Every worker must see the paths of
    `config`, have this ngcmos, and one thread: a process logs one night at a time.

    Raises
    ------
    ToolError
        dask.distributed is not installed, no scheduler answers, or a worker has more than one thread.
    """
    with connect(scheduler) as client:
        _check_workers(client, scheduler)
        run = uuid.uuid4().hex[:8]  # else the answers of an earlier run would count
        futures = {
            client.submit(run_one, date, config, options, key=f"ngcmos-{date}-{run}", pure=False): date
            for date in dates
        }
        for future in import_distributed().as_completed(futures, loop=client.loop):
            death = future.exception()
            yield _lost(futures[future], f"its worker died: {death}") if death else future.result()


def _check_workers(client: Any, scheduler: str) -> None:
    for address, worker in client.scheduler_info(n_workers=-1)["workers"].items():
        if worker["nthreads"] != 1:
            threads = f"the worker {address} has {worker['nthreads']} threads"
            raise ToolError(f"{scheduler}: {threads}, expected 1: dask worker --nthreads 1")


def _lost(date: str, reason: str) -> Report:
    return Report(date, 1, 0, 0, 0.0, "", (f"{date}: {reason}",))


def run(
    config: Config,
    dates: Sequence[str],
    options: RunOptions = WHOLE,
    *,
    workers: int = 1,
    scheduler: str | None = None,
) -> list[Report]:
    """Run the chain over nights and tell how each went; their Reports in the order of the nights.

    Parameters
    ----------
    config : ngcmos.config.Config
    dates : sequence of str
        YYYYMMDD.
    options : RunOptions
    workers : int
        Nights at once on this machine.
    scheduler : str, optional
        Address of a running Dask scheduler, which does the nights instead.
    """
    chosen = [entry.name for entry in chosen_stages(options.only, options.skip)]
    together = Stage.SEASON in chosen and len(dates) > 1  # once, when all nights are there
    if together:
        options = dataclasses.replace(options, skip=(*options.skip, Stage.SEASON))
    nights = [] if together and chosen == [Stage.SEASON] else dates
    reports = (
        run_on_cluster(nights, config, options, scheduler=scheduler)
        if scheduler
        else run_here(nights, config, options, workers=workers)
    )
    ended = []
    for report in reports:
        ended.append(report)
        log.info("%s: ended, %d of %d nights", report.night, len(ended), len(dates))
        for trouble in () if report.headline else report.troubles:
            log.error("%s: %s", report.night, trouble.removeprefix(f"{report.night}: "))
    ended.sort(key=lambda report: report.night)
    if together:
        _bring_into_seasons(config, dates, workers)
    _tell(ended)
    return ended


def _bring_into_seasons(config: Config, dates: Sequence[str], workers: int) -> None:
    """Bring nights into the seasons of their fields; what goes wrong is told, the nights are none the worse."""
    base, outcome = config.directories.base, Outcome(Stage.SEASON)
    tables = [path for date in dates for path in (base / date).glob(photometry_path(base, "*").name)]
    fields = sorted({path.stem.removeprefix("phot_") for path in tables})
    bring_in(config, outcome, fields, Wish(dates), Crew(workers))
    log.info("%s", outcome.summary())


def _tell(reports: Sequence[Report]) -> None:
    """The table at the end: a line a night; then what does not go together."""
    log.info("%-8s %8s %8s %8s %8s", "night", "tables", "frames", "troubles", "seconds")
    for one in reports:
        counts = (one.tables, one.frames, len(one.troubles), one.seconds)
        log.info("%-8s %8d %8d %8d %8.0f  %s", one.night, *counts, one.where)
    tell_summary([f"{one.night}: {one.headline}" for one in reports if one.headline], logging.WARNING)
    good = sum(one.exit_code == 0 for one in reports)
    log.info("%d nights good, %d in trouble", good, len(reports) - good)
    mixed = tell_mixed(reports)
    if mixed:
        tell_summary([f"{mixed}; --overwrite makes them anew"], logging.WARNING)


def tell_mixed(reports: Sequence[Report]) -> str:
    """Nights whose tables were made otherwise than those of most, and those with stale products; "" without any.

    As "6 nights, 1 of another reduction: 20240712 (sky_method)".
    """
    made = [one.reduction for one in reports if one.reduction]
    usual = Inputs.read(max(made, key=made.count, default=""))
    others = [
        f"{one.night} ({', '.join(usual.differences(one.reduction))})"
        for one in reports
        if one.reduction and one.reduction != usual.text
    ]
    others += [f"{one.night} ({one.stale[0]})" for one in reports if one.stale and one.reduction == usual.text]
    return f"{len(reports)} nights, {len(others)} of another reduction: {', '.join(others)}" if others else ""
