"""Which raw frames and which masters belong to a night: by setup, filter and time."""

import dataclasses
import re

import numpy as np
import pytest
from astropy.io import fits

from ngcmos.calibration.belonging import Setting
from ngcmos.calibration.files import read_master
from ngcmos.calibration.flats import build_flat, find_flat, is_outdated, write_flat
from ngcmos.calibration.masters import load_bias_and_dark, load_masters
from ngcmos.config import Config, Directories, load_camera
from ngcmos.errors import MasterError

ROWS, COLUMNS = 64, 80
NIGHT = "20240705"


@pytest.fixture
def config(tmp_path):
    profile = load_camera()
    camera = dataclasses.replace(
        profile, detector=dataclasses.replace(profile.detector, rows=ROWS, columns=COLUMNS)
    )
    folders = Directories(*(tmp_path / name for name in ("calibration", "base", "out")))
    folders.calibration.mkdir()
    folders.out.mkdir()
    (folders.base / NIGHT).mkdir(parents=True)
    return Config(folders, camera)


@pytest.fixture
def night(config):
    return config.directories.base / NIGHT


def write_raw(folder, kind, stamp, value, *, exptime=0.0, **cards):
    """A raw frame of a moment, as 20240606040000: the same in its name."""
    header = fits.Header({"EXPTIME": exptime, "READMODE": "HDR 16-bit"} | cards)
    data = np.broadcast_to(np.asarray(value), (ROWS, COLUMNS)).astype(np.uint16)
    path = folder / f"{kind}-{stamp}000.fits"
    fits.writeto(path, data, header)
    return path


def write_biases(config, day, level, *, count=5, **cards):
    for second in range(count):
        write_raw(config.directories.calibration, "bias", f"{day}0400{second:02d}", level, **cards)


def write_darks(config, day, level=130, *, count=3, **cards):
    for second in range(count):
        write_raw(config.directories.calibration, "dark", f"{day}0500{second:02d}", level, exptime=10.0, **cards)


def bias_level(config, **setting):
    return float(np.median(load_bias_and_dark(config, Setting(**{"date": NIGHT} | setting))[0].data))


def test_the_nearest_in_time_to_the_night_are_taken(config):
    """Neither the oldest nor the newest: a night of two years ago has the bias of its time."""
    write_biases(config, "20230606", 160, count=21)
    write_biases(config, "20240606", 100)
    write_biases(config, "20260101", 220, count=21)
    write_darks(config, "20240606")
    assert bias_level(config) == 100
    assert bias_level(config, date="20230701") == 160
    assert bias_level(config, date="20260105") == 220


def test_a_night_reduced_again_finds_its_own_master_as_it_was(config):
    write_biases(config, "20240606", 100)
    write_darks(config, "20240606")
    first = load_bias_and_dark(config, Setting(NIGHT))
    write_biases(config, "20260101", 220, count=21)
    write_darks(config, "20260101", 250)
    plain = config.directories.out / "master_bias.fits"
    assert bias_level(config, date="20260105") == 220
    assert np.median(read_master(plain, config.camera).data) == 220
    again = load_bias_and_dark(config, Setting(NIGHT))
    assert [one.checksum for one in again] == [one.checksum for one in first]
    assert again[0].path.name == "master_bias_20240606.fits"
    assert np.median(read_master(plain, config.camera).data) == 220


def test_a_master_of_other_frames_than_those_chosen_now_is_made_anew_and_said(config, caplog):
    """As the one of the oldest frames that an earlier rule made."""
    write_biases(config, "20230606", 160, count=21)
    write_darks(config, "20240606")
    assert bias_level(config) == 160
    write_biases(config, "20240606", 100)
    assert bias_level(config) == 100
    assert "master_bias.fits is of" in caplog.text
    assert np.median(fits.getdata(config.directories.out / "master_bias.fits")) == 100


def test_a_master_stays_where_raw_frames_were_removed(config):
    write_biases(config, "20240606", 100)
    write_darks(config, "20240606")
    first = load_bias_and_dark(config, Setting(NIGHT))[0].checksum
    for path in sorted(config.directories.calibration.glob("bias*"))[:4]:
        path.unlink()
    assert load_bias_and_dark(config, Setting(NIGHT))[0].checksum == first


def test_a_bias_of_another_gain_is_not_mixed_with(config, caplog):
    write_biases(config, "20240606", 100, GAIN=100)
    write_biases(config, "20240607", 164, GAIN=200)
    write_darks(config, "20240606", GAIN=100)
    write_darks(config, "20240607", 194, GAIN=200)
    assert bias_level(config, setup=(("GAIN", "100"),)) == 100
    assert bias_level(config, setup=(("GAIN", "200"),)) == 164
    assert "5 calibration frames left out: GAIN 200, expected GAIN 100" in caplog.text
    names = {path.name for path in config.directories.out.iterdir()}
    assert {"master_bias.fits", "master_bias_GAIN200_20240607.fits"} <= names
    assert bias_level(config, setup=(("GAIN", "100"),)) == 100


def test_a_master_that_tells_no_time_is_taken_before_others_where_no_raw_frames_are_left(config):
    """The earlier scripts had one, and wrote no time into it."""
    write_biases(config, "20230606", 160)
    write_darks(config, "20240606")
    assert bias_level(config) == 160
    write_biases(config, "20240606", 100)
    assert bias_level(config) == 100  # the plain one; that of 2023 lies beside it
    for path in config.directories.calibration.glob("bias*"):
        path.unlink()
    own = "20230605"  # the night itself: none is nearer than these, of 04:00 UTC
    assert bias_level(config, date=own) == 160
    plain = config.directories.out / "master_bias.fits"
    fits.writeto(plain, np.full((ROWS, COLUMNS), 130, np.float32), overwrite=True)
    assert bias_level(config, date=own) == 130


def test_no_bias_of_the_frames_gain_is_an_error_that_names_it(config):
    write_biases(config, "20240606", 100, GAIN=100)
    with pytest.raises(MasterError, match=r"no usable bias frames.* and the frames' setup, GAIN 200"):
        load_bias_and_dark(config, Setting(NIGHT, (("GAIN", "200"),)))


def test_a_master_of_another_gain_is_not_applied(config):
    write_biases(config, "20240606", 100, GAIN=100)
    write_darks(config, "20240606", GAIN=100)
    load_bias_and_dark(config, Setting(NIGHT, (("GAIN", "100"),)))
    for path in config.directories.calibration.iterdir():
        path.unlink()
    with pytest.raises(MasterError, match="GAIN 200"):
        load_bias_and_dark(config, Setting(NIGHT, (("GAIN", "200"),)))


def test_the_one_odd_bias_of_a_session_is_left_out_though_it_is_the_nearest(config, caplog):
    write_biases(config, "20240606", 100)
    write_raw(config.directories.calibration, "bias", "20240606040030", 400)
    write_darks(config, "20240606")
    assert bias_level(config) == 100
    assert "bias-20240606040030000.fits: level 400 ADU, that of the nearest frames is 100 ADU" in caplog.text
    header = fits.getheader(config.directories.out / "master_bias.fits")
    assert (header["NCOMBINE"], header["LEFTOUT"], header["LEFT01"]) == (5, 1, "bias-20240606040030000.fits")


def test_a_dark_that_light_fell_into_is_left_out(config, caplog):
    write_biases(config, "20240606", 100)
    write_darks(config, "20240606")
    write_raw(config.directories.calibration, "dark", "20240606050030", 700, exptime=10.0)
    assert np.allclose(load_bias_and_dark(config, Setting(NIGHT))[1].data, 3.0)
    assert "level 60 ADU/s, that of the nearest frames is 3 ADU/s" in caplog.text


def test_header_tells_when_and_how_its_frames_were_taken(config):
    write_biases(config, "20240606", 100, GAIN=100, **{"CCD-TEMP": -30.0})
    write_darks(config, "20240606")
    load_bias_and_dark(config, Setting(NIGHT))
    header = fits.getheader(config.directories.out / "master_bias.fits")
    assert (header["DATE-BEG"], header["DATE-END"]) == ("2024-06-06T04:00:00", "2024-06-06T04:00:04")
    assert (header["GAIN"], header["CCD-TEMP"], header["LEVEL"], header["NCOMBINE"]) == ("100", -30.0, 100.0, 5)


@pytest.mark.parametrize(("day", "is_told"), [("20230603", False), ("20230529", True)])
def test_old_calibration_is_told(config, night, day, is_told):
    """The night is 20240705; 400 days before its midnight is the 2nd of June 2023."""
    write_biases(config, day, 100)
    write_darks(config, "20240606")
    notes = load_masters(config, night).notes
    assert bool(notes) == is_told
    if is_told:
        assert re.match(
            r"master_bias\.fits: its frames were taken 40\d days from the night, expected .* 400", notes[0]
        )


@pytest.mark.parametrize(("level", "is_told"), [(110, False), (120, False), (180, True)])
def test_dark_level_is_compared_with_the_profile(config, night, level, is_told):
    """The profile says 1.6 e-/s, 1.41 ADU/s."""
    write_biases(config, "20240606", 100)
    write_darks(config, "20240606", level)
    assert (
        any("expected 1.41 by detector.dark_e_s" in note for note in load_masters(config, night).notes) == is_told
    )


def test_camera_without_calibration_needs_none(config, night, caplog):
    without = dataclasses.replace(config.camera.calibration, bias=False, dark=False, flat=False)
    masters = load_masters(dataclasses.replace(config, camera=with_calibration(config, without)), night)
    assert not masters.bias.any() and not masters.dark.any() and np.all(masters.flat == 1)
    assert masters.sources == {"bias": None, "dark": None, "flat": None}
    assert not masters.flattened
    assert caplog.text == ""


def test_reduced_frames_are_flat(config, night):
    reduced = dataclasses.replace(config.camera.calibration, reduced=True)
    masters = load_masters(dataclasses.replace(config, camera=with_calibration(config, reduced)), night)
    assert masters.flattened


def with_calibration(config, calibration):
    return dataclasses.replace(config.camera, calibration=calibration)


RINGS = {"B": (slice(10, 20), slice(10, 20)), "R": (slice(40, 50), slice(50, 60))}
ZEROS = np.zeros((ROWS, COLUMNS), np.float32)


def light(name=None):
    """The light of a flat, dimmed where the dust of its filter lies."""
    image = np.ones((ROWS, COLUMNS))
    if name:
        image[RINGS[name]] = 0.9
    return image


def write_flats(night, *filters, count=4, kind="evening"):
    for number, name in enumerate(filters):
        for turn in range(count):
            stamp = f"202407052300{number * count + turn:02d}"
            card = {"FILTER": name} if name else {}
            write_raw(night, f"{kind}-flat", stamp, light(name) * (20000 - 500 * turn), exptime=1.0, **card)


def flat_of(config, night, **setting):
    return build_flat(night, config.camera, ZEROS, ZEROS, Setting(**{"date": NIGHT} | setting))


@pytest.mark.parametrize(("name", "other"), ["BR", "RB"])
def test_dust_of_one_filter_is_not_in_the_flat_of_another(config, night, name, other):
    write_flats(night, "B", "R")
    flat = flat_of(config, night, filter_name=name, is_usual=False)
    assert flat.data[RINGS[other]] == pytest.approx(1, abs=1e-3)
    assert flat.data[RINGS[name]] == pytest.approx(0.9, abs=1e-3)
    assert flat.header["FILTER"] == name


def test_flat_of_another_filter_is_not_applied(config, night):
    write_flats(night, "B")
    write_flat(flat_of(config, night, filter_name="B"), night / "master_flat.fits")
    assert find_flat(night, config.directories.out, config.camera, Setting(NIGHT, (), "R", False)) is None
    assert find_flat(night, config.directories.out, config.camera, Setting(NIGHT, (), "b", False)) is not None


@pytest.mark.parametrize(
    ("name", "is_usual", "expected"),
    [("NGTS", True, "master_flat.fits"), ("B", False, "master_flat_B.fits"), ("", True, "master_flat.fits")],
)
def test_flat_that_is_made_bears_the_filter_unless_it_is_the_usual_one(name, is_usual, expected):
    assert Setting(NIGHT, (), name, is_usual).own_flat_name == expected


def test_flats_of_two_filters_count_apart(config, night):
    write_flats(night, "B", "R", count=2)
    with pytest.raises(MasterError, match=r"2 usable evening\*\.fits and 0 morning\*\.fits of filter B, expected"):
        flat_of(config, night, filter_name="B")


def test_flat_of_mixed_filters_is_outdated(config, night):
    """As the earlier rule made it."""
    write_flats(night, "B", "R")
    path = write_flat(flat_of(config, night, filter_name="B"), night / "master_flat.fits")
    setting = Setting(NIGHT, (), "B")
    assert is_outdated(path, config.camera, setting, night) == ""
    fits.setval(path, "INPUT02", value=sorted(night.glob("evening*"))[-1].name)
    assert "do not belong together" in is_outdated(path, config.camera, setting, night)


def test_flat_of_an_earlier_rule_is_outdated_and_that_of_a_person_never(config, night):
    write_flats(night, "B")
    path = write_flat(flat_of(config, night, filter_name="B"), night / "master_flat.fits")
    fits.setval(path, "CALRULE", value=1)
    assert is_outdated(path, config.camera, Setting(NIGHT), night) == "made by an earlier rule"
    fits.setval(path, "CREATOR", value="a person")
    assert is_outdated(path, config.camera, Setting(NIGHT), night) == ""


def test_flat_of_one_frame_is_outdated_by_others_that_came(config, night):
    write_flats(night, "B")
    path = write_flat(flat_of(config, night, filter_name="B"), night / "master_flat.fits")
    for number in (2, 3, 4):
        fits.delval(path, f"INPUT{number:02d}")
    assert is_outdated(path, config.camera, Setting(NIGHT, (), "B"), night) == "3 flats came since"


def spoil(path, change):
    data, header = fits.getdata(path, header=True)
    fits.writeto(path, np.clip(change(data.astype(float)), 0, 65535).astype(np.uint16), header, overwrite=True)


def with_stars(data):
    data[20:24, 10:60:20] += 3000  # a star is higher than a row
    return data


def with_gradient(data):
    return data * np.linspace(0.93, 1.07, COLUMNS)


@pytest.mark.parametrize(
    ("change", "fact"),
    [(with_stars, r"0\.2\d% of the pixels brighter"), (with_gradient, r"\d\d% of the chip off")],
)
def test_flat_with_what_the_others_have_not_is_left_out(config, night, caplog, change, fact):
    write_flats(night, "B")
    spoilt = sorted(night.glob("evening*"))[1]
    spoil(spoilt, change)
    flat = flat_of(config, night, filter_name="B")
    assert flat.header["NCOMBINE"] == 3
    assert flat.header["LEFT01"] == spoilt.name
    assert re.search(f"flat left out: {spoilt.name}: {fact}", caplog.text)


def test_flats_alike_stay_all(config, night):
    rng = np.random.default_rng(4)
    for turn in range(7):
        counts = rng.poisson(light("B") * (30000 - 1500 * turn))
        write_raw(night, "evening-flat", f"2024070523000{turn}", counts, exptime=1.0, FILTER="B")
    assert flat_of(config, night, filter_name="B").header["LEFTOUT"] == 0


def test_order_of_flats(config, night):
    """The night's own, that of the old cron for the night, that for all nights."""
    out, places = config.directories.out, []
    for path in (out / "master_flat.fits", out / f"master_flat_{NIGHT}.fits", night / "master_flat.fits"):
        fits.writeto(path, light().astype(np.float32))
        places.append((find_flat(night, out, config.camera, Setting(NIGHT)).path, path))
    assert all(found == wanted for found, wanted in places)
