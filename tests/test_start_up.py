"""What a night where all stands loads: packages that fit, draw or ask take longer to load than all its work."""

import subprocess
import sys

import pytest
from running import night_options, run_script

from ngcmos.config import load_camera
from ngcmos.simulate.night import simulate_night

HEAVY = {"matplotlib", "pandas", "finufft", "batman", "requests", "astroquery", "donuts", "photutils", "skimage"}
HEAVY |= {f"scipy.{name}" for name in ("special", "spatial", "linalg", "ndimage", "sparse", "stats", "optimize")}


def loaded_by(code):
    """Names of the modules that a program of its own has loaded at its end."""
    command = [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules)"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1].split())


def test_stages_start_without_what_a_finished_night_needs_not():
    loaded = loaded_by("from ngcmos.chain.registry import STAGES\n[one.run for one in STAGES.values()]")
    assert not (HEAVY | {"PIL", "astropy.timeseries"}) & loaded


@pytest.fixture(scope="module")
def standing(tmp_path_factory):
    """Options of a run over a night that is done, with a target that was fitted and drawn."""
    base = tmp_path_factory.mktemp("start") / "base"
    simulate_night(base, load_camera(), size=320, density=2.0, frames=12, calibrations=3, seed=7)
    options = [*map(str, night_options(base)), "--workers", "1", "--quiet"]
    run_script("run_night", *options)
    return options


def test_night_that_stands_is_run_again_without_what_fits_draws_or_asks(standing):
    loaded = loaded_by(f"from ngcmos.commands.run_night import main\nassert main({standing!r}) == 0")
    assert "ngcmos.report.page" in loaded and not HEAVY & loaded


NIGHTS_TELL_WHAT_IS_LOADED = """
from ngcmos.chain import nights
def tell(date, config, options):
    return nights.Report(date, 0, 0, 0, 0.0, " ".join({"donuts", "matplotlib", "scipy.optimize"} & {*sys.modules}))
nights.run_one = tell
print(*(sorted(one.where.split()) for one in nights.run_here(%r, None, nights.WHOLE)))
"""


def test_many_nights_find_loaded_what_each_would_load_one_night_does_not():
    def told(*dates):
        command = [sys.executable, "-c", f"import sys\n{NIGHTS_TELL_WHAT_IS_LOADED % (dates,)}"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    assert told("20240705") == "[]"
    assert told("20240705", "20240706") == " ".join(["['donuts', 'matplotlib', 'scipy.optimize']"] * 2)
