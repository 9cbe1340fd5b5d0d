"""Figure of the scatter of all stars of a field against magnitude, with each noise term; returned, not written.

::

    panel = NoisePanel("each frame", tmag, rms, variable, curve_mag, {"star": ..., "total": ...}, audit)
    figure = plot_noise([panel, ...], title="...")
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ngcmos.arrays import Bools, Floats
from ngcmos.qc.layout import add_foot_legend, arrange, name_decades
from ngcmos.qc.plots import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKYBLUE, VERMILION, YELLOW, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LINES = {
    "star": ("star", ORANGE, "-"),
    "sky": ("sky", GREEN, "-"),
    "dark": ("dark", PURPLE, "--"),
    "read": ("read noise", VERMILION, "--"),
    "quantisation": ("rounding", YELLOW, ":"),
    "sky_estimate": ("sky estimate", SKYBLUE, ":"),
    "scintillation": ("scintillation", "0.45", "-."),
    "total": ("total", BLACK, "-"),
}
_LOWEST_SHARE = 0.05  # of the stars, that may lie below the axes
_PPM = 1e6


@dataclasses.dataclass(frozen=True, eq=False)
class NoisePanel:
    """One panel.

    Attributes
    ----------
    name : str
    mag, rms : (stars,) arrays
        Magnitude and relative scatter; NaN is left out.
    variable : (stars,) bool array
    curve_mag : (n,) array
    terms : dict of str to (n,) array
        Relative scatter by each noise term, and "total".
    ratios : list of (low, high, ratio)
        Measured over predicted scatter by magnitude.
    """

    name: str
    mag: Floats
    rms: Floats
    variable: Bools
    curve_mag: Floats
    terms: Mapping[str, Floats]
    ratios: Sequence[tuple[float, float, float]]


def plot_noise(panels: Sequence[NoisePanel], *, title: str) -> "Figure":
    """Scatter against magnitude, a column a panel, with the ratios by magnitude below.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = new_figure(6.5 * len(panels), 8)
    axes = figure.subplots(2, len(panels), squeeze=False, sharex=True, height_ratios=[3, 1])
    for column, panel in enumerate(panels):
        _draw_scatter(axes[0, column], panel)
        _draw_ratios(axes[1, column], panel)
    axes[0, 0].set_ylabel("scatter [ppm]")
    axes[1, 0].set_ylabel("measured / predicted")
    foot = add_foot_legend(figure, axes[0, 0].get_legend_handles_labels()[0], columns=5)
    arrange(figure, title=title, foot_in=foot)
    return figure


def _draw_scatter(axes: "Axes", panel: NoisePanel) -> None:
    constant = ~panel.variable
    axes.plot(panel.mag[constant], _PPM * panel.rms[constant], ".", ms=3, color=BLUE, label="stars")
    axes.plot(
        panel.mag[panel.variable],
        _PPM * panel.rms[panel.variable],
        "o",
        mfc="none",
        mec=VERMILION,
        label="variable",
    )
    for term, (name, colour, style) in _LINES.items():
        if term in panel.terms:
            axes.plot(panel.curve_mag, _PPM * panel.terms[term], style, color=colour, lw=1.4, label=name)
    usual = panel.rms[panel.rms > 0]  # of few points it may be next to nothing by chance
    usual = np.quantile(usual, _LOWEST_SHARE, keepdims=True) if usual.size else usual
    lowest = np.min([*usual, *panel.terms["total"]], initial=np.inf)
    axes.set_yscale("log")
    if np.isfinite(lowest):
        axes.set_ylim(bottom=_PPM * lowest / 10)
    name_decades(axes.yaxis)
    axes.set_title(panel.name, fontsize=10, y=1.0)
    axes.grid(alpha=0.3)


def _draw_ratios(axes: "Axes", panel: NoisePanel) -> None:
    axes.axhline(1, color="0.5", lw=0.8)
    for low, high, ratio in panel.ratios:
        axes.plot([low, high], [ratio, ratio], color=BLUE, lw=2)
    if not panel.ratios:
        axes.text(
            0.5, 0.25, "too few points or stars to compare", ha="center", transform=axes.transAxes, fontsize=9
        )
    axes.set_ylim(0.7, max([1.4, *(1.1 * ratio for _, _, ratio in panel.ratios)]))
    axes.set_xlabel("Tmag")
    axes.grid(alpha=0.3)
