"""One field followed through the night: each frame shifted, solved, checked and measured as it comes.

``FieldFollower(...).take(path)`` does with one frame what QC_Donuts, simple_wrapper, adding_headers, check_cmos
and process_cmos do with it in the morning, by the same functions and with the same verdicts in the ledger. What
they make of the whole field (figures, movies, the table, moving frames that lie far off) is left to them.
"""

import collections
import dataclasses
import logging

import numpy as np
from astropy.table import Table

from ngcmos.astrometry.distortion import solution_from_header
from ngcmos.calibration.masters import load_masters
from ngcmos.errors import FrameError
from ngcmos.night.frames import read_frame
from ngcmos.night.ledger import recall
from ngcmos.night.outcome import Outcome
from ngcmos.night.products import input_catalog_path, photometry_path
from ngcmos.photometry.quality import judge_frames
from ngcmos.qc.shifts import UNREADABLE, MeasuredShift, refuse_shift
from ngcmos.steps.catalog import (
    field_targets,
    file_checksum,
    keep_catalog,
    read_catalog,
    read_input_catalog,
    select_stars,
)
from ngcmos.steps.measuring import measure_frame, place_frame, prepare_measuring, with_times
from ngcmos.steps.shifts import begin_shifts, keep_shift, measure_one, resume_shifts
from ngcmos.steps.solution import (
    after_failure,
    is_solved,
    prepare_solving,
    search_solution,
    sight_frame,
    solve_one,
)
from ngcmos.steps.sorting import carry_out, judge_by_shift
from ngcmos.steps.table import inputs_of, keep_part, places_known, provenance, refused_before
from ngcmos.tables.parts import FRAMES_A_PART

log = logging.getLogger(__name__)

SOLVING, CHECKING, PHOTOMETRY = "simple_wrapper", "check_cmos", "process_cmos"  # as the ledger calls them
RECENT = 300  # frames that say what is usual


@dataclasses.dataclass(frozen=True)
class Seen:
    """What is known of the newest frame of a field.

    Attributes
    ----------
    field, frame : str
    measured : bool
    shift : (float, float) or None
        Pixels, donuts' sign.
    light : float
        Transparency against the clearest frames so far; NaN where it is not measured.
    quality : str
        A `ngcmos.names.Quality`; of a frame without a shift the reason for that, as "cloud";
        "" where nothing is known.
    """

    field: str
    frame: str
    measured: bool
    shift: tuple[float, float] | None = None
    light: float = np.nan
    quality: str = ""


class FieldFollower:
    """A field of a night under observation; what its frames share is prepared once, by the first that allows it.

    Parameters
    ----------
    config : ngcmos.config.Config
    night : ngcmos.night.folder.Night
        As it is when the field begins.
    field : str
    ledger : ngcmos.night.ledger.Ledger
    prepare_cards : callable
        As of `ngcmos.stages.simple_wrapper.run`.
    catalogs : sequence of paths
        Local TIC extracts.
    """

    def __init__(self, config, night, field, ledger, *, prepare_cards, catalogs=()):
        self.field = field
        self._config, self._camera, self._night, self._ledger = config, config.camera, night, ledger
        self._prepare_cards, self._catalogs = prepare_cards, catalogs
        self._outcomes = {stage: Outcome(stage) for stage in (SOLVING, CHECKING, PHOTOMETRY)}
        self._before = night.fields.get(field, ())
        self._reference, self._shifted = self._resume_shifts()
        self._shifts, self._unshifted = {}, []
        self._sightings, self._targets = {}, set()
        self._solving = self._solution = None
        self._unsolved = {}
        self._measuring, self._cards, self._measured, self._unfit = None, None, set(), set()
        self._waiting, self._facts = [], collections.deque(maxlen=RECENT)

    @property
    def measured(self):
        """Number of frames measured, those of an earlier run too."""
        return len(self._measured)

    def take(self, path):
        """The Seen of a frame after everything that can be done with it; what refuses it is told in the ledger.

        A frame that was taken before is not worked on twice.

        Raises
        ------
        WorkError
            What the whole field needs cannot be had now (catalog, masters, room on the disk); the frame can be
            taken again later.
        """
        for stage, step in ((SOLVING, self._look), (SOLVING, self._solve), (PHOTOMETRY, self._measure)):
            try:
                step(path)
            except FrameError as error:
                numbers = {"inputs": inputs_of(self._cards)} if isinstance(error, UnfitError) else None
                self._outcomes[stage].settle(self._ledger, path, self.field, error, numbers)
                if step == self._solve:
                    self._solving = after_failure(self._solving, error, self.field)
                    self._unsolved[path] = str(error)
                    self._sort_out()
                break
        self._ledger.commit()
        return self._tell(path)

    def flush(self):
        """Put measured frames that are still in memory on the disk."""
        if self._waiting:
            path, reserve_mb = photometry_path(self._night.folder, self.field), self._camera.files.reserve_mb
            keep_part(path, self._waiting, self.field, self._outcomes[PHOTOMETRY], self._ledger, reserve_mb)
            self._waiting = []
            self._ledger.commit()

    def _look(self, path):
        """Header and shift."""
        if path.name not in self._sightings:
            self._sightings[path.name] = sight_frame(path, self._camera)
        if path.name not in self._shifted:
            self._shift(path)

    def _resume_shifts(self):
        try:
            return resume_shifts(self._camera, self.field, self._before, self._ledger)
        except FrameError:  # the reference is damaged by now: another one is taken
            return None, set()

    def _shift(self, path):
        """Shift against the first good frame; frames before that one are measured once it is there."""
        self._unshifted.append(path)
        if self._reference is None:
            try:
                self._reference = begin_shifts(self._camera, self.field, [path], self._ledger)
            except FrameError:
                return  # told by begin_shifts: not the reference
        for one in self._unshifted:
            if one.name != self._reference.name:
                self._keep_shift(one)
            self._shifted.add(one.name)
        self._unshifted = []

    def _keep_shift(self, path):
        try:
            measured = measure_one(path, self._camera, self._reference)
        except FrameError as error:
            measured = MeasuredShift(path.name, None, refuse_shift(UNREADABLE, str(error)))
        self._shifts[path.name] = measured.shift
        keep_shift(self._ledger, self.field, self._camera, self._reference.name, measured)

    def _solve(self, path):
        """Plate solution, and the stars to measure by the first."""
        sighting = self._sightings[path.name]
        if self._solving is None:
            self._begin_solving()
        if not is_solved(self._header(path)):
            further = self._prepare_cards(self._config, [sighting])
            solving = dataclasses.replace(self._solving, further_cards=further)
            numbers = (
                search_solution(path, solving)
                if self._solution is None
                else solve_one(path, solving, self._solution)
            )
            self._outcomes[SOLVING].settle(self._ledger, path, self.field, None, numbers)
        if self._solution is None:
            self._solution = solution_from_header(self._header(path))
            self._sort_out()
        if not self._targets or set(field_targets([sighting])) - self._targets:
            self._select()

    def _header(self, path):
        return read_frame(path, self._camera, pixels=False).header

    def _begin_solving(self):
        """Catalog of the field, and the solution of the first frame that an earlier run has solved."""
        frames, outcome = list(self._sightings.values()), self._outcomes[SOLVING]
        self._catalog = keep_catalog(self._config, self._night, self.field, frames, self._catalogs, outcome)
        for path in self._before:
            try:
                header = self._header(path)
            except FrameError:
                continue
            if is_solved(header):
                self._solution = solution_from_header(header)
                break
        self._solving = prepare_solving(self._camera, self._catalog)

    def _select(self):
        """The input catalog; stars measured so far stay as they are, the morning measures again what differs."""
        frames, outcome = list(self._sightings.values()), self._outcomes[SOLVING]
        self.flush()
        select_stars(self._camera, self._night, self.field, frames, self._catalog, self._solution, outcome)
        self._targets = {0, *field_targets(frames)}  # 0: no target is known, but it was looked for
        self._measuring = None

    def _sort_out(self):
        """Frames without a plate solution go where check_cmos moves them, once the field has one."""
        if self._solution is None:
            return
        for path, error in list(self._unsolved.items()):
            reason = error.removeprefix(f"{path.name}: ")
            verdict = judge_by_shift(self._shifts.get(path.name), reason, self._camera.check.limit_px)
            if path.exists():
                carry_out(path, self.field, verdict, self._outcomes[CHECKING], self._ledger)
            del self._unsolved[path]  # only now: what could not be moved is tried again

    def _measure(self, path):
        """Rows of a frame; kept on the disk with those of others."""
        if self._measuring is None:
            self._begin_measuring()
        if path.name in self._measured | self._unfit:
            return
        width = max(self._measuring.name_width, len(path.name))
        if width != self._measuring.name_width:
            self.flush()
            self._measuring = dataclasses.replace(self._measuring, name_width=width)
        [placed] = with_times([place_frame(path, self._camera)], self._config.site, {})
        try:
            rows, facts = measure_frame(placed, self._measuring)
        except FrameError as error:
            self._unfit.add(path.name)
            raise UnfitError(str(error)) from None
        self._waiting.append((path, rows, facts))
        self._measured.add(path.name)
        self._facts.append(facts)
        self._check(facts)
        if len(self._waiting) >= FRAMES_A_PART:
            self.flush()

    def _begin_measuring(self):
        """Masters and stars; frames measured with them by an earlier run are not measured again."""
        folder = self._night.folder
        masters, stars = load_masters(self._config, folder), read_input_catalog(folder, self.field)
        catalog = read_catalog(folder, self.field)
        catalog_sum = file_checksum(input_catalog_path(folder, self.field))
        self._cards = provenance(self._camera, masters, catalog_sum)
        self._unfit = refused_before(recall(self._ledger, PHOTOMETRY, self.field), self._cards)
        self._measured = set(places_known(photometry_path(folder, self.field), self._cards))
        width = max(len(name) for name in self._sightings)
        self._measuring = prepare_measuring(self._camera, masters, stars, catalog, width)

    def _check(self, facts):
        """Say where a frame lies so far off the others that check_cmos will move it."""
        places = np.array([[one["place_x"], one["place_y"]] for one in self._facts])
        off = np.array([facts["place_x"], facts["place_y"]]) - np.median(places, axis=0)
        limit = self._camera.check.limit_px
        if np.abs(off).max() > limit:
            told = "%s: %.1f, %.1f px off the field, expected at most %g; %s moves it in the morning"
            log.warning(told, facts["frame_id"], *off, limit, CHECKING)

    def _tell(self, path):
        shift = self._shifts.get(path.name)
        known = (shift.x, shift.y) if shift is not None and shift.known else None
        if not self._facts or self._facts[-1]["frame_id"] != path.name:
            quality = "" if shift is None or known else shift.verdict
            return Seen(self.field, path.name, path.name in self._measured, known, quality=quality)
        judged = judge_frames(Table(list(self._facts)), jump_px=self._camera.donuts.large_px)
        light, quality = float(judged.transparency[-1]), str(judged.verdict[-1])
        return Seen(self.field, path.name, True, known, light, quality)


class UnfitError(FrameError):
    """A frame that was measured and found unfit: not to be tried again with the same masters and stars."""
