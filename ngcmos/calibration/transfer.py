"""Photon transfer: what pairs of evenly lit frames tell of a detector.

The difference of two frames of one light holds no fixed pattern, so its variance is that of photons and readout:
V = S / gain + R**2 for a signal of S counts (Janesick 2007, Photon Transfer, SPIE Press, chapter 5). A detector
that reads bright pixels through another amplifier has more readout variance above its gain step, and there counts
by another slope.
"""

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from ngcmos.arrays import Bools, Counts, Floats, Floats32

CLIP_SIGMA = 5.0
ROUNDING_ADU2 = 1.0 / 12.0  # variance of whole counts
LEAST_PIXELS = 300  # of a bin: fewer say little of a variance
BINS = 160  # from the least to the largest signal, each as wide relative to its signal
LINEAR_SHARE = 0.7  # of saturation; above, the response bends
SURE_CHI2 = 50.0  # by which a gain step must better the fit
STEPS_APART = 0.02  # of a step: such a grid of them is looked at, twenty times as fine where one is
STEP_WIDTH = 0.04  # of its place, at first
WIDEST = 0.06  # of its place: a change that takes longer is none
SEARCHED, AROUND = 0.05, 0.5  # of its place: looked for again, and fitted
LEAST_POINTS = 12
NEAR_CHI2 = 9.0
REFINED = 2  # times
FITTED_TOO = 1.6  # times the error of the place alone: width and slope are fitted too,
BLOCK_PX = 16
LEAST_SIGNAL_ADU = 50.0
LEAST_LEVER = 20.0  # blocks above the step where others of their flat are below
ROUNDS = 600


@dataclasses.dataclass(frozen=True)
class Measure:
    """A number with its standard error; NaN where it is not known, and why."""

    value: float
    error: float
    why: str = ""

    @property
    def known(self) -> bool:
        """Whether there is a number."""
        return bool(np.isfinite(self.value))


@dataclasses.dataclass(frozen=True, eq=False)
class Points:
    """Photon transfer curve: raw counts, signal over the bias, variance of one frame; pixels of each point."""

    raw: Floats
    signal: Floats
    variance: Floats
    pixels: Floats

    @property
    def error(self) -> Floats:
        """Standard error of the variance, of normal noise."""
        return np.asarray(self.variance * np.sqrt(2.0 / self.pixels))

    def only(self, kept: Bools) -> "Points":
        """Some of them."""
        return Points(self.raw[kept], self.signal[kept], self.variance[kept], self.pixels[kept])


@dataclasses.dataclass(frozen=True, eq=False)
class GainStep:
    """Where a detector changes its gain: raw counts, half of the width of the change, extra variance above it."""

    place: Measure
    half_width: float
    added: float

    def at(self, place_adu: float) -> "GainStep":
        """The step at another place."""
        return dataclasses.replace(self, place=dataclasses.replace(self.place, value=place_adu))


def unknown(why: str) -> Measure:
    """A number that is not known."""
    return Measure(np.nan, np.nan, why)


def read_noise_of(biases: Sequence[Counts]) -> Measure:
    """Read noise in counts, by the differences of successive frames without light; rounding taken off."""
    if len(biases) < 2:
        return unknown(f"{len(biases)} bias frames, expected two or more")
    variances = [_variance(after.astype(np.float64) - before) / 2 for before, after in _pairs(biases)]
    variance = float(np.mean(variances)) - ROUNDING_ADU2
    freedom = biases[0].size * len(variances) * 0.75  # successive differences share a frame
    if variance <= 0:
        return unknown("below the rounding to whole counts")
    error = (variance + ROUNDING_ADU2) * np.sqrt(2.0 / freedom)
    return Measure(float(np.sqrt(variance)), float(error / (2 * np.sqrt(variance))))


def _pairs(frames: Sequence[Counts]) -> list[tuple[Counts, Counts]]:
    return list(itertools.pairwise(frames))


def _variance(values: Floats) -> float:
    """Variance without wild values."""
    values = values - np.median(values)
    kept = np.abs(values) <= CLIP_SIGMA * max(float(values.std()), 1e-9)
    for _ in range(3):
        kept = np.abs(values) <= CLIP_SIGMA * max(float(values[kept].std()), 1e-9)
    return float(values[kept].var())


def transfer_of(pairs: Sequence[tuple[Counts, Counts]], bias: Floats32, saturation_adu: float) -> Points:
    """Points of pairs of frames of nearly one light, of all of them together.

    Parameters
    ----------
    pairs : sequence of two (rows, columns) arrays
        Raw counts.
    bias : (rows, columns) array
    saturation_adu : float
        Points come close to it at most.
    """
    edges = np.geomspace(20.0, max(saturation_adu, 40.0), BINS + 1)
    sums = np.zeros((4, BINS))
    for first, second in pairs:
        sums += _sums(first.astype(np.float64), second.astype(np.float64), bias, edges, saturation_adu)
    count = sums[0]
    with np.errstate(invalid="ignore", divide="ignore"):
        raw, signal, variance = sums[1] / count, sums[2] / count, sums[3] / count
    kept = count >= LEAST_PIXELS
    return Points(raw[kept], signal[kept], variance[kept], count[kept])


def _sums(
    first: Floats, second: Floats, bias: Floats32, edges: Floats, saturation_adu: float
) -> NDArray[np.float64]:
    """(4, bins) number of pixels; sums of raw counts, of signals, of the variance of one frame at this signal."""
    lit = np.maximum(first, second) < saturation_adu
    ratio = float(np.median((first - bias)[lit]) / np.median((second - bias)[lit])) if lit.any() else 1.0
    signal = ((first - bias) + ratio * (second - bias)) / 2
    difference = (first - bias) - ratio * (second - bias)
    place = np.where(lit, np.searchsorted(edges, signal) - 1, -1)
    inside = (place >= 0) & (place < BINS)
    place, signal, difference = place[inside], signal[inside], difference[inside]
    level = (first[inside] + second[inside]) / 2
    # both of them as bright as their mean: variance of photons goes as 1 + ratio, of readout as 1 + ratio**2
    square = _unclipped(difference, place) ** 2 / (1 + ratio)
    count = np.bincount(place, minlength=BINS).astype(float)
    return np.array([count, *(np.bincount(place, values, BINS) for values in (level, signal, square))])


def _unclipped(difference: Floats, place: NDArray[np.intp]) -> Floats:
    """Differences with those that cannot be noise (a cosmic ray, a flickering pixel) set to zero."""
    count = np.maximum(np.bincount(place, minlength=BINS), 1)
    sigma = np.sqrt(np.bincount(place, difference**2, BINS) / count)
    for _ in range(2):
        inside = np.abs(difference) <= CLIP_SIGMA * sigma[place]
        sigma = np.sqrt(np.bincount(place, np.where(inside, difference**2, 0), BINS) / count)
    return np.where(np.abs(difference) <= CLIP_SIGMA * sigma[place], difference, 0.0)


def gain_of(points: Points, read_noise: Measure, below_adu: float) -> Measure:
    """Electrons a count: the slope of variance over signal below `below_adu` (signal), read noise held fixed."""
    own = points.only((points.signal < below_adu) & (points.signal > 0))
    if len(own.signal) < 2:
        return unknown(f"too few flats with signals below {below_adu:.0f} counts")
    readout = (read_noise.value**2 if read_noise.known else 0.0) + ROUNDING_ADU2
    weight = own.error**-2
    slope = float(np.sum(weight * own.signal * (own.variance - readout)) / np.sum(weight * own.signal**2))
    error = float(np.sum(weight * own.signal**2) ** -0.5)
    if slope <= 0:
        return unknown("the variance of the flats does not rise with their light")
    return Measure(1.0 / slope, error / slope**2)


def gain_change_of(
    pairs: Sequence[tuple[Counts, Counts]], bias: Floats32, saturation_adu: float
) -> tuple[GainStep, Measure] | None:
    """(gain step, slope above it over that below) of pairs of flats on both sides of it; None where there is none.

    A jump of the counts at the step adds to the variance of pairs that lie on either side of it: at first as
    much as fits best, then as much as the slope says, which does not ask exactly for the place of the step.
    """
    points = transfer_of(pairs, bias, saturation_adu)
    step = step_of(points, saturation_adu)
    if step is None:
        return None
    flats = [flat for pair in pairs for flat in pair]
    slope = slope_of(flats, bias, step, saturation_adu)
    if not slope.known:
        return step, slope
    signal = float(np.interp(step.place.value, points.raw, points.signal))
    for _ in range(REFINED):
        jump = (slope.value - 1) * signal
        step = step_of(points, saturation_adu, jump_adu=jump) or step
        slope = slope_of(flats, bias, step, saturation_adu)
    below = step.place.value - jump / 2  # where half of the frames are above, their mean took half of it
    place = Measure(below, float(np.hypot(FITTED_TOO * step.place.error, jump / 8)))
    return dataclasses.replace(step, place=place), slope


def step_of(points: Points, saturation_adu: float, *, jump_adu: float | None = None) -> GainStep | None:
    """The gain step that the variance of the flats shows; None where a straight line fits as well.

    Above it readout adds its variance, and where counts jump (by how much, if that is known) so do pairs on either
    side of it. Place and width are those that better a straight line most, in the light around them.
    """
    own = points.only(points.signal < LINEAR_SHARE * saturation_adu)
    if len(own.signal) < LEAST_POINTS:
        return None
    coarse = _grid(float(own.raw[2]), float(own.raw[-3]), STEPS_APART)
    near, _ = max(
        ((place, _gained(own, place, STEP_WIDTH * place, jump_adu)[0]) for place in coarse), key=lambda one: one[1]
    )
    places = _grid(near * (1 - SEARCHED), near * (1 + SEARCHED), STEPS_APART / 20)
    noise2 = float(np.interp(near, own.raw, own.variance)) / 2  # of the mean of two frames
    widths = np.geomspace(np.sqrt(noise2), max(WIDEST * near, 2 * np.sqrt(noise2)), 10)
    gained = np.array([[_gained(own, place, width, jump_adu)[0] for place in places] for width in widths])
    if gained.max() < SURE_CHI2:
        return None
    best = int(gained.max(axis=1).argmax())
    place, error = _peak(places, gained[best])
    added = _gained(own, place, widths[best], jump_adu)[1]
    return GainStep(Measure(place, error), 3 * float(np.sqrt(max(widths[best] ** 2 - noise2, 0.0))), added)


def _grid(low: float, high: float, apart: float) -> Floats:
    return np.geomspace(low, high, max(3, round(np.log(high / low) / apart)))


def _gained(points: Points, place: float, width: float, jump_adu: float | None) -> tuple[float, float]:
    """(by how much a step there betters the chi2 of a straight line, its extra variance); 0 where it has none."""
    near = points.only((points.raw > place * (1 - AROUND)) & (points.raw < place * (1 + AROUND)))
    if len(near.raw) < LEAST_POINTS:
        return 0.0, 0.0
    share = 0.5 * (1 + erf((near.raw - place) / (np.sqrt(2) * width)))
    straight = [np.ones_like(share), near.signal]
    flat, _ = _solved(near, straight)
    between = np.exp(-0.5 * ((near.raw - place) / width) ** 2) / (np.sqrt(2 * np.pi) * width)
    stepped, terms = _solved(near, [*straight, share, between])
    if jump_adu is not None:
        deciding = terms[:2] @ straight  # variance of photons: readout above the step comes after it
        left = dataclasses.replace(near, variance=near.variance - _of_jump(deciding, between, jump_adu))
        stepped, terms = _solved(left, [*straight, share], near.error)
    return (flat - stepped, float(terms[2])) if terms[2] > 0 else (0.0, 0.0)


def _of_jump(variance: Floats, between: Floats, jump_adu: float) -> Floats:
    """Variance by a jump of the counts, for the density of pixels `between` whose frames lie on either side.

    The difference of two frames, 2 x with x normal of half their variance, goes over the step of a pixel in a
    share 2 |x| times the density; where it does, the square of the difference grows by 4 |x| jump + jump**2.
    """
    crossing = 2 * np.sqrt(variance / np.pi) * between
    return np.asarray(2 * variance * jump_adu * between + jump_adu**2 / 2 * crossing)


def _solved(points: Points, columns: list[Floats], error: Floats | None = None) -> tuple[float, Floats]:
    """(chi2, coefficients) of the variance as a sum of columns."""
    error = points.error if error is None else error
    design, wanted = np.array(columns).T / error[:, None], points.variance / error
    terms = np.linalg.lstsq(design, wanted, rcond=None)[0]
    return float(np.sum((design @ terms - wanted) ** 2)), np.asarray(terms, float)


def _peak(places: Floats, gained: Floats) -> tuple[float, float]:
    """(place of the highest gain in chi2 by a parabola, its standard error by the curvature)."""
    near = gained > gained.max() - NEAR_CHI2
    curve = np.polyfit(places[near], gained[near], 2) if near.sum() > 3 else np.zeros(3)
    if curve[0] >= 0:
        top = int(gained.argmax())
        return float(places[top]), float(places[min(top + 1, places.size - 1)] - places[max(top - 1, 0)])
    return float(-curve[1] / (2 * curve[0])), float(np.sqrt(-1 / curve[0]))


def slope_of(flats: Sequence[Counts], bias: Floats32, step: GainStep, saturation_adu: float) -> Measure:
    """Counts an electron above the gain step over those below it, by flats that lie on both sides of it.

    Means of blocks of pixels are light times response, a row and a column of a table whose logarithms add up; what
    blocks have beyond that, in proportion to their pixels above the step (by its width and their scatter), is the
    slope.
    """
    level = np.array([_blocks(flat.astype(np.float32)) for flat in flats])
    square = np.array([_blocks(flat.astype(np.float32) ** 2) for flat in flats])
    signal = level - _blocks(bias)[None]
    used = (level < LINEAR_SHARE * saturation_adu) & (signal > LEAST_SIGNAL_ADU)
    near = used & (np.abs(level / step.place.value - 1) < AROUND)
    scatter = np.sqrt(np.median((square - level**2)[near])) if near.any() else 0.0
    wide = np.sqrt(2.0) * np.hypot(step.half_width / 3, scatter)
    log_signal = np.log(np.maximum(signal, 1))
    logs = _without_rows_and_columns(log_signal, used)
    expected = np.exp(log_signal - logs) + (level - signal)  # its own noise must not tell which side a block is on
    high = 0.5 * (1 + erf((expected - step.place.value) / max(wide, 1e-3)))
    above = _without_rows_and_columns(high, used)
    lever = float(np.sum(above[used] ** 2))
    if lever < LEAST_LEVER:
        return unknown("no flats have counts on both sides of the gain step")
    slope = float(np.sum(above[used] * logs[used]) / lever)
    left = float(np.std(logs[used] - slope * above[used]))
    return Measure(float(np.exp(slope)), float(left / np.sqrt(lever)))


def _blocks(image: Floats32) -> Floats:
    """Means of whole blocks of an image, in a row."""
    rows, columns = (size // BLOCK_PX * BLOCK_PX for size in image.shape)
    folded = image[:rows, :columns].reshape(rows // BLOCK_PX, BLOCK_PX, columns // BLOCK_PX, BLOCK_PX)
    return np.asarray(folded.mean(axis=(1, 3), dtype=np.float64).reshape(-1))


def _without_rows_and_columns(values: Floats | Bools, used: Bools) -> Floats:
    """Values of a table without what its rows and its columns have in common, of those that are used."""
    left = np.where(used, np.asarray(values, float), 0.0)
    for _ in range(ROUNDS):
        for axis in (1, 0):
            count = np.maximum(used.sum(axis=axis, keepdims=True), 1)
            left = np.where(used, left - left.sum(axis=axis, keepdims=True) / count, 0.0)
    return left


def dark_of(darks: Sequence[Counts], exptimes_s: Sequence[float], bias: Floats32) -> tuple[Measure, int]:
    """(dark current in counts a second, number of hot pixels) by dark frames of any exposure times."""
    total_s = float(sum(exptimes_s))
    if not darks or total_s <= 0:
        return unknown("no dark frames with an exposure time"), 0
    rate = sum((dark.astype(np.float64) - bias for dark in darks), np.zeros(bias.shape)) / total_s
    middle, sigma = float(np.median(rate)), float(np.quantile(rate, 0.8413) - np.median(rate))
    hot = rate > middle + 2 * CLIP_SIGMA * max(sigma, 1e-9)
    usual = rate[~hot]
    return Measure(float(usual.mean()), float(usual.std() / np.sqrt(usual.size))), int(hot.sum())


def saturation_of(flats: Sequence[Counts]) -> Measure:
    """Raw counts at which flats stop: the largest of all, where so many pixels hold it that they were cut off."""
    if not flats:
        return unknown("no flats")
    if all(flat.min() == flat.max() for flat in flats):
        return unknown("every flat holds one value only, by a program or by too much light")
    largest = max(float(flat.max()) for flat in flats)
    cut = sum(int(np.count_nonzero(flat == largest)) for flat in flats)
    if cut < 1e-3 * flats[0].size:
        return unknown(f"not reached: the largest count is {largest:.0f}")
    return Measure(largest, 0.5)


def nonlinearity_of(
    flats: Sequence[Counts], exptimes_s: Sequence[float], bias: Floats32, below_adu: float
) -> tuple[Measure, Floats, Floats]:
    """(largest relative deviation from a line through zero; signals; deviations) of flats of a steady lamp."""
    signal = np.array([float(np.mean(flat - bias, dtype=np.float64)) for flat in flats])
    times = np.asarray(exptimes_s, float)
    lit = (times > 0) & (signal > 50) & (signal < below_adu)
    signal, times = signal[lit], times[lit]
    if len(np.unique(times)) < 3:
        return unknown("flats of three exposure times or more are needed"), signal, np.zeros(signal.size)
    rate = signal / times
    if np.ptp(rate) > 0.1 * np.median(rate):
        return unknown("the light of the flats was not steady"), signal, np.zeros(signal.size)
    deviation = rate / np.median(rate) - 1
    return Measure(float(np.abs(deviation).max()), float(np.std(deviation))), signal, deviation
