"""All stars of a season searched: periods, what is left when they are taken off, dips in that.

``search(season, workers=...) -> Found``.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import numpy as np

from ngcmos.arrays import Floats, Ints, Reals
from ngcmos.errors import FrameError, WorkError
from ngcmos.night.cluster import connect, map_on
from ngcmos.night.loop import work_through
from ngcmos.season.binned import BinnedSeason
from ngcmos.season.dips import Dip, find_single, find_train
from ngcmos.season.noise import Curves, make_curves
from ngcmos.season.periods import Period, find_period

HARMONICS = 3
MOST_PERIODS = 3  # that are taken off before dips are looked for
TAKEN_OFF = 1e-4  # chance below which a period is taken off
NEIGHBOURS = 60
MAG_SCALE = 1.0  # mag that count as much as `NEAR_DEG`
NEAR_DEG = 0.5
SURE_SNR = 6.5  # of a train of dips: noise shows one in a thousand stars
STARS_TOGETHER = 4  # that a process gets at a time

Result = TypeVar("Result")


@dataclasses.dataclass(frozen=True, eq=False)
class Freed:
    """A star's best period, and its flux less 1 without its periods."""

    period: Period
    residual: Floats


def free_of_periods(time: Floats, flux: Reals, error: Reals) -> Freed:
    """Find the period of a star and take it off, again while something as sure is left.

    Parameters
    ----------
    time, flux, error : (n,) arrays
    """
    first = left = find_period(time, flux, error)
    residual = flux.astype(float) - 1.0
    for _ in range(MOST_PERIODS):
        if not left.fap < TAKEN_OFF:
            break
        residual = residual - _model(time, residual, error, left.period_d)
        left = find_period(time, residual + 1.0, error)
    return Freed(first, residual)


def _model(time: Floats, residual: Floats, error: Reals, period_d: float) -> Floats:
    """The sine and its harmonics of a period at all times, without its mean."""
    from astropy.timeseries import LombScargle

    known = np.isfinite(residual) & np.isfinite(error)
    start = time[known][0]
    fit = LombScargle(time[known] - start, residual[known], error[known], nterms=HARMONICS)
    model: Floats = fit.model(time - start, 1 / period_d)
    return model - np.mean(model[known])


def neighbours_of(season: BinnedSeason, star: int) -> Ints:
    """Stars nearest to a star in place and magnitude, the nearest first; itself not among them."""
    stars = season.stars
    across = np.cos(np.radians(stars["dec_deg"][star])) * (stars["ra_deg"] - stars["ra_deg"][star])
    away = np.hypot(across, stars["dec_deg"] - stars["dec_deg"][star]) / NEAR_DEG
    unlike = np.nan_to_num(stars["Tmag"].astype(float) - float(stars["Tmag"][star]), nan=9.0) / MAG_SCALE
    distance = np.nan_to_num(away, nan=0.0) ** 2 + unlike**2
    distance[star] = np.inf
    order: Ints = np.argsort(distance, kind="stable")[: min(NEIGHBOURS, len(stars) - 1)]
    return order


def find_dips(season: BinnedSeason, freed: Curves, star: int, period: Period) -> tuple[Dip, Dip]:
    """(the best train of dips, the best single dip) of a star.

    A star that varies like a sine has dips in its own curve, of course: those count only where they explain it
    better than the sine does.

    Parameters
    ----------
    season : BinnedSeason
    freed : Curves
        Of all stars.
    star : int
    period : Period
        What was taken off.
    """
    own, others = freed.of_stars(np.array([star])), freed.of_stars(neighbours_of(season, star))
    train, single = find_train(own, others), find_single(own, others)
    if period.fap < TAKEN_OFF:
        raw = dataclasses.replace(own, residual=_raw(season, own, star))
        whole = find_train(raw, others)
        if 0.5 * whole.snr**2 > max(_gain_of_sine(raw, period), 0.5 * train.snr**2):
            train = whole
    return train, single


def _raw(season: BinnedSeason, own: Curves, star: int) -> Floats:
    """The star's flux less its median, periods and all."""
    flux = season.flux[:, star].astype(float)
    held = own.weight[:, 0] > 0
    return np.where(held, flux - np.median(flux[held]), 0.0)[:, None]


def _gain_of_sine(curve: Curves, period: Period) -> float:
    """Gain in ln likelihood of the sine of a period, by the same weights as that of a box."""
    from astropy.timeseries import LombScargle

    held = curve.weight[:, 0] > 0
    value, weight = curve.residual[held, 0], curve.weight[held, 0]
    fit = LombScargle(curve.time[held], value, weight**-0.5)
    chi2 = float((weight * (value - np.average(value, weights=weight)) ** 2).sum())
    return 0.5 * chi2 * float(fit.power(1 / period.period_d, method="slow"))


@dataclasses.dataclass(frozen=True, eq=False)
class Found:
    """What a search finds, of each star.

    Attributes
    ----------
    periods : list of Period
    dips : list of Dip
        Trains of dips, else single ones.
    """

    periods: list[Period]
    dips: list[Dip]


def search(season: BinnedSeason, *, workers: int = 1, scheduler: str = "", quiet: bool = True) -> Found:
    """Search all stars of a season.

    Parameters
    ----------
    season : BinnedSeason
    workers : int
        Processes; the result is the same for any number.
    scheduler : str
        Address of a running Dask scheduler, whose workers do it instead; with the same result.
    quiet : bool
        No progress bar.

    Raises
    ------
    ToolError
        No scheduler answers.
    WorkError
        A search failed.
    """
    if scheduler:
        with connect(scheduler) as client:
            return _search(season, functools.partial(map_on, client))
    return _search(season, functools.partial(_map_here, workers=workers, quiet=quiet))


class _Map(Protocol):
    """Results of `work(item, *shared)` in the order of the items."""

    def __call__(
        self, work: Callable[..., Result], items: Sequence[int], *, shared: tuple[object, ...]
    ) -> list[Result]: ...


def _search(season: BinnedSeason, over: _Map) -> Found:
    stars = range(len(season.stars))
    if not season.time.size:  # all under clouds
        return Found([Period()] * len(stars), [Dip()] * len(stars))
    freed = over(_free_star, stars, shared=(season,))
    residual = np.array([one.residual for one in freed]).T
    curves = make_curves(season.time, season.night, residual, season.error)
    periods = [one.period for one in freed]
    return Found(periods, over(_search_star, stars, shared=(season, curves, periods)))


def _map_here(
    work: Callable[..., Result], items: Sequence[int], *, shared: tuple[object, ...], workers: int, quiet: bool
) -> list[Result]:
    """By processes of this machine."""
    results = work_through(
        work, items, shared=shared, workers=workers, quiet=quiet, together=STARS_TOGETHER, label="stars searched"
    )
    return [_good(one) for _, one in results]


def _free_star(star: int, season: BinnedSeason) -> Freed:
    return free_of_periods(season.time, season.flux[:, star], season.error[:, star])


def _search_star(star: int, season: BinnedSeason, curves: Curves, periods: list[Period]) -> Dip:
    """The train of dips of a star where it is sure, else the surer of train and single dip."""
    train, single = find_dips(season, curves, star, periods[star])
    return train if train.snr >= SURE_SNR or train.snr >= single.snr else single


def _good(result: Result | FrameError) -> Result:
    """A result; the loop gives an error where a star met a bug of ours, which its log tells."""
    if isinstance(result, FrameError):
        raise WorkError(f"the search failed: {result}")
    return result
