"""Figure of the shifts of a field; returned, never shown or written here. (That of a star: `star_plot`.)

::

    figure = plot_shifts(shifts, reference=name, field=field, night=night, large_px=0.5)
    write_figure(figure, temporary, kind="pdf")

No pyplot and no display are needed. Colours are told apart by colour-blind eyes (Okabe and Ito; cividis).
"""

import datetime
import itertools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from ngcmos.arrays import Floats
from ngcmos.names import ShiftVerdict
from ngcmos.qc.layout import add_foot_legend, arrange
from ngcmos.qc.shifts import MeasuredShift

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.collections import PathCollection
    from matplotlib.figure import Figure
BLUE, ORANGE, GREEN, VERMILION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKYBLUE, YELLOW, BLACK = "#CC79A7", "#56B4E9", "#F0E442", "#000000"
MARKS = [
    ("^", VERMILION),
    ("D", PURPLE),
    ("v", GREEN),
    ("X", SKYBLUE),
    ("P", YELLOW),
    ("*", BLACK),
    ("s", ORANGE),
    ("p", BLUE),
    ("<", ORANGE),
    (">", PURPLE),
]
_COMPRESS_LEVEL = 3  # of 9
_CLOSE_UP_PX = 1.0
_DAY_S, _LEAST_MARGIN_S = 86400.0, 30.0


def plot_shifts(
    shifts: Sequence[MeasuredShift],
    *,
    references: tuple[str, str | None],
    field: str,
    night: str,
    large_px: float,
) -> "Figure":
    """Shifts of a field: x against y near zero and in full, and both against time.

    Parameters
    ----------
    shifts : list of MeasuredShift
    references : (str, str or None)
        Names of the reference frame, and of that of the turned sky.
    field, night : str
    large_px : float
        Half side of the box that is drawn.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.gridspec import GridSpec

    figure = new_figure(11.7, 8.3)
    grid = GridSpec(2, 3, figure=figure, height_ratios=[1.2, 1], width_ratios=[1, 1, 0.02])
    known = [measured for measured in shifts if measured.shift.known and measured.time]
    times = np.array([_days_of(measured.time) for measured in known if measured.time])
    x = np.array([measured.shift.x for measured in known], float)
    y = np.array([measured.shift.y for measured in known], float)
    near, everywhere = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[0, 1])
    _scatter_near(near, times, x, y, large_px)
    points = _scatter_all(everywhere, times, x, y, large_px)
    if known:
        bar = figure.colorbar(points, cax=figure.add_subplot(grid[0, 2]), label="UTC")
        _name_times(bar.ax.yaxis, dated=False)
    series = figure.add_subplot(grid[1, :])
    _draw_against_time(series, times, x, y, large_px)
    _mark_turn(series, shifts)
    _mark_unknown(series, [measured for measured in shifts if not measured.shift.known])
    _finish_time_axis(series, shifts)
    foot = add_foot_legend(figure, series.get_legend_handles_labels()[0], columns=4)
    named = ", of the turned sky ".join(name for name in references if name)
    title = f"{field}, night {night}: {_count(shifts, large_px)}\nreference {named}; donuts' sign, the correction"
    arrange(figure, title=title, foot_in=foot)
    return figure


def new_figure(width: float, height: float) -> "Figure":
    """An empty figure of inches, drawn without a display; `arrange` gives its panels their places."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure


def write_figure(
    figure: "Figure",
    file: Path | BinaryIO,
    *,
    kind: str = "png",
    dpi: float = 0.0,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a figure as `savefig` does, but drawn once: savefig draws all for a layout first.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    file : Path or binary file
    kind : str
        "png", "pdf" or "svg".
    dpi : float, optional
        Dots an inch of a PNG, and of images in the others; the figure's own without it.
    metadata : mapping, optional
        Marks that the file carries.
    """
    if dpi:
        figure.set_dpi(dpi)
    if kind == "png":
        _write_png(figure, file, metadata or {})
    elif kind == "pdf":
        from matplotlib.backends.backend_pdf import FigureCanvasPdf

        canvas: Any = FigureCanvasPdf(figure)  # matplotlib says no types of what a canvas draws and prints
        canvas.print_pdf(file, metadata=metadata)
    else:
        from matplotlib.backends.backend_svg import FigureCanvasSVG

        canvas = FigureCanvasSVG(figure)
        canvas.print_svg(file, metadata=metadata)


def _write_png(figure: "Figure", file: Path | BinaryIO, metadata: Mapping[str, str]) -> None:
    """Opaque, as all figures are, and less compressed than usual: as small, in half of the time."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image, PngImagePlugin

    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    marks = PngImagePlugin.PngInfo()
    for name, text in metadata.items():
        marks.add_text(name, text)
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    picture.save(file, format="png", pnginfo=marks, dpi=(figure.dpi, figure.dpi), compress_level=_COMPRESS_LEVEL)


def _days_of(text: str) -> float:
    """Days since 1970 of a UTC time, as matplotlib counts dates."""
    return datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC).timestamp() / _DAY_S


def _scatter(axes: "Axes", times: Floats, x: Floats, y: Floats, large_px: float) -> "PathCollection":
    from matplotlib.patches import Rectangle

    axes.axhline(0, color="0.8", lw=0.8, zorder=0)
    axes.axvline(0, color="0.8", lw=0.8, zorder=0)
    box = Rectangle((-large_px, -large_px), 2 * large_px, 2 * large_px, fill=False, ec=VERMILION, ls="--", lw=1.2)
    axes.add_patch(box)
    axes.set_xlabel("x shift [px]")
    axes.set_ylabel("y shift [px]")
    first, last = _span(times) if times.size else (0.0, 1.0)
    return axes.scatter(x, y, c=times, vmin=first, vmax=last, cmap="cividis", s=22, ec="k", lw=0.3, zorder=3)


def _span(times: Floats) -> tuple[float, float]:
    """First and last of the times, a minute apart at least."""
    first, last = float(times.min()), float(times.max())
    margin = max((last - first) * 0.02, _LEAST_MARGIN_S / _DAY_S)
    return first - margin, last + margin


def _scatter_near(axes: "Axes", times: Floats, x: Floats, y: Floats, large_px: float) -> None:
    """Shifts of about the large limit or less, on equal axes."""
    reach = max(_CLOSE_UP_PX, 2 * large_px)
    inside = (np.abs(x) <= reach) & (np.abs(y) <= reach)
    _scatter(axes, times, x, y, large_px)
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    axes.set(xticks=np.linspace(-reach, reach, 5), yticks=np.linspace(-reach, reach, 5))
    axes.set_title(f"within {reach:g} px: {inside.sum()} of {x.size}", fontsize=10, y=1.0)


def _scatter_all(axes: "Axes", times: Floats, x: Floats, y: Floats, large_px: float) -> "PathCollection":
    """All shifts; logarithmic outside of the box where some are much larger than it."""
    points = _scatter(axes, times, x, y, large_px)
    worst = max(np.abs(x).max(initial=0), np.abs(y).max(initial=0))
    _set_reach(axes, worst, large_px, "xy")
    axes.set_aspect("equal" if axes.get_xscale() == "linear" else "auto")
    axes.set_title(f"all, worst {worst:.2f} px" if x.size else "all", fontsize=10, y=1.0)
    return points


def _set_reach(axes: "Axes", worst: float, large_px: float, which: str) -> None:
    """Symmetric limits that hold the worst shift; logarithmic beyond the box where it is far outside."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    far = worst > 6 * large_px
    for name in which:
        if far:
            getattr(axes, f"set_{name}scale")("symlog", linthresh=2 * large_px, linscale=0.8)
            axis = getattr(axes, f"{name}axis")
            decades = [10.0**power for power in range(5) if large_px < 10.0**power <= 2 * worst]
            axis.set_major_locator(FixedLocator([*(-decade for decade in decades), 0, *decades]))
            axis.set_minor_locator(NullLocator())
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        reach = 2 * worst if far else 1.25 * max(worst, 2 * large_px)
        getattr(axes, f"set_{name}lim")(-reach, reach)


def _name_times(axis: "Axis", *, dated: bool = True) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=3, maxticks=9)  # type: ignore[no-untyped-call]
    axis.set_major_locator(locator)
    axis.set_major_formatter(ConciseDateFormatter(locator, show_offset=dated))  # type: ignore[no-untyped-call]


def _draw_against_time(axes: "Axes", times: Floats, x: Floats, y: Floats, large_px: float) -> None:
    axes.axhspan(-large_px, large_px, color="0.92", zorder=0, label=f"within {large_px:g} px")
    for values, colour, marker, name in [(x, BLUE, "o", "x"), (y, ORANGE, "s", "y")]:
        axes.plot(times, values, marker, ms=4, color=colour, label=name)
        large = np.abs(values) >= large_px
        axes.plot(times[large], values[large], "o", ms=9, mfc="none", mec=VERMILION, mew=0.8)
    axes.plot(
        [], [], "o", ms=9, mfc="none", mec=VERMILION, mew=0.8, label=f"at least {large_px:g} px", in_layout=False
    )
    _set_reach(axes, max(np.abs(x).max(initial=0), np.abs(y).max(initial=0)), large_px, "y")


def _mark_turn(axes: "Axes", shifts: Sequence[MeasuredShift]) -> None:
    """A line where the sky turned."""
    for before, after in itertools.pairwise(one for one in shifts if one.time and one.shift.known):
        if before.turned != after.turned:
            axes.axvline(_days_of(str(after.time)), color=PURPLE, ls=":", label="the sky turned")


def _mark_unknown(axes: "Axes", unknown: Iterable[MeasuredShift]) -> None:
    """Frames without a shift, on the lower edge at their time, one symbol for each verdict."""
    by_verdict: dict[str, list[str | None]] = {}
    for measured in unknown:
        by_verdict.setdefault(measured.shift.verdict, []).append(measured.time)
    for (verdict, times), (marker, colour) in zip(sorted(by_verdict.items()), MARKS, strict=False):
        shown = [_days_of(time) for time in times if time]
        timeless = f", {len(times) - len(shown)} without a time" if len(shown) < len(times) else ""
        axes.plot(
            shown,
            [0.03] * len(shown),
            marker,
            color=colour,
            mec="k",
            mew=0.5,
            ms=8,
            clip_on=False,
            in_layout=False,
            transform=axes.get_xaxis_transform(),
            label=f"no shift, {verdict}: {len(times)}{timeless}",
        )


def _finish_time_axis(axes: "Axes", shifts: Iterable[MeasuredShift]) -> None:
    times = np.array([_days_of(measured.time) for measured in shifts if measured.time])
    if times.size:
        axes.set_xlim(*_span(times))
        _name_times(axes.xaxis)
    axes.set_xlabel("UTC, start of exposure")
    axes.set_ylabel("shift [px]")


def _count(shifts: Sequence[MeasuredShift], large_px: float) -> str:
    large = sum(measured.shift.verdict == ShiftVerdict.LARGE for measured in shifts)
    unknown = sum(not measured.shift.known for measured in shifts)
    return f"{len(shifts)} frames, {large} of at least {large_px:g} px, {unknown} without a shift"
