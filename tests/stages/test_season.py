"""The stage and the script season: in the chain, by hand, two at once, killed."""

import dataclasses
import hashlib
import json
import shutil
import signal
import subprocess
import sys
import time
import types

import numpy as np
import pyarrow.parquet as pq
import pytest
from running import BARE, ROOT, run_script, run_stage
from season.conftest import FIELD, made_on_disk

from ngcmos.config import load_camera
from ngcmos.errors import WorkError
from ngcmos.names import Record, Stage
from ngcmos.night.folder import open_night
from ngcmos.night.job import open_job
from ngcmos.night.ledger import forget
from ngcmos.night.lock import hold_night
from ngcmos.night.outcome import Outcome
from ngcmos.season.archive import season_folder
from ngcmos.season.news import known_in
from ngcmos.season.reader import Season
from ngcmos.stages import season as stage


@pytest.fixture(scope="module")
def tables_of_nights(tmp_path_factory):
    """A base folder with the photometry of some nights and its directories.json; not to be changed."""
    base = tmp_path_factory.mktemp("seasons")
    for name in ("calibration", "nights", "out"):
        (base / name).mkdir()
    (base / "directories.json").write_text(
        '{"calibration_paths": ["calibration"], "base_paths": ["nights"], "out_paths": ["out"]}'
    )
    made_on_disk(base / "nights", nights=5, frames=8, stars=10)
    return base


@pytest.fixture
def season(tables_of_nights, tmp_path):
    """A copy of it: its base, nights, options of scripts, and the folder of its season."""
    base = tmp_path / "base"
    shutil.copytree(tables_of_nights, base)
    options = ["--config", base / "directories.json", "--workers", 1]
    return types.SimpleNamespace(
        base=base, nights=base / "nights", options=options, folder=season_folder(base / "nights", FIELD)
    )


def content(season):
    files = (path for path in season.folder.path.rglob("[!.]*.*") if path.is_file() and path.suffix != ".log")
    return {str(path.relative_to(season.base)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def config_of(season):
    directories = types.SimpleNamespace(base=season.nights, out=season.base / "out", others=())
    return dataclasses.make_dataclass("Config", ["directories", "camera"])(directories, load_camera())


def night_of(season, name):
    return open_night(config_of(season), season.nights / name)


def test_stage_brings_its_night_in_and_some_others(season, monkeypatch, caplog):
    """And searches anew when many have come since."""
    monkeypatch.setattr("ngcmos.season.findings.MOST_UNSEARCHED", 0.3)
    monkeypatch.setattr("ngcmos.season.update.SMALL_SEASON_POINTS", 100)
    outcome = run_stage(stage, config_of(season), night_of(season, "20240705"))
    assert outcome.exit_code == 0
    assert season.folder.nights() == ["20240702", "20240703", "20240704", "20240705"]
    run_stage(stage, config_of(season), night_of(season, "20240705"))
    assert len(season.folder.nights()) == 5
    assert "periods and dips are those of 4 of 5 nights" in caplog.text


def test_what_the_newest_night_brings_does_not_hang_on_what_was_left_out_in_between(season):
    for name in ("20240704", "20240705"):
        run_stage(stage, config_of(season), night_of(season, name))
    quiet, varying = (Season(season.folder).stars.copy() for _ in range(2))
    quiet["variable"], varying["variable"] = False, np.arange(len(varying)) == 3
    named = f"varies: TIC {varying['tic_id'][3]}"
    with open_job(Stage.SEASON, config_of(season), night_of(season, "20240705")) as job:

        def news(before, after):
            stage.tell_news(job, FIELD, known_in(before), after)
            return [entry.reason for entry in job.recall(Record.REMARK, FIELD).values()]

        forget(job.ledger, Record.KNOWN, job.recall(Record.KNOWN))
        [brought] = news(quiet, varying)
        assert named in brought and news(varying, quiet) == [] and news(quiet, varying) == [brought]
        forget(job.ledger, Record.KNOWN, job.recall(Record.KNOWN))
        forget(job.ledger, Record.REMARK, job.recall(Record.REMARK))
        assert news(varying, varying) == news(varying, quiet) == news(quiet, varying) == []  # known since long
    with open_job(Stage.SEASON, config_of(season), night_of(season, "20240704")) as job:
        stage.tell_news(job, FIELD, known_in(quiet), varying)
        stage.tell_news(job, FIELD, known_in(varying), quiet)
        [kept] = job.recall(Record.REMARK, FIELD).values()  # of an older night: of its own day
        assert named in kept.reason


def test_stage_of_a_night_elsewhere_is_told(season, tmp_path):
    shutil.move(season.nights / "20240705", tmp_path / "20240705")
    with pytest.raises(WorkError, match="not under"):
        run_stage(stage, config_of(season), open_night(config_of(season), tmp_path / "20240705"))


def test_folder_that_is_named_by_no_night_has_no_season(season, caplog):
    folder = shutil.move(season.nights / "20240705", season.nights / "my frames")
    with caplog.at_level("INFO"):
        outcome = run_stage(stage, config_of(season), open_night(config_of(season), folder))
    assert outcome.exit_code == 0 and not season.folder.nights()
    assert "no season, its folder is not named by the date of a night" in caplog.text


def test_script_brings_all_nights_in(season):
    run_script("season", *season.options)
    assert len(season.folder.nights()) == 5
    assert pq.read_table(season.folder.stars).num_rows == 10
    before = content(season)
    assert "1 done before" in run_script("season", *season.options).stderr
    assert content(season) == before


def test_script_takes_some_nights(season):
    run_script("season", *season.options, "--nights", "20240702:20240703")
    assert season.folder.nights() == ["20240702", "20240703"]


def test_script_takes_one_night(season):
    run_script("season", *season.options, "--night", "20240705")
    assert season.folder.nights() == ["20240705"]


def test_nights_one_by_one_are_those_at_once(season):
    """However many come along."""
    for name in ("20240704", "20240701"):
        run_stage(stage, config_of(season), night_of(season, name))
    one_by_one = content(season)
    shutil.rmtree(season.folder.path)
    stage.bring_in(config_of(season), Outcome("season"), [FIELD])
    assert content(season) == one_by_one


def test_two_ways_to_name_nights_are_wrong_usage(season):
    said = run_script("season", *season.options, "--night", "20240705", "--nights", "all", code=2).stderr
    assert "expected one of them" in said


def test_base_without_photometry_is_told(season):
    for table in season.nights.glob("*/phot_*.fits"):
        table.unlink()
    assert "process_cmos first" in run_script("season", *season.options, code=1).stderr


def test_second_season_at_once_is_refused(season):
    season.folder.make()
    with hold_night(season.folder.path):
        said = run_script("season", *season.options, code=3).stderr
    assert "held by process" in said and not season.folder.nights()


def test_damaged_night_is_told_and_the_rest_is_done(season):
    (season.nights / "20240703" / f"phot_{FIELD}.fits").write_bytes(b"SIMPLE  =")
    said = run_script("season", *season.options, code=1).stderr
    assert "20240703" in said and len(season.folder.nights()) == 4


def test_killed_at_any_instant_the_next_run_makes_it_whole(season):
    run_script("season", *season.options)
    whole = content(season)
    rng = np.random.default_rng(1)
    for wait_s in rng.uniform(1.0, 3.0, 2):
        shutil.rmtree(season.folder.path)
        command = [sys.executable, str(ROOT / "scripts" / "season.py"), *map(str, season.options)]
        with subprocess.Popen(command, cwd="/", env=BARE, stderr=subprocess.DEVNULL) as run:
            time.sleep(wait_s)
            run.send_signal(signal.SIGKILL)
        run_script("season", *season.options)
        assert content(season) == whole
        assert not list(season.folder.path.rglob("*.part"))


def test_further_rows_of_directories_that_are_there_join_as_other_telescopes(season):
    for name in ("two", "three"):
        (season.base / name / "nights").mkdir(parents=True)
    other = made_on_disk(season.base / "made", nights=2, frames=8, stars=10, seed=6).base
    shutil.copytree(other / "20240702", season.base / "two" / "nights" / "20240702")
    shutil.copytree(season.nights / "20240703", season.base / "three" / "nights" / "20240703")
    rows = {
        "calibration_paths": ["calibration"] * 4,
        "base_paths": ["nights", "two/nights", "three/nights", "gone/nights"],
        "out_paths": ["out"] * 4,
    }
    (season.base / "directories.json").write_text(json.dumps(rows))
    said = run_script("season", *season.options).stderr
    told = "1 night holds the frames of others, left out as copies: 20240703_three-nights those of 20240703"
    assert told in said and told in season.folder.page.read_text()
    assert told not in run_script("season", *season.options).stderr  # once
    assert [name for name in season.folder.nights() if "_" in name] == ["20240702_two-nights"]
    frames = pq.read_table(season.folder.frames).to_pydict()
    assert set(frames["camera"]) == {"ngts_cmos", "ngts_cmos two-nights"}
