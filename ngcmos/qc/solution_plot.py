"""Pictures of the plate solution and of the zero point of a night; returned, not written."""

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from ngcmos.arrays import Floats, Shape
from ngcmos.qc.extinction import Line, fit_line
from ngcmos.qc.layout import arrange
from ngcmos.qc.plots import BLUE, VERMILION, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RINGS = 12
LEAST_AIRMASSES = 0.1  # that a night must span to say anything of the air
LEAST_COLOURS_MAG = 0.1  # that stars must span to say anything of their colour
_ARROW = 0.06  # of the width of the chip, for the largest usual residual
_MOST_STEPS = 7  # between the ticks of an axis: to draw one takes as long as a thousand points
_USUAL = 90  # percentile


@dataclasses.dataclass(frozen=True, eq=False)
class SolutionPicture:
    """Stars, (n,) arrays: 0-based places, measured minus predicted in pixels (NaN unknown); the chip's shape."""

    x: Floats
    y: Floats
    dx: Floats
    dy: Floats
    shape: Shape


@dataclasses.dataclass(frozen=True, eq=False)
class ZeroPointPicture:
    """Frames: airmass, zero point; stars: BP - RP, own zero point over that of the frame; NaN unknown."""

    airmass: Floats
    zp: Floats
    colour: Floats
    offset_mag: Floats


def plot_solution(picture: SolutionPicture, *, title: str) -> "Figure":
    """Residuals as arrows over the chip, and their size against the distance from its middle."""
    known = np.isfinite(picture.dx) & np.isfinite(picture.dy) & np.isfinite(picture.x) & np.isfinite(picture.y)
    x, y, dx, dy = (getattr(picture, name)[known] for name in ("x", "y", "dx", "dy"))
    figure = new_figure(11, 5)
    arrows, radial = figure.subplots(1, 2, width_ratios=[1, 1.1])
    _draw_arrows(arrows, picture.shape, x, y, np.stack([dx, dy]))
    rows, columns = picture.shape
    radius = np.hypot(x - (columns - 1) / 2, y - (rows - 1) / 2)
    _draw_radial(radial, radius, np.hypot(dx, dy))
    told = f"{title}: measured minus predicted places of {x.size} stars, medians of the night"
    arrange(figure, title=told)
    return figure


def _draw_arrows(axes: "Axes", shape: Shape, x: Floats, y: Floats, off: Floats) -> None:
    rows, columns = shape
    axes.set(xlim=(-0.5, columns - 0.5), ylim=(-0.5, rows - 0.5), aspect="equal", xlabel="x [px]", ylabel="y [px]")
    axes.locator_params(nbins=_MOST_STEPS)
    if not x.size:
        axes.text(0.5, 0.5, "no star is known so well", ha="center", transform=axes.transAxes)
        return
    largest = max(float(np.percentile(np.hypot(*off), _USUAL)), 1e-4)
    key = float(f"{largest:.1g}")
    scale = largest / (_ARROW * columns)
    arrows = axes.quiver(x, y, *off, angles="xy", scale_units="xy", scale=scale, color=BLUE, width=0.003)
    axes.set_title(" ", fontsize=10, y=1.0)  # room for the key
    axes.quiverkey(arrows, 0.86, 1.03, key, f"{key:g} px", labelpos="E", fontproperties={"size": 9})


def _draw_radial(axes: "Axes", radius: Floats, size: Floats) -> None:
    axes.plot(radius, size, ".", ms=3, color=BLUE, alpha=0.5, label="star")
    if radius.size >= RINGS:
        rings = np.array_split(np.argsort(radius), RINGS)
        middles = [(np.median(radius[ring]), np.median(size[ring])) for ring in rings]
        axes.plot(*np.array(middles).T, "o-", ms=5, color=VERMILION, label="median of a ring")
        axes.set_ylim(0, 3 * float(np.percentile(size, _USUAL)))
        axes.legend(fontsize=9, loc="upper left")
    axes.set(xlabel="distance from the middle of the chip [px]", ylabel="residual [px]")
    axes.locator_params(nbins=_MOST_STEPS)
    axes.grid(alpha=0.3)


def plot_zero_point(picture: ZeroPointPicture, *, title: str) -> "Figure":
    """Zero point of the frames against airmass with the extinction it says; of the stars against colour."""
    figure = new_figure(11, 4.5)
    air, colour = figure.subplots(1, 2)
    line = fit_line(picture.airmass, picture.zp)
    _draw_points(air, picture.airmass, picture.zp, line)
    air.set_title(_say_extinction(line, _span(picture.airmass)), fontsize=10, y=1.0)
    air.set(xlabel="airmass", ylabel="zero point [mag]")
    by_colour = fit_line(picture.colour, picture.offset_mag)
    _draw_points(colour, picture.colour, picture.offset_mag, by_colour)
    colour.set_title(_say_slope(by_colour, _span(picture.colour)), fontsize=10, y=1.0)
    colour.set(xlabel="Gaia BP - RP [mag]", ylabel="star's own over the frame's [mag]")
    arrange(figure, title=title)
    return figure


def _draw_points(axes: "Axes", x: Floats, y: Floats, line: Line) -> None:
    axes.plot(x, y, ".", ms=3, color=BLUE, alpha=0.6)
    if np.isfinite(line.slope):
        ends = np.array([np.nanmin(x), np.nanmax(x)])
        axes.plot(ends, line.at(ends), "-", color=VERMILION, lw=1.5)
        near = y[np.isfinite(y)]
        middle, reach = np.median(near), 1.5 * np.percentile(np.abs(near - np.median(near)), 98)
        axes.set_ylim(middle - max(reach, 0.01), middle + max(reach, 0.01))
    axes.locator_params(nbins=_MOST_STEPS)
    axes.grid(alpha=0.3)


def _span(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(np.ptp(known)) if known.size else 0.0


def _say_slope(line: Line, span: float) -> str:
    if span < LEAST_COLOURS_MAG or not np.isfinite(line.slope):
        return f"colors span {span:.2f} mag: too little to tell a slope"
    return f"slope {_with_error(line.slope, line.slope_error)} mag per mag"


def _say_extinction(line: Line, span: float) -> str:
    if span < LEAST_AIRMASSES or not np.isfinite(line.slope):
        return f"airmass spans {span:.2f}: too little to tell the extinction"
    return f"extinction {_with_error(-line.slope, line.slope_error)} mag per airmass"


def _with_error(value: float, error: float) -> str:
    return f"{value:+.3f} ± {error:.3f}" if np.isfinite(value) else "unknown"
