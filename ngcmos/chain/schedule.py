"""What a run of the chain works on: everything, or, where it has to end by a deadline, what there is time for."""

import dataclasses
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ngcmos.chain.deadline import EXTRAS, Deadline
from ngcmos.chain.registry import Entry
from ngcmos.names import Stage
from ngcmos.night.folder import Night
from ngcmos.night.job import Job
from ngcmos.steps.solve_options import SolveOptions

if TYPE_CHECKING:
    from ngcmos.chain.hurry import Taken

log = logging.getLogger(__name__)

_OF_FRAMES = {Stage.QC_DONUTS, Stage.SIMPLE_WRAPPER, Stage.CHECK_CMOS, Stage.PROCESS_CMOS}


@dataclasses.dataclass
class Schedule:
    """The stages of a run in their order, and what limits them.

    Attributes
    ----------
    stages : sequence of Entry
    deadline : Deadline or None
    taken : Taken or None
        The frames that there was time for; None: all.
    left : list of str
        What there was no time for.
    """

    stages: Sequence[Entry]
    deadline: Deadline | None = None
    taken: "Taken | None" = None
    left: list[str] = dataclasses.field(default_factory=list)

    @property
    def is_late(self) -> bool:
        """Whether frames had to be left."""
        return self.taken is not None and bool(self.taken.left)

    def has_time_for(self, stage: Stage) -> bool:
        """Whether there is time for a stage; if not, that is kept."""
        if self.deadline is None or stage not in EXTRAS:
            return True
        frames = 0 if self.taken is None else len(self.taken.frames)
        if not (stage == Stage.QC_CONTROL and self.is_late) and self.deadline.has_time_for(stage, frames):
            return True
        self.left.append(stage)
        return False

    def restricted(self, night: Night, stage: Stage) -> Night:
        """The night as a stage is to see it: with the frames that there was time for; the page tells of all."""
        if self.taken is None or not self.taken.left or stage == Stage.NIGHT_REPORT:
            return night
        gone = {path for path in night.frames if path not in self.taken.frames}
        here = {field: tuple(path for path in paths if path not in gone) for field, paths in night.fields.items()}
        return dataclasses.replace(night, fields={field: paths for field, paths in here.items() if paths})

    def say_left(self) -> str:
        """What there was no time for, in a line; "" where there was time for all."""
        if not self.left:
            return ""
        return f"Left at the deadline, {self.deadline}: {', '.join(self.left)}; run again to finish"


def extras_last(chosen: Sequence[Entry]) -> list[Entry]:
    """The stages in an order in which movies come last but for the page."""
    movies = [one for one in chosen if one.name == Stage.QC_CONTROL]
    page = [one for one in chosen if one.name == Stage.NIGHT_REPORT]
    return [one for one in chosen if one not in (*movies, *page)] + movies + page


def hurried_schedule(job: Job, chosen: Sequence[Entry], solving: SolveOptions, deadline: Deadline) -> Schedule:
    """The Schedule of a run that ends by a deadline; frames are measured here, as far as there is time.

    Parameters
    ----------
    job : Job
        Of any stage.
    chosen : sequence of Entry
    solving : SolveOptions
        How frames are solved.
    deadline : Deadline
    """
    from ngcmos.chain.hurry import hurry  # the code of the stages takes half a second to load

    minutes = deadline.left_s / 60
    log.info("deadline %s, in %.0f min: the target's field first, movies last", deadline, minutes)
    schedule = Schedule(extras_last(chosen), deadline)
    if {one.name for one in chosen} >= _OF_FRAMES:
        taken = schedule.taken = hurry(job, solving, deadline)
        schedule.left += taken.say_left()
    return schedule
