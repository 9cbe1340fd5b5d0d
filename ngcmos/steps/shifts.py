"""Donuts shifts of the frames of a field, measured once and kept in the ledger.

``FieldShifts(job, field).take(paths)`` measures what is missing: all frames of a night, or one that came.
"""

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ngcmos.config import Camera
from ngcmos.errors import FrameError
from ngcmos.names import Record, ShiftVerdict, Verdict
from ngcmos.night.fingerprint import Inputs
from ngcmos.night.folder import find_frame
from ngcmos.night.frames import read_frame
from ngcmos.night.job import Job
from ngcmos.night.ledger import Entry, record
from ngcmos.qc.shifts import (
    MeasuredShift,
    Reference,
    Shift,
    build_reference,
    measure_shift,
    refuse_shift,
)

log = logging.getLogger(__name__)

FEWEST_FRAMES = 4  # that tell where a field usually lies
APART = 5.0  # times as far from the reference as from one another
ROOMS = ("ngcmos.qc.shifts", "ngcmos.qc.evidence", "ngcmos.qc.projection")


class FieldShifts:
    """Shifts of a field against its first good frame; where the sky turns in the night, each side has a reference.

    What the ledger knows, measured against the same references in the same way, is not measured again; frames that
    were set aside since keep their places.

    Parameters
    ----------
    job : ngcmos.night.job.Job
    field : str
    """

    def __init__(self, job: Job, field: str) -> None:
        self._job, self._field = job, field
        self._made_of = inputs_of_shifts(job.camera).fingerprint
        self._at_hand: dict[bool, Reference] = {}  # by whether the sky is turned
        self._early: list[Path] = []  # before the reference
        self._names: dict[bool, str] = {}  # of the references
        self._known: dict[str, MeasuredShift] = {}
        self._lasting = True
        self._recall()

    @property
    def shifts(self) -> list[MeasuredShift]:
        """All that are known, in the order of time; the references are not among them."""
        return sorted(self._known.values(), key=lambda measured: (measured.time or "", measured.name))

    @property
    def has_reference(self) -> bool:
        """Whether there is a frame that the others are compared with."""
        return False in self._names

    @property
    def turned_reference(self) -> str | None:
        """Name of the reference of the turned sky; None where the sky did not turn."""
        return self._names.get(True)

    def shift_of(self, name: str) -> Shift | None:
        """Shift of a frame by its name; None where there is none, and for a reference."""
        return self._known[name].shift if name in self._known else None

    def take(self, paths: Sequence[Path]) -> list[Path]:
        """Measure the frames that have no shift yet; frames before the first good one wait for that."""
        missing = self._missing(paths)
        if missing and not self._have_reference(paths, turned=False):
            self._early = missing
            return list(paths)
        missing, self._early = self._missing(paths), []
        if missing and True in self._names:
            self._have_reference([], turned=True)
        self._measure(missing)
        turned = self._turned(missing)
        if turned and True not in self._names:
            turned = self._turned([*self._measure_since_the_turn(turned[0]), *missing])
        if turned and self._have_reference(turned, turned=True):
            log.info(
                "%s: the sky turned before %s, frames from there on are compared with it",
                self._field,
                turned[0].name,
            )
            self._measure([path for path in turned if path.name != self.turned_reference])
        return list(paths)

    def settle(self, *, lasting: bool = True) -> None:
        """Measure a side again whose reference lies off the place of all others, against one that lies there.

        What is not `lasting`, as not all frames are there yet, the ledger does not keep.
        """
        self._lasting = lasting
        for turned, name in list(self._names.items()):
            on_side = [one for one in self._known.values() if one.turned == turned and one.shift.known]
            usual = find_usual_frame(on_side, self._job.camera.donuts.large_px)
            if usual is None:
                continue
            log.info(
                "%s: %s lies off the field's usual place, frames are compared with %s", self._field, name, usual
            )
            if not turned and True in self._names:
                self._have_reference([], turned=True)  # a frame may only be told from near by to be of that side
            again = [one.name for one in self._known.values() if one.turned == turned and one.name != usual]
            if self._have_reference([find_frame(self._job.folder, usual)], turned=turned, anew=True):
                self._measure([find_frame(self._job.folder, one) for one in [name, *again]])

    def require_reference(self) -> str:
        """Name of the reference frame.

        Raises
        ------
        FrameError
            No frame of the field can serve as one.
        """
        if False not in self._names:
            raise FrameError(f"none of {len(self._early)} frames can serve as a reference, expected stars in one")
        return self._names[False]

    def _missing(self, paths: Sequence[Path]) -> list[Path]:
        done = {*self._known, *self._names.values()}
        return [path for path in (*self._early, *paths) if path.name not in done]

    def _turned(self, paths: Sequence[Path]) -> list[Path]:
        """Those that show the sky turned, and no reference to compare them with."""
        known = [path for path in paths if path.name in self._known]
        return [path for path in known if self._known[path.name].shift.verdict == ShiftVerdict.TURNED]

    def _measure_since_the_turn(self, turned: Path) -> list[Path]:
        """The frames before a turned one, back to the last that lies as the first do, measured where they are not.

        Where frames are not taken in their order the sky may have turned at one of them.
        """
        paths = self._job.night.fields.get(self._field, ())
        since: list[Path] = []
        for path in reversed(paths[: paths.index(turned)] if turned in paths else ()):
            before = self._known.get(path.name)
            if path.name in self._names.values() or (before is not None and before.shift.known):
                break
            since.insert(0, path)
        self._measure(self._missing(since))
        return since

    def _measure(self, paths: Sequence[Path]) -> None:
        shared, label = (self._job.camera, dict(self._at_hand)), f"shifts {self._field}"
        for path, result in self._job.through(measure_one, paths, shared=shared, label=label):
            measured = _unreadable(path, result) if isinstance(result, FrameError) else result
            self._known[path.name] = measured
            self._keep(measured)

    def _have_reference(self, paths: Sequence[Path], *, turned: bool, anew: bool = False) -> bool:
        """Have a side's reference at hand: that of before if it can be read, else the first good one of these."""
        if turned in self._at_hand and not anew:
            return True
        if turned in self._names and not anew:
            before = choose_reference([find_frame(self._job.folder, self._names[turned])], self._job.camera)
            if before is not None:
                self._at_hand[turned] = before[0]
                return True
            self._forget(turned)  # damaged by now: all are measured against another one
        found = choose_reference(paths, self._job.camera)
        if found is None:
            return False
        reference, start = found
        self._at_hand[turned], self._names[turned] = reference, reference.name
        self._known.pop(reference.name, None)
        itself = Shift(0.0, 0.0, 1.0, reference.stars, ShiftVerdict.REFERENCE, "")
        self._keep(MeasuredShift(reference.name, start, itself, reference.name, turned))
        return True

    def _forget(self, turned: bool) -> None:
        """Know nothing any more of a side, or of both where the first one lost its reference."""
        sides = [turned] if turned else list(self._names)
        for side in sides:
            del self._names[side]
            self._at_hand.pop(side, None)
        self._known = {name: one for name, one in self._known.items() if turned and not one.turned}

    def _recall(self) -> None:
        """What the ledger knows; a reference may have been set aside since."""
        of_field = self._job.recall(Record.SHIFTS, self._field).values()
        entries = [_measured_of(entry) for entry in of_field if entry.text("fingerprint") == self._made_of]
        references = [one for one in entries if one.shift.verdict == ShiftVerdict.REFERENCE]
        there = [one for one in references if find_frame(self._job.folder, one.name).exists()]
        names = {one.turned: one.name for one in there}
        if False not in names or len(names) < len(there):
            return
        self._names = names
        known = [one for one in entries if one.reference in names.values() and one.name not in names.values()]
        self._known = {one.name: one for one in known}

    def _keep(self, measured: MeasuredShift) -> None:
        """Write a shift into the ledger."""
        if not self._lasting:
            return
        numbers = dataclasses.asdict(measured.shift) | {
            "time": measured.time,
            "reference": measured.reference or self._names.get(measured.turned),
            "turned": measured.turned,
            "fingerprint": self._made_of,
        }
        reason = numbers.pop("reason")
        verdict = Verdict.DONE if measured.shift.known else Verdict.REFUSED
        record(self._job.ledger, Record.SHIFTS, measured.name, self._field, verdict, reason, numbers)


def find_usual_frame(shifts: Sequence[MeasuredShift], large_px: float) -> str | None:
    """The frame nearest to the place of most, where their reference does not lie there; None where it does.

    The reference is off where most frames lie together, a large shift away from it; a slow drift is none.
    """
    if len(shifts) < FEWEST_FRAMES:
        return None
    places = np.array([(one.shift.x, one.shift.y) for one in shifts], float)
    off = places - np.median(places, axis=0)
    distance = float(np.abs(np.median(places, axis=0)).max())
    together = float(np.median(np.hypot(*off.T)))
    if distance < large_px or distance < APART * together:
        return None
    return shifts[int(np.argmin(np.hypot(*off.T)))].name


def inputs_of_shifts(camera: Camera) -> Inputs:
    """What a shift depends on beside the two frames."""
    return Inputs.of(ROOMS, donuts=camera.donuts, shape=list(camera.detector.shape))


def _measured_of(entry: Entry) -> MeasuredShift:
    """The MeasuredShift that a ledger entry keeps."""
    numbers: dict[str, Any] = dict(entry.numbers)
    values = {field.name: numbers[field.name] for field in dataclasses.fields(Shift) if field.name != "reason"}
    shift = Shift(**values, reason=entry.reason)
    return MeasuredShift(entry.frame, numbers["time"], shift, numbers["reference"] or "", numbers["turned"])


def choose_reference(paths: Sequence[Path], camera: Camera) -> tuple[Reference, str] | None:
    """(Reference, start) of the first frame that shows enough stars; None without any."""
    for path in paths:
        try:
            frame = read_frame(path, camera)
            return build_reference(frame.data, frame.exptime, camera.donuts, name=path.name), frame.start.isot
        except FrameError as error:
            log.warning("%s: not the reference of its field: %s", Record.SHIFTS, error)
    return None


def measure_one(path: Path, camera: Camera, references: Mapping[bool, Reference]) -> MeasuredShift:
    """The MeasuredShift of a frame against the reference of its side; a FrameError where it cannot be read.

    A frame that does not match the first reference is compared with that of the turned sky; where there is none
    yet, with the first one turned by 180 deg, and told to be `turned` where it matches that.
    """
    frame = read_frame(path, camera)
    main, other = references[False], references.get(True)
    shift = measure_shift(main, frame.data, frame.exptime)
    time = frame.start.isot
    if shift.verdict not in (ShiftVerdict.BEYOND_REACH, ShiftVerdict.FIXED_PATTERN):
        return MeasuredShift(path.name, time, shift, main.name)
    if other is not None:
        turned = measure_shift(other, frame.data, frame.exptime)
        if turned.known:
            return MeasuredShift(path.name, time, turned, other.name, True)
    elif measure_shift(main, frame.data[::-1, ::-1], frame.exptime).known:
        turned = refuse_shift(ShiftVerdict.TURNED, "the sky lies turned by 180 deg", stars=shift.stars)
        return MeasuredShift(path.name, time, turned, turned=True)
    return MeasuredShift(path.name, time, shift, main.name)


def _unreadable(path: Path, error: FrameError) -> MeasuredShift:
    return MeasuredShift(path.name, None, refuse_shift(ShiftVerdict.UNREADABLE, str(error)))
