"""What users of the old scripts type and import: it works, or one line names the new way."""

import importlib
import inspect
import re
import subprocess
import sys

import pytest
from running import BARE, ROOT, night_options, run_script

from ngcmos.commands.old_names import NEW_NAMES, NEW_SCRIPTS
from ngcmos.config import load_camera
from ngcmos.photometry.times import earth_location
from ngcmos.qc.plots import new_figure
from ngcmos.simulate.night import simulate_night
from ngcmos.steps.catalog import read_catalog

PAIRS = [(module, old, new) for module, names in NEW_NAMES.items() for old, new in names.items()]
TABLE = (ROOT / "docs" / "old_names.md").read_text(encoding="utf-8")
TESTS = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
OLD_COMMANDS = [
    "QC_Donuts.py",
    "QC_control.py",
    "simple_wrapper.py --defocus 0.0 --force3rd --save_matched_cat",
    "check_cmos.py",
    "adding_headers.py --directory {night}",
    "create_flats.py",
    "process_cmos.py",
    "analyse_cmos.py --gaia_id {gaia_id} --bin 2",
    "relative_photometry.py --bin_size 2 --aper 5 --exposure 10",
    "relative_photometry.py --aper 4 --crop_size 1000 --dmb 5 --dmf 5",
    "noise_model.py",
    "Process_CMOS.sh",
]


@pytest.mark.parametrize(("module", "old", "new"), PAIRS)
def test_new_call_is_public_documented_and_tested(module, old, new):
    place, _, name = new.rpartition(".")
    call = getattr(importlib.import_module(place), name)
    assert not name.startswith("_") and inspect.getdoc(call)
    rows = [row for row in TABLE.split(f"## {module}.py")[1].split("\n## ")[0].splitlines() if f"`{old}(" in row]
    assert [row for row in rows if name in row], rows
    assert re.search(rf"\b{name}\b", TESTS.replace(f'"{new}"', ""))


@pytest.mark.parametrize(("module", "old", "new"), PAIRS)
def test_whoever_imports_an_old_name_is_told_the_new_one(module, old, new, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    monkeypatch.delitem(sys.modules, module, raising=False)
    with pytest.raises(ImportError, match=re.escape(f"{module}.{old} is {new} now; ")):
        exec(f"from {module} import {old}", {})  # as a notebook does


@pytest.mark.parametrize("module", NEW_SCRIPTS)
def test_old_script_that_is_started_names_the_new_one(module):
    said = run_script(module, code=2).stderr
    assert said.startswith(f"{module}.py is gone: ") and said.count("\n") == 1


def test_earth_location_is_the_site():
    place = earth_location(load_camera().site)
    assert place.lat.deg == pytest.approx(-24.615662)
    assert place.lon.deg == pytest.approx(-70.391809)
    assert place.height.to_value("m") == pytest.approx(2433)


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """A night small enough for all of the old commands; in the cwd of cron, the night folder."""
    base = tmp_path_factory.mktemp("old") / "base"
    made = simulate_night(base, load_camera(), size=320, density=2.0, frames=4, cadence_s=120.0, calibrations=3)
    return base, made.folder, int(made.truths[0].stars["gaia_id"][0])


def test_new_figure_has_the_size_asked_for():
    assert new_figure(4, 3).get_size_inches().tolist() == [4, 3]


@pytest.mark.slow
def test_old_command_lines_work(night):
    base, folder, gaia_id = night
    for line in OLD_COMMANDS:
        name, *options = line.format(night=folder, gaia_id=gaia_id).split()
        named = [part for part in night_options(base) if part not in ("--night", folder.name)]
        named += [] if "--directory" in options else ["--directory", folder]
        if name.endswith(".py"):
            run_script(name.removesuffix(".py"), *options, *named, cwd=folder)
            continue
        command = [ROOT / "scripts" / name, "--only", "adding_headers", *named]
        env = BARE | {"PYTHON": sys.executable}
        done = subprocess.run(
            list(map(str, command)), env=env, cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{line}: {done.stderr[-2000:]}"
    catalogs = [path.name for path in folder.glob("*_catalog.fits") if "_matched_" not in path.name]
    [field] = {name.removesuffix("_catalog.fits") for name in catalogs}
    assert gaia_id in read_catalog(folder, field)["gaia_id"]
