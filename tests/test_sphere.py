"""Angles on the sphere, and when the sky turned."""

import numpy as np
import pytest

from ngcmos.sphere import TURNED_DEG, sides_of


@pytest.mark.parametrize(
    ("rotation", "sides"),
    [
        ([1.0, 1.1, 0.9], [0, 0, 0]),
        ([359.9, 0.1, 359.8], [0, 0, 0]),
        ([1.0, 181.0, 181.2, 1.1], [0, 1, 1, 0]),
        ([1.0, np.nan, 181.0, np.nan, 181.0], [0, 0, 1, 1, 1]),
        ([np.nan, 90.0, 270.0], [0, 0, 1]),
        ([10.0, 100.0, 190.0, 101.0], [0, 1, 2, 1]),
        ([], []),
    ],
)
def test_sides_are_counted_as_they_come(rotation, sides):
    assert sides_of(np.array(rotation)).tolist() == sides


def test_a_field_that_rotates_slowly_stays_on_its_side():
    assert not sides_of(np.arange(0, 720, TURNED_DEG - 1)).any()
    assert sides_of(np.array([0, TURNED_DEG + 1])).tolist() == [0, 1]
