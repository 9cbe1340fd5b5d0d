"""The curves of a night in bins of ten minutes: what is searched for periods and dips."""

import dataclasses

import numpy as np

from ngcmos.arrays import Bools, Floats, Reals
from ngcmos.lightcurves.series import BinLength, assign_bins
from ngcmos.season.curves import NightCurves

BIN_MINUTES = 10.0
OUTLIER_SIGMA = 6.0
FEWEST_AROUND = 5  # good points of a bin to call one of them wild


@dataclasses.dataclass(frozen=True, eq=False)
class NightBins:
    """(bins, stars) arrays of a night: BJD_TDB, mean relative flux and its standard error; NaN for no point."""

    bjd: Floats
    flux: Reals
    error: Reals


def bin_night(bjd: Floats, curves: NightCurves, good: Bools) -> NightBins:
    """The weighted means of a night's curves in bins; points that are not `good` and wild ones are left out.

    Parameters
    ----------
    bjd : (frames, stars) array
    curves : NightCurves
    good : (frames, stars) bool array
    """
    bins = assign_bins(_middle(bjd), BinLength(minutes=BIN_MINUTES))
    parts = [np.flatnonzero((bins == number) & good.any(axis=1)) for number in np.unique(bins)]
    parts = [part for part in parts if part.size]
    if not parts:
        return NightBins(*np.full((3, 0, bjd.shape[1]), np.nan))
    flux = np.where(good, curves.flux, np.nan)
    means = [_mean(bjd[part], flux[part], curves.error[part]) for part in parts]
    time, mean, error = (np.array(column) for column in zip(*means, strict=True))
    return NightBins(time, mean.astype(np.float32), error.astype(np.float32))


def _middle(bjd: Floats) -> Floats:
    """(frames,) time of a frame: that of any star, they differ by minutes at most."""
    known = np.isfinite(bjd)
    first = bjd[0][np.isfinite(bjd[0])][0] if known[0].any() else 0.0
    offset = np.where(known, bjd - first, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    time: Floats = first + offset
    return time


def _mean(bjd: Floats, flux: Reals, error: Reals) -> tuple[Floats, Floats, Floats]:
    """Weighted means of the points of one bin."""
    weight = np.where(np.isfinite(flux) & (error > 0), error.astype(float) ** -2.0, 0)
    weight *= _tame(flux, error, weight)
    total = weight.sum(axis=0)
    start = np.nanmin(bjd)
    with np.errstate(invalid="ignore", divide="ignore"):
        time = start + (weight * np.nan_to_num(bjd - start)).sum(axis=0) / total
        return time, (weight * np.nan_to_num(flux)).sum(axis=0) / total, total**-0.5


def _tame(flux: Reals, error: Reals, weight: Floats) -> Bools:
    """Points near the median of their bin."""
    held = np.where(weight > 0, flux, np.nan)
    ordered = np.sort(held, axis=0)
    count = (weight > 0).sum(axis=0)
    middle = np.take_along_axis(ordered, np.maximum(count - 1, 0)[None] // 2, axis=0)
    with np.errstate(invalid="ignore"):
        tame: Bools = (np.abs(flux - middle) <= OUTLIER_SIGMA * error) | (count < FEWEST_AROUND)
    return tame
