"""The sky that the profiles name is the best there is, on simulated and on real frames."""

import numpy as np
import pytest
from precision_sky import (
    FAINT,
    HATP32,
    SPOILT,
    alone_within,
    compare_scatters,
    measure_by,
    real_scatters,
)
from test_real_frames import copy_real

from ngcmos.config import SKY_METHODS, load_camera
from ngcmos.night.folder import open_night

OTHERS = [method for method in SKY_METHODS if method != load_camera().photometry.sky_method]


def test_default_is_the_quietest_on_simulated_frames(solved_night):
    """Faint stars without neighbours: scatter of their sky and of their counts at 5 px from frame to frame."""
    config, folder, truths = solved_night
    night, default = open_night(config, folder), load_camera().photometry.sky_method
    found = {name: {method: {} for method in SKY_METHODS} for name in ("sky", "flux_5")}
    for truth in truths:
        stars, rows = measure_by(config, night, truth.field, night.fields[truth.field])
        for method, counts in rows.items():
            good = ((counts["flags"] & SPOILT) == 0).all(axis=0) & alone_within(stars, *FAINT)
            ids = np.asarray(stars["tic_id"])[good].tolist()
            for name in found:
                found[name][method] |= dict(zip(ids, restlessness(counts[name][:, good]), strict=True))
    assert len(OTHERS) == len(SKY_METHODS) - 1
    for method in OTHERS:
        sky, _, count = compare_scatters(found["sky"][method], found["sky"][default])
        flux, error, _ = compare_scatters(found["flux_5"][method], found["flux_5"][default])
        assert count > 20
        assert sky > 1.1, method
        assert flux > 1 - error, method


def restlessness(values):
    """Scatter of each column after one factor a row that all share."""
    together = values.sum(axis=1, keepdims=True)
    return np.std(values * (together.mean() / together), axis=0)


@pytest.mark.real
def test_default_is_the_quietest_on_real_frames(real_base, tmp_path):
    config, night = copy_real(real_base, tmp_path / "base")
    default = config.camera.photometry.sky_method
    methods = [default, *OTHERS]  # the table that stands is of the first
    found = {method: real_scatters(config, night, method, overwrite=method != default) for method in methods}
    assert default == load_camera().photometry.sky_method
    assert found[default][HATP32] <= 4.8e-3
    for method in OTHERS:
        ratio, error, count = compare_scatters(found[method], found[default])
        assert count > 500
        assert ratio > 1 + 2 * error, method
