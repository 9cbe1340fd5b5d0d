"""The noise model of a field on the morning page: read from its JSON, drawn, and told in a sentence."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ngcmos.arrays import Bools, Floats
from ngcmos.errors import ProductError
from ngcmos.night.products import photometry_path
from ngcmos.report.plots import (
    BLUE,
    FOREGROUND,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    VERMILION,
    Plot,
    line,
    merge,
    points,
)
from ngcmos.tables.table import table_checksum

LEAST_TERM = 0.03  # of the total: below it a noise term does not matter
_PPM = 1e6
_TOTAL = "total"
_TERMS = {  # list of the JSON: (label, colour, dash)
    "photon_shot_noise": ("star", ORANGE, ()),
    "sky_noise": ("sky", GREEN, ()),
    "N": ("scintillation", GREY, (6, 4)),
    "read_noise": ("read", VERMILION, (6, 4)),
    "dc_noise": ("dark", PURPLE, (6, 4)),
    "RNS": (_TOTAL, FOREGROUND, ()),
}
_LOOKS = {label: (colour, dash) for label, colour, dash in _TERMS.values()}


@dataclasses.dataclass(frozen=True, eq=False)
class NoiseModel:
    """The noise model of each frame of a field, as noise_model wrote it.

    Attributes
    ----------
    tmag, scatter : (stars,) arrays
        Relative flux.
    variable : (stars,) bool array
    grid_mag : (n,) array
        Magnitudes of the terms.
    terms : dict of str to (n,) array
        Relative flux by the term's label; those that are there.
    sentence, sky_sentence : str
        What is not as predicted; "" where all is.
    audited : bool
        Whether there were frames and stars enough to compare.
    stale : bool
        Made of other photometry than there is now.
    """

    tmag: Floats
    scatter: Floats
    variable: Bools
    grid_mag: Floats
    terms: dict[str, Floats]
    sentence: str
    sky_sentence: str
    audited: bool
    stale: bool


def read_noise(folder: Path, field: str) -> NoiseModel | None:
    """The NoiseModel of a field; None where there is none, or a damaged one."""
    table = photometry_path(folder, field)
    path = folder / f"rms_mags_{table.stem}_1.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        made_of = content["made_of"]["table"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return parse_noise(content, stale=made_of != _checksum(table))


def _checksum(table: Path) -> str | None:
    try:
        return table_checksum(table)
    except ProductError:
        return None


def parse_noise(content: Mapping[str, object], *, stale: bool = False) -> NoiseModel:
    """The NoiseModel of the JSON's content; lists that do not fit together are left out."""
    tmag, scatter = _column(content, "Tmag_list"), _column(content, "RMS_list")
    flags = content.get("variable_list")
    variable = np.asarray(flags if isinstance(flags, list) else np.zeros(len(tmag)), bool)
    if not len(tmag) == len(scatter) == len(variable):
        tmag, scatter, variable = np.zeros(0), np.zeros(0), np.zeros(0, bool)
    grid = _column(content, "synthetic_mag")
    terms = {label: _column(content, name) for name, (label, _, _) in _TERMS.items()}
    return NoiseModel(
        tmag=tmag,
        scatter=scatter,
        variable=variable,
        grid_mag=grid,
        terms={label: values for label, values in terms.items() if len(values) == len(grid)},
        sentence=str(content.get("sentence") or ""),
        sky_sentence=str(content.get("sky_sentence") or ""),
        audited=bool(content.get("audit")),
        stale=stale,
    )


def _column(content: Mapping[str, object], name: str) -> Floats:
    """Numbers of a list; what is null, or no number, is NaN."""
    values = content.get(name)
    values = values if isinstance(values, list) else []
    return np.array([value if isinstance(value, int | float) else np.nan for value in values], float)


def draw_noise(key: str, noise: NoiseModel) -> Plot | None:
    """Scatter of all stars against magnitude with the noise terms; None without stars."""
    if not noise.tmag.size:
        return None
    scatter = _PPM * noise.scatter
    seen = {
        "stars": np.where(noise.variable, np.nan, scatter),
        "variable": np.where(noise.variable, scatter, np.nan),
    }
    mag, merged = merge((noise.tmag, seen), (noise.grid_mag, {k: _PPM * v for k, v in noise.terms.items()}))
    series = [points("stars", merged["stars"], BLUE), points("variable", merged["variable"], PURPLE, size=6)]
    series += [line(label, merged[label], _LOOKS[label][0], dash=_LOOKS[label][1]) for label in noise.terms]
    return Plot(
        f"{key}-rms",
        "Scatter from frame to frame against magnitude",
        mag,
        series,
        unit="ppm",
        x_label="Tmag",
        log=True,
        y_range=_log_limits(merged["stars"], merged.get(_TOTAL, merged["stars"])),
    )


def _log_limits(scatter: Floats, total: Floats) -> tuple[float, float] | None:
    """Limits of the axis: all stars, and as much below the least total as noise terms matter."""
    known = scatter[np.isfinite(scatter) & (scatter > 0)]
    total = total[np.isfinite(total) & (total > 0)]
    if not (known.size and total.size):
        return None
    return LEAST_TERM * float(min(known.min(), total.min())), 1.5 * float(known.max())


def say_noise(noise: NoiseModel) -> str:
    """Whether the stars scatter as predicted, in a sentence."""
    stale = " (of earlier photometry: run noise_model.py, then this page again)" if noise.stale else ""
    usual = "the stars scatter as predicted" if noise.audited else "too few frames or stars to tell"
    told = [noise.sentence or usual, noise.sky_sentence]
    return f"Noise{stale}: {'; '.join(one for one in told if one)}."
