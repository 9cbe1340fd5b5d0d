"""The page of a night while it is observed: the targets' curves so far, what is expected when, and the frames.

``draw_live(LiveFacts(...)) -> str``; ``say_expected(...)`` and ``say_sure(...)`` are what it says of a target. It
has the name of the morning page, which takes its place, and reloads itself in the browser.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from ngcmos.lightcurves.live import LiveCurve, LiveFrames
from ngcmos.lightcurves.series import BinLength, assign_bins, bin_points
from ngcmos.names import Level, Quality
from ngcmos.night.spans import DAY_S, clock
from ngcmos.report import html as page
from ngcmos.report.field import shift_reach
from ngcmos.report.plots import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    SKYBLUE,
    Band,
    Plot,
    Series,
    merge,
    plain,
    points,
    worth_drawing,
)
from ngcmos.report.transit import limit_in_words
from ngcmos.transits.curve import Curve, bin_curve
from ngcmos.transits.ephemeris import Ephemeris, Expected, expect
from ngcmos.transits.fit import FEWEST_POINTS, USUAL_DURATION_D, TransitFit, fit_transit
from ngcmos.transits.shape import limb_of

REFRESH_S = 30
MOST_POINTS = 60  # that are fitted: a fit takes as long as it has points
BIN = BinLength(minutes=5.0)
MARGIN_SIGMA = 6.0  # of the bins: points far off do not flatten the curve
_MINUTE_S, _HOURS_A_DAY = 60.0, 24.0
_LATE_S = 3600.0  # so long after its end a transit is still spoken of


@dataclasses.dataclass(frozen=True, eq=False)
class LiveTarget:
    """A target so far: name, what is said of it, curve, start and end of the expected transit in seconds UTC."""

    name: str
    said: Sequence[str]
    curve: LiveCurve
    expected: tuple[float, float] | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class LiveField:
    """A field that is observed."""

    name: str
    frames: LiveFrames
    targets: Sequence[LiveTarget]


@dataclasses.dataclass(frozen=True, eq=False)
class LiveFacts:
    """All that the page tells: how following goes, in a line; now, and when it ends, in seconds UTC; the newest
    field first."""

    date: str
    told: str
    now: float
    end: float
    fields: Sequence[LiveField]
    made: str = ""


@dataclasses.dataclass(frozen=True, eq=False)
class _Transit:
    """An expected transit in seconds UTC; start and end are NaN where its length is not known."""

    start: float
    middle: float
    end: float
    error_s: float
    depth: float


def say_expected(
    curve: LiveCurve, frames: LiveFrames, ephemerides: Sequence[Ephemeris], *, now: float, end: float
) -> tuple[list[str], tuple[float, float] | None]:
    """(which transit comes when; its start and end in seconds UTC, None where none comes tonight).

    Parameters
    ----------
    curve, frames : LiveCurve, LiveFrames
    ephemerides : sequence of Ephemeris
    now, end : float
        The moment, and the end of the night, seconds UTC.
    """
    if not ephemerides:
        return ["No ephemeris of it is in targets.csv."], None
    later_s = float(np.nanmedian(frames.unix - curve.bjd_tdb * DAY_S))
    transits = sorted((_next_transit(one, now, later_s) for one in ephemerides), key=lambda one: one.middle)
    first = transits[0]
    begins = first.start if np.isfinite(first.start) else first.middle
    if begins - first.error_s > end:
        when = str(np.datetime64(int(first.middle), "s"))[:16].replace("T", " ")
        return [f"No transit is expected before the night ends; the next one is at {when} UTC."], None
    spans = None if not np.isfinite(first.start) else (first.start, first.end)
    return [_say_moments(first), _say_where(first, now)], spans


def _next_transit(ephemeris: Ephemeris, now: float, later_s: float) -> _Transit:
    """The transit that is on, was over a little while ago, or comes next."""
    half_d = ephemeris.duration_d / 2 if ephemeris.duration_d > 0 else np.nan
    number = int(
        np.ceil(
            ((now - later_s - _LATE_S) / DAY_S - np.nan_to_num(half_d) - ephemeris.t0_bjd) / ephemeris.period_d
        )
    )
    middle = ephemeris.mid(number) * DAY_S + later_s
    half_s, error_s = half_d * DAY_S, ephemeris.mid_err(number) * DAY_S
    return _Transit(middle - half_s, middle, middle + half_s, error_s, ephemeris.depth)


def _say_moments(transit: _Transit) -> str:
    known = f" ± {max(1, round(transit.error_s / _MINUTE_S))} min" if transit.error_s > 0 else ""
    deep = f", {transit.depth:.2%} deep" if transit.depth > 0 else ""
    if not np.isfinite(transit.start):
        return f"Expected: middle at {clock(transit.middle)}{known} UTC{deep}."
    moments = (
        f"ingress at {clock(transit.start)}, middle at {clock(transit.middle)}, egress at {clock(transit.end)}"
    )
    return f"Expected: {moments},{known or ' each'} UTC{deep}."


def _say_where(transit: _Transit, now: float) -> str:
    if not np.isfinite(transit.start):
        return f"Its middle {_say_span(transit.middle - now)}."
    if now < transit.start:
        return f"It begins {_say_span(transit.start - now)}."
    return (
        f"It is on; egress {_say_span(transit.end - now)}."
        if now < transit.end
        else f"It ended {_say_span(transit.end - now)}."
    )


def _say_span(seconds: float) -> str:
    minutes = round(abs(seconds) / _MINUTE_S)
    length = f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min"
    return f"in {length}" if seconds >= 0 else f"{length} ago"


def fit_so_far(curve: LiveCurve, frames: LiveFrames, ephemerides: Sequence[Ephemeris]) -> TransitFit | None:
    """The transit by the good frames so far; None while they are too few."""
    good = ~frames.bad & np.isfinite(curve.flux) & (curve.error > 0) & np.isfinite(curve.bjd_tdb)
    airmass = np.where(np.isfinite(frames.airmass), frames.airmass, 1.0)
    night = np.zeros(good.size, int)
    whole = Curve(curve.bjd_tdb, curve.flux, curve.error, airmass, frames.exptime_s, night)
    points_now = bin_curve(whole.at(good), MOST_POINTS)
    if len(points_now) < FEWEST_POINTS:
        return None
    expected = [expect(one, points_now.bjd_tdb) for one in ephemerides]
    seen: Expected | None = next((one for one in expected if one.is_seen), None)
    return fit_transit(points_now, limb=limb_of(float("nan")), expected=seen)


def say_sure(fit: TransitFit | None, curve: LiveCurve, frames: LiveFrames) -> str:
    """How sure it is that the star dips, and when it ends by the curve itself."""
    if fit is None:
        return "Too few good frames yet to look for a transit."
    if not fit.is_transit:
        limit = limit_in_words(fit.depth_limit, USUAL_DURATION_D * _HOURS_A_DAY)
        return f"No transit beyond doubt so far (BIC difference {fit.bic_difference:.1f}); {limit}."
    later_s = float(np.nanmedian(frames.unix - curve.bjd_tdb * DAY_S))
    middle, half = fit.mid_bjd * DAY_S + later_s, fit.duration_d * DAY_S / 2
    error_s = float(np.hypot(fit.mid_err_d, fit.duration_err_d / 2)) * DAY_S
    return (
        f"Beyond doubt (BIC difference {fit.bic_difference:.0f}): {fit.depth:.2%} ± {fit.depth_err:.2%} deep; "
        f"by its curve so far the middle is at {clock(middle)} ± {fit.mid_err_d * DAY_S / _MINUTE_S:.1f} min, "
        f"the egress at {clock(middle + half)} ± {error_s / _MINUTE_S:.1f} min UTC."
    )


def draw_live(facts: LiveFacts) -> str:
    """The page as HTML."""
    sections, plots = [], []
    for number, field in enumerate(facts.fields):
        section, own = _draw_field(f"f{number}", field)
        sections.append(section)
        plots += own
    is_good = bool(facts.fields) and not facts.fields[0].frames.bad[-1:].any()
    ends = f"it is followed until sunrise, {clock(facts.end)} UTC, and becomes the morning page then"
    body = page.join(
        page.Html(f"<h1>Night {page.text(facts.date)}, while it is observed</h1>"),
        page.verdict(Level.GOOD if is_good else Level.LOOK, facts.told),
        page.paragraph(f"As of {_clock_s(facts.now)} UTC; {ends}. This page reloads itself every {REFRESH_S} s."),
        *sections,
        page.paragraph(f"{facts.made}. Curves are preliminary: they are compared anew in the morning.", dim=True),
    )
    return page.reloading(page.document(f"Night {facts.date}: now", body, summary={}, plots=plots), REFRESH_S)


def _clock_s(unix: float) -> str:
    return str(np.datetime64(int(unix), "s"))[11:19]


def _draw_field(key: str, field: LiveField) -> tuple[page.Html, list[Plot]]:
    parts, plots = [], []
    for number, target in enumerate(field.targets):
        plot = _plot_target(f"{key}-t{number}", key, target, field.frames)
        shown = worth_drawing([plot])
        parts += [page.heading(target.name), page.items(target.said), page.plot_places(shown, wide=True)]
        plots += shown
    beneath = worth_drawing(_plot_frames(key, field.frames))
    told = page.paragraph(say_quality(field.frames))
    return page.section(field.name, *parts, told, page.plot_places(beneath), anchor=key), [*plots, *beneath]


def say_quality(frames: LiveFrames) -> str:
    """How the newest frame is, and how many are of which quality."""
    if not frames.unix.size:
        return "No frame is measured yet."
    counts = {str(one): int((frames.quality == one).sum()) for one in Quality}
    told = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    light = f", {frames.light[-1]:.0%} of the light" if np.isfinite(frames.light[-1]) else ""
    newest = f"Newest frame: {clock(frames.unix[-1])} UTC, {frames.quality[-1]}{light}."
    return f"{newest} {frames.unix.size} frames: {told}."


def _plot_target(key: str, sync: str, target: LiveTarget, frames: LiveFrames) -> Plot | None:
    curve, good = target.curve, ~frames.bad & np.isfinite(target.curve.flux)
    if not good.any():
        return None
    time_d = frames.unix[good] / DAY_S
    bins = bin_points(assign_bins(time_d, BIN), time_d, curve.flux[good], curve.error[good])
    x, values = merge(
        (frames.unix[good], {"frames": curve.flux[good]}),
        (bins.time_d * DAY_S, {"bins": bins.value, "errors": bins.error}),
    )
    series = [
        points("frames", values["frames"], GREY, size=3),
        _with_errors(points("bins of 5 min", values["bins"], BLUE, size=7), values["errors"]),
    ]
    spread = MARGIN_SIGMA * float(np.median(bins.error))
    reach = (float(bins.value.min()) - spread, float(bins.value.max()) + spread)
    bands = [Band(*target.expected, "expected")] if target.expected is not None else []
    title = f"Relative flux, {curve.radius_px:g} px, {curve.comparisons:.0f} comparison stars"
    return Plot(key, title, x, series, time=True, sync=sync, bands=bands, y_range=reach, height=320)


def _with_errors(series: Series, errors: np.ndarray) -> Series:
    return dataclasses.replace(series, look={**series.look, "e": plain(errors)})


def _plot_frames(key: str, frames: LiveFrames) -> list[Plot]:
    """What is known of the frames, over time."""
    x, y = frames.shift_x, frames.shift_y
    shown: tuple[tuple[str, str, list[Series], str], ...] = (
        ("shift", "Shift", [points("x", x, BLUE), points("y", y, ORANGE)], "px"),
        ("light", "Light that came through", [points("light", 100 * frames.light, SKYBLUE)], "%"),
        ("fwhm", "FWHM", [points("FWHM", frames.fwhm_px, GREEN)], "px"),
        ("sky", "Sky", [points("sky", frames.sky, SKYBLUE)], "ADU"),
    )
    plots = [
        Plot(f"{key}-{what}", title, frames.unix, series, unit=unit, time=True, sync=key)
        for what, title, series, unit in shown
    ]
    return [dataclasses.replace(plots[0], y_range=shift_reach(x, y)), *plots[1:]]
