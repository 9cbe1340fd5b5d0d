"""The coverage that is kept, and what `make test` tells of it."""

import importlib.util
import subprocess
import sys

import pytest
from running import ROOT


@pytest.fixture(scope="module")
def kept():
    spec = importlib.util.spec_from_file_location("coverage_kept", ROOT / "tests" / "coverage_kept.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_share_is_told_with_its_age_and_the_rooms_that_have_least(kept, tmp_path):
    files = {"ngcmos/qc/a.py": (10, 9), "ngcmos/qc/b.py": (10, 10), "/x/ngcmos/night/c.py": (60, 30)}
    files |= {"ngcmos/names.py": (20, 20), "ngcmos/qc/__init__.py": (0, 0)}
    report = {"files": {n: {"summary": {"num_statements": a, "covered_lines": b}} for n, (a, b) in files.items()}}
    kept.keep(kept.rooms_of(report), "abc1234", "all tests", tmp_path / "kept.tsv")
    text = (tmp_path / "kept.tsv").read_text()
    line = "Coverage of abc1234 (7 commits of ngcmos since), by all tests: 69.0% of 100 statements"
    assert kept.told(text, "7") == f"{line}; least: night 50%, qc 95%, names.py 100%"
    assert ", by all tests" in kept.told(text, None) and "since" not in kept.told(text, None)


def test_what_is_kept_is_of_rooms_that_there_are(kept):
    """A room that came later is not in it: measure again."""
    rooms = [line.split("\t")[0] for line in kept.KEPT.read_text(encoding="utf-8").splitlines()[2:]]
    assert rooms and all((ROOT / "ngcmos" / room).exists() for room in rooms)
    command = [sys.executable, str(ROOT / "tests" / "coverage_kept.py")]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.startswith("Coverage of ") and said.count("\n") == 1
