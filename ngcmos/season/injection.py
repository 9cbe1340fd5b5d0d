"""Which transits a season would find: boxes planted into the curves of its constant stars, and searched for.

``completeness(season, quiet, trials=...) -> Completeness``. A transit counts as found where the search is sure of
its dips and has the period within half a per cent. `write_completeness` keeps it as `completeness.json`.
"""

import dataclasses
import functools
import itertools
import json
from collections.abc import Sequence

import numpy as np

from ngcmos.arrays import Bools, Floats, Ints
from ngcmos.errors import FrameError
from ngcmos.night.loop import work_through
from ngcmos.night.products import write_text
from ngcmos.season.archive import SeasonFolder
from ngcmos.season.binned import BinnedSeason
from ngcmos.season.noise import Curves, make_curves
from ngcmos.season.search import SURE_SNR, find_dips, free_of_periods, neighbours_of

NAME = "completeness.json"
DEPTHS = (0.0025, 0.005, 0.01, 0.02, 0.04)
MAGNITUDES = (9.0, 10.5, 11.5, 12.5, 13.5, 14.5)
DURATION_D = 2.5 / 24
SHORTEST_D = 0.8
FEWEST_TRANSITS, FEWEST_BINS = 3, 3  # in the hours observed, and bins within each of them
RIGHT = 0.005  # of the period
FEWEST_SHARE = 0.5  # of the bins that a star must have
MOST_DRAWS = 200


@dataclasses.dataclass(frozen=True)
class Completeness:
    """Share of the planted transits that is found.

    Attributes
    ----------
    depths : sequence of float
    magnitudes : sequence of float
        Edges of the bins.
    found, tried : lists of lists of int
        A row a bin of magnitude, a column a depth.
    """

    depths: Sequence[float]
    magnitudes: Sequence[float]
    found: list[list[int]]
    tried: list[list[int]]


@dataclasses.dataclass(frozen=True)
class Planted:
    """A train of boxes in the curve of a star; depth relative, times in days."""

    star: int
    depth: float
    period_d: float
    t0_bjd: float

    def covers(self, time: Floats) -> Bools:
        """Which of these times are in a transit."""
        phase = (time - self.t0_bjd + 0.5 * self.period_d) % self.period_d - 0.5 * self.period_d
        inside: Bools = np.abs(phase) <= 0.5 * DURATION_D
        return inside


def completeness(season: BinnedSeason, quiet: Bools, *, trials: int = 10, workers: int = 1) -> Completeness:
    """Plant transits of each depth into stars of each magnitude, and search for them.

    Parameters
    ----------
    season : BinnedSeason
    quiet : (stars,) bool array
        Stars that do not vary.
    trials : int
        Of each depth and bin of magnitude.
    workers : int
        Processes; the result is the same for any number.
    """
    everything = range(len(season.stars))
    loop = functools.partial(work_through, workers=workers, quiet=True, together=4)
    freed = [one for _, one in loop(_residual, everything, shared=(season,), label="periods")]
    residual = np.array([np.zeros(season.time.size) if isinstance(one, FrameError) else one for one in freed]).T
    curves = make_curves(season.time, season.night, residual, season.error)
    plan = _plan(season, quiet, trials)
    cells = [(row, column) for row, column, _ in plan]
    results = [
        one for _, one in loop(_is_found, [one for *_, one in plan], shared=(season, curves), label="transits")
    ]
    shape = (len(MAGNITUDES) - 1, len(DEPTHS))
    found, tried = np.zeros(shape, int), np.zeros(shape, int)
    for cell, result in zip(cells, results, strict=True):
        tried[cell] += 1
        found[cell] += result is True
    return Completeness(DEPTHS, MAGNITUDES, found.tolist(), tried.tolist())


def _plan(season: BinnedSeason, quiet: Bools, trials: int) -> list[tuple[int, int, Planted]]:
    """(row, column, what is planted) of all trials; the same in each run."""
    rng, mag = np.random.default_rng(1), season.stars["Tmag"].astype(float)
    seen = np.isfinite(season.flux).mean(axis=0) >= FEWEST_SHARE
    plan = []
    for row, (low, high) in enumerate(itertools.pairwise(MAGNITUDES)):
        stars = np.flatnonzero(quiet & seen & (mag >= low) & (mag < high))
        for column, depth in enumerate(DEPTHS):
            drawn = (_draw(rng, season, stars, depth) for _ in range(trials if stars.size else 0))
            plan += [(row, column, one) for one in drawn if one is not None]
    return plan


def _draw(rng: np.random.Generator, season: BinnedSeason, stars: Ints, depth: float) -> Planted | None:
    """Transits of which three or more fall into the hours observed; None where the season is too short."""
    span = float(np.ptp(season.time))
    if span < FEWEST_TRANSITS * SHORTEST_D:
        return None
    for _ in range(MOST_DRAWS):
        period = float(rng.uniform(SHORTEST_D, span / FEWEST_TRANSITS))
        one = Planted(int(rng.choice(stars)), depth, period, float(season.time[0] + rng.uniform(0, period)))
        time = season.time[np.isfinite(season.flux[:, one.star])]
        number = np.round((time - one.t0_bjd) / period)[one.covers(time)]
        if (np.unique(number, return_counts=True)[1] >= FEWEST_BINS).sum() >= FEWEST_TRANSITS:
            return one
    return None


def _residual(star: int, season: BinnedSeason) -> Floats:
    return free_of_periods(season.time, season.flux[:, star], season.error[:, star]).residual


def _is_found(planted: Planted, season: BinnedSeason, curves: Curves) -> bool:
    """Whether the search is sure of a planted train, by its period."""
    some = np.concatenate([[planted.star], neighbours_of(season, planted.star)])
    near, known = season.of_stars(some), curves.of_stars(some)
    flux = near.flux.copy()
    flux[planted.covers(season.time), 0] *= 1 - planted.depth
    near = dataclasses.replace(near, flux=flux)
    freed = free_of_periods(near.time, flux[:, 0], near.error[:, 0])
    own = make_curves(near.time, near.night, freed.residual[:, None], near.error[:, :1])
    train, _ = find_dips(near, _with_first(known, own), 0, freed.period)
    return bool(train.snr >= SURE_SNR and abs(train.period_d / planted.period_d - 1) <= RIGHT)


def _with_first(curves: Curves, own: Curves) -> Curves:
    """The same curves, the first of them another one."""
    columns = [
        np.column_stack([getattr(own, name), getattr(curves, name)[:, 1:]]) for name in ("residual", "weight")
    ]
    variance = np.concatenate([own.night_variance, curves.night_variance[1:]])
    return Curves(curves.time, curves.night, columns[0], columns[1], variance)


def write_completeness(folder: SeasonFolder, one: Completeness) -> None:
    """Keep the completeness of a season beside it.

    Raises
    ------
    WriteError
        The disk is full, read-only or failing.
    """
    write_text(folder.path / NAME, json.dumps(dataclasses.asdict(one)))


def read_completeness(folder: SeasonFolder) -> Completeness | None:
    """That of a season; None where there is none, or a damaged one."""
    try:
        content = json.loads((folder.path / NAME).read_text(encoding="utf-8"))
        depths, magnitudes = ([float(one) for one in content[name]] for name in ("depths", "magnitudes"))
        found, tried = ([[int(one) for one in row] for row in content[name]] for name in ("found", "tried"))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    fits = np.shape(found) == np.shape(tried) == (len(magnitudes) - 1, len(depths))
    return Completeness(depths, magnitudes, found, tried) if fits else None
