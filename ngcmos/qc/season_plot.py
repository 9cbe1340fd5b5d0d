"""Figure of one star over a season; returned, never shown or written here.

::

    series = SeasonSeries(bjd=…, flux=…, error=…, good=…, night=…)
    figure = plot_season(series, Folding(1.37, 2460500.1, 2.4), power=(periods, power), title=…)
"""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ngcmos.arrays import Bools, Floats, Ints
from ngcmos.qc.layout import arrange, name_decades
from ngcmos.qc.plots import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKYBLUE, VERMILION, new_figure
from ngcmos.stats import quotient

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_GREY = "0.7"
_CAMERAS = (BLUE, GREEN, ORANGE, PURPLE, SKYBLUE)
_NIGHT_SHARE = 0.9  # of the width between two nights that a night fills
_MOST_LABELS = 12
_FOLD_BINS = 60
_DIP_LENGTHS = 3.0  # of a dip's length shown on either side of it
_REACH = (0.002, 0.998)  # of the good points that a panel shows at least


@dataclasses.dataclass(frozen=True, eq=False)
class SeasonSeries:
    """One star; all arrays of the same length, in time order.

    Attributes
    ----------
    bjd : float array
    flux, error : float arrays
        Relative, about 1.
    good : bool array
        Points of good frames without a flag that spoils them.
    night : array of str
    camera : int array
        Numbers of the cameras.
    cameras : sequence of str
        Their names: several are shown apart, the means of the nights are those of all.
    binned : (bjd, flux, error, night) arrays or None
        Points in bins.
    """

    bjd: Floats
    flux: Floats
    error: Floats
    good: Bools
    night: NDArray[np.str_]
    camera: Ints
    cameras: Sequence[str] = ()
    binned: tuple[Floats, Floats, Floats, NDArray[np.str_]] | None = None


@dataclasses.dataclass(frozen=True)
class Folding:
    """By what a curve is folded: period and epoch in days; length of a dip in hours, NaN for a wave; in words."""

    period_d: float
    epoch_bjd: float
    duration_h: float = np.nan
    said: str = ""


def plot_season(
    series: SeasonSeries, foldings: list[Folding], *, power: tuple[Floats, Floats] | None, title: str
) -> "Figure":
    """One star over its nights side by side, folded, and its periodogram.

    Parameters
    ----------
    series : SeasonSeries
    foldings : list of Folding
        Up to two.
    power : (periods in days, power), optional
    title : str
    """
    from matplotlib.gridspec import GridSpec

    figure = new_figure(12, 8)
    panels = len(foldings) + (power is not None)
    grid = GridSpec(1 + (panels > 0), max(panels, 1), figure, height_ratios=[1.2, 1][: 1 + (panels > 0)])
    _draw_nights(figure.add_subplot(grid[0, :]), series)
    for column, folding in enumerate(foldings):
        _draw_folded(figure.add_subplot(grid[1, column]), series, folding)
    if power is not None:
        _draw_power(figure.add_subplot(grid[1, panels - 1]), *power, foldings)
    arrange(figure, title=title)
    return figure


def _draw_nights(axes: "Axes", series: SeasonSeries) -> None:
    """Nights side by side, gaps left out; a mean of each night."""
    names, number = np.unique(series.night, return_inverse=True)
    place = _places(series.bjd, number)
    axes.plot(place[~series.good], series.flux[~series.good], ".", ms=2, color=_GREY, rasterized=True)
    cameras = np.unique(series.camera)
    for camera in cameras:
        chosen = series.good & (series.camera == camera)
        label = series.cameras[camera] if cameras.size > 1 else None
        colour = _CAMERAS[camera % len(_CAMERAS)]
        axes.plot(place[chosen], series.flux[chosen], ".", ms=2, color=colour, label=label, rasterized=True)
    if cameras.size > 1:
        axes.legend(fontsize=7, markerscale=4)
    if series.binned is not None:
        time, flux, error, of_night = series.binned
        at = np.searchsorted(names, of_night)
        axes.errorbar(_like(series, number, time, at), flux, error, fmt=".", ms=4, color=BLACK, lw=0.8)
    weight = np.where(series.good, quotient(1, series.error**2, blank=0.0), 0)
    total = np.bincount(number, weight)
    mean = quotient(np.bincount(number, weight * np.nan_to_num(series.flux)), total)
    middle = np.arange(names.size) + 0.5 * _NIGHT_SHARE
    axes.hlines(mean, middle - 0.5 * _NIGHT_SHARE, middle + 0.5 * _NIGHT_SHARE, color=VERMILION, lw=1.2)
    step = max(1, -(-names.size // _MOST_LABELS))
    axes.set_xticks(middle[::step], [name[:8] for name in names[::step]], fontsize=8)
    axes.set_ylabel("relative flux")
    axes.set_title("nights side by side, red: their means", fontsize=9, y=1.0)
    _set_reach(axes, series.flux[series.good])


def _places(bjd: Floats, number: Ints) -> Floats:
    """Where a point stands: its night, and how far into the longest one."""
    start = np.full(int(number.max()) + 1, np.inf)
    np.minimum.at(start, number, bjd)
    into = bjd - start[number]
    place: Floats = number + _NIGHT_SHARE * into / max(float(into.max()), 1e-6)
    return place


def _like(series: SeasonSeries, number: Ints, time: Floats, at: Ints) -> Floats:
    """Places of other times, on the scale of the points."""
    start = np.full(int(number.max()) + 1, np.inf)
    np.minimum.at(start, number, series.bjd)
    longest = max(float((series.bjd - start[number]).max()), 1e-6)
    place: Floats = at + _NIGHT_SHARE * (time - start[at]) / longest
    return place


def _draw_folded(axes: "Axes", series: SeasonSeries, folding: Folding) -> None:
    """Phases of a wave, or hours about a dip."""
    period = folding.period_d
    phase = (series.bjd[series.good] - folding.epoch_bjd + 0.5 * period) % period - 0.5 * period
    hours = np.isfinite(folding.duration_h)
    place = 24.0 * phase if hours else phase / period
    reach = min(_DIP_LENGTHS * folding.duration_h, 12.0 * period) if hours else 0.5
    inside = np.abs(place) <= reach
    flux, error = series.flux[series.good][inside], series.error[series.good][inside]
    axes.plot(place[inside], flux, ".", ms=1.5, color=_GREY, rasterized=True)
    edges = np.linspace(-reach, reach, _FOLD_BINS + 1)
    bins = np.digitize(place[inside], edges) - 1
    weight = quotient(1, error**2, blank=0.0)
    total = np.bincount(bins, weight, _FOLD_BINS)[:_FOLD_BINS]
    mean = quotient(np.bincount(bins, weight * np.nan_to_num(flux), _FOLD_BINS)[:_FOLD_BINS], total)
    axes.errorbar(
        0.5 * (edges[1:] + edges[:-1]), mean, quotient(1, np.sqrt(total)), fmt=".", ms=5, color=BLACK, lw=0.8
    )
    axes.set_xlabel("hours from the middle" if hours else "phase")
    axes.set_title(f"{folding.said} {period:.6g} d", fontsize=9, y=1.0)
    _set_reach(axes, flux)


def _draw_power(axes: "Axes", periods: Floats, power: Floats, foldings: list[Folding]) -> None:
    axes.semilogx(periods, power, lw=0.6, color=BLUE)
    for folding in foldings:
        axes.axvline(folding.period_d, color=VERMILION, lw=0.8, ls="--")
    name_decades(axes.xaxis)
    axes.set_xlabel("period, days")
    axes.set_ylabel("power")
    axes.set_title("periodogram", fontsize=9, y=1.0)
    axes.set_ylim(bottom=0)


def _set_reach(axes: "Axes", flux: Floats) -> None:
    """Show nearly all points, whatever a few do."""
    known = flux[np.isfinite(flux)]
    if known.size:
        low, high = np.quantile(known, _REACH)
        room = 0.1 * max(high - low, 1e-4)
        axes.set_ylim(low - room, high + room)
