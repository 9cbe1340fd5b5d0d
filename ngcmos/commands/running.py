"""How a command runs: its log, the lock of its night, errors told as exit codes.

A command has a docstring, its own options and its work. Exit codes: 0 done, 1 could not do its work, 2 wrong usage
or configuration, 3 another run holds this night.
"""

import argparse
import contextlib
import dataclasses
import io
import logging
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from ngcmos.commands.parser import parser_of
from ngcmos.config import Config, find_camera, load_config
from ngcmos.errors import NgcmosError
from ngcmos.names import Stage
from ngcmos.night.outcome import Outcome

if TYPE_CHECKING:  # astropy takes its time: no command should wait for it before it knows its options
    from ngcmos.night.folder import Night
    from ngcmos.night.job import Job

AddOptions = Callable[[argparse.ArgumentParser], None]

log = logging.getLogger("ngcmos")


@dataclasses.dataclass(frozen=True)
class Command:
    """A command that is told of its work by options alone.

    Attributes
    ----------
    doc : str
        The docstring of its module.
    work : callable
        `work(options)` returning an exit code.
    add_options : callable, optional
        Adds the command's own options to a parser.
    night, nights, camera : bool
        Which of the shared options it takes, see `parser_of`.
    """

    doc: str | None
    work: Callable[[argparse.Namespace], int]
    add_options: AddOptions | None = None
    night: bool = True
    nights: bool = False
    camera: bool = True

    def __call__(self, argv: Sequence[str] | None = None, *, prog: str | None = None) -> int:
        """Run it; its exit code."""
        parser = parser_of(self.doc, prog=prog, night=self.night, nights=self.nights, camera=self.camera)
        options = _parsed(parser, self.add_options, argv)
        return guarded(lambda: self.work(options), options)


@dataclasses.dataclass(frozen=True)
class NightCommand:
    """A command that works in one night, with its log.

    Attributes
    ----------
    doc : str
        The docstring of its module.
    work : callable
        `work(config, night, options)` returning an Outcome.
    add_options : callable, optional
        Adds the command's own options to a parser.
    choose_folder : callable, optional
        `choose_folder(config, options)` returning the night folder; that of `find_folder` by default.
    lock : bool
        Whether it writes into the night, so that no other may at the same time.
    has_summary : bool
        Whether its work ends with a summary of its own, which is all that a quiet run shows.
    of_nights : callable, optional
        `of_nights(options)` returning an exit code: what it does instead where the option --nights is given.
    """

    doc: str | None
    work: Callable[[Config, "Night", argparse.Namespace], Outcome]
    add_options: AddOptions | None = None
    choose_folder: Callable[[Config, argparse.Namespace], Path] | None = None
    lock: bool = True
    has_summary: bool = False
    of_nights: Callable[[argparse.Namespace], int] | None = None

    def __call__(self, argv: Sequence[str] | None = None, *, prog: str | None = None) -> int:
        """Run it; its exit code."""
        options = _parsed(parser_of(self.doc, prog=prog), self.add_options, argv)
        of_nights = self.of_nights
        if of_nights is not None and options.nights:
            return guarded(lambda: of_nights(options), options)
        return guarded(lambda: _run_night(self, options), options)


def stage_command(
    stage: Stage,
    doc: str | None,
    work: Callable[["Job", argparse.Namespace], Outcome],
    *,
    add_options: AddOptions | None = None,
) -> NightCommand:
    """The command of a stage: `work(job, options)` returns an Outcome."""

    def of_night(config: Config, night: "Night", options: argparse.Namespace) -> Outcome:
        from ngcmos.night.job import open_job

        with open_job(stage, config, night, workers=options.workers, quiet=options.quiet) as job:
            return work(job, options)

    return NightCommand(doc, of_night, add_options)


def _parsed(
    parser: argparse.ArgumentParser, add_options: AddOptions | None, argv: Sequence[str] | None
) -> argparse.Namespace:
    if add_options:
        add_options(parser)
    options = parser.parse_args(argv)
    if getattr(options, "camera", "") is None:
        options.camera = find_camera(getattr(options, "config", None), getattr(options, "directory", None))
    return options


def guarded(work: Callable[[], int], options: argparse.Namespace) -> int:
    """Exit code of `work()`, its named errors told in one line each; a traceback only for a bug of ours."""
    _start_log(options)
    previous = signal.signal(signal.SIGTERM, _stop)
    try:
        return work()
    except NgcmosError as error:
        log.error("%s", error)
        return error.exit_code
    except KeyboardInterrupt:
        log.error("stopped by the user; what is finished is kept, run again for the rest")
        return 1
    except Exception:  # a bug of ours: its traceback belongs in the night's log too
        log.exception("a bug in ngcmos, please report it with this traceback")
        return 1
    finally:
        signal.signal(signal.SIGTERM, previous)
        _end_workers()
        _end_log()


def _end_workers() -> None:
    """Kill workers that a stop in a bad instant has left without work: Python would wait for them for ever."""
    multiprocessing = sys.modules.get("multiprocessing")  # not imported: no workers
    for worker in multiprocessing.active_children() if multiprocessing else []:
        worker.kill()
        worker.join()


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _start_log(options: argparse.Namespace) -> None:
    """Lines to stderr: warnings and worse with -q, everything with -v."""
    level = logging.WARNING if options.quiet else logging.DEBUG if options.verbose else logging.INFO
    from ngcmos.night.terminal import Terminal

    logger = logging.getLogger("ngcmos")
    logger.handlers = [Terminal(level)]
    logger.setLevel(logging.DEBUG)
    logger.propagate = False


def _named_folder(config: Config, options: argparse.Namespace) -> Path:
    from ngcmos.night.folder import find_folder

    return find_folder(config, directory=options.directory, night=options.night)


def _run_night(command: NightCommand, options: argparse.Namespace) -> int:
    from ngcmos.night.folder import open_night, unusable_names
    from ngcmos.night.lock import hold_night
    from ngcmos.night.session import log_in, sweep
    from ngcmos.night.terminal import held

    started = time.monotonic()
    config = load_config(camera=options.camera, config=options.config, directory=options.directory)
    folder = (command.choose_folder or _named_folder)(config, options)
    with contextlib.ExitStack() as stack:
        if command.lock:
            stack.enter_context(hold_night(folder))
            log_in(folder)
            sweep(config, folder)
        night = open_night(config, folder, settle=command.lock)
        for name in unusable_names(folder):
            log.warning("%r: left alone, its name is not printable ASCII of at most 200 characters", name)
        for path in night.growing:
            log.warning("%s: still being written, left for a later run", path.name)
        with held(options.quiet and command.has_summary):
            outcome = command.work(config, night, options)
        if not command.has_summary:
            outcome.tell()
        log.info("%s, %.0f s", outcome.summary(), time.monotonic() - started)
        return outcome.exit_code


def answer(text: str) -> None:
    """Write an answer to the standard output: for `| head`, which ends it without a word, and for any terminal."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # whatever a terminal or cron cannot show
    previous = signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.stdout.write(text)
    sys.stdout.flush()
    signal.signal(signal.SIGPIPE, previous)  # a server that hangs up is no reason to die


def _end_log() -> None:
    logger = logging.getLogger("ngcmos")
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()
