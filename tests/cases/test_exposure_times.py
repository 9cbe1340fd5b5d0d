"""Two exposure times in one field."""

import numpy as np
from astropy.table import Table

from ngcmos.simulate.setups import Setup


def test_exposure_times_may_differ_in_one_table(make_case):
    """Flux is of an exposure; the time stands beside it."""
    case = make_case(frames=6, setups=[Setup(), Setup(exptime_s=5.0)], haze=0.0)
    case.reduce()
    rows = Table(list(case.measured().values()))
    assert rows["exptime_s"].tolist() == [10, 5] * 3
    table, names = case.table(), case.truth.frames["file"].tolist()
    bright = case.table("STARS")["tic_id"][np.argsort(case.table("STARS")["Tmag"])[3]]
    flux = np.asarray(table["flux_5"][table["tic_id"] == bright], float)
    true = case.truth.electrons[:, case.truth.star(bright)] / case.night.camera.detector.gain_e_adu
    assert len(flux) == len(names)
    np.testing.assert_allclose(flux / true, np.median(flux / true), rtol=0.03)
