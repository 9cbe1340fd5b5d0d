"""The steps of stars where the sky turned: the same star on other pixels, whose response no flat knows exactly.

``level_sides(counts, sides, time_d) -> Counts`` takes off of each star's counts what the stars together show to be
of the chip. Frames near a turn tell the step, so that what a star does in hours stays.
"""

import dataclasses

import numpy as np

from ngcmos.arrays import Bools, Floats, Ints, Reals
from ngcmos.lightcurves.ensemble import Counts
from ngcmos.lightcurves.scatter import OUTLIER_SIGMA, find_usual, mean_of
from ngcmos.stats import column_medians

NEAR_D = 0.75 / 24  # before and after a turn
FEWEST_FRAMES = 3  # on both sides of a turn, to tell a step by
FEWEST_STARS = 10
SURE_SIGMA = 3.0  # what is not farther than this beyond chance is chance
ROUNDS = 3


def level_sides(counts: Counts, sides: Ints, time_d: Floats, *, barred: Bools | None = None) -> Counts:
    """Counts without the steps of the chip.

    A star's step is believed as far as the steps of all stars scatter beyond their errors: where the flat is good
    enough nothing changes, where it is not a star keeps of its step what its error makes likely to be chance.

    Parameters
    ----------
    counts : Counts
    sides : (frames,) int array
        As of `ngcmos.sphere.sides_of`.
    time_d : (frames,) array
        Days.
    barred : (stars,) bool array, optional
        Stars that tell nothing of the others' steps.
    """
    if not sides.any():
        return counts
    steps = np.zeros((sides.max() + 1, counts.flux.shape[1]))
    telling = np.ones(counts.flux.shape[1], bool) if barred is None else ~barred
    for turn in np.flatnonzero(np.diff(sides)) + 1:
        before, after = sides[turn - 1], sides[turn]
        if after > before and not steps[after].any():  # its first turn tells a side
            near = np.abs(time_d - (time_d[turn - 1] + time_d[turn]) / 2) <= NEAR_D
            old, new = near & (sides == before), near & (sides == after)
            steps[after] = steps[before] + _believed(*_step_between(counts, old, new, time_d, telling), telling)
    factor = (1 + steps)[sides].astype(np.float32)
    return dataclasses.replace(counts, flux=counts.flux / factor, fluxerr=counts.fluxerr / factor)


def _step_between(counts: Counts, old: Bools, new: Bools, time_d: Floats, telling: Bools) -> tuple[Floats, Floats]:
    """(stars,) relative step of each star between frames against that of all stars, and its error; NaN unknown.

    Means of both sides; a star that surely rises or falls on both alike is extrapolated to the turn.
    """
    near = old | new
    with np.errstate(invalid="ignore", divide="ignore"):
        value = counts.flux[near] / column_medians(counts.flux[near])
        shared = column_medians(np.where(counts.trusted[near] & telling, value, np.nan).T)  # air and clouds
        value = value / shared[:, None]
        parts = [_Part.of(value[side[near]], time_d[side]) for side in (old, new)]
        count, spread = (sum(getattr(part, name) for part in parts) for name in ("count", "spread"))
        slope = sum(part.moment for part in parts) / spread
        noise2 = (sum(part.squares for part in parts) - slope**2 * spread) / (count - 3)
        is_sure = np.abs(slope) > SURE_SIGMA * np.sqrt(noise2 / spread)
        apart = np.where(is_sure, parts[1].time - parts[0].time, 0.0)
        step = (parts[1].mean - slope * apart) / parts[0].mean - 1
        error = np.sqrt(noise2 * (1 / parts[0].count + 1 / parts[1].count + apart**2 / spread))
    known = np.minimum(parts[0].count, parts[1].count) >= FEWEST_FRAMES
    return np.where(known, step, np.nan), error


@dataclasses.dataclass(frozen=True, eq=False)
class _Part:
    """Sums over the frames of one side, of each star: known frames, their mean value and time; sums of the squared
    deviations in value (`squares`) and time (`spread`), and of their products (`moment`)."""

    count: Floats
    mean: Floats
    time: Floats
    squares: Floats
    spread: Floats
    moment: Floats

    @classmethod
    def of(cls, value: Reals, time_d: Floats) -> "_Part":
        usual = find_usual(value)
        known = np.where(usual, value, np.nan).astype(float)
        times = np.where(usual, time_d[:, None], np.nan)
        mean, time, count = mean_of(known), mean_of(times), usual.sum(axis=0).astype(float)
        off, later = known - mean, times - time
        sums = (mean_of(product) * count for product in (off**2, later**2, off * later))
        return cls(count, mean, time, *sums)


def _believed(step: Floats, error: Floats, telling: Bools) -> Floats:
    """The part of each step that is of the chip, by the scatter of all telling steps beyond their errors."""
    known = np.isfinite(step) & (error > 0)
    chip2 = _scatter_beyond(step[known & telling], error[known & telling]) ** 2
    if not chip2:
        return np.zeros(step.size)
    return np.where(known, step * chip2 / (chip2 + error**2), 0.0)


def _scatter_beyond(values: Floats, error: Floats) -> float:
    """Scatter of values around 0 beyond their errors (DerSimonian & Laird 1986, Control. Clin. Trials 7, 177).

    By the sum of squared pulls, wild values left out; 0 where that is no more than chance gives.
    """
    scatter, used = 0.0, np.ones(values.size, bool)
    for _ in range(ROUNDS):
        weight = used / error**2
        count, total = int(used.sum()), float(weight.sum())
        beyond = float((weight * values**2).sum()) - count
        if count < FEWEST_STARS or beyond <= SURE_SIGMA * np.sqrt(2 * count):
            return 0.0
        scatter = float(np.sqrt(beyond / total))
        used = np.abs(values) <= OUTLIER_SIGMA * np.sqrt(scatter**2 + error**2)
    return scatter
