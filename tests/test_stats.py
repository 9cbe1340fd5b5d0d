"""Robust numbers against numpy's own, which are slower."""

import numpy as np
import pytest

from ngcmos.stats import column_medians, mad_sigma, quotient


@pytest.mark.parametrize("rows", [1, 2, 7, 8])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_medians_of_columns_are_those_of_numpy(rows, kind):
    rng = np.random.default_rng(rows)
    values = rng.normal(100, 9, (rows, 200)).astype(kind)
    values[rng.random(values.shape) < 0.3] = np.nan
    known = ~np.isnan(values).all(axis=0)
    medians = column_medians(values)
    assert medians.dtype == kind
    assert np.isnan(medians[~known]).all()
    assert np.array_equal(medians[known], np.nanmedian(values[:, known], axis=0))


def test_what_is_infinite_does_not_count():
    assert column_medians(np.array([[-np.inf, 1.0], [2.0, np.inf], [4.0, 3.0]])).tolist() == [3.0, 2.0]


def test_columns_without_a_row_have_no_median():
    assert np.isnan(column_medians(np.zeros((0, 2)))).tolist() == [True, True]


def test_sigma_is_that_of_the_normal_distribution_whatever_strays():
    values = np.random.default_rng(5).normal(7, 3, 20_000)
    values[:1000], values[1000:1010] = 1e6, np.nan
    assert mad_sigma(values) == pytest.approx(3, rel=0.1)
    assert np.isnan(mad_sigma([np.nan]))


def test_quotient_is_blank_where_nothing_is_below():
    assert quotient([1.0, 2.0, 3.0], [2.0, 0.0, -1.0], blank=9.0).tolist() == [0.5, 9.0, 9.0]
    assert np.isnan(quotient(1.0, [0.0, np.nan])).all()
