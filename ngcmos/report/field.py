"""The chapter of one field on the morning page: counts, plots, thumbnails, links."""

import textwrap

import numpy as np

from ngcmos.night.ledger import REFUSED
from ngcmos.report import html as page
from ngcmos.report.plots import (
    BLUE,
    FOREGROUND,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKYBLUE,
    VERMILION,
    line,
    merge,
    plot,
    points,
)
from ngcmos.report.story import MEASURED, WAITING

REASONS_SHOWN = 20
REASON_LENGTH = 120
FAR_LIMITS = 6.0  # a shift so many times the usual ones would flatten the plot
LEAST_TERM = 0.03  # of the total: below it a noise term does not matter
_PPM = 1e6
_NOISE_TERMS = {
    "photon_shot_noise": ("star", ORANGE, ()),
    "sky_noise": ("sky", GREEN, ()),
    "N": ("scintillation", GREY, (6, 4)),
    "read_noise": ("read", VERMILION, (6, 4)),
    "dc_noise": ("dark", PURPLE, (6, 4)),
    "RNS": ("total", FOREGROUND, ()),
}


def draw_field_section(key, field, clear_zp, links, pictures, plots):
    """The chapter of a field; its plots are added to `plots`.

    Parameters
    ----------
    key : str
        Anchor of the chapter, and of the names of its frames.
    field : ngcmos.report.facts.FieldFacts
    clear_zp : float
        Zero point of a clear frame.
    links : list of (str, str)
    pictures : list of (bytes, str)
    plots : list
    """
    drawn = [one for one in [*_draw_series(key, field, clear_zp), _draw_noise(key, field)] if one]
    plots += drawn
    counts = field.counts
    told = f"{counts['taken']} frames taken, {counts['solved']} solved, {counts[MEASURED]} measured"
    told += f", {counts[REFUSED]} refused, {counts[WAITING]} not measured yet."
    return page.section(
        field.name,
        page.paragraph(told),
        _draw_reasons(field),
        page.plot_places(drawn),
        _say_noise(field),
        page.thumbnails([page.thumbnail(*picture) for picture in pictures]),
        page.Html("<p>" + " · ".join(page.link(*one) for one in links) + "</p>" if links else ""),
        anchor=key,
    )


def _draw_reasons(field):
    """Why frames were refused, by kinds; the whole reason where it is one frame's."""
    rows = []
    for one in field.reasons[:REASONS_SHOWN]:
        reason = one.kind if one.count > 1 else textwrap.shorten(one.example, REASON_LENGTH, placeholder=" …")
        rows.append([one.count, reason, one.stage or "–"])
    hidden = len(field.reasons) - REASONS_SHOWN
    more = page.paragraph(f"and {hidden} more reasons", dim=True) if hidden > 0 else ""
    return page.join(page.table(["frames", "refused because", "by"], rows) if rows else "", more)


def _draw_series(key, field, clear_zp):
    """Numbers of all frames against time."""
    order = np.nonzero(np.isfinite(field.unix))[0]
    unix, values = field.unix[order], {name: column[order] for name, column in field.numbers.items()}
    shared = {"time": True, "names": key, "sync": key}
    refused = np.array([file.state == REFUSED for file in field.files], bool)[order]
    shifts = [points("x", values["shift_x"], BLUE), points("y", values["shift_y"], ORANGE)]
    reach = shift_reach(values["shift_x"], values["shift_y"])
    title = "Shift" if reach is None else f"Shift (some lie beyond ±{reach[1]:.3g} px)"
    limits = {} if reach is None else {"y_range": reach}
    lost = np.where(refused, 0.0, np.nan)
    return [
        plot(
            f"{key}-shift",
            title,
            unix,
            [*shifts, points("refused", lost, VERMILION, size=6)],
            unit="px",
            **shared,
            **limits,
        ),
        plot(f"{key}-fwhm", "FWHM", unix, [points("FWHM", values["fwhm_px"], GREEN)], unit="px", **shared),
        plot(f"{key}-sky", "Sky", unix, [points("sky", values["sky"], SKYBLUE)], unit="ADU", **shared),
        plot(
            f"{key}-zp",
            f"Zero point (clear: {clear_zp:.2f})" if np.isfinite(clear_zp) else "Zero point",
            unix,
            [points("zero point", values["zp"], PURPLE)],
            unit="mag",
            **shared,
        ),
        plot(
            f"{key}-wcs",
            "Residual of the plate solution",
            unix,
            [points("rms", values["wcs_rms_px"], VERMILION)],
            unit="px",
            **shared,
        ),
    ]


def shift_reach(x, y):
    """Limits of the axis of shifts where a few would flatten all others; None where all can be shown."""
    sizes = np.abs(np.concatenate([x, y]))
    sizes = sizes[np.isfinite(sizes)]
    usual = float(np.quantile(sizes, 0.9)) if sizes.size else 0.0
    if not usual or sizes.max() <= FAR_LIMITS * usual:
        return None
    return -2.0 * usual, 2.0 * usual


def _draw_noise(key, field):
    """Scatter of all stars against magnitude with the noise terms; None without a noise model."""
    noise = field.noise
    if noise is None:
        return None
    stars, scatter = _column(noise, "Tmag_list"), _column(noise, "RMS_list")
    variable = np.asarray(noise.get("variable_list", np.zeros(len(stars))), bool)
    if not len(stars) == len(scatter) == len(variable):
        return None
    curves = {label: _PPM * _column(noise, name) for name, (label, _, _) in _NOISE_TERMS.items()}
    grid = _column(noise, "synthetic_mag")
    curves = {label: values for label, values in curves.items() if len(values) == len(grid)}
    seen = {
        "stars": np.where(variable, np.nan, _PPM * scatter),
        "variable": np.where(variable, _PPM * scatter, np.nan),
    }
    mag, merged = merge((stars, seen), (grid, curves))
    limits = _log_limits(merged["stars"], merged.get("total", merged["stars"]))
    looks = {label: (colour, dash) for label, colour, dash in _NOISE_TERMS.values()}
    series = [points("stars", merged["stars"], BLUE), points("variable", merged["variable"], PURPLE, size=6)]
    series += [line(label, merged[label], looks[label][0], dash=looks[label][1]) for label in curves]
    return plot(
        f"{key}-rms",
        "Scatter from frame to frame against magnitude",
        mag,
        series,
        unit="ppm",
        x_label="Tmag",
        log=True,
        **limits,
    )


def _log_limits(scatter, total):
    """Limits of the axis: all stars, and as much below the least total as noise terms matter."""
    known = scatter[np.isfinite(scatter) & (scatter > 0)]
    total = total[np.isfinite(total) & (total > 0)]
    if not (known.size and total.size):
        return {}
    return {"y_range": (LEAST_TERM * min(known.min(), total.min()), 1.5 * known.max())}


def _column(noise, name):
    """Numbers of a list of the noise model; what is null, or no number, is NaN."""
    values = noise.get(name)
    values = values if isinstance(values, list) else []
    return np.array([value if isinstance(value, int | float) else np.nan for value in values], float)


def _say_noise(field):
    if not field.counts[MEASURED]:
        return ""
    if field.noise is None:
        return page.paragraph("No noise model of this field: run noise_model.py, then this page again.", dim=True)
    stale = " (of earlier photometry: run noise_model.py, then this page again)" if field.stale_noise else ""
    usual = "the stars scatter as predicted" if field.noise.get("audit") else "too few frames or stars to tell"
    told = [field.noise.get("sentence") or usual, field.noise.get("sky_sentence")]
    return page.paragraph(f"Noise{stale}: {'; '.join(one for one in told if one)}.")
