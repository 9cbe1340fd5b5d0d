"""The frames of a night that has to be done by a deadline: the most wanted field first, some frames at a time.

``hurry(job, options, deadline) -> Taken``. What it does with frames is what following does with them; the chain
then finds them done and makes tables, light curves and page of them. The frames of a field are taken in turns that
are spread over all of the night, each turn between those before: where time runs out, light curves are thinner,
but have the end of a transit as well as its beginning. What is left, and the fields behind, a later run does.
"""

import dataclasses
import functools
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

from ngcmos.astrometry.catalog import targets_of
from ngcmos.chain.deadline import FRAME_S, Deadline
from ngcmos.chain.following import FieldFollower, NightMasters
from ngcmos.config import Config
from ngcmos.errors import ConfigError, WorkError
from ngcmos.night.folder import Night
from ngcmos.night.job import Job
from ngcmos.night.products import targets_path
from ngcmos.night.spans import clock
from ngcmos.steps.solve_options import SolveOptions
from ngcmos.transits.targets import read_targets

log = logging.getLogger(__name__)

FRAMES_TOGETHER = 64  # the clock is looked at after so many, and for each of the workers
FIRST_TOGETHER = 8  # until the field is found: by its first good frame, as in a run that has the time


@dataclasses.dataclass(frozen=True)
class Taken:
    """What was done with the frames of a night.

    Attributes
    ----------
    frames : frozenset of Path
        Those that were worked on.
    left : dict of str to int
        {field: frames that were not}; fields without any are not in it.
    begun : frozenset of str
        Fields of which some frames were: those left lie between them.
    stuck : frozenset of str
        Fields whose frames were left as the field cannot be worked on, not for want of time.
    """

    frames: frozenset[Path]
    left: dict[str, int]
    stuck: frozenset[str] = frozenset()
    begun: frozenset[str] = frozenset()

    def say_left(self) -> list[str]:
        """How many frames of each field were left, which of them, and where time is not why."""
        why = dict.fromkeys(self.begun, ", all over the night")
        why |= dict.fromkeys(self.stuck, ", which cannot be worked on now")
        return [f"{count} frames of {field}{why.get(field, '')}" for field, count in self.left.items()]


def hurry(job: Job, options: SolveOptions, deadline: Deadline) -> Taken:
    """Measure frames until only the time for their tables, light curves and page is left; the Taken.

    Parameters
    ----------
    job : Job
        Of any stage.
    options : SolveOptions
        How frames are solved.
    deadline : Deadline
        It learns how slow the machine is.
    """
    night, taken, stuck = job.night, set[Path](), set[str]()
    masters, pace = (
        NightMasters(job),
        _Pace(deadline, len(night.frames), job.workers, again=job.camera.calibration.night_hot_pixels),
    )
    for field in by_wish(job.config, night):
        follower = FieldFollower(job, field, functools.partial(masters.of, field), options)
        for paths in _turns(follower, night.fields[field], FRAMES_TOGETHER * job.workers):
            if not pace.has_time(len(taken)):
                break
            taken |= {*paths}
            if not _take(follower, paths):
                stuck.add(field)
                break
            pace.tell(len(taken))
        follower.flush()
    left = {field: sum(path not in taken for path in paths) for field, paths in night.fields.items()}
    begun = {field for field, count in left.items() if count < len(night.fields[field])}
    left = {field: count for field, count in left.items() if count}
    return Taken(frozenset(taken), left, frozenset(stuck), frozenset(begun))


def _turns(follower: FieldFollower, frames: Sequence[Path], together: int) -> Iterator[Sequence[Path]]:
    """The frames of a field in turns: in their order until the field is found, then spread over the night."""
    begun, many = 0, min(FIRST_TOGETHER, together)
    while begun < len(frames) and not follower.is_found:
        yield frames[begun : begun + many]
        begun, many = begun + many, min(2 * many, together)
    yield from spread_turns(frames[begun:], together)


def spread_turns(frames: Sequence[Path], together: int) -> list[Sequence[Path]]:
    """The frames in turns of at most so many, each in their order and even over all of them.

    Turn after turn falls into the largest gaps that those before have left: their first frames are numbered by van
    der Corput's sequence, the digits of a binary number backwards.
    """
    count = -(-len(frames) // together)
    digits = max(count - 1, 0).bit_length()
    backwards = (int(f"{number:0{digits}b}"[::-1], 2) for number in range(2**digits))
    return [frames[first::count] for first in backwards if first < count]


def _take(follower: FieldFollower, paths: Sequence[Path]) -> bool:
    """Work on some frames; whether the field can be worked on. What keeps it from that is told by the stages."""
    try:
        follower.take_all(paths)
    except WorkError as error:
        log.debug("%s: %s", follower.field, error)
        return False
    return True


def by_wish(config: Config, night: Night) -> list[str]:
    """The fields of a night: those with a target of the list first, then those that name one, the largest."""
    try:
        listed = {one.tic_id for one in read_targets(targets_path(config.directories.out))[0]} - {0}
    except ConfigError:  # told by the stage that needs the list
        listed = set()

    def wish(field: str) -> tuple[bool, bool, int]:
        paths = night.fields[field]
        named = {tic_id for path in paths for tic_id in targets_of(path.name)}
        return not named & listed, not named, -len(paths)

    return sorted(night.fields, key=wish)


@dataclasses.dataclass
class _Pace:
    """How fast frames are done, and whether there is time for more."""

    deadline: Deadline
    frames: int
    workers: int
    again: bool  # frames are measured once more, when the hot pixels of all of them are known
    begun: float = dataclasses.field(init=False)
    longest_s: float = 0.0  # of some frames together
    last: float = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        self.begun = self.last = self.deadline.now()

    def has_time(self, taken: int) -> bool:
        """Whether some more frames can be taken."""
        return self.deadline.left_s > self._closing_s(taken) + self.longest_s

    def tell(self, taken: int) -> None:
        """Learn from the frames just taken, and say when the run would end."""
        now = self.deadline.now()
        self.longest_s, self.last = max(self.longest_s, now - self.last), now
        a_frame = (now - self.begun) / taken
        self.deadline.slowness = max(1.0, a_frame * self.workers / FRAME_S)
        end = now + a_frame * (self.frames - taken) + self._closing_s(self.frames)
        late = ", after the deadline: frames and movies will be left" if end > self.deadline.at else ""
        told = "deadline %s: %d of %d frames, all would be done at %s UTC%s"
        log.info(told, self.deadline, taken, self.frames, clock(end), late)

    def _closing_s(self, frames: int) -> float:
        again_s = self.deadline.slowness * FRAME_S / self.workers * frames if self.again else 0.0
        return self.deadline.closing_s(frames) + again_s
