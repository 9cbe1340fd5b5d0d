"""What the morning page knows of the fields of a night: numbers of every frame, from products and ledger.

``read_fields(config, night, entries) -> [FieldFacts, ...]``. What is missing is NaN; a damaged product is as good
as none here, the stage that owns it says so.
"""

import collections
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ngcmos.arrays import Bools, Floats
from ngcmos.config import Config, DonutsSettings, QualityLimits
from ngcmos.errors import NgcmosError, ProductError
from ngcmos.names import Record, ShiftVerdict, Stage, State, Verdict
from ngcmos.night.filenames import stamp_of
from ngcmos.night.folder import Night
from ngcmos.night.frames import read_frame
from ngcmos.night.ledger import Entry
from ngcmos.night.products import photometry_path
from ngcmos.night.reasons import kind_of, shared_reason
from ngcmos.night.spans import DAY_S, JD_1970
from ngcmos.photometry.quality import (
    CLEAR_QUANTILE,
    USUAL_LIMITS,
    clear_zero_point,
    find_clouds,
    transparency_of,
)
from ngcmos.report.catalog import CatalogFacts, read_catalog_facts
from ngcmos.report.noise import NoiseModel, read_noise
from ngcmos.report.story import FrameFile, Told, read_story
from ngcmos.tables.table import read_frames

JUMP_WINDOW = 5
JUMP_LIMITS = 2.0  # times what counts as a large shift: from one frame to the next, and staying there
_USUAL_DONUTS = DonutsSettings()
_OF_TABLE = (
    *("jd_mid", "shift_x", "shift_y", "wcs_rms_px", "sky", "fwhm_px", "zp", "airmass", "exptime_s"),
    *("stars_seen", "stars_on_chip", "rotation_deg", "pointing_off_deg"),
)
_OF_SOLUTION = {"wcs_rms_px": "rms_px", "zp": "zp"}
_OF_SHIFT = {"shift_x": "x", "shift_y": "y"}


@dataclasses.dataclass(frozen=True, eq=False)
class FrameNumbers:
    """Numbers of the frames of a field, a value a file; `stars` are those that donuts saw."""

    shift_x: Floats
    shift_y: Floats
    wcs_rms_px: Floats
    sky: Floats
    fwhm_px: Floats
    zp: Floats
    airmass: Floats
    exptime_s: Floats
    seen_share: Floats
    stars: Floats
    rotation_deg: Floats
    pointing_off_deg: Floats

    @classmethod
    def of_rows(cls, rows: Sequence[Mapping[str, float]]) -> "FrameNumbers":
        """Of a mapping a frame; NaN where it lacks a number."""
        names = [column.name for column in dataclasses.fields(cls)]
        return cls(**{name: np.array([row.get(name, np.nan) for row in rows], float) for name in names})

    def take(self, rows: NDArray[np.intp]) -> "FrameNumbers":
        """Those of some frames."""
        names = [column.name for column in dataclasses.fields(self)]
        return FrameNumbers(**{name: getattr(self, name)[rows] for name in names})


@dataclasses.dataclass(frozen=True)
class Counts:
    """Frames of a field: all that were taken, those solved, and what became of them."""

    taken: int
    solved: int
    measured: int
    refused: int
    waiting: int


@dataclasses.dataclass(frozen=True)
class Refusal:
    """So many frames that a stage refused for a kind of reason, which is in full where it is the same for all."""

    count: int
    kind: str
    stage: str


@dataclasses.dataclass(frozen=True, eq=False)
class FieldFacts:
    """One field; all arrays have a row a file, in time order.

    Attributes
    ----------
    name : str
    files : tuple of ngcmos.report.story.FrameFile
    unix : array
        Start of exposure by the file's name, else by the table or the header, seconds; NaN where none tells it.
    solved, large : bool arrays
    numbers : FrameNumbers
    noise : ngcmos.report.noise.NoiseModel or None
    catalog : ngcmos.report.catalog.CatalogFacts or None
    limits, donuts : ngcmos.config.QualityLimits, ngcmos.config.DonutsSettings
        Of the camera.
    filter_name : str
        That it is named by; "" of the usual one.
    extras : mapping of str to (str, array)
        Unit and values of what the profile keeps beside the frames.
    """

    name: str
    files: tuple[FrameFile, ...]
    unix: Floats
    solved: Bools
    large: Bools
    numbers: FrameNumbers
    noise: NoiseModel | None = None
    catalog: CatalogFacts | None = None
    limits: QualityLimits = USUAL_LIMITS
    donuts: DonutsSettings = _USUAL_DONUTS
    filter_name: str = ""
    extras: Mapping[str, tuple[str, Floats]] = dataclasses.field(default_factory=dict)

    @property
    def counts(self) -> Counts:
        """Frames by what became of them."""
        states = collections.Counter(file.state for file in self.files)
        became = (states[State.MEASURED], states[State.REFUSED], states[State.WAITING])
        return Counts(len(self.files), int(self.solved.sum()), *became)

    @property
    def refused(self) -> Bools:
        """Whether each frame was refused."""
        return np.array([file.state == State.REFUSED for file in self.files], bool)

    @property
    def reasons(self) -> list[Refusal]:
        """Refusals of the frames that were refused, the most frequent first."""
        groups = collections.defaultdict(list)
        for file in self.files:
            if file.state == State.REFUSED:
                groups[kind_of(file.reason), file.stage].append(file.reason)
        found = [Refusal(len(own), shared_reason(own), stage) for (_, stage), own in groups.items()]
        return sorted(found, key=lambda one: -one.count)


def read_fields(config: Config, night: Night, entries: Sequence[Entry]) -> list[FieldFacts]:
    """FieldFacts of all fields of a night, in the order they were observed.

    Parameters
    ----------
    config : ngcmos.config.Config
    night : ngcmos.night.folder.Night
    entries : sequence of ngcmos.night.ledger.Entry
        What the ledger says; empty where there is none.
    """
    story = read_story(config, night.folder, entries)
    fields = collections.defaultdict(list)
    for file in story.files:
        fields[file.field].append(file)
    facts = [
        dataclasses.replace(
            _read_field(config, night.folder, name, files, story.told), filter_name=night.filter_of(name)
        )
        for name, files in fields.items()
    ]
    return sorted(facts, key=lambda field: float(np.nanmin(field.unix, initial=np.inf)))


def _read_field(
    config: Config, folder: Path, name: str, files: Iterable[FrameFile], told: Mapping[str, Told]
) -> FieldFacts:
    table = _table_rows(folder, name)
    dated = sorted(((_unix_of(file, table.get(file.name, {}), config), file) for file in files), key=_by_time)
    ordered = tuple(file for _, file in dated)
    stages = [told.get(file.name, {}) for file in ordered]
    rows = [_numbers_of(own, table.get(file.name, {})) for own, file in zip(stages, ordered, strict=True)]
    solved = [_is_solved(own, file.name in table) for own, file in zip(stages, ordered, strict=True)]
    return FieldFacts(
        name=name,
        files=ordered,
        unix=np.array([unix for unix, _ in dated], float),
        solved=np.array(solved, bool),
        large=np.array([_shift_verdict(own) == ShiftVerdict.LARGE for own in stages], bool),
        numbers=FrameNumbers.of_rows(rows),
        noise=read_noise(folder, name),
        catalog=read_catalog_facts(folder, name),
        limits=config.camera.quality,
        donuts=config.camera.donuts,
        extras=_read_extras(folder, name, ordered, config.camera.headers.extra_units),
    )


def _read_extras(
    folder: Path, name: str, files: Sequence[FrameFile], units: Mapping[str, str]
) -> dict[str, tuple[str, Floats]]:
    """{name: (unit, value a file)} of what the profile keeps beside the frames."""
    table = _table_rows(folder, name, tuple(units))
    rows = [table.get(file.name, {}) for file in files]
    return {one: (unit, np.array([row.get(one, np.nan) for row in rows], float)) for one, unit in units.items()}


def _unix_of(file: FrameFile, row: Mapping[str, float], config: Config) -> float:
    if stamp := stamp_of(file.path.with_name(file.name)):
        return stamp.timestamp()
    if row:
        return float((row["jd_mid"] - JD_1970) * DAY_S - row["exptime_s"] / 2)
    try:
        return float(read_frame(file.path, config.camera, pixels=False).start.unix)
    except NgcmosError:  # why it cannot be read stands with the frame
        return np.nan


def _by_time(dated: tuple[float, FrameFile]) -> tuple[float, str]:
    unix, file = dated
    return (unix if np.isfinite(unix) else np.inf), file.name


def _table_rows(folder: Path, field: str, names: Sequence[str] | None = None) -> dict[str, dict[str, float]]:
    """{frame: {column: value}} of the photometry table of a field; empty where there is none."""
    path = photometry_path(folder, field)
    if not path.exists():
        return {}
    try:
        frames = read_frames(path)
    except ProductError:
        return {}
    known = [name for name in (_OF_TABLE if names is None else names) if name in frames.colnames]
    return {str(row["frame_id"]).strip(): {name: row[name] for name in known} for row in frames}


def _numbers_of(stages: Told, row: Mapping[str, float]) -> dict[str, float]:
    """{column: value} of a frame: what the table says, else what the ledger says."""
    numbers = dict(row)
    sources: tuple[tuple[str, Mapping[str, str]], ...] = (
        (Stage.PROCESS_CMOS, {name: name for name in _OF_TABLE}),
        (Stage.SIMPLE_WRAPPER, _OF_SOLUTION),
        (Record.SHIFTS, _OF_SHIFT),
    )
    for stage, names in sources:
        if (told := stages.get(stage)) is None:
            continue
        for column, name in names.items():
            if (value := told.number(name)) is not None:
                numbers.setdefault(column, value)
    if _shift_verdict(stages) not in ("", ShiftVerdict.UNREADABLE, ShiftVerdict.CONSTANT):
        stars = stages[Record.SHIFTS].number("stars")
        numbers["stars"] = np.nan if stars is None else stars
    if numbers.get("stars_on_chip"):
        numbers["seen_share"] = numbers["stars_seen"] / numbers["stars_on_chip"]
    return numbers


def _shift_verdict(stages: Told) -> str:
    return stages[Record.SHIFTS].text("verdict") if Record.SHIFTS in stages else ""


def _is_solved(stages: Told, measured: bool) -> bool:
    if Stage.SIMPLE_WRAPPER in stages:
        return bool(stages[Stage.SIMPLE_WRAPPER].verdict == Verdict.DONE)
    return measured


def clear_zero_points_of(fields: Sequence[FieldFacts]) -> dict[str, float]:
    """{field: zero point of a clear frame of this night in its filter}; NaN without any."""
    by_filter = collections.defaultdict(list)
    for field in fields:
        by_filter[field.filter_name].append(field)
    return {field.name: _clear_zero_point_of(by_filter[field.filter_name]) for field in fields}


def _clear_zero_point_of(fields: Sequence[FieldFacts]) -> float:
    zero_points = np.concatenate([np.zeros(0), *(field.numbers.zp for field in fields)])
    airmass = np.concatenate([np.zeros(0), *(field.numbers.airmass for field in fields)])
    return clear_zero_point(zero_points, airmass)


def transparency(field: FieldFacts, clear_zp: float) -> Floats:
    """Share of a clear frame's light in each frame by its zero point; 0 where few stars were seen, else NaN."""
    share = transparency_of(field.numbers.zp, field.numbers.airmass, clear_zp)
    stars = field.numbers.stars
    usual = np.quantile(stars[np.isfinite(stars)], CLEAR_QUANTILE) if np.isfinite(stars).any() else np.nan
    return np.where(np.isnan(share) & (stars < field.donuts.cloud_stars * usual), 0.0, share)


def cloudy_frames(field: FieldFacts, clear_zp: float) -> Bools:
    """Whether each frame of a field is cloudy, as relative_photometry judges those it has."""
    return find_clouds(transparency(field, clear_zp), field.numbers.seen_share, field.limits)


def find_jumps(unix: Floats, places: Floats, large_px: float) -> list[tuple[float, float]]:
    """[(unix, px), ...] where the telescope moved from one frame to the next and stayed there.

    Frames that are off for themselves are no jump: the medians of the frames before and behind must differ, and
    of each five at most one may stray from its median.

    Parameters
    ----------
    unix : (n,) array
    places : (n, 2) array
        Shift in x and y, px; rows that are not finite are passed over.
    large_px : float
        What counts as a large shift.
    """
    limit = JUMP_LIMITS * large_px
    known = np.isfinite(places).all(axis=1)
    places, unix = places[known], unix[known]
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


def _is_steady(places: Floats, limit: float) -> bool:
    """Whether at most one of the places strays from their median."""
    away = np.hypot(*(places - np.median(places, axis=0)).T)
    return bool((away >= limit).sum() <= 1)
