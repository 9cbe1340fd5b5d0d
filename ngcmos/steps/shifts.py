"""Donuts shifts of a field, measured once and kept in the ledger: what QC_Donuts and check_cmos share."""

import dataclasses
import logging

from ngcmos.errors import FrameError
from ngcmos.night.folder import find_frame
from ngcmos.night.frames import read_frame
from ngcmos.night.ledger import DONE, REFUSED, recall, record
from ngcmos.night.loop import work_through
from ngcmos.qc.shifts import UNREADABLE, MeasuredShift, Shift, build_reference, measure_shift, refuse_shift

log = logging.getLogger(__name__)

SHIFTS = "shifts"
REFERENCE = "reference"


def measure_field(config, field, paths, ledger, *, workers=1, quiet=False):
    """Shifts of all frames of a field against its first good frame.

    What the ledger knows, measured against the same reference with the same profile, is not measured again;
    frames that were set aside since keep their places.

    Returns
    -------
    reference : str
        Name of the reference frame.
    shifts : list of MeasuredShift
        In the order of their names' time; the reference is not among them.

    Raises
    ------
    FrameError
        No frame of the field can serve as a reference.
    """
    known, name = _recall(ledger, field, config.camera.checksum, paths)
    reference = None
    if name is None:
        reference = begin_shifts(config.camera, field, paths, ledger)
        name = reference.name
    missing = [path for path in paths if path.name not in known and path.name != name]
    if missing:
        if reference is None:
            reference, _ = _choose_reference([find_frame(paths[0].parent, name)], config.camera)
        loop = {"workers": workers, "label": f"shifts {field}", "quiet": quiet}
        for path, result in work_through(measure_one, missing, shared=(config.camera, reference), **loop):
            measured = _unreadable(path, result) if isinstance(result, FrameError) else result
            known[path.name] = measured
            keep_shift(ledger, field, config.camera, name, measured)
    return name, sorted(known.values(), key=lambda measured: (measured.time or "", measured.name))


def _recall(ledger, field, checksum, paths):
    """({frame: MeasuredShift}, reference) of the ledger, measured with this profile against a frame of the night.

    The reference may have been set aside since. Without one: ({}, None).
    """
    entries = [e for e in recall(ledger, SHIFTS, field).values() if e.numbers["profile"] == checksum]
    references = [e.frame for e in entries if e.numbers["verdict"] == REFERENCE]
    references = [name for name in references if find_frame(paths[0].parent, name).exists()] if paths else []
    if len(references) != 1:
        return {}, None
    name = references[0]
    known = {
        entry.frame: _measured_of(entry)
        for entry in entries
        if entry.numbers["reference"] == name and entry.frame != name
    }
    return known, name


def _measured_of(entry):
    """The MeasuredShift that a ledger entry keeps."""
    numbers = entry.numbers
    values = {field.name: numbers[field.name] for field in dataclasses.fields(Shift) if field.name != "reason"}
    return MeasuredShift(entry.frame, numbers["time"], Shift(**values, reason=entry.reason))


def resume_shifts(camera, field, paths, ledger):
    """(Reference, names of the frames measured against it) as the ledger knows them; (None, {}) without.

    Raises
    ------
    FrameError
        The reference cannot be read any more.
    """
    known, name = _recall(ledger, field, camera.checksum, paths)
    if name is None:
        return None, set()
    reference, _ = _choose_reference([find_frame(paths[0].parent, name)], camera)
    return reference, {name, *known}


def begin_shifts(camera, field, paths, ledger):
    """The Reference of a field, the first frame that shows enough stars; kept in the ledger.

    Raises
    ------
    FrameError
        No frame of the field can serve as a reference.
    """
    reference, start = _choose_reference(paths, camera)
    itself = MeasuredShift(reference.name, start, Shift(0.0, 0.0, 1.0, reference.stars, REFERENCE, ""))
    keep_shift(ledger, field, camera, reference.name, itself)
    return reference


def _choose_reference(paths, camera):
    """(Reference, start) of the first frame that shows enough stars."""
    for path in paths:
        try:
            frame = read_frame(path, camera)
            return build_reference(frame.data, frame.exptime, camera.donuts, name=path.name), frame.start.isot
        except FrameError as error:
            log.warning("%s: not the reference of its field: %s", SHIFTS, error)
    raise FrameError(f"none of {len(paths)} frames can serve as a reference, expected stars in one")


def measure_one(path, camera, reference):
    """The MeasuredShift of a frame against a Reference; a FrameError where it cannot be read."""
    frame = read_frame(path, camera)
    return MeasuredShift(path.name, frame.start.isot, measure_shift(reference, frame.data, frame.exptime))


def _unreadable(path, error):
    return MeasuredShift(path.name, None, refuse_shift(UNREADABLE, str(error)))


def keep_shift(ledger, field, camera, reference, measured):
    """Write a MeasuredShift against the reference of that name into the ledger."""
    numbers = dataclasses.asdict(measured.shift) | {
        "time": measured.time,
        "reference": reference,
        "profile": camera.checksum,
    }
    reason = numbers.pop("reason")
    verdict = DONE if measured.shift.known else REFUSED
    record(ledger, SHIFTS, measured.name, field, verdict, reason, numbers)
