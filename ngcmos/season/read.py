"""One night's table as a season reads it: its stars, its frames with their quality, and its counts."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from ngcmos.arrays import Rows
from ngcmos.config import Camera
from ngcmos.errors import ProductError
from ngcmos.lightcurves.cube import read_cube
from ngcmos.lightcurves.frames import clear_zero_point_of, refused_frames
from ngcmos.names import Quality, Verdict
from ngcmos.night.exclusions import NOTHING, Exclusions
from ngcmos.night.fingerprint import Inputs, digest_of
from ngcmos.night.ledger import read_ledger
from ngcmos.night.products import photometry_path
from ngcmos.photometry.quality import judge_frames
from ngcmos.season.known import UNKNOWN, KnownStars
from ngcmos.tables.table import SERIAL_CARD, Cards, check_table, read_frames, read_stars, table_checksum

ROOMS = (
    *[f"ngcmos.season.{name}" for name in ("nightly", "pointings", "read", "summary", "curves", "bins", "known")],
    "ngcmos.lightcurves",
    *[f"ngcmos.photometry.{name}" for name in ("noise", "quality", "sky", "trails")],
)
REFUSED = Verdict.REFUSED.value
STAR_COLUMNS = np.dtype(
    [(name, "i8") for name in ("gaia_id", "tic_id")]
    + [(name, "f8") for name in ("ra_deg", "dec_deg")]
    + [(name, "f4") for name in ("Tmag", "gaiabp", "gaiarp", "contamination")]
    + [(name, "?") for name in ("blended", "target")]
)
_NUMBERS = ("airmass", "exptime_s", "zp", "sky", "fwhm_px", "elongation", "place_x", "place_y", "wcs_rms_px")
FRAME_COLUMNS = np.dtype(
    [
        ("frame_id", "S200"),
        ("jd_mid", "f8"),
        *[(name, "f4") for name in (*_NUMBERS, "transparency")],
        ("quality", "S12"),
        ("reason", "S240"),
        ("extra", "S400"),
    ]
)
_PLACES = ("ra_deg", "dec_deg")


@dataclasses.dataclass(frozen=True, eq=False)
class FieldNight:
    """A field in one night.

    Attributes
    ----------
    night : str
        YYYYMMDD.
    camera : str
        Profile and serial number.
    made_of : str
        JSON that tells what was read and how it is judged.
    radii : tuple of float
        Apertures, pixels.
    stars : (stars,) structured array
        `STAR_COLUMNS`; NaN and 0 where nothing is known.
    frames : (frames,) structured array
        `FRAME_COLUMNS`; those measured in time order, then those refused.
    columns : dict of str to (measured frames, stars) array
    """

    night: str
    camera: str
    made_of: str
    radii: tuple[float, ...]
    stars: Rows
    frames: Rows
    columns: dict[str, NDArray[Any]]

    @property
    def measured(self) -> Rows:
        """The frames that the columns have."""
        return self.frames[: len(self.columns["x"])]


@dataclasses.dataclass(frozen=True, eq=False)
class NightFacts:
    """What is known of a field's night beside its counts, and all that enters what a season makes of it."""

    path: Path
    header: Cards
    frames: Table
    refused: dict[str, str]
    clear_zp: float | None
    exclusions: Exclusions
    made_of: Inputs

    @property
    def camera(self) -> str:
        """Profile and serial number, where the table tells one."""
        words = str(self.header.get(SERIAL_CARD, "")).split()
        return " ".join([str(self.header["PROFILE"]), *(["-".join(words)] if words else [])])

    @property
    def reduction(self) -> str:
        """What the photometry was made of."""
        return str(self.header.get("INPUTS", ""))


def read_night_facts(
    folder: Path, field: str, camera: Camera, known: KnownStars, exclusions: Exclusions = NOTHING
) -> NightFacts:
    """Frames, refusals and the clear zero point of a field's night.

    Raises
    ------
    ProductError
        The table is damaged.
    """
    path = photometry_path(folder, field)
    frames = read_frames(path)
    if not np.isfinite(np.asarray(frames["jd_mid"], float)).any():
        raise ProductError(f"{path}: no frame has a time, expected some jd_mid in FRAMES")
    refused = _refused_frames(folder, field, frames)
    clear_zp = clear_zero_point_of(path, sorted(folder.glob(photometry_path(folder, "*").name)), {path: frames})
    values: dict[str, Any] = {
        "table": table_checksum(path),
        "refused": digest_of(json.dumps(refused)),
        "clear_zp": clear_zp,
        "jump_px": camera.jump_px,
        "quality": camera.quality,
        "known": known.digest,
        "shape": camera.detector.shape,
        "elevation_m": camera.site.elevation_m,
        "telescope": camera.telescope,
    }
    values |= {"excluded": exclusions.digest} if exclusions.digest else {}
    made_of = Inputs.of(ROOMS, **values)
    return NightFacts(path, check_table(path), frames, refused, clear_zp, exclusions, made_of)


def read_field_night(
    folder: Path,
    field: str,
    camera: Camera,
    *,
    further: tuple[str, ...] = (),
    facts: NightFacts | None = None,
) -> FieldNight:
    """A field of a night folder: counts and their errors in all apertures, places and flags.

    Parameters
    ----------
    folder : Path
    field : str
    camera : ngcmos.config.Camera
    further : tuple of str
        Columns of the photometry table to read beside these.
    facts : NightFacts, optional
        Those of `read_night_facts`, whose exclusions are frames that are not used and stars without counts; those
        of a night of which no star is known and nothing excluded otherwise.

    Raises
    ------
    ProductError
        The table is damaged, or of a version that had other columns.
    """
    facts = facts or read_night_facts(folder, field, camera, UNKNOWN)
    radii = tuple(sorted(float(facts.header[key]) for key in facts.header if key.startswith("RADIUS")))
    names = [f"{name}_{radius:g}" for radius in radii for name in ("flux", "fluxerr")]
    stars = read_stars(facts.path)
    columns = read_cube(facts.path, [*names, "x", "y", "flags", *further])
    for name in names:
        columns[name][:, facts.exclusions.leaves_out_stars(stars)] = np.nan
    return FieldNight(
        night=folder.name,
        camera=facts.camera,
        made_of=facts.made_of.text,
        radii=radii,
        stars=stars_of_table(stars),
        frames=_frame_rows(facts, camera),
        columns=columns,
    )


def _refused_frames(folder: Path, field: str, frames: Table) -> dict[str, str]:
    """{frame: why it was refused first}; empty without a ledger: it may be removed, products are the truth."""
    try:
        entries = read_ledger(folder)
    except ProductError:
        return {}
    return refused_frames(entries, field, [str(name) for name in frames["frame_id"]])


def stars_of_table(table: Table) -> Rows:
    """Rows of `STAR_COLUMNS` of the extension STARS of a photometry table."""
    rows = np.zeros(len(table), STAR_COLUMNS)
    for name in STAR_COLUMNS.names or ():
        source = f"{name}_corr" if name in _PLACES and name not in table.colnames else name
        blank = np.nan if STAR_COLUMNS[name].kind == "f" else 0
        rows[name] = np.ma.filled(table[source], blank) if source in table.colnames else blank
    return rows


def _frame_rows(facts: NightFacts, camera: Camera) -> Rows:
    """Frames measured, with their quality, then those refused, with the reason."""
    table, refused = facts.frames, facts.refused
    rows = np.zeros(len(table) + len(refused), FRAME_COLUMNS)
    for name in ("jd_mid", *_NUMBERS, "transparency"):
        rows[name] = np.nan
    here = rows[: len(table)]
    for name in ("jd_mid", *_NUMBERS):
        if name in table.colnames:
            here[name] = np.asarray(table[name], float)
    judged = judge_frames(table, jump_px=camera.jump_px, limits=camera.quality, clear_zp=facts.clear_zp)
    verdict = np.where(facts.exclusions.leaves_out(table), str(Quality.EXCLUDED), judged.verdict)
    here["transparency"], here["quality"] = judged.transparency, np.char.encode(verdict, "ascii")
    here["frame_id"] = _as_bytes(table["frame_id"])
    here["extra"] = _as_bytes(_extras_of(table, camera))
    rows["frame_id"][len(table) :] = _as_bytes(list(refused))
    rows["quality"][len(table) :] = REFUSED
    rows["reason"][len(table) :] = _as_bytes(list(refused.values()))
    return rows


def _extras_of(table: Table, camera: Camera) -> list[str]:
    """What the profile keeps beside the frames, as JSON of each; what is not known is left out."""
    names = [name for name in camera.headers.extra_units if name in table.colnames]
    known = [{name: float(row[name]) for name in names if np.isfinite(row[name])} for row in table]
    return [json.dumps(one) if one else "" for one in known]


def _as_bytes(texts: Any) -> NDArray[np.bytes_]:
    return np.char.encode(np.asarray(texts, str), "ascii", "replace")
