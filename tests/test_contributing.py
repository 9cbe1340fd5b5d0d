"""What CONTRIBUTING.md and docs/algorithms.md say, held against the suite itself."""

import importlib
import os
import re
import shlex
import shutil
import subprocess
import sys

import numpy as np
import pytest
from pages import anchors, links
from running import BARE, ROOT

from ngcmos.night.ledger import DONE, REFUSED, read_ledger

PAGES = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("CONTRIBUTING.md", "docs/algorithms.md")}
CONTRIBUTING = PAGES["CONTRIBUTING.md"]
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", CONTRIBUTING, re.MULTILINE | re.DOTALL)
COMMANDS = [line for language, text in BLOCKS if language == "sh" for line in text.splitlines()]


def inline(text):
    """What stands between single backquotes, outside of blocks."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize("page", PAGES)
def test_files_that_a_page_names_are_there(page):
    named = [
        text for text in inline(PAGES[page]) if re.fullmatch(r"(scripts|config|docs|tests|ngcmos)/[\w./-]*", text)
    ]
    assert len(named) > 10
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_functions_that_a_page_names_are_there(page):
    """`name` of `ngcmos/module.py`: that module has it."""
    text = re.sub(r"\s+", " ", PAGES[page])
    pairs = re.findall(r"`(\w+)(?:\([^`]*\))?` of `(ngcmos[\w/.]*)`", text)
    assert pairs
    for name, place in pairs:
        module = importlib.import_module(place.removesuffix(".py").replace("/", "."))
        assert hasattr(module, name), f"{place} has no {name}"


@pytest.mark.parametrize("page", PAGES)
def test_files_and_chapters_that_a_page_links_are_there(page):
    for name, at in links(PAGES[page]):
        target = (ROOT / page).parent / name if name else ROOT / page
        assert target.exists(), name
        assert not at or at in anchors(target.read_text(encoding="utf-8")), f"{name}#{at}"


def test_every_package_has_its_place_in_the_house():
    packages = {f"ngcmos/{path.parent.name}/" for path in (ROOT / "ngcmos").glob("*/__init__.py")}
    assert packages <= set(inline(CONTRIBUTING.split("## How code reads here")[0]))


def test_make_targets_are_there():
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {text.split()[1] for text in [*inline(CONTRIBUTING), *COMMANDS] if text.startswith("make ")}
    assert {"install", "test", "lint"} <= named <= targets


def test_marks_are_those_of_the_tests():
    marks = set(re.findall(r'^    "(\w+): ', (ROOT / "pyproject.toml").read_text(), re.MULTILINE))
    assert marks <= set(inline(CONTRIBUTING.split("## Tests")[1].split("## ")[0]))


def test_other_commands_run(tmp_path):
    """Those of pytest and make would run the tests within a test: their files are looked for instead."""
    for line in COMMANDS:
        words = shlex.split(line)
        if words[0] == "make":
            continue
        if "pytest" in words:
            assert [word for word in words if word.startswith("tests/") and not (ROOT / word).exists()] == []
            continue
        for name in ("scripts", "config"):
            shutil.copytree(ROOT / name, tmp_path / name)
        done = subprocess.run(
            [sys.executable, *words[1:], "--frames", "1"], cwd=tmp_path, env=BARE, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]


@pytest.fixture
def walked(tmp_path):
    """A checkout in which the recipe of a stage was followed."""
    for part in ("ngcmos", "config"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    [code] = [text for language, text in BLOCKS if language == "python"]
    (tmp_path / "ngcmos" / "stages" / "measure_median.py").write_text(code)
    [member] = [text for text in inline(CONTRIBUTING) if text.startswith("MEASURE_MEDIAN = ")]
    names, registry = tmp_path / "ngcmos" / "names.py", tmp_path / "ngcmos" / "chain" / "registry.py"
    names.write_text(names.read_text().replace("    NIGHT_REPORT = ", f"    {member}\n    NIGHT_REPORT = "))
    last = "    Entry(Stage.NIGHT_REPORT,"
    entry = '    Entry(Stage.MEASURE_MEDIAN, Unit.FRAME, "frames", "medians in the ledger", parallel=True),\n'
    registry.write_text(registry.read_text().replace(last, entry + last))
    return tmp_path


def test_recipe_of_a_stage_works(walked, base, small_config, write_raw):
    folder = small_config.directories.base / "20240705"
    folder.mkdir()
    good = write_raw(folder / "NG2320-1302_TIC-1_S43-20240706072737751.fits", np.full((2048, 2048), 7, np.uint16))
    bad = folder / "NG2320-1302_TIC-1_S43-20240706072750751.fits"
    bad.touch()
    os.utime(good, (1, 1)), os.utime(bad, (1, 1))
    night = ["--config", str(base / "directories.json"), "--night", "20240705"]
    for words in (["measure_median"], ["run_night", "--only", "measure_median"]):
        command = [sys.executable, "-m", "ngcmos", *words, *night]
        env = BARE | {"PYTHONPATH": str(walked)}
        done = subprocess.run(command, cwd="/", env=env, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
    told = {e.frame: (e.verdict, e.numbers.get("median_adu")) for e in read_ledger(folder) if e.stage != "run"}
    assert told == {good.name: (DONE, 7.0), bad.name: (REFUSED, None)}
