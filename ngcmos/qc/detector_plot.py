"""Figure of a measured detector: photon transfer curves and deviations from a line; returned, not written."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ngcmos.arrays import Floats
from ngcmos.qc.layout import arrange, name_decades
from ngcmos.qc.plots import BLACK, BLUE, VERMILION, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclasses.dataclass(frozen=True, eq=False)
class TransferPanel:
    """One read mode: signals (ADU) and variances (ADU2) of flats; gain, read noise (ADU), step; deviations."""

    mode: str
    signal: Floats
    variance: Floats
    gain_e_adu: float
    noise_adu: float
    step_adu: float
    linear_signal: Floats
    linear_deviation: Floats


def plot_transfer(panels: Sequence[TransferPanel], *, title: str) -> "Figure":
    """Figure with two panels a read mode."""
    figure = new_figure(11, 4.2 * len(panels))
    axes = figure.subplots(len(panels), 2, squeeze=False)
    for row, panel in zip(axes, panels, strict=True):
        _draw_curve(row[0], panel)
        row[1].axhline(0, color=BLACK, lw=0.8)
        row[1].plot(panel.linear_signal, 100 * panel.linear_deviation, "o", ms=4, color=BLUE)
        row[1].set(xlabel="signal, ADU", ylabel="deviation from a line, %", title="linearity (steady light)")
    arrange(figure, title=title, size=12)
    return figure


def _draw_curve(axes: "Axes", panel: TransferPanel) -> None:
    """Variance over signal, and what gain and read noise make of it."""
    axes.set(xlabel="signal, ADU", ylabel="variance, ADU²", title=panel.mode)
    if not (panel.variance > 0).any():
        axes.text(0.5, 0.5, "no pair of flats tells a variance", ha="center", transform=axes.transAxes)
        return
    axes.loglog(panel.signal, panel.variance, ".", ms=3, color=BLUE, label="pairs of flats")
    if np.isfinite(panel.gain_e_adu) and panel.signal.size:
        model = panel.signal / panel.gain_e_adu + np.nan_to_num(panel.noise_adu) ** 2
        axes.loglog(panel.signal, model, color=VERMILION, lw=1, label=f"{panel.gain_e_adu:.4g} e/ADU")
    if np.isfinite(panel.step_adu):
        axes.axvline(panel.step_adu, color=BLACK, ls="--", lw=0.8, label=f"gain step, {panel.step_adu:.0f} ADU")
    name_decades(axes.xaxis)
    name_decades(axes.yaxis)
    axes.legend()
