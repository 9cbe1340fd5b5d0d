"""A simulated night after its plate solutions and photometry, for the tests of stages that read them."""

import pytest
from made_once import own_night
from running import run_stage

from ngcmos.config import load_camera, load_config
from ngcmos.night.folder import open_night
from ngcmos.simulate.night import simulate_night
from ngcmos.stages import process_cmos, simple_wrapper


@pytest.fixture(scope="session")
def solved_night(tmp_path_factory):
    """(config, night folder, truths) of two small fields with their catalogs and tables; not to be changed.

    `truths` is a list of `ngcmos.simulate.truth.Truth`, a field each; the target of each has a transit of 1 %
    in the middle of its frames, that of the last field is blended.
    """
    return own_night(tmp_path_factory, "solved", make_solved_night)


def make_solved_night(base):
    options = {"size": 320, "density": 2.0, "frames": 12, "cadence_s": 120.0, "fields": 2, "calibrations": 3}
    simulated = simulate_night(base, load_camera(), **options)
    config = load_config(camera=str(simulated.camera_file), config=str(simulated.directories_file))
    night = open_night(config, simulated.folder)
    for stage in (simple_wrapper, process_cmos):
        outcome = run_stage(stage, config, night)
        assert outcome.exit_code == 0, outcome.summary()
        assert not outcome.failed
    return simulated.truths
