"""A night followed while it is observed: each frame is worked on as it comes, so that dawn only brings the end.

``wait_for_folder(config)`` finds tonight's folder, ``run(config, night)`` follows it until sunrise; the chain over
the night then finds nearly everything done. What it writes is what the chain would have written in the morning.
"""

import dataclasses
import datetime
import functools
import logging
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ngcmos.calibration.masters import Masters
from ngcmos.chain.deadline import find_deadline
from ngcmos.chain.following import FieldFollower, NightMasters, Seen
from ngcmos.chain.live import LivePage
from ngcmos.config import Config, Site
from ngcmos.errors import NgcmosError, NightError, UsageError, WorkError, WriteError
from ngcmos.names import Stage
from ngcmos.night.accounting import USUAL_TYPES
from ngcmos.night.filenames import time_key
from ngcmos.night.folder import Night, evening_of, file_state, find_folder, open_night, science_files
from ngcmos.night.job import Job, open_job
from ngcmos.qc.almanac import sunrise
from ngcmos.steps.remarking import refuse_misfits
from ngcmos.steps.solve_options import USUAL, SolveOptions

log = logging.getLogger(__name__)

NICENESS = 10
LOOK_EVERY_S = 1.0
TELL_EVERY_S = 60.0
TRY_AGAIN_S = 60.0
PAGE = "the live page"
FLUSH_EVERY_S = 60.0  # so long `why` does not know that a frame is measured
FOLDER_EVERY_S = 10.0


Clock = Callable[[], float]  # Unix seconds
Sleep = Callable[[float], None]
FileState = tuple[float, int]


def wait_for_folder(
    config: Config,
    *,
    directory: str | Path | None = None,
    night: str | None = None,
    now: Clock = time.time,
    sleep: Sleep = time.sleep,
) -> Path:
    """The night folder that the options name, else tonight's; waited for until sunrise where it is not there yet.

    Raises
    ------
    UsageError
        Both options, or a night that is no date.
    NightError
        There was no such folder when the Sun rose.
    """
    if directory is None and night is None:
        night = tonight(config.site, now())
    end: float | None = None
    while True:
        try:
            return find_folder(config, directory=directory, night=night)
        except NightError as error:
            if directory is not None or night is None:
                raise
            if end is None:
                end = end_of_night(night, config.site)
                log.info("%s; waiting for it until sunrise", error)
            if now() >= end:
                raise
            sleep(FOLDER_EVERY_S)


def tonight(site: Site, unix: float) -> str:
    """YYYYMMDD of the evening of the night that this moment belongs to."""
    return evening_of(datetime.datetime.fromtimestamp(unix, datetime.UTC), site.timezone)


def end_of_night(date: str, site: Site) -> float:
    """Unix time of the sunrise that ends a night.

    Raises
    ------
    UsageError
        The date is none, or the Sun does not set or rise.
    """
    try:
        end = sunrise(date, site)
    except ValueError:
        raise UsageError(f"--follow: {date!r} is no date as 20240705, expected it of the night") from None
    if end is None:
        raise UsageError(f"--follow: the Sun does not set and rise in the night of {date} at the site")
    return end


def require_deadline_behind(deadline: str, config: Config, night: Night, now: Clock = time.time) -> None:
    """Refuse a deadline of the chain that lies before the end of the night that is to be followed.

    Raises
    ------
    UsageError
        It does.
    """
    end = end_of_night(night.date, config.site)
    found = find_deadline(deadline, night.date, config.site, now) if deadline else None
    if found is not None and now() < end and found.at < end:
        raise UsageError(f"--deadline {found} is before sunrise, {_clock(end)} UTC, until which --follow works")


def run(
    config: Config,
    night: Night,
    options: SolveOptions = USUAL,
    *,
    quiet: bool = False,
    now: Clock = time.time,
    sleep: Sleep = time.sleep,
    nice: Callable[[int], object] = os.nice,
) -> None:
    """Work on the frames of a night as they come, until sunrise.

    Parameters
    ----------
    config : ngcmos.config.Config
    night : ngcmos.night.folder.Night
        As it is now; held by this process.
    options : SolveOptions
        How frames are solved.
    quiet : bool
        No live line.
    now, sleep, nice : callables
        The clock (Unix seconds), how to wait, and how to stand back behind other processes.
    """
    nice(NICENESS)
    end = end_of_night(night.date, config.site)
    log.info("following %s until sunrise, %s UTC", night.folder, _clock(end))
    with open_job(Stage.PROCESS_CMOS, config, night) as job, LiveLine(now, quiet=quiet) as line:
        watch = _Watch(job, dataclasses.replace(options, time_cards=True), line, now)
        page = LivePage(job, end, now)
        try:
            while watch.work() or now() < end:
                watch.show(page)
                sleep(LOOK_EVERY_S)
        finally:
            watch.flush()
    log.info("followed: %s; now the rest of the night", line.text or "no frame came")


def _clock(unix: float) -> str:
    return datetime.datetime.fromtimestamp(unix, datetime.UTC).strftime("%H:%M")


class Arrivals:
    """Files of a night as they become whole: unchanged for the profile's settling time."""

    def __init__(self, folder: Path, settling_s: float, imagetyp: Sequence[str] = USUAL_TYPES) -> None:
        self._folder, self._settling_s, self._imagetyp = folder, settling_s, imagetyp
        self._growing: dict[str, tuple[FileState, float]] = {}
        self._done: dict[str, FileState | None] = {}

    def ready(self, now: float) -> list[tuple[Path, FileState]]:
        """[(path, state), ...] of frames that are whole and new or changed, in the order of their time stamps."""
        found = []
        for path in science_files(self._folder, self._imagetyp):
            state = file_state(path)
            if state is None or self._done.get(path.name) == state:
                continue
            known, since = self._growing.get(path.name, (None, now))
            if known != state:
                self._growing[path.name], since = (state, now), now
            if now - min(since, state[0]) >= self._settling_s:
                found.append((path, state))
        return sorted(found, key=lambda one: time_key(one[0]))

    def settle(self, path: Path, state: FileState | None) -> None:
        """Count a frame as dealt with as long as it is in this state."""
        self._growing.pop(path.name, None)
        self._done[path.name] = state


class LiveLine:
    """One line that tells how the night goes: on a terminal always, in the log once a minute."""

    def __init__(self, now: Clock, *, quiet: bool = False) -> None:
        self.text = ""
        self._now, self._logged = now, float("-inf")
        self._shown = not quiet and sys.stderr.isatty()
        self._bar = tqdm(bar_format="{desc}", disable=not self._shown, leave=False)

    def __enter__(self) -> "LiveLine":
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def tell(self, text: str) -> None:
        """Show the newest state."""
        self.text = text
        self._bar.set_description_str(text)
        if self._now() - self._logged >= TELL_EVERY_S:
            self._logged = self._now()
            log.log(logging.DEBUG if self._shown else logging.INFO, "%s", text)


class _Watch:
    """The fields of a night while frames come."""

    def __init__(self, job: Job, options: SolveOptions, line: LiveLine, now: Clock) -> None:
        self._job, self._options, self._line, self._now = job, options, line, now
        self._arrivals = Arrivals(job.folder, job.camera.files.settling_s, job.camera.headers.imagetyp)
        self._followers: dict[str, FieldFollower] = {}
        self._refused: set[str] = set()
        self._paused: dict[str, float] = {}
        self._told: dict[str, str] = {}
        self._flushed = now()
        self._night = job.night
        self._masters = NightMasters(job)

    def _masters_of(self, field: str) -> Masters:
        return self._masters.of(field, self._night)

    def work(self) -> bool:
        """Take the frames that are there; whether there were any."""
        try:
            ready = self._arrivals.ready(self._now())
        except NightError as error:
            self._pause("", error)
            return False
        taken = 0
        fields = self._fields(ready)
        for number, (path, state) in enumerate(ready, 1):
            field = fields.get(path)
            if field is None:  # told; the morning may see it otherwise
                self._arrivals.settle(path, state)
            elif self._now() >= max(self._paused.get(field, 0.0), self._paused.get("", 0.0)):
                taken += self._take(field, path, state, len(ready) - number)
        if self._now() - self._flushed > FLUSH_EVERY_S:
            self.flush()
        return taken > 0

    def _fields(self, ready: Sequence[tuple[Path, FileState]]) -> dict[Path, str]:
        """The field of each frame that fits one; why others do not is written into the ledger."""
        if not ready:
            return {}
        self._night = open_night(self._job.config, self._job.folder, settle=False, known=self._night)
        solving, here = self._job.beside(Stage.SIMPLE_WRAPPER), {path for path, _ in ready}
        for field in self._night.misfits:
            refused = refuse_misfits(solving, self._night, field, among=here)
            self._refused |= {path.name for path in refused}
        return {path: field for field, paths in self._night.fields.items() for path in paths}

    def flush(self) -> None:
        """Put what was measured on the disk."""
        self._flushed = self._now()
        for follower in self._followers.values():
            try:
                follower.flush()
            except WriteError as error:
                log.error("%s: %s; these frames will be measured again", follower.field, error)

    def show(self, page: LivePage) -> None:
        """Keep the page up to date; what goes wrong with it does not cost the night."""
        try:
            page.renew([*self._followers.values()], self._line.text)
        except NgcmosError as error:
            if self._told.get(PAGE) != str(error):
                self._told[PAGE] = str(error)
                log.warning("live page: %s", error)
        except Exception:  # a bug of ours in the page must not cost the night
            log.exception("live page: a bug in ngcmos, please report it with this traceback")

    def _take(self, field: str, path: Path, state: FileState, waiting: int) -> bool:
        """Take one frame; whether it was dealt with."""
        try:
            seen = self._follow(field).take(path)
        except WriteError as error:
            self._pause("", error)
            return False
        except WorkError as error:
            self._pause(field, error)
            return False
        except Exception:  # a bug of ours in one frame must not cost the night
            log.exception("%s: a bug in ngcmos, please report it with this traceback", path.name)
            self._arrivals.settle(path, state)
            return True
        self._arrivals.settle(path, file_state(path) if seen.measured else state)
        (self._refused.discard if seen.measured else self._refused.add)(path.name)
        self._line.tell(self._describe(seen, waiting, self._now() - state[0]))
        return True

    def _follow(self, field: str) -> FieldFollower:
        """The FieldFollower of a field."""
        if field not in self._followers:
            self._followers[field] = FieldFollower(
                self._job, field, functools.partial(self._masters_of, field), self._options
            )
        return self._followers[field]

    def _pause(self, field: str, error: WorkError) -> None:
        """Leave a field ("": all) alone for a while; the reason is told when it changes."""
        self._paused[field] = self._now() + TRY_AGAIN_S
        if self._told.get(field) != str(error):
            self._told[field] = str(error)
            log.error("%s; tried again every %.0f s", error, TRY_AGAIN_S)

    def _describe(self, seen: Seen, waiting: int, lag_s: float) -> str:
        measured = sum(follower.measured for follower in self._followers.values())
        counts = f"{measured} frames done, {len(self._refused)} refused, {waiting} waiting, lag {lag_s:.0f} s"
        told = [seen.field + ":", "measured" if seen.measured else "refused"]
        told += [f"({seen.quality})"] if seen.quality else []
        told += [f"light {100 * seen.light:.0f} %"] if np.isfinite(seen.light) else []
        told += ["shift {:+.2f} {:+.2f} px".format(*seen.shift)] if seen.shift else []
        return f"{counts}; {' '.join(told)}"
