"""Whether the exposures of a field can have followed one another as their times say.

A clock that was set in the night, frames of another night among them, exposure times in another unit and frames of
two cameras under one name do not contradict the stamps of the names, which come from the same clock.
``tell_succession(frames, ...)`` is one line, "" where all agrees.
"""

import collections
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from ngcmos.arrays import Bools, Floats
from ngcmos.night.filenames import running_number, series_of, stamp_of
from ngcmos.night.spans import DAY_S

OVERLAP_S, OVERLAP_SHARE = 1.0, 0.1  # clocks of computers hesitate: up to both of these is none
STEP_S = 1.0  # times that are rounded may go back by so much
WRITTEN_S, SET_S = 10.0, 60.0  # a file is written as late as the others within so much; a clock was set by more
MOST, FEWEST_ODD = 0.6, 3  # of the frames, and frames that are off alike
ZONE_S, FARTHEST_ZONE_S = 900.0, 14.25 * 3600  # clocks of the world differ by quarters of an hour
FEWEST_WRITTEN, WRITTEN_SHARE = 5, 0.2  # files, and the spread of their lags in the span of their times
NOT_KNOWN: Mapping[Path, float] = {}
STEPS_SHARE = 0.1  # of the frames: where more times go back, numbers in names do not count frames


class Begun(Protocol):
    """When a frame began (ISO text, UTC) and how long it was, by its header."""

    @property
    def path(self) -> Path: ...
    @property
    def start(self) -> str: ...
    @property
    def exptime_s(self) -> float: ...


def tell_succession(
    frames: Sequence[Begun],
    card: str,
    *,
    night: str,
    longitude_deg: float,
    written: Mapping[Path, float] = NOT_KNOWN,
) -> str:
    """What cannot be about the times of a field, in one line; "" where all can.

    Parameters
    ----------
    frames : sequence
    card : str
        The card of the time, as "DATE-OBS".
    night : str
        YYYYMMDD of the evening that the folder is called by; "" where it is called otherwise.
    longitude_deg : float
        Of the site, east positive: a night lasts from noon to noon there.
    written : mapping of Path to float, optional
        Unix seconds at which the files were written, by the disk.
    """
    if not frames:
        return ""
    unix = np.array([_unix(frame.start) for frame in frames])
    order = np.argsort(unix, kind="stable")
    ordered = [frames[at] for at in order]
    told = [
        _other_nights(unix, card, night, longitude_deg),
        _overlaps(ordered, unix[order]),
        _steps_back(frames, unix, card),
        _set_clock(frames, unix, card, written),
    ]
    return "; ".join(filter(None, told))


def _unix(start: str) -> float:
    """Seconds of ISO text; a leap second is the one before it."""
    return float(np.datetime64(start.replace(":60", ":59"), "ms").astype(np.int64)) / 1000


def _other_nights(unix: Floats, card: str, night: str, longitude_deg: float) -> str:
    """Frames that were begun in other nights than that of their folder."""
    if not night:
        return ""
    evenings = np.floor(unix / DAY_S + longitude_deg / 360 - 0.5).astype("datetime64[D]")
    dates = collections.Counter(str(evening).replace("-", "") for evening in evenings)
    dates.pop(night, None)
    if not dates:
        return ""
    count, usual = sum(dates.values()), dates.most_common(1)[0][0]
    others = f"the night of {usual}" if len(dates) == 1 else f"{len(dates)} other nights, as {usual}"
    return f"{count} of {unix.size} frames were begun in {others} by {card}, the folder is that of {night}"


def _overlaps(frames: Sequence[Begun], unix: Floats) -> str:
    """Exposures that had not ended when the next one began; frames of one time are refused as such."""
    exptime_s, lag_s = np.array([frame.exptime_s for frame in frames])[:-1], np.diff(unix)
    long = (lag_s > 0) & (exptime_s - lag_s > np.maximum(OVERLAP_S, OVERLAP_SHARE * exptime_s))
    if not long.any():
        return ""
    at = int(np.argmax(long))
    shown = f"{frames[at].path.name} of {exptime_s[at]:g} s, {lag_s[at]:.1f} s before the next"
    causes = "is the exposure time in seconds, was the clock set, are they of one camera?"
    return (
        f"{np.count_nonzero(long)} of {unix.size} frames had not ended when the next began, as {shown}: {causes}"
    )


def _steps_back(frames: Sequence[Begun], unix: Floats, card: str) -> str:
    """Where times go back though the numbers in the names rise."""
    series: dict[str, list[tuple[int, float, str]]] = collections.defaultdict(list)
    for frame, begun in zip(frames, unix, strict=True):
        number = None if stamp_of(frame.path) else running_number(frame.path.name)
        if number is not None:
            series[series_of(frame.path.name)].append((number, float(begun), frame.path.name))
    told: list[str] = []
    for counted in map(sorted, series.values()):
        back: Bools = np.diff([begun for _, begun, _ in counted]) < -STEP_S
        steps = np.flatnonzero(back)
        if 0 < steps.size <= max(1.0, STEPS_SHARE * len(counted)):
            told += [_say_step(counted[at], counted[at + 1], card) for at in steps[:1]]
    return told[0] if told else ""


def _set_clock(frames: Sequence[Begun], unix: Floats, card: str, written: Mapping[Path, float]) -> str:
    """Frames whose files were written otherwise long after their times than those of most; not of copies."""
    ends = unix + np.array([frame.exptime_s for frame in frames])
    lag_s = np.array([written.get(frame.path, np.nan) for frame in frames]) - ends
    lag_s = lag_s[np.isfinite(lag_s)]
    if not lag_s.size:
        return ""
    usual = float(np.median(lag_s))
    odd = lag_s[np.abs(lag_s - usual) > SET_S]
    agree = np.mean(np.abs(lag_s - usual) <= WRITTEN_S) >= MOST
    if odd.size < FEWEST_ODD or not agree or np.max(np.abs(odd - np.median(odd))) > WRITTEN_S:
        return ""
    off = float(np.median(odd)) - usual
    later = f"{abs(off):.0f} s {'longer' if off > 0 else 'less long'}"
    return (
        f"{odd.size} of {lag_s.size} frames were written {later} after {card} than the others: was the clock set?"
    )


def tell_written(end_unix: Floats, written: Floats, card: str) -> str:
    """One line where all files of a field were written some quarters of an hour after their exposures had ended.

    So the disk tells of local time in a card of UTC; copies were written otherwise, and tell nothing.

    Parameters
    ----------
    end_unix, written : (frames,) arrays
        End of the exposures by their cards, and when the files were written, Unix seconds; NaN where unknown.
    """
    lag_s = written - end_unix
    if np.count_nonzero(np.isfinite(lag_s)) < FEWEST_WRITTEN:
        return ""
    usual = float(np.nanmedian(lag_s))
    zones = round(usual / ZONE_S)
    spread_s, span_s = (float(np.nanmax(values) - np.nanmin(values)) for values in (lag_s, end_unix))
    is_zone = zones and abs(usual) <= FARTHEST_ZONE_S and abs(usual - zones * ZONE_S) <= SET_S
    if not is_zone or spread_s > min(SET_S, WRITTEN_SHARE * span_s):
        return ""
    hours = zones * ZONE_S / 3600
    told = f"the files were written {hours:g} h after {card}"
    return f"{told}, as local time: if it is that of the header, headers.utc_offset_h = {-hours:g}"


def _say_step(before: tuple[int, float, str], after: tuple[int, float, str], card: str) -> str:
    return f"{card} goes back by {before[1] - after[1]:.0f} s from {before[2]} to {after[2]}: was the clock set?"
