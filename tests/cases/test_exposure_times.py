"""Two exposure times in one field."""

import numpy as np
import pytest
from astropy.table import Table

import ngcmos
from ngcmos.config import load_config
from ngcmos.night.folder import open_night
from ngcmos.night.outcome import Outcome
from ngcmos.report.star import run, series_of
from ngcmos.report.wanted import Wanted, find_star
from ngcmos.simulate.setups import Setup


@pytest.fixture(scope="module")
def mixed(make_case):
    case = make_case(frames=6, setups=[Setup(), Setup(exptime_s=5.0)], haze=0.0)
    case.reduce()
    return case


def test_exposure_times_may_differ_in_one_table(mixed, star):
    """Flux is of an exposure; the time stands beside it."""
    case, bright = mixed, star
    rows = Table(list(case.measured().values()))
    assert rows["exptime_s"].tolist() == [10, 5] * 3
    table, names = case.table(), case.truth.frames["file"].tolist()
    flux = np.asarray(table["flux_5"][table["tic_id"] == bright], float)
    true = case.truth.electrons[:, case.truth.star(bright)] / case.night.camera.detector.gain_e_adu
    assert len(flux) == len(names)
    np.testing.assert_allclose(flux / true, np.median(flux / true), rtol=0.03)


@pytest.fixture(scope="module")
def star(mixed):
    """The fourth brightest star of the night of two exposure times."""
    stars = mixed.table("STARS")
    return int(stars["tic_id"][np.argsort(stars["Tmag"])[3]])


def test_exposure_times_stand_beside_flux(mixed, star, tmp_path, caplog):
    config = load_config(camera=str(mixed.night.camera_file), config=str(mixed.night.directories_file))
    wanted = Wanted(tic_id=star, output=tmp_path / "star.png", csv=tmp_path / "star.csv")
    with caplog.at_level("INFO", "ngcmos"):
        run(config, open_night(config, mixed.folder, settle=False), wanted)
    assert Table.read(wanted.csv, format="ascii.csv", comment="#")["exptime_s"].tolist() == [10, 5] * 3
    curve = ngcmos.read_light_curve(mixed.folder, tic_id=star)
    assert curve["exptime_s"].to_value("s").tolist() == [10, 5] * 3
    [found] = find_star(config, mixed.folder, wanted, Outcome(""))
    drawn = series_of(found, None, None)
    assert drawn.is_per_second
    np.testing.assert_allclose(drawn.flux, curve["flux"].value / curve["exptime_s"].value)
    assert np.ptp(drawn.flux) < 0.1 * np.median(drawn.flux)
    assert f"flux {np.median(drawn.flux):.0f} ADU/s, scatter" in caplog.text
