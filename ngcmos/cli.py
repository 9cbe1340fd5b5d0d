"""What all scripts share: options, log, lock, and errors told as exit codes.

A script has a docstring, its own options and one call of `run`. Exit codes: 0 done, 1 could not do its work,
2 wrong usage or configuration, 3 another run holds this night.
"""

import argparse
import contextlib
import logging
import os
import shlex
import signal
import sys
import time
from pathlib import Path

from ngcmos.config import DEFAULT_CAMERA, find_directories_file, load_config
from ngcmos.errors import NgcmosError

log = logging.getLogger("ngcmos")


def parser_of(doc, *, night=True, nights=False):
    """Parser of a script's options: those all scripts share, described by the script's docstring.

    `night` is for scripts that work in one night, `nights` for those that are told of several in their own way.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    if night:
        parser.add_argument("--directory", metavar="DIR", help="the night folder itself")
        parser.add_argument(
            "--night", metavar="YYYYMMDD", help="the night of that evening (default: yesterday evening)"
        )
    if night or nights:
        parser.add_argument("--config", metavar="FILE", help="directories.json (default: looked for, see README)")
    parser.add_argument(
        "--camera",
        default=DEFAULT_CAMERA,
        metavar="NAME",
        help="camera profile: a name or a .toml file (%(default)s)",
    )
    if night or nights:
        parser.add_argument(
            "--workers", type=_workers, default=_cores(), metavar="N", help="processes at work (%(default)s)"
        )
    loudness = parser.add_mutually_exclusive_group()
    loudness.add_argument("-v", "--verbose", action="store_true", help="tell more")
    loudness.add_argument("-q", "--quiet", action="store_true", help="tell only what went wrong")
    return parser


def _cores():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _workers(text):
    value = int(text) if text.isdecimal() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of processes, expected 1 or more")
    return value


def run(doc, work, *, add_options=None, choose_folder=None, lock=True, argv=None):
    """Run a script over a night; returns its exit code.

    Parameters
    ----------
    doc : str
        The script's docstring.
    work : callable
        `work(config, night, options)` returning an Outcome.
    add_options : callable, optional
        Adds the script's own options to a parser.
    choose_folder : callable, optional
        `choose_folder(config, options)` returning the night folder; that of `find_folder` by default.
    lock : bool
        Whether the script writes into the night, so that no other may at the same time.
    argv : list of str, optional
    """
    parser = parser_of(doc)
    if add_options:
        add_options(parser)
    options = parser.parse_args(argv)
    return guarded(lambda: _run_night(work, options, lock, choose_folder or _named_folder), options)


def run_stage(stage, doc, work, *, add_options=None, argv=None):
    """Run the script of a stage over a night; its exit code. `work(job, options)` returns an Outcome."""

    def of_night(config, night, options):
        from ngcmos.night.job import open_job

        with open_job(stage, config, night, workers=options.workers, quiet=options.quiet) as job:
            return work(job, options)

    return run(doc, of_night, add_options=add_options, argv=argv)


def guarded(work, options):
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


def _end_workers():
    """Kill workers that a stop in a bad instant has left without work: Python would wait for them for ever."""
    multiprocessing = sys.modules.get("multiprocessing")  # not imported: no workers
    for worker in multiprocessing.active_children() if multiprocessing else []:
        worker.kill()
        worker.join()


def _stop(_signal, _frame):
    raise KeyboardInterrupt


def _start_log(options):
    """Plain lines to stderr: warnings and worse with -q, everything with -v."""
    level = logging.WARNING if options.quiet else logging.DEBUG if options.verbose else logging.INFO
    from ngcmos.night.session import LINE, LineFormatter

    handler = _TerminalHandler()
    handler.setFormatter(LineFormatter(LINE, datefmt="%H:%M:%S"))
    handler.setLevel(level)
    logger = logging.getLogger("ngcmos")
    logger.handlers = [handler]
    logger.setLevel(logging.DEBUG)
    logger.propagate = False


class _TerminalHandler(logging.StreamHandler):
    """A line to stderr that does not tear a progress bar."""

    def emit(self, record):
        from tqdm import tqdm

        tqdm.write(self.format(record), file=sys.stderr)


def _named_folder(config, options):
    from ngcmos.night.folder import find_folder

    return find_folder(config, directory=options.directory, night=options.night)


def _run_night(work, options, lock, choose_folder):
    from ngcmos.night.folder import open_night, unusable_names
    from ngcmos.night.lock import hold_night
    from ngcmos.night.session import log_in, sweep

    started = time.monotonic()
    config = load_config(camera=options.camera, config=options.config, directory=options.directory)
    folder = choose_folder(config, options)
    with contextlib.ExitStack() as stack:
        if lock:
            stack.enter_context(hold_night(folder))
            log_in(folder)
            sweep(config, folder)
        night = open_night(config, folder, settle=lock)
        for name in unusable_names(folder):
            log.warning("%r: left alone, its name is not printable ASCII of at most 200 characters", name)
        for path in night.growing:
            log.warning("%s: still being written, left for a later run", path.name)
        outcome = work(config, night, options)
        log.info("%s, %.0f s", outcome.summary(), time.monotonic() - started)
        return outcome.exit_code


def commands_again(options, folder):
    """[(what for, line to type), ...]: how to do the rest of a night from any folder, by the options given now."""
    scripts = Path(sys.argv[0]).resolve().parent
    directories = find_directories_file(options.config, options.directory).absolute()
    camera = Path(options.camera).absolute() if options.camera.endswith(".toml") else options.camera
    shared = ["--directory", folder, "--config", directories, "--camera", camera]
    catalogs = [part for file in getattr(options, "catalog", []) for part in ("--catalog", Path(file).absolute())]
    wanted = [
        ("All that is missing or failed is done by:", "run_night.py", [*shared, *catalogs]),
        ("Why frames were not measured:", "why.py", shared),
        ("This page alone:", "night_report.py", shared),
    ]
    return [(what, shlex.join(map(str, [sys.executable, scripts / name, *given]))) for what, name, given in wanted]


def _end_log():
    logger = logging.getLogger("ngcmos")
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()


def one_core_each():
    """Keep the linear algebra library at one thread: work is dealt out by frames, results stay the same."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")


one_core_each()
