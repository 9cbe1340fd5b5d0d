"""The photometry table of a field put together: what was measured before, what is missing, and the join."""

import dataclasses
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from astropy.table import Table
from astropy.time import Time

from ngcmos import __version__
from ngcmos.arrays import Floats, Rows
from ngcmos.config import Camera
from ngcmos.errors import ProductError, WorkError
from ngcmos.names import Verdict
from ngcmos.night.cards import Card
from ngcmos.night.disk import require_space
from ngcmos.night.fingerprint import Inputs
from ngcmos.night.job import Job
from ngcmos.night.ledger import Entry
from ngcmos.night.products import keep_old
from ngcmos.night.weather import read_outside
from ngcmos.tables.frame_row import FrameRow
from ngcmos.tables.parts import Place, RowReader, open_parts, parts_folder, remove_parts, write_part
from ngcmos.tables.table import FILTER_CARD, SERIAL_CARD, check_table
from ngcmos.tables.writer import bytes_of_row, write_photometry

log = logging.getLogger(__name__)

INPUTS_CARD, FINGERPRINT_CARD = "INPUTS", "FINGERPR"
# what a frame's rows depend on beyond the inputs that all frames share
_OWN_INPUTS = ("exptime_s", "airmass", "zp", "wcs_rms_px", "wcs_stars")


class Measurable(Protocol):
    """What is known of a frame before it is measured, as far as its table asks."""

    @property
    def path(self) -> Path: ...
    @property
    def start(self) -> Time: ...
    @property
    def shift(self) -> tuple[float | None, float | None]: ...
    @property
    def extra(self) -> Mapping[str, float]: ...


def cards_of(camera: Camera, inputs: Inputs) -> list[Card]:
    """Cards that say what a table was made of, for people and for the next run."""
    sums = [(f"{name.upper()}SUM", inputs.values[name], f"checksum of the master {name}") for name in _MASTERS]
    return [
        ("VERSION", __version__, "version of ngcmos"),
        ("PROFILE", camera.name, "camera profile"),
        ("PROFSUM", camera.checksum, "checksum of the camera profile"),
        *sums,
        ("CATSUM", inputs.values["catalog"], "checksum of the input catalog"),
        ("SKYMETH", camera.photometry.sky_method, "how the sky was measured"),
        ("GAIN", camera.detector.gain_e_adu, "[e-/ADU]"),
        ("RDNOISE", camera.detector.read_noise_e, "[e-]"),
        (FINGERPRINT_CARD, inputs.fingerprint, "of all that entered"),
        (INPUTS_CARD, inputs.text, "all that entered, as JSON"),
    ]


_MASTERS = ("bias", "dark", "flat")


def differences(path: Path, inputs: Inputs) -> list[str]:
    """What a sound table was made of otherwise, in words; empty where nothing differs.

    Raises
    ------
    ProductError
        It is not whole.
    """
    header = check_table(path)
    if header.get(FINGERPRINT_CARD) == inputs.fingerprint:
        return []
    return inputs.differences(str(header.get(INPUTS_CARD, "")))


def table_stands(
    path: Path, placed: Sequence[Measurable], inputs: Inputs, verdicts: Mapping[str, Entry]
) -> tuple[bool, list[str]]:
    """(whether a sound table holds exactly the frames that are fit, what it was made of otherwise)."""
    if not path.exists():
        return False, []
    try:
        differs = differences(path, inputs)
        frames = RowReader().frames(path)
    except ProductError as error:
        log.warning("%s; it is kept as %s and made anew", error, keep_old(path).name)
        return False, []
    unfit = {name for name, entry in verdicts.items() if entry.verdict == Verdict.REFUSED and _was_tried(entry)}
    fit = {frame.path.name: frame for frame in placed if frame.path.name not in unfit}
    measured = {frame.frame_id: frame for frame in frames}
    if set(fit) != set(measured) or not all(is_same(fit[name], measured[name]) for name in fit):
        log.info("%s: frames have come, gone or changed since it was made", path.name)
        return False, differs
    return True, differs


def _was_tried(entry: Entry) -> bool:
    """Whether a frame was refused for its pixels; one refused for its header is looked at in every run."""
    return bool(entry.text("inputs"))


def places_known(path: Path, inputs: Inputs) -> dict[str, Place]:
    """{frame: Place} of all frames in the table at `path` and its parts that were measured of these inputs."""
    known = open_parts(parts_folder(path), dict(inputs.values))
    if path.exists():
        try:
            if not differences(path, inputs):
                known |= _sound_places(path)
        except ProductError:
            log.warning("%s: damaged, its frames are measured again", path.name)
    return known


def _sound_places(path: Path) -> dict[str, Place]:
    """{frame: Place} of the frames of a table whose rows are still those that were written."""
    reader = RowReader()
    places = {frame.frame_id: Place(path, n) for n, frame in enumerate(reader.frames(path))}
    sound = {name: place for name, place in places.items() if reader.is_sound(place)}
    if len(sound) < len(places):
        lost = len(places) - len(sound)
        log.warning("%s: damaged on the disk, %d frames are measured again", path.name, lost)
    return sound


def is_same(placed: Measurable, frame: FrameRow) -> bool:
    """Whether a frame was measured from the header it has now."""
    now = {"date_obs": placed.start.isot} | {name: getattr(placed, name) for name in _OWN_INPUTS}
    then = {name: getattr(frame, name) for name in now}
    return all(then[name] == value or then[name] != then[name] for name, value in now.items())


def refused_before(verdicts: Mapping[str, Entry], inputs: Inputs) -> set[str]:
    """Names of the frames that were measured of these inputs and found unfit."""
    return {
        name
        for name, entry in verdicts.items()
        if entry.verdict == Verdict.REFUSED and entry.text("inputs") == inputs.fingerprint
    }


def keep_part(
    path: Path, measured: Sequence[tuple[Path, Rows, FrameRow]], field: str, job: Job
) -> dict[str, Place]:
    """Write [(path, rows, row of the frame), ...] into a part beside the table; {frame: Place}."""
    require_space(path.parent, job.camera.files.reserve_mb)
    part = write_part(parts_folder(path), [(rows, row) for _, rows, row in measured])
    for frame, _, row in measured:
        job.settle(frame, field, None, row.as_dict())
    return {frame.name: Place(part, index) for index, (frame, _, _) in enumerate(measured)}


@dataclasses.dataclass(frozen=True)
class Making:
    """What a table is made with.

    Attributes
    ----------
    camera : Camera
    inputs : Inputs
    describe : callable
        Gives further columns of STARS from the rows of all frames.
    filter_name : str
        The filter that its field is named by, "" of the usual one.
    serial : str
        Of the camera; "" where it is not known.
    """

    camera: Camera
    inputs: Inputs
    describe: Callable[[Sequence[FrameRow]], Mapping[str, Floats]] = lambda _: {}
    filter_name: str = ""
    serial: str = ""


def join_table(
    path: Path, placed: Sequence[Measurable], known: Mapping[str, Place], stars: Table, making: Making
) -> int:
    """Write the table of the frames in `known`, in time order, and remove its parts.

    Returns
    -------
    int
        How many of them have counts, and no flux by the shape of their stars though the profile asks for it.

    Raises
    ------
    WorkError
        No frame is left.
    """
    there = [frame for frame in placed if frame.path.name in known]
    if not there:
        raise WorkError(f"none of {len(placed)} frames could be measured")
    width = max(len(frame.path.name) for frame in there)
    camera, filter_name = making.camera, making.filter_name
    radii, reader = camera.photometry.radii_px, RowReader()
    needed_mb = len(there) * len(stars) * bytes_of_row(radii, width) / 1e6
    require_space(path.parent, camera.files.reserve_mb, needed_mb=needed_mb)
    cards = cards_of(camera, making.inputs)
    cards += [(FILTER_CARD, filter_name, "filter of its frames")] if filter_name else []
    cards += [(SERIAL_CARD, making.serial, "serial number of the camera")] if making.serial else []
    headers = camera.headers
    series = {name: read_outside(path.parent, name, source) for name, source, _ in headers.extra_series}
    with write_photometry(path, stars, radii=radii, name_width=width, cards=cards) as writer:
        writer.units = headers.extra_units
        joined: list[FrameRow] = []
        shapeless = 0
        for frame in there:
            rows, row = reader.read(known[frame.path.name])
            shapeless += camera.photometry.psf and _lacks_fluxes_by_shape(rows, max(radii))
            joined.append(dataclasses.replace(row, shift_x=frame.shift[0], shift_y=frame.shift[1]))
            outside = {name: values.at(row.jd_mid) for name, values in series.items()}
            writer.add(rows, {**joined[-1].as_dict(), **frame.extra, **outside})
        writer.describe(making.describe(joined))
    remove_parts(parts_folder(path))
    return shapeless


def _lacks_fluxes_by_shape(rows: Rows, radius_px: float) -> bool:
    """Whether a frame whose apertures count stars has no flux by their shape."""
    counted, shaped = (np.isfinite(rows[name]).any() for name in (f"flux_{radius_px:g}", "flux_psf"))
    return bool(counted and not shaped)
