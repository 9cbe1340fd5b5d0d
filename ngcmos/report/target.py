"""The star that a field was observed for, on the morning page: its curve, its transit or the limit on one, and
what speaks against it; other targets and stars that vary beside it, small.

``read_field_targets(config, folder, field) -> FieldTargets | None``, ``draw_targets(targets) -> Html``
"""

import dataclasses
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ngcmos.arrays import Floats
from ngcmos.astrometry.catalog import targets_of
from ngcmos.config import Config
from ngcmos.errors import NgcmosError, ProductError
from ngcmos.lightcurves.series import BinLength, assign_bins, bin_points
from ngcmos.names import Flag, Quality, star_name
from ngcmos.night.fingerprint import code_of, digest_of
from ngcmos.night.products import photometry_path, relative_path, report_path, targets_path
from ngcmos.night.spans import DAY_S, JD_1970, clock
from ngcmos.qc.plots import write_figure
from ngcmos.qc.target_plot import Points, TargetSeries, plot_small, plot_target
from ngcmos.report import html as page
from ngcmos.report.chapter import draw_chapter, read_chapter
from ngcmos.report.facts import FieldFacts
from ngcmos.report.transit import look, sentence, targets_at
from ngcmos.tables.observed import Observed, id_of_row, observed_in
from ngcmos.tables.relative import read_scatter, read_variable
from ngcmos.tables.table import read_stars
from ngcmos.transits.ephemeris import Expected
from ngcmos.transits.result import Result
from ngcmos.transits.star import curve_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BIN = BinLength(minutes=5.0)
MOST_LARGE, MOST_SMALL = 3, 12
WIDE_IN, NARROW_IN = (9.6, 7.4), (4.2, 7.0)  # figures on a laptop and on paper, and on a phone
DOTS_PER_INCH = 110
_ROOMS = (  # whose code makes the chapter
    *[f"ngcmos.report.{name}" for name in ("chapter", "html", "target", "transit")],
    *[f"ngcmos.qc.{name}" for name in ("layout", "plots", "target_plot")],
    *[
        f"ngcmos.{name}"
        for name in ("astrometry.catalog", "lightcurves", "names", "night.spans", "tables", "transits")
    ],
)
_MINUTE_S, _HOURS_A_DAY = 60.0, 24.0
_SPOILING = {
    Flag.SATURATED: "saturated",
    Flag.EDGE: "over the edge of the chip",
    Flag.OFF_CHIP: "off the chip",
    Flag.GAIN_STEP: "within the camera's gain step",
}


@dataclasses.dataclass(frozen=True, eq=False)
class TargetFacts:
    """A target in a night: its name, what is said of it, whether it has a curve, and what is drawn of that."""

    name: str
    said: Sequence[str]
    has_curve: bool = False
    series: TargetSeries | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class FieldTargets:
    """The targets of a field, and (title, binned curve) of those that are shown small.

    `made_of` is a digest of all that enters; `chapter` is what an earlier page drew of the same.
    """

    field: str
    targets: Sequence[TargetFacts]
    others: Sequence[tuple[str, Points]] = ()
    made_of: str = ""
    chapter: page.Html | None = None


def find_field_targets(config: Config, folder: Path, field: FieldFacts) -> FieldTargets | None:
    """The targets of a field as `read_field_targets`, or those of the page that lies there where they stand."""
    made_of = _made_of(config, folder, field)
    standing = read_chapter(report_path(folder), made_of)
    if standing is not None:
        targets = [TargetFacts(name, [said], has_curve=True) for name, said in standing.told]
        return FieldTargets(field.name, targets, made_of=made_of, chapter=standing.content)
    found = read_field_targets(config, folder, field)
    whole = found is not None and all(one.has_curve for one in found.targets)
    return dataclasses.replace(found, made_of=made_of) if found and whole else found


def _made_of(config: Config, folder: Path, field: FieldFacts) -> str:
    """Digest of what enters the chapter: tables, catalog, targets, profile, code; files by size and time."""
    patterns = (photometry_path(folder, "*").name, relative_path(folder, "*").name, f"{field.name}_catalog*")
    paths = sorted(path for pattern in patterns for path in folder.glob(pattern))
    paths += [path for path in [targets_path(config.directories.out)] if path.exists()]
    states = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
    frames = [file.name for file in field.files]
    return digest_of(json.dumps([field.name, states, frames, config.camera.checksum, code_of(*_ROOMS)]))


def read_field_targets(config: Config, folder: Path, field: FieldFacts) -> FieldTargets | None:
    """The targets of a field; None where it has no photometry or no target. What is damaged is said."""
    path = photometry_path(folder, field.name)
    if not path.exists():
        return None
    try:
        stars = read_stars(path)
        flagged = stars["tic_id"][np.asarray(stars["target"], bool)].tolist() if "target" in stars.colnames else []
        ids = _named_first(flagged, field)
        large = [_read_target(config, folder, field.name, tic_id) for tic_id in ids[:MOST_LARGE]]
        others = _read_others(folder, field.name, ids)
    except ProductError as error:
        return FieldTargets(field.name, [TargetFacts("Target", [str(error)])])
    return FieldTargets(field.name, large, others) if large or others else None


def _named_first(flagged: Sequence[int], field: FieldFacts) -> list[int]:
    """Targets, those that the names of the frames tell before those of the list."""
    named = dict.fromkeys(tic_id for file in field.files for tic_id in targets_of(file.name))
    return sorted(flagged, key=lambda tic_id: tic_id not in named)


def _observed(folder: Path, field: str, tic_id: int) -> Observed:
    return next(one for one in observed_in(folder, id_of_row(tic_id)) if one.field == field)


def _read_target(config: Config, folder: Path, field: str, tic_id: int) -> TargetFacts:
    observed = _observed(folder, field, tic_id)
    name = star_name(tic_id)
    try:
        known = [one.name for one in targets_at(config, observed)]
        name = ", ".join(dict.fromkeys([name, *known]))
        result = look(config, [observed])
    except NgcmosError as error:
        return TargetFacts(name, [f"Not looked at for a transit: {error}.", *say_troubles(observed)])
    said = [_say_found(result), *say_expected(result.expected, observed)]
    said += [f"{doubt[0].upper()}{doubt[1:]}" for doubt in result.doubts]
    said += [*_say_curve(result), *say_troubles(observed)]
    return TargetFacts(name, said, has_curve=True, series=_series_of(result))


def _say_found(result: Result) -> str:
    told = sentence(result)
    return f"Transit: {told}." if result.fit.is_transit else f"{told[0].upper()}{told[1:]}."


def say_expected(expected: Expected | None, observed: Observed) -> list[str]:
    """When a transit was expected in UTC, and how surely."""
    if expected is None:
        return []
    if not _is_within(expected, observed):
        return ["By its ephemeris there was no transit while it was observed."]
    start, middle, end, error_s = _moments(expected, observed)
    span = f"from {clock(start)} to {clock(end)}, " if np.isfinite(start) else ""
    depth = f", {expected.depth:.2%} deep" if expected.depth > 0 else ""
    known = f" ± {error_s / _MINUTE_S:.1f} min" if error_s > 0 else ""
    lost = "" if expected.is_seen else "; no frame of that time is good"
    return [f"Expected: {span}middle at {clock(middle)}{known} UTC{depth}{lost}."]


def _is_within(expected: Expected | None, observed: Observed) -> bool:
    """Whether a transit was expected while frames were taken, good or not."""
    if expected is None:
        return False
    half_d = np.nan_to_num(expected.duration_d) / 2
    away = np.abs(observed.column("jd_bary") - expected.mid_bjd)
    return expected.is_seen or bool((away <= half_d).any())


def _say_curve(result: Result) -> list[str]:
    said = [f"Aperture of {result.aperture_px:g} px against {result.comparison_stars} comparison stars."]
    if result.contamination >= 0.01:
        said.append(
            f"Neighbours add {result.contamination:.0%} of its light to the aperture; depths allow for it."
        )
    if result.culprit is not None:
        star = result.culprit
        where = f"{star.separation_arcsec:.0f} arcsec away, Tmag {star.tmag:.1f}"
        said.append(f"It is not this star that dips but {star_name(star.tic_id)}, {where}.")
    return said


def say_troubles(observed: Observed) -> list[str]:
    """What the flags of a star say, with the number of frames."""
    flags = np.asarray(observed.rows["flags"])
    counts = {word: int((flags & flag != 0).sum()) for flag, word in _SPOILING.items()}
    said = [f"It is {word} in {count} of {flags.size} frames." for word, count in counts.items() if count]
    if (flags & Flag.BLENDED).any():
        said.append("It is blended: the catalog has a neighbour of like brightness near.")
    return said


def _moments(expected: Expected, observed: Observed) -> tuple[float, float, float, float]:
    """Start, middle and end of the expected transit in seconds UTC, and the error of the middle in s."""
    later_s = float(np.nanmedian(_unix_of(observed) - observed.column("jd_bary") * DAY_S))
    middle, half = expected.mid_bjd * DAY_S + later_s, expected.duration_d * DAY_S / 2
    return middle - half, middle, middle + half, expected.mid_err_d * DAY_S


def _unix_of(observed: Observed) -> Floats:
    """Mid exposures, seconds UTC."""
    return (observed.column("jd_mid") - JD_1970) * DAY_S


def _series_of(result: Result) -> TargetSeries:
    """What is drawn of the one night of a result."""
    [observed] = result.observed
    assert observed.compared is not None
    unix, bjd = _unix_of(observed), observed.column("jd_bary")
    order = np.argsort(bjd)
    fitted = np.interp(result.fit.curve.bjd_tdb, bjd[order], unix[order])
    expected = result.expected
    return TargetSeries(
        unix=unix,
        flux=observed.compared.flux,
        binned=_binned(observed),
        model=(fitted, result.fit.model) if result.fit.is_transit else None,
        bad=~np.isin(observed.compared.quality, [Quality.GOOD, ""]),
        scatter=read_scatter(
            relative_path(observed.path.parent, observed.field), tmag=float(observed.star["Tmag"])
        ),
        airmass=observed.column("airmass"),
        shift_x=observed.of_frames("shift_x"),
        shift_y=observed.of_frames("shift_y"),
        fwhm_px=observed.of_frames("fwhm_px"),
        sky=observed.column("sky"),
        expected=_moments(expected, observed) if expected and _is_within(expected, observed) else None,
    )


def _binned(observed: Observed) -> Points:
    """Means of 5 minutes of the good frames, over seconds UTC."""
    curve, bjd = curve_of(observed), observed.column("jd_bary")
    order = np.argsort(bjd)
    time_d = np.interp(curve.bjd_tdb, bjd[order], _unix_of(observed)[order]) / DAY_S
    points = bin_points(assign_bins(time_d, BIN), time_d, curve.flux, curve.error)
    return points.time_d * DAY_S, points.value, points.error


def _read_others(folder: Path, field: str, targets: Sequence[int]) -> list[tuple[str, Points]]:
    """Targets that are not shown large, then stars that vary, with their binned curves."""
    curves = relative_path(folder, field)
    if not curves.exists():
        return []
    wanted = [*targets[MOST_LARGE:], *(star for star in read_variable(curves) if star not in targets)]
    shown = []
    for tic_id in wanted[:MOST_SMALL]:
        observed = _observed(folder, field, tic_id)
        if observed.compared is None:
            continue
        points = _binned(observed)
        if points[0].size:
            shown.append((f"{star_name(tic_id)}, Tmag {float(observed.star['Tmag']):.1f}", points))
    return shown


def draw_targets(shown: FieldTargets) -> page.Html:
    """The chapter of the targets of a field."""
    if shown.chapter is not None:
        return shown.chapter
    parts = [_draw_target(shown.field, one) for one in shown.targets]
    if shown.others:
        parts += [page.heading(f"{shown.field}: other targets, and stars that vary"), _draw_others(shown.others)]
    told = [(one.name, one.said[0]) for one in shown.targets if one.has_curve]
    return draw_chapter(page.join(*parts), told, shown.made_of)


def _draw_target(field: str, target: TargetFacts) -> page.Html:
    first, *more = target.said
    head = page.Html(f"<h2>{page.text(f'{target.name}: {field}')}</h2>")
    told = page.join(head, page.paragraph(first), page.items(more))
    if target.series is None:
        return told
    wide, narrow = (
        _png(plot_target(target.series, title=target.name, width=width, height=height))
        for width, height in (WIDE_IN, NARROW_IN)
    )
    caption = f"{target.name} through the night: relative flux, scatter of like stars, air mass, shift, FWHM, sky"
    return page.join(told, page.drawing(wide, narrow, caption))


def _draw_others(others: Sequence[tuple[str, Points]]) -> page.Html:
    wide, narrow = (
        _png(plot_small(others, width=width, columns=columns))
        for (width, _), columns in ((WIDE_IN, 4), (NARROW_IN, 2))
    )
    return page.drawing(wide, narrow, "Curves of " + "; ".join(title for title, _ in others))


def _png(figure: "Figure") -> bytes:
    whole = io.BytesIO()
    write_figure(figure, whole, dpi=DOTS_PER_INCH)
    return whole.getvalue()
