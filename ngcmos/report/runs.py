"""How the stages of the chain went over a night, by the ledger."""

import dataclasses
from collections.abc import Iterable

from ngcmos.names import Record, Stage, Verdict
from ngcmos.night.ledger import Entry

_ORDER = {stage.value: number for number, stage in enumerate(Stage)}


@dataclasses.dataclass(frozen=True)
class StageRun:
    """The last run of a stage that had something to do.

    Attributes
    ----------
    stage : str
    failed : bool
    reason : str
        Its troubles in one line.
    troubles : tuple of str
        One a field or product.
    done, before, refused : int or None
        Frames; None where an older run did not keep it.
    seconds : float or None
    at : str
        When it ended, UTC.
    """

    stage: str
    failed: bool
    reason: str
    troubles: tuple[str, ...]
    done: int | None
    before: int | None
    refused: int | None
    seconds: float | None
    at: str


def read_runs(entries: Iterable[Entry]) -> list[StageRun]:
    """The runs among entries of a ledger, in the order of the chain."""
    runs = [_run_of(entry) for entry in entries if entry.stage == Record.RUN]
    return sorted(runs, key=lambda run: _ORDER.get(run.stage, len(_ORDER)))


def _run_of(entry: Entry) -> StageRun:
    return StageRun(
        stage=entry.frame,
        failed=entry.verdict == Verdict.REFUSED,
        reason=entry.reason,
        troubles=entry.texts("troubles") or (entry.reason,),
        done=entry.count("done"),
        before=entry.count("before"),
        refused=entry.count("refused"),
        seconds=entry.number("seconds"),
        at=entry.at,
    )
