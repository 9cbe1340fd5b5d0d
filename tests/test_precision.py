"""docs/precision.md comes from one command in one run, and is what that run gave."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "docs" / "precision.md"


@pytest.fixture(scope="module")
def precision():
    spec = importlib.util.spec_from_file_location("precision", ROOT / "tests" / "precision.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["precision"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def page(precision):
    return precision.PAGE.read_text(encoding="utf-8")


def test_every_part_has_its_place_in_the_page(precision, page):
    named = set(re.findall(r"^@(\w+)$", page, flags=re.MULTILINE))
    assert named == {*precision.PARTS, "about", "unexpected"}
    tables = set(re.findall(r"^@(\w+) 1$", page, flags=re.MULTILINE))
    assert tables == set(precision.PARTS)


def test_kept_page_is_what_one_run_printed(precision, page):
    """Its text is that of the page, word for word; between it stand commands and tables alone."""
    text = KEPT.read_text(encoding="utf-8")
    pieces = [piece.strip("\n") for piece in re.split(r"^@[\w ]+$", page, flags=re.MULTILINE)]
    at, printed = 0, []
    for piece in pieces:
        found = text.find(piece, at)
        assert found >= 0, f"not in {KEPT.name}: {piece[:80]}"
        printed.append(text[at:found])
        at = found + len(piece)
    assert not text[at:].strip() or text[at:].strip().startswith("|")
    about, unexpected, *parts = printed[1:]
    assert re.search(r"of commit \w", about) and "dirty" not in about and " in one" not in about
    assert unexpected.strip().startswith("Of ")
    lines = [line for part in parts for line in part.splitlines() if line.strip()]
    made = re.compile(r"\||    python|\*[\d.]+ minutes\.\*$")
    assert [line for line in lines if not made.match(line)] == []
    assert sum(line.startswith("*") for line in lines) == len(precision.PARTS)


def test_every_number_that_is_not_as_expected_is_named(precision):
    printed = {"night": precision.Printed(precision.tables_of(KEPT.read_text(encoding="utf-8")), "")}
    told = "\n".join(precision.unexpected(printed))
    assert told in KEPT.read_text(encoding="utf-8")


def test_every_program_that_measures_is_part_of_the_one_command(precision, tmp_path):
    used = {
        Path(word)
        for part in precision.PARTS
        for command in precision.commands(part, tmp_path)
        for word in command
    }
    assert {path for path in used if path.suffix == ".py" and not path.exists()} == set()
    assert set((ROOT / "tests").glob("precision_*.py")) <= used


@pytest.mark.parametrize(
    ("measured", "expected", "good"),
    [
        ("1.05", "<= 1.05", True),
        ("1.06", "<= 1.05", False),
        ("1.60", "<= 1.4 x 1.19", True),
        ("1.70", "<= 1.4 x 1.19", False),
        ("99.3", ">= 99", True),
        ("98.9", ">= 99", False),
        ("-0.06", "0 +- 0.05", False),
        ("-0.05", "0 +- 0.05", True),
        ("0.92", "1.00 +- 0.08", True),
        ("9", "9", True),
        ("8", "9", False),
        ("3e-05", "<= 1", True),
    ],
)
def test_numbers_are_judged_by_what_is_expected(precision, measured, expected, good):
    assert precision.holds(measured, expected) is good


def test_numbers_that_miss_are_counted_and_named(precision):
    table = "| what | measured | expected |\n|---|---|---|\n| a | 1.2 | <= 1 |\n| b | 0.9 | <= 1 |\n| c | 5 |  |"
    other = "| apart | mean |\n|---|---|\n| 2 | 0.9 |"
    head, *missed = precision.unexpected({"night": precision.Printed((table, other), "")})
    assert head == "Of 2 numbers with an expectation 1 are as expected."
    assert missed == ["- a | 1.2 | <= 1"]


def test_what_a_part_prints_takes_its_place(precision, tmp_path, monkeypatch):
    said = "import sys; sys.stdout.write('words\\n| a |\\n|---|\\n| 1 |\\n\\n| b |\\n|---|\\n| 2 |\\n')"
    monkeypatch.setattr(precision, "commands", lambda part, folder: [[sys.executable, "-c", said, folder / part]])
    printed = {"pairs": precision.run_part("pairs", tmp_path)}
    text = precision.write_page("# Head\n\n@about\n\n@pairs\n\n@pairs 2\n\n@night\n", printed, ["made so"])
    assert text.startswith("# Head\n\nmade so\n\n    python -c ")
    assert re.search(r" FOLDER/pairs\n\n\*[\d.]+ minutes\.\*\n\n\| b \|\n\|---\|\n\| 2 \|\n\n$", text)


def test_failure_of_a_part_is_told(precision, tmp_path, monkeypatch):
    monkeypatch.setattr(
        precision, "commands", lambda part, folder: [[sys.executable, "-c", "raise SystemExit(3)"]]
    )
    printed = precision.run_part("pairs", tmp_path)
    assert printed.failed and "FAILED with 3" in printed.made


def test_parts_of_the_real_frames_are_left_out_and_said(precision, tmp_path, monkeypatch):
    monkeypatch.delenv("NGCMOS_REAL_DATA", raising=False)
    printed = precision.run_part("real", tmp_path)
    assert not printed.failed and "NGCMOS_REAL_DATA" in printed.made


def test_unknown_part_is_refused(tmp_path):
    command = [sys.executable, str(ROOT / "tests" / "precision.py"), str(tmp_path), "everything"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "no part everything; there are night, sky" in done.stderr
