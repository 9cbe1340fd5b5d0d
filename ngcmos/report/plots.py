"""Plots of a page as plain data, drawn there by `page_assets/page.js`.

::

    shifts = Plot("f0-shift", "Shift", times, [points("x", x, BLUE), points("y", y, ORANGE)], unit="px", time=True)

Arrays become lists of five digits; what is not finite becomes null. The colours are those of `page.css`.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from ngcmos.arrays import Floats, Ints

BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKYBLUE, GREY = (f"--c{number}" for number in range(1, 8))
FOREGROUND = "--fg"
_DIGITS, _TIME_DIGITS = 5, 14

Lists = list[float | int | None]


@dataclasses.dataclass(frozen=True, eq=False)
class Series:
    """Floats of a plot, one an x; `look` is what the page's script knows of it."""

    label: str
    values: ArrayLike
    look: Mapping[str, object]

    def positive(self) -> "Series":
        """Only what a logarithmic axis can show."""
        values = np.asarray(self.values, float)
        return dataclasses.replace(self, values=np.where(values > 0, values, np.nan))

    def take(self, chosen: Ints) -> "Series":
        """Some of the points."""
        return dataclasses.replace(self, values=np.asarray(self.values, float)[chosen])

    def as_json(self) -> dict[str, object]:
        return {"label": self.label, "y": plain(self.values)} | dict(self.look)


def points(label: str, values: ArrayLike, colour: str, *, size: int = 4) -> Series:
    """A series of points."""
    return Series(label, values, {"colour": colour, "size": size})


def line(label: str, values: ArrayLike, colour: str, *, dash: Sequence[int] = ()) -> Series:
    """A line through all values that are there; `dash`: pixels on and off."""
    return Series(label, values, {"colour": colour, "line": True, "dash": list(dash)})


@dataclasses.dataclass(frozen=True)
class Band:
    """A span of x to be shaded; numbers as those of x."""

    start: float
    end: float
    label: str

    def as_json(self) -> dict[str, object]:
        return {"from": float(self.start), "to": float(self.end), "label": self.label}


@dataclasses.dataclass(frozen=True, eq=False)
class Plot:
    """One plot.

    Attributes
    ----------
    key : str
        Its id in the page.
    title : str
    x : (n,) array
        Unix seconds with `time`.
    series : sequence of Series
        Each with n values. Those without one finite value are left out.
    unit : str
        At the y axis.
    time : bool
    x_label : str
    log : bool
        Logarithmic y; values that are not positive are left out.
    names : str or None
        Key of the list of names of the points.
    ids : (n,) int array or None
        Which of the names each point has, if not one after the other; a click then chooses the nearest point.
    sync : str or None
        Plots of one such key show their cursors together.
    bands : sequence of Band
    y_range : (low, high) or None
    height : int or None
        Pixels.
    """

    key: str
    title: str
    x: ArrayLike
    series: Sequence[Series]
    unit: str = ""
    time: bool = False
    x_label: str = "UTC"
    log: bool = False
    names: str | None = None
    ids: Ints | None = None
    sync: str | None = None
    bands: Sequence[Band] = ()
    y_range: tuple[float, float] | None = None
    height: int | None = None

    @property
    def shown(self) -> list[Series]:
        """The series that have something to show; a plot without any is not drawn."""
        series = [one.positive() if self.log else one for one in self.series]
        return [one for one in series if np.isfinite(np.asarray(one.values, float)).any()]

    def as_json(self) -> dict[str, object]:
        """What the page's script draws."""
        spec: dict[str, object] = {"id": self.key, "title": self.title, "x": plain(self.x, digits=_TIME_DIGITS)}
        spec |= {"series": [one.as_json() for one in self.shown], "yLabel": self.unit}
        spec |= {"time": self.time, "xLabel": self.x_label, "log": self.log}
        optional: dict[str, object] = {
            "names": self.names,
            "sync": self.sync,
            "height": self.height,
            "yRange": self.y_range,
        }
        optional["ids"] = None if self.ids is None else self.ids.tolist()
        bands = {"bands": [band.as_json() for band in self.bands]} if self.bands else {}
        return spec | bands | {key: value for key, value in optional.items() if value is not None}


def worth_drawing(plots: Iterable[Plot | None]) -> list[Plot]:
    """The plots that are there and show anything."""
    return [one for one in plots if one is not None and one.shown]


def merge(*blocks: tuple[ArrayLike, Mapping[str, ArrayLike]]) -> tuple[Floats, dict[str, Floats]]:
    """One x for series with their own: ((x, {label: values}), ...) -> x, {label: values with NaN elsewhere}."""
    x = np.concatenate([np.asarray(block, float) for block, _ in blocks])
    order = np.argsort(x, kind="stable")
    merged, start = {}, 0
    for block, series in blocks:
        end = start + np.size(block)
        for label, values in series.items():
            whole = np.full(x.size, np.nan)
            whole[start:end] = values
            merged[label] = whole[order]
        start = end
    return x[order], merged


def plain(values: ArrayLike, *, digits: int = _DIGITS) -> Lists:
    """A list of so many digits, null for what is not finite."""
    known = np.asarray(values, float).tolist()
    rounded = [float(f"{value:.{digits}g}") if np.isfinite(value) else None for value in known]
    return [int(value) if value is not None and value.is_integer() else value for value in rounded]
