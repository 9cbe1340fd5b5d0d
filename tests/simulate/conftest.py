"""Small simulated nights that several tests look at; nobody changes them."""

import pytest

from ngcmos.config import load_camera
from ngcmos.simulate.night import simulate_night


@pytest.fixture(scope="session")
def camera():
    return load_camera()


@pytest.fixture(scope="session")
def rich(tmp_path_factory, camera):
    """One field, three frames, four times the usual stars."""
    base = tmp_path_factory.mktemp("rich")
    return simulate_night(base, camera, size=384, frames=3, density=4.0, calibrations=9, seed=5)


@pytest.fixture(scope="session")
def spoilt(tmp_path_factory, camera):
    """Every fault once among two good frames."""
    return simulate_night(
        tmp_path_factory.mktemp("spoilt"),
        camera,
        size=256,
        frames=2,
        calibrations=1,
        faults=["all"],
        jitter_px=0.0,
    )


@pytest.fixture(scope="session")
def double(tmp_path_factory, camera):
    """Two fields."""
    return simulate_night(tmp_path_factory.mktemp("double"), camera, size=128, frames=2, fields=2, calibrations=1)
