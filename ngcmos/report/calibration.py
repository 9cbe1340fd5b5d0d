"""Calibration of this night beside that of earlier ones: levels of the masters, hot pixels, change of the flat.

``read_calibration(config, night, earlier) -> CalibrationFacts``. Levels of earlier nights are those their own
pages tell; the flat is compared pixel by pixel with that of the newest earlier night that has one.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from ngcmos.arrays import Reals
from ngcmos.calibration.files import read_master
from ngcmos.calibration.reduce import bad_pixels
from ngcmos.config import Camera, Config
from ngcmos.errors import MasterError
from ngcmos.night.folder import Night
from ngcmos.night.products import flat_path
from ngcmos.report.used import KINDS, UsedMaster, read_used
from ngcmos.stats import mad_sigma

BIAS_CHANGE_ADU = 2.0
DARK_CHANGE = 0.3
HOT_GROWTH = 1.2
HOT_MARGIN = 20
FLAT_CHANGE = 0.01


@dataclasses.dataclass(frozen=True)
class Levels:
    """Numbers of a night's calibration; None where a master is missing.

    Attributes
    ----------
    bias_adu, dark_adu_s : float
        Medians.
    hot_pixels : int
        Pixels that bias and dark cannot help.
    flat_change : float
        Robust scatter of the ratio of this flat to the earlier one.
    new_bad_in_flat : int
        Pixels unusable in this flat alone.
    """

    bias_adu: float | None = None
    dark_adu_s: float | None = None
    hot_pixels: int | None = None
    flat_change: float | None = None
    new_bad_in_flat: int | None = None


@dataclasses.dataclass(frozen=True)
class CalibrationFacts:
    """A night's calibration.

    Attributes
    ----------
    levels : Levels
        Of the masters used, where the night is measured; else of those that would be.
    compared : str
        Night of the earlier flat; "" for none.
    troubles : tuple of str
        Masters that could not be read.
    used : tuple of ngcmos.report.used.UsedMaster
    """

    levels: Levels
    compared: str
    troubles: tuple[str, ...]
    used: tuple[UsedMaster, ...] = ()

    @property
    def unflattened(self) -> tuple[str, ...]:
        """Fields that were measured without a flat though there should be one."""
        return tuple(field for one in self.used if one.is_missed for field in one.fields)


def read_calibration(config: Config, night: Night, earlier: Iterable[str]) -> CalibrationFacts:
    """CalibrationFacts of a night.

    Parameters
    ----------
    config : ngcmos.config.Config
    night : ngcmos.night.folder.Night
    earlier : iterable of str
        Earlier nights, the newest first.
    """
    used = read_used(config, night)
    troubles: list[str] = []
    places = {kind: _place_of(kind, used, config, night) for kind in KINDS}
    bias, dark, flat = (_read(places[kind], config.camera, troubles) for kind in KINDS)
    before, compared = _earlier_flat(config, earlier) if flat is not None else (None, "")
    change, lost = compare_flats(flat, before) if flat is not None and before is not None else (None, None)
    levels = Levels(
        bias_adu=_level(bias),
        dark_adu_s=_level(dark),
        hot_pixels=_count_hot(bias, dark),
        flat_change=change,
        new_bad_in_flat=lost,
    )
    return CalibrationFacts(levels, compared, tuple(troubles), tuple(used))


def _place_of(kind: str, used: Sequence[UsedMaster], config: Config, night: Night) -> Path | None:
    """Where the master lies that was used, or else would be; None where it is not there."""
    of_kind = [one for one in used if one.kind == kind]
    if of_kind:
        return of_kind[0].path
    folder = night.folder if kind == "flat" else config.directories.out
    path = folder / f"master_{kind}.fits"
    return path if path.exists() else None


def _count_hot(bias: Reals | None, dark: Reals | None) -> int | None:
    if bias is None or dark is None:
        return None
    return int(bad_pixels(bias, dark, np.ones_like(bias)).sum())


def _level(image: Reals | None) -> float | None:
    """Median of the pixels that are numbers; None without any."""
    finite = image[np.isfinite(image)] if image is not None else np.zeros(0)
    return float(np.median(finite)) if finite.size else None


def _read(path: Path | None, camera: Camera, troubles: list[str]) -> Reals | None:
    if path is None or not path.exists():
        return None
    try:
        return read_master(path, camera).data
    except MasterError as error:
        troubles.append(str(error))
        return None


def _earlier_flat(config: Config, earlier: Iterable[str]) -> tuple[Reals | None, str]:
    """(flat, night) of the newest earlier night that has a sound one; (None, "") without any."""
    for date in earlier:
        flat = _read(flat_path(config.directories.base / date), config.camera, [])
        if flat is not None:
            return flat, date
    return None, ""


def compare_flats(flat: Reals, before: Reals) -> tuple[float | None, int]:
    """(robust scatter of the ratio, number of pixels usable before and not now)."""
    both = (flat > 0) & (before > 0)
    scatter = mad_sigma(flat[both] / before[both])
    return (scatter if np.isfinite(scatter) else None), int(((flat <= 0) & (before > 0)).sum())


def judge_calibration(facts: CalibrationFacts, before: Levels = Levels()) -> list[str]:
    """What is odd about a night's calibration against the levels of an earlier night."""
    now, found = facts.levels, [f"master not usable: {trouble}" for trouble in facts.troubles]
    bias, dark = _pair(now.bias_adu, before.bias_adu), _pair(now.dark_adu_s, before.dark_adu_s)
    hot = _pair(now.hot_pixels, before.hot_pixels)
    if bias and abs(bias[0] - bias[1]) > BIAS_CHANGE_ADU:
        found.append(f"the bias level went from {bias[1]:.1f} to {bias[0]:.1f} ADU")
    if dark and abs(dark[0] - dark[1]) > DARK_CHANGE * abs(dark[1]):
        found.append(f"the dark level went from {dark[1]:.3g} to {dark[0]:.3g} ADU/s")
    if hot and hot[0] > HOT_GROWTH * hot[1] + HOT_MARGIN:
        found.append(f"{hot[0] - hot[1]:.0f} new hot pixels, {hot[0]:.0f} in all")
    if now.flat_change and now.flat_change > FLAT_CHANGE:
        found.append(f"the flat differs from that of {facts.compared} by {now.flat_change:.1%} rms")
    return found


def _pair(now: float | None, before: float | None) -> tuple[float, float] | None:
    return None if now is None or before is None else (now, before)
