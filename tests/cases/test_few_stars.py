"""Small chips, as of a long telescope: solved and measured while some eight stars show."""

import pytest


@pytest.mark.parametrize(("size", "density"), [(192, 1.3), (128, 1.3), (96, 2.0)])
def test_few_stars_are_solved_and_measured(make_case, size, density):
    case = make_case(size=size, density=density, frames=4)
    case.reduce()
    assert len(case.measured()) == 4
    assert 8 <= len(case.stars()) < 50
