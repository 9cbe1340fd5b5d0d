"""Depth, mid-time and length of a transit by Markov chains (emcee): another way to their errors.

Model and prior knowledge are those of the grid; strength and memory of the red noise are sampled along, evenly in
their logarithm but for noise that is redder than usual, and the trend is fitted to each sample.
"""

import dataclasses

import numpy as np

from ngcmos.arrays import Floats
from ngcmos.errors import ToolError
from ngcmos.transits.curve import Curve
from ngcmos.transits.ephemeris import Expected
from ngcmos.transits.fit import TransitFit, points_of, search_of
from ngcmos.transits.grid import DEPTHS, Model, Search, log_prior, make_grid
from ngcmos.transits.red_noise import RATIOS, USUAL_RATIO, Noise, Whitener, fit_linear, memory_limits
from ngcmos.transits.shape import Limb
from ngcmos.transits.trend import trend_columns

WALKERS, STEPS, BURN_IN_SHARE = 24, 1200, 1 / 3
MOST_IMPACT, LEAST_RATIO = 0.95, 0.03
SPREAD = 1e-2  # of the walkers at the start, in units of the ranges
SEED = 1


@dataclasses.dataclass(frozen=True, eq=False)
class Chain:
    """Samples of a transit, arrays of one length: shares of the flux, BJD_TDB, days."""

    depth: Floats
    mid_bjd: Floats
    duration_d: Floats


@dataclasses.dataclass(frozen=True, eq=False)
class Posterior:
    """How likely a transit and a noise are, by their place in a box of sides from 0 to 1: mid-time, width, impact
    parameter, depth, ratio and memory of the noise; all but mid-time and impact parameter in their logarithm."""

    points: Curve
    model: Model
    search: Search
    low: Floats
    high: Floats

    def values(self, place: Floats) -> Floats:
        """What a place in the box means."""
        values = self.low + place * (self.high - self.low)
        values[[1, 3, 4, 5]] = np.exp(values[[1, 3, 4, 5]])
        return values

    def __call__(self, place: Floats) -> float:
        """Log of the likelihood at a place, trend and scale of the noise integrated."""
        if np.any(place < 0) or np.any(place > 1):
            return -np.inf
        mid, width_d, impact, depth, ratio, memory_d = self.values(place)
        grid = make_grid(
            self.points, self.model, self.search, np.array([mid]), np.array([width_d]), (float(impact),)
        )
        whitener = Whitener(self.points, Noise(float(ratio), float(memory_d)))
        fitted = fit_linear(whitener, self.points.flux + depth * grid.losses[:, 0], self.model.trend)
        usual = min(0.0, float(np.log(USUAL_RATIO / ratio)))  # redder noise is less likely beforehand
        return fitted.log_evidence + usual + float(log_prior(self.search, grid.duration_d)[0])


def sample_transit(
    fit: TransitFit, *, limb: Limb, expected: Expected | None = None, walkers: int = WALKERS, steps: int = STEPS
) -> Chain:
    """Sample the transits that a curve allows, beginning at a fit; the first third is left out.

    Raises
    ------
    ToolError
        emcee is not installed.
    """
    try:
        import emcee
    except ImportError:
        raise ToolError("emcee is not installed, expected for --mcmc: pip install 'ngcmos[emcee]'") from None
    posterior = posterior_of(fit, limb, expected)
    random = np.random.default_rng(SEED)
    start = np.array([fit.mid_bjd, np.log(fit.width_d), fit.impact, np.log(fit.depth), np.log(0.1), 0.0])
    start[5] = (posterior.low[5] + posterior.high[5]) / 2
    place = np.clip((start - posterior.low) / (posterior.high - posterior.low), 2 * SPREAD, 1 - 2 * SPREAD)
    walk = emcee.EnsembleSampler(walkers, start.size, posterior)
    walk.random_state = np.random.RandomState(SEED).get_state()
    walk.run_mcmc(place + random.uniform(-SPREAD, SPREAD, (walkers, start.size)), steps)
    places = walk.get_chain(discard=int(steps * BURN_IN_SHARE), flat=True)
    values = np.array([posterior.values(one) for one in places])
    outer = (1 + fit.radius_ratio) ** 2 - values[:, 2] ** 2
    return Chain(values[:, 3], values[:, 0], values[:, 1] * np.sqrt(outer / (1 - values[:, 2] ** 2)))


def posterior_of(fit: TransitFit, limb: Limb, expected: Expected | None) -> Posterior:
    """The likelihood of transits in the curve of a fit."""
    points = points_of(fit.curve)
    search = search_of(points, expected)
    level = np.interp(points.bjd_tdb, fit.curve.bjd_tdb, fit.trend_flux)
    model = Model(trend_columns(points, fit.trend), level, limb, fit.radius_ratio)
    memories = memory_limits(points)
    limits = [search.mids, np.log(search.widths_d), (0.0, MOST_IMPACT), np.log(DEPTHS)]
    limits += [np.log((LEAST_RATIO, RATIOS[-1])), np.log(memories)]
    low, high = np.array(limits, float).T
    return Posterior(points, model, search, low, high)
