"""The sky lies turned on the chip after the meridian: shifts, fluxes and light curves do not mind."""

import numpy as np
import pytest
from astropy.table import Table
from spoilt_night import MEASURING

from ngcmos.names import Flag, Stage

SPOILT = Flag.EDGE | Flag.SATURATED | Flag.BAD_PIXEL | Flag.OFF_CHIP


@pytest.fixture(scope="module")
def flipped(make_case):
    case = make_case(size=320, frames=12, flip_frame=6, jitter_px=0.1)
    case.reduce(Stage.QC_DONUTS, *MEASURING, Stage.RELATIVE_PHOTOMETRY)
    return case


def test_all_frames_are_measured(flipped):
    assert len(flipped.measured()) == 12


def test_light_curves_are_seamless(flipped):
    """Means of constant bright stars before and after differ by their errors alone."""
    path = flipped.folder / f"rel_phot_{flipped.truth.field}.fits"
    rows, stars = Table.read(path, hdu=1, mask_invalid=False), flipped.truth.stars
    good = (stars["signal"] == "constant") & (stars["Tmag"] < 12.5) & (stars["foreign"] < 0.02)
    steps = []
    for tic_id in stars["tic_id"][good]:
        curve = rows[rows["TIC_ID"] == tic_id]
        if len(curve) == 12 and not np.any(np.asarray(curve["flags"]) & SPOILT):
            flux, error = (np.asarray(curve[name], float) for name in ("Relative_Flux", "Relative_Flux_err"))
            steps.append((flux[:6].mean() - flux[6:].mean()) / np.sqrt(np.sum(error**2) / 36))
    assert len(steps) > 6
    assert np.abs(steps).max() < 4
    assert np.std(steps) < 1.5
