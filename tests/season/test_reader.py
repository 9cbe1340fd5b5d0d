"""A season as notebooks read it."""

import json
import warnings

import numpy as np
import pytest
from astropy.timeseries import TimeSeries
from season.conftest import FIELD, made_on_disk, update_unsearched

import ngcmos
from ngcmos.errors import NightError, ProductError, UsageError, WorkError

STAR = 7


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    made = made_on_disk(tmp_path_factory.mktemp("reader"), nights=3, frames=10, stars=12, cloudy_share=0.2)
    update_unsearched(made.folder, made.sources)
    return made


@pytest.fixture(scope="module")
def season(disk):
    return ngcmos.read_season(FIELD, disk.base)


def test_stars_and_frames_are_tables(season):
    assert len(season.stars) == 12 and len(season.frames) == 30
    assert season.nights == ["20240701", "20240702", "20240703"] and season.field == FIELD


def test_light_curve_is_that_of_the_star(disk, season):
    curve = season.light_curve(tic_id=1000 + STAR)
    assert isinstance(curve, TimeSeries) and curve.time.scale == "tdb"
    np.testing.assert_allclose(curve.time.jd, np.concatenate([night.bjd for night in disk.nights]))
    np.testing.assert_allclose(
        curve["x"], np.concatenate([night.x[:, STAR] for night in disk.nights]) + 1, rtol=1e-6
    )
    assert curve["night"].tolist() == np.repeat([20240701, 20240702, 20240703], 10).tolist()
    assert curve.meta["TIC_ID"] == 1000 + STAR and curve.meta["CAMERAS"] == ["ngts_cmos"]


def test_quality_is_zero_where_frames_are_good(season):
    curve = season.light_curve(tic_id=1000 + STAR)
    words = np.array(curve.meta["QUALITIES"])[curve["quality"]]
    assert words[0] == season.frames["quality"][0] and set(words) == {"good", "cloud"}
    np.testing.assert_array_equal(curve["quality"] == 0, season.frames["used"])


def test_lightkurve_takes_it(season):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own parts that are not installed
        lightkurve = pytest.importorskip("lightkurve")
    curve = lightkurve.LightCurve(season.light_curve(gaia_id=10**18 + 100 * (STAR + 1)))
    assert len(curve.bin(0.5)) >= 3 and np.isfinite(curve.fold(1.3).flux).any()


def test_some_nights(season):
    assert set(season.light_curve(tic_id=1000 + STAR, nights=["20240702"])["night"]) == {20240702}


def test_star_that_is_not_there(season):
    with pytest.raises(WorkError, match="no star with tic_id 5"):
        season.light_curve(tic_id=5)
    with pytest.raises(WorkError):
        season.light_curve(gaia_id=0)
    with pytest.raises(UsageError):
        season.light_curve()


def test_field_without_a_season(disk):
    with pytest.raises(NightError, match="no season"):
        ngcmos.read_season("NG1111-1111", disk.base)


def test_damaged_table_is_named(disk, tmp_path):
    copy = disk.copied_to(tmp_path)
    copy.folder.stars.write_bytes(b"PAR1")
    with pytest.raises(ProductError, match=r"stars\.parquet"):
        _ = ngcmos.read_season(FIELD, tmp_path).stars


def test_base_of_directories_json(disk, tmp_path):
    lists = {"calibration_paths": ["."], "base_paths": [str(disk.base)], "out_paths": ["."]}
    (tmp_path / "directories.json").write_text(json.dumps(lists))
    assert len(ngcmos.read_season(FIELD, config=tmp_path / "directories.json").stars) == 12
