"""Many nights: in processes of this machine and on a real Dask cluster, one of whose workers is killed."""

import contextlib
import dataclasses
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import types

import pytest
from astropy.io import fits
from running import BARE, ROOT, raw_checksums, run_script

from ngcmos.chain.nights import choose_nights, run_one
from ngcmos.commands import run_nights
from ngcmos.config import load_camera, load_config
from ngcmos.errors import NightError, UsageError
from ngcmos.night import cluster
from ngcmos.night.ledger import open_ledger
from ngcmos.night.remarks import keep_remark
from ngcmos.simulate.night import simulate_night

pytestmark = pytest.mark.slow

NIGHTS = ("20240705", "20240706", "20240708")
UNITS = ("PHOT", "STARS", "FRAMES")
PICTURED = ("QC_Donuts", "QC_control", "noise_model")  # stages that draw, and make nothing that is looked at here
UP_TO_TABLES = [f"--skip={stage}" for stage in ("relative_photometry", "season", "night_report")]


@pytest.fixture(scope="module")
def season(tmp_path_factory):
    """Three small raw nights of one base folder, and their tables by run_nights on this machine."""
    folder = tmp_path_factory.mktemp("season")
    for number, date in enumerate(NIGHTS):
        simulate_night(
            folder / date, load_camera(), size=256, density=4, frames=5, seed=number, date=date, calibrations=3
        )
    raw = folder / NIGHTS[0]
    for date in NIGHTS[1:]:
        shutil.move(folder / date / "nights" / date, raw / "nights" / date)
    catalogs = [folder / date / "tic.fits" for date in NIGHTS]
    base = copy_of(raw, folder / "base")
    done = run_script("run_nights", *options_of(base, catalogs), "--workers", 2)
    return types.SimpleNamespace(raw=raw, catalogs=catalogs, base=base, tables=tables(base), said=done.stderr)


def copy_of(raw, base):
    shutil.copytree(raw, base)
    return base


def options_of(base, catalogs, nights="20240701:20240731"):
    """Options of run_nights for the season, without its pictures."""
    named = [part for file in catalogs for part in ("--catalog", file)]
    places = ["--config", base / "directories.json", "--camera", base / "camera.toml", "--nights", nights]
    return [*places, *named, *(part for stage in PICTURED for part in ("--skip", stage))]


def tables(base):
    """{night/name: bytes of each unit's columns} of the photometry tables."""
    paths = sorted((base / "nights").glob("*/phot_*.fits"))
    return {
        f"{path.parent.name}/{path.name}": [fits.getdata(path, unit).tobytes() for unit in UNITS] for path in paths
    }


def nights_told(said):
    """{night: (tables, frames, troubles)} of the table at the end."""
    rows = re.findall(r"INFO +(\d{8}) +(\d+) +(\d+) +(\d+) +\d+", said)
    return {night: tuple(map(int, numbers)) for night, *numbers in rows}


def kill_one_at_work(base):
    """Kill the process that holds a night while it is at work there; which night that was."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        for lock in (base / "nights").glob("*/.ngcmos.lock"):
            holder = re.match(r"process (\d+) ", lock.read_text())
            if holder and (lock.parent / "ngcmos.db").exists() and not list(lock.parent.glob("phot_*.fits")):
                os.kill(int(holder[1]), signal.SIGKILL)
                return lock.parent.name
        time.sleep(0.02)
    pytest.fail("no night was begun within a minute")


def start(script, *options):
    """A running script of the suite under a bare environment."""
    command = [sys.executable, str(ROOT / "scripts" / f"{script}.py"), *map(str, options)]
    return subprocess.Popen(command, cwd="/", env=BARE, stderr=subprocess.PIPE, text=True)


@contextlib.contextmanager
def dask(folder, *, workers=2, threads=1):
    """Address of a scheduler on the loopback with so many workers."""
    where = folder / "scheduler.json"
    shared = ["--scheduler-file", str(where), "--no-dashboard"]
    programs = [["dask_scheduler", "--host", "127.0.0.1", "--port", "0", *shared]]
    programs += [
        ["dask_worker", *shared, "--nthreads", str(threads), "--no-nanny", "--death-timeout", "60"]
    ] * workers
    running = []
    try:
        for name, *options in programs:
            command = [sys.executable, "-m", f"distributed.cli.{name}", *options]
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            running.append(subprocess.Popen(command, cwd=folder, env=BARE | {"HOME": str(folder)}, **quiet))
        yield _address(where)
    finally:
        for process in running:
            process.kill()
            process.wait()


def _address(where):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        found = re.search(r'"address": "(tcp://[^"]+)"', where.read_text()) if where.exists() else None
        if found:
            return found[1]
        time.sleep(0.05)
    return pytest.fail("the scheduler did not start within a minute")


def test_every_night_of_the_range_has_its_table(season):
    assert [name.split("/")[0] for name in season.tables] == list(NIGHTS)
    assert nights_told(season.said) == dict.fromkeys(NIGHTS, (1, 5, 0))


def test_a_night_alone_makes_the_same_table(season, tmp_path):
    base = copy_of(season.raw, tmp_path / "base")
    options = options_of(base, season.catalogs)
    at = options.index("--nights")
    alone = ["--night", NIGHTS[1], "--workers", 1, *UP_TO_TABLES]
    run_script("run_night", *options[:at], *alone, *options[at + 2 :])
    [(name, units)] = tables(base).items()
    assert units == season.tables[name]


def test_second_run_does_nothing_again(season):
    paths = list((season.base / "nights").glob("*/phot_*.fits"))
    before = [path.stat().st_ino for path in paths]
    said = run_script("run_nights", *options_of(season.base, season.catalogs), "--workers", 2).stderr
    assert [path.stat().st_ino for path in paths] == before
    assert nights_told(said) == dict.fromkeys(NIGHTS, (1, 5, 0))


def test_night_that_wants_a_human_is_one_line_at_the_end(season, tmp_path):
    base = copy_of(season.base, tmp_path / "base")
    with open_ledger(base / "nights" / NIGHTS[1]) as ledger:
        keep_remark(ledger, "", "clock", "two hours are there twice")
    done = run_script("run_nights", *options_of(base, season.catalogs), "--quiet")
    told = [line for line in done.stderr.splitlines() if line.startswith(NIGHTS[1])]  # others have another chip
    assert len(told) == 1
    assert told[0].startswith(f"{NIGHTS[1]}: LOOK, 5 of 5 frames of 1 field measured; two hours are there twice")


def test_night_whose_process_is_killed_is_tried_again(season, tmp_path):
    base = copy_of(season.raw, tmp_path / "base")
    process = start("run_nights", *options_of(base, season.catalogs), *UP_TO_TABLES, "--workers", 2)
    killed = kill_one_at_work(base)
    said = process.communicate(timeout=120)[1]
    assert process.returncode == 0, said
    assert f"{killed}: its process died" in said
    assert tables(base) == season.tables


def test_cluster_finishes_all_nights_though_a_worker_is_killed(season, tmp_path):
    base = copy_of(season.raw, tmp_path / "base")
    with dask(tmp_path) as address:
        process = start("run_nights", *options_of(base, season.catalogs), *UP_TO_TABLES, "--scheduler", address)
        kill_one_at_work(base)
        said = process.communicate(timeout=120)[1]
    assert process.returncode == 0, said
    assert nights_told(said) == dict.fromkeys(NIGHTS, (1, 5, 0))
    assert tables(base) == season.tables
    assert raw_checksums(base) == raw_checksums(season.raw)
    assert not list(base.rglob("*.part"))


def test_workers_of_several_threads_are_refused(season, tmp_path):
    with dask(tmp_path, workers=1, threads=2) as address:
        options = options_of(season.base, season.catalogs)
        said = run_script("run_nights", *options, "--scheduler", address, code=1).stderr
    assert "has 2 threads, expected 1: dask worker --nthreads 1" in said


def test_scheduler_that_is_not_there_is_named(season, monkeypatch, capsys):
    monkeypatch.setattr(cluster, "CONNECT_S", 1.0)
    options = [*options_of(season.base, season.catalogs), "--scheduler", "tcp://127.0.0.1:9"]
    assert run_nights.main(list(map(str, options))) == 1
    said = capsys.readouterr().err
    assert "tcp://127.0.0.1:9: no Dask scheduler answers there" in said


def test_night_that_is_not_there_does_not_stop_the_others(season):
    options = options_of(season.base, season.catalogs, nights="20240701,20240708")
    said = run_script("run_nights", *options, code=1).stderr
    assert nights_told(said) == {"20240701": (0, 0, 1), "20240708": (1, 5, 0)}
    assert "no night found" in said


@pytest.fixture
def config(season):
    return load_config(camera=str(season.base / "camera.toml"), config=season.base / "directories.json")


def test_range_takes_the_nights_that_are_there(config):
    assert choose_nights(config, "20240706:20240801") == ["20240706", "20240708"]


def test_list_takes_all_it_names_once(config):
    assert choose_nights(config, "20240708,20240701,20240708") == ["20240708", "20240701"]


@pytest.mark.parametrize("text", ["20240731:20240701", "2024070:20240801", "tonight", "20240230", ""])
def test_what_names_no_nights_is_refused(config, text):
    with pytest.raises(UsageError, match="--nights"):
        choose_nights(config, text)


def test_range_without_nights_is_refused(config):
    with pytest.raises(NightError, match="none of 20230101:20230131"):
        choose_nights(config, "20230101:20230131")


def test_trouble_of_a_night_stays_in_its_report(config, tmp_path):
    empty = dataclasses.replace(config.directories, base=tmp_path)
    (tmp_path / "20240705").write_text("a file in the place of a folder")
    report = run_one("20240705", dataclasses.replace(config, directories=empty), {})
    assert (report.exit_code, report.frames) == (1, 0)
    assert "20240705" in report.troubles[0]
