"""The pinned versions install with the oldest Python that is promised, not only with a later patch of it."""

import importlib.metadata
import tomllib

import pytest
from packaging.specifiers import SpecifierSet
from running import ROOT

LISTS = ("requirements.txt", "tests/requirements.txt")


def pins():
    lines = [line for name in LISTS for line in (ROOT / name).read_text().splitlines() if "==" in line]
    return dict(line.split(";")[0].strip().split("==") for line in lines)


def oldest_python():
    with (ROOT / "pyproject.toml").open("rb") as file:
        promised = tomllib.load(file)["project"]["requires-python"]
    assert promised.startswith(">=")
    return promised.removeprefix(">=") + ".0"


@pytest.mark.parametrize("name", sorted(pins()))
def test_pinned_version_installs_with_the_oldest_python(name):
    try:
        package = importlib.metadata.metadata(name)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"{name} is not installed here")
    if package["Version"] != pins()[name]:
        pytest.skip(f"{name} {package['Version']} is installed here, not the pinned one")
    assert SpecifierSet(package.get("Requires-Python", "")).contains(oldest_python())
