"""Filters, exposure times and gains that take turns within a field."""

import numpy as np
import pytest
from astropy.io import fits

from ngcmos.simulate.detector import make_chip
from ngcmos.simulate.night import simulate_night
from ngcmos.simulate.plan import Plan
from ngcmos.simulate.setups import Setup, chip_of, different

BLUE = Setup("B", throughput=1.0, colour_mag=0.5, rings=2)
RED = Setup("R", exptime_s=5.0, throughput=0.6, rings=2)


@pytest.fixture(scope="module")
def filters(tmp_path_factory, camera):
    """Six frames in two filters by turns."""
    options = {"setups": [BLUE, RED], "haze": 0.0, "scintillation": False, "jitter_px": 0.0}
    base = tmp_path_factory.mktemp("filters")
    return simulate_night(base, camera, size=192, frames=6, density=4.0, calibrations=2, **options)


def header_of(night, frame):
    return fits.getheader(night.folder / night.truths[0].frames["file"][frame])


def test_filters_take_turns(filters):
    assert [header_of(filters, frame)["FILTER"] for frame in range(6)] == ["B", "R"] * 3
    assert filters.truths[0].frames["filter"].tolist() == ["B", "R"] * 3


def test_exposure_times_are_told_and_felt(filters):
    (truth,) = filters.truths
    assert [header_of(filters, frame)["EXPTIME"] for frame in range(6)] == [10, 5] * 3
    assert truth.frames["exptime_s"].tolist() == [10, 5] * 3
    start = (truth.frames["jd_mid"] - truth.frames["exptime_s"] / 2 / 86400) * 86400
    np.testing.assert_allclose(np.diff(start), 13, atol=0.2)


def test_light_passes_a_filter_by_the_colour_of_the_star(filters):
    (truth,) = filters.truths
    constant = np.flatnonzero(truth.stars["signal"] == "constant")
    ratio = truth.electrons[1, constant] / truth.electrons[0, constant]  # half the time, 0.6 of the light
    expected = 0.3 * 10 ** (0.4 * 0.5 * (truth.stars["bp_rp"][constant] - 0.95))
    np.testing.assert_allclose(ratio, expected, rtol=1e-3)


def test_each_filter_has_flats_with_rings_of_its_own(filters):
    flats = {name: [] for name in "BR"}
    for path in filters.folder.glob("*flat*.fits"):
        flats[fits.getheader(path)["FILTER"]].append(fits.getdata(path).astype(float))
    assert [len(found) for found in flats.values()] == [4, 4]
    mean = {name: np.mean([data / np.median(data) for data in found], axis=0) for name, found in flats.items()}
    assert (np.abs(mean["B"] / mean["R"] - 1) > 0.04).sum() > 100
    assert np.median(np.abs(mean["B"] / mean["R"] - 1)) < 0.01


def test_flats_of_all_filters_have_times_of_their_own(filters):
    assert len({path.name for path in filters.folder.glob("*flat*.fits")}) == 8


def test_gain_and_offset_change_what_is_read(camera):
    chip = make_chip(camera.detector, np.random.default_rng(1))
    changed = chip_of(chip, Setup(gain=2.0, offset_adu=64.0), seed=1)
    assert changed.detector.gain_e_adu == chip.detector.gain_e_adu / 2
    np.testing.assert_allclose(changed.bias_adu - chip.bias_adu, 64, rtol=1e-6)


def test_gain_changed_half_way(tmp_path, camera):
    low = Setup(cards=[("GAIN", 100), ("OFFSET", 30)])
    high = Setup(gain=2.0, offset_adu=64.0, cards=[("GAIN", 200), ("OFFSET", 50)])
    options = {"setups": [low, high], "in_blocks": True, "haze": 0.0, "calibrations": 1}
    night = simulate_night(tmp_path / "b", camera, size=96, frames=4, **options)
    assert [header_of(night, frame)["GAIN"] for frame in range(4)] == [100, 100, 200, 200]
    levels = [np.median(fits.getdata(night.folder / name)) for name in night.truths[0].frames["file"]]
    assert levels[2] - 164 == pytest.approx(2 * (levels[1] - 100), rel=0.05)
    bias = {
        fits.getheader(path)["GAIN"]: fits.getdata(path) for path in (night.base / "calibration").glob("bias*")
    }
    assert np.median(bias[200]) - np.median(bias[100]) == pytest.approx(64, abs=1)


def test_frames_of_a_plan_without_setups_have_no_cards_more(double):
    assert not {"FILTER", "GAIN", "OFFSET"} & set(fits.getheader(next(double.folder.glob("NG*.fits"))))


def test_the_first_of_each_kind():
    one, two, three = Setup("B", exptime_s=1.0), Setup("R"), Setup("B", exptime_s=2.0)
    assert different([one, two, three], "filter") == [one, two]
    assert different([one, two, three], "filter", "exptime_s") == [one, two, three]


def test_turns_and_blocks():
    setups = [Setup("B"), Setup("R", exptime_s=3.0)]
    assert [one.filter for one in Plan(setups=setups).setups_of(5)] == list("BRBRB")
    assert [one.filter for one in Plan(setups=setups, in_blocks=True).setups_of(5)] == list("BBBRR")
    assert [one.exptime_s for one in Plan(setups=setups, exptime_s=7.0).setups_of(2)] == [7.0, 3.0]
