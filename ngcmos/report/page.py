"""The morning page of a night, put together from its facts; the index of all nights.

``draw_page(facts, products) -> str`` and ``draw_index(summaries) -> str``, both HTML.
"""

import dataclasses

import numpy as np

from ngcmos.night.ledger import REFUSED
from ngcmos.qc.almanac import Almanac
from ngcmos.report import html as page
from ngcmos.report.calibration import CalibrationFacts
from ngcmos.report.facts import RUN, clear_zero_point_of, transparency
from ngcmos.report.field import draw_field_section
from ngcmos.report.plots import FOREGROUND, GREEN, GREY, ORANGE, SKYBLUE, VERMILION, band, line, plot, points
from ngcmos.report.story import MEASURED, WAITING
from ngcmos.report.verdict import clock, level_of, sum_up

EARLIER_SHOWN = 7
_CALIBRATION_HEAD = [
    "night",
    "bias [ADU]",
    "dark [ADU/s]",
    "hot pixels",
    "flat change [rms]",
    "new unusable in flat",
    "clear zero point",
]
_CALIBRATION_KEYS = ("bias_adu", "dark_adu_s", "hot_pixels", "flat_change", "new_bad_in_flat", "clear_zp")


@dataclasses.dataclass(frozen=True, eq=False)
class NightFacts:
    """All that the page tells.

    Attributes
    ----------
    date, camera : str
    fields : list of ngcmos.report.facts.FieldFacts
    entries : list of ngcmos.night.ledger.Entry
    reasons : list of ngcmos.report.verdict.Reason
        The gravest first.
    almanac : Almanac or None
        None where the folder's name is no date.
    calibration : CalibrationFacts
    earlier : list of dict
        Summaries of earlier nights, the newest first.
    disk : list of (str, float, float)
        Place, MB free, and MB used by this night or 0.
    commands : list of (str, str)
        What for, and the line to type.
    made : str
        When and by which version.
    ledger_trouble : str
        Why there is no ledger; "" where there is one.
    """

    date: str
    camera: str
    fields: list
    entries: list
    reasons: list
    almanac: Almanac | None
    calibration: CalibrationFacts
    earlier: list
    disk: list
    commands: list
    made: str
    ledger_trouble: str = ""


def summarise_night(facts):
    """What other pages keep of this night."""
    counts = [field.counts for field in facts.fields]
    clear = clear_zero_point_of(facts.fields)
    return {
        "night": facts.date,
        "verdict": level_of(facts.reasons),
        "why": sum_up(facts.reasons),
        "fields": [field.name for field in facts.fields],
        "taken": sum(count["taken"] for count in counts),
        "measured": sum(count[MEASURED] for count in counts),
        "clear_zp": float(f"{clear:.4f}") if np.isfinite(clear) else None,
    } | facts.calibration.levels


def draw_page(facts, products, pictures):
    """The page of a night.

    Parameters
    ----------
    facts : NightFacts
    products : dict of str to list of (str, str)
        Links of each field: target, label.
    pictures : dict of str to list of (bytes, str)
        Thumbnails of each field with their captions.

    Returns
    -------
    str
    """
    plots, names = [], {}
    timeline = _draw_timeline(facts, plots)
    fields = []
    for number, field in enumerate(facts.fields):
        names[f"f{number}"] = [file.name for file in field.files]
        key, shown = f"f{number}", (products.get(field.name, []), pictures.get(field.name, []))
        fields.append(draw_field_section(key, field, clear_zero_point_of(facts.fields), *shown, plots))
    body = page.join(
        page.Html(f"<h1>Night {page.text(facts.date)}</h1>"),
        _draw_verdict(facts),
        _draw_contents(facts),
        _draw_overview(facts),
        timeline,
        *fields,
        _draw_calibration(facts),
        _draw_stages(facts),
        _draw_disk(facts),
        _draw_commands(facts),
        page.paragraph(f"{facts.made}. Plots: drag to zoom, double-click for all, click for the frame.", dim=True),
    )
    title = f"Night {facts.date}: {level_of(facts.reasons)}"
    return page.document(title, body, summary=summarise_night(facts), plots=plots, names=names)


def _draw_verdict(facts):
    level = level_of(facts.reasons)
    total = sum(field.counts["taken"] for field in facts.fields)
    measured = sum(field.counts[MEASURED] for field in facts.fields)
    number = len(facts.fields)
    sentence = f"{measured} of {total} frames of {number} field{'' if number == 1 else 's'} measured"
    why = f"; {sum_up(facts.reasons)}" if facts.reasons else ""
    return page.join(page.verdict(level, sentence + why), page.items([reason.what for reason in facts.reasons]))


def _draw_contents(facts):
    chapters = [("timeline", "timeline"), *((f"f{n}", field.name) for n, field in enumerate(facts.fields))]
    chapters += [("calibration", "calibration"), ("stages", "stages"), ("disk", "disk"), ("again", "run again")]
    links = "\n".join(page.link(f"#{anchor}", label) for anchor, label in chapters)
    return page.Html(f"<nav>{links}\n{page.link('INDEX', 'all nights')}</nav>")


def _draw_overview(facts):
    if not facts.fields:
        return page.paragraph("No science frames in this night.")
    rows, marks = [], []
    for field in facts.fields:
        counts = field.counts
        known = field.unix[np.isfinite(field.unix)]
        span = f"{clock(known.min())}–{clock(known.max())}" if known.size else "unknown"
        numbers = [counts[name] for name in (MEASURED, "taken", REFUSED, WAITING, "solved")]
        middle = [_median(field.numbers[name]) for name in ("fwhm_px", "sky", "wcs_rms_px")]
        rows.append([field.name, *numbers, span, *middle])
        whole = counts[MEASURED] == counts["taken"]
        marks.append(page.GOOD if whole else page.BAD if not counts[MEASURED] else page.LOOK)
    head = ["field", "measured", "of", "refused", "not yet", "solved", "UTC", "FWHM [px]", "sky [ADU]"]
    return page.table([*head, "residual [px]"], rows, marks=marks)


def _median(values):
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else "–"


def _draw_timeline(facts, plots):
    """Sun, Moon and fields; light that came through; sky: the whole night on one axis."""
    clear = clear_zero_point_of(facts.fields)
    bands = [
        band(np.nanmin(field.unix), np.nanmax(field.unix), field.name)
        for field in facts.fields
        if np.isfinite(field.unix).any()
    ]
    drawn = []
    if facts.almanac is not None:
        sky = facts.almanac
        series = [line("Sun", sky.sun_deg, ORANGE), line("Moon", sky.moon_deg, GREY, dash=(6, 4))]
        series.append(line("astronomical night", np.full(sky.unix.size, -18.0), FOREGROUND, dash=(2, 4)))
        title = f"Altitude of Sun and Moon (Moon {sky.moon_lit:.0%} lit), fields shaded"
        options = {"unit": "degrees", "time": True, "bands": bands, "sync": "night", "height": 240}
        drawn.append(plot("t-alt", title, sky.unix, series, y_range=(-90, 90), **options))
    drawn += _draw_sky(facts, clear, bands)
    plots += [one for one in drawn if one]
    moon = [] if facts.almanac is not None else [page.paragraph("Sun and Moon: the folder's name is no date.")]
    return page.section(
        "The night", *moon, page.plot_places([one for one in drawn if one], wide=True), anchor="timeline"
    )


def _draw_sky(facts, clear, bands):
    """Plots of light that came through, and of the sky, over all fields."""
    if not facts.fields:
        return []
    edges = facts.almanac.unix[[0, -1]] if facts.almanac is not None else np.zeros(0)
    gap = np.full(edges.size, np.nan)
    unix = np.concatenate([edges, *(field.unix for field in facts.fields)])
    light = np.concatenate([gap, *(transparency(field, clear) for field in facts.fields)])
    unsolved = np.concatenate([gap, *(np.where(field.solved, np.nan, 0.0) for field in facts.fields)])
    sky = np.concatenate([gap, *(field.numbers["sky"] for field in facts.fields)])
    order = np.argsort(unix, kind="stable")
    order = order[np.isfinite(unix[order])]
    through = [
        points("light", 100 * light[order], SKYBLUE),
        points("not solved", unsolved[order], VERMILION, size=6),
    ]
    options = {"time": True, "bands": [one | {"label": ""} for one in bands], "sync": "night"}
    title = "Light that came through, against the clearest tenth of the night"
    return [
        plot("t-light", title, unix[order], through, unit="%", **options),
        plot("t-sky", "Sky", unix[order], [points("sky", sky[order], GREEN)], unit="ADU", **options),
    ]


def _draw_calibration(facts):
    now = facts.calibration
    nights = [summarise_night(facts), *facts.earlier[:EARLIER_SHOWN]]
    rows = [[night["night"], *(_cell(night.get(key)) for key in _CALIBRATION_KEYS)] for night in nights]
    against = f"The flat is compared with that of {now.compared}." if now.compared else "No earlier flat."
    if not facts.earlier:
        against += " No earlier night has a page yet."
    troubles = page.items(now.troubles)
    return page.section(
        "Calibration", page.table(_CALIBRATION_HEAD, rows), page.paragraph(against), troubles, anchor="calibration"
    )


def _cell(value):
    return "–" if value is None else value


def _draw_stages(facts):
    """How long each stage took, when it last had something to do in the chain."""
    runs = sorted((e for e in facts.entries if e.stage == RUN), key=lambda entry: entry.numbers.get("order") or 0)
    if not runs:
        why = facts.ledger_trouble or "the chain has not run over this night, only single scripts"
        return page.section("Stages", page.paragraph(f"No times: {why}."), anchor="stages")
    rows, marks = [], []
    for run in runs:
        counts = [run.numbers.get(name) for name in ("done", "before", "refused")]
        rows.append(
            [
                run.frame,
                *map(_cell, counts),
                _cell(run.numbers.get("seconds")),
                run.at[:16].replace("T", "\N{NO-BREAK SPACE}"),
                run.reason,
            ]
        )
        marks.append(page.BAD if run.verdict == REFUSED else page.GOOD)
    head = ["stage", "done", "before", "refused", "seconds", "at (UTC)", "trouble"]
    return page.section("Stages", page.table(head, rows, marks=marks), anchor="stages")


def _draw_disk(facts):
    rows = []
    for place, free_mb, used_mb in facts.disk:
        nights = f"{free_mb / used_mb:.0f}" if used_mb > 0 else "–"
        rows.append([place, f"{free_mb / 1000:.1f}", f"{used_mb / 1000:.2f}" if used_mb else "–", nights])
    head = ["place", "free [GB]", "this night [GB]", "room for nights as this"]
    return page.section("Disk", page.table(head, rows), anchor="disk")


def _draw_commands(facts):
    blocks = [page.join(page.paragraph(what), page.command(text)) for what, text in facts.commands]
    return page.section("Run again", *blocks, anchor="again")


def draw_index(summaries):
    """The page of all nights, the newest first."""
    rows, marks = [], []
    for night in sorted(summaries, key=lambda one: str(one.get("night", "")), reverse=True):
        date, level = str(night.get("night", "")), str(night.get("verdict", ""))
        name = page.link(f"night_report_{date}.html", date)
        counts = [night.get("measured", 0), night.get("taken", 0)]
        rows.append(
            [level, name, *counts, ", ".join(map(str, night.get("fields", []))), str(night.get("why", ""))]
        )
        marks.append(level if level in (page.GOOD, page.LOOK, page.BAD) else page.LOOK)
    head = ["verdict", "night", "measured", "frames", "fields", "why"]
    body = page.join(page.Html("<h1>All nights</h1>"), page.table(head, rows, marks=marks))
    return page.document("ngcmos: all nights", body, summary={})
