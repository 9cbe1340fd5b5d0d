"""Dips of one star: those that repeat by box least squares, single ones by a window over each night.

Each is then fitted with the noise of `ngcmos.season.noise`, and its depth over error is compared with what other
stars show at the same times: what many stars do at once is no planet.
"""

import dataclasses

import numpy as np

from ngcmos.arrays import Bools, Floats, Ints
from ngcmos.season.noise import Curves, fit_box
from ngcmos.stats import MAD_TO_SIGMA, quotient

RANGES = (  # periods and the lengths of their dips, days
    (0.35, 1.2, (0.04, 0.06, 0.09)),
    (1.2, 5.0, (0.06, 0.09, 0.13)),
    (5.0, 30.0, (0.08, 0.12, 0.18)),
)
SINGLE_D = (0.04, 0.06, 0.09, 0.13, 0.18, 0.25)
COARSE_D = SINGLE_D[0] / 3  # of the bins in which trains are searched; they are fitted in those of the season
FINER = np.array([0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.4])
STEP_SHARE = 0.35  # of the shortest length that the last dip may be misplaced by from one period to the next
PEAKS, FITTED = 10, 4  # of the periodogram that are looked at, and that are fitted
APART = 0.003  # relative, of two peaks
FEWEST_INSIDE = 3  # bins of a dip that is counted as seen
ONE_DIP = 0.7  # share of the evidence from a single dip above which nothing repeats
ODD_EVEN = 4.0  # errors by which every other dip differs: then the period is twice as long
FAMILY = (1 / 3, 0.5, 2 / 3, 1.0, 1.5, 2.0, 3.0)  # periods of which one may be taken for another
ROUNDS = 3
FLANK = 0.2  # of the length: ingress and egress, half of each on either side of the box
FEWEST_NEIGHBOURS = 10
FEWEST_POINTS = 30
HOURS_A_DAY, DAYS_A_YEAR = 24.0, 365.25
FREQUENT_D, RISE, FALL = (
    3.0,
    1 / 3,
    -5 / 3,
)  # periods of giants: powers of their chance to be found below and above
LONGEST_TRANSIT_D, DURATION_WIDTH = 13 / 24, 0.4  # of a star like the Sun in a year; how much others differ, in ln


@dataclasses.dataclass(frozen=True)
class Dip:
    """A dip, or a train of them.

    Attributes
    ----------
    period_d : float
        NaN for a single one.
    t0_bjd, depth, duration_h : float
        Middle of a dip, its relative depth and length.
    snr : float
        Depth over its error, by what other stars show at the same times.
    seen : int
        How many dips have points.
    """

    period_d: float = np.nan
    t0_bjd: float = np.nan
    depth: float = np.nan
    duration_h: float = np.nan
    snr: float = 0.0
    seen: int = 0


@dataclasses.dataclass(frozen=True)
class _Box:
    """A trial: period, middle and length in days."""

    period: float
    middle: float
    duration: float

    def inside(self, time: Floats) -> Bools:
        if not np.isfinite(self.period):
            alone: Bools = np.abs(time - self.middle) < self.duration / 2
            return alone
        phase = (time - self.middle + 0.5 * self.period) % self.period - 0.5 * self.period
        inside: Bools = np.abs(phase) < self.duration / 2
        return inside

    def number(self, time: Floats) -> Ints:
        """Which dip a point belongs to."""
        if not np.isfinite(self.period):
            return np.zeros(time.size, int)
        return np.rint((time - self.middle) / self.period).astype(int)


def find_train(curve: Curves, neighbours: Curves) -> Dip:
    """The best train of dips of a star; one of `snr` 0 where nothing repeats.

    Parameters
    ----------
    curve : Curves
        Of one star.
    neighbours : Curves
        Stars near it and of like magnitude.
    """
    boxes = sorted((_refine(curve, box, rounds=1) for box in _peaks(curve)), key=lambda box: -_score(curve, box))
    boxes = [_refine(curve, _best_of_family(curve, box)) for box in boxes[:FITTED]]
    boxes.sort(key=lambda box: -_score(curve, box))
    dips = [_describe(curve, neighbours, _settle_parity(curve, box)) for box in boxes]
    return next((dip for dip in dips if dip.snr > 0), Dip())


def find_single(curve: Curves, neighbours: Curves) -> Dip:
    """The deepest single dip of a star in units of its error.

    Parameters
    ----------
    curve, neighbours : Curves
        As of `find_train`.
    """
    ends = [*curve.starts[1:], curve.time.size]
    found = [_deepest(curve, slice(start, end)) for start, end in zip(curve.starts, ends, strict=True)]
    snr, box = max(found, key=lambda one: one[0], default=(0.0, _Box(np.nan, np.nan, np.nan)))
    return _describe(curve, neighbours, box) if snr > 0 else Dip()


def _peaks(curve: Curves) -> list[_Box]:
    """The highest peaks of the periodogram."""
    from astropy.timeseries import BoxLeastSquares

    if (curve.weight[:, 0] > 0).sum() < FEWEST_POINTS:
        return []
    time, value, error = _coarse(curve)
    start = time[0]
    power = BoxLeastSquares(time - start, value, dy=error)
    found: list[tuple[float, _Box]] = []
    for low, high, durations in RANGES:
        periods = _periods(low, min(high, float(np.ptp(time))), durations[0], float(np.ptp(time)))
        if periods.size:
            result = power.power(periods, list(durations), oversample=4)
            for at in _tops(periods, result.power):
                middle = start + result.transit_time[at]
                found.append((result.power[at], _Box(periods[at], middle, result.duration[at])))
    found.sort(key=lambda pair: -pair[0])
    return [box for _, box in found[:PEAKS]]


def _coarse(curve: Curves) -> tuple[Floats, Floats, Floats]:
    """(time, levelled residual, error) in bins of a third of the shortest dip: as many as the search needs."""
    held = np.flatnonzero(curve.weight[:, 0] > 0)
    time, night, weight = curve.time[held], curve.night[held], curve.weight[held, 0]
    place = np.floor((time - curve.time[curve.starts][night]) / COARSE_D)
    first = np.flatnonzero(np.r_[True, (np.diff(night) != 0) | (np.diff(place) != 0)])
    total = np.add.reduceat(weight, first)
    value = np.add.reduceat(weight * _levelled(curve)[held], first) / total
    middle = time[0] + np.add.reduceat(weight * (time - time[0]), first) / total
    return middle, value, total**-0.5


def _periods(low: float, high: float, duration: float, span: float) -> Floats:
    """Periods from one to the other, so close that the last dip moves by little of its length."""
    if high <= low:
        return np.zeros(0)
    step = STEP_SHARE * duration / span
    turns = np.arange(int(np.log(high / low) / step) + 1, dtype=np.float64)
    return low * np.exp(step * turns)


def _levelled(curve: Curves) -> Floats:
    """The star's residuals less the means of its nights, as far as nights scatter."""
    starts, weight = curve.starts, curve.weight[:, 0]
    total = np.add.reduceat(weight, starts)
    moment = np.add.reduceat(weight * curve.residual[:, 0], starts)
    shrink = curve.night_variance[0] / (1 + curve.night_variance[0] * total)
    levelled: Floats = curve.residual[:, 0] - (shrink * moment)[curve.night]
    return levelled


def _tops(periods: Floats, power: Floats) -> list[int]:
    """The highest points that are no flanks of each other."""
    chosen: list[int] = []
    for at in np.argsort(-power)[: 50 * PEAKS]:
        if all(abs(np.log(periods[at] / periods[one])) > APART for one in chosen):
            chosen.append(int(at))
        if len(chosen) == PEAKS:
            break
    return chosen


def _snr(curve: Curves, box: _Box) -> float:
    depth, information = fit_box(curve, box.inside(curve.time))
    return float(depth[0] * np.sqrt(information[0]))


def _best_of_family(curve: Curves, box: _Box) -> _Box:
    """The period of which the others are multiples and parts."""
    trials = [
        dataclasses.replace(box, period=box.period * factor, middle=box.middle + turn * box.period)
        for factor in FAMILY
        if RANGES[0][0] <= box.period * factor <= RANGES[-1][1]
        for turn in range(max(1, round(factor)))
    ]
    return max([box, *trials], key=lambda trial: _score(curve, trial))


def _score(curve: Curves, box: _Box) -> float:
    """Gain in ln likelihood, and what is known of transits before any is seen.

    Where few dips were seen, several periods explain them equally well. A long period leaves more phases that the
    dips could have had and did not, and its planets transit more rarely; giants are rare below three days; across
    a star like the Sun they take 13 hours times the cube root of years.
    """
    usual = LONGEST_TRANSIT_D * (box.period / DAYS_A_YEAR) ** (1 / 3)
    unlike = np.log(box.duration / usual) / DURATION_WIDTH
    long = np.log(box.period / FREQUENT_D)
    known = min(RISE * long, FALL * long)
    return float(0.5 * _snr(curve, box) ** 2 + known - 0.5 * unlike**2)


def _refine(curve: Curves, box: _Box, *, rounds: int = ROUNDS) -> _Box:
    """Length, middle and period by turns; the middle is that of a dip amid the points, so that turns suffice."""
    span = float(np.ptp(curve.time))
    amid = curve.time[box.inside(curve.time) & (curve.weight[:, 0] > 0)].mean()
    box = dataclasses.replace(box, middle=box.middle + np.rint((amid - box.middle) / box.period) * box.period)
    for shrink in 0.5 ** np.arange(rounds):
        shift = shrink * box.duration * np.linspace(-0.5, 0.5, 9)
        trials = [dataclasses.replace(box, duration=box.duration * factor) for factor in FINER]
        box = max(trials, key=lambda trial: _snr(curve, trial))
        trials = [dataclasses.replace(box, middle=box.middle + one) for one in shift]
        box = max(trials, key=lambda trial: _snr(curve, trial))
        trials = [dataclasses.replace(box, period=box.period * (1 + one / span)) for one in shift]
        box = max(trials, key=lambda trial: _snr(curve, trial))
    return box


def _settle_parity(curve: Curves, box: _Box) -> _Box:
    """The same with twice the period where every other dip is deeper."""
    inside, odd = box.inside(curve.time), box.number(curve.time) % 2 == 1
    (one, info), (other, information) = (fit_box(curve, inside & part) for part in (odd, ~odd))
    if min(info[0], information[0]) == 0 or 2 * box.period > RANGES[-1][1]:
        return box
    if abs(one[0] - other[0]) / np.sqrt(1 / info[0] + 1 / information[0]) < ODD_EVEN:
        return box
    turn = 1 if one[0] > other[0] else 0
    return dataclasses.replace(box, period=2 * box.period, middle=box.middle + turn * box.period)


def _deepest(curve: Curves, here: slice) -> tuple[float, _Box]:
    """Depth over error of the best window of one night, and the window."""
    time, weight, value = curve.time[here], curve.weight[here, 0], curve.residual[here, 0]
    total, moment = weight.sum(), (weight * value).sum()
    shrink = curve.night_variance[0] / (1 + curve.night_variance[0] * total)
    summed = [np.concatenate([[0.0], np.cumsum(one)]) for one in (weight, weight * value, weight > 0)]
    best, found = 0.0, _Box(np.nan, np.nan, np.nan)
    for duration in SINGLE_D:
        end = np.searchsorted(time, time + duration)
        covered, light, points = (one[end] - one[:-1] for one in summed)
        information = covered - shrink * covered**2
        snr = quotient(-(light - shrink * covered * moment), np.sqrt(np.fmax(information, 0)), blank=0.0)
        snr = np.where(points >= FEWEST_INSIDE, snr, 0.0)
        at = int(np.argmax(snr))
        if snr[at] > best:
            best, found = float(snr[at]), _Box(np.inf, time[at] + duration / 2, duration)
    return best, found


def _describe(curve: Curves, neighbours: Curves, box: _Box) -> Dip:
    """The dip of a trial; of `snr` 0 where its evidence is that of one dip alone, though it should repeat."""
    inside = box.inside(curve.time)
    depth, information = fit_box(curve, inside)
    number = box.number(curve.time)
    seen, evidence = 0, []
    for one in np.unique(number[inside]):
        part = inside & (number == one)
        own, known = fit_box(curve, part)
        seen += int((part & (curve.weight[:, 0] > 0)).sum() >= FEWEST_INSIDE)
        evidence.append(own[0] * known[0])
    single = not np.isfinite(box.period)
    if not single and (seen < 2 or max(evidence, default=0.0) > ONE_DIP * max(sum(evidence), 1e-12)):
        return Dip()
    snr = _among(depth * np.sqrt(information), *fit_box(neighbours, inside))
    middle = box.middle if single else _amid(curve.time, box)
    period = np.nan if single else box.period
    return Dip(period, middle, _depth_of_core(curve, box), HOURS_A_DAY * box.duration, snr, seen)


def _depth_of_core(curve: Curves, box: _Box) -> float:
    """Depth of the bottom: ingress and egress count neither as inside nor as outside."""
    core, around = (dataclasses.replace(box, duration=box.duration * (1 + sign * FLANK)) for sign in (-1, 1))
    inside = core.inside(curve.time)
    flank = around.inside(curve.time) & ~inside
    depth, _ = fit_box(dataclasses.replace(curve, weight=np.where(flank[:, None], 0, curve.weight)), inside)
    return float(depth[0])


def _amid(time: Floats, box: _Box) -> float:
    """Middle of the dip nearest to the middle of the season, where it is known best."""
    turns = np.rint((0.5 * (time.min() + time.max()) - box.middle) / box.period)
    return float(box.middle + turns * box.period)


def _among(snr: Floats, depth: Floats, information: Floats) -> float:
    """Depth over error of a star, by the place and width of those of its neighbours at the same times."""
    others = (depth * np.sqrt(information))[information > 0]
    if others.size < FEWEST_NEIGHBOURS:
        return float(snr[0])
    middle = np.median(others)
    width = MAD_TO_SIGMA * np.median(np.abs(others - middle))
    return float((snr[0] - max(middle, 0.0)) / max(width, 1.0))
