"""Calibration of this night beside that of earlier ones: levels of the masters, hot pixels, change of the flat.

``read_calibration(config, night, earlier) -> CalibrationFacts``. Levels of earlier nights are those their own
pages tell; the flat is compared pixel by pixel with that of the newest earlier night that has one.
"""

import dataclasses

import numpy as np

from ngcmos.calibration.masters import read_master
from ngcmos.calibration.reduce import bad_pixels
from ngcmos.errors import MasterError
from ngcmos.night.products import flat_path

BIAS_CHANGE_ADU = 2.0
DARK_CHANGE = 0.3
HOT_GROWTH = 1.2
HOT_MARGIN = 20
FLAT_CHANGE = 0.01
LEVELS = ("bias_adu", "dark_adu_s", "hot_pixels", "flat_change", "new_bad_in_flat")
_MAD_TO_SIGMA = 1.4826


@dataclasses.dataclass(frozen=True)
class CalibrationFacts:
    """Numbers of a night's calibration; None where a master is missing.

    Attributes
    ----------
    levels : dict
        `LEVELS`: median bias and dark, pixels that bias and dark cannot help, robust scatter of the ratio of this
        flat to the earlier one, and pixels unusable in this flat alone.
    compared : str
        Night of that earlier flat; "" for none.
    troubles : tuple of str
        Masters that could not be read.
    """

    levels: dict
    compared: str
    troubles: tuple


def read_calibration(config, night, earlier):
    """CalibrationFacts of a night.

    Parameters
    ----------
    config : ngcmos.config.Config
    night : ngcmos.night.folder.Night
    earlier : list of str
        Earlier nights, the newest first.
    """
    out, troubles = config.directories.out, []
    bias, dark = (_read(out / f"master_{kind}.fits", config.camera, troubles) for kind in ("bias", "dark"))
    levels = dict.fromkeys(LEVELS)
    if bias is not None:
        levels["bias_adu"] = _level(bias)
    if dark is not None:
        levels["dark_adu_s"] = _level(dark)
    if bias is not None and dark is not None:
        levels["hot_pixels"] = int(bad_pixels(bias, dark, np.ones_like(bias)).sum())
    flat = _read(flat_path(night.folder), config.camera, troubles)
    before, compared = _earlier_flat(config, earlier) if flat is not None else (None, "")
    if before is not None:
        levels["flat_change"], levels["new_bad_in_flat"] = compare_flats(flat, before)
    return CalibrationFacts(levels, compared, tuple(troubles))


def _level(image):
    """Median of the pixels that are numbers; None without any."""
    finite = image[np.isfinite(image)]
    return float(np.median(finite)) if finite.size else None


def _read(path, camera, troubles):
    if not path.exists():
        return None
    try:
        return read_master(path, camera).data
    except MasterError as error:
        troubles.append(str(error))
        return None


def _earlier_flat(config, earlier):
    """(flat, night) of the newest earlier night that has a sound one; (None, "") without any."""
    for date in earlier:
        flat = _read(flat_path(config.directories.base / date), config.camera, [])
        if flat is not None:
            return flat, date
    return None, ""


def compare_flats(flat, before):
    """(robust scatter of the ratio, number of pixels usable before and not now)."""
    both = (flat > 0) & (before > 0)
    ratio = flat[both] / before[both]
    scatter = _MAD_TO_SIGMA * np.median(np.abs(ratio - np.median(ratio))) if ratio.size else np.nan
    return (float(scatter) if np.isfinite(scatter) else None), int(((flat <= 0) & (before > 0)).sum())


def judge_calibration(facts, before):
    """What is odd about a night's calibration against the levels of an earlier night (a dict, may be empty)."""
    now, found = facts.levels, [f"master not usable: {trouble}" for trouble in facts.troubles]
    bias, dark, hot = (_pair(now, before, name) for name in ("bias_adu", "dark_adu_s", "hot_pixels"))
    if bias and abs(bias[0] - bias[1]) > BIAS_CHANGE_ADU:
        found.append(f"the bias level went from {bias[1]:.1f} to {bias[0]:.1f} ADU")
    if dark and abs(dark[0] - dark[1]) > DARK_CHANGE * abs(dark[1]):
        found.append(f"the dark level went from {dark[1]:.3g} to {dark[0]:.3g} ADU/s")
    if hot and hot[0] > HOT_GROWTH * hot[1] + HOT_MARGIN:
        found.append(f"{hot[0] - hot[1]} new hot pixels, {hot[0]} in all")
    if now["flat_change"] and now["flat_change"] > FLAT_CHANGE:
        found.append(f"the flat differs from that of {facts.compared} by {now['flat_change']:.1%} rms")
    return found


def _pair(now, before, name):
    values = now.get(name), before.get(name)
    return None if None in values else values
