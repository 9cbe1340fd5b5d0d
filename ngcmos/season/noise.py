"""What a star's binned curve scatters by: white noise, what follows from bin to bin, and nights as a whole.

A night as a whole may be off by what flats and air left over; points of one night follow each other. Both are
measured on the star itself, so that a dip is weighed against what the star does without one.
"""

import dataclasses
import functools
from typing import NamedTuple

import numpy as np

from ngcmos.arrays import Bools, Floats, Ints, Reals
from ngcmos.stats import MAD_TO_SIGMA, column_medians, quotient

BOX_BINS = 9  # of ten minutes: an hour and a half, half a transit
FEWEST_BOXES = 8
LEAST_INFORMATION = 0.05  # of what a box would have on a known level: else it holds nearly all points
FLOOR = 0.0005  # scatter of the nights of the quietest star


class Level(NamedTuple):
    """What a curve tells of its level, whatever box is fitted: by night, (nights, stars), and in all, (stars,).

    `total` and `moment` are sums of weight and of weight times residual; `shrink` is what the scatter of the
    nights takes of them; `constant` is the information on the level, `value` the level.
    """

    total: Floats
    moment: Floats
    shrink: Floats
    constant: Floats
    value: Floats


@dataclasses.dataclass(frozen=True, eq=False)
class Curves:
    """Stars over a season, freed of what is known to vary.

    Attributes
    ----------
    time : (n,) array
        BJD.
    night : (n,) int array
        Rising from 0 without a gap.
    residual : (n, stars) array
        Flux less 1; 0 where there is none.
    weight : (n, stars) array
        Inverse variance of a point, red noise included; 0 where there is none.
    night_variance : (stars,) array
        By which the means of its nights scatter.
    """

    time: Floats
    night: Ints
    residual: Floats
    weight: Floats
    night_variance: Floats

    @functools.cached_property  # as is `level`: thousands of boxes are fitted to a star
    def starts(self) -> Ints:
        """(nights,) first point of each night."""
        return _firsts(self.night)

    @functools.cached_property
    def level(self) -> Level:
        """The level without a box."""
        total = np.add.reduceat(self.weight, self.starts)
        moment = np.add.reduceat(self.weight * self.residual, self.starts)
        shrink = self.night_variance / (1 + self.night_variance * total)
        constant = (total - shrink * total**2).sum(axis=0)
        value = quotient((moment - shrink * total * moment).sum(axis=0), constant, blank=0.0)
        return Level(total, moment, shrink, constant, value)

    def of_stars(self, chosen: Ints) -> "Curves":
        """The same with some stars alone."""
        columns = (self.residual[:, chosen], self.weight[:, chosen], self.night_variance[chosen])
        return Curves(self.time, self.night, *columns)


def make_curves(time: Floats, night: Ints, residual: Reals, error: Reals) -> Curves:
    """Curves with the noise that the stars themselves show.

    Parameters
    ----------
    time : (n,) array
    night : (n,) int array
        Rising.
    residual, error : (n, stars) arrays
        Flux less 1 and its white error; NaN or infinite where there is none.
    """
    known = np.isfinite(residual) & np.isfinite(error) & (error > 0)
    value = np.where(known, residual, 0.0).astype(float)
    weight = np.where(known, np.where(known, error, 1.0).astype(float) ** -2.0, 0.0)
    _, night = np.unique(night, return_inverse=True)
    starts = np.flatnonzero(np.r_[night.size > 0, np.diff(night) != 0])
    weight /= _redness(night, starts, value, weight) ** 2
    total = np.add.reduceat(weight, starts)
    mean = np.where(total > 0, quotient(np.add.reduceat(weight * value, starts), total), np.nan)
    middle = np.nan_to_num(column_medians(mean))
    scatter = MAD_TO_SIGMA * np.nan_to_num(column_medians(np.abs(mean - middle)))
    white = np.nan_to_num(column_medians(np.where(total > 0, quotient(1, total), np.nan)))
    variance = np.fmax(scatter**2 - white, FLOOR**2)
    return Curves(time, night, np.where(known, value - middle, 0.0), weight, variance)


def _redness(night: Ints, starts: Ints, value: Floats, weight: Floats) -> Floats:
    """(stars,) scatter of means over an hour and a half in a night over that of white noise; at least 1."""
    total = np.add.reduceat(weight, starts)
    mean = quotient(np.add.reduceat(weight * value, starts), total, blank=0.0)
    away = value - mean[night]
    place = np.arange(night.size) - starts[night]
    boxes = np.flatnonzero(np.r_[night.size > 0, (np.diff(night) != 0) | (np.diff(place // BOX_BINS) != 0)])
    boxed = np.add.reduceat(weight, boxes)
    left = np.fmax(1 - quotient(boxed, total[night[boxes]], blank=1.0), 0)  # the mean of the night took the rest
    pull = quotient(np.add.reduceat(weight * away, boxes), np.sqrt(boxed * left))
    full = np.add.reduceat(weight > 0, boxes, dtype=int) >= BOX_BINS // 2
    pull = np.where(full & (left > 0.1), pull, np.nan)
    enough = np.isfinite(pull).sum(axis=0) >= FEWEST_BOXES
    return np.where(enough, np.fmax(1, MAD_TO_SIGMA * np.nan_to_num(column_medians(np.abs(pull)))), 1.0)


def fit_box(curves: Curves, inside: Bools) -> tuple[Floats, Floats]:
    """Depth of the points inside below the others, and its inverse variance; nights are free within their scatter.

    Least squares of a box and a constant with the covariance of white noise and a common offset of each night
    (Woodbury's identity).

    Parameters
    ----------
    curves : Curves
    inside : (n,) bool array

    Returns
    -------
    depth, information : (stars,) arrays
        0 where no point is inside, or none is not.
    """
    at, level = np.flatnonzero(inside), curves.level
    if not at.size:
        return np.zeros(len(curves.night_variance)), np.zeros(len(curves.night_variance))
    night, weight = curves.night[at], curves.weight[at]
    first = _firsts(night)
    nights = night[first]
    covered, shrink = np.add.reduceat(weight, first), level.shrink[nights]
    summed = np.add.reduceat(weight * curves.residual[at], first)
    both = (covered - shrink * covered * level.total[nights]).sum(axis=0)
    alone = (covered - shrink * covered**2).sum(axis=0)
    information = alone - quotient(both**2, level.constant, blank=0.0)
    information = np.where(information > LEAST_INFORMATION * alone, information, 0.0)
    light = (summed - shrink * covered * level.moment[nights]).sum(axis=0) - both * level.value
    return quotient(-light, information, blank=0.0), information


def _firsts(night: Ints) -> Ints:
    """First of the points of each night."""
    is_first = np.ones(max(night.size, 1), bool)
    np.not_equal(night[1:], night[:-1], out=is_first[1:])
    return np.flatnonzero(is_first)
