"""The binned curves of all stars of a season side by side: what is searched."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ngcmos.arrays import Floats, Ints, Reals, Rows
from ngcmos.season.archive import numbers_of, read_rows
from ngcmos.season.summary import star_keys
from ngcmos.stats import column_medians


@dataclasses.dataclass(frozen=True, eq=False)
class BinnedSeason:
    """Bins of ten minutes of all nights, night after night, those of cameras one below the other.

    Attributes
    ----------
    stars : (stars,) structured array
        As of `ngcmos.season.scale.SeasonFit`.
    time : (bins,) array
        BJD_TDB; that of single stars differs by some ten seconds at most.
    night : (bins,) int array
        Number of the night of the bin; nights of two cameras are two.
    flux, error : (bins, stars) float32 arrays
        Relative flux and its white error; NaN and infinite where there is none.
    """

    stars: Rows
    time: Floats
    night: Ints
    flux: Reals
    error: Reals

    def of_stars(self, chosen: Ints) -> "BinnedSeason":
        """The same with some stars alone."""
        flux, error = (values.take(chosen, axis=1) for values in (self.flux, self.error))
        return BinnedSeason(self.stars[chosen], self.time, self.night, flux, error)


def read_binned(paths: Sequence[Path], stars: Rows) -> BinnedSeason:
    """The bins of the nights of these files.

    Parameters
    ----------
    paths : sequence of Path
        Of `ngcmos.season.archive.SeasonFolder.bins`, in the order of the nights.
    stars : (stars,) structured array

    Raises
    ------
    ProductError
        A file is missing or damaged.
    """
    keys = star_keys(stars)
    order = np.argsort(keys)
    pieces = [_read_night(path, keys[order], order) for path in paths]
    time, flux, error = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
    night = np.repeat(np.arange(len(pieces)), [len(piece[0]) for piece in pieces])
    return BinnedSeason(stars, time, night, flux, error)


def _read_night(path: Path, keys: Ints, order: Ints) -> tuple[Floats, Reals, Reals]:
    """Times, flux and error of one night, stars as in the season."""
    table = read_rows(path)
    column = {name: numbers_of(table[name]) for name in table.column_names}
    own = np.where(column["tic_id"] > 0, column["tic_id"], -column["gaia_id"])
    found, first = np.unique(own, return_index=True)
    bins = len(own) // max(len(found), 1)
    shape = (len(found), bins)
    by_place = np.argsort(first)
    at = order[np.searchsorted(keys, found[by_place])]
    flux, sigma = np.full((2, bins, len(keys)), np.nan, np.float32)
    flux[:, at], sigma[:, at] = (column[name].reshape(shape).T for name in ("flux", "error"))
    sigma[~np.isfinite(flux)] = np.inf
    time = column["bjd_tdb"].reshape(shape)
    with np.errstate(invalid="ignore"):
        start = np.nanmin(time) if np.isfinite(time).any() else 0.0
    return start + column_medians(time - start).astype(float), flux, sigma
