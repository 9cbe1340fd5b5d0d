"""Make master_flat.fits of a night from its evening (else morning) twilight flats.

Example:  ngcmos create_flats --night 20240705
"""

import logging

from ngcmos.calibration.masters import build_flat, load_bias_and_dark, read_master, write_flat
from ngcmos.config import Config
from ngcmos.errors import MasterError
from ngcmos.names import Stage
from ngcmos.night.job import Job
from ngcmos.night.outcome import Outcome
from ngcmos.night.products import flat_path

log = logging.getLogger(__name__)


def run(job: Job) -> Outcome:
    """Write `master_flat.fits` of the night where there is none that is sound; an Outcome.

    A night without usable twilight flats is no failure where the masters' folder holds a flat to fall back on.
    """
    outcome, camera = job.outcome, job.camera
    path = flat_path(job.folder)
    if path.exists():
        try:
            read_master(path, camera)
            outcome.skipped.append(path.name)
            return outcome
        except MasterError as error:
            log.warning("%s: %s; it is made anew", Stage.CREATE_FLATS, error)
    with outcome.attempt(path.name):
        bias, dark = load_bias_and_dark(job.config)
        try:
            flat = build_flat(job.folder, camera, bias.data, dark.data)
        except MasterError as error:
            _fall_back(job.config, error)
            outcome.skipped.append(path.name)
            return outcome
        outcome.products.append(write_flat(flat, job.folder))
        outcome.done.append(path.name)
    return outcome


def _fall_back(config: Config, error: MasterError) -> None:
    """Say that the masters' flat serves this night, or pass the error on."""
    older = flat_path(config.directories.out)
    if not older.exists():
        raise error
    read_master(older, config.camera)
    log.warning("%s: %s; %s serves instead", Stage.CREATE_FLATS, error, older)
