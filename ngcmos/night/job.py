"""What travels together through a stage: the settings, the night, its ledger, what was done, and how many work.

::

    with open_job(Stage.PROCESS_CMOS, config, night, workers=2) as job:
        outcome = process_cmos.run(job)
"""

import contextlib
import dataclasses
import functools
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from ngcmos.config import Camera, Config
from ngcmos.errors import FrameError, WorkError, WriteError
from ngcmos.names import Stage, Verdict
from ngcmos.night.fingerprint import Inputs
from ngcmos.night.folder import Night
from ngcmos.night.ledger import Entry, Ledger, open_ledger, recall, refuse_field
from ngcmos.night.loop import watched, work_through
from ngcmos.night.outcome import Outcome
from ngcmos.night.provenance import keep_standing

log = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclasses.dataclass(frozen=True, eq=False)
class Job:
    """One stage at work in one night.

    Attributes
    ----------
    config : ngcmos.config.Config
    night : ngcmos.night.folder.Night
    outcome : ngcmos.night.outcome.Outcome
        What the stage has done so far.
    workers : int
        Processes.
    quiet : bool
        No progress bar.
    """

    config: Config
    night: Night
    outcome: Outcome
    workers: int = 1
    quiet: bool = False
    _stack: contextlib.ExitStack = dataclasses.field(default_factory=contextlib.ExitStack, repr=False)

    @functools.cached_property
    def ledger(self) -> Ledger:
        """The night's ledger, opened when it is first asked for: who only reads works without one."""
        return self._stack.enter_context(open_ledger(self.night.folder))

    def beside(self, stage: Stage) -> "Job":
        """The Job of another stage that works at the same time, with the same ledger."""
        job = dataclasses.replace(self, outcome=Outcome(stage))
        job.__dict__["ledger"] = self.ledger
        return job

    @property
    def camera(self) -> Camera:
        """The camera profile."""
        return self.config.camera

    @property
    def folder(self) -> Path:
        """The night folder."""
        return self.night.folder

    def through(
        self,
        work: Callable[..., Result],
        items: Sequence[Item],
        *,
        shared: tuple[Any, ...] = (),
        together: int = 1,
        label: str = "",
    ) -> Iterator[tuple[Item, Result | FrameError]]:
        """`ngcmos.night.loop.work_through` with the workers of this job."""
        options: dict[str, Any] = {"workers": self.workers, "quiet": self.quiet, "together": together}
        return work_through(work, items, shared=shared, label=label, **options)

    def watched(self, items: Sequence[Item], label: str, unit: str) -> Iterator[Item]:
        """`ngcmos.night.loop.watched` as this job shows it."""
        return watched(items, len(items), label=label, unit=unit, quiet=self.quiet)

    @contextlib.contextmanager
    def attempt(self, field: str) -> Iterator[None]:
        """Let the other fields go on where one cannot be worked on; each of its frames learns why from the ledger.

        A frame that has a verdict of its own from this run, or was done before, keeps that.
        """
        with self.outcome.attempt(field):
            try:
                yield
            except WriteError:
                raise
            except WorkError as error:
                self.refuse_field(field, str(error).removeprefix(f"{field}: "))
                raise

    def refuse_field(self, field: str, reason: str) -> None:
        """Write into the ledger why nothing can be done with the frames of a field."""
        stage = self.outcome.stage
        known = {name for name, entry in self.recall(stage, field).items() if entry.verdict == Verdict.DONE}
        names = [path.name for path in self.night.fields.get(field, ())]
        refuse_field(self.ledger, stage, field, {*names} - known - {*self.outcome.failed}, reason)

    def say_unsolved(self, field: str) -> str:
        """Why no frame of a field has a plate solution, or what to do about it; "" where one was solved."""
        told = self.recall(Stage.SIMPLE_WRAPPER, field)
        entries = [told[path.name] for path in self.night.fields.get(field, ()) if path.name in told]
        if not entries:
            return f"run {Stage.SIMPLE_WRAPPER} first"
        if any(entry.verdict == Verdict.DONE for entry in entries):
            return ""
        whole = next((entry.reason for entry in entries if entry.is_of_field), "none could be solved")
        return f"{whole} ({Stage.SIMPLE_WRAPPER})"

    def settle(self, path: Path, field: str, result: object, numbers: Mapping[str, Any] | None = None) -> bool:
        """Count a frame and write its verdict into the ledger; whether it is fit."""
        return self.outcome.settle(self.ledger, path, field, result, numbers)

    def stands(self, product: Path, field: str, made_of: str | None, inputs: Inputs) -> bool:
        """Whether a product that says it was `made_of` something was made of the same; of other code is said."""
        if made_of is None:
            return False
        differs = inputs.differences(made_of)
        if not inputs.is_other_code(differs):
            return False
        if differs:
            told = "%s: %s was made with another %s; --overwrite makes it anew"
            log.warning(told, self.outcome.stage, product.name, ", ".join(differs))
        keep_standing(self.ledger, product, field, differs)
        self.outcome.skipped.append(product.name)
        return True

    def recall(self, stage: str, field: str | None = None) -> dict[str, Entry]:
        """{frame name: Entry} of a stage in the ledger, of one field or of all."""
        return recall(self.ledger, stage, field)


@contextlib.contextmanager
def open_job(
    stage: Stage, config: Config, night: Night, *, workers: int = 1, quiet: bool = False
) -> Iterator[Job]:
    """The Job of a stage in a night; its ledger is committed and closed when the block ends.

    Raises
    ------
    WriteError
        The ledger cannot be written.
    ProductError
        It was damaged while it was open.
    """
    job = Job(config, night, Outcome(stage), workers, quiet)
    with job._stack:
        yield job
