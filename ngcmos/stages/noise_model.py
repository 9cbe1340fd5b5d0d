"""Is every star as quiet as its photons allow? Measured scatter against the noise terms, by magnitude.

For each field `rms_mags_phot_{field}_1.json` (each frame) and `rms_mags_phot_{field}_30min.json` (bins), and the
figure `noise_model_{field}.png`. All scatters are relative. Keys of the JSON:

    RMS_list mags_list Tmag_list        of each star; mags_list by its counts and the field's zero point
    negative_fluxes_stars               TIC ids of stars whose median count is not positive
    synthetic_mag photon_shot_noise sky_noise read_noise dc_noise N RNS     the model; N scintillation, RNS total
    TIC_list predicted_list variable_list radius_list rounding_noise sky_estimate_noise     new
    points_a_bin audit sentence sky_ratio sky_sentence made_of binned                       new

`made_of` tells the table and the options: files that were made of the same are kept.
"""

import dataclasses
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ngcmos.config import Camera
from ngcmos.errors import UsageError, WorkError
from ngcmos.lightcurves.audit import AuditBin, audit, judge, judge_sky, scatter_in_bins, sky_ratio
from ngcmos.lightcurves.cube import FieldCounts, columns_of, read_field, relate_best
from ngcmos.lightcurves.ensemble import Relative
from ngcmos.lightcurves.series import BinLength, assign_bins
from ngcmos.names import Stage
from ngcmos.night.exclusions import Exclusions, read_exclusions
from ngcmos.night.fingerprint import Inputs
from ngcmos.night.job import Job
from ngcmos.night.outcome import Outcome
from ngcmos.night.products import photometry_path, write_then_rename
from ngcmos.night.provenance import keep_product
from ngcmos.photometry.noise import noise_curve, noise_terms
from ngcmos.qc.noise_plot import NoisePanel, plot_noise
from ngcmos.qc.plots import write_figure
from ngcmos.stats import column_medians
from ngcmos.tables.table import table_checksum

log = logging.getLogger(__name__)

BIN_MINUTES = 30.0
CURVE_STEP_MAG = 0.1
DOTS_PER_INCH = 120
FRAMES_AT_ONCE = 100
FEWEST_POINTS = 8  # to tell a scatter by
FEWEST_SHARE = 0.5  # of the frames: a star that is seen in a cloud alone, else saturated, tells nothing
EACH_FRAME = "1"
Watched = Callable[[Sequence[float], str], Iterable[float]]  # apertures, and what is made of them
_PNG_END = b"IEND\xaeB`\x82"
ROOMS = (
    "ngcmos.lightcurves",
    *[f"ngcmos.photometry.{name}" for name in ("noise", "quality", "sky", "trails")],
    *[f"ngcmos.qc.{name}" for name in ("layout", "noise_plot", "plots")],
    "ngcmos.stages.noise_model",
)
_TERM_KEYS = {
    "star": "photon_shot_noise",
    "sky": "sky_noise",
    "read": "read_noise",
    "dark": "dc_noise",
    "scintillation": "N",
    "total": "RNS",
    "quantisation": "rounding_noise",
    "sky_estimate": "sky_estimate_noise",
}


@dataclasses.dataclass(frozen=True, eq=False)
class Scatter:
    """Measured and predicted scatter of the stars in one length of bins; `points` bins of `length` frames."""

    name: str
    measured: np.ndarray
    predicted: np.ndarray
    points: int
    length: float


@dataclasses.dataclass(frozen=True, eq=False)
class FieldNoise:
    """What is known of the noise of a field: counts; aperture, level and zero point of each star; the model."""

    counts: FieldCounts
    curves: Relative
    radius_px: np.ndarray
    flux: np.ndarray
    zero_point: np.ndarray
    model_mag: np.ndarray
    model: dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class NoiseOptions:
    """How scatter is measured.

    Attributes
    ----------
    radius_px : float, optional
        One aperture for all; without it the best one of each star.
    tmag_max : float, optional
        Without it the profile's `light_curves.noise_tmag_max`.
    bin_minutes : float
    """

    radius_px: float | None = None
    tmag_max: float | None = None
    bin_minutes: float = BIN_MINUTES

    def __post_init__(self) -> None:
        if not self.bin_minutes > 0:
            raise UsageError(f"bins are {self.bin_minutes} minutes, expected more than 0")
        if self.tmag_max is not None and not np.isfinite(self.tmag_max):
            raise UsageError(f"tmag_max is {self.tmag_max}, expected a magnitude")


def run(job: Job, options: NoiseOptions = NoiseOptions(), *, overwrite: bool = False) -> Outcome:
    """Write the noise model of each field that has a photometry table; an Outcome.

    Files that only the code would make otherwise are kept and said; `overwrite` makes all anew.

    Raises
    ------
    WorkError
        There is no photometry table.
    """
    tables = sorted(job.folder.glob(photometry_path(job.folder, "*").name))
    if not tables:
        raise WorkError(f"{job.folder}: no phot_*.fits, expected one a field; run {Stage.PROCESS_CMOS} first")
    tmag_max = job.camera.light_curves.noise_tmag_max if options.tmag_max is None else options.tmag_max
    options = dataclasses.replace(options, tmag_max=tmag_max)
    for path in tables:
        with job.outcome.attempt(_field_of(path)):
            exclusions = read_exclusions(job.folder, job.config.directories.out)
            inputs = _inputs(path, job.camera, options, exclusions)
            made_of = _made_of(path, options.bin_minutes)
            if overwrite or not job.stands(picture_path(path), _field_of(path), made_of, inputs):
                radii = None if options.radius_px is None else [options.radius_px]
                counts = read_field(path, job.camera, tmag_max=tmag_max, radii=radii, exclusions=exclusions)
                _audit_field(job, path, counts, inputs)
    return job.outcome


def _inputs(path: Path, camera: Camera, options: NoiseOptions, exclusions: Exclusions) -> Inputs:
    """All that enters the noise model of a table."""
    tables = {name: getattr(camera, name) for name in ("detector", "telescope", "site")}
    given = dataclasses.asdict(options) | tables
    given |= {"excluded": exclusions.digest} if exclusions.digest else {}
    return Inputs.of(ROOMS, table=table_checksum(path), **given)


def _field_of(table: Path) -> str:
    return table.stem.removeprefix("phot_")


def json_path(table: Path, name: str) -> Path:
    """The scatters of the stars of a table in bins of that name; `EACH_FRAME` is unbinned."""
    return table.with_name(f"rms_mags_{table.stem}_{name}.json")


def picture_path(table: Path) -> Path:
    """The figure of a table."""
    return table.with_name(f"noise_model_{_field_of(table)}.png")


def _made_of(table: Path, bin_minutes: float) -> str | None:
    """What all files of a table, whole, were made of; None where one is missing or made of other things."""
    try:
        content = json.loads(json_path(table, EACH_FRAME).read_text(encoding="utf-8"))
        made_of = content["made_of"]
        if content["binned"]:
            binned = json_path(table, _bin_name(bin_minutes)).read_text(encoding="utf-8")
            if json.loads(binned)["made_of"] != made_of:
                return None
        picture = picture_path(table).read_bytes()
    except (OSError, ValueError, KeyError, TypeError):
        return None
    text = json.dumps(made_of, sort_keys=True)
    return text if text.encode() in picture and picture.endswith(_PNG_END) else None


def _bin_name(minutes: float) -> str:
    return f"{minutes:g}min"


def _name_in_words(name: str) -> str:
    return "each frame" if name == EACH_FRAME else f"bins of {name}"


def _audit_field(job: Job, path: Path, counts: FieldCounts, inputs: Inputs) -> None:
    field, outcome = _field_of(path), job.outcome
    log.info("%s: %s: %d stars in %d frames", Stage.NOISE_MODEL, field, len(counts.stars), len(counts.frames))
    noise = model_noise(counts, job.camera, watched=lambda radii, of: job.watched(radii, of + field, "aperture"))
    scatters = list(measure_scatter(noise, inputs.values["bin_minutes"]))
    told: dict[str, Any] = {"made_of": dict(inputs.values), "binned": len(scatters) > 1} | _judge_sky(
        counts, job.camera
    )
    audits = {one.name: audit_scatter(noise, one) for one in scatters}
    _tell(field, audits, told["sky_sentence"])
    title = f"{field}, {job.night.date}: {len(counts.stars)} stars, {len(counts.frames)} frames"
    panels = [_panel(noise, one, audits[one.name]) for one in scatters]
    outcome.products.append(_draw(picture_path(path), panels, title, inputs))
    for one in reversed(scatters):  # that of each frame is the last: it says that all are there
        bins = audits[one.name]
        own = {"audit": [dataclasses.asdict(each) for each in bins], "sentence": judge(bins)}
        outcome.products.append(_write_json(json_path(path, one.name), noise, one, own | told))
    keep_product(job.ledger, picture_path(path), field, inputs)
    outcome.done.append(path.name)


def _judge_sky(counts: FieldCounts, camera: Camera) -> dict[str, Any]:
    """What the pixels of the sky say of the detector's numbers."""
    sky, sky_rms, exptime_s = (np.asarray(counts.frames[name], float) for name in ("sky", "sky_rms", "exptime_s"))
    ratio = sky_ratio(sky, sky_rms, exptime_s, camera.detector)
    return {"sky_ratio": ratio, "sky_sentence": judge_sky(ratio)}


def _tell(field: str, audits: Mapping[str, Sequence[AuditBin]], sky_sentence: str) -> None:
    """No warning: the photometry is whole, and the page of the night says it again."""
    for name, bins in audits.items():
        usual = "scatter is as predicted" if bins else "too few frames or stars to compare scatter"
        log.info("%s: %s, %s: %s", Stage.NOISE_MODEL, field, _name_in_words(name), judge(bins) or usual)
    if sky_sentence:
        log.info("%s: %s: %s", Stage.NOISE_MODEL, field, sky_sentence)


def _draw(path: Path, panels: Sequence[NoisePanel], title: str, inputs: Inputs) -> Path:
    """Write the figure; it carries what it was made of. Returns its path."""
    with write_then_rename(path) as temporary:
        marks = {"Description": inputs.text}
        write_figure(plot_noise(panels, title=title), temporary, dpi=DOTS_PER_INCH, metadata=marks)
    return path


def _unwatched(radii: Sequence[float], of: str) -> Iterator[float]:
    return iter(radii)


def model_noise(counts: FieldCounts, camera: Camera, *, watched: Watched = _unwatched) -> FieldNoise:
    """FieldNoise of a FieldCounts: the curves in the best of its apertures, and the model."""
    levels, sky_errors = _levels_and_sky(counts, camera, watched(counts.radii, "counts of "))
    curves, best = relate_best(counts, radii=watched(counts.radii, "light curves of "), weighed=False)
    tmag, exptime_s = np.asarray(counts.stars["Tmag"], float), np.median(np.asarray(counts.frames["exptime_s"]))
    with np.errstate(invalid="ignore", divide="ignore"):
        zero_points = column_medians(
            (tmag + 2.5 * np.log10(levels / exptime_s)).T[_alone(counts)]
        )  # each aperture has its share of light
    known = tmag[np.isfinite(tmag)]
    grid = np.arange(known.min(), known.max() + CURVE_STEP_MAG, CURVE_STEP_MAG) if known.size else np.zeros(0)
    lights = exptime_s * 10 ** (0.4 * (zero_points[:, None] - grid))
    sky = float(column_medians(counts.columns["sky"].reshape(-1, 1))[0])
    models = [
        _model(counts, sky, light, sky_error=sky_errors[index], **_ccd(counts, camera, counts.radii[index]))
        for index, light in enumerate(lights)
    ]
    quietest = np.argmin([model["total"] for model in models], axis=0)
    model = {name: np.choose(quietest, [one[name] for one in models]) for name in models[0]}
    flux = np.take_along_axis(levels, best[None], axis=0)[0]
    return FieldNoise(counts, curves, np.asarray(counts.radii)[best], flux, zero_points[best], grid, model)


def _alone(counts: FieldCounts) -> np.ndarray:
    """Whether the light of each star is its own; all where none is alone."""
    alone = ~np.asarray(counts.stars["blended"], bool)
    return alone if alone.any() else ~alone


def _ccd(counts: FieldCounts, camera: Camera, radius_px: float) -> dict[str, Any]:
    """What the noise of counts depends on, beside light and sky."""
    exptime_s = float(np.median(np.asarray(counts.frames["exptime_s"], float)))
    return {"radius_px": radius_px, "detector": camera.detector, "exptime_s": exptime_s}


def _levels_and_sky(counts: FieldCounts, camera: Camera, radii: Iterable[float]) -> tuple[np.ndarray, list[float]]:
    """(apertures, stars) median counts, and the error of the sky in each aperture, ADU per pixel."""
    levels, errors = [], []
    for radius in radii:
        flux, fluxerr, sky = columns_of(counts, f"flux_{radius:g}", f"fluxerr_{radius:g}", "sky").values()
        levels.append(column_medians(flux))
        rest = _unexplained(flux, fluxerr, sky, _ccd(counts, camera, radius))
        del flux, fluxerr, sky  # a night's are many
        errors.append(np.sqrt(max(float(np.nanmedian(rest, overwrite_input=True)), 0.0)) / (np.pi * radius**2))
    return np.stack(levels), errors


def _model(counts: FieldCounts, sky: float, light: np.ndarray, **ccd: Any) -> dict[str, np.ndarray]:
    """Relative scatter of each term in one aperture, for stars of so much light; the sky's error as measured."""
    air = float(np.sqrt(np.mean(counts.air_rms**2)))
    return noise_curve(light, sky, scintillation_rms=air, **ccd)


def _unexplained(flux: np.ndarray, fluxerr: np.ndarray, sky: np.ndarray, ccd: dict[str, Any]) -> np.ndarray:
    """(frames, stars) part of the variance of counts that no term but the error of the sky explains."""
    rest = np.empty(flux.shape, np.float32)
    for first in range(0, len(flux), FRAMES_AT_ONCE):  # the terms of a whole night would take a GB
        part = slice(first, first + FRAMES_AT_ONCE)
        rest[part] = fluxerr[part].astype(float) ** 2 - noise_terms(flux[part], sky[part], **ccd).total
    return rest


def measure_scatter(noise: FieldNoise, bin_minutes: float) -> Iterator[Scatter]:
    """Scatter of each frame and in bins; NaN for stars that have counts in too few of them."""
    curves = noise.curves
    yield Scatter(EACH_FRAME, _of_most(curves.flux, curves.rms), curves.predicted, len(curves.flux), 1.0)
    bins = assign_bins(np.asarray(noise.counts.frames["jd_mid"], float), BinLength(minutes=bin_minutes))
    binned = scatter_in_bins(curves, bins)
    if len(binned.means) > 1:
        measured = _of_most(binned.means, binned.measured)
        yield Scatter(_bin_name(bin_minutes), measured, binned.predicted, len(binned.means), binned.points)


def _of_most(series: np.ndarray, values: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(series).mean(axis=0) >= FEWEST_SHARE, values, np.nan)


def audit_scatter(noise: FieldNoise, one: Scatter) -> list[AuditBin]:
    """AuditBins of the stars that are constant and alone; none where the series are too short."""
    if one.points < FEWEST_POINTS:
        return []
    stars = noise.counts.stars
    usable = ~noise.curves.variable & ~np.asarray(stars["blended"], bool)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(usable, one.measured / one.predicted, np.nan)
    return audit(ratio, np.asarray(stars["Tmag"], float), one.points)


def _write_json(path: Path, noise: FieldNoise, one: Scatter, told: Mapping[str, Any]) -> Path:
    stars = noise.counts.stars
    tic_id = np.asarray(stars["tic_id"])
    shown = np.isfinite(one.measured) & (noise.flux > 0)
    exptime_s = float(np.median(np.asarray(noise.counts.frames["exptime_s"], float)))
    mags = noise.zero_point[shown] - 2.5 * np.log10(noise.flux[shown] / exptime_s)
    content = {
        "RMS_list": one.measured[shown],
        "mags_list": mags,
        "Tmag_list": np.asarray(stars["Tmag"], float)[shown],
        "negative_fluxes_stars": tic_id[noise.flux <= 0],
        "synthetic_mag": noise.model_mag,
        **{key: noise.model[term] / np.sqrt(one.length) for term, key in _TERM_KEYS.items()},
        "TIC_list": tic_id[shown],
        "predicted_list": one.predicted[shown],
        "variable_list": noise.curves.variable[shown],
        "radius_list": noise.radius_px[shown],
        "points_a_bin": one.length,
        **told,
    }
    with write_then_rename(path) as temporary:
        temporary.write_text(json.dumps(_plain(content), indent=1, allow_nan=False), encoding="utf-8")
    return path


def _plain(value: Any) -> Any:
    """Arrays as lists, what is not finite as null."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, np.ndarray | list):
        return [_plain(one) for one in (value.tolist() if isinstance(value, np.ndarray) else value)]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _panel(noise: FieldNoise, one: Scatter, bins: Sequence[AuditBin]) -> NoisePanel:
    frames = "" if one.name == EACH_FRAME else f", {one.points} of {one.length:.0f} frames"
    name = _name_in_words(one.name) + frames
    return NoisePanel(
        name=name,
        mag=np.asarray(noise.counts.stars["Tmag"], float),
        rms=one.measured,
        variable=noise.curves.variable,
        curve_mag=noise.model_mag,
        terms={term: values / np.sqrt(one.length) for term, values in noise.model.items()},
        ratios=[(each.low, each.high, each.ratio) for each in bins],
    )
