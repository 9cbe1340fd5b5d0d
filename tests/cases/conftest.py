"""Small nights for the cases: each is made once and copied where it is to be changed."""

import pytest
from made_once import made_once
from spoilt_night import Case, copy_case

from ngcmos.config import load_camera
from ngcmos.simulate.night import simulate_night


@pytest.fixture(scope="session")
def make_case(tmp_path_factory):
    """Function that simulates a night of 256 px and four frames; options as of `simulate_night`."""

    def make(**options):
        return simulate_case(tmp_path_factory.mktemp("case") / "base", **options)

    return make


def simulate_case(base, **options):
    usual = {"size": 256, "frames": 4, "density": 5.0, "calibrations": 3, "seed": 3}
    return Case(simulate_night(base, load_camera(), **usual | options))


@pytest.fixture(scope="session")
def untouched(tmp_path_factory):
    """A usual night before anything was done to it; `copied` is to be changed, not this."""
    _, case = made_once(tmp_path_factory, "untouched", lambda folder: simulate_case(folder / "base"))
    return case


@pytest.fixture
def copied(untouched, tmp_path):
    """A usual night of one's own."""
    return copy_case(untouched, tmp_path / "base")


@pytest.fixture(scope="session")
def usual(untouched, tmp_path_factory):
    """The usual night, reduced; not to be changed."""

    def make(folder):
        case = copy_case(untouched, folder / "base")
        assert case.reduce().exit_code == 0
        return case

    _, case = made_once(tmp_path_factory, "usual", make)
    return case
