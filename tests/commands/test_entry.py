"""`ngcmos NAME` and `python -m ngcmos NAME`: the same commands as the scripts, with the same exit codes."""

import re
import subprocess
import sys

import pytest
from running import BARE, ROOT, night_options, run_warm

from ngcmos.commands.again import start_of
from ngcmos.commands.listing import GROUPS, NAMES
from ngcmos.commands.old_names import NEW_SCRIPTS

SCRIPTS = sorted(path.stem for path in (ROOT / "scripts").glob("*.py") if path.stem not in NEW_SCRIPTS)


def run_command(*words, code=0):
    """Completed run of `python -m ngcmos ...` from another folder."""
    command = [sys.executable, "-m", "ngcmos", *map(str, words)]
    done = subprocess.run(command, cwd="/", env=BARE, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == code, done.stderr
    return done


def test_each_script_is_a_command_of_one_group():
    assert set(SCRIPTS) <= set(NAMES)
    assert len(set(NAMES)) == len(NAMES)


def test_help_lists_the_commands_by_who_needs_them():
    said = run_command("--help").stdout
    places = [said.index(f"\n{group}:\n") for group in GROUPS]
    assert places == sorted(places)
    for name in NAMES:
        [line] = re.findall(rf"^  {name} +(.*)$", said, re.MULTILINE)
        assert len(line.split()) > 3 and line[0].isupper() and len(line) < 100
    assert "  why                  Tell why frames were not measured\n" in said


@pytest.mark.parametrize("name", NAMES)
def test_help_of_a_command_speaks_of_the_command(name):
    done = run_warm([str(ROOT / "ngcmos" / "__main__.py"), name, "--help"], cwd="/", env=BARE)
    assert done.returncode == 0, done.stderr
    said = done.stdout
    assert said.startswith(f"usage: ngcmos {name} ")
    assert f"Example:  ngcmos {name}" in said
    assert "scripts/" not in said


def test_version():
    assert run_command("--version").stdout == "ngcmos 0.1.0\n"


@pytest.mark.parametrize("words", [(), ("photometry",), ("--frobnicate",)])
def test_what_is_no_command_is_wrong_usage(words):
    said = run_command(*words, code=2).stderr
    assert said.startswith("usage: ngcmos COMMAND [options]\n")


def test_wrong_command_names_the_right_ones():
    assert "no command photometry, expected one of run_night, why, " in run_command("photometry", code=2).stderr


def test_exit_codes_are_those_of_the_scripts(base):
    assert "no night found" in run_command("process_cmos", *night_options(base, camera="ngts_cmos"), code=1).stderr
    assert "unrecognized" in run_command("process_cmos", "--frobnicate", code=2).stderr
    (base / "nights" / "20240705").mkdir()
    assert "0 done" in run_command("check_cmos", *night_options(base, camera="ngts_cmos")).stderr


@pytest.mark.parametrize(
    "first", [str(ROOT / "scripts" / "night_report.py"), str(ROOT / "ngcmos" / "__main__.py")]
)
@pytest.mark.parametrize("name", ["run_night", "why", "night_report"])
def test_rest_of_a_night_is_started_as_this_one_was(monkeypatch, first, name):
    monkeypatch.setattr(sys, "argv", [first])
    words = start_of(name)
    assert (words[1] == "-m") == first.endswith("__main__.py")
    done = subprocess.run([*words, "--help"], cwd="/", env=BARE, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and name in done.stdout.splitlines()[0]
