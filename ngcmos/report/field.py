"""The chapter of one field on the morning page: counts, plots, thumbnails, links."""

import collections
import dataclasses
import datetime
import textwrap
from collections.abc import Sequence

import numpy as np

from ngcmos.arrays import Floats
from ngcmos.report import html as page
from ngcmos.report.catalog import say_catalog
from ngcmos.report.facts import FieldFacts, FrameNumbers
from ngcmos.report.noise import draw_noise, say_noise
from ngcmos.report.plots import (
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    SKYBLUE,
    VERMILION,
    Plot,
    Series,
    points,
    worth_drawing,
)
from ngcmos.report.tonight import Tonight
from ngcmos.sphere import sides_of

REASONS_SHOWN = 20
REASON_LENGTH = 120
FAR_LIMITS = 6.0  # a shift so many times the usual ones would flatten the plot


@dataclasses.dataclass(frozen=True)
class Exhibits:
    """What is shown of a field beside its numbers: links (target, label), pictures (JPEG, caption), and more."""

    links: Sequence[tuple[str, str]] = ()
    pictures: Sequence[tuple[bytes, str]] = ()
    remarks: Sequence[str] = ()
    tonight: Tonight | None = None


def draw_field_section(
    key: str, field: FieldFacts, clear_zp: float, exhibits: Exhibits
) -> tuple[page.Html, list[Plot]]:
    """The chapter of a field, and its plots.

    Parameters
    ----------
    key : str
        Anchor of the chapter, and of the names of its frames.
    field : ngcmos.report.facts.FieldFacts
    clear_zp : float
        Zero point of a clear frame.
    exhibits : Exhibits
    """
    noise = draw_noise(key, field.noise) if field.noise is not None else None
    drawn = worth_drawing([*_draw_series(key, field, clear_zp), noise])
    links = " · ".join(page.link(*one) for one in exhibits.links)
    section = page.section(
        field.name,
        page.paragraph(_say_counts(field)),
        *(page.paragraph(sentence, dim=True) for sentence in _say_sky(field)),
        page.items(exhibits.remarks),
        _draw_tonight(exhibits.tonight),
        _draw_reasons(field),
        page.plot_places(drawn),
        _draw_noise_sentence(field),
        page.thumbnails([page.thumbnail(*picture) for picture in exhibits.pictures]),
        page.Html(f"<p>{links}</p>" if links else ""),
        anchor=key,
    )
    return section, drawn


def _draw_tonight(tonight: Tonight | None) -> page.Html:
    """The night against the earlier ones of the field's season."""
    if tonight is None or not tonight.earlier:
        return page.Html("")
    head = ["against the season", "tonight", f"usual in {len(tonight.earlier)} nights", "from", "to"]
    return page.join(page.table(head, tonight.rows()), page.items(tonight.dips))


def _say_counts(field: FieldFacts) -> str:
    counts = field.counts
    told = f"{counts.taken} frames taken, {counts.solved} solved, {counts.measured} measured"
    told += f", {counts.refused} refused, {counts.waiting} not measured yet."
    exposures = field.numbers.exptime_s[np.isfinite(field.numbers.exptime_s)]
    kinds = collections.Counter(f"{exptime_s:g} s" for exptime_s in exposures)
    mixed = ", ".join(f"{count} of {exposure}" for exposure, count in kinds.most_common())
    return f"{told} Exposures: {mixed}." if len(kinds) > 1 else told


def _say_sky(field: FieldFacts) -> list[str]:
    """Where the field sat, and by which stars that is known."""
    today = datetime.datetime.now(datetime.UTC).date()
    catalog = say_catalog(field.catalog, today) if field.catalog is not None else ""
    return [sentence for sentence in (say_place(field.numbers), catalog) if sentence]


def say_place(numbers: FrameNumbers) -> str:
    """How the sky lay on the chip, and how far from where the headers wanted it; "" where nothing is known."""
    known = numbers.rotation_deg[np.isfinite(numbers.rotation_deg)]
    if not known.size:
        return ""
    sides, told = sides_of(known), []
    for side in range(sides.max() + 1):
        usual = known[sides == side][0]
        off = (known[sides == side] - usual + 180) % 360 - 180  # north is 0 and 360
        told.append(f"{(usual + np.median(off)) % 360:.2f}° (within {np.ptp(off) / 2:.3f}°)")
    away = numbers.pointing_off_deg[np.isfinite(numbers.pointing_off_deg)]
    pointed = f"; {np.median(away):.3f}° from where the headers point" if away.size else ""
    return f"The chip's y axis lay at {', then '.join(told)} east of north{pointed}."


def _draw_reasons(field: FieldFacts) -> page.Html:
    """Why frames were refused, by kinds."""
    rows: list[list[object]] = []
    for one in field.reasons[:REASONS_SHOWN]:
        reason = textwrap.shorten(one.kind, REASON_LENGTH, placeholder=" …")
        rows.append([one.count, reason, one.stage or "–"])
    hidden = len(field.reasons) - REASONS_SHOWN
    more = page.paragraph(f"and {hidden} more reasons", dim=True) if hidden > 0 else ""
    return page.join(page.table(["frames", "refused because", "by"], rows) if rows else "", more)


def _draw_noise_sentence(field: FieldFacts) -> page.Html:
    if not field.counts.measured:
        return page.Html("")
    if field.noise is None:
        return page.paragraph("No noise model of this field: run noise_model.py, then this page again.", dim=True)
    return page.paragraph(say_noise(field.noise))


def _draw_series(key: str, field: FieldFacts, clear_zp: float) -> list[Plot]:
    """Numbers of all frames against time."""
    order = np.nonzero(np.isfinite(field.unix))[0]
    unix, numbers = field.unix[order], field.numbers.take(order)

    def against_time(what: str, title: str, series: list[Series], unit: str) -> Plot:
        return Plot(f"{key}-{what}", title, unix, series, unit=unit, time=True, names=key, sync=key)

    lost = np.where(field.refused[order], 0.0, np.nan)
    shifts = [points("x", numbers.shift_x, BLUE), points("y", numbers.shift_y, ORANGE)]
    shifts.append(points("refused", lost, VERMILION, size=6))
    reach = shift_reach(numbers.shift_x, numbers.shift_y)
    far = "" if reach is None else f" (some lie beyond ±{reach[1]:.3g} px)"
    clear = f" (clear: {clear_zp:.2f})" if np.isfinite(clear_zp) else ""
    rms = points("rms", numbers.wcs_rms_px, VERMILION)
    return [
        dataclasses.replace(against_time("shift", f"Shift{far}", shifts, "px"), y_range=reach),
        against_time("fwhm", "FWHM", [points("FWHM", numbers.fwhm_px, GREEN)], "px"),
        against_time("sky", "Sky", [points("sky", numbers.sky, SKYBLUE)], "ADU"),
        against_time("zp", f"Zero point{clear}", [points("zero point", numbers.zp, PURPLE)], "mag"),
        against_time("wcs", "Residual of the plate solution", [rms], "px"),
        *(
            against_time(f"extra-{name}", name, [points(name, values[order], GREEN)], unit)
            for name, (unit, values) in field.extras.items()
        ),
    ]


def shift_reach(x: Floats, y: Floats) -> tuple[float, float] | None:
    """Limits of the axis of shifts where a few would flatten all others; None where all can be shown."""
    sizes = np.abs(np.concatenate([x, y]))
    sizes = sizes[np.isfinite(sizes)]
    usual = float(np.quantile(sizes, 0.9)) if sizes.size else 0.0
    if not usual or sizes.max() <= FAR_LIMITS * usual:
        return None
    return -2.0 * usual, 2.0 * usual
