"""Scatter of light curves against the length of bins: white noise falls by their root, red noise not.

``scatter_by_length(flux, error, time_d) -> Lengths``; ``typical(lengths, chosen)`` is that of stars alike.
"""

import dataclasses

import numpy as np

from ngcmos.arrays import Bools, Floats, Ints, Reals
from ngcmos.lightcurves.audit import bin_curves
from ngcmos.lightcurves.scatter import find_usual, pulls_of
from ngcmos.lightcurves.series import BinLength, assign_bins
from ngcmos.stats import quotient

LONGEST_MIN = 60.0
FEWEST_BINS = 5  # to tell a scatter by
STEPS_A_DECADE = 8
_MINUTES_A_DAY = 1440.0
_ROUNDS = 4


@dataclasses.dataclass(frozen=True, eq=False)
class Lengths:
    """Scatter in bins of several lengths.

    Attributes
    ----------
    minutes : (lengths,) array
        From the first frame of a bin to that of the next one; the first length is a frame.
    points : (lengths,) array
        Mean number of frames of a bin.
    bins : (lengths,) int array
    rms : (lengths, stars) array
        Relative; NaN for stars with a mean in fewer than `FEWEST_BINS` bins.
    """

    minutes: Floats
    points: Floats
    bins: Ints
    rms: Floats


@dataclasses.dataclass(frozen=True, eq=False)
class TimescaleCurve:
    """Scatter against length of one star, or typical of several.

    Attributes
    ----------
    rms, white : (lengths,) arrays
        Measured; and what the scatter of single frames would be in bins, were it white.
    floor, floor_error : float
        The part that no binning takes away.
    slope : float
        Of log rms against log length; -0.5 where all is white, NaN where there are fewer than two lengths.
    stars : int
    """

    rms: Floats
    white: Floats
    floor: float
    floor_error: float
    slope: float
    stars: int = 1


def frames_of_bins(cadence_min: float, frames: int, longest_min: float = LONGEST_MIN) -> list[int]:
    """Numbers of frames of the bins, from one to an hour, as long as there are enough bins."""
    most = min(longest_min / cadence_min, frames / FEWEST_BINS)
    steps = int(np.ceil(STEPS_A_DECADE * np.log10(max(most, 1.0)))) + 1
    lengths = np.unique(np.round(np.geomspace(1, max(most, 1.0), steps)).astype(int))
    return [int(length) for length in lengths]


def scatter_by_length(flux: Reals, error: Reals, time_d: Floats) -> Lengths:
    """Scatter of curves in bins from a frame to an hour; gaps are not bridged, wild points are left out.

    Parameters
    ----------
    flux, error : (frames, stars) arrays
        Relative flux; NaN where unknown.
    time_d : (frames,) array
        Days, rising.
    """
    value = np.where(find_usual(pulls_of(flux, error)), flux, np.nan)
    cadence_min = float(np.median(np.diff(time_d))) * _MINUTES_A_DAY if time_d.size > 1 else LONGEST_MIN
    minutes, points, bins, rms = [], [], [], []
    for length in frames_of_bins(cadence_min, time_d.size):
        means, mean_points = bin_curves(value, assign_bins(time_d, BinLength(frames=length)))
        if len(means) < FEWEST_BINS:
            break
        minutes.append(length * cadence_min)
        points.append(mean_points)
        bins.append(len(means))
        rms.append(_scatter_of(means))
    return Lengths(
        np.array(minutes), np.array(points), np.array(bins, int), np.array(rms).reshape(-1, flux.shape[1])
    )


def _scatter_of(means: Floats) -> Floats:
    """Standard deviation of each column."""
    known = np.isfinite(means)
    count = known.sum(axis=0)
    middle = quotient(np.where(known, means, 0).sum(axis=0), count)
    squares = (np.where(known, means - middle, 0) ** 2).sum(axis=0)
    return np.where(count >= FEWEST_BINS, np.sqrt(quotient(squares, count - 1.0)), np.nan)


def typical(lengths: Lengths, chosen: Bools) -> TimescaleCurve:
    """The median of the chosen stars; a median of scatters of few points is too small, and corrected for it."""
    from scipy.special import gammaincinv

    rms = lengths.rms[:, chosen]
    freedom = lengths.bins - 1.0
    usual = np.sqrt(2 * gammaincinv(freedom / 2, 0.5) / freedom) if chosen.sum() > 1 else np.ones(freedom.size)
    known = np.isfinite(rms)
    middle = np.array(
        [np.median(row[good]) if good.any() else np.nan for row, good in zip(rms, known, strict=True)]
    )
    return _fitted(middle / usual, lengths, int(known.any(axis=0).sum()))


def _fitted(rms: Floats, lengths: Lengths, stars: int) -> TimescaleCurve:
    """rms^2 = white^2 / points + floor^2, each length by its own error; lengths are taken as independent."""
    good = np.isfinite(rms)
    if not good.any():
        return TimescaleCurve(rms, np.full(rms.size, np.nan), np.nan, np.nan, np.nan, stars)
    white = rms[0] * np.sqrt(lengths.points[0] / lengths.points)
    if good.sum() < 2:
        return TimescaleCurve(rms, white, np.nan, np.nan, np.nan, stars)
    slope = np.polyfit(np.log(lengths.minutes[good]), np.log(rms[good]), 1)[0]
    design = np.stack([1 / lengths.points[good], np.ones(good.sum())], axis=1)
    variance, model = rms[good] ** 2, rms[good] ** 2
    for _ in range(_ROUNDS):
        error = np.maximum(model, 1e-3 * variance) * np.sqrt(2 / ((lengths.bins[good] - 1) * max(stars, 1)))
        weighted = design / error[:, None]
        covariance = np.linalg.inv(weighted.T @ weighted)
        parts = covariance @ (weighted.T @ (variance / error))
        model = design @ parts
    floor = float(np.sqrt(max(parts[1], 0.0)))
    spread = float(np.sqrt(covariance[1, 1]))
    return TimescaleCurve(rms, white, floor, spread / (2 * max(floor, np.sqrt(spread))), float(slope), stars)
