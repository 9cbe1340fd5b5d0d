"""One star's series of counts: binned without bridging gaps, its scatter, and the frames that stand out.

``parse_bin("10min") -> BinLength``, ``assign_bins(time_d, length)``, ``bin_points(bins, time_d, value, error)``,
``find_outliers(value)``, ``frame_to_frame(value)``. Counts that are NaN (star off the chip, over its edge) take
no part in anything.
"""

import dataclasses
import re

import numpy as np
from numpy.typing import ArrayLike

from ngcmos.arrays import Bools, Floats, Ints
from ngcmos.stats import MAD_TO_SIGMA

GAP_CADENCES = 5.0  # a pause this many times as long as from frame to frame is a gap
OUTLIER_SIGMA = 5.0
OUTLIER_WINDOW = 9

_MINUTES_A_DAY = 1440.0
_ROUNDING = 1e-6  # of a bin: julian dates are good to 40 microseconds
_BIN = re.compile(r"^(?P<number>\d+(\.\d+)?)\s*(?P<unit>m|min)?$")


@dataclasses.dataclass(frozen=True)
class BinLength:
    """How long a bin is: a number of frames, or minutes; the other one is 0."""

    frames: int = 0
    minutes: float = 0.0

    def __post_init__(self) -> None:
        if self.frames < 0 or not np.isfinite(self.minutes) or self.minutes < 0:
            raise ValueError(f"a bin of {self.frames} frames, {self.minutes} minutes, expected more than 0")
        if bool(self.frames) == bool(self.minutes):
            raise ValueError("a bin has a number of frames or minutes, expected one of them, more than 0")


@dataclasses.dataclass(frozen=True, eq=False)
class Binned:
    """Points of a binned series; all arrays of the same length.

    Attributes
    ----------
    time_d : float array
        Mean time of the points in the bin, days.
    value, error : float arrays
        Mean, and its standard error by the errors of the points.
    count : int array
        Points in the bin.
    """

    time_d: Floats
    value: Floats
    error: Floats
    count: Ints


def parse_bin(text: str) -> BinLength:
    """BinLength of an option: `20` is twenty frames, `10min` or `10m` ten minutes.

    Raises
    ------
    ValueError
        Anything else, and 0.
    """
    expected = "expected a number of frames as 20, or minutes as 10min, more than 0"
    match = _BIN.match(text.strip())
    if not match or float(match["number"]) == 0 or not (match["unit"] or match["number"].isdecimal()):
        raise ValueError(f"{text!r} is no length of a bin, {expected}")
    if match["unit"]:
        return BinLength(minutes=float(match["number"]))
    return BinLength(frames=int(match["number"]))


def assign_bins(time_d: ArrayLike, length: BinLength) -> Ints:
    """Number of the bin each point falls into, counted from 0.

    Bins follow each other from the first point on. A pause longer than the bin and than `GAP_CADENCES` times
    the median step starts a new one, so that no point speaks of both sides of a gap. The last bin before a
    gap or at the end is kept however short.

    Parameters
    ----------
    time_d : (n,) array
        Days, finite, rising.
    length : BinLength

    Returns
    -------
    (n,) int array
    """
    time_d = np.asarray(time_d, float)
    if time_d.size == 0:
        return np.zeros(0, int)
    steps = np.diff(time_d)
    cadence = np.median(steps) if steps.size else 0.0
    span = length.minutes / _MINUTES_A_DAY or length.frames * cadence
    gap = steps > max(GAP_CADENCES * cadence, span) * (1 + _ROUNDING)
    starts = np.concatenate([[0], np.flatnonzero(gap) + 1])
    row = np.arange(time_d.size)
    first = starts[np.searchsorted(starts, row, side="right") - 1]
    if length.frames:
        inside = (row - first) // length.frames
    else:
        inside = np.floor((time_d - time_d[first]) / span + _ROUNDING).astype(int)
    return np.concatenate([[0], np.cumsum(gap | (np.diff(inside) != 0))])


def bin_points(bins: Ints, time_d: Floats, value: Floats, error: Floats) -> Binned:
    """The mean of each bin that holds a finite point, as Binned.

    Every point counts the same, so that the mean of the bins, weighted by their counts, is that of the points.
    Errors are taken as independent: their root of the summed squares over the count.

    Parameters
    ----------
    bins : (n,) int array
        Of `assign_bins`.
    time_d, value, error : (n,) arrays
        Days; any unit. Points with a NaN in any of them are left out.
    """
    good = np.isfinite(time_d) & np.isfinite(value) & np.isfinite(error)
    _, bins = np.unique(np.asarray(bins)[good], return_inverse=True)
    count = np.bincount(bins)
    start = time_d[good][0] if good.any() else 0.0  # sums of whole julian dates would lose digits
    return Binned(
        time_d=start + np.bincount(bins, time_d[good] - start) / count,
        value=np.bincount(bins, value[good]) / count,
        error=np.sqrt(np.bincount(bins, np.square(error[good], dtype=float))) / count,
        count=count,
    )


def frame_to_frame(value: ArrayLike) -> float:
    """Scatter of a series from one point to the next, as the standard deviation of a point.

    Slow changes of the star and the air do not count, nor do single wild points: 1.48 median absolute
    differences of neighbours over the root of 2. NaN where there are fewer than three finite points.
    """
    value = np.asarray(value, float)
    steps = np.diff(value[np.isfinite(value)])
    if steps.size < 2:
        return np.nan
    return float(MAD_TO_SIGMA * np.median(np.abs(steps)) / np.sqrt(2))


def find_outliers(value: ArrayLike, *, sigma: float = OUTLIER_SIGMA, window: int = OUTLIER_WINDOW) -> Bools:
    """Whether a point lies off the median of its surroundings by more than `sigma` scatters.

    Parameters
    ----------
    value : (n,) array
    sigma : float
        In units of `frame_to_frame`.
    window : int
        Points whose median is compared with, the point itself among them.

    Returns
    -------
    (n,) bool array
        False for points that are NaN.
    """
    value = np.asarray(value, float)
    good = np.flatnonzero(np.isfinite(value))
    wild = np.zeros(value.size, bool)
    scatter = frame_to_frame(value)
    if good.size < window or not scatter > 0:
        return wild
    surroundings = np.lib.stride_tricks.sliding_window_view(value[good], window)
    middle = np.clip(np.arange(good.size) - window // 2, 0, len(surroundings) - 1)
    wild[good] = np.abs(value[good] - np.median(surroundings, axis=1)[middle]) > sigma * scatter
    return wild
