"""What the chapter of a field says of its place."""

import dataclasses
import types

import numpy as np
import pytest

from ngcmos.report.facts import FieldFacts, FrameNumbers
from ngcmos.report.field import Exhibits, draw_field_section, say_place


def numbers(**columns):
    nothing = {field.name: np.full(4, np.nan) for field in dataclasses.fields(FrameNumbers)}
    return FrameNumbers(**nothing | {name: np.array(values, float) for name, values in columns.items()})


def test_rotation_around_north_is_one_angle():
    told = say_place(numbers(rotation_deg=[359.99, 0.01, np.nan, 0.0], pointing_off_deg=[0.1, 0.3, np.nan, 0.2]))
    assert told == (
        "The chip's y axis lay at 0.00° (within 0.010°) east of north; 0.200° from where the headers point."
    )


def test_both_sides_of_a_turn_are_told():
    assert "at 1.30° (within 0.000°), then 181.30° (within" in say_place(
        numbers(rotation_deg=[1.3, 1.3, 181.3, 181.3])
    )


def test_nothing_is_said_of_what_is_unknown():
    assert say_place(numbers()) == ""


@pytest.mark.parametrize(
    ("exptime_s", "said"), [([10, 10, 10, 30], "Exposures: 3 of 10 s, 1 of 30 s."), ([10] * 4, "")]
)
def test_exposures_are_told_where_they_differ(exptime_s, said):
    no = np.zeros(4, bool)
    files = tuple(types.SimpleNamespace(state="measured") for _ in range(4))
    field = FieldFacts("NG1", files, np.zeros(4), no, no, numbers(exptime_s=exptime_s))
    section, _ = draw_field_section("f0", field, np.nan, Exhibits())
    assert ("Exposures" in section) == bool(said) and said in section
