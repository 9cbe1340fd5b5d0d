"""Donuts shifts of the frames of a field, measured once and kept in the ledger.

``FieldShifts(job, field).take(paths)`` measures what is missing: all frames of a night, or one that came.
"""

import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ngcmos.config import Camera
from ngcmos.errors import FrameError
from ngcmos.names import Record, Verdict
from ngcmos.night.fingerprint import Inputs
from ngcmos.night.folder import find_frame
from ngcmos.night.frames import read_frame
from ngcmos.night.job import Job
from ngcmos.night.ledger import Entry, record
from ngcmos.qc.shifts import (
    UNREADABLE,
    MeasuredShift,
    Reference,
    Shift,
    build_reference,
    measure_shift,
    refuse_shift,
)

log = logging.getLogger(__name__)

REFERENCE = "reference"
_ROOMS = ("ngcmos.qc.shifts", "ngcmos.qc.evidence", "ngcmos.qc.projection")


class FieldShifts:
    """Shifts of a field against its first good frame.

    What the ledger knows, measured against the same reference in the same way, is not measured again; frames that
    were set aside since keep their places.

    Parameters
    ----------
    job : ngcmos.night.job.Job
    field : str
    """

    def __init__(self, job: Job, field: str) -> None:
        self._job, self._field = job, field
        self._made_of = inputs_of_shifts(job.camera).fingerprint
        self._reference: Reference | None = None
        self._early: list[Path] = []  # before the reference
        self._known, self.reference = self._recall()

    @property
    def shifts(self) -> list[MeasuredShift]:
        """All that are known, in the order of time; the reference is not among them."""
        return sorted(self._known.values(), key=lambda measured: (measured.time or "", measured.name))

    def shift_of(self, name: str) -> Shift | None:
        """Shift of a frame by its name; None where there is none, and for the reference."""
        return self._known[name].shift if name in self._known else None

    def take(self, paths: Sequence[Path]) -> list[Path]:
        """Measure the frames that have no shift yet; frames before the first good one wait for that."""
        if self._missing(paths) and self._reference is None and not self._find_reference(paths):
            self._early = self._missing(paths)
            return list(paths)
        missing, self._early = self._missing(paths), []
        shared = (self._job.camera, self._reference)
        for path, result in self._job.through(measure_one, missing, shared=shared, label=f"shifts {self._field}"):
            measured = _unreadable(path, result) if isinstance(result, FrameError) else result
            self._known[path.name] = measured
            self._keep(measured)
        return list(paths)

    def _missing(self, paths: Sequence[Path]) -> list[Path]:
        done = {*self._known, self.reference}
        return [path for path in (*self._early, *paths) if path.name not in done]

    def require_reference(self) -> str:
        """Name of the reference frame.

        Raises
        ------
        FrameError
            No frame of the field can serve as one.
        """
        if self.reference is None:
            raise FrameError(f"none of {len(self._early)} frames can serve as a reference, expected stars in one")
        return self.reference

    def _find_reference(self, paths: Sequence[Path]) -> bool:
        """Have the reference at hand, that of before where it can be read, else the first good one of these."""
        if self.reference is not None:
            before = choose_reference([find_frame(self._job.folder, self.reference)], self._job.camera)
            if before is not None:
                self._reference = before[0]
                return True
            self._known, self.reference = {}, None  # damaged by now: all are measured against another one
        found = choose_reference(paths, self._job.camera)
        if found is None:
            return False
        self._reference, start = found
        self.reference = self._reference.name
        self._keep(
            MeasuredShift(self.reference, start, Shift(0.0, 0.0, 1.0, self._reference.stars, REFERENCE, ""))
        )
        return True

    def _recall(self) -> tuple[dict[str, MeasuredShift], str | None]:
        """({frame: MeasuredShift}, reference) of the ledger; the reference may have been set aside since."""
        of_field = self._job.recall(Record.SHIFTS, self._field).values()
        entries = [entry for entry in of_field if entry.numbers.get("fingerprint") == self._made_of]
        references = [entry.frame for entry in entries if entry.numbers["verdict"] == REFERENCE]
        references = [name for name in references if find_frame(self._job.folder, name).exists()]
        if len(references) != 1:
            return {}, None
        [name] = references
        against = [entry for entry in entries if entry.numbers["reference"] == name and entry.frame != name]
        return {entry.frame: _measured_of(entry) for entry in against}, name

    def _keep(self, measured: MeasuredShift) -> None:
        """Write a shift into the ledger."""
        numbers = dataclasses.asdict(measured.shift) | {
            "time": measured.time,
            "reference": self.reference,
            "fingerprint": self._made_of,
        }
        reason = numbers.pop("reason")
        verdict = Verdict.DONE if measured.shift.known else Verdict.REFUSED
        record(self._job.ledger, Record.SHIFTS, measured.name, self._field, verdict, reason, numbers)


def inputs_of_shifts(camera: Camera) -> Inputs:
    """What a shift depends on beside the two frames."""
    return Inputs.of(_ROOMS, donuts=camera.donuts, shape=list(camera.detector.shape))


def _measured_of(entry: Entry) -> MeasuredShift:
    """The MeasuredShift that a ledger entry keeps."""
    numbers: dict[str, Any] = dict(entry.numbers)
    values = {field.name: numbers[field.name] for field in dataclasses.fields(Shift) if field.name != "reason"}
    return MeasuredShift(entry.frame, numbers["time"], Shift(**values, reason=entry.reason))


def choose_reference(paths: Sequence[Path], camera: Camera) -> tuple[Reference, str] | None:
    """(Reference, start) of the first frame that shows enough stars; None without any."""
    for path in paths:
        try:
            frame = read_frame(path, camera)
            return build_reference(frame.data, frame.exptime, camera.donuts, name=path.name), frame.start.isot
        except FrameError as error:
            log.warning("%s: not the reference of its field: %s", Record.SHIFTS, error)
    return None


def measure_one(path: Path, camera: Camera, reference: Reference) -> MeasuredShift:
    """The MeasuredShift of a frame against a Reference; a FrameError where it cannot be read."""
    frame = read_frame(path, camera)
    return MeasuredShift(path.name, frame.start.isot, measure_shift(reference, frame.data, frame.exptime))


def _unreadable(path: Path, error: FrameError) -> MeasuredShift:
    return MeasuredShift(path.name, None, refuse_shift(UNREADABLE, str(error)))
