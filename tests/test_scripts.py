"""The scripts as their users start them: help, wrong usage, no night, a night that is held."""

import json
import os
import re
import signal
import subprocess
import sys
import threading

import pytest
from running import ROOT, STAGES, night_options, run_script

from ngcmos.commands.old_names import NEW_SCRIPTS
from ngcmos.config import load_camera
from ngcmos.night.lock import hold_night
from ngcmos.simulate.night import simulate_night

NIGHT_SCRIPTS = [*STAGES, "run_night"]
SCRIPTS = sorted(path.stem for path in (ROOT / "scripts").glob("*.py") if path.stem not in NEW_SCRIPTS)


@pytest.mark.parametrize("name", SCRIPTS)
def test_help_has_an_example(name):
    """A script finds all it imports of the package whichever module is the first."""
    said = run_script(name, "--help", anew=True).stdout
    assert f"scripts/{name}.py" in said


def test_script_begun_warm_is_that_of_a_new_python(base):
    """Most tests begin scripts in a process that has read their code: it must make no difference."""
    (base / "nights" / "20240705").mkdir()
    for options, code in [(["--frobnicate"], 2), (["--help"], 0), (night_options(base, camera="ngts_cmos"), 0)]:
        done = [run_script("check_cmos", *options, code=code, cold=cold) for cold in (True, False)]
        said = [
            (one.stdout, re.sub(r"\d\d:\d\d:\d\d|\b\d+ s$", "", one.stderr, flags=re.MULTILINE)) for one in done
        ]
        assert said[0] == said[1] and any(said[0])


@pytest.mark.parametrize("name", NIGHT_SCRIPTS)
def test_shared_options(name):
    said = run_script(name, "--help").stdout
    for option in ("--directory", "--night", "--config", "--camera", "--workers", "-v", "-q"):
        assert option in said


@pytest.mark.parametrize("name", NIGHT_SCRIPTS)
def test_unknown_option_is_wrong_usage(name):
    run_script(name, "--frobnicate", code=2)


@pytest.mark.parametrize("name", NIGHT_SCRIPTS)
def test_no_directories_json_is_wrong_configuration(name, tmp_path):
    said = run_script(name, code=2, cwd=tmp_path).stderr
    assert "directories.json not found, tried" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("name", NIGHT_SCRIPTS)
def test_night_that_is_not_there(name, base):
    said = run_script(name, "--config", base / "directories.json", "--night", "20240705", code=1).stderr
    assert "no night found" in said
    assert len(said.splitlines()) == 1


def test_directory_that_is_not_there(base):
    run_script("process_cmos", "--config", base / "directories.json", "--directory", base / "gone", code=1)


def test_unknown_camera_names_the_known_ones(base):
    said = run_script("process_cmos", "--config", base / "directories.json", "--camera", "ccd", code=2).stderr
    assert "expected one of microobservatory, ngts_ccd, ngts_cmos" in said


def test_workers_below_one(base):
    run_script("process_cmos", "--workers", "0", code=2)


def test_directories_json_from_the_environment(base):
    (base / "nights" / "20240705").mkdir()
    env = {"NGCMOS_DIRECTORIES": str(base / "directories.json")}
    said = run_script("check_cmos", "--night", "20240705", env=env).stderr
    assert "check_cmos: 0 done" in said


def test_directories_json_in_the_night_folder(base):
    night = base / "nights" / "20240705"
    night.mkdir()
    lists = {"calibration_paths": ["../../calibration"], "base_paths": [".."], "out_paths": ["../../out"]}
    (night / "directories.json").write_text(json.dumps(lists))
    run_script("check_cmos", "--directory", night)


@pytest.mark.parametrize("name", NIGHT_SCRIPTS)
def test_night_that_another_run_holds(name, base):
    folder = base / "nights" / "20240705"
    folder.mkdir()
    with hold_night(folder):
        said = run_script(name, *night_options(base, camera="ngts_cmos"), code=3).stderr
    assert f"held by process {os.getpid()} on " in said


def test_wrong_stage_names_the_stages(base):
    (base / "nights" / "20240705").mkdir()
    said = run_script("run_night", *night_options(base, camera="ngts_cmos"), "--only", "photometry", code=2).stderr
    assert "no stage photometry, expected one of QC_Donuts, QC_control" in said


def test_simulation_does_not_cover_what_is_there(tmp_path):
    (tmp_path / "precious").touch()
    said = run_script("simulate_night", tmp_path, "--size", "256", "--frames", "2", code=2).stderr
    assert str(tmp_path) in said
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


def test_run_that_is_stopped_says_so_and_can_be_run_again(tmp_path):
    base = tmp_path / "base"
    simulate_night(base, load_camera(), size=256, frames=8, calibrations=3, seed=2)
    command = [sys.executable, str(ROOT / "scripts" / "run_night.py"), *map(str, night_options(base))]
    with subprocess.Popen([*command, "--workers", "2"], stderr=subprocess.PIPE, text=True) as process:
        process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert "stopped by the user; what is finished is kept, run again for the rest" in said
    run_script("check_cmos", *night_options(base), "--restore")
    assert not list((base / "nights").rglob(".*.part"))


def test_frame_that_is_still_being_written_is_left_for_a_later_run(base, write_raw):
    folder = base / "nights" / "20240705"
    folder.mkdir()
    growing = folder / "NG2320-1302_TIC-188620407_S43-20240706072737751.fits"
    write_raw(growing)
    profile = (ROOT / "config" / "ngts_cmos.toml").read_text(encoding="utf-8")
    (base / "camera.toml").write_text(profile.replace("[files]\n", "[files]\nsettling_s = 1.0\n"))
    stopped = threading.Event()

    def grow():
        while not stopped.wait(0.2):
            with growing.open("ab") as file:
                file.write(bytes(2880))

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        said = run_script("adding_headers", *night_options(base)).stderr
    finally:
        stopped.set()
        writer.join()
    assert f"{growing.name}: still being written, left for a later run" in said
    assert "0 done, 0 done before, 0 refused" in said


STOPPED = """
import multiprocessing, sys, time
from ngcmos.commands.parser import parser_of
from ngcmos.commands.running import guarded

def work():
    multiprocessing.get_context("fork").Process(target=time.sleep, args=(600,)).start()
    raise KeyboardInterrupt  # between the start of a worker and that of what leads it

options = parser_of("", night=False).parse_args([])
sys.exit(guarded(work, options))
"""


def test_stop_while_workers_are_being_started_does_not_hang():
    done = subprocess.run([sys.executable, "-c", STOPPED], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "stopped by the user" in done.stderr
