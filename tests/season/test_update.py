"""A whole season: its tables say what is true of each star and each frame."""

import hashlib
import os

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest
from season.conftest import damage_page, made_on_disk, update_unsearched
from season.made_curves import sine, train
from season.made_season import FIRST_JD, Habits, make_night

from ngcmos.season import tables
from ngcmos.season.update import update

PROMISED = (
    "gaia_id tic_id ra_deg dec_deg Tmag gaiabp gaiarp radius_px nights points rms rms_night rms_expected "
    "rms_night_expected variable period_d period_fap amplitude dip_period_d dip_t0_bjd dip_depth dip_duration_h "
    "dip_snr contamination"
)
STARS = 20
PLANTED = {3: sine(0.37, 0.04), 5: train(1.07, FIRST_JD + 0.2, 0.04, 2.5), 8: sine(7.0, 0.05)}


@pytest.fixture(scope="module")
def season(tmp_path_factory):
    made = made_on_disk(
        tmp_path_factory.mktemp("update"), nights=8, frames=40, stars=STARS, signals=PLANTED, cloudy_share=0.1
    )
    update(made.folder, made.sources)
    return made


@pytest.fixture(scope="module")
def stars(season):
    return pq.read_table(season.folder.stars).to_pandas()


@pytest.fixture(scope="module")
def frames(season):
    return pq.read_table(season.folder.frames).to_pandas()


def test_columns_of_stars_are_those_promised(stars):
    assert " ".join(stars.columns).startswith(PROMISED)


def test_a_row_a_star_with_what_is_known_of_it(season, stars):
    assert stars.tic_id.tolist() == list(range(1000, 1000 + STARS)) and (stars.nights == 8).all()
    np.testing.assert_allclose(stars.Tmag, season.sky.mag, rtol=1e-6)
    good = sum((~clouded(night)).sum() for night in season.nights)
    assert stars.points.max() <= good and stars.points.median() > 0.95 * good


def clouded(night):
    zenith = night.zp + 0.1 * (night.airmass - 1)
    return 10 ** (0.4 * (zenith - round(np.quantile(zenith, 0.9), 2))) < 0.85


def test_scatter_of_constant_stars_is_the_expected_one(stars):
    constant = stars[~stars.index.isin(PLANTED)]
    assert (constant.rms / constant.rms_expected).median() == pytest.approx(1, abs=0.05)
    assert (constant.rms_night / constant.rms_night_expected).median() == pytest.approx(1, abs=0.25)


def test_planted_signals_are_found(stars):
    assert stars.variable[[3, 8]].all() and stars.variable.sum() <= 5
    assert stars.period_d[3] == pytest.approx(0.37, rel=0.01)
    assert stars.amplitude[3] == pytest.approx(0.04, rel=0.1)
    assert stars.dip_period_d[5] == pytest.approx(1.07, rel=0.01)
    assert stars.dip_depth[5] == pytest.approx(0.04, rel=0.2)
    assert stars.dip_snr.idxmax() == 5


def test_a_row_a_frame_used_or_not_with_the_reason(season, frames):
    assert len(frames) == 8 * 40 and frames.night.nunique() == 8
    for night, (_, own) in zip(season.nights, frames.groupby("night"), strict=True):
        np.testing.assert_array_equal(own.used, ~clouded(night))
        assert (own.reason[own.used] == "").all() and own.reason[~own.used].str.startswith("clouds").all()
        np.testing.assert_array_equal(own.frame, np.arange(40))


def test_share_is_the_light_of_a_frame_over_that_of_its_night(season, frames):
    night = season.nights[0]
    own = frames[frames.night == "20240701"]
    light = 10 ** (0.4 * night.zp)
    ratio = own.share / light
    assert (ratio / ratio.median() - 1).abs().max() < 0.01


def test_frames_and_curves_join_in_sql(season):
    rows = duckdb.sql(
        f"select count(*) from '{season.folder.path}/light_curves/*.parquet' join "
        f"'{season.folder.frames}' using (night, camera, frame) where used"
    ).fetchall()
    good = sum((~clouded(night)).sum() for night in season.nights)
    assert rows[0][0] == STARS * good


def test_again_nothing_is_written(season):
    before = {path: path.stat().st_mtime_ns for path in season.folder.path.rglob("[!.]*.*")}
    update(season.folder, season.sources)
    assert {path: path.stat().st_mtime_ns for path in season.folder.path.rglob("[!.]*.*")} == before


def test_frames_of_nights_that_stand_are_taken_as_they_are(tmp_path, monkeypatch):
    """And are those made at once; a night that has changed or is gone is another."""
    made = made_on_disk(tmp_path, nights=4, frames=8, stars=8)
    names, read = sorted(made.sources), []
    few = {name: made.sources[name] for name in (names[0], names[2])}
    update_unsearched(made.folder, few)
    real = tables.read_summary
    monkeypatch.setattr(tables, "read_summary", lambda path: read.append(path.stem) or real(path))
    update_unsearched(made.folder, made.sources)
    assert read == [names[1], names[3]]
    made.add(made_night(made, frames=5), name=names[2])
    del made.sources[names[0]]
    update_unsearched(made.folder, made.sources)
    assert read[2:] == [names[2]]
    step_by_step = made.folder.frames.read_bytes()
    update_unsearched(made.folder, made.sources, overwrite=True)
    assert made.folder.frames.read_bytes() == step_by_step
    assert pq.read_table(made.folder.frames)["night"].to_pylist() == [
        name for name, count in zip(names[1:], (8, 5, 8), strict=True) for _ in range(count)
    ]


def made_night(made, *, frames):
    return make_night(np.random.default_rng(9), made.sky, 2, frames=frames, habits=Habits(radii=(3.0, 4.0)))


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    made = made_on_disk(tmp_path_factory.mktemp("small"), nights=3, frames=8, stars=8)
    update(made.folder, made.sources)
    return made


def test_missing_table_is_made_again_and_is_the_same(small):
    digest = hashlib.sha256(small.folder.stars.read_bytes()).hexdigest()
    small.folder.stars.unlink()
    update(small.folder, small.sources, workers=2)
    assert hashlib.sha256(small.folder.stars.read_bytes()).hexdigest() == digest


@pytest.mark.parametrize("name", ["stars", "frames"])
def test_damaged_table_is_made_again_and_is_the_same(small, name):
    path = getattr(small.folder, name)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    damage_page(path, "rms" if name == "stars" else "jd_mid")
    update(small.folder, small.sources)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == digest


def test_byte_that_rots_unseen_is_found_where_the_season_is_read(small, caplog):
    """Size, time and inode are as they were."""
    path = small.folder.bins("20240703")
    digest, state = hashlib.sha256(path.read_bytes()).hexdigest(), path.stat()
    damage_page(path, "flux")
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    small.folder.stars.unlink()
    update(small.folder, small.sources)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == digest
    assert small.folder.stars.exists() and "all files are read again" in caplog.text


def test_scatter_within_nights_of_one_frame_is_not_known(tmp_path):
    made = made_on_disk(tmp_path, nights=6, frames=1, stars=20)
    update(made.folder, made.sources)
    stars = pq.read_table(made.folder.stars).to_pandas()
    assert stars.rms.isna().all() and stars.rms_expected.isna().all()
    assert stars.rms_night.notna().all() and not stars.variable.any()
