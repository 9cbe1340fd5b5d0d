"""The page of a season: its nights, what stars scatter by, what varies, repeats or dips, any star on demand.

``draw_season(facts, made_of=...) -> str``, HTML that needs nothing but itself; ``write_season(folder, ...)``
writes it where it is not that of the season any more.
"""

import base64
import calendar
import dataclasses
import itertools
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from astropy.table import Row

from ngcmos.arrays import Floats, Ints, Shape
from ngcmos.names import Level, star_name
from ngcmos.night.fingerprint import code_of, digest_of
from ngcmos.night.products import write_text
from ngcmos.report import html as page
from ngcmos.report.plots import BLUE, GREEN, GREY, PURPLE, VERMILION, Plot, line, plain, points, worth_drawing
from ngcmos.report.season_curves import Curve, dip_of, wave_of
from ngcmos.report.season_facts import NightOfSeason, SeasonFacts, gather_season
from ngcmos.report.summary import read_summaries
from ngcmos.report.telescope import draw_health
from ngcmos.season.archive import SeasonFolder, read_mark
from ngcmos.season.injection import Completeness, read_completeness
from ngcmos.season.update import Gathered

ROOMS = tuple(
    f"ngcmos.report.{name}"
    for name in ("html", "plots", "season_curves", "season_facts", "season_page", "telescope")
)
MOST_SHOWN = 60  # stars of a list
CANDIDATES = 20  # of dips, that are shown whether sure or not
MOST_MEANS = 900_000  # nightly means on the page: those of the faintest constant stars are left out beyond
SMOOTHED = 51  # stars whose expected scatter is put together
_STEP = 1e-4  # of a nightly mean on the page
_ID_DIGITS, _PLACE_DIGITS = 19, 10
_COLUMNS = ("Tmag", "gaiabp", "gaiarp", "radius_px", "nights", "points", "rms", "rms_expected", "rms_night")
_FOUND = ("rms_night_expected", "period_d", "period_fap", "amplitude", "alias_d", "dip_period_d", "dip_depth")
_DIPS = ("dip_duration_h", "dip_snr", "dips", "contamination", "known_period_d")


def draw_season(facts: SeasonFacts, *, made_of: str) -> str:
    """The page of a season.

    Parameters
    ----------
    facts : ngcmos.report.season_facts.SeasonFacts
    made_of : str
        Kept in its head; see `ngcmos.report.html.read_summary`.
    """
    curves: list[dict[str, object]] = []
    plots = worth_drawing([_draw_scatter(facts), _draw_chart(facts)])
    telescope, of_telescope = draw_health(facts.health)
    body = page.join(
        page.Html(f"<h1>Season of {page.text(facts.field)}</h1>"),
        page.verdict(_level_of(facts.nights), _say_season(facts)),
        page.paragraph(f"Some nights were {facts.otherwise}.") if facts.otherwise else "",
        *(page.paragraph(f"{told[0].upper()}{told[1:]}.") for told in facts.told),
        _draw_contents(),
        _draw_finder(),
        _draw_nights(facts.nights),
        _draw_precision(plots),
        _draw_variables(facts, curves),
        _draw_dips(facts, curves),
        _draw_completeness(facts.completeness),
        telescope,
        page.paragraph("Plots: drag to zoom, double-click for all, click for the star.", dim=True),
    )
    data = {"season": _stars_as_json(facts) | {"curves": curves}}
    names = {"stars": [star_name(tic) for tic in facts.stars["tic_id"].tolist()], "nights": facts.health.nights}
    plots = [*plots, *of_telescope]
    title = f"Season of {facts.field}"
    return page.document(
        title, body, summary={"made_of": made_of}, plots=plots, names=names, data=data, scripts=("season.js",)
    )


def _level_of(nights: Sequence[NightOfSeason]) -> Level:
    """That of the newest night."""
    return nights[-1].level if nights else Level.LOOK


def _say_season(facts: SeasonFacts) -> str:
    nights, stars = facts.nights, facts.stars
    span = f"{len(nights)} nights, {nights[0].night} to {nights[-1].night}" if nights else "no nights"
    used, taken = sum(one.used for one in nights), sum(one.frames for one in nights)
    varies, dips = int(np.asarray(stars["variable"], bool).sum()), int(facts.sure_dips.sum())
    last = f"; the last night: {nights[-1].why}" if nights and nights[-1].why else ""
    found = f"{len(stars)} stars, {varies} vary, {dips} with sure dips"
    return f"{span}; {used} of {taken} frames count; {found}{last}"


def _draw_contents() -> page.Html:
    chapters = [("find", "a star"), ("nights", "nights"), ("precision", "precision"), ("varies", "what varies")]
    chapters += [("dips", "dips"), ("telescope", "telescope")]
    links = "\n".join(page.link(f"#{anchor}", label) for anchor, label in chapters)
    return page.Html(f"<nav>{links}\n{page.link('../../shifts_plots/index.html', 'all nights')}</nav>")


def _draw_finder() -> page.Html:
    """Where a star is looked for and shown; filled by the page's script."""
    field = '<input id="search" type="search" placeholder="Gaia id, TIC id or name" autocomplete="off">'
    places = '<div id="matches"></div><div id="star" hidden><div id="who"></div><div class="plots">'
    plots = "".join(
        f'<div class="plot"><h3></h3><div id="star-{n}"></div><output></output></div>' for n in range(3)
    )
    return page.section("A star", page.Html(f"{field}{places}{plots}</div></div>"), anchor="find")


def _draw_nights(nights: Sequence[NightOfSeason]) -> page.Html:
    """Months with their nights, and all of them as a table."""
    months = [
        _draw_month(month, list(own)) for month, own in itertools.groupby(nights, key=lambda one: one.night[:6])
    ]
    told = "Each night by its own verdict; the number is what bright stars scatter by in ten minutes, mmag."
    head = ["night", "verdict", "frames", "count", "hours", "10 min [mmag]", "whole night [mmag]", "zero point"]
    head += ["FWHM [px]", "sky [ADU]", "light [%]", "why"]
    listed = page.table(head, [_night_row(one) for one in nights], marks=[one.level for one in nights])
    table = page.Html(f"<details><summary>All nights as a table</summary>{listed}</details>")
    return page.section(
        "Nights",
        page.paragraph(told, dim=True),
        page.Html(f'<div class="months">{"".join(months)}</div>'),
        table,
        anchor="nights",
    )


def _draw_month(month: str, nights: Iterable[NightOfSeason]) -> page.Html:
    year, number = int(month[:4]), int(month[4:])
    known = {int(one.night[6:]): one for one in nights}
    weeks = calendar.Calendar().monthdayscalendar(year, number)
    lines = "".join(f"<tr>{''.join(_draw_day(day, known.get(day)) for day in week)}</tr>" for week in weeks)
    return page.Html(f"<table><caption>{calendar.month_name[number]} {year}</caption>{lines}</table>")


def _draw_day(day: int, night: NightOfSeason | None) -> str:
    if night is None:
        return f"<td>{day or ''}</td>"
    said = f"{night.night}: {night.level}, {night.used} of {night.frames} frames count"
    said += f"; {night.why}" if night.why else ""
    label = page.Html(f"{day}<small>{_millimag(night.fine)}</small>")
    link = page.link(_page_of(night.night), label)
    return f'<td class="{night.level}" title="{page.text(said)}">{link}</td>'


def _page_of(night: str) -> str:
    return f"../../shifts_plots/night_report_{night}.html"


def _night_row(night: NightOfSeason) -> list[object]:
    middle = night.middle
    numbers: list[object] = [_cell(middle[name]) for name in ("zp", "fwhm_px", "sky")]
    light = _cell(100 * middle["transparency"])
    counts: list[object] = [night.level, night.frames, night.used, round(night.hours, 2)]
    scatter: list[object] = [_millimag(night.fine), _millimag(night.whole)]
    return [page.link(_page_of(night.night), night.night), *counts, *scatter, *numbers, light, night.why]


def _cell(value: float) -> object:
    return float(f"{value:.4g}") if np.isfinite(value) else "–"


def _millimag(scatter: float) -> str:
    return f"{1085.7 * scatter:.1f}" if np.isfinite(scatter) else "–"


def _draw_precision(plots: Sequence[Plot]) -> page.Html:
    told = (
        "Points are frames, nights the nightly means, the season the mean of all nights; lines: what is expected."
    )
    return page.section("Precision", page.paragraph(told, dim=True), page.plot_places(plots), anchor="precision")


def _draw_scatter(facts: SeasonFacts) -> Plot:
    """Scatter against magnitude of points, nights and season."""
    stars = facts.stars
    scatter = {name: np.asarray(stars[name], float) for name in _COLUMNS + _FOUND}
    season = scatter["rms_night"] / np.sqrt(np.maximum(scatter["nights"], 1))
    varies = np.where(np.asarray(stars["variable"], bool), scatter["rms_night"], np.nan)
    series = [
        points("points", 100 * scatter["rms"], GREY, size=3),
        points("nights", 100 * scatter["rms_night"], BLUE),
        points("season", 100 * season, GREEN, size=3),
        points("nights of variables", 100 * varies, PURPLE, size=6),
        line("points expected", 100 * _smooth(scatter["rms_expected"]), GREY),
        line("nights expected", 100 * _smooth(scatter["rms_night_expected"]), BLUE, dash=(6, 4)),
    ]
    mag = scatter["Tmag"]
    known = np.flatnonzero(np.isfinite(mag))
    return Plot(
        "scatter", "Scatter against magnitude", mag[known], [one.take(known) for one in series],
        unit="%", x_label="Tmag", log=True, names="stars", ids=known, height=320,
    )  # fmt: skip


def _smooth(values: Floats) -> Floats:
    """Running median."""
    middle = np.full(values.size, np.nan)
    for at in range(values.size):
        near = values[max(0, at - SMOOTHED // 2) : at + SMOOTHED // 2 + 1]
        near = near[np.isfinite(near)]
        middle[at] = np.median(near) if near.size else np.nan
    return middle


def _draw_chart(facts: SeasonFacts) -> Plot:
    """The stars as they stand on the sky, north up and east left."""
    stars = facts.stars
    ra, dec = (np.asarray(stars[name], float) for name in ("ra_deg", "dec_deg"))
    unit = np.exp(1j * np.radians(ra))
    middle = np.degrees(np.angle(np.nanmean(unit))) if len(stars) else 0.0
    across = -((ra - middle + 180) % 360 - 180) * np.cos(np.radians(dec))
    order = np.argsort(across, kind="stable")
    order = order[np.isfinite(across[order])]
    varies, dips = np.asarray(stars["variable"], bool), facts.sure_dips
    kinds = [("constant", ~varies & ~dips, BLUE, 3), ("varies", varies, PURPLE, 7), ("dips", dips, VERMILION, 6)]
    series = [
        points(name, np.where(held, dec, np.nan)[order], colour, size=size) for name, held, colour, size in kinds
    ]
    return Plot(
        "chart", "Where they stand", across[order], series,
        unit="Dec, degrees", x_label=f"degrees west of RA {middle % 360:.2f}", names="stars", ids=order,
        height=320,
    )  # fmt: skip


def _draw_variables(facts: SeasonFacts, curves: list[dict[str, object]]) -> page.Html:
    """The stars that vary, those that vary most for their errors first."""
    stars = facts.stars
    size = np.nan_to_num(np.asarray(stars["amplitude"], float))
    beyond = np.nan_to_num(np.asarray(stars["rms_night"], float) - np.asarray(stars["rms_night_expected"], float))
    order = np.argsort(-np.fmax(size, beyond), kind="stable")
    chosen = order[np.asarray(stars["variable"], bool)[order]]
    rows = []
    for star in chosen[:MOST_SHOWN].tolist():
        row = stars[star]
        curve = wave_of(facts.binned, star, row) or _nights_of(facts, star)
        alias = f" or {row['alias_d']:.5g}" if np.isfinite(row["alias_d"]) and row["period_fap"] < 1 else ""
        period = f"{row['period_d']:.6g}{alias}" if curve.x_label == "phase" else "–"
        numbers = [f"{row['period_fap']:.1e}", _percent(row["amplitude"]), _percent(row["rms_night"])]
        rows.append([*_who(facts, star, curve, curves), period, *numbers, _cell(float(row["contamination"]))])
    head = ["curve", "star", "Tmag", "period [d]", "chance", "amplitude"]
    head += ["scatter of nights", "light of neighbors"]
    return _list("What varies", "varies", head, rows, len(chosen))


def _draw_dips(facts: SeasonFacts, curves: list[dict[str, object]]) -> page.Html:
    """The stars with dips, the surest first."""
    snr = np.nan_to_num(np.asarray(facts.stars["dip_snr"], float))
    order = np.argsort(-snr, kind="stable")
    chosen = [
        star
        for at, star in enumerate(order.tolist())
        if snr[star] > 0 and (at < CANDIDATES or facts.sure_dips[star])
    ]
    rows = []
    for star in chosen[:MOST_SHOWN]:
        row = facts.stars[star]
        curve = dip_of(facts.binned, star, row)
        if curve is None:
            continue
        period = f"{row['dip_period_d']:.6g}" if np.isfinite(row["dip_period_d"]) else "once"
        shape = [f"{row['dip_t0_bjd']:.4f}", _percent(row["dip_depth"]), _cell(float(row["dip_duration_h"]))]
        numbers = [*shape, int(row["dips"]), _cell(float(row["dip_snr"]))]
        rows.append([*_who(facts, star, curve, curves), period, *numbers, _cell(float(row["contamination"]))])
    head = ["curve", "star", "Tmag", "period [d]", "middle [BJD]", "depth", "hours", "seen", "depth / error"]
    told = "Noise alone reaches 6; beyond 6.5 one constant star in a thousand. Those below are candidates at best."
    return _list("Dips", "dips", [*head, "light of neighbors"], rows, len(chosen), told)


def _draw_completeness(one: Completeness | None) -> page.Html:
    """Share of planted transits that is found, by magnitude and depth."""
    if one is None:
        return page.paragraph("Which transits it would find: season.py --completeness.", dim=True)
    rows: list[list[object]] = []
    for (low, high), found, tried in zip(itertools.pairwise(one.magnitudes), one.found, one.tried, strict=True):
        shares = [f"{100 * is_in / of:.0f} %" if of else "–" for is_in, of in zip(found, tried, strict=True)]
        rows.append([f"{low:g}–{high:g}", *shares])
    head = ["Tmag", *(f"{100 * depth:g} % deep" for depth in one.depths)]
    told = (
        "Transits of 2.5 h, three or more of them in the hours observed, planted into constant stars: share found."
    )
    return page.join(
        page.heading("Which transits are found"), page.paragraph(told, dim=True), page.table(head, rows)
    )


def _list(
    title: str, anchor: str, head: Sequence[str], rows: Sequence[Sequence[object]], count: int, told: str = ""
) -> page.Html:
    """A chapter with a table of stars."""
    hidden = count - len(rows)
    more = f"and {hidden} more: stars.py --nights all --variable lists all" if hidden > 0 else ""
    remark = page.paragraph(told, dim=True) if told else ""
    table = page.table(head, rows) if rows else page.paragraph("None.")
    return page.section(title, remark, table, page.paragraph(more, dim=True) if more else "", anchor=anchor)


def _who(facts: SeasonFacts, star: int, curve: Curve, curves: list[dict[str, object]]) -> list[object]:
    """Cells that every list begins with; the curve goes to those that open large."""
    row = facts.stars[star]
    curves.append(curve.as_json(star))
    small = page.Html(f'<button class="curve" data-star="{star}">{curve.drawn_small()}</button>')
    known = _say_known(row)
    name = page.Html(f'<button data-star="{star}">TIC {row["tic_id"]}</button>{known}')
    return [small, name, f"{row['Tmag']:.2f}"]


def _say_known(row: Row) -> page.Html:
    """Name, kind and period of a known star."""
    if not row["name"]:
        return page.Html("")
    period = f", {row['known_period_d']:.6g} d" if np.isfinite(row["known_period_d"]) else ""
    return page.Html(
        f'<br><span class="dim">{page.text(row["name"])} {page.text(row["known_kind"])}{period}</span>'
    )


def _percent(value: float) -> str:
    return f"{100 * value:.2f} %" if np.isfinite(value) else "–"


def _nights_of(facts: SeasonFacts, star: int) -> Curve:
    """A star night after night."""
    days = facts.bjd - np.floor(np.nanmin(facts.bjd)) if np.isfinite(facts.bjd).any() else facts.bjd
    return Curve("nights", "days", days, 1 + facts.mean[:, star], facts.error[:, star])


def _stars_as_json(facts: SeasonFacts) -> dict[str, object]:
    """What the page's script knows of each star; nightly means in steps of 0.0001, as bytes."""
    stars = facts.stars
    columns: dict[str, object] = {name: plain(stars[name]) for name in (*_COLUMNS, *_FOUND, *_DIPS)}
    columns |= {name: plain(stars[name], digits=_PLACE_DIGITS) for name in ("ra_deg", "dec_deg", "dip_t0_bjd")}
    columns |= {
        name: [str(one) for one in stars[name].tolist()] for name in ("gaia_id", "tic_id", "name", "known_kind")
    }
    columns["variable"] = plain(np.asarray(stars["variable"], int))
    shown = _with_means(facts)
    mean = np.nan_to_num(np.clip(np.round(facts.mean[:, shown] / _STEP), -32000, 32000), nan=-32768)
    error = np.nan_to_num(np.clip(np.round(facts.error[:, shown] / _STEP), 0, 32000))
    packed = {"mean": _bytes_of(mean.T), "error": _bytes_of(error.T), "with_means": shown.tolist()}
    nights = {"nights": [one.night for one in facts.nights], "bjd": plain(facts.bjd, digits=12), "step": _STEP}
    return {"stars": columns} | packed | nights


def _with_means(facts: SeasonFacts) -> Ints:
    """The stars whose nightly means there is room for: those that vary or dip, then the brightest."""
    room = MOST_MEANS // max(len(facts.nights), 1)
    odd = np.asarray(facts.stars["variable"], bool) | facts.sure_dips
    chosen: Ints = np.sort(np.argsort(~odd, kind="stable")[:room])
    return chosen


def _bytes_of(values: Floats) -> str:
    return base64.b64encode(values.astype("<i2").tobytes()).decode("ascii")


def write_season(folder: SeasonFolder, base: Path, shape: Shape, gathered: Gathered | None = None) -> bool:
    """Draw the page of a season where it is not that of its files and nights; whether it was drawn.

    Parameters
    ----------
    folder : SeasonFolder
    base : Path
        Of the nights, whose pages tell of masters.
    shape : (rows, columns)
        Of the chip.
    gathered : Gathered, optional
        What was read of the season already.

    Raises
    ------
    WriteError
        The disk is full, read-only or failing.
    ProductError
        A file of the season is damaged.
    """
    summaries = read_summaries(base)
    levels = [[one.night, dataclasses.astuple(one.levels)] for one in summaries]
    known = read_completeness(folder)
    found = None if known is None else dataclasses.astuple(known)
    made_of = digest_of(json.dumps([read_mark(folder.stars), levels, found, code_of(*ROOMS)], sort_keys=True))
    if folder.page.is_file():
        with folder.page.open(encoding="utf-8", errors="replace") as file:
            there = page.read_summary(file.read(page.HEAD_BYTES)) or {}
        if there.get("made_of") == made_of:
            return False
    write_text(folder.page, draw_season(gather_season(folder, shape, summaries, gathered), made_of=made_of))
    return True
