"""Thumbnails of a field for the morning page: its first, middle, last and worst frame."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ngcmos.errors import FrameError
from ngcmos.names import State
from ngcmos.night.images import read_image
from ngcmos.qc.movie import colour_image, measure_sky, shrink
from ngcmos.report.facts import FieldFacts, FrameNumbers
from ngcmos.stats import mad_sigma

SIDE_PX = 256
JPEG_QUALITY = 80
JUDGED = ("shift_x", "shift_y", "wcs_rms_px", "sky", "fwhm_px", "zp", "seen_share")
_FLOOR = {"shift_x": 0.1, "shift_y": 0.1, "wcs_rms_px": 0.02, "fwhm_px": 0.05, "zp": 0.01, "seen_share": 0.01}
_SHARE_FLOOR = 0.01


def draw_field(field: FieldFacts) -> list[tuple[bytes, str]]:
    """[(JPEG, caption), ...] of a field's frames; one that cannot be read has no picture and is left out."""
    pictures = []
    for what, index in choose_frames(field).items():
        file = field.files[index]
        try:
            data, _ = read_image(file.path)
        except FrameError:
            continue
        state = file.state if file.state == State.MEASURED else f"{file.state}: {file.reason}"
        pictures.append((_draw(data), f"{what}, frame {index + 1} of {len(field.files)}, {state}"))
    return pictures


def choose_frames(field: FieldFacts) -> dict[str, int]:
    """{what: row} of first, middle, last and worst frame; a frame that is two of these is there once."""
    last = len(field.files) - 1
    if last < 0:
        return {}
    chosen = [("first", 0), ("middle", last // 2), ("last", last), ("worst", find_worst(field.numbers))]
    words: dict[int, list[str]] = {}
    for what, row in chosen:
        if row is not None:
            words.setdefault(row, []).append(what)
    return {" and ".join(whats): row for row, whats in words.items()}


def find_worst(numbers: FrameNumbers) -> int | None:
    """Row of the frame that is furthest from the others in any number, in robust sigma; None without numbers."""
    worst = np.zeros(len(numbers.shift_x))
    for name in JUDGED:
        values = getattr(numbers, name)
        known = np.isfinite(values)
        if not known.any():
            continue
        middle = np.median(values[known])
        sigma = max(mad_sigma(values), _FLOOR.get(name, _SHARE_FLOOR * abs(middle)), 1e-9)
        worst = np.fmax(worst, np.abs(values - middle) / sigma)
    return int(np.argmax(worst)) if worst.any() else None


def _draw(data: NDArray[Any]) -> bytes:
    """JPEG of a frame, y upwards."""
    from PIL import Image

    small = shrink(data, max(1, -(-max(data.shape) // SIDE_PX)))
    whole = io.BytesIO()
    picture = colour_image(small, *measure_sky(small))[::-1]
    Image.fromarray(np.ascontiguousarray(picture)).save(whole, format="jpeg", quality=JPEG_QUALITY)
    return whole.getvalue()
