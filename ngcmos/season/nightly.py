"""One night by itself: what each frame did to all stars, and how bright each star was in it.

``solve_night(counts, setting) -> NightSolution`` fits `flux = level of the star * share of the frame`, where the
share is a plane over the chip and a slope in colour, one set of coefficients a frame: clouds have slopes, and the
air dims blue stars more as the field sinks. Weighted least squares, stars and frames by turns; wild points and
stars that vary do not count. Nothing of another night enters: a night's solution is the same in any season.
"""

import dataclasses

import numpy as np

from ngcmos.arrays import Bools, Floats, Reals
from ngcmos.lightcurves.audit import usual_scatter
from ngcmos.lightcurves.ensemble import Counts
from ngcmos.lightcurves.scatter import find_variables, of_like, redness, scatter
from ngcmos.stats import MAD_TO_SIGMA, column_medians, quotient

PASSES = 3  # wild points, variable stars and restless frames are looked for anew in each
ROUNDS = 3  # stars and frames by turns in each pass
OUTLIER_SIGMA = 5.0
SLOPE_PRIOR = 0.02  # from the middle of the chip to its edge, or a magnitude of colour: keeps few stars sane
BRIGHT_STARS = 100  # that tell a restless frame
JITTER_ERRORS = 3.0  # a frame is restless when its jitter exceeds its own error by this many times
MOST_LEVERAGE = 0.8
FEWEST_FRAMES = 8  # to tell a star's scatter by


@dataclasses.dataclass(frozen=True, eq=False)
class Setting:
    """What a night's counts are fitted with.

    Attributes
    ----------
    basis : (stars, terms) array
        1, then x and y from the middle of the chip in units of half its width, then colour from the usual one.
    mag : (stars,) array
    air_rms : (frames,) array
        Relative scatter by scintillation.
    counting : (frames,) bool array
        Frames that count for the levels; the shares of the others are found all the same. All of them where
        none does.
    comparing : (stars,) bool array
        Stars that may tell the shares.
    """

    basis: Floats
    mag: Floats
    air_rms: Floats
    counting: Bools
    comparing: Bools

    @property
    def used(self) -> Bools:
        return self.counting if self.counting.any() else np.ones_like(self.counting)


@dataclasses.dataclass(frozen=True, eq=False)
class NightSolution:
    """A night in one aperture; all scatters and errors are relative.

    Attributes
    ----------
    level, level_error : (stars,) arrays
        Mean counts over the frames that count, and its standard error, red noise included; NaN where none counts.
    share : (frames, terms) array
        Coefficients of the basis: counts of a star over its level. NaN where no star tells.
    covariance : (frames, terms, terms) array
        Of the shares.
    inflation : (stars,) array
        Scatter from frame to frame of stars of that magnitude over the predicted one.
    jitter : (frames,) array
        Scatter that all stars of a frame show beyond that, 0 for a quiet one.
    rms, expected : (stars,) arrays
        Scatter within the night, and what the errors of its points let expect.
    points : (stars,) array
        Frames that count for the star.
    say : (stars,) array
        How much the star has told the shares, 1 for what its errors allow, 0 for nothing; see `leverage`.
    variable : (stars,) bool array
        Varies within the night more than its like.
    """

    level: Floats
    level_error: Floats
    share: Floats
    covariance: Floats
    inflation: Floats
    jitter: Floats
    rms: Floats
    expected: Floats
    points: Floats
    say: Floats
    variable: Bools


@dataclasses.dataclass(frozen=True, eq=False)
class _Noise:
    """What the noise of a night is found to be, as of `NightSolution`."""

    inflation: Floats
    jitter: Floats
    rms: Floats
    variable: Bools


def solve_night(counts: Counts, setting: Setting) -> NightSolution:
    """The solution of one night, or of one pointing of it, in the aperture of these counts."""
    level, share = _first_guess(counts, setting)
    trusted, weight, say = counts.trusted, np.zeros_like(counts.flux), np.zeros(level.size)
    noise = _Noise(np.ones(level.size), np.zeros(len(share)), np.zeros(level.size), np.zeros(level.size, bool))
    taken: Reals = np.zeros_like(counts.flux)
    for _ in range(PASSES):
        deviation, variance = _deviations(counts, setting, level, share)
        trusted = _trust(counts.trusted, deviation, variance, setting)
        free = np.where(trusted, deviation / np.sqrt(1 - taken), np.nan)  # of the scatter of what it deviates from
        noise = _measure_noise(free, variance, setting, noise)
        say = _say(_total(variance, noise), trusted, noise, setting)
        weight = np.where(trusted, quotient(say, _total(variance, noise), blank=0.0), 0).astype(np.float32)
        for _ in range(ROUNDS):
            share = _fit_shares(deviation, weight, share, setting.basis)
            deviation, variance = _deviations(counts, setting, level, share)
            level = level * (1 + _star_means(deviation, _total(variance, noise), trusted, setting.used))
            deviation, variance = _deviations(counts, setting, level, share)
        covariance = _covariance(weight, share, setting.basis)
        shared = share_variance(covariance, setting.basis) / shares(share, setting.basis) ** 2
        taken = np.nan_to_num(leverage(say, shared, _total(variance, noise)))
    free = np.where(trusted, deviation / np.sqrt(1 - taken), np.nan)
    unknown = np.full(level.size, np.nan)
    fitted = NightSolution(
        *(level, unknown, share, covariance, noise.inflation, noise.jitter),
        *(noise.rms, unknown, unknown, say, noise.variable),
    )
    return _describe(free, _total(variance, noise), setting, fitted)


def shares(share: Floats, basis: Floats) -> Reals:
    """(frames, stars) float32 counts of each star in each frame over its level; 0 and less is NaN."""
    values = (share @ basis.T).astype(np.float32)
    values[~(values > 0)] = np.nan
    return values


def share_variance(covariance: Floats, basis: Floats) -> Reals:
    """(frames, stars) float32 variance of the shares: what the comparison stars add to each point."""
    pairs = (basis[:, :, None] * basis[:, None, :]).reshape(len(basis), -1)
    return (covariance.reshape(len(covariance), -1) @ pairs.T).astype(np.float32)


def leverage(say: Floats, shared: Reals, variance: Reals) -> Reals:
    """(frames, stars) share of a star's own deviation that the shares have taken up.

    Divided by one less this, a deviation is that from shares which the star has not told: its own signal stays
    whole, however few others there are.

    Parameters
    ----------
    say : (stars,) array
    shared : (frames, stars) array
        Relative variance of the shares.
    variance : (frames, stars) array
        Relative variance of the points.
    """
    taken = say.astype(np.float32) * quotient(shared, variance, blank=0.0).astype(np.float32)
    return np.minimum(taken, np.float32(MOST_LEVERAGE))


def point_variance(variance: Reals, inflation: Floats, jitter: Floats) -> Reals:
    """(frames, stars) relative variance of points by that of counting and air, inflation and jitter."""
    total: Reals = variance * (inflation**2).astype(np.float32) + (jitter**2).astype(np.float32)[:, None]
    return total


def _first_guess(counts: Counts, setting: Setting) -> tuple[Floats, Floats]:
    """Levels by the median of the frames, shares by that of the stars."""
    level = column_medians(counts.flux[setting.used])
    level = np.where(level > 0, level, np.nan)
    ratio = np.where(counts.trusted & setting.comparing, counts.flux / level, np.nan)
    share = np.zeros((len(ratio), setting.basis.shape[1]))
    share[:, 0] = column_medians(ratio.T)
    share[~(share[:, 0] > 0)] = np.nan
    level = column_medians((counts.flux / share[:, :1])[setting.used])
    return np.where(level > 0, level, np.nan), share


def _deviations(counts: Counts, setting: Setting, level: Floats, share: Floats) -> tuple[Reals, Reals]:
    """(frames, stars) flux over the model less 1, and its variance by counting and air."""
    model = shares(share, setting.basis) * level.astype(np.float32)
    deviation = counts.flux / model - 1
    variance = (counts.fluxerr / model) ** 2 + (setting.air_rms**2).astype(np.float32)[:, None]
    return deviation, variance


def _trust(trusted: Bools, deviation: Reals, variance: Reals, setting: Setting) -> Bools:
    """Points good enough for level and shares; in a restless frame no point is wild for that alone."""
    known = np.where(trusted, deviation, np.nan)
    usual = scatter(known[setting.used]).astype(np.float32)
    rough = _rough_jitter(known, variance, setting.comparing)
    with np.errstate(invalid="ignore"):
        near = np.abs(deviation) <= OUTLIER_SIGMA * np.fmax(np.sqrt(variance + rough[:, None]), usual)
    good: Bools = trusted & near & np.isfinite(variance)
    return good


def _rough_jitter(deviation: Reals, variance: Reals, comparing: Bools) -> Reals:
    """(frames,) variance that bright stars show beyond their own, by the median of what they deviate."""
    light = np.where(comparing, column_medians(variance), np.nan)
    bright = np.argsort(light, kind="stable")[: min(BRIGHT_STARS, int(np.isfinite(light).sum()))]
    measured = (MAD_TO_SIGMA * column_medians(np.abs(deviation[:, bright]).T)) ** 2
    return np.nan_to_num(np.fmax(measured - column_medians(variance[:, bright].T), 0))


def _measure_noise(deviation: Reals, variance: Reals, setting: Setting, before: _Noise) -> _Noise:
    """The noise of the points that are trusted; `deviation` is NaN elsewhere."""
    here = setting.used
    known = np.where(np.isfinite(deviation), variance, np.nan)[here]
    expected = np.sqrt(_mean(point_variance(known, np.ones(known.shape[1]), before.jitter[here])))
    rms = scatter(deviation[here])
    variable = find_variables(deviation[here] / expected, setting.mag)
    inflation = np.ones(expected.size)
    if here.sum() >= FEWEST_FRAMES:
        ratio = rms / expected / usual_scatter(here.sum() - 1.0)
        inflation = np.nan_to_num(of_like(ratio, setting.mag, variable), nan=1.0)
    still = np.where(setting.comparing & ~variable, deviation, np.nan)
    return _Noise(
        inflation, _find_jitter(still, point_variance(variance, inflation, np.zeros(len(here)))), rms, variable
    )


def _find_jitter(deviation: Reals, variance: Reals) -> Floats:
    """(frames,) scatter that the stars of a frame share beyond their variance.

    The mean excess of the squares over the variance, weighted by the inverse square of the latter (the estimate of
    least variance where the jitter is small); 0 where it is not `JITTER_ERRORS` times its own error.
    """
    weight = np.where(np.isfinite(deviation) & (variance > 0), variance.astype(float) ** -2.0, 0)
    total = weight.sum(axis=1)
    beyond = (weight * np.nan_to_num(deviation.astype(float) ** 2 - variance)).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        jitter2 = beyond / total
        return np.where(jitter2 > JITTER_ERRORS * np.sqrt(2 / total), np.sqrt(np.fmax(jitter2, 0)), 0.0)


def _total(variance: Reals, noise: _Noise) -> Reals:
    return point_variance(variance, noise.inflation, noise.jitter)


def _say(total: Reals, trusted: Bools, noise: _Noise, setting: Setting) -> Floats:
    """(stars,) how much a star tells the shares: one that scatters more than expected tells less."""
    usual = np.sqrt(_mean(np.where(trusted, total, np.nan)[setting.used]))
    restless = np.fmax(1, noise.rms / usual) ** 2
    held = setting.comparing & ~noise.variable & np.isfinite(restless)
    return np.where(held, quotient(1, restless), 0.0)


def _fit_shares(deviation: Reals, weight: Reals, share: Floats, basis: Floats) -> Floats:
    """The shares bettered by what the stars still deviate; NaN for frames without a star."""
    matrix = _normal_matrix(weight, basis)
    right = (weight * np.nan_to_num(deviation)) @ basis.astype(np.float32)
    right = right.astype(float)
    right[:, 1:] -= np.nan_to_num(share[:, 1:] / share[:, :1]) / SLOPE_PRIOR**2
    told = matrix[:, 0, 0] > 0
    better = np.full_like(share, np.nan)
    step = np.linalg.solve(matrix[told], right[told][..., None])[..., 0]
    better[told] = share[told] + share[told, :1] * step
    return better


def _normal_matrix(weight: Reals, basis: Floats) -> Floats:
    """(frames, terms, terms) normal matrices of relative shares, the prior of the slopes included."""
    terms = basis.shape[1]
    pairs = (basis[:, :, None] * basis[:, None, :]).reshape(len(basis), -1).astype(np.float32)
    matrix = (weight @ pairs).astype(float).reshape(len(weight), terms, terms)
    slopes = np.arange(1, terms)
    matrix[:, slopes, slopes] += SLOPE_PRIOR**-2
    return matrix


def _star_means(deviation: Reals, total: Reals, trusted: Bools, used: Bools) -> Floats:
    """(stars,) weighted mean deviation over the frames used; NaN without a point."""
    held = trusted & used[:, None]
    weight = np.divide(1, total, out=np.zeros_like(total), where=held & (total > 0))
    seen = weight.sum(axis=0, dtype=float)
    mean = (weight * np.where(held, deviation, 0)).sum(axis=0, dtype=float)
    return quotient(mean, seen)


def _covariance(weight: Reals, share: Floats, basis: Floats) -> Floats:
    """(frames, terms, terms) covariance of the shares; NaN where no star tells."""
    matrix = _normal_matrix(weight, basis)
    matrix[~(matrix[:, 0, 0] > 0)] = np.nan
    covariance: Floats = np.linalg.inv(matrix) * share[:, :1, None] ** 2
    return covariance


def _describe(free: Reals, total: Reals, setting: Setting, fitted: NightSolution) -> NightSolution:
    """The solution with errors and scatters; `free` are deviations, NaN where a point does not count."""
    held = np.isfinite(free)[setting.used]
    deviation, own = free[setting.used], np.where(held, total[setting.used], np.nan)
    red = redness(deviation)
    red = np.fmax(1, of_like(red, setting.mag, fitted.variable))
    error = quotient(1, np.sqrt(np.nansum(1 / own, axis=0, dtype=float)))
    return dataclasses.replace(
        fitted,
        level_error=error * np.nan_to_num(red, nan=1.0),
        rms=scatter(deviation),
        expected=np.sqrt(_mean(own)),
        points=held.sum(axis=0).astype(float),
    )


def _mean(values: Reals) -> Floats:
    """Mean over the frames of what is finite; NaN where nothing is."""
    finite = np.isfinite(values)
    count = finite.sum(axis=0)
    total = np.where(finite, values, 0).sum(axis=0, dtype=float)
    return quotient(total, count)
