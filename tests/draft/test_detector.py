"""A simulated detector measured by frames of its own, through the command: its numbers come back."""

import dataclasses
import json

import numpy as np
import pytest
from astropy.io import fits

from ngcmos.calibration.transfer import Measure, Points, unknown
from ngcmos.commands.measure_camera import main
from ngcmos.commands.new_camera import main as new_camera
from ngcmos.config import load_camera
from ngcmos.draft.detector import (
    Detected,
    Range,
    Taken,
    earlier_of,
    found_of,
    lines_of,
    measure,
    says_more,
    text_of,
)
from ngcmos.simulate.detector import LOW_GAIN_SLOPE, expose, make_chip
from ngcmos.simulate.profile import write_camera

SHAPE = {"rows": 400, "columns": 400}
LEVELS_E = (600, 1000, 1400, *np.geomspace(1700, 2600, 10), 5e3, 1e4, 2e4)


@pytest.fixture(scope="module")
def camera():
    known = load_camera()
    return dataclasses.replace(known, name="made", detector=dataclasses.replace(known.detector, **SHAPE))


@pytest.fixture(scope="module")
def measured(camera, tmp_path_factory):
    """(folder of what was written, what was measured) of frames that the simulator exposes."""
    folder = tmp_path_factory.mktemp("frames")
    rng = np.random.default_rng(12)
    chip = make_chip(camera.detector, rng)
    wanted = [("bias", 0, 0.0)] * 8 + [("dark", 0, 10.0)] * 3
    wanted += [("flat", level, level / 1000) for level in LEVELS_E for _ in range(2)]
    for number, (kind, light_e, exptime_s) in enumerate(wanted):
        header = fits.Header({"EXPTIME": exptime_s, "READMODE": "HDR", "IMAGETYP": kind})
        counts = expose(chip, np.float32(light_e), exptime_s, rng)
        fits.PrimaryHDU(counts, header).writeto(folder / f"{number:03}.fits")
    write_camera(folder / "camera.toml", camera)
    out = folder / "out"
    assert main([str(folder), "--camera", str(folder / "camera.toml"), "--output", str(out), "-q"]) == 0
    [path] = out.glob("*.json")
    return out, json.loads(path.read_text())["modes"]["READMODE HDR"]


@pytest.mark.parametrize(
    ("key", "leeway"),
    [("gain_e_adu", 0.005), ("read_noise_e", 0.02), ("dark_e_s", 0.05), ("gain_step_adu", 10 / 1800)],
)
def test_numbers_of_the_simulated_detector(camera, measured, key, leeway):
    assert measured[1][key]["value"] == pytest.approx(getattr(camera.detector, key), rel=leeway)


def test_slope_above_the_gain_step(measured):
    assert measured[1]["high_range_slope"]["value"] == pytest.approx(LOW_GAIN_SLOPE, abs=0.001)


def test_errors_are_true_to_size(camera, measured):
    for key in ("gain_e_adu", "read_noise_e", "gain_step_adu"):
        away = abs(measured[1][key]["value"] - getattr(camera.detector, key))
        assert away < 5 * measured[1][key]["error"]


def test_what_cannot_be_known_says_why(measured):
    assert "not reached" in measured[1]["saturation_adu"]["why"]


def test_hot_pixels_are_counted(measured):
    assert 10 < measured[1]["hot_pixels"] < 100  # one in ten thousand, of very different strength


def test_figure_is_there(measured):
    [path] = measured[0].glob("*.png")
    assert path.read_bytes().startswith(b"\x89PNG")


def lines(numbers, camera, before=None):
    empty = np.zeros(0)
    points = Points(empty, empty, empty, empty)
    return says_more(lines_of(Detected("slow", numbers, 3, points, empty, empty), camera, before))


@pytest.mark.parametrize(
    ("value", "error", "said"),
    [
        (1.131, 0.001, []),
        (1.135, 0.0001, []),  # no measurement can promise that
        (1.15, 0.0001, ["slow: gain_e_adu       1.15      ± 0.0001  DIFFERS from the profile's 1.131"]),
        (1.15, 0.01, []),
    ],
)
def test_what_differs_from_the_profile_is_said(camera, value, error, said):
    assert lines({"gain_e_adu": Measure(value, error)}, camera) == said


def test_drift_is_said(camera, tmp_path):
    old = [Detected("slow", {"gain_e_adu": Measure(1.3, 0.01)}, 3, None, None, None)]
    (tmp_path / "detector_made_20200101.json").write_text(text_of(old, "made", "20200101"))
    (tmp_path / "detector_made_20200102.json").write_text("broken")
    before = earlier_of(tmp_path, "made", "20200103")["slow"]
    assert lines({"gain_e_adu": Measure(1.29, 0.01)}, None, before) == []
    [said] = lines({"gain_e_adu": Measure(1.131, 0.01)}, None, before)
    assert said.endswith("DRIFTED from 1.3 of 20200101")
    assert earlier_of(tmp_path, "made", "20200101") == {}


def test_numbers_become_keys_of_a_profile(camera):
    numbers = {"gain_e_adu": Measure(1.2345678, 0.0012), "gain_step_adu": Measure(1801.4, 3.0)}
    numbers |= {"saturation_adu": unknown("not reached"), "nonlinearity": Measure(0.001, 0.001)}
    found = found_of(Detected("slow", numbers, 3, None, None, None))
    assert [(one.key, one.value) for one in found] == [
        ("detector.gain_e_adu", 1.235),
        ("detector.gain_step_adu", 1801),
    ]


def test_gain_is_not_told_by_flats_above_the_gain_step(camera):
    rng = np.random.default_rng(3)
    small = dataclasses.replace(camera.detector, rows=64, columns=64)
    chip = make_chip(small, rng)
    zeros = [Taken(f"b{n}", "bias", "one", 0.0, expose(chip, np.float32(0), 0.0, rng)) for n in range(2)]
    flats = [Taken(f"f{n}", "flat", "one", 1.0, expose(chip, np.float32(2e4), 1.0, rng)) for n in range(2)]
    assert "too few flats" in measure("one", [*zeros, *flats], Range(65535, 1600.0)).numbers["gain_e_adu"].why
    assert measure("one", [*zeros, *flats], Range(65535)).numbers["gain_e_adu"].known


def test_no_earlier_measurement(tmp_path):
    assert earlier_of(tmp_path, "made", "20261126") == {}


def test_folder_without_calibration_frames(tmp_path):
    assert main([str(tmp_path), "--output", str(tmp_path)]) == 1


def test_draft_takes_what_calibration_frames_tell(camera, measured, tmp_path):
    frames = measured[0].parent
    path = tmp_path / "draft.toml"
    options = [str(frames / "028.fits"), "--calibration", str(frames), "--set", "detector.scale_arcsec=4.0"]
    assert new_camera([*options, "--output", str(path), "-q"]) == 0
    detector = load_camera(path).detector
    assert detector.gain_e_adu == pytest.approx(camera.detector.gain_e_adu, rel=0.01)
    assert detector.gain_step_adu == pytest.approx(1800, abs=15)
