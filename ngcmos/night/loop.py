"""The one loop over the frames of a night: in this process or in several, in order, stopped by no bad frame."""

import collections
import concurrent.futures
import ctypes
import logging
import multiprocessing
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from tqdm import tqdm

from ngcmos.errors import FrameError, WorkError

log = logging.getLogger(__name__)

MOST_LOST = 5  # items in a row on which a worker dies: then it is not the items
_LOG_EVERY_S = 60.0
_PR_SET_PDEATHSIG = 1
HEADERS_TOGETHER = 16  # a header takes a fifth of a millisecond, as long as handing over a name and a result
_shared: tuple[object, ...] = ()

Item = TypeVar("Item")
Result = TypeVar("Result")
Work = Callable[..., Result]


def work_through(
    work: Work[Result],
    items: Iterable[Item],
    *,
    shared: tuple[object, ...] = (),
    workers: int = 1,
    together: int = 1,
    label: str = "",
    quiet: bool = False,
) -> Iterator[tuple[Item, Result | FrameError]]:
    """Results of `work(item, *shared)` for each item, in the order of the items.

    Parameters
    ----------
    work : callable
        A function of a module; in several processes it is found there by its name.
    items : sequence
    shared : tuple
        What all calls need; handed to each process once.
    workers : int
        Processes; 1 works in this one. The results are the same for any number.
    together : int
        Items that a process gets at a time: `HEADERS_TOGETHER` where handing one over takes as long as its work.
    label : str
        What the progress says.
    quiet : bool
        No progress bar.

    Yields
    ------
    item
    result
        What `work` returned, or the `FrameError` it raised; anything else that goes wrong with one item is a
        bug of ours, logged with its traceback, and a `FrameError` too.

    Raises
    ------
    WorkError
        Worker processes died on several items in a row.
    """
    items = list(items)
    results = (
        _in_processes(work, items, shared, workers, together)
        if workers > 1 and len(items) > 1
        else (_try(work, item, shared) for item in items)
    )
    yield from watched(zip(items, results, strict=True), len(items), label=label, quiet=quiet)


def watched(
    items: Iterable[Item], total: int, *, label: str, unit: str = "frame", quiet: bool = False
) -> Iterator[Item]:
    """The same items; how many are done with shows as a bar on a terminal, as a line a minute in a log."""
    progress = tqdm(total=total, desc=label, unit=unit, disable=quiet or not sys.stderr.isatty(), leave=False)
    told = time.monotonic()
    with progress:
        for number, item in enumerate(items, 1):
            yield item
            progress.update()
            if progress.disable and time.monotonic() - told > _LOG_EVERY_S:
                told = time.monotonic()
                log.info("%s: %d of %d", label, number, total)


def _try(work: Work[Result], item: object, shared: tuple[object, ...]) -> Result | FrameError:
    try:
        return work(item, *shared)
    except FrameError as error:
        return error
    except WorkError:
        raise
    except Exception as error:  # a bug of ours in one frame must not cost the others
        log.exception("%s: a bug in ngcmos, please report it with this traceback", _name_of(item))
        return FrameError(f"{_name_of(item)}: a bug in ngcmos: {error!r}")


def _name_of(item: object) -> object:
    """What an item of work is called: the name of its file, where it has one."""
    for part in item if isinstance(item, tuple) else (item,):
        path = getattr(part, "path", part)
        if isinstance(path, Path):
            return path.name
    return item


def _in_processes(
    work: Work[Result], items: Sequence[object], shared: tuple[object, ...], workers: int, together: int
) -> Iterator[Result | FrameError]:
    """Results in order; no more than a few frames per worker are under way, so memory stays flat.

    When a worker dies, the first item without a result is tried by itself, so that the one it dies on is found.
    """
    suspects: set[int] = set()
    lost, position = 0, 0
    while position < len(items):
        alone = position in suspects
        batch = items[position : position + 1] if alone else items[position:]
        pool = _start_pool(1 if alone else workers, shared)
        try:
            for result in _windowed(pool, work, batch, 3 * workers, together):
                yield result
                position, lost = position + 1, 0
        except concurrent.futures.process.BrokenProcessPool:
            if not alone:
                suspects.add(position)
                together = 1
                log.warning("a worker process died (out of memory?); its frames are tried once more")
                continue
            lost += 1
            if lost == MOST_LOST:
                raise WorkError(f"worker processes died on {lost} items in a row (out of memory?)") from None
            yield FrameError(f"{_name_of(batch[0])}: a worker process died on it twice (out of memory?)")
            position += 1
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _start_pool(workers: int, shared: tuple[object, ...]) -> concurrent.futures.ProcessPoolExecutor:
    return concurrent.futures.ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("fork"),  # masters and catalog are shared, not sent
        initializer=_start_worker,
        initargs=(shared,),
    )


def _windowed(
    pool: concurrent.futures.Executor, work: Work[Result], items: Sequence[object], window: int, together: int
) -> Iterator[Result | FrameError]:
    waiting: collections.deque[concurrent.futures.Future[list[Result | FrameError]]] = collections.deque()
    for first in range(0, len(items), together):
        waiting.append(pool.submit(_try_in_worker, work, items[first : first + together]))
        if len(waiting) >= window:
            yield from waiting.popleft().result()
    while waiting:
        yield from waiting.popleft().result()


def _start_worker(shared: tuple[object, ...]) -> None:
    """Keep what all frames need, and follow the parent."""
    global _shared  # noqa: PLW0603 - a pool's initializer has no other place to keep it
    _shared = shared
    follow_parent()


def follow_parent() -> None:
    """Leave Ctrl-C to the process that started this one, and die with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _try_in_worker(work: Work[Result], items: Sequence[object]) -> list[Result | FrameError]:
    return [_try(work, item, _shared) for item in items]
