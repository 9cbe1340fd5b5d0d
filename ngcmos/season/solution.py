"""All nights of a season on one scale: the mean of each star, and what flats and air of each night left over.

``solve_season(levels) -> SeasonSolution`` fits `level of a star in a pointing = its mean * surface of that`:
the surface is a constant, a paraboloid over the chip and a slope in colour. It is fixed to the chip, so that a
flipped night has the other sign by itself. Weighted least squares over the constant stars, stars and pointings by
turns; stars and single levels that stray are found and left out. What bright constant stars still scatter is the
pointing's own floor; it enters the errors of its levels.

A pointing is a night, or the part of one that kept the stars on their pixels.
"""

import typing

import numpy as np

from ngcmos.arrays import Bools, Floats
from ngcmos.lightcurves.audit import usual_scatter
from ngcmos.lightcurves.scatter import of_like
from ngcmos.season.levels import Levels, SeasonSolution, StarTerms
from ngcmos.season.nightly import MOST_LEVERAGE
from ngcmos.stats import MAD_TO_SIGMA, column_medians, quotient

PASSES = 6
MOST_ROUNDS = 60
CONVERGED = 1e-7
OUTLIER_SIGMA = 5.0
SURFACE_PRIOR = 0.05  # of each coefficient but the constant: the most that is believed of a surface
LEAST_PRIOR = 1e-5
FEWEST_POINTINGS = 5  # to tell by how much surfaces differ
FLOORS = np.concatenate([[0.0], np.geomspace(1e-4, 0.1, 61)])  # tried for each pointing
COARSE = 8  # steps of them at first: the likelihood has one peak, much wider than a step
LOWEST_INFLATION = 0.7
FEWEST_STARS = 8  # to tell a floor by
WILD_SIGMA = 3.0  # a level counts as so far off at most: a few wild ones are no floor
CHANCE_ERRORS = 2.0  # errors of a scatter that chance explains
FEWEST_LEVELS = 3  # to tell a star by
VARIABLE_ERRORS = 4.0  # errors of the scatter of so many levels


class State(typing.NamedTuple):
    """Where the fit stands."""

    mean: Floats
    surface: Floats
    floor: Floats
    inflation: Floats
    excess: Floats  # of each star, beyond its error
    prior: Floats  # by how much the coefficients but the constant differ from pointing to pointing


def solve_season(levels: Levels) -> SeasonSolution:
    """The solution of a season in the aperture of these levels."""
    stars = levels.mag.size
    state = _first_guess(levels)
    constant, held = np.ones(stars, bool), np.isfinite(levels.level)
    for _ in range(PASSES):
        deviation, error = deviations_of(levels, state)
        held = _hold(deviation, error, state.excess)
        constant = _find_constant(levels, deviation, error, held)
        state = _alternate(levels, state, held, constant)
        deviation, _ = deviations_of(levels, state)
        state = _measure_noise(levels, state, deviation, held, constant)
        state = state._replace(prior=_measure_prior(levels, state, sharing_of(levels, state, held, constant)))
    deviation, error = deviations_of(levels, state)
    taken, spread = leverage_of(levels, error, sharing_of(levels, state, held, constant), state)
    deviation, error = deviation / (1 - taken), np.sqrt(error**2 + spread)
    model = surfaces(state.surface, levels.basis) * state.mean
    unit = np.where(taken > 0, levels.level / (1 + deviation), model)
    chi2, freedom = chi2_of(deviation, error, held & counting_of(levels)[:, None])
    told = _terms_of(levels, state, held, constant)
    return SeasonSolution(state.surface, state.floor, deviation, error, unit, chi2, freedom, told)


def _terms_of(levels: Levels, state: State, held: Bools, constant: Bools) -> StarTerms:
    """What the fit says of the stars, for pointings that it does not have."""
    deviation, error = deviations_of(levels, state)
    counts = held & counting_of(levels)[:, None]
    weight = np.where(counts, 1 / (error**2 + state.excess**2), 0).sum(axis=0)
    scatter = robust_scatter(deviation)
    return StarTerms(state.mean, weight, state.inflation, state.excess, scatter, constant, state.prior)


def surfaces(surface: Floats, basis: Floats) -> Floats:
    """(pointings, stars) levels over the means of the stars; 0 and less is NaN."""
    values: Floats = (basis @ surface[..., None])[..., 0]
    return np.where(values > 0, values, np.nan)


def counting_of(levels: Levels) -> Bools:
    return levels.counting if levels.counting.any() else np.ones_like(levels.counting)


def _first_guess(levels: Levels) -> State:
    """Means by the counting pointings, each over the median of its ratios to the brightest one's."""
    pointings, stars = levels.level.shape
    usable = np.where(levels.level > 0, levels.level, np.nan)
    mean = np.full(stars, np.nan)
    factor = np.full(pointings, np.nan)
    order = np.argsort(-np.isfinite(usable).sum(axis=1), kind="stable")
    for at in order:  # the fullest first: each is brought to the scale of those before
        ratio = (usable[at] / mean)[levels.comparing[at]]
        known = ratio[np.isfinite(ratio)]
        factor[at] = np.median(known) if known.size else 1.0
        mean = np.where(np.isfinite(mean), mean, usable[at] / factor[at])
    surface = np.zeros((pointings, levels.basis.shape[2]))
    surface[:, 0] = factor
    prior = np.full(surface.shape[1] - 1, SURFACE_PRIOR)
    return State(mean, surface, np.zeros(pointings), np.ones(stars), np.zeros(stars), prior)


def deviations_of(levels: Levels, state: State) -> tuple[Floats, Floats]:
    """Level over the model less 1, and its error."""
    model = surfaces(state.surface, levels.basis) * state.mean
    with np.errstate(invalid="ignore", divide="ignore"):
        deviation = levels.level / model - 1
    return deviation, state.inflation * np.hypot(levels.error, state.floor[:, None])


def _hold(deviation: Floats, error: Floats, excess: Floats) -> Bools:
    """Levels that count."""
    with np.errstate(invalid="ignore"):
        near = np.abs(deviation) <= OUTLIER_SIGMA * np.fmax(np.hypot(error, excess), robust_scatter(deviation))
    held: Bools = near & np.isfinite(error)
    return held


def robust_scatter(deviation: Floats) -> Floats:
    """(stars,) scatter by the median of the absolute deviations, at least three of them; else infinite."""
    known = np.isfinite(deviation)
    enough = known.sum(axis=0) >= FEWEST_LEVELS
    scatter = np.full(deviation.shape[1], np.inf)
    scatter[enough] = MAD_TO_SIGMA * column_medians(np.abs(deviation[:, enough]))
    return scatter


def chi2_of(deviation: Floats, error: Floats, held: Bools) -> tuple[Floats, Floats]:
    """(stars,) chi squared of the deviations from their weighted mean, and its degrees of freedom."""
    weight = np.where(held, error**-2.0, 0)
    away = np.where(held, deviation - weighted_mean(deviation, weight), 0)
    chi2: Floats = (weight * away**2).sum(axis=0)
    return chi2, np.fmax(held.sum(axis=0) - 1.0, 0)


def weighted_mean(values: Floats, weight: Floats) -> Floats:
    """(stars,) mean over the pointings that have a weight; 0 without any."""
    total = weight.sum(axis=0)
    summed = (weight * np.where(weight > 0, values, 0)).sum(axis=0)
    return quotient(summed, total, blank=0.0)


def _find_constant(levels: Levels, deviation: Floats, error: Floats, held: Bools) -> Bools:
    """Stars whose levels scatter no more than those of their like; all of them where there are too few levels."""
    chi2, freedom = chi2_of(deviation, error, held & counting_of(levels)[:, None])
    known = freedom >= FEWEST_LEVELS - 1
    ratio = np.sqrt(quotient(chi2, np.where(known, freedom, 0)))
    usual = np.fmax(np.nan_to_num(of_like(ratio, levels.mag), nan=1.0), 1e-3)
    limit = usual * (1 + VARIABLE_ERRORS / np.sqrt(2 * np.fmax(freedom, 1)))
    constant: Bools = ~known | (ratio <= limit)
    return constant


def _alternate(levels: Levels, state: State, held: Bools, constant: Bools) -> State:
    """Means and surfaces by turns until the means stand."""
    error = state.inflation * np.hypot(levels.error, state.floor[:, None])
    single = np.where(held, 1 / (error**2 + state.excess**2), 0)
    shared = np.where(sharing_of(levels, state, held, constant), single, 0)
    own = np.where(counting_of(levels)[:, None], single, 0)
    own = np.where(own.sum(axis=0) > 0, own, single)
    turns = Turns(levels, shared, own, normal_matrices(levels.basis, shared, state.prior))
    mean, surface = state.mean, state.surface
    for _ in range(MOST_ROUNDS):
        surface = turns.fit_surfaces(mean, surface)
        before, mean = mean, turns.fit_means(mean, surface)
        if np.max(np.nan_to_num(np.abs(quotient(mean, before) - 1)), initial=0.0) < CONVERGED:
            break
    return state._replace(mean=mean, surface=surface)


class Turns:
    """Surfaces by stars of given means, and means by given surfaces.

    Parameters
    ----------
    levels : Levels
    shared, own : (pointings, stars) arrays
        Weights of the levels for surfaces and for means.
    matrix : (pointings, terms, terms) array
        Normal matrices of the surfaces.
    """

    def __init__(self, levels: Levels, shared: Floats, own: Floats, matrix: Floats) -> None:
        level = np.nan_to_num(levels.level)
        self._basis, self._shared, self._total = levels.basis, shared, own.sum(axis=0)
        self._for_surfaces, self._for_means = shared * level, own * level
        self._told = matrix[:, 0, 0] > 0
        self._inverse = np.full_like(matrix, np.nan)
        self._inverse[self._told] = np.linalg.inv(matrix[self._told])

    def fit_surfaces(self, mean: Floats, surface: Floats) -> Floats:
        """The surfaces anew by stars of these means; NaN for pointings without a star."""
        scale = surface[:, :1]
        ratio = self._for_surfaces / np.where(mean > 0, mean, np.inf) / scale - self._shared
        relative = (self._inverse @ (ratio[:, None, :] @ self._basis)[:, 0, :, None])[..., 0]
        relative[:, 0] += 1
        better: Floats = relative * scale
        return better

    def fit_means(self, mean: Floats, surface: Floats) -> Floats:
        """The means anew by these surfaces; as they are for stars without a level that counts."""
        share = quotient(self._for_means, surfaces(surface, self._basis), blank=0.0)
        return np.where(self._total > 0, quotient(share.sum(axis=0), self._total), mean)


def sharing_of(levels: Levels, state: State, held: Bools, constant: Bools) -> Bools:
    """Levels that tell the surfaces."""
    sharing: Bools = held & levels.comparing & constant & np.isfinite(state.mean)
    return sharing


def leverage_of(levels: Levels, error: Floats, sharing: Bools, state: State) -> tuple[Floats, Floats]:
    """(share of a star's own deviation that the surfaces have taken up, variance of these); (pointings, stars).

    Without the star's own say: what the others leave uncertain is added to the error of its deviation.
    """
    weight = np.where(sharing, 1 / (error**2 + state.excess**2), 0)
    matrix = normal_matrices(levels.basis, weight, state.prior)
    told = matrix[:, 0, 0] > 0
    spread = np.zeros_like(weight)
    spread[told] = ((levels.basis[told] @ np.linalg.inv(matrix[told])) * levels.basis[told]).sum(axis=2)
    taken = np.minimum(weight * spread, MOST_LEVERAGE)
    return taken, spread / (1 - taken)


def normal_matrices(basis: Floats, weight: Floats, prior: Floats) -> Floats:
    """(pointings, terms, terms) normal matrices of relative surfaces, with the prior of all but the first term."""
    matrix: Floats = np.swapaxes(basis * weight[..., None], 1, 2) @ basis
    slopes = np.arange(1, basis.shape[2])
    matrix[:, slopes, slopes] += prior**-2.0
    return matrix


def _measure_noise(levels: Levels, state: State, deviation: Floats, held: Bools, constant: Bools) -> State:
    """Floors of the pointings, inflation by magnitude, excess of each star."""
    now = state.inflation * np.hypot(levels.error, state.floor[:, None])
    weight = np.where(held, now**-2.0, 0)
    taken, spread = leverage_of(levels, now, sharing_of(levels, state, held, constant), state)
    free = (1 - taken) ** 2 * (1 + spread / now**2)
    left = free * (1 - quotient(weight, weight.sum(axis=0), blank=0.0))  # surface and mean took the rest
    counts, away = held & counting_of(levels)[:, None], deviation / np.sqrt(free)
    excess, inflation = _find_excess(levels, away, counts, constant, state.floor)
    telling = held & levels.comparing & constant & (left > 0.1)
    rows = zip(deviation / inflation, np.hypot(levels.error, excess / inflation), left, telling, strict=True)
    floor = np.array([likeliest_floor(*row) for row in rows])
    ratio, freedom = _ratio(np.hypot(levels.error, floor[:, None]), away, counts)
    usual = of_like(ratio / usual_scatter(freedom), levels.mag, ~_telling_like(levels, constant))
    inflation = np.fmax(LOWEST_INFLATION, np.nan_to_num(usual, nan=1.0))
    return state._replace(floor=floor, inflation=inflation, excess=excess)


def _ratio(error: Floats, deviation: Floats, counts: Bools) -> tuple[Floats, Floats]:
    """(stars,) scatter over the expected one, NaN where too few levels tell; degrees of freedom."""
    chi2, freedom = chi2_of(deviation, error, counts)
    return np.sqrt(quotient(chi2, np.where(freedom >= FEWEST_LEVELS - 1, freedom, 0))), freedom


def _find_excess(
    levels: Levels, deviation: Floats, counts: Bools, constant: Bools, floor: Floats
) -> tuple[Floats, Floats]:
    """(what a star scatters beyond its like, 0 where chance explains it; scatter of its like over the expected).

    Parameters
    ----------
    levels : Levels
    deviation : (pointings, stars) array
        By surfaces that the star has not told.
    counts : (pointings, stars) bool array
    constant : (stars,) bool array
        Stars that tell of their like.
    floor : (pointings,) array
        As far as known; what a pointing has beyond the usual one is no excess of its stars.
    """
    worse2 = np.fmax(floor**2 - np.median(floor[counting_of(levels)]) ** 2, 0)
    error = np.sqrt(levels.error**2 + worse2[:, None])
    own2 = quotient(np.where(counts, error**2, 0).sum(axis=0), counts.sum(axis=0))
    ratio, freedom = _ratio(error, deviation, counts)
    scatter2 = (ratio / usual_scatter(freedom)) ** 2 * own2
    expected2 = own2 + _common_floor(scatter2, own2) ** 2
    inflation2 = of_like(scatter2 / expected2, levels.mag, ~_telling_like(levels, constant))
    inflation2 = np.fmax(LOWEST_INFLATION**2, np.nan_to_num(inflation2, nan=1.0))
    expected2 *= inflation2
    by_chance = expected2 * (1 + CHANCE_ERRORS * np.sqrt(2 / np.fmax(freedom, 1)))
    return np.sqrt(np.where(scatter2 > by_chance, scatter2 - expected2, 0.0)), np.sqrt(inflation2)


def _telling_like(levels: Levels, constant: Bools) -> Bools:
    """(stars,) constant ones that compare others somewhere: a blended star tells nothing of its like."""
    telling: Bools = constant & levels.comparing.any(axis=0)
    return telling if telling.any() else constant


def _common_floor(scatter2: Floats, own2: Floats) -> float:
    """The floor with which the scatter over the expected one differs least from star to star, bright and faint.

    Faint stars between neighbours scatter more than their photons, which is no floor of the bright ones.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        logs = np.log(scatter2 / (own2 + FLOORS[:, None] ** 2))
    known = np.isfinite(logs[0])
    if known.sum() < FEWEST_STARS:
        return 0.0
    logs = logs[:, known]
    unlike = np.abs(logs - np.median(logs, axis=1, keepdims=True)).sum(axis=1)
    return float(FLOORS[np.argmin(unlike)])


def _measure_prior(levels: Levels, state: State, sharing: Bools) -> Floats:
    """(terms - 1,) by how much surfaces differ, from themselves: where few stars tell, noise shall not bend them.

    One step of the evidence approximation (MacKay 1992, Neural Computation 4, 415): the squares of a coefficient
    over how many pointings have told it rather than the prior.
    """
    error = state.inflation * np.hypot(levels.error, state.floor[:, None])
    weight = np.where(sharing, 1 / (error**2 + state.excess**2), 0)
    matrix = normal_matrices(levels.basis, weight, state.prior)
    telling = counting_of(levels) & (matrix[:, 0, 0] > 0)
    if telling.sum() < FEWEST_POINTINGS:
        return state.prior
    left = np.diagonal(np.linalg.inv(matrix[telling]), axis1=1, axis2=2)[:, 1:]
    coefficient = state.surface[telling, 1:] / state.surface[telling, :1]
    told = (1 - left / state.prior**2).sum(axis=0)
    prior: Floats = np.sqrt(quotient((coefficient**2).sum(axis=0), np.fmax(told, 1e-3)))
    return np.clip(prior, LEAST_PRIOR, SURFACE_PRIOR)


def likeliest_floor(deviation: Floats, error: Floats, left: Floats, telling: Bools) -> float:
    """The floor of one pointing that makes its deviations the likeliest; 0 where too few stars tell."""
    if telling.sum() < FEWEST_STARS:
        return 0.0
    error2, deviation2 = error[telling] ** 2, deviation[telling] ** 2 / left[telling]
    tried = FLOORS[::COARSE]
    for around in (COARSE, 0):  # a few of them, then those about the likeliest
        variance = error2 + tried[:, None] ** 2
        unlikely = np.log(variance) + np.minimum(deviation2 / variance, WILD_SIGMA**2)
        best = tried[np.argmin(unlikely.sum(axis=1))]
        tried = FLOORS[np.abs(np.arange(FLOORS.size) - np.searchsorted(FLOORS, best)) < around]
    return float(best)
