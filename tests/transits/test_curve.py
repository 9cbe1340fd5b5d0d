import numpy as np
import pytest

from ngcmos.transits.curve import Curve, bin_curve, join_nights


def night(start, points):
    time = start + np.arange(points) / 1440
    return Curve(
        time,
        np.linspace(1, 2, points),
        np.full(points, 0.1),
        np.ones(points),
        np.full(points, 50.0),
        np.zeros(points, int),
    )


def test_nights_are_joined_in_their_order():
    curve = join_nights([night(12.0, 4), night(10.0, 3), night(11.0, 0)])
    assert curve.night.tolist() == [0, 0, 0, 1, 1, 1, 1]
    assert curve.nights == [slice(0, 3), slice(3, 7)]
    assert np.all(np.diff(curve.bjd_tdb) > 0)


def test_bins_hold_points_of_one_night():
    binned = bin_curve(join_nights([night(2460000.5, 5), night(2460001.5, 4)]), 5)
    assert binned.night.tolist() == [0, 0, 0, 1, 1]
    assert binned.flux[[0, 2]] == pytest.approx([1.125, 2.0])
    assert binned.error[[0, 2]] == pytest.approx([0.1 / np.sqrt(2), 0.1])
    assert binned.exptime_s[[0, 2]] == pytest.approx([110.0, 50.0])  # from the first start to the last end
    assert (binned.bjd_tdb[0] - 2460000.5) * 1440 == pytest.approx(0.5, abs=1e-4)


def test_few_points_stay_as_they_are():
    curve = night(1.0, 5)
    assert bin_curve(curve, 5) is curve


def test_columns_of_two_lengths_are_refused():
    with pytest.raises(ValueError, match="different lengths"):
        Curve(*[np.ones(3)] * 5, np.zeros(2, int))
