"""Work done by the workers of a running Dask scheduler.

``with connect(address) as client: results = map_on(client, work, items, shared=(...))``
"""

import contextlib
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from ngcmos.errors import ToolError, WorkError

CONNECT_S = 10.0
BATCHES = 64  # that items are handed over in, so that no worker waits long for the last one

Item = TypeVar("Item")
Result = TypeVar("Result")


@contextlib.contextmanager
def connect(scheduler: str) -> Iterator[Any]:
    """The client of a scheduler.

    Raises
    ------
    ToolError
        dask.distributed is not installed, or no scheduler answers.
    """
    distributed = import_distributed()
    try:
        client = distributed.Client(scheduler, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise ToolError(f"{scheduler}: no Dask scheduler answers there ({error})") from None
    with client:
        yield client


def import_distributed() -> Any:
    """dask.distributed.

    Raises
    ------
    ToolError
        It is not installed.
    """
    try:
        import distributed
    except ImportError:
        raise ToolError(
            "dask.distributed is not installed, expected it by: pip install 'ngcmos[cluster]'"
        ) from None
    return distributed


def map_on(
    client: Any, work: Callable[..., Result], items: Sequence[Item], *, shared: tuple[object, ...] = ()
) -> list[Result]:
    """Results of `work(item, *shared)`, in the order of the items; `shared` goes to each worker once.

    Raises
    ------
    WorkError
        A call failed, or workers died on it again and again.
    """
    run = uuid.uuid4().hex[:8]  # else the answers of an earlier run would count
    held = client.scatter([shared], broadcast=True, hash=False)[0]
    size = max(1, -(-len(items) // BATCHES))
    futures = [
        client.submit(
            _do_batch, work, list(items[first : first + size]), held, key=f"ngcmos-{run}-{first}", pure=False
        )
        for first in range(0, len(items), size)
    ]
    try:
        return [result for future in futures for result in future.result()]
    except Exception as error:  # whatever a worker met, also its death
        raise WorkError(f"the cluster failed: {error}") from error


def _do_batch(work: Callable[..., Result], items: Sequence[Item], shared: tuple[object, ...]) -> list[Result]:
    return [work(item, *shared) for item in items]
