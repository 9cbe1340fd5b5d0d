"""Make the master flat of a night of its evening (else morning) twilight flats, one a filter.

Example:  ngcmos create_flats --night 20240705
"""

import logging
from pathlib import Path

from ngcmos.calibration.belonging import Setting, settings_of
from ngcmos.calibration.files import read_master
from ngcmos.calibration.flats import MIXED, build_flat, find_own_flat, is_outdated, misfit_of, write_flat
from ngcmos.calibration.masters import load_bias_and_dark
from ngcmos.errors import MasterError
from ngcmos.names import Stage
from ngcmos.night.job import Job
from ngcmos.night.outcome import Outcome
from ngcmos.night.products import keep_old

log = logging.getLogger(__name__)


def run(job: Job) -> Outcome:
    """Write `master_flat.fits` of the night where there is none that is sound; an Outcome.

    Frames of several filters get a flat each. A night without usable twilight flats is no failure where the
    masters' folder holds a flat to fall back on, or where the profile says that the camera has none.
    """
    needed = job.camera.calibration
    if not needed.flat or needed.reduced:
        return job.outcome
    settings = list(settings_of(job.night, job.camera).values()) or [Setting(job.night.date)]
    for setting in sorted(
        {one.own_flat_name: one for one in settings}.values(), key=lambda one: one.own_flat_name
    ):
        _make(job, setting)
    return job.outcome


def _make(job: Job, setting: Setting) -> None:
    """The flat of one filter."""
    outcome, name = job.outcome, setting.own_flat_name
    path = find_own_flat(job.folder, job.config.directories.out, job.camera, setting)
    if path is not None and _stands(job, path, setting):
        outcome.skipped.append(name)
        return
    with outcome.attempt(name):
        bias, dark = load_bias_and_dark(job.config, setting)
        try:
            flat = build_flat(job.folder, job.camera, bias.data, dark.data, setting)
        except MasterError as error:
            _set_mixed_aside(job, path, setting)
            _fall_back(job, setting, error)
            outcome.skipped.append(name)
            return
        outcome.products.append(write_flat(flat, job.folder / name))
        outcome.done.append(name)


def _stands(job: Job, path: Path, setting: Setting) -> bool:
    """Whether a flat of the night is sound, and would not be made otherwise today."""
    try:
        read_master(path, job.camera)
    except MasterError as error:
        log.warning("%s: %s; it is made anew", Stage.CREATE_FLATS, error)
        return False
    outdated = is_outdated(path, job.camera, setting, job.folder)
    if outdated:
        log.warning("%s: %s was %s; it is made anew", Stage.CREATE_FLATS, path, outdated)
        return False
    if path.parent != job.folder:
        log.info("%s: %s is the flat of this night", Stage.CREATE_FLATS, path)
    return True


def _set_mixed_aside(job: Job, path: Path | None, setting: Setting) -> None:
    """Rename a flat of the night that holds frames of another filter and cannot be made anew."""
    if path and path.parent == job.folder and is_outdated(path, job.camera, setting, job.folder) == MIXED:
        log.warning("%s: %s renamed to %s", Stage.CREATE_FLATS, path, keep_old(path).name)


def _fall_back(job: Job, setting: Setting, error: MasterError) -> None:
    """Say which older flat serves this night, or pass the error on."""
    out = job.config.directories.out
    for name in setting.flat_names:
        older = out / name
        if older.exists() and not misfit_of(older, job.camera, setting):
            read_master(older, job.camera)
            log.warning("%s: %s; %s serves instead", Stage.CREATE_FLATS, error, older)
            return
    raise error
