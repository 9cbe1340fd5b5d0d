"""What the morning page knows of the fields of a night: numbers of every frame, from products and ledger.

``read_fields(config, night, entries) -> [FieldFacts, ...]``. What is missing is NaN; a damaged product is as good
as none here, the stage that owns it says so.
"""

import collections
import dataclasses
import json

import numpy as np

from ngcmos.errors import ProductError
from ngcmos.night.folder import stamp_of
from ngcmos.night.ledger import DONE, REFUSED
from ngcmos.night.products import photometry_path
from ngcmos.photometry.quality import CLEAR_QUANTILE, clear_zero_point, find_clouds, transparency_of
from ngcmos.qc.shifts import CLOUD_SHARE, CONSTANT, LARGE, UNREADABLE
from ngcmos.report.story import MEASURED, PHOTOMETRY, SOLVING, WAITING, read_story
from ngcmos.report.words import kind_of
from ngcmos.steps.shifts import SHIFTS
from ngcmos.tables.table import read_frames, table_checksum

RUN = "run"
JUMP_WINDOW = 5
JUMP_LIMITS = 2.0  # times what counts as a large shift: from one frame to the next, and staying there
TABLE_NUMBERS = ("shift_x", "shift_y", "wcs_rms_px", "sky", "fwhm_px", "zp", "airmass", "exptime_s")
COLUMNS = (*TABLE_NUMBERS, "seen_share", "stars")
_SOLVED_NAMES = {"wcs_rms_px": "rms_px", "zp": "zp"}


@dataclasses.dataclass(frozen=True)
class Refusal:
    """So many frames that a stage refused for a kind of reason; `example` is that of the first in full."""

    count: int
    kind: str
    stage: str
    example: str


@dataclasses.dataclass(frozen=True, eq=False)
class FieldFacts:
    """One field; all arrays have a row a file, in time order.

    Attributes
    ----------
    name : str
    files : tuple of ngcmos.report.story.FrameFile
    unix : array
        Start of exposure by the file's name, seconds; NaN where that has no time.
    solved, large : bool arrays
    numbers : dict of str to array
        `COLUMNS`; `stars` are those that donuts saw.
    noise : dict or None
        The noise model of each frame as `noise_model` wrote it.
    stale_noise : bool
        Whether that was made of other photometry than there is now.
    """

    name: str
    files: tuple
    unix: np.ndarray
    solved: np.ndarray
    large: np.ndarray
    numbers: dict
    noise: dict | None
    stale_noise: bool

    @property
    def counts(self):
        """{state: number of files} and `solved`, as `taken`."""
        states = collections.Counter(file.state for file in self.files)
        return {
            "taken": len(self.files),
            "solved": int(self.solved.sum()),
            MEASURED: states[MEASURED],
            REFUSED: states[REFUSED],
            WAITING: states[WAITING],
        }

    @property
    def reasons(self):
        """Refusals of the frames that were refused, the most frequent first."""
        groups = collections.defaultdict(list)
        for file in self.files:
            if file.state == REFUSED:
                groups[kind_of(file.reason), file.stage].append(file.reason)
        found = [Refusal(len(own), kind, stage, own[0]) for (kind, stage), own in groups.items()]
        return sorted(found, key=lambda one: -one.count)


def read_fields(config, night, entries):
    """FieldFacts of all fields of a night, in the order they were observed.

    Parameters
    ----------
    config : ngcmos.config.Config
    night : ngcmos.night.folder.Night
    entries : list of ngcmos.night.ledger.Entry
        What the ledger says; empty where there is none.
    """
    story = read_story(config, night.folder, entries)
    fields = collections.defaultdict(list)
    for file in story.files:
        fields[file.field].append(file)
    facts = [_read_field(night.folder, name, files, story.told) for name, files in fields.items()]
    return sorted(facts, key=lambda field: np.nanmin(field.unix, initial=np.inf))


def _read_field(folder, name, files, told):
    stamps = {file.path: stamp_of(file.path.with_name(file.name)) for file in files}
    unix = {path: stamp.timestamp() if stamp else np.nan for path, stamp in stamps.items()}
    files = tuple(sorted(files, key=lambda file: (np.nan_to_num(unix[file.path], nan=np.inf), file.name)))
    table = _table_rows(folder, name)
    rows = [_numbers_of(told.get(file.name, {}), table.get(file.name, {})) for file in files]
    numbers = {column: np.array([row.get(column, np.nan) for row in rows], float) for column in COLUMNS}
    verdicts = [_shift_verdict(told.get(file.name, {})) for file in files]
    noise, stale = _read_noise(folder, name)
    return FieldFacts(
        name=name,
        files=files,
        unix=np.array([unix[file.path] for file in files], float),
        solved=np.array([_is_solved(told.get(f.name, {}), f, table) for f in files], bool),
        large=np.array([verdict == LARGE for verdict in verdicts], bool),
        numbers=numbers,
        noise=noise,
        stale_noise=stale,
    )


def _table_rows(folder, field):
    """{frame: {column: value}} of the photometry table of a field; empty where there is none."""
    path = photometry_path(folder, field)
    if not path.exists():
        return {}
    try:
        frames = read_frames(path)
    except ProductError:
        return {}
    known = [name for name in (*TABLE_NUMBERS, "stars_seen", "stars_on_chip") if name in frames.colnames]
    return {str(row["frame_id"]).strip(): {name: row[name] for name in known} for row in frames}


def _numbers_of(stages, row):
    """{column: value} of a frame: what the table says, else what the ledger says."""
    numbers = dict(row)
    for stage, names in (
        (PHOTOMETRY, dict.fromkeys(TABLE_NUMBERS) | {"stars_seen": None, "stars_on_chip": None}),
        (SOLVING, _SOLVED_NAMES),
        (SHIFTS, {"shift_x": "x", "shift_y": "y"}),
    ):
        told = stages[stage].numbers if stage in stages else {}
        for column, name in names.items():
            if told.get(name or column) is not None:
                numbers.setdefault(column, told[name or column])
    if _shift_verdict(stages) not in (None, UNREADABLE, CONSTANT):
        numbers["stars"] = stages[SHIFTS].numbers["stars"]
    if numbers.get("stars_on_chip"):
        numbers["seen_share"] = numbers["stars_seen"] / numbers["stars_on_chip"]
    return numbers


def _shift_verdict(stages):
    return stages[SHIFTS].numbers.get("verdict") if SHIFTS in stages else None


def _is_solved(stages, file, table):
    if SOLVING in stages:
        return stages[SOLVING].verdict == DONE
    return file.name in table


def _read_noise(folder, field):
    """(content of the noise model of each frame or None, whether it was made of other photometry)."""
    table = photometry_path(folder, field)
    path = folder / f"rms_mags_{table.stem}_1.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        made_of = content["made_of"]["table"]
    except (OSError, ValueError, KeyError, TypeError):
        return None, False
    try:
        return content, made_of != table_checksum(table)
    except ProductError:
        return content, True


def clear_zero_point_of(fields):
    """The zero point of a clear frame of this night; NaN without any."""
    known = [np.concatenate([field.numbers[name] for field in fields] or [[]]) for name in ("zp", "airmass")]
    return clear_zero_point(*known)


def transparency(field, clear_zp):
    """Share of a clear frame's light in each frame by its zero point; 0 where few stars were seen, else NaN."""
    share = transparency_of(field.numbers["zp"], field.numbers["airmass"], clear_zp)
    stars = field.numbers["stars"]
    usual = np.quantile(stars[np.isfinite(stars)], CLEAR_QUANTILE) if np.isfinite(stars).any() else np.nan
    return np.where(np.isnan(share) & (stars < CLOUD_SHARE * usual), 0.0, share)


def cloudy_frames(field, clear_zp):
    """Whether each frame of a field is cloudy, as relative_photometry judges those it has."""
    return find_clouds(transparency(field, clear_zp), field.numbers["seen_share"])


def find_jumps(field, large_px):
    """[(unix, px), ...] where the telescope moved from one frame to the next and stayed there.

    Frames that are off for themselves are no jump: the medians of the frames before and behind must differ, and
    of each five at most one may stray from its median.
    """
    limit = JUMP_LIMITS * large_px
    places = np.column_stack([field.numbers["shift_x"], field.numbers["shift_y"]])
    known = np.isfinite(places).all(axis=1)
    places, unix = places[known], field.unix[known]
    jumps = []
    for at in range(JUMP_WINDOW, len(places) - JUMP_WINDOW + 1):
        before, behind = places[at - JUMP_WINDOW : at], places[at : at + JUMP_WINDOW]
        goal = np.median(behind, axis=0)
        step = np.hypot(*(goal - np.median(before, axis=0)))
        sudden = np.hypot(*(places[at] - places[at - 1])) >= max(limit, step / 2)
        arrived = np.hypot(*(places[at] - goal)) < limit <= step
        if sudden and arrived and _is_steady(before, limit) and _is_steady(behind, limit):
            jumps.append((float(unix[at]), float(step)))
    return jumps


def _is_steady(places, limit):
    """Whether at most one of the places strays from their median."""
    away = np.hypot(*(places - np.median(places, axis=0)).T)
    return (away >= limit).sum() <= 1
