"""Figure of one star through a night; returned, never shown or written here.

::

    series = StarSeries(bjd=…, airmass=…, flux=…, fluxerr=…, sky=…, x=…, y=…, flags=…)
    cut_out = CutOut(frame.data, x, y, radius_px=5.0, annulus_px=(15.0, 20.0), caption=frame.name)
    figure = plot_star(series, cut_out, title=…, flag_names=flag_names(), binned={"flux": (bjd, flux, error)})
    write_figure(figure, temporary, dpi=120)
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ngcmos.arrays import Counts, Floats, Ints
from ngcmos.qc.comparison_map import ComparisonMap, draw_comparison_map
from ngcmos.qc.layout import arrange, fill_width
from ngcmos.qc.plots import BLACK, BLUE, GREEN, MARKS, ORANGE, VERMILION, new_figure
from ngcmos.stats import MAD_TO_SIGMA

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Points = tuple[Floats, Floats, Floats]  # time, value, error
Mark = tuple[str, str, str]  # marker, colour, text

_HOURS = 24.0
_GREY = "0.6"
_LEFT_SHARE, _BETWEEN = 0.68, 0.01  # of the width
_CAPTION_IN, _CAPTION_SIZE = 3.12, 7.0
_SMALLEST_CUT_OUT_PX = 30.0


@dataclasses.dataclass(frozen=True, eq=False)
class StarSeries:
    """One star through a night; all arrays of the same length, in time order.

    Attributes
    ----------
    bjd : float array
        BJD_TDB of mid exposure.
    airmass : float array
    flux, fluxerr : float arrays
        ADU above the sky, of an exposure or where `is_per_second` of a second of it; so the sky.
    sky : float array
        ADU per pixel.
    x, y : float arrays
        0-based pixels.
    flags : int array
        Bits.
    relative, relative_err : float arrays or None
        Flux relative to comparison stars, about 1.
    compared : ngcmos.qc.comparison_map.ComparisonMap or None
        Those stars.
    """

    bjd: Floats
    airmass: Floats
    flux: Floats
    fluxerr: Floats
    sky: Floats
    x: Floats
    y: Floats
    flags: Ints
    relative: Floats | None = None
    relative_err: Floats | None = None
    is_per_second: bool = False
    compared: ComparisonMap | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class CutOut:
    """Where a star lies on one frame.

    Attributes
    ----------
    data : ndarray (rows, columns) or None
        The whole frame; None where it cannot be shown.
    x, y : float
        0-based pixels of the star on that frame.
    radius_px : float
        Of the aperture.
    annulus_px : (float, float)
    caption : str
        Name of the frame, or why there is none.
    """

    data: Counts | None
    x: float
    y: float
    radius_px: float
    annulus_px: tuple[float, float]
    caption: str


def plot_star(
    series: StarSeries,
    cut_out: CutOut,
    *,
    title: str,
    flag_names: Sequence[tuple[int, str]],
    binned: Mapping[str, Points] | None = None,
) -> "Figure":
    """One star: flux, sky and position against time, and where it lies on its first frame.

    Parameters
    ----------
    series : StarSeries
    cut_out : CutOut
    title : str
    flag_names : list of (int, str)
        Value and name of each bit of the flags.
    binned : dict of str to (bjd, value, error), optional
        Binned points of the panels "flux" and "relative".

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.gridspec import GridSpec

    figure = new_figure(12, 8)
    offset = float(np.floor(np.nanmin(series.bjd))) if np.isfinite(series.bjd).any() else 0.0
    hours = (series.bjd - offset) * _HOURS
    points = {name: ((bjd - offset) * _HOURS, value, err) for name, (bjd, value, err) in (binned or {}).items()}
    names = ["relative", "flux", "sky", "position"][series.relative is None :]
    grid = GridSpec(len(names), 1, figure=figure, right=_LEFT_SHARE)
    panels: dict[str, Axes] = {}
    for row, name in enumerate(names):
        panels[name] = figure.add_subplot(grid[row], sharex=panels.get(names[0]))
        _DRAW[name](panels[name], hours, series, points.get(name))
        panels[name].tick_params(labelbottom=name == names[-1])
        panels[name].margins(x=0.02)
    panels[names[-1]].set_xlabel(f"hours since BJD_TDB {offset:.0f}.0")
    _add_airmass(panels[names[0]], hours, series.airmass)
    marked = _mark_flags(
        [panels[name] for name in names if name in ("relative", "flux")], hours, series, flag_names
    )
    heights = [len(names) - 1, 1] if series.compared is None else [2.1, 1.9, 1]
    right = GridSpec(len(heights), 1, figure=figure, height_ratios=heights, left=_LEFT_SHARE + _BETWEEN)
    if series.compared is not None:
        draw_comparison_map(figure.add_subplot(right[1]), series.compared)
    _draw_cut_out(figure.add_subplot(right[0]), cut_out)
    _explain(figure.add_subplot(right[-1]), marked, series, bool(binned))
    arrange(figure, title=title, size=12)
    return figure


def _draw_flux(axes: "Axes", hours: Floats, series: StarSeries, binned: Points | None) -> None:
    axes.errorbar(hours, series.flux, series.fluxerr, fmt=".", ms=4, color=BLUE, ecolor=_GREY, elinewidth=0.7)
    _add_binned(axes, binned)
    axes.set_ylabel("flux [ADU s⁻¹]" if series.is_per_second else "flux [ADU]")
    axes.ticklabel_format(axis="y", style="plain", useOffset=False)  # a factor would lie among the airmasses


def _draw_relative(axes: "Axes", hours: Floats, series: StarSeries, binned: Points | None) -> None:
    assert series.relative is not None  # else there is no such panel
    errors = series.relative_err
    axes.errorbar(hours, series.relative, errors, fmt=".", ms=4, color=BLUE, ecolor=_GREY, elinewidth=0.7)
    _add_binned(axes, binned)
    axes.set_ylabel("relative flux")
    axes.ticklabel_format(axis="y", style="plain", useOffset=False)


def _draw_sky(axes: "Axes", hours: Floats, series: StarSeries, _: Points | None) -> None:
    axes.plot(hours, series.sky, ".", ms=4, color=GREEN)
    axes.set_ylabel("sky [ADU px⁻¹ s⁻¹]" if series.is_per_second else "sky [ADU px⁻¹]")


def _draw_position(axes: "Axes", hours: Floats, series: StarSeries, _: Points | None) -> None:
    for values, colour, marker, name in [(series.x, BLUE, ".", "x"), (series.y, ORANGE, "x", "y")]:
        median = np.median(values[np.isfinite(values)]) if np.isfinite(values).any() else 0.0
        label = f"{name} {'+' if median < 0 else '−'} {abs(median):.1f}"
        axes.plot(hours, values - median, marker, ms=4, color=colour, label=label)
    axes.set_ylabel("position [px]")
    axes.set_title(" ", fontsize=9, y=1.0)  # room for the legend
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), fontsize=8, ncols=2, frameon=False, borderaxespad=0)


_DRAW = {"flux": _draw_flux, "relative": _draw_relative, "sky": _draw_sky, "position": _draw_position}


def _add_binned(axes: "Axes", binned: Points | None) -> None:
    if binned is not None:
        axes.errorbar(*binned, fmt="o", ms=6, mfc="w", mec=BLACK, ecolor=BLACK, zorder=5)


def _add_airmass(axes: "Axes", hours: Floats, airmass: Floats) -> None:
    """Airmass over the ticks of the time axis, each read off the series: it falls and rises in one night."""
    good = np.isfinite(hours) & np.isfinite(airmass)
    top = axes.secondary_xaxis("top")
    top.set_xlabel("airmass")
    if not good.any():
        top.set_xlabel("airmass unknown")
        top.set_xticks([])
        return
    order = np.argsort(hours[good])
    times, values = hours[good][order], airmass[good][order]
    ticks = [tick for tick in axes.get_xticks() if times[0] <= tick <= times[-1]] or [times[0], times[-1]]
    top.set_xticks(ticks, [f"{np.interp(tick, times, values):.3f}" for tick in ticks])


def _mark_flags(
    panels: Sequence["Axes"], hours: Floats, series: StarSeries, flag_names: Sequence[tuple[int, str]]
) -> list[Mark]:
    """Mark flagged frames in the flux panels; the entries of the legend."""
    marked = []
    for (value, name), (marker, colour) in zip(flag_names, MARKS, strict=False):
        hit = (series.flags & value) != 0
        if not hit.any():
            continue
        count = f"{name.replace('_', ' ')}: {hit.sum()} of {hit.size}"
        if hit.all():
            marked.append(("", colour, f"{count}, not marked"))
            continue
        for panel in panels:
            shown = series.flux if panel is panels[-1] or series.relative is None else series.relative
            panel.plot(hours[hit], shown[hit], marker, ms=8, mfc="none", mec=colour, mew=1.1)
        marked.append((marker, colour, count))
    lost = ~np.isfinite(series.flux)
    if lost.any():
        for panel in panels:
            panel.plot(
                hours[lost],
                np.zeros(lost.sum()),
                "|",
                ms=14,
                color=VERMILION,
                transform=panel.get_xaxis_transform(),
            )
        marked.append(("|", VERMILION, f"no flux: {lost.sum()} of {lost.size}"))
    return marked


def _draw_cut_out(axes: "Axes", cut_out: CutOut) -> None:
    """The star on its frame; coordinates are 0-based pixels, whole numbers are centres of pixels."""
    from matplotlib.colors import AsinhNorm
    from matplotlib.patches import Circle

    axes.set_title(fill_width(cut_out.caption, _CAPTION_IN, _CAPTION_SIZE), fontsize=_CAPTION_SIZE, y=1.0)
    half = max(_SMALLEST_CUT_OUT_PX, 1.4 * cut_out.annulus_px[1])
    stamp, extent = _cut(cut_out, half)
    if stamp.size == 0:
        axes.text(0.5, 0.5, "no image" if cut_out.data is None else "star off the image", ha="center", va="center")
        axes.set(xticks=[], yticks=[])
        return
    sky = np.median(stamp)
    sigma = max(MAD_TO_SIGMA * np.median(np.abs(stamp - sky)), 1.0)
    norm = AsinhNorm(linear_width=2 * sigma, vmin=sky - 2 * sigma, vmax=max(stamp.max(), sky + 10 * sigma))
    axes.imshow(stamp, origin="lower", extent=extent, cmap="gray_r", norm=norm, interpolation="nearest")
    for radius, colour in [(cut_out.radius_px, VERMILION), *((radius, BLUE) for radius in cut_out.annulus_px)]:
        axes.add_patch(Circle((cut_out.x, cut_out.y), radius, fill=False, ec=colour, lw=1.4))
    axes.set(xlim=(cut_out.x - half, cut_out.x + half), ylim=(cut_out.y - half, cut_out.y + half), aspect="equal")
    axes.set(xlabel="x [px, 0-based]", ylabel="y [px, 0-based]", facecolor="0.85")


def _cut(cut_out: CutOut, half: float) -> tuple[Counts, tuple[float, float, float, float]]:
    """Pixels within `half` of the star, and their outer edges (left, right, bottom, top)."""
    if cut_out.data is None or not (np.isfinite(cut_out.x) and np.isfinite(cut_out.y)):
        return np.zeros((0, 0)), (0, 0, 0, 0)
    rows, columns = cut_out.data.shape
    left, right = (int(np.clip(round(edge), 0, columns)) for edge in (cut_out.x - half, cut_out.x + half + 1))
    bottom, top = (int(np.clip(round(edge), 0, rows)) for edge in (cut_out.y - half, cut_out.y + half + 1))
    stamp = cut_out.data[bottom:top, left:right].astype(np.float32)
    return stamp, (left - 0.5, right - 0.5, bottom - 0.5, top - 0.5)


def _explain(axes: "Axes", marked: Sequence[Mark], series: StarSeries, is_binned: bool) -> None:
    """The legend of the flux panels."""
    from matplotlib.lines import Line2D

    entries = [Line2D([], [], ls="", marker=".", color=BLUE, label=f"one frame ({series.flux.size} in all)")]
    entries += [
        Line2D([], [], ls="", marker=marker, mfc="none", mec=colour, ms=8, label=text)
        for marker, colour, text in marked
    ]
    if is_binned:
        entries.insert(1, Line2D([], [], ls="", marker="o", mfc="w", mec=BLACK, label="binned"))
    axes.axis("off")
    axes.legend(handles=entries, loc="upper left", fontsize=8.5, frameon=False, borderaxespad=0)
