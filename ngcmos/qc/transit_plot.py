"""Figure of a light curve with a transit, or of a night that should have had one; returned, never written here."""

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from ngcmos.arrays import Floats
from ngcmos.qc.layout import add_foot_text, arrange
from ngcmos.qc.plots import BLACK, BLUE, ORANGE, VERMILION, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_HOURS = 24.0
_GREY = "0.6"


@dataclasses.dataclass(frozen=True, eq=False)
class TransitPanel:
    """What is drawn of a night; times BJD_TDB, fluxes relative.

    Attributes
    ----------
    name : str
        Of the night.
    bjd, flux, error, model, trend : (n,) arrays
    binned : tuple of three arrays
        Times, means of the flux over the trend, errors.
    expected : (float, float, float, float) or None
        Start, middle and end of the transit as expected, and the error of the middle in days.
    """

    name: str
    bjd: Floats
    flux: Floats
    error: Floats
    model: Floats
    trend: Floats
    binned: tuple[Floats, Floats, Floats]
    expected: tuple[float, float, float, float] | None


def plot_transit(panels: list[TransitPanel], *, title: str, said: str) -> "Figure":
    """The nights beside each other: flux over the trend with the model, and what is left, below.

    Parameters
    ----------
    panels : list of TransitPanel
    title : str
    said : str
        The result in words, below the panels.

    Returns
    -------
    matplotlib.figure.Figure
    """
    width = max(8.0, 4.5 * len(panels))
    figure = new_figure(width, 7.0)
    axes = figure.subplots(2, len(panels), squeeze=False, sharex="col", sharey="row", height_ratios=[3, 1])
    for column, panel in enumerate(panels):
        _draw_night(axes[0, column], axes[1, column], panel)
    axes[0, 0].set_ylabel("relative flux, trend taken off")
    axes[1, 0].set_ylabel("left over")
    axes[0, 0].legend(loc="lower left", fontsize=8)
    arrange(figure, title=title, size=12, foot_in=add_foot_text(figure, said))
    return figure


def _draw_night(upper: "Axes", lower: "Axes", panel: TransitPanel) -> None:
    start = float(np.floor(panel.bjd.min()))
    hours = (panel.bjd - start) * _HOURS
    for axes, value in ((upper, panel.flux / panel.trend), (lower, (panel.flux - panel.model) / panel.trend)):
        axes.errorbar(
            hours, value, panel.error / panel.trend, fmt=".", ms=3, color=_GREY, elinewidth=0.5, zorder=1
        )
        axes.ticklabel_format(axis="y", style="plain", useOffset=False)
    times, means, errors = panel.binned
    upper.errorbar(
        (times - start) * _HOURS,
        means,
        errors,
        fmt="o",
        ms=4,
        color=BLUE,
        ecolor=BLUE,
        zorder=3,
        label="bins of 5 min",
    )
    upper.plot(hours, panel.model / panel.trend, color=VERMILION, lw=1.6, zorder=4, label="model")
    lower.axhline(0.0, color=BLACK, lw=0.8)
    upper.set_title(panel.name, fontsize=10, y=1.0)
    lower.set_xlabel(f"hours since BJD_TDB {start:.0f}.0")
    upper.margins(x=0.02)
    if panel.expected is not None:
        _draw_expected(upper, panel, start)


def _draw_expected(axes: "Axes", panel: TransitPanel, start: float) -> None:
    """Start, middle and end of the expected transit, as wide as they are uncertain, where the night has them."""
    assert panel.expected is not None
    *moments, error = panel.expected
    for moment, name in zip(moments, ("start", "middle", "end"), strict=True):
        if not panel.bjd.min() - error <= moment <= panel.bjd.max() + error:
            continue
        hour = (moment - start) * _HOURS
        axes.axvspan(hour - error * _HOURS, hour + error * _HOURS, color=ORANGE, alpha=0.25, lw=0)
        axes.axvline(hour, color=ORANGE, ls="--", lw=1)
        axes.annotate(
            f"expected {name}",
            (hour, 1.0),
            xycoords=("data", "axes fraction"),
            rotation=90,
            va="top",
            ha="right",
            fontsize=7,
            xytext=(-2, -2),
            textcoords="offset points",
        )
