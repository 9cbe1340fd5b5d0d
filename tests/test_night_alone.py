"""The night nobody watches: kills, two crons at once, a full disk, a failing disk, a read-only folder."""

import concurrent.futures
import os
import random
import shutil
import subprocess
import types

import pytest
from running import BARE, ROOT, night_options, run_chain, run_script, run_stage, run_warm
from torture import (
    check,
    lay_out,
    mount_disk,
    prepare,
    put_back,
    read_tables,
    resize_disk,
    trial,
    trial_of_damage,
    trial_of_room,
    trial_of_write,
)

from ngcmos.config import load_config

pytestmark = pytest.mark.slow

LATER = ["QC_control", "relative_photometry", "noise_model", "season", "night_report"]  # than the tables
# what one rerun of each kind does too: the others, which end earlier, need no more than the tables
UP_TO_TABLES = [part for stage in LATER for part in ("--skip", stage)]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A raw night, the table of an undisturbed run, and where trials take place; two fields (`make torture`) would
    take twice the time."""
    folder = tmp_path_factory.mktemp("alone")
    raw, finished, tables, took = prepare(folder, fields=1)
    return types.SimpleNamespace(raw=raw, finished=finished, tables=tables, took=took, base=folder / "base")


@pytest.mark.parametrize(("share", "rerun"), [(0.35, UP_TO_TABLES), (0.6, UP_TO_TABLES), (0.9, [])])
def test_killed_at_any_instant_the_next_run_heals(undisturbed, share, rerun):
    trial(undisturbed.raw, undisturbed.tables, undisturbed.base, share * undisturbed.took, rerun)


def test_stopped_photometry_is_continued_not_begun_anew(undisturbed, monkeypatch):
    """With parts of two frames, a run that dies at its fifth frame has four of them on disk."""
    from ngcmos.stages import process_cmos

    lay_out(undisturbed.raw, undisturbed.base)
    config = load_night(undisturbed.base)
    run_chain(config.config, config.folder, skip=["process_cmos", *LATER], quiet=True)
    monkeypatch.setattr(process_cmos, "FRAMES_A_PART", 2)
    real, seen = process_cmos.measure_frame, []

    def die_at_the_fifth(placed, measuring):
        seen.append(placed.path.name)
        if len(seen) == 5:
            raise KeyboardInterrupt
        return real(placed, measuring)

    monkeypatch.setattr(process_cmos, "measure_frame", die_at_the_fifth)
    with pytest.raises(KeyboardInterrupt):
        run_stage(process_cmos, config.config, config.night(), quiet=True)
    monkeypatch.setattr(process_cmos, "measure_frame", real)
    outcome = run_stage(process_cmos, config.config, config.night(), quiet=True)
    assert seen[:4] == outcome.skipped
    assert not set(seen[:4]) & set(outcome.done)
    check(undisturbed.raw, undisturbed.base, undisturbed.tables)


def test_stop_between_the_table_and_the_removal_of_its_parts_leaves_none(undisturbed, monkeypatch):
    from ngcmos.stages import process_cmos
    from ngcmos.steps import table as field_table

    lay_out(undisturbed.raw, undisturbed.base)
    config = load_night(undisturbed.base)
    real = field_table.remove_parts

    def die(_folder):
        raise KeyboardInterrupt

    monkeypatch.setattr(field_table, "remove_parts", die)
    with pytest.raises(KeyboardInterrupt):
        run_chain(config.config, config.folder, skip=LATER, quiet=True)
    monkeypatch.setattr(field_table, "remove_parts", real)
    assert list(config.folder.glob(".phot_*.parts"))
    assert run_stage(process_cmos, config.config, config.night(), quiet=True).exit_code == 0
    run_chain(config.config, config.folder, skip=LATER, quiet=True)
    check(undisturbed.raw, undisturbed.base, undisturbed.tables)


def load_night(base):
    """Config, folder and a function that opens the night, of a base folder."""
    from ngcmos.night.folder import open_night

    config = load_config(camera=str(base / "camera.toml"), config=base / "directories.json")
    folder = base / "nights" / "20240705"
    return types.SimpleNamespace(config=config, folder=folder, night=lambda: open_night(config, folder))


def test_of_twenty_starts_one_works(undisturbed):
    """The frames look as if they were still growing, so the one at work waits long enough for all to come."""
    lay_out(undisturbed.raw, undisturbed.base)
    for path in (undisturbed.base / "nights" / "20240705").glob("NG*"):
        os.utime(path)
    argv = [str(ROOT / "scripts" / "run_night.py"), *map(str, night_options(undisturbed.base)), *UP_TO_TABLES]
    with concurrent.futures.ThreadPoolExecutor(20) as threads:
        runs = [threads.submit(run_warm, argv, cwd="/", env=BARE) for _ in range(20)]
    codes = [run.result().returncode for run in runs]
    assert sorted(codes) == [0] + [3] * 19
    check(undisturbed.raw, undisturbed.base, undisturbed.tables)


def test_damaged_products_are_made_anew(undisturbed):
    put_back(undisturbed.finished, undisturbed.base)
    chance = random.Random(7)
    for rerun in (["--skip", "QC_control"], UP_TO_TABLES, UP_TO_TABLES, UP_TO_TABLES):
        trial_of_damage(undisturbed.raw, undisturbed.tables, undisturbed.base, chance, rerun)


@pytest.mark.parametrize(
    ("number", "rerun"), [(1, UP_TO_TABLES), (12, UP_TO_TABLES), (40, UP_TO_TABLES), (60, [])]
)
def test_failing_disk_leaves_everything_whole_and_the_next_run_heals(undisturbed, number, rerun):
    assert trial_of_write(undisturbed.raw, undisturbed.tables, undisturbed.base, number, rerun)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own, and a function that changes it."""
    folder = tmp_path / "disk"
    if not mount_disk(folder):
        pytest.skip("a small file system cannot be mounted here")
    yield types.SimpleNamespace(folder=folder, remount=lambda options: resize_disk(folder, options))
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize(("room_mb", "rerun"), [(0.3, UP_TO_TABLES), (1.0, UP_TO_TABLES), (2.0, [])])
def test_full_disk_leaves_everything_whole_and_the_next_run_heals(undisturbed, small_disk, room_mb, rerun):
    assert trial_of_room(undisturbed.raw, undisturbed.tables, small_disk.folder, room_mb, rerun)


def test_low_disk_stops_the_work_before_it_is_full(undisturbed, small_disk):
    base = small_disk.folder / "base"
    lay_out(undisturbed.raw, base)
    small_disk.remount("size=400m")
    said = run_script("run_night", *night_options(base), code=1).stderr
    assert "MB free on the disk, expected 500 MB; make room and run again" in said
    assert not list((base / "nights" / "20240705").glob("phot_*"))


def test_movies_stop_first(undisturbed, small_disk):
    base = small_disk.folder / "base"
    lay_out(undisturbed.raw, base)
    skipped = [part for stage in LATER[1:] for part in ("--skip", stage)]
    said = run_script("run_night", *night_options(base), *skipped, code=1).stderr
    assert "MB free on the disk, movies need 2000 MB; the rest goes on" in said
    assert read_tables(base) == undisturbed.tables


def test_read_only_night_is_said_in_one_line(undisturbed, small_disk):
    base = small_disk.folder / "base"
    lay_out(undisturbed.raw, base)
    small_disk.remount("ro")
    said = run_script("run_night", *night_options(base), code=1).stderr
    small_disk.remount("rw")
    assert "not writable, Read-only file system" in said
    assert len(said.splitlines()) == 1


def test_names_are_data(undisturbed):
    """A night with odd names beside its frames: none escapes, hangs or stops it."""
    lay_out(undisturbed.raw, undisturbed.base)
    night = undisturbed.base / "nights" / "20240705"
    frame = next(iter(sorted(night.glob("NG*S43*.fits"))))
    odd = [
        "NG\n1.fits",
        "x" * 230 + ".fits",
        "NG%s%d%n {0}-20240706000000000.fits",
        "NG caf\u00e9.fits",
        "$(touch pwned).fits",
    ]
    for name in odd:
        shutil.copy2(frame, night / name)
    os.mkfifo(night / "NG-pipe.fits")
    os.utime(night / "NG-pipe.fits", (1.7e9, 1.7e9))
    (night / "NG-link.fits").symlink_to("/etc/passwd")
    (night / "NG-dangling.fits").symlink_to(night / "nowhere")
    said = run_script("run_night", *night_options(undisturbed.base), "--skip", "QC_control", code=1).stderr
    assert "Traceback" not in said
    assert r"'NG\n1.fits': left alone, its name is not printable ASCII" in said
    assert "NG-pipe.fits: not a file" in said
    tables = read_tables(undisturbed.base)
    assert {name: tables[name] for name in undisturbed.tables} == undisturbed.tables
    assert not list(undisturbed.base.rglob("pwned*"))
    everywhere = {path.name for path in undisturbed.base.rglob("*")}
    assert set(odd) <= everywhere
