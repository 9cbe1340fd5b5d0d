"""A small simulated night, whose camera is known."""

import pytest

from ngcmos.config import load_camera
from ngcmos.simulate.night import simulate_night
from ngcmos.simulate.plan import Plan


@pytest.fixture(scope="session")
def drafted_night(tmp_path_factory):
    """SimulatedNight of three frames of 384 px."""
    base = tmp_path_factory.mktemp("drafted") / "base"
    return simulate_night(base, load_camera(), size=384, plan=Plan(frames=3, seed=5))
