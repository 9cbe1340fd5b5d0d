"""Donuts shifts of a field, measured once and kept in the ledger: what QC_Donuts and check_cmos share."""

import dataclasses
import logging

from ngcmos.errors import FrameError
from ngcmos.night.frames import read_frame
from ngcmos.night.ledger import DONE, REFUSED, recall, record
from ngcmos.night.loop import work_through
from ngcmos.qc.shifts import UNREADABLE, Shift, build_reference, measure_shift, refuse_shift

log = logging.getLogger(__name__)

SHIFTS = "shifts"
REFERENCE = "reference"


@dataclasses.dataclass(frozen=True)
class MeasuredShift:
    """Shift of a frame with the start of its exposure (ISO, UTC; None where unreadable)."""

    name: str
    time: str | None
    shift: Shift


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
    known = _known(ledger, field, config.camera.checksum)
    name = _reference_of(known, paths)
    if name is None:
        known = {}
        reference, start = _choose_reference(field, paths, config.camera)
        name = reference.name
        _keep(
            ledger,
            field,
            config.camera,
            name,
            MeasuredShift(name, start, Shift(0.0, 0.0, 1.0, reference.stars, REFERENCE, "")),
        )
    missing = [path for path in paths if path.name not in known and path.name != name]
    if missing:
        if known:
            reference, _ = _choose_reference(field, [path for path in paths if path.name == name], config.camera)
        shared = (config.camera, reference)
        loop = {"workers": workers, "label": f"shifts {field}", "quiet": quiet}
        for path, result in work_through(_measure, missing, shared=shared, **loop):
            measured = _unreadable(path, result) if isinstance(result, FrameError) else result
            known[path.name] = measured
            _keep(ledger, field, config.camera, name, measured)
    shifts = [measured for frame, measured in known.items() if frame != name]
    return name, sorted(shifts, key=lambda measured: (measured.time or "", measured.name))


def _known(ledger, field, checksum):
    """{frame: MeasuredShift} of the ledger, measured with this profile against a reference that is known too."""
    entries = [e for e in recall(ledger, SHIFTS, field).values() if e.numbers.get("profile") == checksum]
    references = [entry.frame for entry in entries if entry.numbers["verdict"] == REFERENCE]
    return {
        entry.frame: MeasuredShift(
            entry.frame,
            entry.numbers["time"],
            Shift(*(entry.numbers[f.name] for f in dataclasses.fields(Shift) if f.name != "reason"), entry.reason),
        )
        for entry in entries
        if entry.numbers["reference"] in references
    }


def _reference_of(known, paths):
    """The frame the known shifts were measured against, if the night still holds it."""
    here = {path.name for path in paths}
    names = [name for name, measured in known.items() if measured.shift.verdict == REFERENCE and name in here]
    return names[0] if len(names) == 1 else None


def _choose_reference(field, paths, camera):
    """(Reference, start) of the first frame that shows enough stars."""
    for path in paths:
        try:
            frame = read_frame(path, camera)
            return build_reference(frame.data, frame.exptime, camera.donuts, name=path.name), frame.start.isot
        except FrameError as error:
            log.warning("%s: not the reference of its field: %s", SHIFTS, error)
    raise FrameError(f"{field}: none of {len(paths)} frames can serve as a reference, expected stars in one")


def _measure(path, camera, reference):
    frame = read_frame(path, camera)
    return MeasuredShift(path.name, frame.start.isot, measure_shift(reference, frame.data, frame.exptime))


def _unreadable(path, error):
    return MeasuredShift(path.name, None, refuse_shift(UNREADABLE, str(error)))


def _keep(ledger, field, camera, reference, measured):
    numbers = dataclasses.asdict(measured.shift) | {
        "time": measured.time,
        "reference": reference,
        "profile": camera.checksum,
    }
    reason = numbers.pop("reason")
    verdict = DONE if measured.shift.known else REFUSED
    record(ledger, SHIFTS, measured.name, field, verdict, reason, numbers)
