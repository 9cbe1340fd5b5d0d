"""Where a frame belongs: in the night, or in a folder of those that cannot be used."""

import dataclasses
from pathlib import Path

from ngcmos.names import Verdict
from ngcmos.night.folder import FAILED_DONUTS, NO_WCS, set_aside
from ngcmos.night.job import Job
from ngcmos.night.ledger import record
from ngcmos.qc.shifts import Shift


@dataclasses.dataclass(frozen=True)
class Belonging:
    """Where a frame belongs (None: where it is) and why."""

    folder: str | None
    reason: str


def judge_by_shift(shift: Shift | None, reason: str, limit_px: float) -> Belonging:
    """Where a frame without a plate solution belongs; `shift` is its donuts Shift, None where it has none."""
    if shift is None or shift.x is None or shift.y is None or max(abs(shift.x), abs(shift.y)) <= limit_px:
        return Belonging(NO_WCS, reason)
    off = f"too far off by donuts: {shift.x:.1f}, {shift.y:.1f} px, expected at most {limit_px:g}"
    return Belonging(FAILED_DONUTS, off)


def carry_out(path: Path, field: str, belonging: Belonging, job: Job, *, dry_run: bool = False) -> None:
    """Move a frame to where it belongs, or leave it; counted, and told in the ledger."""
    outcome = job.outcome
    if belonging.folder is None and belonging.reason:
        outcome.refuse(path.name, belonging.reason)
        return
    if belonging.folder is None:
        outcome.done.append(path.name)
        if not dry_run:
            record(job.ledger, outcome.stage, path.name, field, Verdict.DONE)
        return
    goes = "would go" if dry_run else "goes"
    reason = f"{path.name}: {goes} to {belonging.folder}/: {belonging.reason}"
    if not dry_run:
        numbers = {"folder": belonging.folder}
        record(job.ledger, outcome.stage, path.name, field, Verdict.REFUSED, belonging.reason, numbers)
        set_aside(path, belonging.folder)
    outcome.refuse(path.name, reason)
