"""A plate solution counts as ours by its version and its residual alone."""

import pytest
from astropy.io import fits

from ngcmos.astrometry.own import find_own_solution, own_solution
from ngcmos.errors import UnsolvedError

TANGENT = {
    "CTYPE1": "RA---TAN",
    "CTYPE2": "DEC--TAN",
    "CRVAL1": 350.0,
    "CRVAL2": -13.0,
    "CRPIX1": 301.0,
    "CRPIX2": 251.0,
}
SCALE = {"CD1_1": -1e-3, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": 1e-3}
OURS = {"REDVER": 8, "WCSRMS": 0.01, "WCSNSTAR": 200}


def header(**changes):
    cards = TANGENT | SCALE | OURS | changes
    return fits.Header([(key, value) for key, value in cards.items() if value is not None])


def test_ours_is_found_in_pixels_of_the_trimmed_image():
    assert own_solution(header()).crpix == pytest.approx((300.0, 250.0))
    assert own_solution(header(), (20.0, 3.0)).crpix == pytest.approx((280.0, 247.0))


@pytest.mark.parametrize("changes", [{"REDVER": 7}, {"REDVER": None}, {"WCSRMS": None}])
def test_one_of_another_version_or_of_unknown_residual_is_another_programs(changes):
    assert find_own_solution(header(**changes)) is None
    with pytest.raises(UnsolvedError, match="not solved by ngcmos"):
        own_solution(header(**changes))
