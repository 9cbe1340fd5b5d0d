"""Each fault is what it says, is told in the truth, and leaves the other frames alone."""

import math

import numpy as np
import pytest
from astropy.io import fits

from ngcmos.errors import FrameError, UsageError
from ngcmos.night.frames import read_frame
from ngcmos.simulate.faults import FAULTS, fault_names
from ngcmos.simulate.night import simulate_night

UNREADABLE = {
    "empty-file": "empty",
    "truncated-header": "header truncated",
    "header-only": "holds 0 bytes of pixels",
    "truncated-data": "truncated",
    "not-fits": "not FITS",
    "no-date-obs": "no DATE-OBS",
    "bad-date-obs": "DATE-OBS is",
    "no-exptime": "no EXPTIME",
    "nan-exptime": "EXPTIME is not readable",
    "negative-exptime": "EXPTIME is -10",
    "wrong-shape": "expected 256x256",
    "wrong-readmode": "READMODE is",
    "table-only": "no image in any of its 2 units",
    "directory": "not a file",
    "nan-image": "not numbers",
}


def row_of(night, fault):
    return int(np.nonzero(night.truths[0].frames["fault"] == fault)[0][0])


def path_of(night, fault):
    return night.folder / night.truths[0].frames["file"][row_of(night, fault)]


def test_every_fault_is_in_the_truth_once(spoilt):
    told = spoilt.truths[0].frames["fault"].tolist()
    assert sorted(told) == sorted(["", "", *FAULTS])


def test_every_frame_of_the_truth_is_on_disk(spoilt):
    assert all((spoilt.folder / name).exists() for name in spoilt.truths[0].frames["file"])


def test_good_rows_are_those_without_a_fault(spoilt):
    assert spoilt.truths[0].frames["fault"][spoilt.truths[0].good].tolist() == ["", ""]


@pytest.mark.parametrize("fault", UNREADABLE)
def test_what_a_reader_finds(spoilt, fault):
    with pytest.raises(FrameError, match=UNREADABLE[fault]):
        read_frame(path_of(spoilt, fault), spoilt.camera)


@pytest.mark.parametrize("fault", [name for name in FAULTS if name not in UNREADABLE])
def test_the_other_faults_can_be_read(spoilt, fault):
    assert read_frame(path_of(spoilt, fault), spoilt.camera).data.shape == (256, 256)


@pytest.mark.parametrize("fault", UNREADABLE)
def test_an_unreadable_frame_is_not_measurable(spoilt, fault):
    assert not spoilt.truths[0].frames["measurable"][row_of(spoilt, fault)]


def test_good_frames_can_be_read(spoilt):
    for row in spoilt.truths[0].good:
        read_frame(spoilt.folder / spoilt.truths[0].frames["file"][row], spoilt.camera)


def test_nan_exptime_is_a_bare_word(spoilt):
    assert b"EXPTIME =                  NaN" in path_of(spoilt, "nan-exptime").read_bytes()[:2880]


def test_no_altitude(spoilt):
    assert "ALTITUDE" not in fits.getheader(path_of(spoilt, "no-altitude"))


def test_no_pointing(spoilt):
    header = fits.getheader(path_of(spoilt, "no-pointing"))
    assert not {"TELRAD", "TELDECD", "TELRA", "TELDEC", "CMD_RA", "CMD_DEC"} & set(header)


def test_duplicate_time_is_that_of_the_frame_before(spoilt):
    row = row_of(spoilt, "duplicate-time")
    told = spoilt.truths[0].frames["date_obs"]
    assert fits.getheader(path_of(spoilt, "duplicate-time"))["DATE-OBS"] == told[row - 1] != told[row]


def test_other_object_is_unlike_the_name(spoilt):
    path = path_of(spoilt, "other-object")
    assert not path.name.startswith(fits.getheader(path)["OBJECT"][:11])


def peaks_at(night, row, data, *, shift=(0.0, 0.0)):
    """Counts above the median at the stars that should be bright."""
    truth = night.truths[0]
    light = truth.electrons[truth.good[0]]
    x, y = truth.x[row] + shift[0], truth.y[row] + shift[1]
    inside = (light > 2e4) & (x > 3) & (x < 252) & (y > 3) & (y < 252)
    columns, rows = np.rint(x[inside]).astype(int), np.rint(y[inside]).astype(int)
    return data[rows, columns].astype(float) - np.median(data)


@pytest.mark.parametrize("fault", ["jump-0.6", "jump-3", "jump-40", "satellite", "no-altitude", "other-object"])
def test_stars_are_where_the_truth_says_in_measurable_frames(spoilt, fault):
    data = fits.getdata(path_of(spoilt, fault))
    found = peaks_at(spoilt, row_of(spoilt, fault), data)
    assert len(found) >= 5
    assert (found > 1000).all()


@pytest.mark.parametrize("fault", ["starless", "other-sky"])
def test_stars_are_not_there_where_the_truth_has_no_light(spoilt, fault):
    row = row_of(spoilt, fault)
    assert (spoilt.truths[0].electrons[row] == 0).all()
    assert np.median(peaks_at(spoilt, row, fits.getdata(path_of(spoilt, fault)))) < 100


def test_starless_frame_has_sky(spoilt):
    assert np.median(fits.getdata(path_of(spoilt, "starless"))) > 250


def test_other_sky_has_stars(spoilt):
    data = fits.getdata(path_of(spoilt, "other-sky"))
    assert (data > np.median(data) + 2000).sum() > 20


@pytest.mark.parametrize("size", [0.6, 3, 40, 120])
def test_jumps_are_as_long_as_told_and_come_back(spoilt, size):
    frames = spoilt.truths[0].frames
    row = row_of(spoilt, f"jump-{size:g}")
    drift = 0.005
    for other in (row - 1, row + 1):
        if not frames["fault"][other].startswith("jump"):
            length = math.hypot(*(frames[key][row] - frames[key][other] for key in ("shift_x", "shift_y")))
            assert length == pytest.approx(size, abs=2 * drift)


def test_a_cloud_takes_two_thirds_of_the_light(spoilt):
    truth = spoilt.truths[0]
    row = row_of(spoilt, "cloud")
    ratio = np.median(truth.electrons[row] / truth.electrons[truth.good[0]])
    assert ratio == pytest.approx(0.35, rel=0.05)


def test_constant_frame(spoilt):
    assert np.ptp(fits.getdata(path_of(spoilt, "constant"))) == 0


def test_satellite_crosses_the_frame(spoilt):
    data = fits.getdata(path_of(spoilt, "satellite"))
    assert ((data > np.median(data) + 1500).any(axis=0)).mean() > 0.99


def test_faults_come_in_the_first_field_alone(tmp_path, camera):
    night = simulate_night(
        tmp_path, camera, size=64, frames=1, fields=2, calibrations=1, faults=["starless", "not-fits"]
    )
    assert [len(truth.frames) for truth in night.truths] == [3, 1]


def test_all_stands_for_every_fault():
    assert fault_names(["all"]) == list(FAULTS)


def test_an_unknown_fault_is_refused():
    with pytest.raises(UsageError, match="fault bad-luck is not known, expected all or some of empty-file"):
        fault_names(["starless", "bad-luck"])
