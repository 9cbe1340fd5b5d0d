"""Tables beside the curves: which stars each star was compared with, and the curves in bins."""

import numpy as np
from astropy.table import Table, vstack

from ngcmos.arrays import Ints, Reals
from ngcmos.lightcurves.cube import FieldCounts
from ngcmos.lightcurves.ensemble import Relative
from ngcmos.lightcurves.series import BinLength, assign_bins, bin_points
from ngcmos.stats import blocks

TOLD_WEIGHT = 0.99  # of each star's comparison stars: the fewest that carry it are listed


def comparison_table(counts: FieldCounts, curves: Relative) -> Table:
    """A row a pair, stars in the order of STARS, the heaviest comparison star of each first.

    Weights are shares: those of a star with all its comparison stars add up to 1. Places are FITS pixels.
    """
    total = np.fmax(curves.weights.sum(axis=0), np.finfo(np.float32).tiny)
    parts = [_heaviest(curves.weights[:, some] / total[some], some.start) for some in blocks(total.size)]
    star, other, weight = (np.concatenate(column) for column in zip(*parts, strict=True))
    stars = counts.stars
    table = Table({"tic_id": np.asarray(stars["tic_id"])[star]})
    for name in ("tic_id", "gaia_id", "Tmag"):
        table[f"comparison_{name}"] = np.asarray(stars[name])[other]
    table["weight"] = weight.astype(np.float32)
    table["x"], table["y"] = counts.x[other].astype(np.float32), counts.y[other].astype(np.float32)
    table.meta["EXTNAME"] = "COMPARISONS"
    return table


def _heaviest(share: Reals, first: int) -> tuple[Ints, Ints, Reals]:
    """(stars from `first` on, one of their comparison stars each, its share), the heaviest of each star first."""
    order = np.argsort(-share, axis=0, kind="stable")
    sorted_share = np.take_along_axis(share, order, axis=0)
    before = np.cumsum(sorted_share, axis=0, dtype=float) - sorted_share
    star, rank = np.nonzero(((before < TOLD_WEIGHT) & (sorted_share > 0)).T)
    return star + first, order[rank, star], sorted_share[rank, star]


def binned_table(counts: FieldCounts, curves: Relative, length: BinLength) -> Table:
    """A row a bin of a star: its mean time, relative flux, error and number of points; gaps are not bridged."""
    parts, times = [], counts.columns["jd_bary"]
    for index, tic_id in enumerate(np.asarray(counts.stars["tic_id"])):
        time = np.asarray(times[:, index], float)
        known = np.isfinite(time)
        points = bin_points(
            assign_bins(time[known], length), time[known], curves.flux[known, index], curves.error[known, index]
        )
        columns = {"Time_BJD": points.time_d, "Relative_Flux": points.value, "Relative_Flux_err": points.error}
        parts.append(Table({"TIC_ID": np.full(points.count.size, tic_id), **columns, "points": points.count}))
    table = vstack(parts, metadata_conflicts="silent")
    table.meta["EXTNAME"] = "BINNED"
    return table
