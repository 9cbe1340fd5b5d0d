"""A detector measured by its own calibration frames: numbers with errors, mode by mode, and what has changed."""

import collections
import dataclasses
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ngcmos.arrays import Counts, Floats, Floats32
from ngcmos.calibration import transfer
from ngcmos.calibration.transfer import LINEAR_SHARE, Measure, Points, unknown
from ngcmos.config import Camera, HeaderNames
from ngcmos.draft.found import Found, rounded
from ngcmos.draft.sky import in_adu
from ngcmos.errors import FrameError, MasterError
from ngcmos.night.filenames import is_fits
from ngcmos.night.headers import exposure_time, said_first
from ngcmos.night.images import read_image

MOST_BIAS, MOST_DARKS, MOST_FLATS = 20, 20, 40
PAIR_LIGHT = 0.2  # frames whose light differs by less are a pair
SURE_SIGMA, SURE_SHARE = 3.0, 0.01  # what differs from before by both has drifted
LEAST_ERROR = {"gain_e_adu": 0.005, "read_noise_e": 0.02, "dark_e_s": 0.05, "high_range_slope": 0.001}
_KINDS = (
    ("bias", re.compile("bias|zero", re.I)),
    ("dark", re.compile("dark", re.I)),
    ("flat", re.compile("flat", re.I)),
)


@dataclasses.dataclass(frozen=True, eq=False)
class Taken:
    """A calibration frame: its counts, seconds of exposure and mode."""

    name: str
    kind: str
    mode: str
    exptime_s: float
    data: Counts


@dataclasses.dataclass(frozen=True)
class Range:
    """Raw counts of a detector: where it is saturated, and up to where it counts below its gain step, if known."""

    saturation_adu: float
    low_adu: float = np.inf


@dataclasses.dataclass(frozen=True, eq=False)
class Detected:
    """What the frames of one mode tell: numbers by the profile's keys, hot pixels, and the curves behind them."""

    mode: str
    numbers: Mapping[str, Measure]
    hot_pixels: int
    points: Points
    linear_signal: Floats
    linear_deviation: Floats


def frames_of(folders: Sequence[Path], names: HeaderNames) -> list[Taken]:
    """The bias, dark and flat frames of folders, as IMAGETYP or their names tell.

    Raises
    ------
    MasterError
        There are none.
    """
    taken = [one for folder in folders for path in sorted(folder.iterdir()) if (one := _take(path, names))]
    if not taken:
        where = ", ".join(map(str, folders))
        raise MasterError(f"{where}: no bias, dark or flat frames, expected some by their names or IMAGETYP")
    return taken


def _take(path: Path, names: HeaderNames) -> Taken | None:
    """A calibration frame; None for another file."""
    if not is_fits(path.name) or path.name.startswith("master"):
        return None
    try:
        _, header = read_image(path, pixels=False)
        kind = kind_of(said_first(header, names.imagetyp)) or kind_of(path.name)
        if not kind:
            return None
        exptime_s = 0.0 if kind == "bias" else exposure_time(header, names.exptime, path)
        data = in_adu(read_image(path)[0])
    except FrameError:
        return None
    keys = (names.readmode, *names.gain, *names.offset, *names.binning)
    mode = ", ".join(f"{key} {said}" for key in keys if (said := said_first(header, [key])))
    return Taken(path.name, kind, mode or "one mode", exptime_s, data)


def kind_of(text: str) -> str:
    """bias, dark or flat, as a text says; "" where it says none of them."""
    return next((kind for kind, words in _KINDS if words.search(text)), "")


def measure_all(frames: Sequence[Taken], span: Range) -> list[Detected]:
    """Detected of each read mode."""
    modes: dict[str, list[Taken]] = collections.defaultdict(list)
    for frame in frames:
        modes[frame.mode].append(frame)
    return [measure(mode, own, span) for mode, own in modes.items()]


def measure(mode: str, frames: Sequence[Taken], span: Range) -> Detected:
    """Detected of the frames of one mode.

    Raises
    ------
    MasterError
        Their shapes differ, or there is no frame without light.
    """
    if len({frame.data.shape for frame in frames}) > 1:
        raise MasterError(f"{frames[0].name}: frames of mode {mode} have several shapes, expected one")
    biases, darks, flats = (
        [frame for frame in frames if frame.kind == kind][:most]
        for kind, most in (("bias", MOST_BIAS), ("dark", MOST_DARKS), ("flat", MOST_FLATS))
    )
    zeros = biases or darks
    if not zeros:
        raise MasterError(f"{frames[0].name}: no bias or dark frames of mode {mode}, expected two or more")
    bias = np.asarray(np.mean([frame.data for frame in zeros], axis=0, dtype=np.float32))
    points = transfer.transfer_of(list(_pairs(flats, bias)), bias, span.saturation_adu)
    numbers = _numbers([one.data for one in biases], flats, bias, points, span)
    dark, hot = transfer.dark_of([one.data for one in darks], [one.exptime_s for one in darks], bias)
    numbers["dark_e_s"] = times(dark, numbers["gain_e_adu"]) if biases else unknown("no bias frames")
    times_s = [one.exptime_s for one in flats]
    below = LINEAR_SHARE * span.saturation_adu
    bent, signal, deviation = transfer.nonlinearity_of([one.data for one in flats], times_s, bias, below)
    numbers["nonlinearity"] = bent
    return Detected(mode, numbers, hot, points, signal, deviation)


def _numbers(
    biases: list[Counts], flats: list[Taken], bias: Floats32, points: Points, span: Range
) -> dict[str, Measure]:
    """Gain, read noise, gain step, slope above it and saturation."""
    noise = transfer.read_noise_of(biases)
    change = transfer.gain_change_of(list(_pairs(flats, bias)), bias, span.saturation_adu)
    step, slope = change or (None, unknown("no gain step is seen"))
    below = min(LINEAR_SHARE * span.saturation_adu, span.low_adu - float(bias.mean()))
    if step is not None:
        below = min(below, step.place.value - step.half_width - float(bias.mean()))
    gain = transfer.gain_of(points, noise, below)
    none = unknown("the variance of the flats shows none")
    return {
        "gain_e_adu": gain,
        "read_noise_e": times(noise, gain),
        "gain_step_adu": none if step is None else step.place,
        "high_range_slope": slope,
        "saturation_adu": transfer.saturation_of([one.data for one in flats]),
    }


def _pairs(flats: Sequence[Taken], bias: Floats32) -> Iterator[tuple[Counts, Counts]]:
    """Successive flats of nearly one light; a frame is in one pair."""
    lit = sorted(flats, key=lambda one: float(np.median(one.data)))
    ordered = [(one, float(np.median(one.data - bias))) for one in lit]
    waiting: tuple[Taken, float] | None = None
    for one, light in ordered:
        if waiting is not None and light - waiting[1] < PAIR_LIGHT * light:
            yield waiting[0].data, one.data
            waiting = None
        else:
            waiting = one, light


def times(one: Measure, other: Measure) -> Measure:
    """The product of two measures."""
    if not (one.known and other.known):
        return unknown(one.why or other.why)
    value = one.value * other.value
    relative = np.hypot(one.error / one.value if one.value else 0.0, other.error / other.value)
    return Measure(value, float(max(abs(value) * relative, other.value * one.error)))


def found_of(detected: Detected) -> list[Found]:
    """Keys of a profile that were measured."""
    digits = {"gain_step_adu": 0, "saturation_adu": 0}
    found = []
    for key, number in detected.numbers.items():
        if number.known and key != "nonlinearity":
            value = round(number.value) if key in digits else rounded(number.value)
            source = f"calibration frames, ± {rounded(number.error, 2):g}"
            found.append(Found(f"detector.{key}", value, source))
    return [
        one for one in found if not (one.key.endswith("slope") and not detected.numbers["gain_step_adu"].known)
    ]


def lines_of(detected: Detected, camera: Camera | None, before: Mapping[str, Any] | None) -> list[str]:
    """A line a number: value, error, what the profile says, what it was before."""
    lines = [f"{detected.mode}: {detected.hot_pixels} hot pixels"]
    for key, number in detected.numbers.items():
        if not number.known:
            lines.append(f"  {key:17}not known: {number.why}")
            continue
        line = f"  {key:17}{rounded(number.value, 5):<9g} ± {rounded(number.error, 2):<8g}"
        lines.append(line + " ".join(compared(key, number, camera, before)))
    return lines


def compared(key: str, number: Measure, camera: Camera | None, before: Mapping[str, Any] | None) -> list[str]:
    """How a number differs from that of the profile, and from that measured before."""
    told = []
    if camera is not None and key != "nonlinearity":
        value = float(getattr(camera.detector, key))
        word = "DIFFERS from" if differs(number, value, 0.0, key) else "agrees with"
        told.append(f"{word} the profile's {value:g}")
    if before is not None and before.get(key) and before[key]["value"] is not None:
        value, error = float(before[key]["value"]), float(before[key]["error"])
        if differs(number, value, error, key):
            told.append(f"DRIFTED from {value:g} of {before['date']}")
    return told


def differs(number: Measure, value: float, error: float, key: str) -> bool:
    """Whether a measure is off a value by more than their errors, and by more than a measurement can promise."""
    away = abs(number.value - value)
    leeway = LEAST_ERROR.get(key, SURE_SHARE) * max(abs(value), 1e-9)
    return away > max(SURE_SIGMA * float(np.hypot(number.error, error)), leeway)


def text_of(detected: Sequence[Detected], camera: str, date: str) -> str:
    """The numbers as JSON: {camera, date, modes: {mode: {key: {value, error, why}, hot_pixels}}}."""
    modes = {
        one.mode: {key: _plain(number) for key, number in one.numbers.items()} | {"hot_pixels": one.hot_pixels}
        for one in detected
    }
    return json.dumps({"camera": camera, "date": date, "modes": modes}, indent=2, allow_nan=False) + "\n"


def _plain(number: Measure) -> dict[str, Any]:
    value, error = (float(part) if np.isfinite(part) else None for part in (number.value, number.error))
    return {"value": value, "error": error, "why": number.why}


def earlier_of(folder: Path, camera: str, date: str) -> dict[str, dict[str, Any]]:
    """{mode: {key: number, date}} of the newest measurement of a camera before that date; {} without one."""
    paths = sorted(path for path in folder.glob(f"detector_{camera}_*.json") if path.stem[-8:] < date)
    for path in reversed(paths):
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            return {mode: {**numbers, "date": told["date"]} for mode, numbers in told["modes"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
    return {}


def says_more(lines: Sequence[str]) -> list[str]:
    """The lines that somebody should look at, with the mode they are of."""
    told, head = [], ""
    for line in lines:
        if not line.startswith("  "):
            head = line.rpartition(":")[0]
        elif "DIFFERS" in line or "DRIFTED" in line:
            told.append(f"{head}: {line.strip()}")
    return told
