"""Small nights for the cases: each is made once and copied where it is to be changed."""

import pytest
from spoilt_night import Case, copy_case

from ngcmos.config import load_camera
from ngcmos.simulate.night import simulate_night


@pytest.fixture(scope="session")
def make_case(tmp_path_factory):
    """Function that simulates a night of 256 px and six frames; options as of `simulate_night`."""

    def make(**options):
        usual = {"size": 256, "frames": 6, "density": 5.0, "calibrations": 3, "seed": 3}
        base = tmp_path_factory.mktemp("case") / "base"
        return Case(simulate_night(base, load_camera(), **usual | options))

    return make


@pytest.fixture(scope="session")
def untouched(make_case):
    """A usual night before anything was done to it; `copied` is to be changed, not this."""
    return make_case()


@pytest.fixture
def copied(untouched, tmp_path):
    """A usual night of one's own."""
    return copy_case(untouched, tmp_path / "base")


@pytest.fixture(scope="session")
def usual(untouched, tmp_path_factory):
    """The usual night, reduced."""
    case = copy_case(untouched, tmp_path_factory.mktemp("usual") / "base")
    assert case.reduce().exit_code == 0
    return case
