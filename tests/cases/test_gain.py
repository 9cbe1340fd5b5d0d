"""Gain and offset are changed in the middle of the night: it is said, and the two halves are not mixed."""

import pytest

from ngcmos.names import Stage
from ngcmos.simulate.setups import Setup

LOW = Setup(cards=[("GAIN", 100), ("OFFSET", 30)])
HIGH = Setup(gain=2.0, offset_adu=64.0, cards=[("GAIN", 200), ("OFFSET", 50)])


@pytest.fixture(scope="module")
def changed(make_case):
    case = make_case(frames=8, setups=[LOW, HIGH], in_blocks=True)
    case.reduce(Stage.SIMPLE_WRAPPER, Stage.CREATE_FLATS, Stage.PROCESS_CMOS)
    return case


def test_halves_are_not_mixed(changed):
    names = changed.truth.frames["file"].tolist()
    measured = set(changed.measured())
    assert measured in (set(names[:4]), set(names[4:]))


def test_it_is_said_and_the_other_half_has_the_reason(changed):
    told = " ".join([*changed.remarks(), *changed.reasons().values()])
    assert "GAIN" in told
    assert "100" in told
    assert "200" in told
    assert "cloud" not in told
