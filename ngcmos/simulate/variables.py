"""Stars that vary through a season: sines, eclipsing binaries, transiting planets, and planets seen once."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from ngcmos.simulate.signals import Floats, Signal
from ngcmos.simulate.sky import Rows, Sky

HOUR_D = 1 / 24
PLANET_TMAG = (9.5, 12.5)
OTHER_TMAG = (9.5, 13.5)
FEWEST_TRANSITS = 3
DRAWS = 300
ONE_IN = 6  # stars of a range of magnitudes, at the most, that vary in one way


@dataclasses.dataclass(frozen=True)
class Variables:
    """How many stars vary in each way; fewer where the field has too few stars for them.

    The target of the field is the first planet.
    """

    sines: int = 6
    binaries: int = 3
    planets: int = 6
    singles: int = 2


def draw_season_signals(
    rng: np.random.Generator, sky: Sky, candidates: Rows, nights: Sequence[Floats], wanted: Variables
) -> dict[int, Signal]:
    """A Signal for each star that varies: {row: Signal}.

    Sines have 0.1 to 10 d and 1 to 5 %, binaries 0.4 to 3 d and 10 to 40 %, planets 0.8 to 5 d, 0.8 to 2 %, 2 to
    3.5 h and at least three transits in the hours observed (as many as can be had in a short season), planets seen
    once 1 to 3 % and 3 to 5 h.

    Parameters
    ----------
    candidates : ndarray of int
        Rows of stars that may vary; blended ones never do.
    nights : sequence of ndarray
        BJD_TDB of the frames of each night.
    """
    alone = rng.permutation(candidates[(candidates != sky.target) & ~sky.blended[candidates]])
    bright, others = (_between(sky, alone, limits) for limits in (PLANET_TMAG, OTHER_TMAG))
    few, many = max(1, bright.size // ONE_IN), max(1, others.size // ONE_IN)
    planets, singles = min(wanted.planets - 1, few), min(wanted.singles, few)
    signals = [_planet(rng, nights) for _ in range(planets)] + [_single(rng, nights) for _ in range(singles)]
    found = dict(zip(bright.tolist(), signals, strict=False))
    sines, binaries = min(wanted.sines, many), min(wanted.binaries, many)
    signals = [_sine(rng, nights, step / sines) for step in range(sines)]
    signals += [_binary(rng, nights) for _ in range(binaries)]
    free = [row for row in others.tolist() if row not in found]
    found |= dict(zip(free, signals, strict=False))
    return {sky.target: _planet(rng, nights)} | found if wanted.planets else found


def transits_seen(signal: Signal, nights: Sequence[Floats]) -> int:
    """How many dips of a star (BJD_TDB of the frames of each night) were at least half observed."""
    if signal.kind not in ("transit", "eclipse"):
        return 0
    seen = 0
    for bjd in nights:
        cycles = (bjd - signal.epoch_bjd) / (signal.period_d or np.inf)
        number = np.rint(cycles)
        away_d = np.abs(bjd - signal.epoch_bjd - number * signal.period_d)
        in_transit = number[away_d < signal.duration_d / 2]
        step_d = float(np.median(np.diff(bjd))) if bjd.size > 1 else 0.0
        counts = np.unique(in_transit, return_counts=True)[1]
        seen += int(np.sum(counts * step_d >= 0.5 * signal.duration_d))
    return seen


def _between(sky: Sky, rows: Rows, limits: tuple[float, float]) -> Rows:
    return rows[(sky.tmag[rows] >= limits[0]) & (sky.tmag[rows] < limits[1])]


def _span_d(nights: Sequence[Floats]) -> float:
    return float(nights[-1][-1] - nights[0][0])


def _epoch(rng: np.random.Generator, nights: Sequence[Floats], period_d: float) -> float:
    """In the first period of the season."""
    return float(nights[0][0] + rng.uniform(0, period_d))


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _sine(rng: np.random.Generator, nights: Sequence[Floats], step: float) -> Signal:
    """Its period lies about `step` (0 to 1) of the way from the shortest to the longest one, logarithmically."""
    longest = float(np.clip(_span_d(nights), 1.0, 10.0))
    period = 0.1 * (longest / 0.1) ** min(1.0, step + rng.uniform(0.02, 0.18))
    return Signal("sine", rng.uniform(0.01, 0.05), _epoch(rng, nights, period), period / 4, period)


def _binary(rng: np.random.Generator, nights: Sequence[Floats]) -> Signal:
    period = _log_uniform(rng, 0.4, 3.0)
    duration = period * rng.uniform(0.08, 0.15)
    return Signal("eclipse", rng.uniform(0.1, 0.4), _epoch(rng, nights, period), duration, period)


def _planet(rng: np.random.Generator, nights: Sequence[Floats]) -> Signal:
    """A planet with enough transits in the hours observed, else that of many with the most."""
    longest = float(np.clip(_span_d(nights) / FEWEST_TRANSITS, 1.0, 5.0))
    best, most = Signal(), -1
    for _ in range(DRAWS):
        period = _log_uniform(rng, 0.8, longest)
        duration = rng.uniform(2.0, 3.5) * HOUR_D
        signal = Signal("transit", rng.uniform(0.008, 0.02), _epoch(rng, nights, period), duration, period)
        seen = transits_seen(signal, nights)
        if seen > most:
            best, most = signal, seen
        if seen >= FEWEST_TRANSITS:
            break
    return best


def _single(rng: np.random.Generator, nights: Sequence[Floats]) -> Signal:
    """One transit, whole in a night where nights are long enough for it."""
    bjd = nights[int(rng.integers(len(nights)))]
    length = float(bjd[-1] - bjd[0])
    duration = min(rng.uniform(3.0, 5.0) * HOUR_D, max(0.6 * length, HOUR_D / 2))
    room = max(0.0, length - 1.2 * duration) / 2
    middle = float(bjd[0] + bjd[-1]) / 2 + rng.uniform(-room, room)
    return Signal("transit", rng.uniform(0.01, 0.03), middle, duration)
