"""solve-field on a field that nothing solves: it costs minutes a frame, so it is asked a few times."""

import os

import numpy as np
import pytest
from astropy.table import Table
from running import run_stage

from ngcmos.config import load_camera, load_config
from ngcmos.night.folder import open_night
from ngcmos.simulate.night import simulate_night
from ngcmos.stages import simple_wrapper
from ngcmos.steps.solution import LAST_RESORTS

FRAMES = LAST_RESORTS + 3


@pytest.fixture
def wrong_sky(tmp_path):
    """(config, night) whose catalog holds none of the stars on the frames."""
    made = simulate_night(tmp_path / "base", load_camera(), size=320, density=2.0, frames=FRAMES, calibrations=3)
    [extract] = (tmp_path / "base").glob("*.fits")
    stars = Table.read(extract)
    rng = np.random.default_rng(1)
    for name in ("RAJ2000", "DEJ2000"):
        stars[name] = rng.permutation(np.asarray(stars[name]))
    stars.write(extract, overwrite=True)
    config = load_config(camera=str(made.camera_file), config=str(made.directories_file))
    return config, open_night(config, made.folder)


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """File that gets a line each time a solve-field that finds nothing is asked."""
    asked = tmp_path / "asked"
    program = tmp_path / "bin" / "solve-field"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho asked >> {asked}\necho Did not solve\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    return asked


def test_solve_field_is_asked_a_few_times_a_field(wrong_sky, asked, caplog):
    run_stage(simple_wrapper, *wrong_sky, workers=1, quiet=True)
    assert f"none of {FRAMES} frames could be solved" in caplog.text
    assert asked.read_text().count("asked") == LAST_RESORTS
    assert (
        f": solve-field found nothing on {LAST_RESORTS} frames, it is not asked again in this run" in caplog.text
    )
