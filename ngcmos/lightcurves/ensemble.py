"""Light curves of all stars of a field against comparison stars, all at once.

``relate(counts, kinship, air_rms) -> Relative`` for the counts of one aperture;
``choose_best(curves, mag)`` takes for each star the aperture whose curve is the quietest.

The way: counts over their median; one factor a frame that all stars share; stars that scatter more than their
like are variable and compare no longer; weights by the scatter of each comparison star (Broeg et al. 2005,
AN 326, 134); last an ensemble for each star of its like and of its neighbourhood. A star is never
compared with itself, so its own signal stays whole.
"""

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ngcmos.arrays import Bools, Floats, Ints, Reals
from ngcmos.lightcurves.scatter import (
    OUTLIER_SIGMA,
    deviation_of,
    find_restless,
    find_usual,
    mean_of,
    of_like,
    pulls_of,
    redness,
    restlessness,
    scatter,
)
from ngcmos.stats import blocks, column_medians, quotient

Weights = NDArray[np.float32]  # (stars, stars)

MAG_SCALE, COLOUR_SCALE = 1.0, 0.5  # mag; how fast a star stops being like another
DISTANCE_SHARE = 0.15  # of the width of the field
WIDENINGS = (1.0, 2.0, 4.0, np.inf)  # of all three, until the ensemble is quiet enough
ADDED_VARIANCE = 0.1  # of the star's own that its ensemble may add: 5 % of scatter
ROUNDS = 4
FRAMES_AT_ONCE, STARS_AT_ONCE = 256, 512  # of a night, whose numbers would fill the memory many times
FEWEST_SHARE = 0.5  # of the frames a comparison star needs a count in
POINTS_OF_LIKE = 20  # that stars of like magnitude count for where a star's best aperture is chosen


@dataclasses.dataclass(frozen=True, eq=False)
class Counts:
    """What one aperture counted; (frames, stars) arrays.

    `flux` and `fluxerr` in any unit, NaN where nothing is known; `trusted` tells what may compare others,
    `crossed` what is shown but says nothing of the star itself.
    """

    flux: Reals
    fluxerr: Reals
    trusted: Bools
    crossed: Bools | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Kinship:
    """What makes stars alike, (stars,) arrays: magnitude, colour (NaN unknown), place in pixels; `barred` ones
    never compare others, `trusted` ones do though they vary. `allowed` tells which star (column) may be compared
    with which (row), (stars, stars); None: all."""

    mag: Floats
    colour: Floats
    x: Floats
    y: Floats
    barred: Bools
    trusted: bool = False
    allowed: Bools | None = None

    @property
    def telling(self) -> Bools:
        """Stars by which others are judged: those not barred; all where few were asked for, or all are barred."""
        return np.ones(self.barred.size, bool) if self.trusted or self.barred.all() else ~self.barred


@dataclasses.dataclass(frozen=True, eq=False)
class Relative:
    """Light curves of one aperture.

    Attributes
    ----------
    flux, error : (frames, stars) float32 arrays
        About 1; the standard error holds counting, scintillation and the comparison stars. NaN where the star
        or all its comparison stars have no count.
    factor : (frames,) array
        What all stars share: air, clouds, exposure.
    rms : (stars,) array
        Scatter of the curve, wild points left out.
    predicted : (stars,) array
        What counting and scintillation alone let expect of it: of the same points, each by its own light, as the
        frames of half a night may be clouded.
    variable : (stars,) bool array
        Varies more than its like, so compares no other star.
    comparisons : (stars,) array
        Effective number of comparison stars, (sum w)^2 / sum w^2.
    weights : (comparison stars, stars) float32 array
        How much each star counts for each other one, the largest of a star 1; no row where nobody asks.
    """

    flux: Reals
    error: Reals
    factor: Reals
    rms: Floats
    predicted: Floats
    variable: Bools
    comparisons: Reals
    weights: Weights


_OF_STARS = [field.name for field in dataclasses.fields(Relative) if field.name != "factor"]


def relate(counts: Counts, kinship: Kinship, air_rms: Floats) -> Relative:
    """Light curves of all stars against their comparison stars.

    Parameters
    ----------
    counts : Counts
    kinship : Kinship
    air_rms : (frames,) array
        Relative scatter by scintillation.

    Returns
    -------
    Relative
    """
    value, variance = _normalised(counts, air_rms)
    trusted, crossed = counts.trusted & np.isfinite(value) & (variance > 0), counts.crossed
    del counts  # a night's are many: what is done with goes
    able = (trusted.mean(axis=0) >= FEWEST_SHARE) & ~kinship.barred
    shared = _share_factor(value, variance, trusted, able, kinship)
    deviation, variance = _over_factor(value, shared.factor), _over_factor(variance, shared.factor**2)
    deviation -= 1
    del value, trusted
    weights = choose_comparisons(
        shared.sigma, shared.predicted, able & (~shared.variable | kinship.trusted), kinship
    )
    light = _Light(deviation, variance, shared.kept & np.isfinite(deviation), crossed)
    flux, error, rms, predicted = _compare_all(light, weights)
    total = weights.sum(axis=1)
    squares = np.concatenate([(weights[stars] ** 2).sum(axis=1) for stars in blocks(total.size)])
    return Relative(
        flux=flux,
        error=error,
        factor=shared.factor,
        rms=rms,
        predicted=predicted,
        variable=shared.variable,
        comparisons=quotient(total**2, squares, blank=0.0).astype(total.dtype),
        weights=weights.T,
    )


def _normalised(counts: Counts, air_rms: Floats) -> tuple[Reals, Reals]:
    """(frames, stars) counts over their median, and their variance with that of the air."""
    level = column_medians(counts.flux)
    level = np.where(level > 0, level, np.nan)
    value, variance = np.empty((2, *counts.flux.shape), np.float32)
    for stars in blocks(level.size):
        value[:, stars] = part = (counts.flux[:, stars] / level[stars]).astype(np.float32)
        variance[:, stars] = (counts.fluxerr[:, stars] / level[stars]) ** 2 + (air_rms[:, None] * part) ** 2
    return value, variance


def choose_best(curves: Iterable[Relative], mag: Floats, barred: Bools | None = None) -> tuple[Relative, Ints]:
    """(Relative with the quietest curve of each star, (stars,) index of its aperture).

    Quiet is a small scatter times how far stars of like magnitude are from white noise in that aperture: a
    narrow one may be the best from frame to frame and follow every slow drift over the pixels.

    Parameters
    ----------
    curves : iterable of Relative
        One an aperture; where they are made one by one, memory holds one of them and the quietest.
    mag : (stars,) array
    barred : (stars,) bool array, optional
        Stars by which no other one is judged.
    """
    factors: list[Reals] = []
    chosen: dict[str, NDArray[Any]] = {}
    for curve in curves:  # enumerate would hold the one before
        noise = _likely_rms(curve, mag, barred)
        noise = noise * np.fmax(1, of_like(_redness(curve), mag, barred))
        noise = np.where(np.isfinite(noise), noise, np.inf)
        factors.append(curve.factor)
        if not chosen:
            lowest, best = noise, np.zeros(noise.size, int)
            chosen = {name: getattr(curve, name).copy() for name in _OF_STARS}
        quieter = noise < lowest
        lowest, best = np.minimum(noise, lowest), np.where(quieter, len(factors) - 1, best)
        for name, values in chosen.items():
            np.copyto(values, getattr(curve, name), where=quieter)
        del curve  # else it lies in memory until the next one is there
    telling = slice(None) if barred is None or barred.all() else ~barred
    usual = np.bincount(best[telling], minlength=len(factors)).argmax()
    return Relative(factor=factors[usual], **chosen), best


def _likely_rms(curve: Relative, mag: Floats, barred: Bools | None) -> Floats:
    """(stars,) scatter of curves, the fewer their points the more as that of stars of like magnitude.

    The least of several scatters by few points is that of luck; the weight of the like is that of so many points.
    """
    points = np.isfinite(curve.flux).sum(axis=0)
    like = curve.predicted * of_like(quotient(curve.rms, curve.predicted), mag, barred)
    known = np.where(np.isfinite(like), POINTS_OF_LIKE, 0)
    squares = points * curve.rms**2 + known * np.nan_to_num(like) ** 2
    return np.sqrt(quotient(squares, points + known))


def _redness(curve: Relative) -> Floats:
    """`redness` of the curves of each star, which are many."""
    parts = [
        redness(pulls_of(curve.flux[:, stars], curve.error[:, stars])) for stars in blocks(curve.flux.shape[1])
    ]
    return np.concatenate(parts)


def choose_comparisons(sigma: Floats, predicted: Floats, able: Bools, kinship: Kinship) -> Weights:
    """(stars, stars) float32 weights: how much each star (column) counts for each other one (row).

    The inverse square of the comparison star's scatter times how like it is: a Gaussian of the differences in
    magnitude, colour (where both are known) and place, among those that are allowed. For each star, likeness is
    asked for as strictly as the noise of the ensemble allows: it may add `ADDED_VARIANCE` of the star's own.
    """
    base = np.where(able, 1 / np.maximum(sigma, 1e-6) ** 2, 0).astype(np.float32)
    base[~np.isfinite(base)] = 0
    weights = np.zeros((len(sigma), len(sigma)), np.float32)
    for stars in blocks(len(sigma)):
        _choose_for(np.arange(len(sigma))[stars], weights, base, (sigma, predicted), kinship)
    peak = weights.max(axis=1, keepdims=True)
    np.divide(weights, peak, out=weights, where=peak > 0)
    return weights


def _choose_for(
    stars: Ints, weights: Weights, base: NDArray[np.float32], noise_of: tuple[Floats, Floats], kinship: Kinship
) -> None:
    """Fill the rows of some stars; `noise_of` holds what each scatters and is predicted to."""
    sigma, predicted = noise_of
    unlike = _unlikeness(kinship, stars)
    open_rows = np.ones(stars.size, bool)
    for widening in WIDENINGS:
        at = np.flatnonzero(open_rows)
        if at.size == 0:
            break
        rows = stars[at]
        trial = np.exp(-0.5 * unlike[at] / np.float32(widening) ** 2) * base
        trial[np.arange(rows.size), rows] = 0
        if kinship.allowed is not None:
            trial *= kinship.allowed[rows]
        noise = _ensemble_variance(trial, sigma)
        quiet = (noise <= ADDED_VARIANCE * predicted[rows] ** 2) | (widening == WIDENINGS[-1])
        weights[rows[quiet]] = trial[quiet]
        open_rows[at[quiet]] = False


@dataclasses.dataclass(frozen=True, eq=False)
class _Shared:
    """What all stars share, (frames,) `factor`; of each star its scatter, what is predicted of it, whether it
    varies; and which (frames, stars) counts agree with all that."""

    factor: Reals
    sigma: Floats
    predicted: Floats
    variable: Bools
    kept: Bools


def _share_factor(value: Reals, variance: Reals, trusted: Bools, able: Bools, kinship: Kinship) -> _Shared:
    """By rounds of comparing and weighing."""
    # by the median, which no satellite over half of the stars moves
    factor = np.concatenate(
        [
            column_medians(np.where(trusted[frames] & able, value[frames], np.nan).T)
            for frames in blocks(len(value), FRAMES_AT_ONCE)
        ]
    )
    for _ in range(ROUNDS):
        shared = _judge_by(factor, value, variance, trusted, able, kinship)
        usable = able & (~shared.variable | kinship.trusted) & (shared.sigma > 0)
        weight = np.where(usable, quotient(1.0, shared.sigma**2, blank=0.0), 0.0)
        factor = _weighted_mean(value, shared.kept, weight)
    return _judge_by(factor, value, variance, trusted, able, kinship)


def _judge_by(
    factor: Reals, value: Reals, variance: Reals, trusted: Bools, able: Bools, kinship: Kinship
) -> _Shared:
    """What the stars say of themselves once a factor is known."""
    kept, stars = np.empty(value.shape, bool), value.shape[1]
    predicted, spread, restless = np.empty(stars), np.empty(stars), np.empty((2, stars))
    for some in blocks(stars):
        error = np.sqrt(variance[:, some])
        with np.errstate(invalid="ignore", divide="ignore"):
            pulls = (value[:, some] - factor[:, None].astype(np.float32)) / error
            held = trusted[:, some] & (np.abs(pulls) <= OUTLIER_SIGMA * np.fmax(scatter(pulls), 1))
        good = np.where(held, pulls, np.nan)
        kept[:, some] = held
        predicted[some] = np.sqrt(mean_of(np.where(held, _over_factor(error, factor), np.nan) ** 2))
        spread[some], restless[:, some] = deviation_of(good), restlessness(good)
    variable = find_restless(np.where(kinship.telling, restless, np.nan), kinship.mag)
    sigma = predicted * np.fmax(spread, 1)  # by luck alone no star is quieter than its photons
    return _Shared(factor, sigma, predicted, variable & able, kept)


def _over_factor(values: Reals, factor: Reals) -> Reals:
    """(frames, stars) values over the factor of their frame, in single precision: a night's are many."""
    with np.errstate(invalid="ignore", divide="ignore"):
        quotients: Reals = np.true_divide(values, factor[:, None].astype(np.float32))
    return quotients


@dataclasses.dataclass(frozen=True, eq=False)
class _Light:
    """(frames, stars) deviations from the shared factor and their variance; whether they may compare others, and
    whether they say nothing of the star itself."""

    deviation: Reals
    variance: Reals
    held: Bools
    crossed: Bools | None


def _compare_all(light: _Light, weights: Weights) -> tuple[Reals, Reals, Floats, Floats]:
    """(frames, stars) flux and error of all stars; (stars,) scatter, and what is predicted of the same points."""
    shape = light.deviation.shape
    flux, error = np.empty((2, *shape), np.float32)
    rms, predicted = np.empty((2, shape[1]))
    for stars in blocks(shape[1], STARS_AT_ONCE):
        common, spread = _compare(light, weights[stars], stars)
        own = light.variance[:, stars]
        flux[:, stars] = (1 + light.deviation[:, stars]) / common
        error[:, stars] = np.sqrt(own + spread) / common
        usual = find_usual(pulls_of(flux[:, stars], error[:, stars]))
        if light.crossed is not None:
            usual &= ~light.crossed[:, stars]
        rms[stars] = deviation_of(np.where(usual, flux[:, stars], np.nan))
        predicted[stars] = np.sqrt(mean_of(np.where(usual, own / common**2, np.nan)))
    return flux, error, rms, predicted


def _compare(light: _Light, weights: Weights, stars: slice) -> tuple[Reals, Reals]:
    """(frames, some stars) mean of the comparison stars of each, with which its own median is 1; its variance."""
    common, spread = np.empty((2, len(light.deviation), len(weights)), np.float32)
    squared = weights**2
    for frames in blocks(len(common), FRAMES_AT_ONCE):
        held = light.held[frames]
        seen = held.astype(np.float32) @ weights.T
        with np.errstate(invalid="ignore", divide="ignore"):
            common[frames] = (np.where(held, light.deviation[frames], 0).astype(np.float32) @ weights.T) / seen
            spread[frames] = (np.where(held, light.variance[frames], 0).astype(np.float32) @ squared.T) / seen**2
    common += 1
    # the median of counts under clouds is not that of the star
    with np.errstate(invalid="ignore", divide="ignore"):
        common *= column_medians((1 + light.deviation[:, stars]) / common)
    return common, spread


def _unlikeness(kinship: Kinship, stars: Ints) -> Weights:
    """(some stars, stars) squared distance in magnitude, colour and place, in units of the scales."""
    telling = kinship.telling
    width = max(np.ptp(kinship.x[telling]), np.ptp(kinship.y[telling]), 1.0)
    scales = ((kinship.mag, MAG_SCALE), (kinship.x, DISTANCE_SHARE * width), (kinship.y, DISTANCE_SHARE * width))
    total = np.zeros((stars.size, len(kinship.mag)), np.float32)
    for values, scale in (*scales, (kinship.colour, COLOUR_SCALE)):
        values = (np.asarray(values, float) / scale).astype(np.float32)
        total += np.nan_to_num((values[stars, None] - values[None, :]) ** 2, nan=0.0)
    return total


def _ensemble_variance(weights: Weights, sigma: Floats) -> Floats:
    """Variance of the weighted mean of each row; infinite without any weight."""
    total = weights.sum(axis=1)
    squares = weights**2 @ np.nan_to_num(sigma.astype(np.float32)) ** 2
    return quotient(squares, total**2, blank=np.inf)


def _weighted_mean(value: Reals, held: Bools, weight: Floats) -> Floats:
    """(frames,) mean over the stars that are held; NaN where none is."""
    means = [
        quotient(np.where(held[frames], value[frames], 0) @ weight, held[frames] @ weight)
        for frames in blocks(len(value), FRAMES_AT_ONCE)
    ]
    return np.concatenate(means)
