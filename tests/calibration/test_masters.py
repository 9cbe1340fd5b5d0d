"""Masters from folders: built, kept, reused, refused."""

import dataclasses
import hashlib
import logging

import numpy as np
import pytest
from astropy.io import fits

from ngcmos.calibration.files import read_master
from ngcmos.calibration.flats import build_flat, write_flat
from ngcmos.calibration.masters import load_bias_and_dark, load_masters
from ngcmos.config import Config, Directories, load_camera
from ngcmos.errors import MasterError

ROWS, COLUMNS = 40, 48
BIAS, DARK_RATE = 100, 3.0


@pytest.fixture
def camera():
    profile = load_camera()
    return dataclasses.replace(profile, detector=dataclasses.replace(profile.detector, rows=ROWS, columns=COLUMNS))


@pytest.fixture
def config(tmp_path, camera):
    folders = Directories(*(tmp_path / name for name in ("calibration", "base", "out")))
    folders.calibration.mkdir()
    (folders.base / "20240705").mkdir(parents=True)
    return Config(folders, camera)


@pytest.fixture
def night(config):
    return config.directories.base / "20240705"


def write_raw(path, value, *, exptime=0.0, readmode="HDR 16-bit", shape=(ROWS, COLUMNS), **cards):
    data = np.broadcast_to(np.asarray(value), shape).astype(np.uint16)
    header = fits.Header()
    header["EXPTIME"] = exptime
    if readmode is not None:
        header["READMODE"] = readmode
    header.update(cards)
    fits.writeto(path, data, header)


@pytest.fixture
def raw_calibrations(config):
    folder = config.directories.calibration
    for number, value in enumerate((BIAS - 1, BIAS, BIAS + 1)):
        write_raw(folder / f"bias-{number:05d}.fits", value)
    for number, exptime in enumerate((5.0, 20.0, 40.0)):
        write_raw(folder / f"dark-{number:05d}.fits", BIAS + DARK_RATE * exptime, exptime=exptime)
    return folder


def write_flats(night, *, kind="evening", levels=(20000, 24000, 30000), response=1.0, exptime=5.0, **cards):
    for number, level in enumerate(levels):
        value = np.asarray(response) * level + BIAS + DARK_RATE * exptime
        write_raw(night / f"{kind}-flat-{number:05d}.fits", value, exptime=exptime, **cards)


def pattern():
    return np.linspace(0.8, 1.2, ROWS * COLUMNS).reshape(ROWS, COLUMNS)


def test_the_bias_is_the_median_of_the_frames(config, raw_calibrations):
    assert np.all(load_bias_and_dark(config)[0].data == BIAS)


def test_the_dark_is_per_second_of_each_frames_own_exposure(config, raw_calibrations):
    assert np.allclose(load_bias_and_dark(config)[1].data, DARK_RATE)


def test_masters_are_written_and_reused_without_the_raw_frames(config, raw_calibrations, night):
    first = load_masters(config, night)
    for path in raw_calibrations.iterdir():
        path.unlink()
    second = load_masters(config, night)
    assert np.array_equal(first.dark, second.dark)
    assert first.checksums == second.checksums


def test_a_master_is_not_written_again(config, raw_calibrations, night):
    load_masters(config, night)
    path = config.directories.out / "master_bias.fits"
    before = path.stat().st_mtime_ns
    load_masters(config, night)
    assert path.stat().st_mtime_ns == before


def test_the_checksum_is_that_of_the_file(config, raw_calibrations, night):
    masters = load_masters(config, night)
    content = (config.directories.out / "master_dark.fits").read_bytes()
    assert masters.checksums["dark"] == hashlib.sha256(content).hexdigest()[:16]


def test_the_header_tells_what_the_master_is_made_of(config, raw_calibrations):
    load_bias_and_dark(config)
    header = fits.getheader(config.directories.out / "master_dark.fits")
    assert (header["NCOMBINE"], header["BUNIT"], header["EXPTIME"]) == (3, "ADU/s", 1.0)
    assert header["READMODE"] == "HDR 16-bit"
    assert [header[f"INPUT{n:02d}"] for n in (1, 2, 3)] == [f"dark-0000{n}.fits" for n in range(3)]


def test_of_many_frames_the_newest_21_by_name_are_taken(config, raw_calibrations):
    for number in reversed(range(3, 30)):
        write_raw(raw_calibrations / f"bias-{number:05d}.fits", BIAS)
    load_bias_and_dark(config)
    header = fits.getheader(config.directories.out / "master_bias.fits")
    assert header["NCOMBINE"] == 21
    assert (header["INPUT01"], header["INPUT21"]) == ("bias-00009.fits", "bias-00029.fits")


def test_bias_frames_of_before_a_repair_are_left_out_by_name(config, raw_calibrations, caplog):
    for number in range(30, 33):
        write_raw(raw_calibrations / f"bias-{number:05d}.fits", BIAS + 60)
    assert np.all(load_bias_and_dark(config)[0].data == BIAS + 60)
    assert "left out: bias-00002.fits: level 101 ADU, that of the nearest frames is 160 ADU" in caplog.text


def test_nothing_to_make_a_bias_of_names_folder_and_pattern(config):
    with pytest.raises(
        MasterError,
        match=r"calibration: no usable bias frames and no master_bias\.fits, expected bias\*\.fits of 48x40 px",
    ):
        load_bias_and_dark(config)


def test_a_missing_calibration_folder_is_named(config):
    config.directories.calibration.rmdir()
    with pytest.raises(MasterError, match=r"calibration: no usable bias frames"):
        load_bias_and_dark(config)


def test_nothing_to_make_a_dark_of_names_the_pattern(config, raw_calibrations):
    for path in raw_calibrations.glob("dark*"):
        path.unlink()
    with pytest.raises(MasterError, match=r"no usable dark frames.*calibration\.dark = false"):
        load_bias_and_dark(config)


def spoil_truncated(path):
    write_raw(path, 7777)
    path.write_bytes(path.read_bytes()[:4000])


SPOILT = {
    "empty": lambda path: path.touch(),
    "truncated": spoil_truncated,
    "not FITS": lambda path: path.write_text("no image\n" * 400),
    "another shape": lambda path: write_raw(path, 7777, shape=(10, 10)),
    "another read mode": lambda path: write_raw(path, 7777, readmode="Rolling"),
    "no read mode": lambda path: write_raw(path, 7777, readmode=None),
    "a folder": lambda path: path.mkdir(),
    "not numbers": lambda path: fits.writeto(
        path, np.full((ROWS, COLUMNS), np.nan, np.float32), fits.Header({"READMODE": "HDR"})
    ),
}


@pytest.mark.parametrize("fault", SPOILT)
def test_a_spoilt_bias_is_left_out_by_name(config, raw_calibrations, caplog, fault):
    SPOILT[fault](raw_calibrations / "bias-00000a.fits")
    with caplog.at_level(logging.WARNING):
        bias, _ = load_bias_and_dark(config)
    assert np.all(bias.data == BIAS)
    assert "left out: bias-00000a.fits" in caplog.text


@pytest.mark.parametrize("exptime", [0.0, -1.0, "ten"])
def test_a_dark_without_a_positive_exposure_is_left_out(config, raw_calibrations, caplog, exptime):
    write_raw(raw_calibrations / "dark-00000a.fits", 60000, exptime=exptime)
    _, dark = load_bias_and_dark(config)
    assert np.allclose(dark.data, DARK_RATE)
    assert "left out: dark-00000a.fits: EXPTIME" in caplog.text


def test_a_hot_pixel_above_the_gain_step_is_brought_to_the_slope_below_it(config):
    detector = dataclasses.replace(config.camera.detector, high_range_slope=1.01)
    folder = config.directories.calibration
    write_raw(folder / "bias-00000.fits", BIAS)
    hot = np.full((ROWS, COLUMNS), BIAS + 30)
    hot[3, 5] = BIAS + 30000 * 1.01
    write_raw(folder / "dark-00000.fits", hot, exptime=10.0)
    changed = dataclasses.replace(config, camera=dataclasses.replace(config.camera, detector=detector))
    dark = load_bias_and_dark(changed)[1].data
    assert dark[3, 5] == pytest.approx(3000.0, rel=1e-5)
    assert dark[0, 0] == DARK_RATE


def old_dark(config, header):
    config.directories.out.mkdir(exist_ok=True)
    path = config.directories.out / "master_dark.fits"
    fits.writeto(path, np.full((ROWS, COLUMNS), 25.0), fits.Header(header))
    return path


def test_an_older_dark_is_divided_by_its_exposure(config, camera):
    master = read_master(old_dark(config, {"EXPTIME": 10.0}), camera)
    assert np.all(master.data == 2.5)
    assert master.data.dtype == np.float32


def test_a_dark_that_tells_no_exposure_is_refused(config, camera):
    with pytest.raises(MasterError, match=r"master_dark\.fits: no EXPTIME.*BUNIT is not 'ADU/s'; remove the file"):
        read_master(old_dark(config, {}), camera)


def test_a_master_of_another_shape_is_refused(config, raw_calibrations):
    load_bias_and_dark(config)
    path = config.directories.out / "master_bias.fits"
    fits.writeto(path, np.ones((8, 8), np.float32), overwrite=True)
    with pytest.raises(MasterError, match=r"master_bias\.fits: 8x8 px, expected 48x40"):
        load_bias_and_dark(config)


def test_a_master_of_another_read_mode_is_refused(config, raw_calibrations):
    load_bias_and_dark(config)
    fits.setval(config.directories.out / "master_dark.fits", "READMODE", value="Fast")
    with pytest.raises(MasterError, match=r"master_dark\.fits: READMODE is 'Fast', expected one with 'HDR'"):
        load_bias_and_dark(config)


def damage(path):
    path.write_bytes(path.read_bytes()[:3000])


def test_a_master_with_a_wrong_bit_is_made_anew(config, raw_calibrations, caplog):
    load_bias_and_dark(config)
    path = config.directories.out / "master_dark.fits"
    content = bytearray(path.read_bytes())
    content[-2880] ^= 0x40
    path.write_bytes(bytes(content))
    _, dark = load_bias_and_dark(config)
    assert np.allclose(dark.data, DARK_RATE)
    assert "Checksum verification failed" in caplog.text


def test_a_master_without_a_checksum_is_taken_as_it_is(config, raw_calibrations):
    """As the earlier scripts wrote them."""
    load_bias_and_dark(config)
    path = config.directories.out / "master_bias.fits"
    data, header = fits.getdata(path), fits.getheader(path)
    fits.PrimaryHDU(data + 1, fits.Header({"READMODE": header["READMODE"]})).writeto(path, overwrite=True)
    assert np.array_equal(load_bias_and_dark(config)[0].data, data + 1)


def test_a_damaged_master_is_made_anew(config, raw_calibrations, caplog):
    load_bias_and_dark(config)
    damage(config.directories.out / "master_dark.fits")
    _, dark = load_bias_and_dark(config)
    assert np.allclose(dark.data, DARK_RATE)
    assert "is damaged" in caplog.text
    assert np.allclose(fits.getdata(config.directories.out / "master_dark.fits"), DARK_RATE)


def test_a_damaged_master_without_raw_frames_is_refused(config, raw_calibrations):
    load_bias_and_dark(config)
    damage(config.directories.out / "master_bias.fits")
    for path in raw_calibrations.glob("bias*"):
        path.unlink()
    with pytest.raises(MasterError, match=r"master_bias\.fits: truncated.*no bias\*\.fits in"):
        load_bias_and_dark(config)


def test_masters_that_cannot_be_kept_are_used_all_the_same(config, raw_calibrations, caplog):
    config.directories.out.write_text("a file where the folder should be")
    bias, _ = load_bias_and_dark(config)
    assert np.all(bias.data == BIAS)
    assert bias.checksum is None
    assert "used without being kept" in caplog.text


def test_without_a_flat_the_response_is_one_with_a_warning(config, raw_calibrations, night, caplog):
    masters = load_masters(config, night)
    assert np.all(masters.flat == 1)
    assert masters.checksums["flat"] is None
    assert not masters.flattened
    assert "frames are not flattened" in caplog.text


def make_flat(path, value):
    path.parent.mkdir(exist_ok=True)
    fits.writeto(path, np.full((ROWS, COLUMNS), value, np.float32) * pattern().astype(np.float32))
    return path


def test_the_flat_of_the_night_comes_first(config, raw_calibrations, night):
    make_flat(config.directories.out / "master_flat.fits", 1.0)
    path = make_flat(night / "master_flat.fits", 1.0)
    assert load_masters(config, night).sources["flat"] == str(path)


def test_else_the_flat_of_the_masters_folder(config, raw_calibrations, night):
    path = make_flat(config.directories.out / "master_flat.fits", 5.0)
    masters = load_masters(config, night)
    assert masters.sources["flat"] == str(path)
    assert masters.flattened
    assert np.allclose(masters.flat, pattern() / np.median(pattern()))


def test_a_flat_of_another_shape_is_refused(config, raw_calibrations, night):
    fits.writeto(night / "master_flat.fits", np.ones((8, 8), np.float32))
    with pytest.raises(MasterError, match=r"20240705: master_flat\.fits: 8x8 px, expected 48x40"):
        load_masters(config, night)


def test_a_damaged_flat_gives_way_to_the_older_one(config, raw_calibrations, night, caplog):
    damage(make_flat(night / "master_flat.fits", 1.0))
    path = make_flat(config.directories.out / "master_flat.fits", 1.0)
    assert load_masters(config, night).sources["flat"] == str(path)
    assert "serves instead" in caplog.text


def test_a_damaged_flat_does_not_give_way_to_none(config, raw_calibrations, night):
    damage(make_flat(night / "master_flat.fits", 1.0))
    with pytest.raises(MasterError, match=r"master_flat\.fits: truncated.*run create_flats"):
        load_masters(config, night)


def test_a_flat_without_light_is_refused_by_name(config, raw_calibrations, night):
    make_flat(night / "master_flat.fits", 0.0)
    with pytest.raises(MasterError, match=r"20240705/master_flat\.fits: flat: 0 of 1920 pixels"):
        load_masters(config, night)


def test_the_bad_pixels_hold_edges_hot_and_dead_ones(config, raw_calibrations, night):
    detector = dataclasses.replace(config.camera.detector, bad_edge_px=(2, 0, 0, 0))
    config = dataclasses.replace(config, camera=dataclasses.replace(config.camera, detector=detector))
    for number in range(3):
        value = np.full((ROWS, COLUMNS), BIAS + 30)
        value[20, 30] = 60000
        (raw_calibrations / f"dark-{number:05d}.fits").unlink()
        write_raw(raw_calibrations / f"dark-{number:05d}.fits", value, exptime=10.0)
    response = np.ones((ROWS, COLUMNS), np.float32)
    response[5, 6] = 0
    fits.writeto(night / "master_flat.fits", response)
    bad = load_masters(config, night).bad
    assert bad[:, :2].all()
    assert np.argwhere(bad[:, 2:]).tolist() == [[5, 4], [20, 28]]


def test_masters_have_only_numbers(config, raw_calibrations, night):
    load_bias_and_dark(config)
    data = np.full((ROWS, COLUMNS), 100.0, np.float32)
    data[1, 2] = np.nan
    fits.writeto(config.directories.out / "master_bias.fits", data, overwrite=True)
    masters = load_masters(config, night)
    assert masters.bias[1, 2] == 100.0
    assert masters.bad[1, 2]


def flat_of(config, night):
    bias, dark = load_bias_and_dark(config)
    return build_flat(night, config.camera, bias.data, dark.data)


def test_the_flat_is_the_response(config, raw_calibrations, night):
    write_flats(night, response=pattern())
    assert np.allclose(flat_of(config, night).data, pattern() / np.median(pattern()), rtol=1e-4)


def test_a_flat_across_the_gain_step_is_the_response(config, raw_calibrations, night):
    """Half of the chip above the step, half below: without the slope the halves would differ by it."""
    detector = dataclasses.replace(config.camera.detector, high_range_slope=1.01)
    changed = dataclasses.replace(config, camera=dataclasses.replace(config.camera, detector=detector))
    response = np.where(np.arange(COLUMNS) < COLUMNS // 2, 0.8, 1.2) * np.ones((ROWS, 1))
    counts = 2000 * response + DARK_RATE * 5.0
    for number in range(3):
        raw = BIAS + np.where(counts > 1700, counts * 1.01, counts)
        write_raw(night / f"evening-flat-{number:05d}.fits", np.rint(raw), exptime=5.0)
    flat = flat_of(changed, night).data
    assert flat[0, -1] / flat[0, 0] == pytest.approx(1.5, abs=1e-3)


def test_a_star_on_one_flat_is_gone(config, raw_calibrations, night):
    write_flats(night)
    path = night / "evening-flat-00001.fits"
    data, header = fits.getdata(path, header=True)
    data[10:13, 10:13] += 9000
    fits.writeto(path, data, header, overwrite=True)
    assert np.allclose(flat_of(config, night).data, 1.0, atol=1e-3)


def test_morning_flats_serve_where_evening_flats_are_too_few(config, raw_calibrations, night):
    write_flats(night, levels=(20000, 20000))
    write_flats(night, kind="morning", response=pattern())
    header = flat_of(config, night).header
    assert [header[f"INPUT{n:02d}"][:7] for n in range(1, header["NCOMBINE"] + 1)] == ["morning"] * 3


@pytest.mark.parametrize(
    ("level", "fact"), [(65000, "level 65000 ADU"), (300, "level 300 ADU, expected 1311 to 52428")]
)
def test_a_flat_too_bright_or_too_faint_is_left_out(config, raw_calibrations, night, caplog, level, fact):
    write_flats(night, levels=(20000, 20000, 20000, level))
    assert flat_of(config, night).header["NCOMBINE"] == 3
    assert f"flat left out: evening-flat-00003.fits: {fact}" in caplog.text


def test_a_flat_with_saturated_corners_is_left_out(config, raw_calibrations, night, caplog):
    write_flats(night)
    value = np.full((ROWS, COLUMNS), 20000)
    value[:5] = 65535
    write_raw(night / "evening-flat-00009.fits", value, exptime=5.0)
    assert flat_of(config, night).header["NCOMBINE"] == 3
    assert "12% of the pixels are saturated" in caplog.text


def test_a_flat_cut_off_below_saturation_is_left_out(config, raw_calibrations, night, caplog):
    write_flats(night)
    value = np.minimum(np.random.default_rng(1).normal(20000, 140, (ROWS, COLUMNS)), 20000)
    write_raw(night / "evening-flat-00009.fits", value, exptime=5.0)
    assert flat_of(config, night).header["NCOMBINE"] == 3
    assert "of the pixels hold its highest count, 20000, expected almost none" in caplog.text


def test_too_few_flats_are_an_error_that_counts_them(config, raw_calibrations, night):
    write_flats(night, levels=(20000, 20000))
    with pytest.raises(MasterError, match=r"2 usable evening\*\.fits and 0 morning\*\.fits, expected at least 3"):
        flat_of(config, night)


def test_flats_of_another_read_mode_do_not_count(config, raw_calibrations, night):
    write_flats(night, readmode="Fast")
    with pytest.raises(MasterError, match=r"0 usable evening\*\.fits"):
        flat_of(config, night)


def test_the_flat_written_is_the_flat_read(config, raw_calibrations, night):
    write_flats(night, response=pattern(), FILTER="Clear")
    flat = flat_of(config, night)
    path = write_flat(flat, night / "master_flat.fits")
    assert np.array_equal(read_master(path, config.camera).data, flat.data)
    assert fits.getheader(path)["FILTER"] == "Clear"


def test_the_flat_names_the_filter_of_the_profile_where_frames_name_none(config, raw_calibrations, night):
    write_flats(night)
    assert flat_of(config, night).header["FILTER"] == "NGTS"


def test_a_dead_pixel_of_the_flat_is_bad_after_reading(config, raw_calibrations, night):
    response = np.ones((ROWS, COLUMNS))
    response[7, 9] = 0.0
    write_flats(night, response=response)
    write_flat(flat_of(config, night), night / "master_flat.fits")
    masters = load_masters(config, night)
    assert masters.bad[7, 9]
    assert masters.flat[7, 9] == 1.0


@pytest.mark.real
def test_the_neutral_frames_give_neutral_masters(real_data, tmp_path):
    camera = load_camera("microobservatory")
    folders = Directories(real_data / "hatp32" / "calibration", tmp_path, tmp_path / "out")
    masters = load_masters(Config(folders, camera), real_data / "hatp32" / "20171219")
    assert np.all(masters.bias == 300)
    assert np.all(masters.dark == 0)
    assert masters.bad.sum() == 500 * 4 + 646 * 9
