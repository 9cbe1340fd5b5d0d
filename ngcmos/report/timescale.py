"""Scatter against time scale, from one exposure to an hour: of bins of magnitude, or of one star.

``run(job, TimescaleOptions(gaia_id=..., compare=...)) -> Outcome`` writes `rms_timescale_{field}.json` and `.png`,
with `_{gaia_id}` behind the field for one star. Keys of the JSON: `field night camera frames cadence_s minutes
frames_a_bin curves made_of`; each of the curves has `name stars rms white slope floor floor_error`. Scatters are
relative.
"""

import dataclasses
import itertools
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ngcmos.errors import ProductError, UsageError, WorkError
from ngcmos.lightcurves.audit import FEWEST_STARS, MAG_EDGES
from ngcmos.lightcurves.cube import FieldCounts, read_field, relate_best
from ngcmos.lightcurves.timescale import TimescaleCurve, scatter_by_length, typical
from ngcmos.night.job import Job
from ngcmos.night.outcome import Outcome
from ngcmos.night.products import photometry_path, write_then_rename
from ngcmos.qc.plots import write_figure
from ngcmos.qc.timescale_plot import TimescaleLine, plot_timescale
from ngcmos.tables.table import read_stars, table_checksum

log = logging.getLogger(__name__)

DOTS_PER_INCH = 120
_FACTS = ("field", "night", "camera", "minutes", "curves")


@dataclasses.dataclass(frozen=True)
class TimescaleOptions:
    """What is shown.

    Attributes
    ----------
    gaia_id : int, optional
        One star, beside those as bright; without it all bins of magnitude.
    compare : Path, optional
        Another night, whose own `rms_timescale_*.json` is drawn into the figure too.
    radius_px : float, optional
        One aperture for all; without it the best one of each star.
    tmag_max : float, optional
        Without it the profile's `light_curves.noise_tmag_max`.
    """

    gaia_id: int | None = None
    compare: Path | None = None
    radius_px: float | None = None
    tmag_max: float | None = None


def run(job: Job, options: TimescaleOptions) -> Outcome:
    """Write JSON and figure of each field, or of the fields that have the star; an Outcome.

    Raises
    ------
    UsageError
        No field has the star, or the other night has no such JSON.
    WorkError
        There is no photometry table.
    """
    tables = sorted(job.folder.glob(photometry_path(job.folder, "*").name))
    if not tables:
        raise WorkError(f"{job.folder}: no phot_*.fits, expected one a field; run process_cmos first")
    if options.gaia_id is not None:
        tables = [path for path in tables if options.gaia_id in read_stars(path)["gaia_id"]]
        if not tables:
            raise UsageError(f"no star with gaia_id {options.gaia_id} in the tables of {job.folder}")
    for path in tables:
        with job.outcome.attempt(path.stem.removeprefix("phot_")):
            _do_field(job, path, options)
    return job.outcome


def timescale_path(folder: Path, field: str, gaia_id: int | None) -> Path:
    """The JSON of a field, or of one of its stars."""
    behind = "" if gaia_id is None else f"_{gaia_id}"
    return folder / f"rms_timescale_{field}{behind}.json"


def _do_field(job: Job, table: Path, options: TimescaleOptions) -> None:
    field = table.stem.removeprefix("phot_")
    target = timescale_path(job.folder, field, options.gaia_id)
    others = [] if options.compare is None else [_read_other(options.compare, field, options.gaia_id)]
    tmag_max = job.camera.light_curves.noise_tmag_max if options.tmag_max is None else options.tmag_max
    radii = None if options.radius_px is None else [options.radius_px]
    counts = read_field(table, job.camera, tmag_max=tmag_max, radii=radii)
    content = _measured(counts, options.gaia_id) | {
        "field": field,
        "night": job.night.date,
        "camera": job.camera.name,
        "made_of": {"table": table_checksum(table), "aper": options.radius_px, "tmag_max": tmag_max},
    }
    with write_then_rename(target) as temporary:
        temporary.write_text(json.dumps(content, indent=1, allow_nan=False), encoding="utf-8")
    picture = target.with_suffix(".png")
    title = " and ".join(_title_of(one) for one in (content, *others))
    with write_then_rename(picture) as temporary:
        figure = plot_timescale(_lines([content, *others]), title=title)
        write_figure(figure, temporary, dpi=DOTS_PER_INCH)
    job.outcome.products.extend([target, picture])
    job.outcome.done.append(target.name)
    for curve in content["curves"]:
        log.info(
            "noise_model: %s: %s: slope %s, floor %s", field, *(curve[key] for key in ("name", "slope", "floor"))
        )


def _measured(counts: FieldCounts, gaia_id: int | None) -> dict[str, Any]:
    curves, _ = relate_best(counts, weighed=False)
    time_d = np.asarray(counts.frames["jd_mid"], float)
    lengths = scatter_by_length(curves.flux, curves.error, time_d)
    mag = np.asarray(counts.stars["Tmag"], float)
    quiet = ~curves.variable & ~np.asarray(counts.stars["blended"], bool)
    bins = [(low, high, quiet & (mag >= low) & (mag < high)) for low, high in itertools.pairwise(MAG_EDGES)]
    found = [
        (f"Tmag {low:g}-{high:g}", typical(lengths, alike))
        for low, high, alike in bins
        if alike.sum() >= FEWEST_STARS
    ]
    if gaia_id is not None:
        star = np.asarray(counts.stars["gaia_id"]) == gaia_id
        if not star.any():
            raise UsageError(f"the star {gaia_id} is fainter than --tmag_max")
        near = quiet & ~star & (np.abs(mag - mag[star][0]) < 0.5)
        found = [(f"Gaia {gaia_id}", typical(lengths, star)), ("stars as bright", typical(lengths, near))]
    return {
        "frames": int(time_d.size),
        "cadence_s": _plain(np.median(np.diff(time_d)) * 86400 if time_d.size > 1 else np.nan),
        "minutes": lengths.minutes.tolist(),
        "frames_a_bin": lengths.points.tolist(),
        "curves": [_as_json(name, curve) for name, curve in found],
    }


def _as_json(name: str, curve: TimescaleCurve) -> dict[str, Any]:
    numbers = {key: _plain(getattr(curve, key)) for key in ("slope", "floor", "floor_error")}
    series = {key: [_plain(value) for value in getattr(curve, key)] for key in ("rms", "white")}
    return {"name": name, "stars": curve.stars, **series, **numbers}


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _read_other(folder: Path, field: str, gaia_id: int | None) -> dict[str, Any]:
    """The JSON of the other night: of the same field or star, else its only one."""
    target = timescale_path(folder, field, gaia_id)
    found = sorted(folder.glob("rms_timescale_*.json"))
    if target not in found and len(found) != 1:
        again = "" if gaia_id is None else f" --gaia_id {gaia_id}"
        raise UsageError(f"{target}: not there; run noise_model --timescale{again} --directory {folder} first")
    path = target if target in found else found[0]
    try:
        content: dict[str, Any] = dict(json.loads(path.read_text(encoding="utf-8")))
        if set(_FACTS) - set(content):
            raise ValueError("a key is missing")
    except (OSError, ValueError, TypeError) as error:
        raise ProductError(f"{path}: damaged ({error}); run noise_model --timescale there again") from error
    return content


def _title_of(content: Mapping[str, Any]) -> str:
    return f"{content['field']}, {content['night']}, {content['camera']}"


def _lines(contents: Sequence[Mapping[str, Any]]) -> list[TimescaleLine]:
    """The curves of one or two tables."""
    lines = []
    for table, content in enumerate(contents):
        behind = "" if len(contents) == 1 else f", {content['night']} {content['camera']}"
        for curve in content["curves"]:
            minutes, rms, white = (
                np.array(series, float) for series in (content["minutes"], curve["rms"], curve["white"])
            )
            lines.append(TimescaleLine(curve["name"] + behind, curve["name"], minutes, rms, white, table))
    return lines
