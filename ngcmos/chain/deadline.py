"""When a run has to end, and what there is time for until then.

``find_deadline("09:30", night.date, site, now) -> Deadline | None``; "sunrise + 2 h" is another way to say it.
"""

import dataclasses
import datetime
import re
import time
import zoneinfo
from collections.abc import Callable, Mapping

from ngcmos.config import Site
from ngcmos.errors import UsageError
from ngcmos.keys import CLOCK, MOMENT_EXPECTED, SUNRISE
from ngcmos.names import Stage
from ngcmos.night.spans import clock

_SECONDS = {"h": 3600.0, "min": 60.0}
FRAME_S = 0.165  # of one core, as docs/performance.md has it; how slow a machine is, is told by that
# what comes behind the frames: (seconds a frame, seconds once), by the same page, and twice as much to be sure
_BEHIND: Mapping[Stage, tuple[float, float]] = {
    Stage.PROCESS_CMOS: (0.006, 6.0),  # the table put together
    Stage.RELATIVE_PHOTOMETRY: (0.006, 3.0),
    Stage.NOISE_MODEL: (0.014, 5.0),
    Stage.SEASON: (0.02, 10.0),
    Stage.QC_CONTROL: (0.04, 4.0),
    Stage.NIGHT_REPORT: (0.002, 6.0),
}
ALWAYS = (Stage.PROCESS_CMOS, Stage.RELATIVE_PHOTOMETRY, Stage.NIGHT_REPORT)  # what the night is for
EXTRAS = (Stage.NOISE_MODEL, Stage.SEASON, Stage.QC_CONTROL)  # made where there is time


@dataclasses.dataclass
class Deadline:
    """When a run ends.

    Attributes
    ----------
    at : float
        Unix seconds.
    said : str
        As it was asked for.
    now : callable
        The clock, Unix seconds.
    slowness : float
        How many times as long as on the machine of docs/performance.md things take here.
    """

    at: float
    said: str
    now: Callable[[], float] = time.time
    slowness: float = 1.0

    @property
    def left_s(self) -> float:
        """Seconds until then."""
        return self.at - self.now()

    def needed_s(self, stage: Stage, frames: int) -> float:
        """About how long a stage takes once the frames are measured."""
        a_frame, once = _BEHIND.get(stage, (0.0, 0.0))
        return self.slowness * (a_frame * frames + once)

    def closing_s(self, frames: int) -> float:
        """About how long table, light curves and page of so many frames take."""
        return sum(self.needed_s(stage, frames) for stage in ALWAYS)

    def has_time_for(self, stage: Stage, frames: int) -> bool:
        """Whether there is time for a stage, and for the page behind it."""
        behind = self.needed_s(Stage.NIGHT_REPORT, frames)
        return stage not in EXTRAS or self.needed_s(stage, frames) + behind <= self.left_s

    def __str__(self) -> str:
        return self.said if "UTC" in self.said.upper() else f"{self.said} ({clock(self.at)} UTC)"


def find_deadline(text: str, date: str, site: Site, now: Callable[[], float] = time.time) -> Deadline | None:
    """The Deadline that a text asks for; None where that has passed, as the sunrise of an old night.

    A time of the day is the next one from now.

    Parameters
    ----------
    text : str
        "09:30" by the clock of the site, "13:30 UTC", or "sunrise + 2 h", that of the night.
    date : str
        YYYYMMDD of the evening.
    site : Site
    now : callable

    Raises
    ------
    UsageError
        It is none of these, or the night has no sunrise.
    """
    clock_said, sun_said = CLOCK.fullmatch(text.strip()), SUNRISE.fullmatch(text.strip())
    if clock_said:
        at = _next_clock(clock_said, site, now())
    elif sun_said:
        at = _after_sunrise(sun_said, date, site)
    else:
        raise UsageError(f"deadline {text!r}: no moment, {MOMENT_EXPECTED}")
    return Deadline(at, text.strip(), now) if at > now() else None


def _next_clock(said: re.Match[str], site: Site, unix: float) -> float:
    hour, minute, utc = said.groups()
    today = datetime.datetime.fromtimestamp(unix, datetime.UTC if utc else zoneinfo.ZoneInfo(site.timezone))
    at = today.replace(hour=int(hour), minute=int(minute), second=0, microsecond=0)
    return (at if at > today else at + datetime.timedelta(days=1)).timestamp()


def _after_sunrise(said: re.Match[str], date: str, site: Site) -> float:
    from ngcmos.qc.almanac import sunrise  # astropy takes its time to load

    try:
        rise = sunrise(date, site)
    except ValueError:
        rise = None
    if rise is None:
        raise UsageError(f"deadline {said[0]!r}: the night {date!r} has no sunrise, expected a time of the day")
    sign, number, unit = said.groups()
    return rise + (float(f"{sign}{number}") * _SECONDS[unit.lower()] if number else 0.0)
