"""Where panels, title and foot of a figure stand: their room is reckoned once, from letters and their sizes.

::

    figure = new_figure(11, 5)
    left, right = figure.subplots(1, 2)
    ...  # all is drawn, with limits and names
    arrange(figure, title="NG2320-1302, 20240705")

matplotlib's own ways measure every text twice before any is drawn, which takes as long as the drawing.
"""

import math
import string
import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ngcmos.arrays import Floats

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from matplotlib.gridspec import SubplotSpec
    from matplotlib.text import Text

_POINTS = 72.0  # an inch; all rooms are in points
_EDGE, _GAP = 5.0, 5.0  # about the figure, and between a panel and what is written beside the next one
_CLOSE = 1e-6  # that a tick at the end of an axis may lie beyond it
_HALF_LINE = 4.0  # that the name of a tick at the end of an axis stands out
_LINE = 1.2  # height of a line, of the size of its letters
_LETTER, _CAPITAL, _DIGIT = 0.6, 0.69, 0.64  # widths, of the size of the letters
_WIDTHS = (
    dict.fromkeys(string.ascii_uppercase, _CAPITAL)
    | dict.fromkeys(string.digits, _DIGIT)
    | {".": 0.32, ",": 0.32, ":": 0.34, "-": 0.37, "−": 0.84, "_": 0.5, " ": 0.32}
)
_STEPS, _FEW_POWERS = (2, 5), 30.0  # on a logarithmic axis, within a power; high over low
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_LEGEND_ROW, _LEGEND_FRAME = 1.6, 1.2
_SIDES = {  # where on a panel a name is put, and the way outwards
    "left": ((0.0, 0.5), (-1, 0)),
    "right": ((1.0, 0.5), (1, 0)),
    "bottom": ((0.5, 0.0), (0, -1)),
    "top": ((0.5, 1.0), (0, 1)),
}


def fill_width(text: str, width_in: float, size: float) -> str:
    """The text in lines of at most this width, of letters of `size` points."""
    usual = size * _width(text) / max(len(text), 1)
    letters = max(int(width_in * _POINTS / usual), 1)
    return "\n".join(textwrap.fill(line, letters) for line in text.split("\n"))


def add_foot_legend(figure: "Figure", entries: Sequence["Artist"], *, columns: int, size: float = 9.0) -> float:
    """Put a legend in the middle of the foot of a figure; the inches that it takes."""
    place = (0.5, _EDGE / _size_of(figure)[1])
    figure.legend(
        handles=entries, loc="lower center", bbox_to_anchor=place, borderaxespad=0, ncols=columns, fontsize=size
    )
    return (_LEGEND_ROW * -(-len(entries) // columns) + _LEGEND_FRAME) * size / _POINTS


def add_foot_text(figure: "Figure", text: str, *, size: float = 9.0) -> float:
    """Put a text at the foot of a figure, as wide as this; the inches that it takes."""
    width, height = _size_of(figure)
    filled = fill_width(text, (width - 4 * _EDGE) / _POINTS, size)
    figure.supxlabel(filled, fontsize=size, y=_EDGE / height)
    return (_height(filled, size) + _GAP) / _POINTS


def name_decades(axis: "Axis") -> None:
    """Name the powers of ten of a logarithmic axis with its limits; the steps between where it has few of them.

    In plain letters: to read its own way to write powers takes matplotlib as long as to draw half a figure.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = axis.get_view_interval()
    axis.set_minor_locator(LogLocator(subs=_STEPS))
    axis.set_major_formatter(FuncFormatter(_power))
    axis.set_minor_formatter(FuncFormatter(_power) if high < _FEW_POWERS * low else NullFormatter())


def _power(value: float, _: int | None) -> str:
    exponent = math.floor(math.log10(value) + _CLOSE)
    step = value / 10.0**exponent
    before = "" if abs(step - 1) < _CLOSE else f"{step:.0f}×"
    return f"{before}10{str(exponent).translate(_RAISED)}"


def arrange(figure: "Figure", *, title: str = "", size: float = 11.0, foot_in: float = 0.0) -> None:
    """Give every panel its place, with room for what is written beside it; the last that is done to a figure.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        All its panels are in grids; a grid keeps between its own `left` and `right`, where it has them.
    title : str
        Of the whole figure, in as many lines as it takes.
    size : float
        Of its letters, points.
    foot_in : float
        Inches at the foot that stay free of panels.
    """
    width, height = _size_of(figure)
    low, high = _EDGE + _POINTS * foot_in, height - _EDGE
    if title:
        filled = fill_width(title, (width - 4 * _EDGE) / _POINTS, size)
        figure.suptitle(filled, fontsize=size, y=high / height)
        high -= _height(filled, size) + _GAP
    grids: dict[Any, list[Axes]] = {}
    for axes in figure.axes:
        grids.setdefault(_place(axes).get_gridspec(), []).append(axes)
    for grid, panels in grids.items():
        _arrange_grid(grid, panels, (width, height), (low, high))


def _arrange_grid(
    grid: Any, panels: Sequence["Axes"], size: tuple[float, float], upright: tuple[float, float]
) -> None:
    """Rows first: how many ticks an axis has, and so how wide their names are, depends on how high it is."""
    width, height = size
    left = _EDGE if grid.left is None else width * grid.left
    right = width - _EDGE if grid.right is None else width * grid.right
    places = [_place(panel) for panel in panels]
    rows = [(grid.nrows - place.rowspan.stop, grid.nrows - place.rowspan.start) for place in places]
    columns = [(place.colspan.start, place.colspan.stop) for place in places]
    beside: list[tuple[float, float]] = [_heights_beside(panel) for panel in panels]
    y0, y1 = _share(upright, rows, beside, grid.get_height_ratios()[::-1])
    for guess in (True, False):
        beside = [(0.0, 0.0) if guess else _widths_beside(panel) for panel in panels]
        x0, x1 = _share((left, right), columns, beside, grid.get_width_ratios())
        for panel, (low, high), (start, end) in zip(panels, rows, columns, strict=True):
            panel.set_position(
                (
                    x0[start] / width,
                    y0[low] / height,
                    (x1[end - 1] - x0[start]) / width,
                    (y1[high - 1] - y0[low]) / height,
                )
            )
            panel.set_in_layout(True)  # that its place is set takes it out of its figure's extent


def _share(
    reach: tuple[float, float], spans: Sequence[tuple[int, int]], rooms: Sequence[tuple[float, float]], ratios: Any
) -> tuple[Floats, Floats]:
    """Where cells beside each other start and end, with the room that panels need before and after them."""
    before, after = np.zeros(len(ratios)), np.zeros(len(ratios))
    for (first, last), (one, other) in zip(spans, rooms, strict=True):
        before[first] = max(before[first], one)
        after[last - 1] = max(after[last - 1], other)
    taken = before + after + _GAP
    low, high = reach
    sizes = np.divide(ratios, sum(ratios)) * (high - low - taken.sum() + _GAP)
    ends = low + np.cumsum(taken + sizes) - after - _GAP
    return ends - sizes, ends


def _heights_beside(axes: "Axes") -> tuple[float, float]:
    """Points that a panel needs below and above it; the names of its x axes are put there."""
    room = dict.fromkeys(_SIDES, _HALF_LINE)
    for axis in _axes_of(axes, "xaxis"):
        size = _tick_size(axis)
        ticks = max((_height(name, size) for _, name in _named_ticks(axis)), default=0.0)
        side = axis.get_label_position()
        room[side] = max(room[side], _put_name(axis, ticks))
    title = axes.title.get_text()
    if title:
        room["top"] = max(room["top"], _GAP) + _height(title, float(axes.title.get_fontsize()))
    return room["bottom"], room["top"]


def _widths_beside(axes: "Axes") -> tuple[float, float]:
    """Points that a panel needs left and right of it; the names of its y axes are put there."""
    room = dict.fromkeys(_SIDES, 0.0)
    for axis in _axes_of(axes, "yaxis"):
        ticks = _tick_size(axis) * max((_width(name) for _, name in _named_ticks(axis)), default=0.0)
        side = axis.get_label_position()
        room[side] = max(room[side], _put_name(axis, ticks))
    width = axes.get_position().width * _size_of(_figure_of(axes))[0]
    for axis in _axes_of(axes, "xaxis"):
        for share, name in _named_ticks(axis):
            half = 0.5 * _tick_size(axis) * _width(name)
            room["left"] = max(room["left"], half - share * width)
            room["right"] = max(room["right"], half - (1 - share) * width)
    return room["left"], room["right"]


def _axes_of(axes: "Axes", name: str) -> "Iterator[Axis]":
    """The x axes or y axes of a panel, those on its far sides too; none where no axes are drawn."""
    for one in (axes, *axes.child_axes):
        if one.get_visible() and one.axison:
            yield getattr(one, name)


def _named_ticks(axis: "Axis") -> list[tuple[float, str]]:
    """Ticks whose names are shown: where on the axis, from 0 to 1, and the name."""
    if not _tick_label(axis).get_visible():
        return []
    places: list[Any] = [axis.get_majorticklocs(), axis.get_minorticklocs()]  # arrays, whatever the types say
    formatters = axis.get_major_formatter(), axis.get_minor_formatter()
    names = [name for one, form in zip(places, formatters, strict=True) for name in form.format_ticks(one)]
    scaled = axis.get_transform().transform(np.concatenate([axis.get_view_interval(), *places]))
    start, end = scaled[:2]
    shares = ((scaled[2:] - start) / (end - start)).tolist()
    return [
        (share, name) for share, name in zip(shares, names, strict=True) if name and -_CLOSE < share < 1 + _CLOSE
    ]


def _tick_label(axis: "Axis") -> "Text":
    tick = axis.get_major_ticks(1)[0]
    return tick.label2 if axis.get_label_position() in ("right", "top") else tick.label1


def _put_name(axis: "Axis", ticks: float) -> float:
    """Put the name of an axis beyond its ticks' names, of this extent; points from the panel to its far end."""
    from matplotlib.transforms import ScaledTranslation

    tick: Any = axis.get_major_ticks(1)[0]
    outwards = float(tick.get_tick_padding() + (tick.get_pad() + ticks if ticks else 0.0))
    name = axis.label.get_text()
    if not name:
        return outwards
    outwards += float(axis.labelpad)
    place, way = _SIDES[axis.get_label_position()]
    right, up = (one * outwards / _POINTS for one in way)
    shift = ScaledTranslation(right, up, _figure_of(axis.axes).dpi_scale_trans)
    axis.set_label_coords(*place, transform=axis.axes.transAxes + shift)
    return outwards + _height(name, float(axis.label.get_fontsize()))


def _height(text: str, size: float) -> float:
    return _LINE * size * (text.count("\n") + 1)


def _width(text: str) -> float:
    """Of the size of its letters."""
    return sum(_WIDTHS.get(letter, _LETTER) for letter in text)


def _tick_size(axis: "Axis") -> float:
    return float(_tick_label(axis).get_fontsize())


def _size_of(figure: "Figure") -> tuple[float, float]:
    """Width and height in points."""
    width, height = (_POINTS * float(inches) for inches in figure.get_size_inches())
    return width, height


def _figure_of(axes: "Axes") -> "Figure":
    figure = axes.get_figure(root=True)
    assert figure is not None, "a panel that was taken off its figure"
    return figure


def _place(axes: "Axes") -> "SubplotSpec":
    place = axes.get_subplotspec()
    assert place is not None, "a panel of no grid"
    return place
