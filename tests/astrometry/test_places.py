"""Which frames lie where their field is: drifts are followed, jumps are not; the usual place is the median's."""

import dataclasses

import numpy as np
import pytest
from made_sky import make_wcs

from ngcmos.astrometry.distortion import Solution, to_sky
from ngcmos.astrometry.places import FieldPlaces, find_jumps, offsets_of, usual_row

LIMIT_PX = 50.0
SHAPE = (512, 512)


def track(*places):
    """(n, 2) offsets along x."""
    return np.stack([np.array(places, float), np.zeros(len(places))], axis=1)


def jumps(*places):
    return np.flatnonzero(find_jumps(track(*places), LIMIT_PX)).tolist()


def test_a_still_field_has_no_jumps():
    assert jumps(0, 0.1, -0.2, 0.3, 0) == []


def test_a_slow_drift_is_no_jump():
    assert jumps(*range(0, 1200, 12)) == []


@pytest.mark.parametrize("at", [0, 4, 9])
def test_one_frame_elsewhere_is_a_jump(at):
    places = [0.0] * 10
    places[at] = 120.0
    assert jumps(*places) == [at]


def test_one_frame_elsewhere_in_a_drift_is_a_jump():
    places = [12.0 * n for n in range(12)]
    places[5] += 120.0
    assert jumps(*places) == [5]


def test_some_frames_in_a_row_elsewhere_are_jumps():
    assert jumps(*[0.0] * 10, *[200.0] * 4, *[0.0] * 10) == [10, 11, 12, 13]


def test_the_smaller_part_of_a_night_that_jumped_is_off():
    assert jumps(*[0.0] * 8, *[200.0] * 12) == list(range(8))


def test_a_drift_goes_on_behind_a_gap():
    """A cloud of ten frames, in which the field drifted on by 120 px."""
    rows = [n for n in range(40) if not 18 <= n < 28]
    offsets = track(*(12.0 * n for n in rows))
    assert np.flatnonzero(find_jumps(offsets, 12.0)).tolist() != []  # the rows alone do not tell how long it was
    assert not find_jumps(offsets, 130.0).any()


@pytest.mark.parametrize(("last", "off"), [(49.9, []), (50.1, [5])])
def test_the_limit_has_two_sides(last, off):
    assert jumps(0, 0, 0, 0, 0, last) == off


def test_a_frame_of_another_part_of_the_sky_is_a_jump():
    assert jumps(0, np.inf, 0, 0) == [1]
    assert jumps(np.inf, 0) == [0]


def test_no_frame_has_no_jump():
    assert len(find_jumps(np.empty((0, 2)), LIMIT_PX)) == 0


def test_the_usual_frame_is_nearest_to_the_median_of_those_that_have_not_jumped():
    offsets = track(300, 0, 1, 2, 3, 4)
    assert usual_row(offsets, find_jumps(offsets, LIMIT_PX)) == 3


def solution_at(x, y):
    """A plate solution whose field lies shifted by so many pixels."""
    wcs = make_wcs(np.random.default_rng(1), (120.0, -30.0), shape=SHAPE, distortion_px=0.0)
    return Solution((120.0, -30.0), (255.5 + x, 255.5 + y), wcs.wcs.cd)


def test_offsets_are_in_the_pixels_of_the_frame():
    ra, dec = np.array([to_sky(solution_at(x, y), 255.5, 255.5) for x, y in ((0, 0), (7, -20))]).T
    np.testing.assert_allclose(offsets_of(ra, dec, solution_at(0, 0), SHAPE), [(0, 0), (7, -20)], atol=1e-3)


def test_the_first_frame_of_a_field_is_not_one_that_jumped():
    places = FieldPlaces(SHAPE, LIMIT_PX)
    for number, x in enumerate((120.0, 0.0, 0.4, 0.8)):
        places.add(f"frame-{number}", f"2024-07-06T04:00:0{number}", solution_at(x, 0.0))
    assert places.usual_names() == ("frame-2", "frame-1")
    assert places.usual_off_px(to_sky(solution_at(20.4, 0.0), 255.5, 255.5)) == pytest.approx(20.0, abs=1e-3)


def test_a_frame_that_is_solved_again_has_its_new_place():
    places = FieldPlaces(SHAPE, LIMIT_PX)
    for number, x in enumerate((0.0, 0.4, 0.8)):
        places.add(f"frame-{number}", f"2024-07-06T04:00:0{number}", solution_at(x, 0.0))
    assert places.usual_names()[1] == "frame-0"
    again = dataclasses.replace(solution_at(500.0, 0.0), rung="again")
    places.add("frame-0", "2024-07-06T04:00:00", again)
    assert places.usual_names()[1] == "frame-1"
    assert places.solution_of("frame-0").rung == "again"
