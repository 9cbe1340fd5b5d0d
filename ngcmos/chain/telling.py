"""What a run of the chain tells at its end: a table of its stages, then how the night is, in a few lines."""

import dataclasses
import logging
from collections.abc import Iterable, Sequence

from ngcmos.chain.registry import Entry
from ngcmos.names import Stage
from ngcmos.night.outcome import Outcome
from ngcmos.night.remarks import Remark
from ngcmos.night.terminal import tell_summary

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class StageRun:
    """How a stage went."""

    entry: Entry
    outcome: Outcome
    seconds: float


def tell_stages(runs: Iterable[StageRun]) -> None:
    """The table: a line a stage."""
    log.info("%-19s %8s %8s %8s %8s", "stage", "done", "before", "refused", "seconds")
    for one in runs:
        outcome = one.outcome
        counts = (len(outcome.done), len(outcome.skipped), len(outcome.failed), one.seconds)
        log.info("%-19s %8d %8d %8d %8.1f%s", one.entry.name, *counts, "  in trouble" if outcome.troubles else "")


def tell_end(runs: Sequence[StageRun], remarks: Iterable[Remark] = (), left: str = "") -> Outcome | None:
    """Tell how the night is: by its page, where that was made now (its Outcome), else by what stages met.

    `left` is what there was no time for; it stands first.
    """
    tell_summary([left] if left else [], logging.WARNING)
    pages = [one.outcome for one in runs if one.entry.name == Stage.NIGHT_REPORT and one.outcome.told]
    for page in pages:
        page.tell()
        return page
    tell_summary([*_troubles(runs), *_refusals(runs), *map(str, remarks)], logging.WARNING)
    return None


def _troubles(runs: Iterable[StageRun]) -> list[str]:
    """What kept fields and products from being made; that of a field once, by the stage it stopped first."""
    told: dict[str, str] = {}
    for one in runs:
        for trouble in one.outcome.troubles:
            told.setdefault(trouble.partition(": ")[0], f"{one.entry.name}: {trouble}")
    return list(told.values())


def _refusals(runs: Iterable[StageRun]) -> list[str]:
    """The frames that were refused, each by the stage that was the first to do so."""
    told: list[str] = []
    known: set[str] = set()
    for outcome in (one.outcome for one in runs):
        told += outcome.refusals(known)
        known |= set(outcome.failed)
    return told
