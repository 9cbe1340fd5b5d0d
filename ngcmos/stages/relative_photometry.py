"""Light curves of all stars of a field against comparison stars: `rel_phot_{field}.fits`.

The first extension, REL_PHOT, has one row a star a frame, all frames of a star together, in time order: every
frame of the photometry table is there, with NaN where it says nothing of the star. Columns:

    TIC_ID Tmag Time_BJD Relative_Flux Relative_Flux_err RMS Sky Airmass ZP COLOR
    gaia_id flags frame

`RMS` is the scatter of the star's whole curve, `COLOR` Gaia BP - RP, `ZP` the zero point of the frame, `frame`
the row of FRAMES. Extension STARS has a row a star (its aperture, comparison stars, whether it varies), FRAMES a
row a frame of the night: those measured first, with their quality (which the ledger keeps too, as stage
`quality`), then those that were refused, with the reason.
"""

import contextlib
import hashlib
import json
import logging
import warnings

import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.utils.exceptions import AstropyWarning

from ngcmos import __version__
from ngcmos.errors import ProductError, UsageError, WorkError
from ngcmos.lightcurves.cube import colours, read_field, relate_best
from ngcmos.names import Quality
from ngcmos.night.disk import require_space
from ngcmos.night.ledger import REFUSED, open_ledger, recall, record
from ngcmos.night.outcome import Outcome
from ngcmos.night.products import photometry_path, relative_path, write_then_rename
from ngcmos.photometry.quality import Judged, clear_zero_point, judge_frames
from ngcmos.tables.table import read_frames, table_checksum

log = logging.getLogger(__name__)

STAGE = "relative_photometry"
REFUSING = ("simple_wrapper", "check_cmos", "process_cmos")
QUALITY, UNKNOWN = "quality", "unknown"
TMAG_MAX = 14.0
COLUMNS = [
    ("TIC_ID", ">i8", None),
    ("Tmag", ">f4", "mag"),
    ("Time_BJD", ">f8", "d"),
    ("Relative_Flux", ">f4", None),
    ("Relative_Flux_err", ">f4", None),
    ("RMS", ">f4", None),
    ("Sky", ">f4", "adu"),
    ("Airmass", ">f4", None),
    ("ZP", ">f4", "mag"),
    ("COLOR", ">f4", "mag"),
    ("gaia_id", ">i8", None),
    ("flags", ">i4", None),
    ("frame", ">i4", None),
]
_BYTES_OF_ROW = np.dtype([(name, kind) for name, kind, _ in COLUMNS]).itemsize


def run(config, night, *, tmag_max=TMAG_MAX, overwrite=False):
    """Write the relative light curves of each field that has a photometry table; an Outcome.

    Parameters
    ----------
    config : ngcmos.config.Config
    night : ngcmos.night.folder.Night
    tmag_max : float
        Fainter stars are left out, but for targets.
    overwrite : bool
        Make curves anew that were made of this photometry table and these refused frames already.

    Raises
    ------
    UsageError
        `tmag_max` is not finite.
    WorkError
        There is no photometry table.
    """
    if not np.isfinite(tmag_max):
        raise UsageError(f"tmag_max is {tmag_max}, expected a magnitude")
    outcome = Outcome(STAGE)
    tables = sorted(night.folder.glob(photometry_path(night.folder, "*").name))
    if not tables:
        raise WorkError(f"{night.folder}: no phot_*.fits, expected one a field; run process_cmos first")
    clear_zp = _clear_zero_point(tables)
    for path in tables:
        with outcome.attempt(path.stem.removeprefix("phot_")):
            _relate_field(config.camera, night.folder, path, tmag_max, clear_zp, overwrite, outcome)
    return outcome


def _clear_zero_point(tables):
    """Zero point of a clear frame of the night, in hundredths: a field all under clouds does not tell it."""
    numbers = []
    for path in tables:
        with contextlib.suppress(ProductError, KeyError):  # told where the field is worked on
            frames = read_frames(path)
            numbers.append([np.asarray(frames[name], float) for name in ("zp", "airmass")])
    clear = clear_zero_point(*np.concatenate(numbers, axis=1)) if numbers else np.nan
    return round(clear, 2) if np.isfinite(clear) else None


def _relate_field(camera, folder, path, tmag_max, clear_zp, overwrite, outcome):
    field = path.stem.removeprefix("phot_")
    target = relative_path(folder, field)
    refused = _refused_frames(folder, field, path)
    made_of = {"PHOTSUM": table_checksum(path), "TMAGMAX": tmag_max, "VERSION": __version__}
    made_of |= {"PROFSUM": camera.checksum, "CLEARZP": clear_zp}
    made_of["REFSUM"] = hashlib.sha256(json.dumps(refused).encode()).hexdigest()[:16]
    if not overwrite and _is_made_of(target, made_of):
        outcome.skipped.append(target.name)
        return
    counts = read_field(path, camera, tmag_max=tmag_max, further=("jd_bary", "airmass", "zp"))
    log.info("%s: %s: %d stars in %d frames", STAGE, field, len(counts.stars), len(counts.frames))
    curves, best = relate_best(counts)
    judged = _judge(counts.frames, camera.donuts.large_px, clear_zp)
    with open_ledger(folder) as ledger:
        _keep_quality(ledger, field, counts.frames, judged)
    require_space(folder, camera.files.reserve_mb, needed_mb=curves.flux.size * _BYTES_OF_ROW / 1e6)
    units = [
        fits.PrimaryHDU(),
        _curve_unit(counts, curves, made_of, camera),
        fits.table_to_hdu(_star_table(counts, curves, best)),
        fits.table_to_hdu(_frame_table(counts, curves, judged, refused)),
    ]
    with write_then_rename(target) as temporary:
        fits.HDUList(units).writeto(temporary)
    outcome.products.append(target)
    outcome.done.append(target.name)
    _tell(field, counts, curves, judged)


def _refused_frames(folder, field, path):
    """{frame: why it was refused first} of the frames of a field that its table does not hold."""
    measured = {str(name) for name in read_frames(path)["frame_id"]}
    refused = {}
    with open_ledger(folder) as ledger:
        for stage in REFUSING:
            for name, entry in recall(ledger, stage, field).items():
                if entry.verdict == REFUSED and name not in measured:
                    refused.setdefault(name, entry.reason)
    return refused


def _is_made_of(path, made_of):
    """Whether a whole file of curves lies there that was made of the same things."""
    try:
        with warnings.catch_warnings(), fits.open(path) as units:
            warnings.simplefilter("error", AstropyWarning)  # astropy only warns of a truncated file
            last = units[-1].fileinfo()
            whole = path.stat().st_size == last["datLoc"] + last["datSpan"]
            header = units["REL_PHOT"].header
            return whole and all(header.get(key) == value for key, value in made_of.items())
    except (OSError, KeyError, ValueError, TypeError, AstropyWarning, fits.VerifyError):
        return False


def _curve_unit(counts, curves, made_of, camera):
    """The extension REL_PHOT."""
    frames, stars = curves.flux.shape
    rows = np.empty((stars, frames), [(name, kind) for name, kind, _ in COLUMNS])
    of_star = {"TIC_ID": "tic_id", "Tmag": "Tmag", "gaia_id": "gaia_id"}
    for name, source in of_star.items():
        rows[name] = np.asarray(counts.stars[source])[:, None]
    rows["COLOR"], rows["RMS"] = colours(counts.stars)[:, None], curves.rms[:, None]
    sources = {"Time_BJD": "jd_bary", "Sky": "sky", "Airmass": "airmass", "ZP": "zp", "flags": "flags"}
    for name, source in sources.items():
        rows[name] = counts.columns[source].T
    rows["Relative_Flux"], rows["Relative_Flux_err"] = curves.flux.T, curves.error.T
    rows["frame"] = np.arange(frames)
    unit = fits.BinTableHDU(rows.reshape(-1), name="REL_PHOT")
    for number, (_, _, name) in enumerate(COLUMNS, start=1):
        if name:
            unit.header.set(f"TUNIT{number}", name, after=f"TFORM{number}")
    cards = {"NSTARS": stars, "NFRAMES": frames, "PROFILE": camera.name, **made_of}
    unit.header.update({**cards, "CREATOR": f"ngcmos {__version__}"})
    return unit


def _star_table(counts, curves, best):
    stars = counts.stars
    table = Table({name: np.asarray(stars[name]) for name in ("tic_id", "gaia_id", "Tmag")})
    table["color"] = colours(stars)
    table["radius_px"] = np.asarray(counts.radii)[best]
    table["rms"], table["predicted"] = curves.rms, curves.predicted
    table["comparisons"], table["variable"] = curves.comparisons, curves.variable
    table["points"] = np.isfinite(curves.flux).sum(axis=0)
    table.meta["EXTNAME"] = "STARS"
    return table


def _frame_table(counts, curves, judged, refused):
    """A row for every frame of the night; refused ones have no time and no factor."""
    names = [str(name) for name in counts.frames["frame_id"]]
    table = Table({"frame_id": np.char.encode([*names, *refused], "ascii", "replace")})
    missing = np.full(len(refused), np.nan)
    table["jd_mid"] = np.concatenate([np.asarray(counts.frames["jd_mid"], float), missing])
    table["factor"] = np.concatenate([curves.factor, missing])
    table["transparency"] = np.concatenate([judged.transparency, missing])
    quality = [*judged.verdict.tolist(), *[REFUSED] * len(refused)]
    table["quality"] = np.char.encode(quality, "ascii", "replace")
    table["points"] = np.concatenate([np.isfinite(curves.flux).sum(axis=1), np.zeros(len(refused), int)])
    table["reason"] = np.char.encode([*[""] * len(names), *refused.values()], "ascii", "replace")
    table.meta["EXTNAME"] = "FRAMES"
    return table


def _judge(frames, jump_px, clear_zp):
    """Judged frames; unknown ("") where the table was made before frames told of their quality."""
    try:
        return judge_frames(frames, jump_px=jump_px, clear_zp=clear_zp)
    except KeyError:
        return Judged(np.full(len(frames), np.nan), np.full(len(frames), ""))


def _keep_quality(ledger, field, frames, judged):
    """The verdict of each frame in the ledger."""
    for name, transparency, verdict in zip(
        frames["frame_id"], judged.transparency.tolist(), judged.verdict.tolist(), strict=True
    ):
        record(ledger, QUALITY, str(name), field, verdict or UNKNOWN, numbers={"transparency": transparency})


def _tell(field, counts, curves, judged):
    """No warning: every frame is measured, and the files say the rest."""
    variable = int(curves.variable.sum())
    if variable:
        log.info("%s: %s: %d stars vary, no other is compared with them", STAGE, field, variable)
    bad = ", ".join(f"{(judged.verdict == name).sum()} {name}" for name in Quality if name in judged.verdict)
    log.info("%s: %s: frames: %s", STAGE, field, bad or "of unknown quality")
    alone = int((~(curves.comparisons > 0)).sum())
    if alone:
        log.info("%s: %s: %d stars have no comparison star, so no curve", STAGE, field, alone)
