"""The script: options in, exit codes out."""

import runpy
from pathlib import Path

import pytest

from ngcmos.simulate.truth import read_truth

SCRIPT = Path(__file__).parents[2] / "scripts" / "simulate_night.py"


@pytest.fixture(scope="module")
def main():
    return runpy.run_path(str(SCRIPT))["main"]


def test_a_night_as_asked_for(tmp_path, main):
    options = ["--frames", "3", "--size", "64", "--date", "20240910", "--fault", "starless", "--seed", "4"]
    assert main([str(tmp_path / "base"), *options]) == 0
    assert len(read_truth(tmp_path / "base").frames) == 4
    assert (tmp_path / "base" / "nights" / "20240910").is_dir()


@pytest.mark.parametrize("options", [["--frames", "0"], ["--size", "10"], ["--fault", "x"], ["--camera", "none"]])
def test_wrong_usage_is_two_and_one_line(tmp_path, main, capsys, options):
    assert main([str(tmp_path / "base"), *options]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_unknown_option_is_two(tmp_path, main):
    with pytest.raises(SystemExit) as stopped:
        main([str(tmp_path), "--framez", "3"])
    assert stopped.value.code == 2
