import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from running import run_script, run_stage

from ngcmos.config import load_config
from ngcmos.errors import UsageError, WorkError
from ngcmos.night.folder import open_night
from ngcmos.photometry.centroids import window_sigma
from ngcmos.report.transit import Asked, limit_in_words, run
from ngcmos.stages import process_cmos, relative_photometry
from ngcmos.tables.observed import StarId
from ngcmos.tables.table import read_stars
from ngcmos.transits.centre import Motion
from ngcmos.transits.ephemeris import Ephemeris

PROMISED = [
    "transit",
    "depth",
    "depth_err",
    "mid_time_bjd",
    "mid_time_err_d",
    "duration_h",
    "duration_err_h",
    "oc_min",
]
PROMISED += ["chi2", "beta", "bic_difference", "depth_limit", "contamination", "comparison_stars", "aperture"]
NEAR_TARGET, BINARY = 608722752, 1724701376  # a pair of the simulated sky, 18 arcsec apart
WIDTH_PX = 1.9  # of its stars
OFF_PX = (2.0, -1.0)


def target_of(truth):
    return truth.stars[np.flatnonzero(truth.stars["signal"] == "transit")[0]]


@pytest.fixture(scope="module")
def fitted(transit_night, tmp_path_factory):
    """(what the JSON says, folder of the files, truth) of the target, with an ephemeris of the list of targets."""
    config, folder, truth = transit_night
    star, place = target_of(truth), tmp_path_factory.mktemp("fit")
    targets = config.directories.out / "targets.csv"
    row = f"{star['tic_id']},3.5,{star['epoch_bjd'] - 7.002:.8f},1e-6,0.001,{star['duration_d'] * 24:.3f},0.3"
    targets.write_text(f"tic_id,period_d,t0_bjd,period_err_d,t0_err_d,duration_h,depth\n{row}\n")
    files = {"json": place / "transit.json", "output": place / "transit.png"}
    outcome = run(config, [folder], Asked(StarId(gaia_id=int(star["gaia_id"])), **files))
    assert outcome.exit_code == 0 and outcome.products == list(files.values())
    targets.unlink()
    return json.loads(files["json"].read_text()), place, truth


def test_the_file_has_what_was_promised(fitted):
    said, _, truth = fitted
    assert list(said)[: len(PROMISED)] == PROMISED
    assert said["gaia_id"] == int(target_of(truth)["gaia_id"]) and "BJD_TDB" in said["units"]
    assert said["comparison_stars"] >= 1 and said["aperture"] in (2, 3, 4, 5, 6)


def test_the_planted_transit_is_found(fitted):
    said, _, truth = fitted
    star = target_of(truth)
    assert said["transit"] is True and said["bic_difference"] > 10
    assert (
        abs(said["depth"] - star["amplitude"]) < 3 * said["depth_err"] + 0.15 * star["amplitude"]
    )  # of a uniform disc
    assert abs(said["mid_time_bjd"] - star["epoch_bjd"]) < 3 * said["mid_time_err_d"]
    assert said["oc_min"] == pytest.approx(0.002 * 1440, abs=3 * said["mid_time_err_d"] * 1440)


def test_what_contradicts_the_list_of_targets_is_told(fitted):
    """A depth in percent."""
    [doubt] = fitted[0]["doubts"]
    assert "expected 30.00%: is that depth in its unit?" in doubt


def test_the_target_is_the_star_that_dips(fitted):
    said, _, truth = fitted
    assert said["dips"] == target_of(truth)["tic_id"]
    assert all(one["separation_arcsec"] <= 150 for one in said["neighbours"])


def test_the_figure_is_a_picture(fitted):
    _, place, _ = fitted
    assert (place / "transit.png").read_bytes().startswith(b"\x89PNG")


def test_a_night_without_says_so_with_its_limit(transit_night, tmp_path):
    config, folder, truth = transit_night
    stars = truth.stars
    quiet = stars[np.flatnonzero((stars["signal"] == "constant") & (stars["Tmag"] > 10.5) & (stars["Tmag"] < 12))]
    here = set(read_stars(next(folder.glob("phot_*.fits")))["tic_id"].tolist())
    star = next(one for one in quiet if one["tic_id"] in here)
    files = {"json": tmp_path / "a.json", "output": tmp_path / "a.pdf"}
    run(config, [folder], Asked(StarId(tic_id=int(star["tic_id"])), **files))
    said = json.loads(files["json"].read_text())
    assert said["transit"] is False and 0 < said["depth_limit"] < 0.1
    assert said["depth"] is None and said["mid_time_bjd"] is None and said["oc_min"] is None


@pytest.mark.slow
def test_a_planted_binary_near_the_target_is_named(transit_night, tmp_path):
    """Half of the light of a star 18 arcsec away goes, pixel by pixel, for a third of the night."""
    config, folder, truth = transit_night
    base = shutil.copytree(config.directories.base.parent, tmp_path / "base")
    night = base / "nights" / folder.name
    for path in (*night.glob("phot_*.fits"), *night.glob("rel_phot_*.fits")):
        path.unlink()
    gain = config.camera.detector.gain_e_adu
    dim(night, truth, BINARY, gain)
    lone = lone_star(truth)
    dim(night, truth, lone, gain, share=0.12, off_px=OFF_PX)  # a star beside it that goes dark
    copy = load_config(camera=str(base / "camera.toml"), config=str(base / "directories.json"))
    for stage in (process_cmos, relative_photometry):
        assert run_stage(stage, copy, open_night(copy, night)).exit_code == 0
    files = {"json": tmp_path / "a.json", "output": tmp_path / "a.png"}
    mid = truth.bjd[len(truth.bjd) // 2, 0]
    seen_by_others = Ephemeris(3.5, float(mid), duration_d=0.033, depth=0.02)
    run(copy, [night], Asked(StarId(tic_id=NEAR_TARGET), seen_by_others, **files))
    said = json.loads(files["json"].read_text())
    assert said["transit"] is False and said["dips"] == BINARY
    [binary] = [one for one in said["neighbours"] if one["tic_id"] == BINARY]
    assert binary["verdict"] == "dips" and binary["depth"] == pytest.approx(0.5, abs=0.12)
    run(copy, [night], Asked(StarId(tic_id=lone), **files))
    said = json.loads(files["json"].read_text())
    before = np.array([[*OFF_PX, 0.12]])
    assert said["transit"] is True
    motion = Motion(np.zeros(2), np.zeros(2), window_sigma([2, 3, 4, 5, 6]), WIDTH_PX / 2.3548)
    expected = motion.expected(before, 0, 1.0)
    errors = np.hypot(said["centre_shift_err_px"], 0.15 * np.abs(expected))
    assert np.all(np.abs(said["centre_shift_px"] - expected) < 3 * errors)
    assert np.hypot(*expected) > 8 * np.max(said["centre_shift_err_px"])


def lone_star(truth):
    """A bright constant star far from all others of some brightness and from the edge."""
    stars, x, y = truth.stars, truth.x[0], truth.y[0]
    light = truth.electrons[0]
    for star in np.argsort(-light):
        near = np.hypot(x - x[star], y - y[star]) < 12
        inside = min(x[star], y[star], 319 - x[star], 319 - y[star]) > 40
        tmag = stars["Tmag"][star]
        if inside and light[near].sum() < 1.01 * light[star] and stars["signal"][star] == "constant" and tmag > 10:
            return int(stars["tic_id"][star])
    raise AssertionError("no such star")


def dim(night, truth, tic_id, gain, *, share=-0.5, off_px=(0.0, 0.0)):
    """Take (below 0) a share of a star's light from the middle third of a night, or add it, at a place so far from
    the star, to the other two thirds."""
    star = np.flatnonzero(truth.stars["tic_id"] == tic_id)[0]
    frames = sorted(path for path in night.glob("NG*_TIC-*.fits"))
    middle = range(len(frames) // 3, 2 * len(frames) // 3)
    for index in middle if share < 0 else set(range(len(frames))) - set(middle):
        with fits.open(frames[index], mode="update") as units:
            y, x = np.mgrid[: units[0].data.shape[0], : units[0].data.shape[1]]
            away = (x - truth.x[index, star] - off_px[0]) ** 2 + (y - truth.y[index, star] - off_px[1]) ** 2
            sigma = WIDTH_PX / 2.3548
            light = truth.electrons[index, star] / gain * np.exp(-away / (2 * sigma**2)) / (2 * np.pi * sigma**2)
            units[0].data = np.rint(units[0].data + share * light).astype(units[0].data.dtype)


def test_command_writes_into_the_night(transit_night, tmp_path):
    config, folder, truth = transit_night
    night = shutil.copytree(folder, tmp_path / folder.name)
    star = target_of(truth)
    given = ["--directory", night, "--config", config.directories.out.parent / "directories.json"]
    given += ["--camera", config.camera.source, "--gaia_id", star["gaia_id"]]
    done = run_script("fit_transit", *given, "--period", 3.5, "--epoch", star["epoch_bjd"])
    assert "depth" in done.stderr
    said = json.loads((night / f"transit_{star['gaia_id']}.json").read_text())
    assert abs(said["oc_min"]) < 5 and (night / f"transit_{star['gaia_id']}.png").exists()
    assert "belong together" in run_script("fit_transit", *given, "--period", 3.5, code=2).stderr
    assert "add 2457000" in run_script("fit_transit", *given, "--period", 3.5, "--epoch", 3497.7, code=2).stderr


def test_a_star_that_nobody_measured_is_told(transit_night):
    config, folder, _ = transit_night
    with pytest.raises(WorkError, match=r"no phot_.*gaia_id 5"):
        run(config, [folder], Asked(StarId(gaia_id=5)))


def test_a_picture_of_unknown_kind_is_refused():
    with pytest.raises(UsageError, match=r"--output is a\.gif"):
        Asked(StarId(gaia_id=5), output=Path("a.gif"))


@pytest.mark.parametrize(
    ("depth", "said"),
    [
        (0.0089, "a transit of 1.0 h deeper than 0.89% would have been seen"),
        (15.7, "too few to show a transit of 1.0 h"),
        (float("nan"), "too few to show a transit of 1.0 h"),
    ],
)
def test_limit_that_no_transit_reaches_is_none(depth, said):
    assert said in limit_in_words(depth, 1.0)
