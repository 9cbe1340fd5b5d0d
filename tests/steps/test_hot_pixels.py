"""Hot pixels of a night without darks, found in its frames: a simulated camera whose field drifts."""

import dataclasses
import shutil
import types

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from running import let_rest, run_stage

from ngcmos.config import load_camera, load_config
from ngcmos.night.folder import open_night
from ngcmos.simulate.detector import make_chip
from ngcmos.simulate.night import simulate_night
from ngcmos.stages import process_cmos, simple_wrapper
from ngcmos.tables.table import check_table, read_frames

SIZE, SEED = 256, 4


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """(config, Night) with plate solutions; no dark is taken off, hot pixels are looked for."""
    base = tmp_path_factory.mktemp("hot") / "base"
    plan = {"size": SIZE, "density": 3.0, "frames": 16, "seed": SEED, "calibrations": 3, "drift_px": (3.0, 2.0)}
    simulated = simulate_night(base, load_camera(), **plan)
    config = load_config(camera=str(simulated.camera_file), config=str(simulated.directories_file))
    own = dataclasses.replace(config.camera.calibration, dark=False, night_hot_pixels=True)
    config = dataclasses.replace(config, camera=dataclasses.replace(config.camera, calibration=own))
    night = open_night(config, simulated.folder)
    assert run_stage(simple_wrapper, config, night).exit_code == 0
    return config, night, run_stage(process_cmos, config, night)


def path_of(night):
    return next(night.folder.glob("hot_pixels_*.fits"))


def test_pixels_of_the_chip_are_found_by_their_dark_current(night):
    config, night, outcome = night
    detector = config.camera.detector
    chip = make_chip(detector, np.random.default_rng([SEED, 1]))
    found = Table.read(path_of(night))
    excess_e_s = np.zeros(detector.shape)
    excess_e_s[found["y"] - 1, found["x"] - 1] = found["excess"] * detector.gain_e_adu
    hot = chip.dark_e_s > 100
    inside = np.zeros_like(hot)
    inside[1:-1, 1:-1] = True
    assert (hot & inside).sum() >= 4
    assert np.abs(excess_e_s / chip.dark_e_s - 1)[hot & inside].max() < 0.03
    assert (excess_e_s > 100).sum() <= hot.sum()
    assert path_of(night) in outcome.products


def test_second_run_finds_the_same_and_changes_nothing(night):
    config, night, _ = night
    table = next(night.folder.glob("phot_*.fits"))
    before = table.read_bytes(), path_of(night).read_bytes(), path_of(night).stat().st_mtime_ns
    outcome = run_stage(process_cmos, config, night)
    assert not outcome.products
    assert (table.read_bytes(), path_of(night).read_bytes(), path_of(night).stat().st_mtime_ns) == before


def test_table_tells_that_they_entered(night):
    _, night, _ = night
    assert "hot_pixels" in check_table(next(night.folder.glob("phot_*.fits")))["INPUTS"]


def test_damaged_list_is_made_anew_the_same(night, caplog):
    config, night, _ = night
    path = path_of(night)
    whole = path.read_bytes()
    path.write_bytes(whole[:-2880] + bytes([whole[-2880] ^ 1]) + whole[-2879:])
    run_stage(process_cmos, config, night)
    assert path.read_bytes() == whole
    assert "damaged" in caplog.text


def test_frame_whose_pixels_cannot_be_read_costs_no_other(night, tmp_path):
    config, source, _ = night
    folder = tmp_path / source.folder.name
    shutil.copytree(source.folder, folder)
    path_of(types.SimpleNamespace(folder=folder)).unlink()
    worst = sorted(folder.glob("NG*S43*.fits"))[5]
    with fits.open(worst) as units:
        pixels, header = units[0].data.astype(np.float32), units[0].header
    pixels[7, 9] = np.nan
    fits.writeto(worst, pixels, header, overwrite=True)
    let_rest(folder)
    outcome = run_stage(process_cmos, config, open_night(config, folder), overwrite=True)
    assert not outcome.troubles and list(outcome.failed) == [worst.name]
    assert len(read_frames(next(folder.glob("phot_*.fits")))) == 15
