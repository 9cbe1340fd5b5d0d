"""The wheel, installed into an environment of its own: the command, the profiles, the mark of the types."""

import site
import subprocess
import sys
import venv

import pytest
from running import BARE, ROOT


def run(*words, **options):
    """What a command says; it must end well."""
    done = subprocess.run(
        [*map(str, words)], capture_output=True, text=True, check=False, timeout=120, **{"env": BARE} | options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """An environment with the wheel in it, and beside it the packages of this one without its ngcmos."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    [wheel] = folder.glob("*.whl")
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv" / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel)
    [packages] = (folder / "venv" / "lib").glob("python*/site-packages")
    (packages / "others.pth").write_text(
        "\n".join(site.getsitepackages()) + "\n"
    )  # does not read its editable ones
    return packages


@pytest.mark.slow
def test_installed_command_works_without_a_checkout(installed, tmp_path):
    command = installed.parents[2] / "bin" / "ngcmos"
    where = run(command.with_name("python"), "-c", "import ngcmos; print(ngcmos.__file__)", cwd=tmp_path)
    assert where.startswith(str(installed))
    assert (installed / "ngcmos" / "py.typed").exists()
    run(
        command,
        "simulate_night",
        "night",
        "--camera",
        "microobservatory",
        "--size",
        "256",
        "--frames",
        "1",
        cwd=tmp_path,
    )
    options = ["--config", "night/directories.json", "--camera", "night/camera.toml", "--night", "20240705"]
    run(command, "night_report", *options, cwd=tmp_path)
    page = (tmp_path / "night" / "nights" / "20240705" / "night_report.html").read_text(encoding="utf-8")
    assert f"{command.with_name('python')} -m ngcmos run_night --directory {tmp_path}" in page
