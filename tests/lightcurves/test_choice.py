"""Which stars may be compared with which: windows of magnitude, colour and place, both ends counting."""

import numpy as np
import pytest

from ngcmos.lightcurves.choice import Choice

STEPS = np.arange(-4.0, 5.0)  # of a star in the middle
MIDDLE = 4


@pytest.mark.parametrize(
    ("asked", "column", "inside"),
    [
        ({"brighter_mag": 2.0, "fainter_mag": 1.0}, 0, [-2, -1, 0, 1]),
        ({"colour_mag": 3.0}, 1, [-3, -2, -1, 0, 1, 2, 3]),
        ({"box_px": 4.0}, 2, [-2, -1, 0, 1, 2]),
        ({"box_px": 4.0}, 3, [-2, -1, 0, 1, 2]),
    ],
)
def test_both_ends_of_a_window_count(asked, column, inside):
    stars = np.zeros((4, STEPS.size))
    stars[column] = STEPS
    assert STEPS[Choice(**asked).allowed(*stars)[MIDDLE]].tolist() == inside


def test_where_no_window_is_asked_for_all_may_be_compared():
    assert Choice().allowed(*np.zeros((4, 3))) is None
