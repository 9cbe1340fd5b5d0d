"""What a stage did: counted as it goes, kept in the ledger, told at the end."""

import contextlib
import dataclasses
import logging
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from ngcmos.errors import FrameError, WorkError, WriteError
from ngcmos.names import Verdict
from ngcmos.night.ledger import Ledger, record
from ngcmos.night.reasons import sum_alike
from ngcmos.night.terminal import ONE_OF_MANY, tell_summary

KINDS_TOLD = 8

log = logging.getLogger(__name__)


@dataclasses.dataclass
class Outcome:
    """Frames done, skipped and failed, with what was made.

    Attributes
    ----------
    stage : str
    done, skipped : list of str
        Names of frames (or products) worked on now, or found done already.
    failed : dict of str to str
        Why a frame was refused.
    troubles : list of str
        What kept a whole field or product from being made.
    products : list of Path
        Files written now.
    out_of_disk : bool
        Nothing more can be written.
    told : list of str
        What should stand at the end of the run; shown by a quiet run too, unless `is_silent`.
    headline : str
        The night in one line, where this stage tells of it.
    is_silent : bool
        Whether all is good, so that a quiet run need not tell it.
    """

    stage: str
    done: list[str] = dataclasses.field(default_factory=list)
    skipped: list[str] = dataclasses.field(default_factory=list)
    failed: dict[str, str] = dataclasses.field(default_factory=dict)
    troubles: list[str] = dataclasses.field(default_factory=list)
    products: list[Path] = dataclasses.field(default_factory=list)
    out_of_disk: bool = False
    told: list[str] = dataclasses.field(default_factory=list)
    headline: str = ""
    is_silent: bool = False

    @property
    def exit_code(self) -> int:
        """0 where the work was done; single bad frames do not fail a night, a whole field does."""
        nothing_good = self.failed and not (self.done or self.skipped)
        return 1 if self.troubles or nothing_good else 0

    def summary(self) -> str:
        """One line for the log."""
        counts = f"{len(self.done)} done, {len(self.skipped)} done before, {len(self.failed)} refused"
        trouble = f", {len(self.troubles)} in trouble: {self.troubles[0]}" if self.troubles else ""
        return f"{self.stage}: {counts}{trouble}"

    def refusals(self, known: Collection[str] = ()) -> list[str]:
        """The frames refused, but those known of, a line a kind of reason, the most frequent first."""
        total = len(self.done) + len(self.skipped) + len(self.failed)
        kinds = sum_alike({name: reason for name, reason in self.failed.items() if name not in known})
        told = [f"{self.stage}: {one.say(total)}" for one in kinds[:KINDS_TOLD]]
        others = sum(len(one.names) for one in kinds[KINDS_TOLD:])
        return [*told, f"{self.stage}: {others} more for other reasons, see ngcmos.log"] if others else told

    def tell(self) -> None:
        """Tell at the end of a run what should stand there: `told`, or the frames refused."""
        tell_summary(self.told or self.refusals(), logging.INFO if self.is_silent else logging.WARNING)

    def refuse(self, name: str, error: Exception | str) -> None:
        """Count a frame that is unfit, with one line in the log of the night."""
        self.failed[name] = str(error)
        log.warning("%s: %s", self.stage, error, extra=ONE_OF_MANY)

    def settle(
        self,
        ledger: Ledger,
        path: Path,
        field: str,
        result: object,
        numbers: Mapping[str, object] | None = None,
    ) -> bool:
        """Count a frame and write its verdict into the ledger; whether it is fit.

        `result` is what the loop over frames gave: a `FrameError` refuses the frame.
        """
        if isinstance(result, FrameError):
            self.refuse(path.name, result)
            record(ledger, self.stage, path.name, field, Verdict.REFUSED, str(result), numbers)
            return False
        self.done.append(path.name)
        record(ledger, self.stage, path.name, field, Verdict.DONE, numbers=numbers)
        return True

    @contextlib.contextmanager
    def attempt(self, what: str) -> Iterator[None]:
        """Let the rest of a night go on when one field or product cannot be made.

        A `WriteError` passes: where nothing can be written, nothing further should be tried.
        """
        try:
            yield
        except WriteError:
            raise
        except WorkError as error:
            self.troubles.append(f"{what}: {str(error).removeprefix(f'{what}: ')}")
            log.error("%s: %s", self.stage, self.troubles[-1])
