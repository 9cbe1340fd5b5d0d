"""One field followed through the night: the stages of frames, applied to each frame as it comes.

``FieldFollower(job, field, ...).take(path)`` does with one frame what QC_Donuts, simple_wrapper (with the cards of
adding_headers), check_cmos and process_cmos do with it in the morning: the same steps, with the same verdicts in
the ledger. What they make of the whole field (figures, movies, the table, moving frames that lie far off) is left
to them.
"""

import collections
import dataclasses
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from astropy.table import Table

from ngcmos.calibration.belonging import Setting, settings_of
from ngcmos.calibration.masters import Masters, load_masters
from ngcmos.lightcurves.live import LiveCounts
from ngcmos.names import Stage
from ngcmos.night.folder import Night
from ngcmos.night.job import Job
from ngcmos.night.remarks import TURN, keep_remark
from ngcmos.photometry.quality import judge_frames
from ngcmos.sphere import sides_of
from ngcmos.stages import create_flats
from ngcmos.stages.check_cmos import FieldSorter
from ngcmos.stages.process_cmos import FieldPhotometer
from ngcmos.stages.simple_wrapper import FieldSolver
from ngcmos.steps.remarking import tell_turns
from ngcmos.steps.shifts import FieldShifts
from ngcmos.steps.solve_options import USUAL, SolveOptions
from ngcmos.tables.frame_row import FrameRow

log = logging.getLogger(__name__)

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
        One of `ngcmos.names.Quality`; of a frame without a shift the reason for that, as "cloud"; "" where nothing
        is known.
    """

    field: str
    frame: str
    measured: bool
    shift: tuple[float, float] | None = None
    light: float = float("nan")
    quality: str = ""


class NightMasters:
    """The masters of the fields of a night; the flats of the evening are made before they are read first."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._known: dict[Setting, Masters] = {}

    def of(self, field: str, night: Night | None = None) -> Masters:
        """Those of a field, in the night as it is now (by default as the job knows it).

        Raises
        ------
        MasterError
            They cannot be had.
        """
        night = night or self._job.night
        setting = settings_of(night, self._job.camera).get(field, Setting(night.date))
        if setting not in self._known:
            create_flats.run(dataclasses.replace(self._job.beside(Stage.CREATE_FLATS), night=night))
            self._known[setting] = load_masters(self._job.config, self._job.folder, setting)
        return self._known[setting]


class FieldFollower:
    """A field of a night under observation; what its frames share is prepared once, by the first that allows it.

    Parameters
    ----------
    job : ngcmos.night.job.Job
        Of any stage; the others work beside it.
    field : str
    masters : callable
        Gives the Masters of the night.
    options : SolveOptions
        How it is solved.
    """

    def __init__(
        self, job: Job, field: str, masters: Callable[[], Masters], options: SolveOptions = USUAL
    ) -> None:
        self.field, self._job = field, job
        self._shifts = FieldShifts(job.beside(Stage.QC_DONUTS), field)
        self._solver = FieldSolver(job.beside(Stage.SIMPLE_WRAPPER), field, options)
        self._sorter = FieldSorter(job.beside(Stage.CHECK_CMOS), field)
        self._photometer = FieldPhotometer(job.beside(Stage.PROCESS_CMOS), field, masters)
        self._recent: collections.deque[FrameRow] = collections.deque(maxlen=RECENT)
        self.live = LiveCounts(job.camera)

    @property
    def stars(self) -> Table | None:
        """The stars that are measured; None before the first frame is."""
        return self._photometer.stars

    @property
    def is_found(self) -> bool:
        """Whether the field has what other frames are compared with: a frame for shifts, a plate solution."""
        return self._shifts.has_reference and self._solver.has_reference

    @property
    def measured(self) -> int:
        """Number of frames measured, those of an earlier run too."""
        return len(self._photometer.measured)

    def take(self, path: Path) -> Seen:
        """The Seen of a frame after everything that can be done with it; what refuses it is told in the ledger.

        A frame that was taken before is not worked on twice.

        Raises
        ------
        WorkError
            What the whole field needs cannot be had now (catalog, masters, room on the disk); the frame can be
            taken again later.
        """
        measured = self.take_all([path])
        newest = self._photometer.newest
        if measured:
            self._keep(path.name)
        if measured and newest is not None and newest.frame_id == path.name:
            self._recent.append(newest)
            self._check(newest)
        return self._tell(path)

    def take_all(self, paths: Sequence[Path]) -> list[Path]:
        """Do with some frames everything that can be done; those that are measured. Errors as of `take`."""
        self._shifts.take(paths)
        solved = self._solver.take(paths)
        if self._solver.needs_selection:
            self._photometer.flush()  # stars measured so far stay; the morning measures again what differs
            self._solver.select()
        self._sorter.take(paths)
        measured = self._photometer.take(solved)
        self._job.ledger.commit()
        return measured

    def _keep(self, name: str) -> None:
        """Keep what the page of the night shows of a measured frame."""
        rows, frame = self._photometer.rows_of(name)
        stars, shift = self._photometer.stars, self._shifts.shift_of(name)
        assert stars is not None
        if shift is not None:
            frame = dataclasses.replace(frame, shift_x=shift.x, shift_y=shift.y)
        self.live.add(rows, frame, stars["tic_id"][np.asarray(stars["target"], bool)].tolist())

    def flush(self) -> None:
        """Put measured frames that are still in memory on the disk; say what the clock contradicts, and turns."""
        self._solver.remark()
        turns = tell_turns(Table([one.as_dict() for one in self._recent])) if self._recent else ""
        if turns:  # one of long ago stays told
            keep_remark(self._job.ledger, self.field, TURN, turns)
        self._photometer.flush()

    def _check(self, newest: FrameRow) -> None:
        """Say where a frame lies so far off the others that check_cmos will move it."""
        sides = sides_of(np.array([one.rotation_deg for one in self._recent]))
        beside = [one for one, side in zip(self._recent, sides, strict=True) if side == sides[-1]]
        places = np.array([[one.place_x, one.place_y] for one in beside])
        off = np.array([newest.place_x, newest.place_y]) - np.median(places, axis=0)
        limit_px = self._job.camera.check.limit_px
        if np.abs(off).max() > limit_px:
            told = "%s: %.1f, %.1f px off the field, expected at most %g; %s moves it in the morning"
            log.warning(told, newest.frame_id, *off, limit_px, Stage.CHECK_CMOS)

    def _tell(self, path: Path) -> Seen:
        shift = self._shifts.shift_of(path.name)
        known = None if shift is None or shift.x is None or shift.y is None else (shift.x, shift.y)
        measured = path.name in self._photometer.measured
        if not self._recent or self._recent[-1].frame_id != path.name:
            quality = "" if shift is None or known else shift.verdict
            return Seen(self.field, path.name, measured, known, quality=quality)
        camera = self._job.camera
        judged = judge_frames(
            Table([one.as_dict() for one in self._recent]), jump_px=camera.jump_px, limits=camera.quality
        )
        light, quality = float(judged.transparency[-1]), str(judged.verdict[-1])
        return Seen(self.field, path.name, True, known, light, quality)
