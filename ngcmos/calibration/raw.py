"""Raw calibration frames: which of a folder belong to a night, the nearest in time first, and their pixels."""

import dataclasses
import datetime
import itertools
import logging
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from ngcmos.arrays import Counts
from ngcmos.calibration.belonging import Setting, days_off, moment_of
from ngcmos.config import Camera
from ngcmos.errors import FrameError, HeaderError, MasterError
from ngcmos.night.cards import Header
from ngcmos.night.fields import Setup, setup_of
from ngcmos.night.filenames import is_fits
from ngcmos.night.headers import check_readmode, exposure_time, said_first
from ngcmos.night.images import read_image
from ngcmos.night.moments import start_of_exposure
from ngcmos.night.trimming import Zero, shape_of_file, trim, without_zero

MAX_FRAMES = 21
EPOCH_DAYS = 30.0  # frames further from the nearest one are of another time, and only taken where there are few
FEWEST = 3
SESSION_DAYS = 0.5  # frames nearer to each other were taken in one go
LEVEL_NOISES, LEVEL_ADU = 10.0, 5.0  # a bias further off than both of these is of another time
RATE_SHARE = 0.5  # and so a dark, by its counts per second: light fell in, or the chip was warm

_log = logging.getLogger(__name__)
Level = Callable[["RawFrame"], float]  # what frames are compared by


@dataclasses.dataclass(frozen=True)
class RawFacts:
    """What the header of a calibration frame says.

    Attributes
    ----------
    path : Path
    setup : tuple of (str, str)
    filter_name : str
        "" where it tells none.
    moment : datetime.datetime or None
        When it was taken.
    exptime_s : float
        0 of a bias.
    temperature_c : float
        Of the chip; NaN where it tells none.
    readmode : str
    """

    path: Path
    setup: Setup
    filter_name: str
    moment: datetime.datetime | None
    exptime_s: float
    temperature_c: float
    readmode: str


@dataclasses.dataclass(frozen=True, eq=False)
class RawFrame:
    """A calibration frame: its facts, counts above its zero level, and its level in what it is compared by."""

    facts: RawFacts
    data: Counts
    zero_adu: Zero = 0.0
    level: float = math.nan

    @property
    def exptime_s(self) -> float:
        """Seconds."""
        return self.facts.exptime_s


@dataclasses.dataclass(frozen=True, eq=False)
class Chosen:
    """The frames of a master in the order of time, and the names of those that were looked at and left out."""

    frames: list[RawFrame]
    left_out: list[str]


def raw_paths(folder: Path, kind: str) -> list[Path]:
    """Raw frames of a kind, by name: the choice must not hang on the order of the disk."""
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.iterdir() if p.name.lower().startswith(kind) and is_fits(p.name))


def read_facts(path: Path, camera: Camera, *, exposed: bool) -> RawFacts:
    """The RawFacts of a file.

    Raises
    ------
    FrameError
        Unreadable, of another shape or read mode, or exposed without an exposure time.
    """
    _, header = read_image(path, shape=shape_of_file(camera), pixels=False)
    if camera.detector.readmode and camera.headers.readmode not in header:
        raise HeaderError(f"{path.name}: no {camera.headers.readmode} in the header, expected the read mode")
    check_readmode(header, camera, path)
    names = camera.headers
    return RawFacts(
        path,
        setup_of(header, camera),
        said_first(header, names.filter),
        moment_of(path, _date_said(header, camera, path)),
        exposure_time(header, names.exptime, path) if exposed else 0.0,
        _number(said_first(header, names.temperature)),
        said_first(header, [names.readmode]),
    )


def _date_said(header: Header, camera: Camera, path: Path) -> str:
    """The time that a header tells, as ISO text; "" where it tells none that can be read."""
    try:
        return str(start_of_exposure(header, camera.headers, 0.0, path).isot)
    except FrameError:
        return ""


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def candidates_of(paths: Iterable[Path], camera: Camera, setting: Setting, *, exposed: bool) -> list[RawFacts]:
    """The frames that belong to a night by their headers, the nearest in time first; of unknown time by name.

    Those of the month of the nearest one, if these are not too few.
    """
    facts = []
    for path in paths:
        try:
            one = read_facts(path, camera, exposed=exposed)
        except FrameError:
            continue  # told when the master is made
        if setting.fits(one.setup):
            facts.append(one)
    facts.reverse()  # names rise with time
    facts.sort(key=lambda one: _distance(one, setting))
    first = facts[0].moment if facts else None
    month = datetime.timedelta(days=EPOCH_DAYS)
    near = [one for one in facts if first and one.moment and abs(one.moment - first) <= month]
    return near if len(near) >= FEWEST else facts


def _distance(one: RawFacts, setting: Setting) -> float:
    days = abs(days_off(setting, one.moment))
    return days if math.isfinite(days) else math.inf


def tell_unfit(paths: Iterable[Path], camera: Camera, setting: Setting, *, exposed: bool) -> None:
    """Log which frames cannot be used, and why: one by one those that are spoilt, summed those of other setups."""
    misfits: dict[str, int] = {}
    for path in paths:
        try:
            misfit = setting.misfit(read_facts(path, camera, exposed=exposed).setup)
        except FrameError as error:
            _log.warning("calibration frame left out: %s", error)
            continue
        if misfit:
            misfits[misfit] = misfits.get(misfit, 0) + 1
    for misfit, count in misfits.items():
        _log.warning("%d calibration frames left out: %s", count, misfit)


def choose(
    candidates: Sequence[RawFacts], camera: Camera, level: Level, is_odd: Callable[[RawFrame, float], str]
) -> Chosen:
    """Up to 21 of the candidates, the first of them; what is spoilt or stands out by its level is left out.

    Parameters
    ----------
    candidates : sequence of RawFacts
        The nearest in time first.
    camera : ngcmos.config.Camera
    level : function of a RawFrame
        Its level.
    is_odd : function of a RawFrame and the usual level
        Why it is left out; "" where it is not.
    """
    left: list[str] = []
    coming = _read_all(candidates, camera, level, left)
    frames = list(itertools.islice(coming, MAX_FRAMES))
    if frames:
        usual = _usual_level(frames)
        frames = _without_odd(frames, usual, is_odd, left)
        while len(frames) < MAX_FRAMES and (frame := next(coming, None)) is not None:
            frames += _without_odd([frame], usual, is_odd, left)
    order = {facts.path: number for number, facts in enumerate(candidates)}
    frames.sort(key=lambda frame: (_unix(frame.facts), -order[frame.facts.path]))
    return Chosen(frames, left)


def _unix(facts: RawFacts) -> float:
    return facts.moment.timestamp() if facts.moment else 0.0


def _read_all(candidates: Iterable[RawFacts], camera: Camera, level: Level, left: list[str]) -> Iterator[RawFrame]:
    for facts in candidates:
        try:
            frame = read_raw(facts, camera)
            yield dataclasses.replace(frame, level=level(frame))
        except FrameError as error:
            _log.warning("calibration frame left out: %s", error)
            left.append(facts.path.name)


def _usual_level(frames: Sequence[RawFrame]) -> float:
    """Median level of the frames taken with the nearest one, of the nearest three where no time is known."""
    first = frames[0].facts.moment
    if first is None:
        session = frames[:FEWEST]
    else:
        near = datetime.timedelta(days=SESSION_DAYS)
        session = [f for f in frames if f.facts.moment is not None and abs(f.facts.moment - first) < near]
    return float(np.median([frame.level for frame in session])) if len(session) >= FEWEST else frames[0].level


def _without_odd(
    frames: Sequence[RawFrame], usual: float, is_odd: Callable[[RawFrame, float], str], left: list[str]
) -> list[RawFrame]:
    kept = []
    for frame in frames:
        why = is_odd(frame, usual)
        if why:
            _log.warning("calibration frame left out: %s: %s", frame.facts.path.name, why)
            left.append(frame.facts.path.name)
        else:
            kept.append(frame)
    return kept


def read_raw(facts: RawFacts, camera: Camera) -> RawFrame:
    """The RawFrame of a file.

    Raises
    ------
    FrameError
        Unreadable, or not numbers everywhere.
    """
    path = facts.path
    whole, header = read_image(path, shape=shape_of_file(camera))
    data, zero_adu = trim(whole, header, camera, path)
    if data.dtype.kind == "f" and not np.isfinite(data).all():
        raise FrameError(f"{path.name}: has pixels that are not numbers, expected raw counts")
    return RawFrame(facts, without_zero(data, zero_adu), zero_adu)


def odd_bias(camera: Camera) -> Callable[[RawFrame, float], str]:
    """Tells why a bias is left out: its level is of another time, as of before the camera was repaired."""
    limit = max(LEVEL_NOISES * camera.detector.read_noise_e / camera.detector.gain_e_adu, LEVEL_ADU)

    def say(frame: RawFrame, usual: float) -> str:
        off = abs(frame.level - usual) > limit
        return f"level {frame.level:.0f} ADU, that of the nearest frames is {usual:.0f} ADU" if off else ""

    return say


def odd_dark(frame: RawFrame, usual: float) -> str:
    """Why a dark is left out: light fell in, or the chip was warmer."""
    off = abs(frame.level - usual) > max(RATE_SHARE * abs(usual), LEVEL_ADU / frame.exptime_s)
    return f"level {frame.level:.3g} ADU/s, that of the nearest frames is {usual:.3g} ADU/s" if off else ""


def require_some(chosen: Chosen, folder: Path, kind: str, camera: Camera, setting: Setting) -> None:
    """Refuse to make a master of nothing.

    Raises
    ------
    MasterError
    """
    if not chosen.frames:
        of_setup = ", ".join(f"{key} {value}" for key, value in setting.setup)
        shape = f"{camera.detector.columns}x{camera.detector.rows} px"
        mode = f", {camera.detector.readmode!r} in {camera.headers.readmode}" if camera.detector.readmode else ""
        raise MasterError(
            f"{folder}: no usable {kind} frames and no master_{kind}.fits, expected {kind}*.fits of {shape}{mode}"
            + (f" and the frames' setup, {of_setup}" if of_setup else "")
            + f" (a camera that needs none: calibration.{kind} = false in its profile)"
        )
