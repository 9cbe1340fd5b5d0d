"""Photometry of every star in every frame: `phot_{field}.fits`."""

import dataclasses
import functools
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from astropy.table import Table

from ngcmos.arrays import Rows
from ngcmos.astrometry.crowding import contaminations
from ngcmos.astrometry.growth import Growth, growth_of
from ngcmos.calibration.belonging import Setting, settings_of
from ngcmos.calibration.masters import Masters, load_masters
from ngcmos.errors import FrameError, MasterError, ProductError, WorkError
from ngcmos.lightcurves.summary import keep_summary
from ngcmos.names import Flag, Record, Stage
from ngcmos.night.fingerprint import Inputs
from ngcmos.night.folder import file_state
from ngcmos.night.job import Job
from ngcmos.night.ledger import Entry
from ngcmos.night.loop import HEADERS_TOGETHER
from ngcmos.night.outcome import Outcome
from ngcmos.night.products import catalog_path, input_catalog_path, photometry_path
from ngcmos.night.provenance import keep_product, keep_standing
from ngcmos.steps.catalog import file_checksum, read_catalog, read_input_catalog
from ngcmos.steps.clock import find_wrong_times
from ngcmos.steps.clouds import mark_clouds
from ngcmos.steps.hot_pixels import spread_frames, with_hot_pixels
from ngcmos.steps.measuring import (
    Measuring,
    Placed,
    Solved,
    inputs_of_rows,
    measure_frame,
    place_frame,
    prepare_measuring,
    with_times,
)
from ngcmos.steps.patterns import remark_on_patterns
from ngcmos.steps.remarking import remark_on_counts, remark_on_headers, remark_on_masters, remark_on_table
from ngcmos.steps.table import (
    Making,
    differences,
    is_same,
    join_table,
    keep_part,
    places_known,
    refused_before,
    table_stands,
)
from ngcmos.tables.frame_row import FrameRow
from ngcmos.tables.parts import FRAMES_A_PART, Place, RowReader, open_parts, parts_folder, remove_parts

log = logging.getLogger(__name__)

ALONE, GROWTH_FRAMES, GROWTH_SNR = 0.01, 8, 50.0  # light of neighbours; frames and stars that tell how light grows
UNSURE = Flag.EDGE | Flag.SATURATED | Flag.BAD_PIXEL | Flag.POOR_SKY | Flag.OFF_CHIP | Flag.TRAIL


def run(job: Job, *, overwrite: bool = False) -> Outcome:
    """Write the photometry table of each field where it is missing, damaged or lacks frames; an Outcome.

    A table that was made of other masters, stars, settings or code is kept and said; `overwrite` makes it anew.
    """
    masters = _masters_of_fields(job)
    for field, own in masters.items():
        with job.attempt(field):
            paths = job.night.fields[field]
            corrected = _with_hot_pixels(job, field, own)
            photometer = FieldPhotometer(job, field, functools.partial(_given, corrected), overwrite=overwrite)
            if not photometer.stands(paths):
                photometer.take(paths)
                photometer.finish()
    mark_clouds(job)
    return job.outcome


def _with_hot_pixels(job: Job, field: str, masters: Masters) -> Masters:
    """The masters of a field with the hot pixels of the night, where the profile asks for them."""
    if not job.camera.calibration.night_hot_pixels:
        return masters
    paths = spread_frames(job.night.fields[field])
    headers = job.through(
        place_frame, paths, shared=(job.camera,), together=HEADERS_TOGETHER, label=f"hot {field}"
    )
    solved = [frame for _, frame in headers if not isinstance(frame, FrameError)]  # others are told of later
    checksum = file_checksum(catalog_path(job.folder, field))
    return with_hot_pixels(job, field, masters, solved, read_catalog(job.folder, field), checksum)


def _given(masters: Masters) -> Masters:
    return masters


def _masters_of_fields(job: Job) -> dict[str, Masters]:
    """{field: its Masters}, those of one setup loaded once; what is odd about them is remarked on the night.

    Raises
    ------
    MasterError
        No field has any.
    """
    found: dict[str, Masters] = {}
    errors: list[MasterError] = []
    by_setting: dict[Setting, list[str]] = {}
    for field, setting in settings_of(job.night, job.camera).items():
        by_setting.setdefault(setting, []).append(field)
    for setting, fields in by_setting.items():
        try:
            masters = load_masters(job.config, job.folder, setting)
            found |= dict.fromkeys(fields, masters)
        except MasterError as error:
            errors.append(error)
            for field in fields:
                job.refuse_field(field, str(error))
    if errors and not found:
        raise errors[0]
    for lacking in errors:
        job.outcome.troubles.append(str(lacking))
        log.error("%s: %s", Stage.PROCESS_CMOS, lacking)
    remark_on_masters(job, found.values())
    return {field: found[field] for field in job.night.fields if field in found}


class FieldPhotometer:
    """The photometry of a field: frames measured into parts, all at once or as they come, then joined to a table.

    Parameters
    ----------
    job : ngcmos.night.job.Job
    field : str
    masters : callable
        Gives the Masters of the night.
    overwrite : bool
        Measure again what is measured.
    """

    def __init__(self, job: Job, field: str, masters: Callable[[], Masters], *, overwrite: bool = False) -> None:
        self._job, self._field, self._masters, self._overwrite = job, field, masters, overwrite
        self._path = photometry_path(job.folder, field)
        self._placed: dict[str, Placed] = {}
        self._refused: set[str] = set()
        self._stars: _Stars | None = None
        self._inputs: Inputs | None = None
        self._measuring: Measuring | None = None
        self._places: dict[str, Place] = {}  # measured before, to be compared with the headers
        self._known: dict[str, Place] = {}
        self._waiting: list[tuple[Path, Rows, FrameRow]] = []
        self._faults: dict[str, str] = {}  # of the counts of the frames measured now
        self.newest: FrameRow | None = None  # the frame measured last
        self._last: dict[str, tuple[Rows, FrameRow]] = {}  # its rows
        self._reader = RowReader()

    @property
    def measured(self) -> set[str]:
        """Names of the frames measured so far, those of an earlier run too."""
        return {*self._known, *(path.name for path, _, _ in self._waiting)}

    @property
    def stars(self) -> Table | None:
        """The stars that are measured; None before the first frame is."""
        return None if self._stars is None else self._stars.chosen

    def rows_of(self, name: str) -> tuple[Rows, FrameRow]:
        """(rows, its own row) of the frame measured last, or of one on the disk; errors as of `RowReader.read`."""
        return self._last[name] if name in self._last else self._reader.read(self._known[name])

    def stands(self, paths: Sequence[Path]) -> bool:
        """Whether a sound table holds exactly the frames that are fit; what it was made of otherwise is said.

        Raises
        ------
        WorkError
            No frame can be measured, or the field has no catalog.
        """
        placed = self._place(paths)
        if not placed:
            why = self._job.say_unsolved(self._field) or "see why each is refused"
            raise WorkError(f"none of {len(paths)} frames can be measured: {why}")
        inputs, verdicts = self._find_inputs(), self._job.recall(Stage.PROCESS_CMOS, self._field)
        if self._overwrite:
            return False
        stands, differs = table_stands(self._path, placed, inputs, verdicts)
        if differs:
            then = "--overwrite measures again" if stands else "all its frames are measured anew"
            log.warning("%s was made with another %s: %s", self._path.name, ", ".join(differs), then)
        if not stands:
            return False
        keep_standing(self._job.ledger, self._path, self._field, differs)
        remove_parts(parts_folder(self._path))  # of a run that was stopped between the table and their removal
        self._job.outcome.skipped.extend(frame.path.name for frame in placed)
        return True

    def take(self, paths: Sequence[Path]) -> list[Path]:
        """Measure the frames that are not measured yet; those of them that are measured now."""
        placed = self._place(paths)
        if not placed:
            return []
        measuring, inputs = self._begin(max(len(frame.path.name) for frame in placed))
        missing = self._missing(placed)
        results = self._job.through(measure_frame, missing, shared=(measuring,), label=f"measure {self._field}")
        for item, result in results:
            if isinstance(result, FrameError):
                self._refused.add(item.path.name)
                self._job.settle(item.path, self._field, result, {"inputs": inputs.fingerprint})
                continue
            rows, self.newest = result
            self._last = {item.path.name: (rows, self.newest)}
            self._waiting.append((item.path, rows, self.newest))
            self._faults[item.path.name] = self.newest.counts
            if len(self._waiting) == FRAMES_A_PART:
                self.flush()
        if any(self._faults.values()):
            remark_on_counts(self._job, self._field, [*self._faults.values()])
        measured = self.measured
        return [path for path in paths if path.name in measured]

    def flush(self) -> None:
        """Put what is measured on the disk."""
        if self._waiting:
            self._known |= keep_part(self._path, self._waiting, self._field, self._job)
            self._waiting = []
            self._job.ledger.commit()

    def finish(self) -> None:
        """Join the table of all frames measured.

        Raises
        ------
        WorkError
            There is none.
        """
        self.flush()
        assert self._inputs is not None and self._stars is not None  # no frame was taken otherwise
        shifts = self._job.recall(Record.SHIFTS, self._field)
        placed = [with_shift(frame, shifts) for frame in _in_time(self._placed.values())]
        filter_name = self._job.night.filter_of(self._field)
        serial = self._job.night.serial_of(self._field, self._job.camera.headers.serial)
        making = Making(self._job.camera, self._inputs, self._describe, filter_name, serial)
        self._keep_summary(self._inputs)
        stars = Table(self._stars.chosen, copy=False, meta={})
        shapeless = join_table(self._path, placed, self._known, stars, making)
        keep_product(self._job.ledger, self._path, self._field, self._inputs)
        remark_on_table(self._job, self._field, self._path, shapeless)
        remark_on_patterns(self._job, self._field, placed, self._masters())
        self._job.outcome.products.append(self._path)

    def _keep_summary(self, inputs: Inputs) -> None:
        """Keep in short what a table held that is replaced by one of other inputs, or made anew as was asked."""
        if not self._path.exists():
            return
        try:
            if self._overwrite or differences(self._path, inputs):
                keep_summary(self._path)
        except ProductError as error:
            log.warning("%s; nothing is kept of it", error)

    def _describe(self, frames: Sequence[FrameRow]) -> dict[str, np.ndarray]:
        """Columns of STARS that ask for the width of the stars in all frames."""
        assert self._stars is not None
        widths = np.array([frame.fwhm_px for frame in frames], float)
        known = widths[np.isfinite(widths)]
        fwhm_px = float(np.median(known)) if known.size else np.nan
        about = self._stars.chosen, self._stars.catalog, self._job.camera, fwhm_px
        alone = contaminations(*about)["contamination"] < ALONE
        return contaminations(*about, self._growth(frames, alone, fwhm_px))

    def _growth(self, frames: Sequence[FrameRow], alone: np.ndarray, fwhm_px: float) -> Growth | None:
        """How light grows with the aperture in some frames of the night."""
        radii, fluxes = sorted(self._job.camera.photometry.radii_px), []
        for frame in frames[:: max(1, len(frames) // GROWTH_FRAMES)][:GROWTH_FRAMES]:
            rows, _ = self._reader.read(self._known[frame.frame_id])
            flux = np.stack([rows[f"flux_{radius:g}"] for radius in radii]).astype(float)
            sure = alone & (rows["flags"] & UNSURE == 0) & (flux[-1] > GROWTH_SNR * rows[f"fluxerr_{radii[-1]:g}"])
            fluxes.append(np.where(sure, flux, np.nan))
        return growth_of(np.array(radii, float), np.stack(fluxes), fwhm_px)

    def _place(self, paths: Sequence[Path]) -> list[Placed]:
        """Frames that have a plate solution and a time that can be believed, in time order; the others refused."""
        names = {path.name for path in paths}
        new = [path for path in paths if path.name not in self._refused and path.name not in self._placed]
        label, camera = f"headers {self._field}", self._job.camera
        found: list[Solved] = []
        for path, result in self._job.through(
            place_frame, new, shared=(camera,), together=HEADERS_TOGETHER, label=label
        ):
            if isinstance(result, FrameError):
                self._refuse(path, result)
            else:
                found.append(result)
        self._placed |= {frame.path.name: frame for frame in with_times(found, camera)}
        remark_on_headers(self._job, self._field, [*self._placed.values()])
        here = [frame for name, frame in self._placed.items() if name in names]
        for path, error in find_wrong_times(here, camera.headers.date_obs[0]).items():
            self._refuse(path, error)
        return _in_time(frame for frame in here if frame.path.name not in self._refused)

    def _refuse(self, path: Path, error: FrameError) -> None:
        self._refused.add(path.name)
        self._placed.pop(path.name, None)
        self._job.settle(path, self._field, error)

    def _find_inputs(self) -> Inputs:
        """All that enters the rows now; the stars are read anew where their file has changed."""
        path = input_catalog_path(self._job.folder, self._field)
        state = file_state(path)
        if self._stars is None or self._stars.state != state:
            folder = self._job.folder
            chosen, catalog = read_input_catalog(folder, self._field), read_catalog(folder, self._field)
            self._stars = _Stars(state, chosen, catalog, file_checksum(path))
        solutions = ", ".join(sorted({frame.solution_sum for frame in self._placed.values()}))
        sums = {"catalog": self._stars.checksum, "solution": solutions}
        return inputs_of_rows(self._job.camera, self._masters(), **sums)

    def _begin(self, name_width: int) -> tuple[Measuring, Inputs]:
        """What all frames share; what was measured of other inputs is not used any more."""
        inputs = self._find_inputs()
        assert self._stars is not None
        if inputs != self._inputs:
            self._inputs, self._known, self._waiting = inputs, {}, []
            if self._overwrite:
                remove_parts(parts_folder(self._path))
                open_parts(parts_folder(self._path), dict(inputs.values))
            else:
                self._places = places_known(self._path, inputs)
                self._refused |= refused_before(self._job.recall(Stage.PROCESS_CMOS, self._field), inputs)
            stars, masters = self._stars, self._masters()
            self._measuring = prepare_measuring(self._job.camera, masters, stars.chosen, stars.catalog, name_width)
        assert self._measuring is not None
        if name_width > self._measuring.name_width:
            self.flush()
            self._measuring = dataclasses.replace(self._measuring, name_width=name_width)
        return self._measuring, inputs

    def _missing(self, placed: Sequence[Placed]) -> list[Placed]:
        """Those of the frames that are not measured yet from the header they have now."""
        measured, missing = self.measured, []
        for frame in placed:
            name = frame.path.name
            if name in measured or name in self._refused:
                continue
            if name in self._places and is_same(frame, self._reader.read(self._places[name])[1]):
                self._known[name] = self._places[name]
                self._job.outcome.skipped.append(name)
            else:
                missing.append(frame)
        return missing


@dataclasses.dataclass(frozen=True, eq=False)
class _Stars:
    """The stars of a field as their file was in that state: those to measure, and all of the catalog."""

    state: object
    chosen: Table
    catalog: Table
    checksum: str


def _in_time(frames: Iterable[Placed]) -> list[Placed]:
    return sorted(frames, key=lambda frame: (frame.start.isot, frame.path.name))


def with_shift(frame: Placed, shifts: Mapping[str, Entry]) -> Placed:
    """A frame with the donuts shift that the ledger knows of it."""
    if frame.path.name not in shifts:
        return frame
    known = shifts[frame.path.name]
    return dataclasses.replace(frame, shift=(known.number("x"), known.number("y")))
