"""Where a frame belongs: in the night, or in a folder of those that cannot be used."""

import dataclasses

from ngcmos.night.folder import FAILED_DONUTS, NO_WCS, set_aside
from ngcmos.night.ledger import DONE, REFUSED, record


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Where a frame belongs (None: where it is) and why."""

    folder: str | None
    reason: str


def judge_by_shift(shift, reason, limit):
    """Verdict of a frame without a plate solution; `shift` is its donuts Shift, None where it has none."""
    if shift is not None and shift.known and max(abs(shift.x), abs(shift.y)) > limit:
        return Verdict(FAILED_DONUTS, f"{shift.x:.1f}, {shift.y:.1f} px off by donuts, expected at most {limit:g}")
    return Verdict(NO_WCS, reason)


def carry_out(path, field, verdict, outcome, ledger, dry_run=False):
    """Move a frame to where its Verdict says, or leave it; counted, and told in the ledger."""
    if verdict.folder is None and verdict.reason:
        outcome.refuse(path.name, verdict.reason)
        return
    if verdict.folder is None:
        outcome.done.append(path.name)
        if not dry_run:
            record(ledger, outcome.stage, path.name, field, DONE)
        return
    reason = f"{path.name}: {'would go' if dry_run else 'goes'} to {verdict.folder}/: {verdict.reason}"
    if not dry_run:
        record(ledger, outcome.stage, path.name, field, REFUSED, verdict.reason, {"folder": verdict.folder})
        set_aside(path, verdict.folder)
    outcome.refuse(path.name, reason)
