"""Two filters take turns in one field: each is a field of its own, flattened by its own flats."""

import dataclasses

import numpy as np
import pytest

from ngcmos.names import Flag
from ngcmos.simulate.compare import compare_field
from ngcmos.simulate.setups import Setup

BLUE = Setup("B", colour_mag=0.5, rings=2)
RED = Setup("R", throughput=0.6, rings=2)


@pytest.fixture(scope="module")
def filters(make_case):
    case = make_case(size=320, frames=10, setups=[BLUE, RED])
    case.reduce()
    return case


def of_filter(truth, name):
    """The truth of the frames of one filter."""
    return truth.cut(frames=np.flatnonzero(truth.frames["filter"] == name))


def test_each_filter_has_a_table(filters):
    field = filters.truth.field
    assert filters.tables() == [f"phot_{field}_{name}.fits" for name in "BR"]


@pytest.mark.parametrize("name", ["B", "R"])
def test_table_of_a_filter_holds_its_frames_by_its_own_flats(filters, name):
    """All of them and no others, the scale alike from star to star once the colours are known."""
    truth = of_filter(filters.truth, name)
    path = filters.folder / f"phot_{truth.field}_{name}.fits"
    compared = compare_field(path, truth, filters.night.camera)
    assert compared.frames == (5, 5)
    assert compared.numbers["flux scale from star to star [%]"] < 0.6


def test_frames_of_the_profile_s_filter_keep_the_names(make_case):
    case = make_case(frames=4, setups=[Setup("NGTS"), dataclasses.replace(RED, filter="V/x")])
    case.reduce()
    assert f"phot_{case.truth.field}.fits" in case.tables()
    assert len(case.tables()) == 2
    assert len(case.measured()) == 2


def test_a_filter_that_lets_less_light_through_is_no_cloud(filters):
    for name in "BR":
        frames = filters.table("FRAMES", f"{filters.truth.field}_{name}")
        rows = filters.table("PHOT", f"{filters.truth.field}_{name}")
        assert len(frames) == 5
        assert not np.any(np.asarray(rows["flags"]) & Flag.CLOUD)
