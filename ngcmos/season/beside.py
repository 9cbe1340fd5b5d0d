"""Nights put on a scale that stands: their surfaces by star means that they do not change.

``fit_beside(levels, terms) -> SeasonSolution``; ``drifted(...)`` tells whether the means still hold.
"""

import dataclasses

import numpy as np

from ngcmos.arrays import Bools, Floats
from ngcmos.season.levels import Levels, SeasonSolution, StarTerms
from ngcmos.season.solution import (
    CONVERGED,
    MOST_ROUNDS,
    OUTLIER_SIGMA,
    PASSES,
    State,
    Turns,
    chi2_of,
    counting_of,
    deviations_of,
    leverage_of,
    likeliest_floor,
    normal_matrices,
    sharing_of,
    surfaces,
)
from ngcmos.stats import quotient

DRIFT_ERRORS = 3.0  # of the difference of a star's mean from that of the nights beside


def fit_beside(levels: Levels, terms: StarTerms) -> SeasonSolution:
    """The solution of pointings by the star means of others.

    Parameters
    ----------
    levels : Levels
        Of these pointings alone.
    terms : StarTerms
        Of the others; stars with the mean NaN get theirs of these pointings.

    Returns
    -------
    SeasonSolution
        Its terms are those given, with the means and weights of stars that had none.
    """
    state = _first_guess(levels, terms)
    for _ in range(PASSES):
        deviation, error = deviations_of(levels, state)
        held = _hold(deviation, error, terms)
        state = _fit_surfaces(levels, state, held, terms)
        state = state._replace(floor=_floors(levels, state, held, terms))
    state, weight = _means_of_strangers(levels, state, terms)
    deviation, error = deviations_of(levels, state)
    held = _hold(deviation, error, terms)
    taken, spread = leverage_of(levels, error, sharing_of(levels, state, held, terms.constant), state)
    deviation, error = deviation / (1 - taken), np.sqrt(error**2 + spread)
    model = surfaces(state.surface, levels.basis) * state.mean
    unit = np.where(taken > 0, levels.level / (1 + deviation), model)
    chi2, freedom = chi2_of(deviation, error, held & counting_of(levels)[:, None])
    told = dataclasses.replace(terms, mean=state.mean, weight=weight)
    return SeasonSolution(state.surface, state.floor, deviation, error, unit, chi2, freedom, told)


def _first_guess(levels: Levels, terms: StarTerms) -> State:
    """Constants by the medians of the ratios to the means."""
    usable = np.where((levels.level > 0) & levels.comparing & terms.constant, levels.level, np.nan)
    surface = np.zeros((len(usable), levels.basis.shape[2]))
    for at, ratio in enumerate(usable / terms.mean):
        known = ratio[np.isfinite(ratio)]
        surface[at, 0] = np.median(known) if known.size else np.nan
    return State(terms.mean, surface, np.zeros(len(usable)), terms.inflation, terms.excess, terms.prior)


def _hold(deviation: Floats, error: Floats, terms: StarTerms) -> Bools:
    """Levels that count."""
    with np.errstate(invalid="ignore"):
        near = np.abs(deviation) <= OUTLIER_SIGMA * np.fmax(np.hypot(error, terms.excess), terms.scatter)
    held: Bools = near & np.isfinite(error)
    return held


def _fit_surfaces(levels: Levels, state: State, held: Bools, terms: StarTerms) -> State:
    """The surfaces anew, until they stand: the prior is of coefficients over the constant."""
    _, error = deviations_of(levels, state)
    single = 1 / (error**2 + state.excess**2)
    shared = np.where(sharing_of(levels, state, held, terms.constant), single, 0)
    turns = Turns(levels, shared, shared, normal_matrices(levels.basis, shared, state.prior))
    surface = state.surface
    for _ in range(MOST_ROUNDS):
        before, surface = surface, turns.fit_surfaces(state.mean, surface)
        if np.max(np.nan_to_num(np.abs(surface[:, 0] / before[:, 0] - 1)), initial=0.0) < CONVERGED:
            break
    return state._replace(surface=surface)


def _floors(levels: Levels, state: State, held: Bools, terms: StarTerms) -> Floats:
    """(pointings,) floors, as of `solve_season`; what a mean itself is uncertain by comes on top."""
    deviation, error = deviations_of(levels, state)
    weight = np.where(held, error**-2.0, 0)
    taken, spread = leverage_of(levels, error, sharing_of(levels, state, held, terms.constant), state)
    left = (1 - taken) ** 2 * (1 + spread / error**2) * (1 + quotient(weight, terms.weight, blank=0.0))
    telling = held & levels.comparing & terms.constant
    sigma = np.hypot(levels.error, state.excess / state.inflation)
    rows = zip(deviation / state.inflation, sigma, left, telling, strict=True)
    return np.array([likeliest_floor(*row) for row in rows])


def _means_of_strangers(levels: Levels, state: State, terms: StarTerms) -> tuple[State, Floats]:
    """Means of the stars that had none, and the weights of all."""
    strange = ~np.isfinite(terms.mean)
    own = levels.level / surfaces(state.surface, levels.basis)
    error = state.inflation * np.hypot(levels.error, state.floor[:, None])
    weight = np.where(np.isfinite(own) & np.isfinite(error), error**-2.0, 0)
    counts = np.where(counting_of(levels)[:, None], weight, 0)
    weight = np.where(counts.sum(axis=0) > 0, counts, weight)
    mean = quotient((weight * np.nan_to_num(own)).sum(axis=0), weight.sum(axis=0))
    total = np.where(strange, weight.sum(axis=0), terms.weight)
    return state._replace(mean=np.where(strange, mean, terms.mean)), total


def drifted(deviation: Floats, error: Floats, weight: Floats, *, point: Floats, most: float) -> Bools:
    """(stars,) whether the means of stars do not hold any more.

    By nights beside them they are off by more than three errors, and by so much that with these nights in the mean
    the flux of the star would change by more than a share of the errors of its points.

    Parameters
    ----------
    deviation, error : (nights, stars) arrays
        Of the nights beside, the error without that of the mean; NaN where unknown.
    weight : (stars,) array
        Inverse variance of the means.
    point : (stars,) array
        Error of a point.
    most : float
        Share of it.
    """
    own = np.where(np.isfinite(deviation) & (error > 0), error, np.inf) ** -2.0
    total = own.sum(axis=0)
    away = quotient((own * np.nan_to_num(deviation)).sum(axis=0), total, blank=0.0)
    sigma = np.sqrt(quotient(1, total, blank=0.0) + quotient(1, weight, blank=np.inf))
    change = np.abs(away) * quotient(total, total + weight, blank=0.0)
    off: Bools = (np.abs(away) > DRIFT_ERRORS * sigma) & (change > most * point)
    return off
