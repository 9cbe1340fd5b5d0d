"""The flats of a night: which are made, which stand, which are made anew, which give way."""

import dataclasses

import numpy as np
import pytest
from astropy.io import fits
from running import run_stage

from ngcmos.config import Config, Directories, load_camera
from ngcmos.night.folder import open_night
from ngcmos.stages import create_flats

ROWS, COLUMNS = 40, 48
NIGHT = "20240705"


@pytest.fixture
def config(tmp_path):
    profile = load_camera()
    small = dataclasses.replace(profile.detector, rows=ROWS, columns=COLUMNS)
    camera = dataclasses.replace(profile, detector=small, files=dataclasses.replace(profile.files, settling_s=0.0))
    folders = Directories(*(tmp_path / name for name in ("calibration", "base", "out")))
    for folder in (folders.calibration, folders.out, folders.base / NIGHT):
        folder.mkdir(parents=True)
    for number in range(3):
        write_raw(folders.calibration / f"bias-2024070504000{number}000.fits", 100)
        write_raw(folders.calibration / f"dark-2024070505000{number}000.fits", 110, exptime=10.0)
    return Config(folders, camera)


def write_raw(path, value, *, exptime=0.0, **cards):
    header = fits.Header({"EXPTIME": exptime, "READMODE": "HDR 16-bit"} | cards)
    fits.writeto(path, np.full((ROWS, COLUMNS), value, np.uint16), header)


def folder_of(config):
    return config.directories.base / NIGHT


def write_flats(config, name, *, count=3, at=0):
    for number in range(count):
        path = folder_of(config) / f"evening-flat-2024070523000{at + number}000.fits"
        write_raw(path, 20000 + 100 * number, exptime=1.0, FILTER=name)


def write_frame(config, name, at):
    """A science frame of a filter."""
    path = folder_of(config) / f"NG0000-0000_TIC-1_S43-2024070603000{at}000.fits"
    write_raw(path, 300, exptime=10.0, FILTER=name, **{"DATE-OBS": f"2024-07-06T03:00:0{at}"})


def make(config):
    return run_stage(create_flats, config, open_night(config, folder_of(config)))


def test_each_filter_gets_a_flat_of_its_own(config):
    for at, name in enumerate("BR"):
        write_frame(config, name, at)
        write_flats(config, name, at=3 * at)
    assert make(config).done == ["master_flat_B.fits", "master_flat_R.fits"]
    found = [fits.getheader(folder_of(config) / f"master_flat_{name}.fits") for name in "BR"]
    assert [(header["FILTER"], header["NCOMBINE"]) for header in found] == [("B", 3), ("R", 3)]


def test_the_only_filter_of_a_night_has_the_plain_name(config):
    write_frame(config, "B", 0)
    write_flats(config, "B")
    assert make(config).done == ["master_flat.fits"]
    assert make(config).skipped == ["master_flat.fits"]


def test_the_flat_that_the_old_cron_kept_for_the_night_comes_before_raw_flats(config):
    write_flats(config, "NGTS")
    fits.writeto(config.directories.out / f"master_flat_{NIGHT}.fits", np.ones((ROWS, COLUMNS), np.float32))
    assert make(config).skipped == ["master_flat.fits"]
    assert not (folder_of(config) / "master_flat.fits").exists()


@pytest.mark.parametrize("spoil", ["rule", "newcomers"])
def test_flat_that_would_be_made_otherwise_today_is_made_anew(config, caplog, spoil):
    write_flats(config, "NGTS")
    make(config)
    path = folder_of(config) / "master_flat.fits"
    if spoil == "rule":
        with fits.open(path, mode="update", checksum=True) as units:
            units[0].header["CALRULE"] = 1
    else:
        write_flats(config, "NGTS", at=5)
    assert make(config).done == ["master_flat.fits"]
    assert "it is made anew" in caplog.text
    assert make(config).skipped == ["master_flat.fits"]


def test_flat_of_mixed_filters_that_cannot_be_made_anew_does_not_stay(config):
    """Two of the three frames that an earlier rule combined are of another filter."""
    write_frame(config, "B", 0)
    write_flats(config, "B")
    make(config)
    for path in sorted(folder_of(config).glob("evening*"))[1:]:
        fits.setval(path, "FILTER", value="R")
    outcome = make(config)
    assert outcome.exit_code == 1
    assert "1 usable evening*.fits" in outcome.troubles[0]
    assert not (folder_of(config) / "master_flat.fits").exists()
    assert (folder_of(config) / "master_flat.fits.old1").exists()


@pytest.mark.parametrize("key", ["flat", "reduced"])
def test_camera_that_needs_no_flats_makes_none(config, key):
    own = dataclasses.replace(config.camera.calibration, **{key: key == "reduced"})
    write_flats(config, "NGTS")
    outcome = make(dataclasses.replace(config, camera=dataclasses.replace(config.camera, calibration=own)))
    assert (outcome.exit_code, outcome.done, outcome.troubles) == (0, [], [])
