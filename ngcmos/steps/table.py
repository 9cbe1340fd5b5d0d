"""The photometry table of a field put together: what was measured before, what is missing, and the join."""

import logging

from ngcmos import __version__
from ngcmos.errors import ProductError, WorkError
from ngcmos.night.disk import require_space
from ngcmos.night.ledger import REFUSED
from ngcmos.night.products import keep_old
from ngcmos.tables.parts import (
    Place,
    RowReader,
    open_parts,
    parts_folder,
    remove_parts,
    write_part,
)
from ngcmos.tables.table import check_table
from ngcmos.tables.writer import bytes_of_row, write_photometry

log = logging.getLogger(__name__)

# what a frame's rows depend on beyond the cards of the table
_OWN_INPUTS = ("exptime_s", "airmass", "zp", "wcs_rms_px", "wcs_stars")


def provenance(camera, masters, catalog_sum):
    """Cards that say what a table was made with; frames measured with others are not its own."""
    sums = {name: masters.checksums[name] or "none" for name in ("bias", "dark", "flat")}
    return [
        ("VERSION", __version__, "version of ngcmos"),
        ("PROFILE", camera.name, "camera profile"),
        ("PROFSUM", camera.checksum, "checksum of the camera profile"),
        ("BIASSUM", sums["bias"], "checksum of the master bias"),
        ("DARKSUM", sums["dark"], "checksum of the master dark"),
        ("FLATSUM", sums["flat"], "checksum of the master flat"),
        ("CATSUM", catalog_sum, "checksum of the input catalog"),
        ("SKYMETH", camera.photometry.sky_method, "how the sky was measured"),
        ("GAIN", camera.detector.gain_e_adu, "[e-/ADU]"),
        ("RDNOISE", camera.detector.read_noise_e, "[e-]"),
    ]


def table_stands(path, placed, cards, verdicts):
    """Whether a sound table holds exactly the frames that are fit; what it was made with otherwise is said."""
    if not path.exists():
        return False
    try:
        changed = _changed_inputs(path, cards)
        facts = RowReader().facts(path)
    except ProductError as error:
        log.warning("%s; it is kept as %s and made anew", error, keep_old(path).name)
        return False
    refused = {name for name, entry in verdicts.items() if entry.verdict == REFUSED}
    fit = {frame.path.name: frame for frame in placed if frame.path.name not in refused}
    measured = {row["frame_id"]: row for row in facts}
    if set(fit) != set(measured) or not all(_is_same(fit[name], measured[name]) for name in fit):
        log.info("%s: frames have come, gone or changed since it was made", path.name)
        return False
    if changed:
        log.warning("%s was made with another %s; --overwrite measures again", path.name, ", ".join(changed))
    return True


def find_measured(path, placed, cards, *, overwrite=False):
    """{frame: Place} of the frames measured with these inputs already, in the table at `path` and in its parts.

    Raises
    ------
    WriteError
        The night cannot be written.
    """
    folder = parts_folder(path)
    if overwrite:
        remove_parts(folder)
    known = open_parts(folder, inputs_of(cards)) if overwrite else places_known(path, cards)
    reader = RowReader()
    here = {frame.path.name: frame for frame in placed if frame.path.name in known}
    return {name: known[name] for name, frame in here.items() if _is_same(frame, reader.read(known[name])[1])}


def places_known(path, cards):
    """{frame: Place} of all frames in the table at `path` and its parts that were measured with these inputs."""
    known = open_parts(parts_folder(path), inputs_of(cards))
    if path.exists():
        try:
            if not _changed_inputs(path, cards):
                known |= {row["frame_id"]: Place(path, n) for n, row in enumerate(RowReader().facts(path))}
        except ProductError:
            log.warning("%s: damaged, its frames are measured again", path.name)
    return known


def _changed_inputs(path, cards):
    """What a sound table was made with otherwise, in words; empty where nothing has changed."""
    header = check_table(path)
    return [f"{comment} ({key})" for key, value, comment in cards if header.get(key) != value]


def inputs_of(cards):
    """What rows depend on, of the cards of `provenance`; as the ledger and the parts keep it."""
    return {key: value for key, value, _ in cards}


def _is_same(placed, facts):
    """Whether a frame was measured from the header it has now."""
    now = {"date_obs": placed.start.isot} | {name: getattr(placed, name) for name in _OWN_INPUTS}
    return all(facts[name] == value or facts[name] != facts[name] for name, value in now.items())


def refused_before(verdicts, cards):
    """Names of the frames that were measured with these inputs and found unfit."""
    wanted = inputs_of(cards)
    return {
        name
        for name, entry in verdicts.items()
        if entry.verdict == REFUSED and entry.numbers.get("inputs") == wanted
    }


def keep_part(path, measured, field, outcome, ledger, reserve_mb):
    """Write [(path, rows, facts), ...] of frames into a part beside the table; {frame: Place}."""
    require_space(path.parent, reserve_mb)
    part = write_part(parts_folder(path), [(frame.name, rows, facts) for frame, rows, facts in measured])
    for frame, _, facts in measured:
        outcome.settle(ledger, frame, field, None, facts)
    return {frame.name: Place(part, index) for index, (frame, _, _) in enumerate(measured)}


def join_table(path, placed, known, stars, *, camera, cards):
    """Write the table of the frames in `known`, in time order, and remove its parts.

    Raises
    ------
    WorkError
        No frame is left.
    """
    there = [frame for frame in placed if frame.path.name in known]
    if not there:
        raise WorkError(f"none of {len(placed)} frames could be measured")
    width = max(len(frame.path.name) for frame in there)
    radii, reader = camera.photometry.radii_px, RowReader()
    needed_mb = len(there) * len(stars) * bytes_of_row(radii, width) / 1e6
    require_space(path.parent, camera.files.reserve_mb, needed_mb=needed_mb)
    with write_photometry(path, stars, radii=radii, name_width=width, cards=cards) as writer:
        for frame in there:
            rows, facts = reader.read(known[frame.path.name])
            writer.add(rows, facts | {"shift_x": frame.shift[0], "shift_y": frame.shift[1]})
    remove_parts(parts_folder(path))
