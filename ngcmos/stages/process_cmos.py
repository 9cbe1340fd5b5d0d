"""Aperture photometry of all stars of every frame: `phot_{field}.fits`."""

import datetime
import logging

import numpy as np
from astropy.table import Table

from ngcmos.calibration.masters import load_masters
from ngcmos.errors import FrameError, HeaderError, WorkError
from ngcmos.night.folder import stamp_of
from ngcmos.night.ledger import open_ledger, recall
from ngcmos.night.loop import HEADERS_TOGETHER, work_through
from ngcmos.night.outcome import Outcome
from ngcmos.night.products import input_catalog_path, photometry_path
from ngcmos.steps.catalog import file_checksum, read_catalog, read_input_catalog
from ngcmos.steps.measuring import measure_frame, place_frame, prepare_measuring, with_times
from ngcmos.steps.shifts import SHIFTS
from ngcmos.steps.table import (
    find_measured,
    inputs_of,
    join_table,
    keep_part,
    provenance,
    refused_before,
    table_stands,
)
from ngcmos.tables.parts import FRAMES_A_PART, parts_folder, remove_parts

log = logging.getLogger(__name__)

STAGE = "process_cmos"


def run(config, night, *, overwrite=False, workers=1, quiet=False):
    """Write the photometry table of each field where it is missing, damaged or lacks frames; an Outcome.

    A table that was made with another version, profile, masters or catalog is kept and said; `overwrite` makes
    it anew.
    """
    outcome = Outcome(STAGE)
    loop = {"workers": workers, "quiet": quiet}
    with open_ledger(night.folder) as ledger:
        masters = load_masters(config, night.folder)
        for field, paths in night.fields.items():
            with outcome.attempt(field):
                _process_field(config, night, field, paths, masters, outcome, ledger, loop, overwrite)
    return outcome


def _process_field(config, night, field, paths, masters, outcome, ledger, loop, overwrite):
    camera = config.camera
    stars, catalog = read_input_catalog(night.folder, field), read_catalog(night.folder, field)
    cards = provenance(camera, masters, file_checksum(input_catalog_path(night.folder, field)))
    placed = _place_frames(camera, field, paths, outcome, ledger, loop)
    if not placed:
        raise WorkError(f"none of {len(paths)} frames can be measured")
    path, verdicts = photometry_path(night.folder, field), recall(ledger, STAGE, field)
    if not overwrite and table_stands(path, placed, cards, verdicts):
        remove_parts(parts_folder(path))  # of a run that was stopped between the table and their removal
        outcome.skipped.extend(frame.path.name for frame in placed)
        return
    known = find_measured(path, placed, cards, overwrite=overwrite)
    outcome.skipped.extend(known)
    done = set(known) if overwrite else set(known) | refused_before(verdicts, cards)
    shifts = {name: entry.numbers for name, entry in recall(ledger, SHIFTS, field).items()}
    placed = with_times(placed, config.site, shifts)
    missing = [frame for frame in placed if frame.path.name not in done]
    measuring = prepare_measuring(camera, masters, stars, catalog, max(len(frame.path.name) for frame in placed))
    known |= _measure_missing(path, missing, measuring, cards, field, outcome, ledger, loop)
    join_table(path, placed, known, _star_table(stars), camera=camera, cards=cards)
    outcome.products.append(path)


def _place_frames(camera, field, paths, outcome, ledger, loop):
    """Frames that have a plate solution and a time that can be believed, in time order; the others refused."""
    placed = []
    loop = loop | {"together": HEADERS_TOGETHER, "label": f"headers {field}"}
    for path, result in work_through(place_frame, paths, shared=(camera,), **loop):
        if isinstance(result, FrameError):
            outcome.settle(ledger, path, field, result)
        else:
            placed.append(result)
    wrong = find_wrong_times(placed, camera.headers.date_obs)
    for frame in placed:
        if frame.path in wrong:
            outcome.settle(ledger, frame.path, field, wrong[frame.path])
    fit = [frame for frame in placed if frame.path not in wrong]
    return sorted(fit, key=lambda frame: (frame.start.isot, frame.path.name))


def _measure_missing(path, items, measuring, cards, field, outcome, ledger, loop):
    """Measure frames into parts beside the table, the unfit ones refused; {frame: Place} of the others."""
    waiting, known = [], {}
    results = work_through(measure_frame, items, shared=(measuring,), label=f"measure {field}", **loop)
    for number, (item, result) in enumerate(results, 1):
        if isinstance(result, FrameError):
            outcome.settle(ledger, item.path, field, result, {"inputs": inputs_of(cards)})
        else:
            waiting.append((item.path, *result))
        if waiting and (len(waiting) == FRAMES_A_PART or number == len(items)):
            known |= keep_part(path, waiting, field, outcome, ledger, measuring.camera.files.reserve_mb)
            waiting = []
    return known


def find_wrong_times(placed, key):
    """{path: HeaderError} of frames whose time is not their own.

    A time that another frame has already, or that differs from the stamp in the file's name otherwise than in
    the other frames of the field (by more than half an exposure).
    """
    wrong, taken = {}, {}
    lags = {frame.path: _lag_s(frame) for frame in placed}
    usual = np.nanmedian([np.nan, *lags.values()]) if np.isfinite(list(lags.values())).any() else 0.0
    for frame in placed:
        name, start = frame.path.name, frame.start.isot
        if abs(lags[frame.path] - usual) > frame.exptime_s / 2:
            off = f"{lags[frame.path]:+.3f} s from the time in its name"
            wrong[frame.path] = HeaderError(f"{name}: {key} {start} is {off}, expected {usual:+.3f} s")
            continue
        first = taken.setdefault(start, name)
        if first != name:
            wrong[frame.path] = HeaderError(
                f"{name}: {key} {start} is that of {first}, expected a time of its own"
            )
    return wrong


def _lag_s(frame):
    """Start of the exposure minus the stamp in the name, seconds; NaN without a stamp."""
    stamp = stamp_of(frame.path)
    if stamp is None:
        return np.nan
    text = frame.start.isot
    minute = datetime.datetime.fromisoformat(f"{text[:17]}00").replace(tzinfo=datetime.UTC)
    return (minute - stamp).total_seconds() + float(text[17:])  # a datetime knows no leap second


def _star_table(stars):
    """The extension STARS: the input catalog without its remarks."""
    return Table(stars, copy=False, meta={})
