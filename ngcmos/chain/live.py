"""The page of a night that is followed, kept up to date at a hundredth of a core.

``live = LivePage(job, end, now)``, then ``live.renew(followers, told)`` as often as there is time.
"""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ngcmos import __version__
from ngcmos.chain.following import FieldFollower
from ngcmos.lightcurves.live import LiveCurve, LiveFrames
from ngcmos.names import star_name
from ngcmos.night.job import Job
from ngcmos.night.products import report_path, targets_path, write_text
from ngcmos.report.live import (
    REFRESH_S,
    LiveFacts,
    LiveField,
    LiveTarget,
    draw_live,
    fit_so_far,
    say_expected,
    say_sure,
)
from ngcmos.transits.ephemeris import Ephemeris
from ngcmos.transits.targets import Target, find_star, read_targets

MOST_TARGETS = 3
PAGE_SHARE, FIT_SHARE = 0.005, 0.004  # of a core


class Budget:
    """A work that may take a share of a core: when it may be done again.

    Parameters
    ----------
    share : float
    least_s : float
        Between two times at least.
    now : callable
        The clock, seconds.
    """

    def __init__(self, share: float, least_s: float, now: Callable[[], float]) -> None:
        self._share, self._least_s, self._now = share, least_s, now
        self._next = float("-inf")

    @property
    def is_free(self) -> bool:
        """Whether there is time for it now."""
        return self._now() >= self._next

    @contextlib.contextmanager
    def spend(self) -> Iterator[None]:
        """Do it; what it takes is counted, whatever comes of it."""
        started = time.process_time()
        try:
            yield
        finally:
            self._next = self._now() + max(self._least_s, (time.process_time() - started) / self._share)


class LivePage:
    """The page of a night that is followed.

    Parameters
    ----------
    job : Job
    end : float
        Of the night, Unix seconds.
    now : callable
        The clock, Unix seconds.
    """

    def __init__(self, job: Job, end: float, now: Callable[[], float]) -> None:
        self._job, self._end, self._now = job, end, now
        self._page = Budget(PAGE_SHARE, REFRESH_S, now)
        self._fit = Budget(FIT_SHARE, REFRESH_S, now)
        self._sure: dict[tuple[str, int], str] = {}  # by field and star, until the next fit
        self._shown = 0

    def renew(self, followers: Sequence[FieldFollower], told: str) -> None:
        """Write the page anew where there are new frames, and time for it; the night's last page is the morning's.

        Raises
        ------
        WriteError
            It could not be written.
        ConfigError
            The list of targets cannot be read.
        """
        count = sum(len(follower.live) for follower in followers)
        if count == self._shown or not self._page.is_free or self._now() >= self._end:
            return
        with self._page.spend():
            self._shown = count
            targets, _ = read_targets(targets_path(self._job.config.directories.out))
            seen = [_read_field(follower, targets) for follower in followers if len(follower.live)]
            fields = [self._told(one) for one in sorted(seen, key=lambda one: -one.frames.unix[-1])]
            made = f"Made by ngcmos {__version__}, camera {self._job.camera.name}"
            facts = LiveFacts(self._job.night.date, told, self._now(), self._end, fields, made)
            write_text(report_path(self._job.folder), draw_live(facts))
        if self._fit.is_free:
            with self._fit.spend():
                self._sure |= {
                    (field.name, star.curve.tic_id): say_sure(
                        fit_so_far(star.curve, field.frames, star.ephemerides), star.curve, field.frames
                    )
                    for field in seen
                    for star in field.stars
                }

    def _told(self, seen: "_Seen") -> LiveField:
        """A field with what is said of its targets."""
        shown = []
        for star in seen.stars:
            expected, span = say_expected(
                star.curve, seen.frames, star.ephemerides, now=self._now(), end=self._end
            )
            sure = self._sure.get((seen.name, star.curve.tic_id))
            shown.append(LiveTarget(star.name, [*expected, *([sure] if sure else [])], star.curve, span))
        return LiveField(seen.name, seen.frames, shown)


@dataclasses.dataclass(frozen=True, eq=False)
class _Star:
    """A target so far, what it is called, and what is known of its transits."""

    name: str
    curve: LiveCurve
    ephemerides: Sequence[Ephemeris]


@dataclasses.dataclass(frozen=True, eq=False)
class _Seen:
    """A field so far."""

    name: str
    frames: LiveFrames
    stars: Sequence[_Star]


def _read_field(follower: FieldFollower, targets: Sequence[Target]) -> _Seen:
    """A field as it is now, with the rows of the list of targets that mean its targets."""
    curves = follower.live.curves()[:MOST_TARGETS]
    return _Seen(follower.field, follower.live.frames(), [_star_of(follower, curve, targets) for curve in curves])


def _star_of(follower: FieldFollower, curve: LiveCurve, targets: Sequence[Target]) -> _Star:
    assert follower.stars is not None
    row = follower.stars[np.asarray(follower.stars["tic_id"]) == curve.tic_id]
    place = tuple(np.asarray(row[name]) for name in ("tic_id", "gaia_id", "ra_deg_corr", "dec_deg_corr"))
    own = [one for one in targets if find_star(one, *place).size]
    name = ", ".join(dict.fromkeys([star_name(curve.tic_id), *(one.name for one in own)]))
    return _Star(f"{name}, Tmag {curve.tmag:.2f}", curve, [one.ephemeris for one in own if one.ephemeris])
