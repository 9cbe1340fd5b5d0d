"""Whether the masters of a field are those of its frames, by patterns that these show and by the chip's warmth."""

import collections
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from ngcmos.calibration.evidence import MEDIAN_NOISE, judge_pattern, middle_of
from ngcmos.calibration.masters import Masters
from ngcmos.config import Camera
from ngcmos.errors import FrameError
from ngcmos.night.cards import Header
from ngcmos.night.frames import read_frame
from ngcmos.night.headers import said_first
from ngcmos.night.images import read_image
from ngcmos.night.job import Job
from ngcmos.night.remarks import keep_remark
from ngcmos.night.trimming import without_zero

log = logging.getLogger(__name__)

PATTERN = "pattern"
LOOKED_AT = 6  # frames, evenly spread over the night
WARMTH, TEMPERATURE = "temperature", "ccd_temp_c"  # as the profile calls it (headers.extra)
MOST_APART_K = 5.0  # at which the dark current is about twice as high
LOST = "not there"
WHY_LOST = "were they calibrated before, are the masters of another chip?"
WHY_TURNED = "their files were written another way up than those of the masters"


class OnDisk(Protocol):
    """A frame's file, and further numbers of its header."""

    @property
    def path(self) -> Path: ...
    @property
    def extra(self) -> Mapping[str, float]: ...


def remark_on_patterns(job: Job, field: str, frames: Sequence[OnDisk], masters: Masters) -> None:
    """Keep what is told of masters whose patterns the frames of a field do not show."""
    told = "" if masters.reduced else tell_patterns(frames, masters, job.camera)
    keep_remark(job.ledger, field, PATTERN, told)
    keep_remark(job.ledger, field, WARMTH, tell_warmth(frames, masters, job.camera))


def tell_warmth(frames: Sequence[OnDisk], masters: Masters, camera: Camera) -> str:
    """One line about frames whose chip was warmer or colder than in the darks; "" where all fit."""
    header = _header_of("dark", masters)
    dark_c = _number(header, camera.headers.temperature)
    apart = np.array([frame.extra.get(TEMPERATURE, np.nan) for frame in frames]) - dark_c
    wrong = np.abs(apart) > MOST_APART_K
    if not wrong.any():
        return ""
    most = float(apart[np.nanargmax(np.abs(apart))])
    how = f"up to {abs(most):.0f} K {'warmer' if most > 0 else 'colder'} than in the dark frames, at {dark_c:g} C"
    return f"the chip was {how}, in {wrong.sum()} of {len(frames)} frames: their dark is another"


def tell_patterns(frames: Sequence[OnDisk], masters: Masters, camera: Camera) -> str:
    """One line about masters whose patterns frames do not show, or otherwise laid; "" where all fit."""
    chosen = frames[:: -(-len(frames) // LOOKED_AT)] if frames else []
    found: collections.Counter[tuple[str, str]] = collections.Counter()
    for frame in chosen:
        try:
            found.update(_misfits(frame.path, masters, camera))
        except FrameError:  # told of where it is measured
            log.debug("%s: not looked at for the patterns of masters", frame.path.name)
    kinds = collections.defaultdict(list)
    for (kind, how), count in found.items():
        kinds[how, count].append(kind)
    told = [
        f"the pattern of {' and '.join(some)} is {how} in {count} of {len(chosen)} frames looked at: "
        f"{WHY_LOST if how == LOST else WHY_TURNED}"
        for (how, count), some in kinds.items()
    ]
    return "; ".join(told)


def _misfits(path: Path, masters: Masters, camera: Camera) -> Iterator[tuple[str, str]]:
    """(master, how its pattern lies) of those whose pattern a frame does not show as it should."""
    frame = read_frame(path, camera)
    counts = without_zero(frame.data, frame.zero_adu)
    bias, dark = middle_of(masters.bias), middle_of(masters.dark) * np.float32(frame.exptime)
    light = middle_of(counts) - dark
    level = float(np.median(light - bias))
    if level <= 0:  # no sky to see a pattern by
        return
    response = (light - bias) / np.float32(level)
    for kind, image, pattern in (("bias", light, bias), ("flat", response, middle_of(masters.flat))):
        noise = _noise_of(kind, masters, camera)
        if np.isfinite(noise) and (how := judge_pattern(image, pattern, noise)):
            yield kind, how


def _noise_of(kind: str, masters: Masters, camera: Camera) -> float:
    """Noise of a pixel of a master, ADU or of its response; NaN where its header tells no number of frames."""
    header, detector = _header_of(kind, masters), camera.detector
    count, level = (_number(header, [key]) for key in ("NCOMBINE", "FLATLEV"))
    read = (detector.read_noise_e / detector.gain_e_adu) ** 2
    variance = read if kind == "bias" else (level / detector.gain_e_adu + read) / level**2
    return float(np.sqrt(MEDIAN_NOISE * variance / count)) if count > 0 else np.nan


def _header_of(kind: str, masters: Masters) -> Header:
    """Header of a master; an empty one where there is none."""
    source = masters.sources[kind]
    try:
        return read_image(Path(source), pixels=False)[1] if source else {}
    except FrameError:
        return {}


def _number(header: Header, keys: Sequence[str]) -> float:
    """The first number of these cards; NaN where they hold none."""
    try:
        return float(said_first(header, keys) or np.nan)
    except ValueError:
        return float("nan")
