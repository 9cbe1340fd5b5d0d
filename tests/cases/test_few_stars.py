"""Small chips, as of a long telescope: solved and measured while some eight stars show."""

import pytest

from ngcmos.names import Stage


@pytest.mark.parametrize(("size", "density"), [(192, 1.3), (128, 1.3), (96, 2.0)])
def test_few_stars_are_solved_and_measured(make_case, size, density):
    case = make_case(size=size, density=density, frames=4)
    case.reduce()
    assert len(case.measured()) == 4
    assert 8 <= len(case.stars()) < 50


def test_a_field_of_six_stars_is_told_to_have_too_few(make_case):
    case = make_case(size=96, density=1.0, frames=2)
    [trouble] = case.reduce(Stage.SIMPLE_WRAPPER).troubles
    assert "2 show hardly any stars – cloud or dome closed, or too small a field" in trouble
    assert sum("too few sources: 6, expected at least 8" in reason for reason in case.reasons().values()) == 2
