"""The usual night, from which the cases differ in one thing each: nothing is remarked, nothing left out."""

import shutil

import numpy as np
import pytest
from astropy.io import fits

from ngcmos.simulate.compare import compare_field


def test_all_frames_and_stars_are_measured(usual):
    numbers = compare_field(usual.folder / usual.tables()[0], usual.truth, usual.night.camera)
    assert numbers.frames == (4, 4)
    assert "frames" not in numbers.failed
    assert numbers.numbers["isolated stars not measured [%]"] == 0


def test_stars_called_by_their_gaia_ids_are_compared_too(usual, tmp_path):
    path = shutil.copy(usual.folder / usual.tables()[0], tmp_path)
    with fits.open(path, mode="update") as units:
        stars = units["STARS"].data
        stars["tic_id"] = np.where(stars["gaia_id"] > 0, -stars["gaia_id"], stars["tic_id"])
    by_tic, by_gaia = (
        compare_field(one, usual.truth, usual.night.camera).numbers
        for one in (usual.folder / usual.tables()[0], path)
    )
    assert by_gaia == pytest.approx(by_tic, rel=1e-12, nan_ok=True)


def test_nothing_is_remarked(usual):
    assert usual.remarks() == []
