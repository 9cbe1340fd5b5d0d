"""The truth on disk."""

import numpy as np
import pytest

from ngcmos.errors import ProductError
from ngcmos.simulate.truth import ARRAYS, read_truth


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_are_read_back_as_they_were(rich, name):
    np.testing.assert_array_equal(getattr(read_truth(rich.base), name), getattr(rich.truths[0], name))


@pytest.mark.parametrize("name", ["stars", "frames"])
def test_tables_are_read_back_as_they_were(rich, name):
    found, written = getattr(read_truth(rich.base), name), getattr(rich.truths[0], name)
    assert found.colnames == written.colnames
    for column in written.colnames:
        np.testing.assert_array_equal(np.asarray(found[column]), np.asarray(written[column]))


def test_field_and_target_are_read_back(rich):
    found = read_truth(rich.base)
    assert (found.field, found.target) == (rich.truths[0].field, rich.truths[0].target)


def test_arrays_are_of_frames_and_stars(rich):
    truth = rich.truths[0]
    assert all(getattr(truth, name).shape == (len(truth.frames), len(truth.stars)) for name in ARRAYS)


def test_ids_are_64_bit_integers(rich):
    stars = read_truth(rich.base).stars
    assert stars["tic_id"].dtype.kind == stars["gaia_id"].dtype.kind == "i"
    assert stars["gaia_id"].dtype.itemsize == 8


def test_a_star_without_gaia_id_has_zero(rich):
    assert (rich.truths[0].stars["gaia_id"] == 0).any()


def test_target_is_the_first_star(rich):
    assert rich.truths[0].star(rich.truths[0].target) == 0


def test_target_has_a_transit(rich):
    assert rich.truths[0].stars["signal"][0] == "transit"


def test_electrons_of_the_target_fall_in_its_transit(rich):
    truth = rich.truths[0]
    relative = truth.electrons[:, 0] / np.median(truth.electrons, axis=1)
    assert relative[1] / relative[[0, 2]].mean() == pytest.approx(0.99, abs=5e-4)


def test_one_of_several_truths_is_chosen_by_field(double):
    field = double.truths[1].field
    assert read_truth(double.base, field).field == field


def test_several_truths_and_no_field_are_refused(double):
    with pytest.raises(ProductError, match="expected one truth_FIELD"):
        read_truth(double.base)


def test_a_folder_without_truth_is_refused(tmp_path):
    with pytest.raises(ProductError, match="found none"):
        read_truth(tmp_path)
