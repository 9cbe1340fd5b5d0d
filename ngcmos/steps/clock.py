"""Whether the time that headers tell agrees with the stamps of the names and with the end of the exposures."""

import dataclasses
import datetime
import zoneinfo
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from astropy.time import Time

from ngcmos.errors import HeaderError
from ngcmos.night.filenames import stamp_of
from ngcmos.night.job import Job
from ngcmos.night.remarks import SUCCESSION, TIME, keep_remark
from ngcmos.night.succession import tell_succession

TOLERANCE_S = 1.0  # seconds that are rounded or cut are not wrong
STAMP_S = 1e-3  # to which the stamps of names and cards are told
TAI_AHEAD_S, TT_AHEAD_S = 37.0, 69.184  # of UTC since 2017
_ZONE_S = 900.0  # clocks of the world differ by quarters of an hour


@dataclasses.dataclass(frozen=True)
class Clocked:
    """When a frame began (ISO text) and how long it was by its header.

    `middle_s` and `end_s` are when its DATE-AVG and DATE-END say that it was, seconds after that; NaN without.
    """

    path: Path
    start: str
    exptime_s: float
    middle_s: float = float("nan")
    end_s: float = float("nan")


class Timed(Protocol):
    """What the header of a frame says of its time."""

    @property
    def path(self) -> Path: ...
    @property
    def start(self) -> str: ...
    @property
    def exptime_s(self) -> float: ...
    @property
    def middle_s(self) -> float: ...
    @property
    def end_s(self) -> float: ...
    @property
    def exposure_as_text(self) -> str: ...


class Dated(Protocol):
    """A frame and when it began."""

    @property
    def path(self) -> Path: ...
    @property
    def start(self) -> Time: ...
    @property
    def exptime_s(self) -> float: ...


def remark_on_times(job: Job, field: str, frames: Sequence[Timed]) -> None:
    """Exposures written as text, and clocks that do not agree."""
    texts = [frame.exposure_as_text for frame in frames if frame.exposure_as_text]
    keep_remark(job.ledger, field, "exposure", f"{texts[0]} in {len(texts)} frames" if texts else "")
    clocked = [Clocked(one.path, one.start, one.exptime_s, one.middle_s, one.end_s) for one in frames]
    card, timezone = job.camera.headers.date_obs[0], job.config.site.timezone
    keep_remark(job.ledger, field, TIME, tell_clock(clocked, card, timezone=timezone))
    night = job.night.date if job.folder.name == job.night.date else ""
    written = {path: one.state[0] for path, one in job.night.known.items() if one.state}
    longitude_deg = job.config.site.longitude_deg
    told = tell_succession(clocked, card, night=night, longitude_deg=longitude_deg, written=written)
    keep_remark(
        job.ledger, field, SUCCESSION, "; ".join(filter(None, [told, tell_copies(job.night.fields, field)]))
    )


def tell_copies(fields: Mapping[str, Sequence[Path]], field: str) -> str:
    """One line about frames of a field that have the stamps of frames of a larger one; "" where none have."""
    stamps = {stamp_of(path): path.name for path in fields.get(field, ())}
    for name, paths in fields.items():
        if (len(paths), field) <= (len(stamps), name) or name == field:
            continue
        same = [path.name for path in paths if stamp_of(path) in stamps and stamp_of(path) is not None]
        if same:
            return (
                f"{len(same)} of {len(stamps)} frames have time stamps of {name}, as {same[0]}: copies of those?"
            )
    return ""


def tell_clock(frames: Sequence[Clocked], card: str, *, timezone: str = "UTC") -> str:
    """What does not agree about the times of a field, in one line; "" where all agrees.

    Parameters
    ----------
    frames : sequence of Clocked
    card : str
        The card of the time, as "DATE-OBS".
    timezone : str
        Of the site, as "America/Santiago".
    """
    lags = np.array([lag_s(frame.path, frame.start) for frame in frames])
    exptime_s = float(np.median([frame.exptime_s for frame in frames])) if frames else np.nan
    told = []
    whole = all(frame.start.endswith(".000") for frame in frames)  # cut off or rounded: up to a second is lost
    limit_s = TOLERANCE_S * (1.25 if whole else 1.0) - STAMP_S  # by cutting off the median loses half a second
    if np.isfinite(lags).any() and abs(usual := float(np.nanmedian(lags))) >= limit_s:
        side = "after" if usual > 0 else "before"
        cause = _local_names(usual, frames[0].start, timezone) or likely_cause(usual, exptime_s)
        told.append(f"{card} is {abs(usual):.3f} s {side} the stamps in the names{cause}")
    lasts = np.array([frame.end_s for frame in frames])
    if np.isfinite(lasts).any() and float(np.nanmedian(lasts)) < exptime_s - TOLERANCE_S:
        last = float(np.nanmedian(lasts))
        told.append(
            f"DATE-END is {last:.3f} s after {card}, expected {exptime_s:g} s of exposure between them"
            + (', as if both were the end: headers.time_meaning = "end"' if abs(last) < TOLERANCE_S else "")
        )
    off_middle = np.array([frame.middle_s - frame.exptime_s / 2 for frame in frames])
    if np.isfinite(off_middle).any() and abs(off_s := float(np.nanmedian(off_middle))) >= limit_s:
        middle_s, expected_s = exptime_s / 2 + off_s, exptime_s / 2
        told.append(f"DATE-AVG is {middle_s:.3f} s after the start of exposure, expected {expected_s:g} s")
    return "; ".join(told) + f"; {card} is believed as the profile reads it" if told else ""


def lag_s(path: Path, start: str) -> float:
    """Start of an exposure minus the stamp in its name, seconds; NaN without a stamp."""
    stamp = stamp_of(path)
    if stamp is None:
        return float("nan")
    minute = datetime.datetime.fromisoformat(f"{start[:17]}00").replace(tzinfo=datetime.UTC)
    return (minute - stamp).total_seconds() + float(start[17:])  # a datetime knows no leap second


def _local_names(lag: float, start: str, timezone: str) -> str:
    """That the names seem to hold the local time of the site, "" where they do not."""
    moment = datetime.datetime.fromisoformat(f"{start[:17]}00").replace(tzinfo=datetime.UTC)
    offset = moment.astimezone(zoneinfo.ZoneInfo(timezone)).utcoffset() or datetime.timedelta()
    ahead_s = offset.total_seconds()
    return f", as if these were in local time ({timezone})" if ahead_s and abs(lag + ahead_s) < TOLERANCE_S else ""


def likely_cause(lag: float, exptime_s: float) -> str:
    """What such a lag (seconds) looks like, and the key of the profile that says so; "" if like nothing."""
    for seconds, what in (
        (exptime_s, ', one exposure: if it is the end, headers.time_meaning = "end"'),
        (exptime_s / 2, ', half an exposure: if it is the middle, headers.time_meaning = "middle"'),
        (TAI_AHEAD_S, ', as TAI is ahead of UTC: headers.time_scale = "TAI"'),
        (TT_AHEAD_S, ', as TT is ahead of UTC: headers.time_scale = "TT"'),
        (-TAI_AHEAD_S, ', as if TIMESYS called TAI what is UTC: headers.time_scale = "UTC"'),
        (-TT_AHEAD_S, ', as if TIMESYS called TT what is UTC: headers.time_scale = "UTC"'),
    ):
        if abs(lag - seconds) < TOLERANCE_S:
            return what
    if abs(lag + exptime_s) < TOLERANCE_S:
        return ", one exposure: the names seem to hold its end"
    if abs(lag) > _ZONE_S / 2 and abs(lag - _ZONE_S * round(lag / _ZONE_S)) < exptime_s + TOLERANCE_S:
        hours = round(lag / _ZONE_S) * _ZONE_S / 3600
        return f", as local time: if it is that of the header, headers.utc_offset_h = {hours:g}"
    return ""


def find_wrong_times(placed: Sequence[Dated], key: str) -> dict[Path, HeaderError]:
    """{path: HeaderError} of frames whose time is not their own.

    A time that another frame has already, or that differs from the stamp in the file's name otherwise than in
    the other frames of the field (by more than half an exposure). Where all times are whole seconds they are
    rounded, not wrong: then a second more is allowed, and frames with stamps of their own may share one.
    """
    wrong: dict[Path, HeaderError] = {}
    taken: dict[str, Path] = {}
    rounded = all(frame.start.isot.endswith(".000") for frame in placed)
    lags = {frame.path: lag_s(frame.path, frame.start.isot) for frame in placed}
    usual = np.nanmedian([np.nan, *lags.values()]) if np.isfinite(list(lags.values())).any() else 0.0
    for frame in placed:
        name, start = frame.path.name, frame.start.isot
        if abs(lags[frame.path] - usual) > frame.exptime_s / 2 + rounded * TOLERANCE_S:
            off = f"{lags[frame.path]:+.3f} s from the time in its name, expected {usual:+.3f} s"
            cause = likely_cause(lags[frame.path] - usual, frame.exptime_s)
            remedy = cause or ": put right whichever of the two is wrong, the card or the name"
            wrong[frame.path] = HeaderError(f"{name}: {key} {start} is {off}{remedy}")
            continue
        first = taken.setdefault(start, frame.path)
        own_stamp = rounded and None not in (stamp_of(first), stamp_of(frame.path))
        if first != frame.path and not (own_stamp and stamp_of(first) != stamp_of(frame.path)):
            said = f"{key} {start} is that of {first.name}, expected a time of its own"
            wrong[frame.path] = HeaderError(f"{name}: {said}")
    return wrong
