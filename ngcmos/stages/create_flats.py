"""The master flat of a night, from its twilight flats."""

import logging

from ngcmos.calibration.masters import build_flat, load_bias_and_dark, read_master, write_flat
from ngcmos.errors import MasterError
from ngcmos.night.outcome import Outcome
from ngcmos.night.products import flat_path

log = logging.getLogger(__name__)

STAGE = "create_flats"


def run(config, night):
    """Write `master_flat.fits` of the night where there is none that is sound; an Outcome.

    A night without usable twilight flats is no failure where the masters' folder holds a flat to fall back on.
    """
    outcome = Outcome(STAGE)
    path = flat_path(night.folder)
    if path.exists():
        try:
            read_master(path, config.camera)
            outcome.skipped.append(path.name)
            return outcome
        except MasterError as error:
            log.warning("%s: %s; it is made anew", STAGE, error)
    with outcome.attempt(path.name):
        bias, dark = load_bias_and_dark(config)
        try:
            flat = build_flat(night.folder, config.camera, bias.data, dark.data)
        except MasterError as error:
            _fall_back(config, error)
            outcome.skipped.append(path.name)
            return outcome
        outcome.products.append(write_flat(flat, night.folder))
        outcome.done.append(path.name)
    return outcome


def _fall_back(config, error):
    """Say that the masters' flat serves this night, or pass the error on."""
    older = flat_path(config.directories.out)
    if not older.exists():
        raise error
    read_master(older, config.camera)
    log.warning("%s: %s; %s serves instead", STAGE, error, older)
