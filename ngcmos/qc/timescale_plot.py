"""Figure of scatter against the length of bins; returned, not written."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ngcmos.qc.layout import arrange, name_decades
from ngcmos.qc.plots import BLUE, GREEN, ORANGE, PURPLE, SKYBLUE, VERMILION, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLOURS = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKYBLUE)
_STYLES = (("o", "-"), ("s", "--"))
_PPM = 1e6


@dataclasses.dataclass(frozen=True, eq=False)
class TimescaleLine:
    """One line: what it is (`kind` lines of one kind share a colour), lengths, scatter, its white-noise line.

    `table` counts the tables in one figure from 0.
    """

    label: str
    kind: str
    minutes: ArrayLike
    rms: ArrayLike
    white: ArrayLike
    table: int = 0


def plot_timescale(lines: Sequence[TimescaleLine], *, title: str) -> "Figure":
    """Scatter against length, both by logarithm; a thin line each is what white noise would do."""
    figure = new_figure(8, 6.5)
    axes = figure.subplots()
    kinds = list(dict.fromkeys(line.kind for line in lines))
    for line in lines:
        colour = _COLOURS[kinds.index(line.kind) % len(_COLOURS)]
        marker, style = _STYLES[line.table % len(_STYLES)]
        face = colour if line.table == 0 else "w"
        rms, white = (_PPM * np.asarray(values, float) for values in (line.rms, line.white))
        axes.plot(line.minutes, rms, marker + style, ms=4, color=colour, mfc=face, lw=1.3, label=line.label)
        axes.plot(line.minutes, white, ":", color=colour, lw=0.9)
    axes.plot([], [], ":", color="0.4", lw=0.9, label="white noise")
    axes.set(xscale="log", yscale="log", xlabel="length of a bin [min]", ylabel="scatter [ppm]")
    name_decades(axes.xaxis)
    name_decades(axes.yaxis)
    axes.grid(alpha=0.3, which="both")
    axes.legend(fontsize=8, loc="upper right")
    arrange(figure, title=title)
    return figure
