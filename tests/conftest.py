"""What all tests share: real frames where they are, frames made by hand, and a sky without a network."""

import ngcmos.commands.running  # noqa: F401  isort: skip - first, before numpy: keeps its linear algebra to one core, as scripts do

import dataclasses
import gc
import json
import logging
import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.utils import iers
from hypothesis import HealthCheck, settings

from ngcmos.config import Config, Directories, load_camera

# the same examples in each run: what fails here fails everywhere; machines are shared: no example has a deadline,
# and none is refused because making it took long
settings.register_profile("suite", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")
iers.conf.auto_download = False  # there is no network; older astropys ask for it though the table lies here


# rooms and modules that take longest, ten seconds and more: begun first, so that none is waited for at the end
HEAVIEST = (
    "test_night_alone.py",
    "test_follow.py",
    "test_full_night.py",
    "test_nights.py",
    "test_chain.py",
    "test_crontab.py",
    "test_reductions.py",
    "test_real_frames.py",
    "test_readme.py",
    "test_hurried.py",
    "stages",
    "test_scripts.py",
    "test_bad_input.py",
    "test_start_up.py",
    "test_old_names.py",
    "test_mail.py",
    "test_browser.py",
    "draft",
    "report",
    "transits",
    "cases",
    "season",
)


@pytest.hookimpl(optionalhook=True)  # xdist may be left out
def pytest_xdist_auto_num_workers():
    """One worker more than there are cores: tests that follow a night, run lines of a crontab or start processes
    wait for these and for clocks, and leave a core idle meanwhile. None where the environment says how many."""
    if os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS"):
        return None
    return 1 + (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def pytest_collection_modifyitems(config, items):
    """Where several workers share the tests, the heaviest modules come first; else all keep their order."""
    if hasattr(config, "workerinput"):
        items.sort(key=_rank)


def pytest_collection_finish():
    """What has been imported stays: leaving it out of each collection of garbage saves a twentieth of the CPU."""
    gc.collect()
    gc.freeze()


def _rank(item):
    inside = item.path.relative_to(Path(__file__).parent)
    return min((HEAVIEST.index(name) for name in (str(inside), inside.parts[0]) if name in HEAVIEST), default=99)


_LOG = logging.getLogger("ngcmos")
_UNTOUCHED = _LOG.handlers[:], _LOG.level, _LOG.propagate


def _leave_log():
    _LOG.handlers, _LOG.propagate = _UNTOUCHED[0][:], _UNTOUCHED[2]
    _LOG.setLevel(_UNTOUCHED[1])


@pytest.fixture(autouse=True)
def _log_as_it_was():
    """A command that a test, or what is made for a module of them, runs in its own process sets up the log: each
    test finds it untouched."""
    _leave_log()
    yield
    _leave_log()


@pytest.fixture(scope="session")
def real_data():
    """Folder of the real frames; the test is skipped where it is not known."""
    folder = os.environ.get("NGCMOS_REAL_DATA")
    if not folder:
        pytest.skip("real frames: $NGCMOS_REAL_DATA is not set")
    if not Path(folder).is_dir():
        pytest.fail(f"$NGCMOS_REAL_DATA is {folder}, which is not a folder")
    return Path(folder)


@pytest.fixture(scope="session")
def real_base(real_data, tmp_path_factory):
    """Base folder of the real night after its chain, made by one worker for all; not to be changed."""
    from made_once import made_once
    from test_real_frames import reduce

    folder, _ = made_once(tmp_path_factory, "real", lambda folder: reduce(real_data, folder / "base"))
    return folder / "base"


@pytest.fixture(scope="session")
def small_camera():
    """The camera of the suite with a chip of 64 columns and 48 rows, and files that are whole at once."""
    camera = load_camera()
    return dataclasses.replace(
        camera,
        detector=dataclasses.replace(camera.detector, rows=48, columns=64),
        files=dataclasses.replace(camera.files, settling_s=0.0),
    )


@pytest.fixture
def base(tmp_path):
    """A base folder with the three places that directories.json names, and the file itself."""
    for name in ("calibration", "nights", "out"):
        (tmp_path / name).mkdir()
    lists = {"calibration_paths": ["calibration"], "base_paths": ["nights"], "out_paths": ["out"]}
    (tmp_path / "directories.json").write_text(json.dumps(lists))
    return tmp_path


@pytest.fixture
def small_config(base, small_camera):
    """Config of `base` and the small camera."""
    return Config(Directories(base / "calibration", base / "nights", base / "out"), small_camera)


@pytest.fixture
def write_raw():
    """Function that writes a raw frame as the camera does; a card given as None is left out."""

    def write(path, data=None, **cards):
        if data is None:
            data = np.arange(48 * 64, dtype=np.uint16).reshape(48, 64)
        header = fits.Header()
        header["OBJECT"] = Path(path).name.rsplit("-", 1)[0]
        header["DATE-OBS"] = "2024-07-06T07:27:37.751"
        header["EXPTIME"] = 10.0
        header["READMODE"] = "HDR 16-bit"
        header["ALTITUDE"] = 60.0
        header["TELRAD"] = 350.0
        header["TELDECD"] = -13.0
        for key, value in cards.items():
            key = key.replace("_", "-")
            if value is None:
                del header[key]
            else:
                header[key] = value
        fits.PrimaryHDU(data, header).writeto(path)
        return Path(path)

    return write
