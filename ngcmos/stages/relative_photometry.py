"""Light curves of all stars of a field against comparison stars: `rel_phot_{field}.fits`.

The first extension, REL_PHOT, has one row a star a frame, all frames of a star together, in time order: every
frame of the photometry table is there, with NaN where it says nothing of the star. Columns:

    TIC_ID Tmag Time_BJD Relative_Flux Relative_Flux_err RMS Sky Airmass ZP COLOR
    gaia_id flags frame

`RMS` is the scatter of the star's whole curve, `COLOR` Gaia BP - RP, `ZP` the zero point of the frame, `frame`
the row of FRAMES. Extension STARS has a row a star (its aperture, comparison stars, whether it varies), FRAMES a
row a frame of the night: those measured first, with their quality (which the ledger keeps too, as stage
`quality`), then those that were refused, with the reason. COMPARISONS lists the comparison stars of each star with
their weights, BINNED the curves in bins, where bins are asked for.

Lists of stars to compare with, or not to, are kept in the night as `comp_stars_{field}.txt` and
`exclude_stars_{field}.txt`; they count for every later run, until a line is taken out or the file removed.
"""

import dataclasses
import json
import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.utils.exceptions import AstropyWarning

from ngcmos import __version__
from ngcmos.arrays import Floats
from ngcmos.config import Camera
from ngcmos.errors import UsageError, WorkError
from ngcmos.lightcurves.choice import EVERY_STAR, Choice
from ngcmos.lightcurves.comparisons import binned_table, comparison_table
from ngcmos.lightcurves.cube import FieldCounts, colours, read_field, relate_best
from ngcmos.lightcurves.curve_file import ROW, write_curves
from ngcmos.lightcurves.ensemble import Relative
from ngcmos.lightcurves.frames import REFUSING, clear_zero_point_of, refused_frames
from ngcmos.lightcurves.series import BinLength
from ngcmos.names import Quality, Record, Stage, Verdict
from ngcmos.night.disk import require_space
from ngcmos.night.exclusions import NOTHING, Exclusions, read_exclusions
from ngcmos.night.fingerprint import Inputs, digest_of
from ngcmos.night.job import Job
from ngcmos.night.ledger import record
from ngcmos.night.outcome import Outcome
from ngcmos.night.products import photometry_path, relative_path, write_then_rename
from ngcmos.night.provenance import keep_product
from ngcmos.night.remarks import LEFT_OUT, keep_remark
from ngcmos.photometry.quality import Judged, judge_frames
from ngcmos.steps.known import known_ids
from ngcmos.steps.star_lists import keep_lists, kept_choice
from ngcmos.tables.table import read_frames, read_stars, table_checksum

log = logging.getLogger(__name__)

UNKNOWN = "unknown"
ROOMS = (
    "ngcmos.lightcurves",
    *[f"ngcmos.photometry.{name}" for name in ("noise", "quality", "sky", "trails")],
    "ngcmos.stages.relative_photometry",
)


@dataclasses.dataclass(frozen=True)
class CurveOptions:
    """What is asked of the curves.

    Attributes
    ----------
    tmag_max : float, optional
        Fainter stars are left out, but for targets; without it the profile's `light_curves.tmag_max`.
    radius_px : float, optional
        One aperture for all; each star's best by default.
    bin_frames : int
        Frames of a bin of the extension BINNED; 0: no such extension.
    exptime_s : float, optional
        What the exposures are thought to be; said where they are not.
    choice : ngcmos.lightcurves.choice.Choice
        Its lists of stars are those that the night keeps.
    """

    tmag_max: float | None = None
    radius_px: float | None = None
    bin_frames: int = 0
    exptime_s: float | None = None
    choice: Choice = EVERY_STAR

    def check(self) -> None:
        """Raise UsageError where this cannot be meant."""
        if self.tmag_max is not None and not np.isfinite(self.tmag_max):
            raise UsageError(f"tmag_max is {self.tmag_max}, expected a magnitude")
        if self.bin_frames < 0:
            raise UsageError(f"--bin_size is {self.bin_frames}, expected a number of frames")
        self.choice.check()

    def faintest(self, camera: Camera) -> float:
        """The faintest magnitude of the curves."""
        return camera.light_curves.tmag_max if self.tmag_max is None else self.tmag_max


def run(
    job: Job,
    options: CurveOptions = CurveOptions(),
    *,
    comp_stars: Sequence[int] | None = None,
    exclude: Sequence[int] | None = None,
    overwrite: bool = False,
) -> Outcome:
    """Write the relative light curves of each field that has a photometry table; an Outcome.

    Curves that only the code would make otherwise are kept and said; `overwrite` makes all anew.

    Parameters
    ----------
    job : ngcmos.night.job.Job
    options : CurveOptions
    comp_stars, exclude : sequence of int, optional
        Ids of stars that alone are compared with, or not at all; they take the place of the lists that the night
        keeps.
    overwrite : bool

    Raises
    ------
    UsageError
        An option cannot be meant, or a list names a star that no field has.
    WorkError
        There is no photometry table.
    """
    options.check()
    tables = sorted(job.folder.glob(photometry_path(job.folder, "*").name))
    if not tables:
        raise WorkError(f"{job.folder}: no phot_*.fits, expected one a field; run {Stage.PROCESS_CMOS} first")
    keep_lists(job.folder, tables, {"only": comp_stars, "left_out": exclude})
    for path in tables:
        field = path.stem.removeprefix("phot_")
        with job.outcome.attempt(field):
            refused = _refused_frames(job, field, path)
            exclusions = read_exclusions(job.folder, job.config.directories.out)
            wanted = dataclasses.replace(options, choice=_choice(job, path, options.choice, exclusions))
            comparison = Comparison(path, refused, wanted, clear_zero_point_of(path, tables), exclusions)
            _remark_on(job, comparison, field)
            inputs = comparison.inputs(job.camera)
            target = relative_path(job.folder, field)
            if overwrite or not job.stands(target, field, _made_of(target), inputs):
                _relate_field(job, field, comparison, inputs)
    return job.outcome


@dataclasses.dataclass(frozen=True)
class Comparison:
    """What the curves of a field are made of: its table, the frames it lacks and why, what is asked."""

    table: Path
    refused: Mapping[str, str]
    options: CurveOptions
    clear_zp: float | None
    exclusions: Exclusions = NOTHING

    @property
    def _refused_sum(self) -> str:
        return digest_of(json.dumps(self.refused))

    def inputs(self, camera: Camera) -> Inputs:
        """All that enters the curves."""
        values: dict[str, Any] = {
            "tmag_max": self.options.faintest(camera),
            "clear_zp": self.clear_zp,
            "jump_px": camera.jump_px,
        }
        asked = {"aper": self.options.radius_px, "bin_size": self.options.bin_frames, **self.options.choice.asked}
        values |= {name: value for name, value in asked.items() if value}
        values |= {"table": table_checksum(self.table), "refused": self._refused_sum}
        values |= {"excluded": self.exclusions.digest} if self.exclusions.digest else {}
        tables = {name: getattr(camera, name) for name in ("detector", "telescope", "site", "quality")}
        return Inputs.of(ROOMS, ROW, **values, **tables)

    def cards(self, camera: Camera, inputs: Inputs) -> dict[str, object]:
        """Cards of the header that tell it."""
        return {
            "PHOTSUM": inputs.values["table"],
            "TMAGMAX": self.options.faintest(camera),
            "VERSION": __version__,
            "PROFSUM": camera.checksum,
            "CLEARZP": self.clear_zp,
            "REFSUM": self._refused_sum,
            "FINGERPR": inputs.fingerprint,
        }


def _choice(job: Job, table: Path, asked: Choice, exclusions: Exclusions) -> Choice:
    """The choice asked for, with the lists of the night, the observer's word, and what is known to vary."""
    field = table.stem.removeprefix("phot_")
    kept = kept_choice(job.folder, field, asked)
    listed = {*kept.left_out, *kept.only}
    barred = tuple(star for star in exclusions.comparisons if star not in kept.left_out)
    known = [star for star in known_ids(job.config, field, read_stars(table)) if star not in {*listed, *barred}]
    if known:
        told = "stars are known to vary or to have planets, no other is compared with them"
        log.info("%s: %s: %d %s", Stage.RELATIVE_PHOTOMETRY, field, len(known), told)
    return dataclasses.replace(kept, left_out=(*kept.left_out, *barred, *known))


def _remark_on(job: Job, comparison: Comparison, field: str) -> None:
    """Say what is left out of a field, and which lines make no sense."""
    exclusions, table = comparison.exclusions, comparison.table
    keep_remark(job.ledger, field, LEFT_OUT, exclusions.told(read_frames(table), read_stars(table)))
    keep_remark(job.ledger, "", "exclude", "; ".join(exclusions.complaints))


def _refused_frames(job: Job, field: str, path: Path) -> dict[str, str]:
    """{frame: why it was refused first} of the frames of a field that its table does not hold."""
    entries = [entry for stage in REFUSING for entry in job.recall(stage, field).values()]
    return refused_frames(entries, field, [str(name) for name in read_frames(path)["frame_id"]])


def _made_of(path: Path) -> str | None:
    """What a whole file of curves was made of; None where there is none."""
    try:
        with warnings.catch_warnings(), fits.open(path) as units:
            warnings.simplefilter("error", AstropyWarning)  # astropy only warns of a truncated file
            last = units[-1].fileinfo()
            whole = path.stat().st_size == last["datLoc"] + last["datSpan"]
            return str(units["REL_PHOT"].header["INPUTS"]) if whole else None
    except (OSError, KeyError, ValueError, TypeError, AstropyWarning, fits.VerifyError):
        return None


def _relate_field(job: Job, field: str, comparison: Comparison, inputs: Inputs) -> None:
    camera, target = job.camera, relative_path(job.folder, field)
    options, further = comparison.options, ("jd_bary", "airmass", "zp")
    radii = None if options.radius_px is None else [options.radius_px]
    counts = read_field(
        comparison.table,
        camera,
        tmag_max=options.faintest(camera),
        radii=radii,
        further=further,
        exclusions=comparison.exclusions,
    )
    stage = Stage.RELATIVE_PHOTOMETRY
    _tell_exposures(field, np.asarray(counts.frames["exptime_s"], float), options.exptime_s)
    log.info("%s: %s: %d stars in %d frames", stage, field, len(counts.stars), len(counts.frames))
    watched = job.watched(counts.radii, f"light curves of {field}", "aperture")
    curves, best = relate_best(counts, options.choice, radii=watched)
    judged = _judge(counts.frames, camera, comparison)
    _keep_quality(job, field, counts.frames, judged)
    require_space(job.folder, camera.files.reserve_mb, needed_mb=curves.flux.size * ROW.itemsize / 1e6)
    cards = {"PROFILE": camera.name, **comparison.cards(camera, inputs), "INPUTS": inputs.text}
    tables = [
        lambda: _star_table(counts, curves, best),
        lambda: _frame_table(counts, curves, judged, comparison.refused),
        lambda: comparison_table(counts, curves),
    ]
    if options.bin_frames:
        tables.append(lambda: binned_table(counts, curves, BinLength(frames=options.bin_frames)))
    with write_then_rename(target) as temporary:
        write_curves(temporary, counts, curves, cards, tables)
    keep_product(job.ledger, target, field, inputs)
    job.outcome.products.append(target)
    job.outcome.done.append(target.name)
    _tell(field, curves, judged)


def _tell_exposures(field: str, exptime_s: Floats, thought_s: float | None) -> None:
    """Say so where frames were exposed otherwise than the observer thinks."""
    if thought_s is None or np.allclose(exptime_s, thought_s, rtol=0.01):
        return
    told = f"{exptime_s.min():g} s" if np.ptp(exptime_s) == 0 else f"{exptime_s.min():g} to {exptime_s.max():g} s"
    said = "%s: %s: --exposure is %g, the frames were exposed %s; theirs is used"
    log.warning(said, Stage.RELATIVE_PHOTOMETRY, field, thought_s, told)


def _star_table(counts: FieldCounts, curves: Relative, best: np.ndarray) -> Table:
    stars = counts.stars
    table = Table({name: np.asarray(stars[name]) for name in ("tic_id", "gaia_id", "Tmag")})
    table["color"] = colours(stars)
    table["radius_px"] = np.asarray(counts.radii)[best]
    table["rms"], table["predicted"] = curves.rms, curves.predicted
    table["comparisons"], table["variable"] = curves.comparisons, curves.variable
    table["points"] = np.isfinite(curves.flux).sum(axis=0)
    table.meta["EXTNAME"] = "STARS"
    return table


def _frame_table(counts: FieldCounts, curves: Relative, judged: Judged, refused: Mapping[str, str]) -> Table:
    """A row for every frame of the night; refused ones have no time and no factor."""
    names = [str(name) for name in counts.frames["frame_id"]]
    table = Table({"frame_id": np.char.encode([*names, *refused], "ascii", "replace")})
    missing = np.full(len(refused), np.nan)
    table["jd_mid"] = np.concatenate([np.asarray(counts.frames["jd_mid"], float), missing])
    table["factor"] = np.concatenate([curves.factor, missing])
    table["transparency"] = np.concatenate([judged.transparency, missing])
    quality = [*judged.verdict.tolist(), *[Verdict.REFUSED] * len(refused)]
    table["quality"] = np.char.encode(quality, "ascii", "replace")
    table["points"] = np.concatenate([np.isfinite(curves.flux).sum(axis=1), np.zeros(len(refused), int)])
    table["reason"] = np.char.encode([*[""] * len(names), *refused.values()], "ascii", "replace")
    table.meta["EXTNAME"] = "FRAMES"
    return table


def _judge(frames: Table, camera: Camera, comparison: Comparison) -> Judged:
    """Judged frames; unknown ("") where the table was made before frames told of their quality."""
    clear_zp = comparison.clear_zp
    try:
        judged = judge_frames(frames, jump_px=camera.jump_px, limits=camera.quality, clear_zp=clear_zp)
    except KeyError:
        judged = Judged(np.full(len(frames), np.nan), np.full(len(frames), ""))
    verdict = np.where(comparison.exclusions.leaves_out(frames), str(Quality.EXCLUDED), judged.verdict)
    return Judged(judged.transparency, verdict)


def _keep_quality(job: Job, field: str, frames: Table, judged: Judged) -> None:
    """The verdict of each frame in the ledger."""
    for name, transparency, verdict in zip(
        frames["frame_id"], judged.transparency.tolist(), judged.verdict.tolist(), strict=True
    ):
        numbers = {"transparency": transparency}
        record(job.ledger, Record.QUALITY, str(name), field, verdict or UNKNOWN, numbers=numbers)


def _tell(field: str, curves: Relative, judged: Judged) -> None:
    """No warning: every frame is measured, and the files say the rest."""
    variable = int(curves.variable.sum())
    if variable:
        log.info(
            "%s: %s: %d stars vary, no other is compared with them", Stage.RELATIVE_PHOTOMETRY, field, variable
        )
    bad = ", ".join(f"{(judged.verdict == name).sum()} {name}" for name in Quality if name in judged.verdict)
    log.info("%s: %s: frames: %s", Stage.RELATIVE_PHOTOMETRY, field, bad or "of unknown quality")
    alone = int((~(curves.comparisons > 0)).sum())
    if alone:
        log.info("%s: %s: %d stars have no comparison star, so no curve", Stage.RELATIVE_PHOTOMETRY, field, alone)
