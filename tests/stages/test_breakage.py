"""One thing broken on purpose at a time: the comparison with the truth or the audit must say so."""

import dataclasses
import json
import shutil
import types

import numpy as np
import pytest
from astropy.io import fits
from running import run_stage

from ngcmos.calibration.masters import load_masters
from ngcmos.config import load_config
from ngcmos.lightcurves.cube import read_cube
from ngcmos.names import Flag
from ngcmos.night.folder import open_night
from ngcmos.photometry.sky import KnownStars
from ngcmos.simulate.compare import LIMITS, compare_field
from ngcmos.simulate.detector import make_chip
from ngcmos.simulate.night import simulate_night
from ngcmos.stages import create_flats, noise_model, process_cmos, simple_wrapper
from ngcmos.steps import measuring as frame_photometry
from ngcmos.tables.table import read_stars

POSITION, SCALE = "constant offset [px]", "flux scale from star to star [%]"
TIME = "largest error of jd_bary [ms]"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A flat-fielded night after its photometry, in a folder to break copies of."""
    from ngcmos.config import load_camera

    base = tmp_path_factory.mktemp("whole") / "base"
    options = {"size": 384, "density": 3.0, "frames": 10, "calibrations": 5, "seed": 6}
    simulated = simulate_night(base, load_camera(), **options)
    config, night = opened(base)
    for stage in (simple_wrapper, create_flats, process_cmos):
        assert run_stage(stage, config, night).exit_code == 0
    return types.SimpleNamespace(base=base, truth=simulated.truths[0])


def opened(base):
    """(config, night) of a base folder."""
    config = load_config(camera=str(base / "camera.toml"), config=str(base / "directories.json"))
    return config, open_night(config, base / "nights" / "20240705")


@pytest.fixture
def copy(whole, tmp_path):
    """(config, night) of a copy of it."""
    shutil.copytree(whole.base, tmp_path / "base")
    return opened(tmp_path / "base")


def table_of(night):
    return next(night.folder.glob("phot_*.fits"))


def numbers(whole, config, night):
    return compare_field(table_of(night), whole.truth, config.camera).numbers


def measure_again(config, night):
    outcome = run_stage(process_cmos, config, night, overwrite=True)
    assert outcome.exit_code == 0, outcome.summary()


def test_nothing_is_said_of_the_whole_night(whole, copy):
    found = numbers(whole, *copy)
    assert all(found[name] <= LIMITS[name] for name in (POSITION, SCALE, TIME)), found


@pytest.mark.parametrize("factor", [0.8, 1.2])
def test_gain_off_by_20_per_cent(copy, factor):
    config, night = copy
    detector = config.camera.detector
    wrong = dataclasses.replace(detector, gain_e_adu=factor * detector.gain_e_adu)
    run_stage(noise_model, config, night)
    before = json.loads(next(night.folder.glob("rms_mags_*_1.json")).read_text())
    camera = dataclasses.replace(config.camera, detector=wrong)
    run_stage(noise_model, dataclasses.replace(config, camera=camera), night, overwrite=True)
    after = json.loads(next(night.folder.glob("rms_mags_*_1.json")).read_text())
    assert before["sky_sentence"] == ""
    assert after["sky_sentence"].startswith("pixels of the sky scatter")


def test_centre_off_by_a_pixel(whole, copy):
    config, night = copy
    for path in next(iter(night.fields.values())):
        with fits.open(path, mode="update") as units:
            units[0].header["CRPIX1"] += 1.0
    measure_again(config, night)
    assert numbers(whole, config, night)[POSITION] == pytest.approx(1.0, abs=0.05)


def test_flat_left_out(whole, copy):
    config, night = copy
    (night.folder / "master_flat.fits").unlink()
    measure_again(config, night)
    assert numbers(whole, config, night)[SCALE] > 2 * LIMITS[SCALE]


def test_slope_of_the_high_range_left_out(whole, copy):
    """Bright stars, whose light lies above the gain step, come out 0.2 % too bright."""
    config, night = copy
    right = bright_excess(whole, config, night)
    detector = dataclasses.replace(config.camera.detector, high_range_slope=1.0)
    plain = dataclasses.replace(config, camera=dataclasses.replace(config.camera, detector=detector))
    measure_again(plain, night)
    wrong = bright_excess(whole, config, night)
    assert abs(right) < 1.2e-3  # five flats know a pixel to 0.25 %
    assert wrong > 1.2e-3
    assert wrong - right == pytest.approx(0.002, abs=2e-4)


def bright_excess(whole, config, night):
    """How much too bright lonely stars of Tmag up to 11.5 are, relative, in units of what the flat calls 1."""
    cube, true, stars = against_truth(whole, config, night, contamination=1e-3)
    scale = flat_scale(whole, config, night)
    bright = np.asarray(stars["Tmag"]) < 11.5
    return np.nanmedian((cube["flux_5"] / true)[:, bright]) * scale - 1


def test_known_stars_left_in_the_sky(whole, copy, monkeypatch):
    """Stars too faint to be measured lift the sky of all others."""
    config, night = copy
    right = sky_excess(whole, config, night)
    nothing = KnownStars(*(np.zeros(0) for _ in range(3)))
    monkeypatch.setattr(frame_photometry, "_known_stars", lambda *_: nothing)
    measure_again(config, night)
    wrong = sky_excess(whole, config, night)
    assert abs(right) < 0.25  # in this crowd the faintest are left in
    assert wrong > 0.5


def sky_excess(whole, config, night):
    """How far the sky under the stars is off the true one, mean over all stars and frames, ADU."""
    truth, cube = whole.truth, read_cube(table_of(night), ["x", "y", "sky"])
    gradient = json.loads((whole.base / "simulation.json").read_text())["sky_gradient"]
    rows, columns = config.camera.detector.shape
    tilt = 1 + gradient * ((cube["x"] - 1) / (columns - 1) - 0.5 + (cube["y"] - 1) / (rows - 1) / 2 - 0.25)
    true = np.asarray(truth.frames["sky_e"])[:, None] * tilt / config.camera.detector.gain_e_adu
    return np.nanmean(cube["sky"] - true / flat_scale(whole, config, night))


def flat_scale(whole, config, night):
    """What the flat calls 1, in units of the response of the chip."""
    seed = json.loads((whole.base / "simulation.json").read_text())["seed"]
    chip = make_chip(config.camera.detector, np.random.default_rng([seed, 1]))
    return np.median(load_masters(config, night.folder).flat / chip.response)


def test_hours_for_degrees(whole, copy, monkeypatch):
    config, night = copy
    real = frame_photometry.star_directions
    monkeypatch.setattr(frame_photometry, "star_directions", lambda ra, dec: real(np.asarray(ra) / 15, dec))
    measure_again(config, night)
    assert numbers(whole, config, night)[TIME] > 1000 * LIMITS[TIME]


def test_hot_pixels_moved(whole, copy, monkeypatch):
    """Hot pixels are elsewhere than in the master dark, the hottest by as much as takes it onto a star."""
    config, night = copy
    before = wild_share(whole, config, night)
    real = process_cmos.load_masters
    cube, stars = read_cube(table_of(night), ["x", "y", "flags"]), read_stars(table_of(night))
    clean = (cube["flags"] == 0).all(axis=0) & (np.asarray(stars["contamination"]) < 0.005)
    star = np.flatnonzero(clean & (np.asarray(stars["Tmag"]) > 13))[0]

    def moved(*arguments):
        masters = real(*arguments)
        row, column = np.unravel_index(np.argmax(masters.dark), masters.dark.shape)
        there = round(float(cube["y"][0, star]) - 1) - row, round(float(cube["x"][0, star]) - 1) - column
        return dataclasses.replace(masters, dark=np.roll(masters.dark, there, axis=(0, 1)))

    monkeypatch.setattr(process_cmos, "load_masters", moved)
    measure_again(config, night)
    assert before == 0
    assert wild_share(whole, config, night) > 0


def wild_share(whole, config, night):
    """Share of the counts that no flag warns of and that are off the truth by more than six errors."""
    cube, true, stars = against_truth(whole, config, night, contamination=0.02)
    pulls = ((cube["flux_5"] - true) / cube["fluxerr_5"])[:, np.asarray(stars["Tmag"]) > 12]
    return np.mean(np.abs(pulls[np.isfinite(pulls)]) > 6)


def against_truth(whole, config, night, *, contamination):
    """(columns of the table, true counts, stars), fluxes that a flag warns of NaN, of stars that lonely."""
    truth, path = whole.truth, table_of(night)
    stars = read_stars(path)
    stars = stars[np.asarray(stars["contamination"]) < contamination]
    rows = {tic_id: row for row, tic_id in enumerate(np.asarray(truth.stars["tic_id"]).tolist())}
    index = np.array([rows[tic_id] for tic_id in stars["tic_id"].tolist()])
    lonely = np.isin(read_stars(path)["tic_id"], stars["tic_id"])
    cube = read_cube(path, ["flux_5", "fluxerr_5", "flags"], stars=lonely)
    spoilt = Flag.EDGE | Flag.SATURATED | Flag.BAD_PIXEL | Flag.OFF_CHIP
    cube["flux_5"] = np.where(cube["flags"] & spoilt, np.nan, cube["flux_5"])
    true = (truth.electrons * truth.scintillation)[:, index] / config.camera.detector.gain_e_adu
    return cube, true, stars
