"""Noise of a light curve that remembers itself: its covariance, how likely it is, and how red the residuals are.

The noise of a point is white, of its own error, plus a part whose correlation fades exponentially with time (an
Ornstein-Uhlenbeck process, as of Foreman-Mackey et al. 2017, AJ 154, 220, with one real term), both times a scale
that every fit finds for itself. Nights share none of it.
"""

import dataclasses
import itertools
import math

import numpy as np

from ngcmos.arrays import Floats
from ngcmos.transits.curve import Curve

RATIOS = (0.0, 0.1, 0.2, 0.35, 0.55, 0.85, 1.3, 2.0)  # of the red part to the white one
RED_TERMS = 2  # ratio and memory
WHITE_WEIGHT = 12.0  # of white noise beforehand, over that of each usual red one
USUAL_RATIO = 0.35  # redder noise is less likely beforehand, by as much
MEMORIES = 5  # time scales of the red part, evenly in their logarithm
SHORTEST_CADENCES, LONGEST_SHARE = 3.0, 1 / 3  # of them: of a night
LEAST_LIKELIHOOD = 0.02  # of the best noise; what is less likely is left out
LEAST_PIVOT = 1e-7  # of the largest: a smaller one is rounding
FEW_COLUMNS = 16  # whitened one by one: 0.14 us a point and column, 2.5 us a point side by side
BETA_MINUTES = (10.0, 30.0)  # bins whose scatter tells of red noise, as the field has it
MOST_BETA_BINS = 20
FEWEST_BINS = 4


@dataclasses.dataclass(frozen=True)
class Noise:
    """A red part `ratio` times the usual error that fades within `memory_d` days; `weight` is its likelihood
    beforehand."""

    ratio: float
    memory_d: float
    weight: float = 1.0


@dataclasses.dataclass(frozen=True, eq=False)
class Fitted:
    """A linear model fitted under a noise.

    Attributes
    ----------
    chi2 : float
        Of the whitened residuals.
    points, terms, noise_terms : int
        Noise that is white has no terms, red noise has two.
    log_det : float
        Of the covariance.
    log_det_design : float
        Of the normal equations: with it the likelihood is that of the data without what the model takes away.
    coefficients : array
    """

    chi2: float
    points: int
    terms: int
    noise_terms: int
    log_det: float
    log_det_design: float
    coefficients: Floats

    @property
    def log_likelihood(self) -> float:
        """At the best coefficients and the best scale, but for a constant."""
        return -0.5 * (self.points * math.log(self.chi2 / self.points) + self.log_det)

    @property
    def log_evidence(self) -> float:
        """Integrated over coefficients and scale (restricted likelihood), but for a constant."""
        freedom = self.points - self.terms
        return -0.5 * (freedom * math.log(self.chi2) + self.log_det + self.log_det_design)

    @property
    def bic(self) -> float:
        """Bayesian information criterion, but for a constant of the data."""
        return -2 * self.log_likelihood + (self.terms + self.noise_terms) * math.log(self.points)


class Whitener:
    """Turns series under a noise into ones of independent points of scatter 1; its time grows with their length.

    The Cholesky factor of white noise and one fading term, as of Foreman-Mackey et al. 2017, section 5.1. What is
    remembered of the points before is forgotten where a night begins.
    """

    def __init__(self, curve: Curve, noise: Noise) -> None:
        self.noise = noise
        points, variance = len(curve), (noise.ratio * float(np.median(curve.error))) ** 2
        self._variance = variance
        self._kept = np.zeros(points)
        self._kept[1:] = np.exp(-np.diff(curve.bjd_tdb) / noise.memory_d)
        self._kept[[rows.start for rows in curve.nights]] = 0.0
        self._gain, alone, known = np.empty(points), np.empty(points), 0.0
        for row, (kept, error) in enumerate(zip(self._kept.tolist(), curve.error.tolist(), strict=True)):
            if row:
                known = kept**2 * (known + float(alone[row - 1] * self._gain[row - 1] ** 2))
            alone[row] = error**2 + variance - variance**2 * known
            self._gain[row] = (1 - variance * known) / alone[row]
        self._sigma = np.sqrt(alone)
        self.log_det = float(np.log(alone).sum())

    def __call__(self, columns: Floats) -> Floats:
        """Whitened (points,) or (points, n) array."""
        if not self._variance > 0:
            plain: Floats = columns / (self._sigma if columns.ndim == 1 else self._sigma[:, None])
            return plain
        if columns.ndim == 1:
            return self._one_by_one(columns[:, None])[:, 0]
        return self._one_by_one(columns) if columns.shape[1] <= FEW_COLUMNS else self._side_by_side(columns)

    def _one_by_one(self, columns: Floats) -> Floats:
        """Whitened (points, n) array: the quickest way where there are few columns, bit for bit as the other."""
        noise = [*zip(self._kept.tolist(), [0.0, *self._gain[:-1].tolist()], strict=True)]
        surprises = np.array([_surprises(column, noise, self._variance) for column in columns.T.tolist()])
        white: Floats = np.ascontiguousarray(surprises.T) / self._sigma[:, None]
        return white

    def _side_by_side(self, columns: Floats) -> Floats:
        white, foreseen, left = np.empty(columns.shape), np.zeros(columns.shape[1]), np.zeros(columns.shape[1])
        gains = [0.0, *self._gain[:-1].tolist()]
        for column, kept, gain, row in zip(columns, self._kept.tolist(), gains, white, strict=True):
            foreseen = kept * (foreseen + gain * left)
            left = np.subtract(column, self._variance * foreseen, out=row)
        white /= self._sigma[:, None]
        return white


def _surprises(values: list[float], noise: list[tuple[float, float]], variance: float) -> list[float]:
    """What is in each value and was not foreseen from those before, by (memory kept, gain) of each point."""
    foreseen = left = 0.0
    found = []
    for value, (kept, gain) in zip(values, noise, strict=True):
        foreseen = kept * (foreseen + gain * left)
        left = value - variance * foreseen
        found.append(left)
    return found


def fit_linear(whitener: Whitener, flux: Floats, design: Floats) -> Fitted:
    """Least squares of a (points, terms) design under a noise; terms that others make up get coefficients of 0."""
    from scipy.linalg import solve_triangular

    together = whitener(np.column_stack([design, flux]))
    white = together[:, -1]
    basis, triangle = np.linalg.qr(together[:, :-1])
    known = np.abs(np.diag(triangle)) > LEAST_PIVOT * np.abs(triangle).max()
    if not known.all():
        fitted = fit_linear(whitener, flux, design[:, known])
        coefficients = np.zeros(known.size)
        coefficients[known] = fitted.coefficients
        return dataclasses.replace(fitted, terms=known.size, coefficients=coefficients)
    share = basis.T @ white
    left = white - basis @ share
    log_det_design = float(2 * np.log(np.abs(np.diag(triangle))).sum())
    coefficients = solve_triangular(triangle, share)
    noise_terms = RED_TERMS if whitener.noise.ratio > 0 else 0
    return Fitted(
        float(left @ left), flux.size, design.shape[1], noise_terms, whitener.log_det, log_det_design, coefficients
    )


def memory_limits(curve: Curve) -> tuple[float, float]:
    """Shortest and longest memory in days that a noise of the curve may have."""
    span_d = max(float(np.ptp(curve.bjd_tdb[rows])) for rows in curve.nights)
    shortest = SHORTEST_CADENCES * float(np.median(np.diff(curve.bjd_tdb)))
    return shortest, max(LONGEST_SHARE * span_d, 2 * shortest)


def try_noises(curve: Curve) -> list[Whitener]:
    """Whiteners of the noises to try on a curve; and how likely they are beforehand."""
    shortest, longest = memory_limits(curve)
    memories = np.geomspace(shortest, longest, MEMORIES)
    red = (
        Noise(ratio, float(memory), min(1.0, USUAL_RATIO / ratio))
        for ratio, memory in itertools.product(RATIOS[1:], memories)
    )
    return [Whitener(curve, noise) for noise in (Noise(RATIOS[0], shortest, WHITE_WEIGHT), *red)]


def likely_noises(whiteners: list[Whitener], flux: Floats, design: Floats) -> list[Whitener]:
    """Those that the flux makes likely, whatever the coefficients of the design; the best one first."""
    log = [fit_linear(one, flux, design).log_evidence + np.log(one.noise.weight) for one in whiteners]
    order = np.argsort(log)[::-1]
    return [whiteners[index] for index in order if log[index] - log[order[0]] > np.log(LEAST_LIKELIHOOD)]


def best_fit(whiteners: list[Whitener], flux: Floats, design: Floats) -> Fitted:
    """The fit of a design under the noise that makes its BIC the least."""
    return min((fit_linear(one, flux, design) for one in whiteners), key=lambda fit: fit.bic)


def beta(residual: Floats, time_d: Floats) -> float:
    """How much more residuals scatter in bins than white noise would: the mean over bins of 10 to 30 minutes.

    1 for white noise, as of Winn et al. 2008, ApJ 683, 1076, section 3.1; never less. 1 where the series is too
    short to tell.

    Parameters
    ----------
    residual, time_d : (n,) arrays
        Of one or more nights, in time order.
    """
    cadence_min = float(np.median(np.diff(time_d))) * 1440 if len(time_d) > 1 else np.inf
    lengths = np.unique(
        np.linspace(BETA_MINUTES[0] / cadence_min, BETA_MINUTES[1] / cadence_min, MOST_BETA_BINS).astype(int)
    )
    ratios = [_redness(residual, int(length)) for length in lengths if length > 1]
    known = [ratio for ratio in ratios if np.isfinite(ratio)]
    return max(1.0, float(np.mean(known))) if known else 1.0


def _redness(residual: Floats, length: int) -> float:
    """Scatter of the means of `length` points over that of white noise; NaN for too few of them."""
    bins = residual.size // length
    if bins < FEWEST_BINS:
        return float("nan")
    means = residual[: bins * length].reshape(bins, length).mean(axis=1)
    white = residual.std() / np.sqrt(length) * np.sqrt((bins - 1) / bins)
    return float(means.std() / white) if white > 0 else float("nan")
