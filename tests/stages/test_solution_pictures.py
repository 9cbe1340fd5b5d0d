"""The pictures of the plate solution and the zero point of a simulated night, from its tables alone."""

import dataclasses

import numpy as np
import pytest

from ngcmos.report.solution import draw_solution, read_stars_of_night


@pytest.fixture(scope="module")
def stars(solved_night):
    config, folder, truths = solved_night
    return read_stars_of_night(folder, truths[0].field, config.camera)


def test_residuals_are_small_and_known_of_bright_stars(stars):
    known = np.isfinite(stars.dx)
    assert known.sum() > 20
    assert np.median(np.hypot(stars.dx, stars.dy)[known]) < 0.1


def test_own_zero_points_are_those_of_their_magnitudes(stars):
    assert abs(np.nanmedian(stars.offset_mag)) < 1e-9
    assert np.nanpercentile(np.abs(stars.offset_mag), 50) < 0.1


def test_pictures_are_written_small_and_large(stars, tmp_path):
    (tmp_path / "shifts_plots").mkdir()
    drawn = draw_solution(tmp_path, "NG2320-1302", "20240705", stars)
    assert [path.name for path in drawn.large] == [
        "wcs_residuals_NG2320-1302_20240705.png",
        "zero_point_NG2320-1302_20240705.png",
    ]
    assert all(path.stat().st_size > 10_000 for path in drawn.large)
    assert all(jpeg.startswith(b"\xff\xd8") and len(jpeg) < 40_000 for jpeg, _ in drawn.small)


def test_no_table_is_no_picture(solved_night, tmp_path):
    assert read_stars_of_night(tmp_path, "NG2320-1302", solved_night[0].camera) is None


def test_pictures_of_the_same_are_not_drawn_again(stars, tmp_path):
    (tmp_path / "shifts_plots").mkdir()
    first = draw_solution(tmp_path, "NG2320-1302", "20240705", stars)
    drawn = [path.stat().st_mtime_ns for path in first.large]
    first.large[1].write_bytes(first.large[1].read_bytes()[:-1])
    again = draw_solution(tmp_path, "NG2320-1302", "20240705", stars)
    assert again.small == first.small
    assert again.large[0].stat().st_mtime_ns == drawn[0]
    other = dataclasses.replace(stars, zp=stars.zp + 0.1)
    assert draw_solution(tmp_path, "NG2320-1302", "20240705", other).small[1] != first.small[1]
