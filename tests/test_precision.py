"""The numbers of docs/precision.md come from one command, whose parts the page names."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def precision():
    spec = importlib.util.spec_from_file_location("precision", ROOT / "tests" / "precision.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_parts_are_those_that_the_page_names(precision):
    page = (ROOT / "docs" / "precision.md").read_text(encoding="utf-8")
    assert f"# of {' '.join(precision.PARTS)}" in page
    named = re.findall(r"make precision PARTS=\"?([\w ]+)", page)
    assert {part for parts in named for part in parts.split()} <= set(precision.PARTS)


def test_every_program_that_measures_is_part_of_the_one_command(precision, tmp_path):
    used = {
        Path(word)
        for part in precision.PARTS
        for command in precision.commands(part, tmp_path)
        for word in command
    }
    assert {path for path in used if path.suffix == ".py" and not path.exists()} == set()
    assert set((ROOT / "tests").glob("precision_*.py")) <= used


def test_what_a_part_prints_is_kept_and_its_failure_told(precision, tmp_path):
    with (tmp_path / "kept").open("w") as keep:
        assert precision.run([sys.executable, "-c", "print('| a | 1 |')"], keep) == 0
        assert precision.run([sys.executable, "-c", "raise SystemExit(3)"], keep) == 3
    text = (tmp_path / "kept").read_text()
    assert "| a | 1 |" in text and re.search(r"done in \d+ s", text) and re.search(r"FAILED in \d+ s", text)


def test_unknown_part_is_refused(tmp_path):
    command = [sys.executable, str(ROOT / "tests" / "precision.py"), str(tmp_path), "everything"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "no part everything; there are night, sky" in done.stderr
