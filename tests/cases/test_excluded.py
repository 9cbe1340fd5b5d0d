"""What the observer leaves out by `exclude.csv`: it counts for nothing, and comes back to the byte."""

import numpy as np
import pytest
from astropy.table import Table
from spoilt_night import copy_case

from ngcmos.names import Stage
from ngcmos.night.exclusions import read_exclusions

STAGES = (Stage.RELATIVE_PHOTOMETRY, Stage.NOISE_MODEL, Stage.SEASON)


@pytest.fixture(scope="module")
def words(usual, tmp_path_factory):
    """(case, left out, products before, during and after, what was said, frames of the season) of one list."""
    case = copy_case(usual, tmp_path_factory.mktemp("excluded") / "base")
    assert case.reduce(*STAGES).exit_code == 0
    before = products_of(case)
    curves = Table.read(case.folder / f"rel_phot_{case.truth.field}.fits", hdu="STARS")
    star, other = (int(curves["tic_id"][at]) for at in (3, 5))
    frame = case.frames[1].name
    third = case.measured()[case.frames[2].name]["jd_mid"]
    moment = np.datetime64(round((third - 2_440_587.5) * 86400 - 5), "s")
    path = case.folder / "exclude.csv"
    path.write_text(
        f"what,which,until,note\nframe,{frame},,satellite\ntime,{moment},{moment + np.timedelta64(10, 's')},lamp\n"
        f"star,TIC {star},,blend\ncomparison,{other},,varies\nplanet,5,,\n"
    )
    assert case.reduce(*STAGES).exit_code == 0
    during, told = products_of(case), case.remarks()
    season = read_season_frames(case)
    path.unlink()
    assert case.reduce(*STAGES).exit_code == 0
    return case, (frame, star, other), before, during, products_of(case), told, season


def products_of(case):
    """{path: bytes} of curves, noise model and season."""
    paths = [*case.folder.glob("rel_phot_*.fits"), *case.folder.glob("rms_*.json")]
    paths += list(case.folder.parent.glob("seasons/*/*.parquet"))
    paths += list(case.folder.parent.glob("seasons/*/*/*.parquet"))
    assert len(paths) >= 4
    return {path: path.read_bytes() for path in paths}


def read_season_frames(case):
    import pyarrow.parquet

    [path] = case.folder.parent.glob("seasons/*/frames.parquet")
    return pyarrow.parquet.read_table(path).to_pylist()


def curves_of(words, tmp_path):
    path = tmp_path / "curves.fits"
    path.write_bytes(next(content for name, content in words[3].items() if name.name.startswith("rel_phot_")))
    return Table.read(path, hdu="REL_PHOT"), Table.read(path, hdu="STARS"), Table.read(path, hdu="FRAMES")


def test_frames_and_spans_are_left_out_of_the_curves(words, tmp_path):
    rows, _, frames = curves_of(words, tmp_path)
    assert np.asarray(frames["quality"], str).tolist() == ["good", "excluded", "excluded", "good"]
    flux = np.asarray(rows["Relative_Flux"], float).reshape(-1, 4)
    assert np.isnan(flux[:, 1:3]).all() and np.isfinite(flux[:, [0, 3]]).any()


def test_a_star_has_no_curve_and_compares_no_other(words, tmp_path):
    _, stars, _ = curves_of(words, tmp_path)
    _, star, other = words[1]
    points = dict(zip(stars["tic_id"], stars["points"], strict=True))
    assert points[star] == 0 and points[other] > 0


def test_a_season_does_not_use_them_and_says_why(words):
    frames = {row["frame_id"]: row for row in words[6]}
    row = frames[words[1][0]]
    assert (row["used"], row["quality"], row["reason"]) == (False, "excluded", "left out by exclude.csv")
    assert sum(row["used"] for row in frames.values()) == 2


def test_it_is_shown_with_its_notes(words):
    told = " ".join(words[5])
    _, star, other = words[1]
    assert "leaves out 2 frames (satellite; lamp)" in told and f"star {star} (blend)" in told
    assert f"comparison star {other} (varies)" in told and "line 6: 'planet' is nothing to leave out" in told


def test_without_the_list_all_is_as_before_to_the_byte(words):
    _, _, before, during, after, *_ = words
    assert after == before
    assert all(during[path] != content for path, content in before.items() if path.name.startswith("rel_phot_"))


def test_times_are_utc_and_ids_may_have_a_word(tmp_path):
    (tmp_path / "exclude.csv").write_text(
        "time,2000-01-01T12:00,2000-01-01T18:00,\nstar,Gaia 5,,\ntime,tomorrow,,\n"
    )
    found = read_exclusions(tmp_path)
    assert found.lines[0].span == pytest.approx((2451545.0, 2451545.25)) and found.lines[1].star == 5
    assert "'tomorrow' is no time" in found.complaints[0]
    assert read_exclusions(tmp_path / "nowhere").digest is None
