"""Figures of a night's target for the morning page, on paper and on a phone; returned, never written here."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from ngcmos.arrays import Bools, Floats
from ngcmos.night.spans import DAY_S, clock
from ngcmos.qc.layout import arrange
from ngcmos.qc.plots import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKYBLUE, VERMILION, new_figure
from ngcmos.stats import mad_sigma

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Points = tuple[Floats, Floats, Floats]  # time, value, error
_Moment = TypeVar("_Moment", float, Floats)
_GREY = "0.7"
_MARGIN_SIGMA, _POINT_SIGMA = 6.0, 3.5  # of the bins, of the points: those far off do not flatten the curve
_SHADE = 0.15
_NEXT_FRAME = 1.5  # of the usual time between frames, up to which one follows another
_HOUR_STEPS, _DATES = (1 / 60, 1 / 30, 1 / 12, 0.25, 0.5, 1.0, 2.0, 4.0, 6.0), 3
_MOST_HOURS, _MOST_OF_SMALL = 7, 4  # clock times on an axis, and on one of the small panels
_LEEWAY_H, _LEEWAY = 0.02, 0.02  # before the first and after the last frame, and as a share of all hours


@dataclasses.dataclass(frozen=True, eq=False)
class TargetSeries:
    """A star through a night; arrays of a value a frame but for `binned` and `model`.

    Attributes
    ----------
    unix : array
        Mid exposure, seconds UTC.
    flux : array
        Relative, about 1.
    binned : Points
    model : (times, fluxes) or None
    bad : bool array
        Frames that are clouded or spoilt otherwise.
    scatter : array
        Of stars of like brightness, from star to star.
    airmass, shift_x, shift_y, fwhm_px, sky : arrays
    expected : (float, float, float, float) or None
        Start, middle and end of the transit as expected (seconds UTC, NaN where unknown), error of the middle.
    """

    unix: Floats
    flux: Floats
    binned: Points
    model: tuple[Floats, Floats] | None
    bad: Bools
    scatter: Floats
    airmass: Floats
    shift_x: Floats
    shift_y: Floats
    fwhm_px: Floats
    sky: Floats
    expected: tuple[float, float, float, float] | None


def plot_target(series: TargetSeries, *, title: str, width: float, height: float) -> "Figure":
    """The curve in bins, and what could have made it, over UTC.

    Parameters
    ----------
    series : TargetSeries
    title : str
    width, height : float
        Inches.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = new_figure(width, height)
    axes = figure.subplots(6, 1, sharex=True, height_ratios=[5, 1, 1, 1, 1, 1])
    _draw_curve(axes[0], series)
    beneath = (
        ("scatter\n[%]", [(100 * series.scatter, PURPLE, "")]),
        ("air mass", [(series.airmass, BLACK, "")]),
        ("shift\n[px]", [(series.shift_x, BLUE, "x"), (series.shift_y, ORANGE, "y")]),
        ("FWHM\n[px]", [(series.fwhm_px, GREEN, "")]),
        ("sky\n[ADU]", [(series.sky, SKYBLUE, "")]),
    )
    for one, (name, lines) in zip(axes[1:], beneath, strict=True):
        for values, colour, label in lines:
            one.plot(_days(series.unix), values, ".", ms=3, color=colour, label=label)
        one.set_ylabel(name, fontsize=8)
        if len(lines) > 1:
            one.legend(fontsize=7, ncols=2, loc="upper left", handletextpad=0.1, borderpad=0.2)
    for one in axes:
        _shade(one, series)
        one.tick_params(labelsize=8)
    _name_hours(axes[-1], series.unix)
    axes[0].set_title(title, fontsize=9, y=1.0)
    arrange(figure)
    return figure


def plot_small(curves: Sequence[tuple[str, Points]], *, width: float, columns: int) -> "Figure":
    """Binned curves of several stars, small; a title and the bins each."""
    rows = -(-len(curves) // columns)
    figure = new_figure(width, 1.7 * rows + 0.3)
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True)
    for (title, (time, value, error)), one in zip(curves, axes.flat, strict=False):
        one.errorbar(_days(time), value, error, fmt="o", ms=2.5, lw=0.8, color=BLUE)
        one.ticklabel_format(axis="y", style="plain", useOffset=False)
        one.set_title(title, fontsize=8, y=1.0)
        one.tick_params(labelsize=7)
    for one in axes.flat[len(curves) :]:
        one.set_visible(False)
    times = np.concatenate([time for _, (time, _, _) in curves])
    for one in axes[-1]:
        _name_hours(one, times, _MOST_OF_SMALL)
    arrange(figure)
    return figure


def _draw_curve(axes: "Axes", series: TargetSeries) -> None:
    good = ~series.bad
    axes.plot(_days(series.unix[good]), series.flux[good], ".", ms=2.5, color=_GREY, zorder=1)
    time, value, error = series.binned
    axes.errorbar(_days(time), value, error, fmt="o", ms=4, lw=1.2, color=BLUE, zorder=3, label="bins of 5 min")
    if series.model is not None:
        axes.plot(_days(series.model[0]), series.model[1], color=VERMILION, lw=1.6, zorder=4, label="fit")
    if value.size:
        _set_reach(axes, series.flux[good], (float(value.min()), float(value.max())), float(np.median(error)))
    axes.ticklabel_format(axis="y", style="plain", useOffset=False)
    axes.set_ylabel("relative flux", fontsize=9)
    if series.expected is not None:
        _draw_expected(axes, series.expected)
    if axes.get_legend_handles_labels()[1]:
        axes.legend(fontsize=8, loc="lower left", ncols=3)


def _set_reach(axes: "Axes", flux: Floats, bins: tuple[float, float], error: float) -> None:
    """Limits that hold the bins, their errors and all usual points; how many lie beyond is said."""
    scatter = np.nan_to_num(mad_sigma(np.diff(flux)) / np.sqrt(2))  # from frame to frame: a dip is none
    spread = max(_MARGIN_SIGMA * error, _POINT_SIGMA * float(scatter))
    low, high = bins[0] - spread, bins[1] + spread
    axes.set_ylim(low, high)
    beyond = int(((flux < low) | (flux > high)).sum())
    if beyond:
        axes.text(0.99, 0.97, f"{beyond} beyond", transform=axes.transAxes, ha="right", va="top", fontsize=8)


def _draw_expected(axes: "Axes", expected: tuple[float, float, float, float]) -> None:
    *moments, error = expected
    for moment, name in zip(moments, ("start", "middle", "end"), strict=True):
        if not np.isfinite(moment):
            continue
        label = "expected" if name == "middle" else None
        axes.axvline(_days(moment), color=ORANGE, ls="--", lw=1.2, zorder=2, label=label)
        axes.axvspan(_days(moment - error), _days(moment + error), color=ORANGE, alpha=0.25, lw=0, zorder=0)


def _shade(axes: "Axes", series: TargetSeries) -> None:
    """Grey where frames are spoilt, half a frame to each side; those that follow each other are one piece."""
    if series.unix.size < 2:
        return
    step = float(np.median(np.diff(np.sort(series.unix))))
    moments = np.sort(series.unix[series.bad])
    for run in np.split(moments, np.flatnonzero(np.diff(moments) > _NEXT_FRAME * step) + 1):
        if run.size:
            axes.axvspan(_days(run[0] - step / 2), _days(run[-1] + step / 2), color="0.5", alpha=_SHADE, lw=0)


def _days(unix: _Moment) -> _Moment:
    """Days since 1970, as matplotlib counts dates."""
    return unix / DAY_S


def _name_hours(axes: "Axes", unix: Floats, most: int = _MOST_HOURS) -> None:
    """At most this many clock times, UTC, of these moments on the axis of days; dates over several days.

    The limits are set: those that matplotlib finds for one moment alone are years apart.
    """
    first, last = (float(limit) / 3600 for limit in (unix.min(), unix.max()))
    leeway = max(_LEEWAY_H, _LEEWAY * (last - first))
    first, last = first - leeway, last + leeway
    axes.set_xlim(first / 24, last / 24)
    if (last - first) / _HOUR_STEPS[-1] > most:
        days = np.linspace(np.ceil(first / 24), np.floor(last / 24), _DATES).round()
        axes.set_xticks(days, [clock(day * DAY_S, dated=True)[:10] for day in days.tolist()])
        axes.set_xlabel("date", fontsize=8)
        return
    step = next((one for one in _HOUR_STEPS if (last - first) / one <= most), _HOUR_STEPS[-1])
    hours = np.arange(np.ceil(first / step), np.floor(last / step) + 1) * step
    axes.set_xticks(hours / 24, [clock(round(hour * 3600)) for hour in hours.tolist()])
    axes.set_xlabel("UTC", fontsize=8)
