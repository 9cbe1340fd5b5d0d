"""Frames in containers of all kinds are measured as the plain ones are."""

import numpy as np
import pytest
from spoilt_night import native

from ngcmos.simulate.troubles import contain


@pytest.mark.parametrize("kind", ["gz", "bz2", "fz", "extension", "cube", "nul", "tail"])
def test_fluxes_are_those_of_the_plain_files(copied, usual, kind):
    for path in copied.frames:
        contain(path, kind)
    assert copied.reduce().exit_code == 0
    assert len(copied.measured()) == 4
    rows, plain = copied.table(), usual.table()
    np.testing.assert_array_equal(rows["tic_id"], plain["tic_id"])
    for name in ("flux_3", "flux_5", "sky", "x", "jd_bary"):
        np.testing.assert_allclose(native(rows[name]), native(plain[name]), rtol=1e-6, atol=1e-3)
