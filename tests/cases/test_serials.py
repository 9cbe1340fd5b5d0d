"""The camera is changed in the middle of the night: by its serial number it is told, and the two are not mixed."""

import pytest

from ngcmos.names import Stage
from ngcmos.simulate.setups import Setup
from ngcmos.tables.table import SERIAL_CARD, check_table

OLD, NEW = Setup(cards=[("CAMSER", "VSC-00207")]), Setup(cards=[("CAMSER", "VSC-00311")])


@pytest.fixture(scope="module")
def changed(make_case):
    """Two of six frames by another camera; the profile names the card of the serial number."""
    case = make_case(frames=6, setups=[OLD, NEW, OLD], in_blocks=True)
    case.set_key('serial = ["CAMSER"]')
    case.reduce(Stage.SIMPLE_WRAPPER, Stage.CREATE_FLATS, Stage.PROCESS_CMOS)
    return case


def test_frames_of_the_other_camera_stand_apart_and_have_the_reason(changed):
    names = changed.truth.frames["file"].tolist()
    assert set(changed.measured()) == {*names[:2], *names[4:]}
    reasons = [changed.reasons()[name] for name in names[2:4]]
    assert all("CAMSER VSC-00311" in reason and "CAMSER VSC-00207" in reason for reason in reasons)


def test_table_tells_the_camera(changed):
    header = check_table(changed.folder / f"phot_{changed.truth.field}.fits")
    assert header[SERIAL_CARD] == "VSC-00207"


def test_profile_that_names_no_card_tells_none(usual):
    assert SERIAL_CARD not in check_table(usual.folder / f"phot_{usual.truth.field}.fits")
