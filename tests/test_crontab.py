"""Every line of crontab.example as cron would run it: an empty environment, from /, yesterday evening's night."""

import datetime
import re
import subprocess
import sys
import types
import zoneinfo

import pytest
from running import BLAS, ROOT

from ngcmos.config import load_camera
from ngcmos.simulate.night import simulate_night

pytestmark = pytest.mark.slow
EXAMPLE = (ROOT / "config" / "crontab.example").read_text(encoding="utf-8")
ENTRY = re.compile(r"^#?(?:[\d*]+ ){5}(/path/to/ngcmos/\.venv/bin/python (\S+) .*)$", re.MULTILINE)
SMALL = {"size": 320, "density": 2.0, "frames": 3, "calibrations": 3}
# the scripts alone come first, so that the chain finds everything done
COMMANDS = sorted(
    ((script, line) for line, script in ENTRY.findall(EXAMPLE)), key=lambda pair: "run_night" in pair[0]
)


@pytest.fixture(scope="module")
def last_night(tmp_path_factory):
    """A simulated night of yesterday evening by the clock of the site."""
    zone = zoneinfo.ZoneInfo(load_camera().site.timezone)
    evening = datetime.datetime.now(zone) - datetime.timedelta(days=1)
    base = tmp_path_factory.mktemp("cron") / "base"
    simulated = simulate_night(base, load_camera(), seed=3, date=evening.strftime("%Y%m%d"), **SMALL)
    return types.SimpleNamespace(base=base, folder=simulated.folder, target=simulated.truths[0].target)


def test_the_example_has_the_chain_and_each_script_of_it():
    named = {script.rpartition("/")[2] for script, _ in COMMANDS}
    assert {"run_night.py", "QC_Donuts.py", "process_cmos.py", "analyse_cmos.py"} <= named


@pytest.mark.parametrize(
    "line",
    [line for _, line in COMMANDS],
    ids=[script.rpartition("/")[2] + " --follow" * ("--follow" in line) for script, line in COMMANDS],
)
def test_line_works_and_is_silent(last_night, line):
    command = line.replace("/path/to/ngcmos/.venv/bin/python", sys.executable)
    command = command.replace("/path/to/ngcmos/directories.json", str(last_night.base / "directories.json"))
    command = command.replace("/path/to/ngcmos", str(ROOT)).replace("188620407", str(last_night.target))
    command += f" --camera {last_night.base / 'camera.toml'}"
    if "--follow" in command:  # would wait for tonight's frames, after midnight until the sunrise of last night
        over = last_night.base.with_name("over")
        simulate_night(over, load_camera(), seed=3, date="20240705", **SMALL)
        command = command.replace(str(last_night.base), str(over)) + " --night 20240705"
    settings = [f"{name}={value}" for name, value in BLAS.items()]
    done = subprocess.run(
        ["env", "-i", *settings, "/bin/sh", "-c", command], cwd="/", capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_night_of_yesterday_evening_was_measured(last_night):
    assert len(list(last_night.folder.glob("phot_*.fits"))) == 1
