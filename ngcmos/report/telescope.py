"""The telescope's health over the nights: focus, zero point, pointing, flat, bias, dark, hot pixels; their steps.

``health_of(numbers, summaries) -> Health``; ``draw_health(health) -> (HTML, plots)``.
"""

import dataclasses
import datetime
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from ngcmos.arrays import Floats
from ngcmos.report import html as page
from ngcmos.report.calibration import FLAT_CHANGE
from ngcmos.report.plots import BLUE, Plot, points, worth_drawing
from ngcmos.report.summary import NightSummary
from ngcmos.season.health import NightNumbers, Step, find_steps


@dataclasses.dataclass(frozen=True)
class Quantity:
    """A number of a night: in words, its unit, how it is written, the least scatter that is believed."""

    name: str
    said: str
    unit: str
    form: str
    floor: float


OF_FIELD = (
    Quantity("fwhm_px", "focus: FWHM", "px", ".2f", 0.02),
    Quantity("clear_zp", "zero point", "mag", ".3f", 0.005),
    Quantity("off_x_px", "pointing in x", "px", ".1f", 0.5),
    Quantity("off_y_px", "pointing in y", "px", ".1f", 0.5),
    Quantity("precision", "scatter of bright stars", "", ".4f", 0.0003),
)
OF_CALIBRATION = (
    Quantity("bias_adu", "bias", "ADU", ".1f", 0.3),
    Quantity("dark_adu_s", "dark", "ADU/s", ".3g", 0.02),
    Quantity("hot_pixels", "hot pixels", "", ".0f", 10.0),
)
FLAT = Quantity("flat_change", "change of the flat", "", ".2%", 0.001)
_JD_OF_UNIX = 2440587.5


@dataclasses.dataclass(frozen=True, eq=False)
class Health:
    """Series of numbers over nights, and what has changed for good.

    Attributes
    ----------
    nights : sequence of str
    series : dict of Quantity to (nights,) array
        NaN where unknown.
    steps : list of (Quantity, night, Step)
        The newest first.
    new_flats : list of (night, change)
        Nights whose flat differs from the one before by more than flats usually do.
    """

    nights: Sequence[str]
    series: Mapping[Quantity, Floats]
    steps: Sequence[tuple[Quantity, str, Step]]
    new_flats: Sequence[tuple[str, float]] = ()

    def sentences(self) -> list[str]:
        """What has changed, the newest first."""
        told = [(night, say_step(quantity, night, step)) for quantity, night, step in self.steps]
        flats = [
            (night, f"the flat of {night} differs from that before by {by:.1%}: dust?")
            for night, by in self.new_flats
        ]
        return [sentence for _, sentence in sorted([*told, *flats], reverse=True)]


def say_step(quantity: Quantity, night: str, step: Step) -> str:
    """A step in words."""
    before, after = (format(value, quantity.form) for value in (step.before, step.after))
    unit = f" {quantity.unit}" if quantity.unit else ""
    return f"{quantity.said} went from {before} to {after}{unit} on {night} ({step.sigma:.0f} sigma)"


def health_of(numbers: Sequence[NightNumbers], summaries: Iterable[NightSummary]) -> Health:
    """The Health of nights.

    Parameters
    ----------
    numbers : sequence of ngcmos.season.health.NightNumbers
    summaries : iterable of ngcmos.report.summary.NightSummary
        Of pages of any nights: levels of the masters.
    """
    levels = {one.night: one.levels for one in summaries}
    of_field = {one.night: one for one in numbers}
    nights = sorted({*of_field, *levels})
    series = {
        quantity: _series([getattr(known.get(night), quantity.name, None) for night in nights])
        for known, quantities in ((of_field, OF_FIELD), (levels, (*OF_CALIBRATION, FLAT)))
        for quantity in quantities
    }
    steps = [
        (quantity, nights[step.at], step)
        for quantity in (*OF_FIELD, *OF_CALIBRATION)
        for step in find_steps(series[quantity], floor=quantity.floor)
    ]
    flats = series[FLAT]
    limit = max(FLAT_CHANGE, 3 * float(np.nanmedian(flats))) if np.isfinite(flats).any() else np.inf
    new = [(nights[at], float(flats[at])) for at in np.flatnonzero(flats > limit)]
    return Health(nights, series, sorted(steps, key=lambda one: one[1], reverse=True), new)


def _series(values: Iterable[float | None]) -> Floats:
    return np.array([np.nan if value is None else value for value in values], float)


def draw_health(health: Health) -> tuple[page.Html, list[Plot]]:
    """The chapter of the telescope, and its plots."""
    days = np.array([_day_of(night) for night in health.nights])
    plots = [
        Plot(
            f"h-{quantity.name}", quantity.said, days, [points(quantity.said, values, BLUE)],
            unit=quantity.unit, x_label="JD - 2450000", names="nights", height=160,
        )
        for quantity, values in health.series.items()
    ]  # fmt: skip
    drawn = worth_drawing(plots)
    told = page.items(health.sentences()) or page.paragraph("Nothing has changed for good.")
    return page.section("Telescope", told, page.plot_places(drawn), anchor="telescope"), drawn


def _day_of(night: str) -> float:
    """JD of its evening less 2450000; NaN where the name is no date."""
    try:
        day = datetime.datetime.strptime(night, "%Y%m%d").replace(tzinfo=datetime.UTC)
    except ValueError:
        return float("nan")
    return day.timestamp() / 86400 + _JD_OF_UNIX - 2450000 + 1
