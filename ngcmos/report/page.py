"""The morning page of a night, put together from its facts; the index of all nights.

``draw_page(facts, exhibits) -> str`` and ``draw_index(summaries) -> str``, both HTML.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from ngcmos.arrays import Floats
from ngcmos.names import Level
from ngcmos.night.spans import span_of
from ngcmos.report import html as page
from ngcmos.report.facts import clear_zero_points_of, transparency
from ngcmos.report.field import Exhibits, draw_field_section
from ngcmos.report.night import NightFacts
from ngcmos.report.plots import (
    FOREGROUND,
    GREEN,
    GREY,
    ORANGE,
    SKYBLUE,
    VERMILION,
    Band,
    Plot,
    Series,
    line,
    points,
    worth_drawing,
)
from ngcmos.report.summary import NightSummary
from ngcmos.report.target import draw_targets
from ngcmos.report.used import UsedMaster
from ngcmos.report.verdict import level_of, say_counts, sum_up

EARLIER_SHOWN = 7
UNSEEN_SHOWN = 10
_CALIBRATION_HEAD = [
    "night",
    "bias [ADU]",
    "dark [ADU/s]",
    "hot pixels",
    "flat change [rms]",
    "new unusable in flat",
    "clear zero point",
]


def draw_page(facts: NightFacts, exhibits: Mapping[str, Exhibits]) -> str:
    """The page of a night.

    Parameters
    ----------
    facts : ngcmos.report.night.NightFacts
    exhibits : dict of str to ngcmos.report.field.Exhibits
        Of each field.

    Returns
    -------
    str
        HTML.
    """
    timeline, plots = _draw_timeline(facts)
    fields, clear = [], clear_zero_points_of(facts.fields)
    for number, field in enumerate(facts.fields):
        shown = exhibits.get(field.name, Exhibits())
        told = [one.text for one in facts.remarks if one.field == field.name]
        shown = dataclasses.replace(shown, remarks=told, tonight=facts.tonight.get(field.name))
        section, own = draw_field_section(f"f{number}", field, clear[field.name], shown)
        fields.append(section)
        plots += own
    body = page.join(
        page.Html(f"<h1>Night {page.text(facts.date)}</h1>"),
        _draw_verdict(facts),
        *map(draw_targets, facts.targets),
        _draw_contents(facts),
        _draw_overview(facts),
        _draw_files(facts),
        timeline,
        *fields,
        _draw_calibration(facts),
        _draw_stages(facts),
        _draw_disk(facts),
        _draw_commands(facts),
        page.paragraph(f"{facts.made}. Plots: drag to zoom, double-click for all, click for the frame.", dim=True),
    )
    title = f"Night {facts.date}: {level_of(facts.reasons)}"
    names = {f"f{number}": [file.name for file in field.files] for number, field in enumerate(facts.fields)}
    return page.document(title, body, summary=facts.summary.as_json(), plots=plots, names=names)


def _draw_verdict(facts: NightFacts) -> page.Html:
    why = f"; {sum_up(facts.reasons)}" if facts.reasons else ""
    line = page.verdict(level_of(facts.reasons), say_counts(facts.summary) + why)
    return page.join(line, page.items([reason.what for reason in facts.reasons]))


def _draw_contents(facts: NightFacts) -> page.Html:
    chapters = [("timeline", "timeline"), *((f"f{n}", field.name) for n, field in enumerate(facts.fields))]
    chapters += [("calibration", "calibration"), ("stages", "stages"), ("disk", "disk"), ("again", "run again")]
    links = "\n".join(page.link(f"#{anchor}", label) for anchor, label in chapters)
    return page.Html(f"<nav>{links}\n{page.link('INDEX', 'all nights')}</nav>")


def _draw_overview(facts: NightFacts) -> page.Html:
    if not facts.fields:
        return page.paragraph("No science frames in this night.")
    rows: list[list[object]] = []
    marks = []
    for field in facts.fields:
        counts = field.counts
        known = field.unix[np.isfinite(field.unix)]
        span = span_of(known).removesuffix(" UTC") or "unknown"
        numbers = [counts.measured, counts.taken, counts.refused, counts.waiting, counts.solved]
        own = field.numbers
        middle = [_median(values) for values in (own.fwhm_px, own.sky, own.wcs_rms_px)]
        rows.append([field.name, *numbers, span, *middle])
        whole = counts.measured == counts.taken
        marks.append(Level.GOOD if whole else Level.LOOK if counts.measured else Level.BAD)
    head = ["field", "measured", "of", "refused", "not yet", "solved", "UTC", "FWHM [px]", "sky [ADU]"]
    return page.table([*head, "residual [px]"], rows, marks=marks)


def _draw_files(facts: NightFacts) -> page.Html:
    """What lies in the night, and which files nobody looks at."""
    told = [f"{ascii(one.path.name)[1:-1]}: {one.reason}" for one in facts.unseen[:UNSEEN_SHOWN]]
    more = len(facts.unseen) - len(told)
    told += [f"and {more} more"] if more > 0 else []
    note = page.paragraph(
        f"In the folder: {facts.files}. Not looked at:" if told else f"In the folder: {facts.files}."
    )
    return page.join(note, page.items(told))


def _median(values: Floats) -> float | str:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else "–"


def _draw_timeline(facts: NightFacts) -> tuple[page.Html, list[Plot]]:
    """Sun, Moon and fields; light that came through; sky: the whole night on one axis; and these plots."""
    bands = [
        Band(np.nanmin(field.unix), np.nanmax(field.unix), field.name)
        for field in facts.fields
        if np.isfinite(field.unix).any()
    ]
    drawn = worth_drawing([_draw_almanac(facts, bands), *_draw_sky(facts, bands)])
    moon = [] if facts.almanac is not None else [page.paragraph("Sun and Moon: the folder's name is no date.")]
    return page.section("The night", *moon, page.plot_places(drawn, wide=True), anchor="timeline"), drawn


def _draw_almanac(facts: NightFacts, bands: Sequence[Band]) -> Plot | None:
    if facts.almanac is None:
        return None
    sky = facts.almanac
    series = [line("Sun", sky.sun_deg, ORANGE), line("Moon", sky.moon_deg, GREY, dash=(6, 4))]
    series.append(line("astronomical night", np.full(sky.unix.size, -18.0), FOREGROUND, dash=(2, 4)))
    return Plot(
        "t-alt",
        f"Altitude of Sun and Moon (Moon {sky.moon_lit:.0%} lit), fields shaded",
        sky.unix,
        series,
        unit="degrees",
        time=True,
        bands=bands,
        sync="night",
        height=240,
        y_range=(-90, 90),
    )


def _draw_sky(facts: NightFacts, bands: Sequence[Band]) -> list[Plot]:
    """Plots of light that came through, and of the sky, over all fields."""
    if not facts.fields:
        return []
    clear = clear_zero_points_of(facts.fields)
    edges = facts.almanac.unix[[0, -1]] if facts.almanac is not None else np.zeros(0)
    gap = np.full(edges.size, np.nan)
    unix = np.concatenate([edges, *(field.unix for field in facts.fields)])
    light = np.concatenate([gap, *(transparency(field, clear[field.name]) for field in facts.fields)])
    unsolved = np.concatenate([gap, *(np.where(field.solved, np.nan, 0.0) for field in facts.fields)])
    sky = np.concatenate([gap, *(field.numbers.sky for field in facts.fields)])
    order = np.argsort(unix, kind="stable")
    order = order[np.isfinite(unix[order])]
    nameless = [Band(band.start, band.end, "") for band in bands]

    def through_night(key: str, title: str, series: list[Series], unit: str) -> Plot:
        return Plot(key, title, unix[order], series, unit=unit, time=True, bands=nameless, sync="night")

    through = [points("light", 100 * light[order], SKYBLUE)]
    through.append(points("not solved", unsolved[order], VERMILION, size=6))
    title = "Light that came through, against the clearest tenth of the night"
    return [
        through_night("t-light", title, through, "%"),
        through_night("t-sky", "Sky", [points("sky", sky[order], GREEN)], "ADU"),
    ]


def _draw_calibration(facts: NightFacts) -> page.Html:
    now = facts.calibration
    rows = [_calibration_row(one) for one in (facts.summary, *facts.earlier[:EARLIER_SHOWN])]
    against = f"The flat is compared with that of {now.compared}." if now.compared else "No earlier flat."
    if not facts.earlier:
        against += " No earlier night has a page yet."
    told = [page.table(_CALIBRATION_HEAD, rows), page.paragraph(against), page.items(now.troubles)]
    return page.section("Calibration", _draw_used(now.used), *told, anchor="calibration")


def _draw_used(used: Sequence[UsedMaster]) -> page.Html:
    """The masters that the night was measured with."""
    if not used:
        return page.paragraph("Nothing is measured yet, so no masters were used.")
    rows: list[list[object]] = []
    for one in used:
        age = "–" if one.age_days is None else f"{one.age_days:.1f}"
        frames = f"{one.frames} ({one.left_out} left out)" if one.left_out else one.frames or "–"
        rows.append([one.kind, str(one), frames, age, ", ".join(one.fields)])
    gone = [one.is_missed or (one.was_there and not one.path) for one in used]
    marks = [Level.LOOK if one else Level.GOOD for one in gone]
    return page.table(["master", "file", "frames", "days before", "used for"], rows, marks=marks)


def _calibration_row(night: NightSummary) -> list[object]:
    own = night.levels
    levels = (own.bias_adu, own.dark_adu_s, own.hot_pixels, own.flat_change, own.new_bad_in_flat)
    return [night.night, *map(_cell, (*levels, night.clear_zp))]


def _cell(value: object) -> object:
    return "–" if value is None else value


def _draw_stages(facts: NightFacts) -> page.Html:
    """How long each stage took, when it last had something to do in the chain."""
    if not facts.runs:
        why = facts.ledger_trouble or "the chain has not run over this night, only single scripts"
        return page.section("Stages", page.paragraph(f"No times: {why}."), anchor="stages")
    rows: list[list[object]] = []
    for run in facts.runs:
        counts = map(_cell, (run.done, run.before, run.refused, run.seconds))
        rows.append([run.stage, *counts, run.at[:16].replace("T", "\N{NO-BREAK SPACE}"), run.reason])
    marks = [Level.BAD if run.failed else Level.GOOD for run in facts.runs]
    head = ["stage", "done", "before", "refused", "seconds", "at (UTC)", "trouble"]
    return page.section("Stages", page.table(head, rows, marks=marks), anchor="stages")


def _draw_disk(facts: NightFacts) -> page.Html:
    rows: list[list[object]] = []
    for disk in facts.disks:
        nights = f"{disk.free_mb / disk.used_mb:.0f}" if disk.used_mb > 0 else "–"
        used = f"{disk.used_mb / 1000:.2f}" if disk.used_mb else "–"
        rows.append([disk.place, f"{disk.free_mb / 1000:.1f}", used, nights])
    head = ["place", "free [GB]", "this night [GB]", "room for nights as this"]
    return page.section("Disk", page.table(head, rows), anchor="disk")


def _draw_commands(facts: NightFacts) -> page.Html:
    blocks = [page.join(page.paragraph(what), page.command(text)) for what, text in facts.commands]
    return page.section("Run again", *blocks, anchor="again")


def draw_index(summaries: Iterable[NightSummary]) -> str:
    """The page of all nights, the newest first."""
    nights = sorted(summaries, key=lambda one: one.night, reverse=True)
    rows = [
        [
            one.verdict,
            page.link(f"night_report_{one.night}.html", one.night),
            one.measured,
            one.taken,
            ", ".join(one.fields),
            one.why,
        ]
        for one in nights
    ]
    marks = [one.verdict if one.verdict in set(Level) else Level.LOOK for one in nights]
    head = ["verdict", "night", "measured", "frames", "fields", "why"]
    body = page.join(page.Html("<h1>All nights</h1>"), page.table(head, rows, marks=marks))
    return page.document("ngcmos: all nights", body, summary={})
