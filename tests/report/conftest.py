"""A night with a transit of the target, through its light curves."""

import pytest
from made_once import own_night
from running import run_stage

from ngcmos.config import load_camera, load_config
from ngcmos.night.folder import open_night
from ngcmos.simulate.night import simulate_night
from ngcmos.stages import process_cmos, relative_photometry, simple_wrapper


@pytest.fixture(scope="session")
def transit_night(tmp_path_factory):
    """(config, night folder, truth) of a night of 2.6 h; its target has a transit of 1 %, not to be changed."""
    config, folder, [truth] = own_night(tmp_path_factory, "transit", make_transit_night)
    return config, folder, truth


def make_transit_night(base):
    plan = {"size": 320, "density": 2.0, "frames": 40, "cadence_s": 240.0, "fields": 1, "calibrations": 5}
    simulated = simulate_night(base, load_camera(), **plan)
    config = load_config(camera=str(simulated.camera_file), config=str(simulated.directories_file))
    night = open_night(config, simulated.folder)
    for stage in (simple_wrapper, process_cmos, relative_photometry):
        outcome = run_stage(stage, config, night)
        assert outcome.exit_code == 0 and not outcome.failed, outcome.summary()
    return simulated.truths
