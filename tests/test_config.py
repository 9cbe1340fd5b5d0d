"""directories.json and camera profiles: what is right is read, what is wrong is named with its file."""

import json

import pytest

from ngcmos.config import load_camera, load_config, load_directories, profiles_folder
from ngcmos.errors import ConfigError, NightError

LISTS = {"calibration_paths": ["cal"], "base_paths": ["nights"], "out_paths": ["out"]}


def write_profile(folder, change):
    text = (profiles_folder() / "ngts_cmos.toml").read_text()
    path = folder / "mine.toml"
    path.write_text(change(text))
    return path


@pytest.mark.parametrize("name", ["ngts_cmos", "microobservatory"])
def test_profile_that_comes_along_is_named_as_its_file(name):
    assert load_camera(name).name == name


def test_numbers_of_the_contract():
    camera = load_camera()
    assert camera.detector.shape == (2048, 2048)
    assert (camera.detector.gain_e_adu, camera.detector.read_noise_e, camera.detector.dark_e_s) == (
        1.131,
        1.56,
        1.6,
    )
    assert (camera.detector.saturation_adu, camera.detector.gain_step_adu) == (65535, 1800)
    assert (camera.site.latitude_deg, camera.site.longitude_deg, camera.site.elevation_m) == (
        -24.615662,
        -70.391809,
        2433.0,
    )
    assert camera.detector.high_range_slope == 1.0
    assert camera.photometry.radii_px == (2.0, 3.0, 4.0, 5.0, 6.0)
    assert camera.headers.pointing_pairs == [("TELRAD", "TELDECD"), ("CMD_RA", "CMD_DEC"), ("TELRA", "TELDEC")]


def test_whole_number_stands_for_a_float(tmp_path):
    path = write_profile(tmp_path, lambda text: text.replace("gain_e_adu = 1.131", "gain_e_adu = 2"))
    assert load_camera(path).detector.gain_e_adu == 2.0


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("gain_e_adu", "gain_adu", r"mine\.toml: unknown key detector\.gain_adu"),
        ("gain_e_adu = 1.131\n", "", r"mine\.toml: missing key detector\.gain_e_adu"),
        ("[movie]", "[cinema]", r"mine\.toml: unknown key cinema"),
        (
            "gain_e_adu = 1.131",
            'gain_e_adu = "1.1"',
            r"mine\.toml: detector\.gain_e_adu must be float, not '1\.1'",
        ),
        ("gain_e_adu = 1.131", "gain_e_adu = -1.0", r"mine\.toml: \[detector\] gain_e_adu must be positive"),
        ("high_range_slope = 1.0", "high_range_slope = 0", r"\[detector\] high_range_slope must be positive"),
        (
            "gain_step_adu = 1800             # raw counts where HDR changes gain; 0 = no step\n"
            "gain_step_half_width_adu = 200\nhigh_range_slope = 1.0",
            "gain_step_adu = 0\ngain_step_half_width_adu = 0\nhigh_range_slope = 1.002",
            r"\[detector\] high_range_slope needs a gain_step_adu",
        ),
        ('"map"', '"best"', r"mine\.toml: \[photometry\] sky_method must be one of map, annulus, mean"),
        ("America/Santiago", "Chile/Paranal", r"mine\.toml: \[site\] timezone 'Chile/Paranal' is not known"),
        ("rows = 2048", "rows = ", r"mine\.toml: not readable as TOML"),
    ],
)
def test_wrong_profile_is_named(tmp_path, old, new, message):
    path = write_profile(tmp_path, lambda text: text.replace(old, new))
    with pytest.raises(ConfigError, match=message):
        load_camera(path)


def test_unknown_profile_names_the_known_ones():
    with pytest.raises(ConfigError, match=r"expected one of microobservatory, ngts_cmos"):
        load_camera("ccd")


def test_checksum_follows_the_content(tmp_path):
    path = write_profile(tmp_path, lambda text: text + "# a remark\n")
    assert load_camera(path).checksum != load_camera().checksum


def test_first_row_whose_base_exists_wins(tmp_path):
    lists = {key: [f"elsewhere-{key}", f"here-{key}"] for key in LISTS}
    (tmp_path / "here-base_paths").mkdir()
    path = tmp_path / "directories.json"
    path.write_text(json.dumps(lists))
    directories = load_directories(path)
    assert directories.base == tmp_path / "here-base_paths"
    assert directories.out == tmp_path / "here-out_paths"


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        (LISTS, r"none of the base_paths exists, tried .*nights"),
        ({**LISTS, "base_paths": ["a", "b"]}, "the lists must be of one length"),
        ({**LISTS, "bases": []}, "unknown key bases"),
        ({"base_paths": []}, "missing key calibration_paths, out_paths"),
        ({**LISTS, "base_paths": "nights"}, "base_paths must be a list of paths"),
        ([], "expected an object"),
    ],
)
def test_wrong_directories_are_named(tmp_path, lists, message):
    path = tmp_path / "directories.json"
    path.write_text(json.dumps(lists))
    with pytest.raises(ConfigError, match=message):
        load_directories(path)


def test_directories_that_are_no_json(tmp_path):
    path = tmp_path / "directories.json"
    path.write_text("{")
    with pytest.raises(ConfigError, match=r"directories\.json: not readable as JSON"):
        load_directories(path)


def test_order_of_the_places_of_directories_json(tmp_path, monkeypatch):
    folders = {name: tmp_path / name for name in ("option", "current", "night", "environment")}
    for folder in folders.values():
        (folder / "nights").mkdir(parents=True)
        (folder / "directories.json").write_text(json.dumps(LISTS))
    monkeypatch.chdir(folders["current"])
    environ = {"NGCMOS_DIRECTORIES": str(folders["environment"] / "directories.json")}
    found = []
    option = folders["option"] / "directories.json"
    for name in ("option", "current", "night", "environment"):
        config = load_config(config=option, directory=folders["night"], environ=environ)
        assert config.directories.base.samefile(folders[name] / "nights")
        found.append(name)
        (folders[name] / "directories.json").unlink()
        option = None
    with pytest.raises(ConfigError, match=r"not found, tried .*current.*night.*environment"):
        load_config(directory=folders["night"], environ=environ)


def test_named_night_that_does_not_exist(tmp_path):
    with pytest.raises(NightError, match=r"no night found: .*gone is not a folder"):
        load_config(directory=tmp_path / "gone")
