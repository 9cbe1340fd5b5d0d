"""directories.json and camera profiles: what is right is read, what is wrong is named with its file."""

import dataclasses
import json
import re
from pathlib import Path

import pytest

from ngcmos.config import (
    MIGRATIONS,
    find_camera,
    load_camera,
    load_config,
    load_directories,
    migrate,
    profiles_folder,
)
from ngcmos.errors import ConfigError, NightError
from ngcmos.profile import PROFILE_FORMAT

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
    first = [("TELRAD", "TELDECD"), ("CMD_RA", "CMD_DEC"), ("TELRA", "TELDEC")]
    assert camera.headers.pointing_pairs[:3] == first


def test_whole_number_stands_for_a_float(tmp_path):
    path = write_profile(tmp_path, lambda text: text.replace("gain_e_adu = 1.131", "gain_e_adu = 2"))
    assert load_camera(path).detector.gain_e_adu == 2.0


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("gain_e_adu = 1.131\n", "", r"mine\.toml: missing key detector\.gain_e_adu$"),
        ("[files]", "[filez]", r"mine\.toml: unknown key filez \(known are name, .*, files, .*format\)$"),
        (
            "aperture_m = 0.2",
            "aperture_m = 0.2\nmirror_m = 2",
            r"key telescope\.mirror_m \(known are aperture_m, scint",
        ),
        ("aperture_m = 0.2", 'aperture_m = "0.2"', r"telescope\.aperture_m must be a number, not '0\.2'$"),
        ("aperture_m = 0.2", "aperture_m = 2024-01-01", r"telescope\.aperture_m must be a number, not datetime"),
        ("aperture_m = 0.2", "aperture_m = nan", r"telescope\.aperture_m must be a finite number, not nan$"),
        ("rows = 2048", "rows = 2048.0", r"detector\.rows must be a whole number, not 2048\.0$"),
        ("rows = 2048", "rows = true", r"detector\.rows must be a whole number, not True$"),
        ('"HDR"', "1", r"detector\.readmode must be a text, not 1$"),
        ("[files]", "[solve]\nsolve_field = 1\n[files]", r"solve\.solve_field must be true or false, not 1$"),
        ("[3.9, 4.3]", "4.1", r"detector\.scale_limits_arcsec must be a list, not 4\.1$"),
        ("[3.9, 4.3]", "[3.9]", r"missing key detector\.scale_limits_arcsec\[1\]$"),
        ("[3.9, 4.3]", "[3, 4, 5]", r"detector\.scale_limits_arcsec must have at most 2 items"),
        ("[3.9, 4.3]", "[3.9, '4']", r"detector\.scale_limits_arcsec\[1\] must be a number, not '4'$"),
        ("[3.9, 4.3]", "[4.1, 4.3]", r"mine\.toml: detector\.scale_limits_arcsec must enclose scale_arcsec$"),
        ("[telescope]", "[[telescope]]", r"toml: telescope must be a table, not \[{'aperture_m': 0\.2}\]$"),
        ("gain_e_adu = 1.131", "gain_e_adu = -1", r"detector\.gain_e_adu must be greater than 0, not -1$"),
        ("slope = 1.0", "slope = 0", r"detector\.high_range_slope must be greater than 0, not 0$"),
        (
            "[files]",
            "[photometry]\nsky_method = 'best'\n[files]",
            r"sky_method must be 'map', 'annulus' or 'mean', not",
        ),
        ("America/Santiago", "Chile/Paranal", r"mine\.toml: site\.timezone 'Chile/Paranal' is not known"),
        ("format = 1 ", "format = 2", r"mine\.toml: format 2 is newer than this ngcmos reads, expected at most 1"),
        ("format = 1 ", "format = 0", r"mine\.toml: format must be greater than 0, not 0$"),
        ("format = 1 ", "format = '1'", r"mine\.toml: format must be a whole number, not '1'$"),
        ("format = 1 ", "checksum = 'x'", r"mine\.toml: unknown key checksum"),
        ("rows = 2048", "rows = ", r"mine\.toml: not readable as TOML"),
    ],
)
def test_wrong_profile_is_named(tmp_path, old, new, message):
    path = write_profile(tmp_path, lambda text: text.replace(old, new))
    with pytest.raises(ConfigError, match=message):
        load_camera(path)


def test_all_mistakes_of_a_profile_are_told_at_once_in_one_line(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        'nam = "x"\n[detector]\nrows = "many"\ncolumns = 10\nscale_arcsec = 4\nsaturation_adu = 0\n'
        "read_noise_e = 1\n"
        "[telescope]\naperture_m = 0.2\n[site]\nlatitude_deg = 100\nlongitude_deg = 0\nelevation_m = 0\n"
        "[photometry]\nradii_px = [2, 2]\nannulus_px = [20, 15]\n"
    )
    with pytest.raises(ConfigError) as caught:
        load_camera(path)
    head, *mistakes = re.split(r"(?<=mistakes): |; ", str(caught.value))
    assert head == f"{path}: 9 mistakes"
    assert sorted(said.split(" (")[0] for said in mistakes) == [
        "detector.rows must be a whole number, not 'many'",
        "detector.saturation_adu must be greater than 0, not 0",
        "missing key detector.gain_e_adu",
        "missing key name",
        "missing key site.timezone",
        "photometry.annulus_px must rise",
        "photometry.radii_px must differ from each other",
        "site.latitude_deg must be less than or equal to 90, not 100",
        "unknown key nam",
    ]


@pytest.mark.parametrize("name", ["ngts_cmos", "microobservatory"])
def test_profile_of_the_first_form_is_read_for_ever(name):
    """A frozen copy of what came with ngcmos when each key had to be given."""
    old = load_camera(Path(__file__).parent / "profiles" / f"{name}_format_1.toml")
    new = load_camera(name)
    # cards that are read beside; hot pixels; a read noise that has been measured since
    came_later = {"headers": new.headers, "calibration": new.calibration}
    came_later["detector"] = dataclasses.replace(old.detector, read_noise_e=new.detector.read_noise_e)
    assert dataclasses.replace(old, **came_later) == new
    assert dataclasses.replace(new.calibration, night_hot_pixels=False) == old.calibration
    assert (old.headers.date_obs, old.headers.exptime) == (("DATE-OBS",), ("EXPTIME",))
    assert old.headers.pointing == new.headers.pointing[: len(old.headers.pointing)]


def test_older_formats_are_read_by_way_of_those_between(tmp_path):
    steps = {
        1: lambda tables: {"label": tables["name"]},
        2: lambda tables: {"title": tables["label"].upper()},
    }
    path = tmp_path / "mine.toml"
    assert migrate(path, {"name": "mine"}, newest=3, steps=steps) == {"title": "MINE", "format": 3}
    assert migrate(path, {"label": "a", "format": 2}, newest=3, steps=steps) == {"title": "A", "format": 3}
    assert migrate(path, {"title": "B", "format": 3}, newest=3, steps=steps) == {"title": "B", "format": 3}


def test_every_older_format_has_its_step():
    assert sorted(MIGRATIONS) == list(range(1, PROFILE_FORMAT))


def test_unknown_profile_names_the_known_ones():
    with pytest.raises(ConfigError, match=r"expected one of microobservatory, ngts_ccd, ngts_cmos"):
        load_camera("ccd")


def test_checksum_follows_the_bytes_and_the_fingerprint_the_values(tmp_path):
    remark = load_camera(write_profile(tmp_path, lambda text: text + "# a remark\n[movie]\nfps = 5\n"))
    assert remark.checksum != load_camera().checksum
    assert remark.fingerprint == load_camera().fingerprint
    other = load_camera(write_profile(tmp_path, lambda text: text + "[movie]\nfps = 6\n"))
    assert other.fingerprint != load_camera().fingerprint


def test_fingerprint_does_not_know_where_the_files_lie(tmp_path):
    prints = set()
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        path = write_profile(tmp_path / name, lambda text: text + "[catalog]\nlocal = ['tic.fits']\n")
        camera = load_camera(path)
        assert camera.catalog.local == (str(tmp_path / name / "tic.fits"),)
        prints.add(camera.fingerprint)
    assert len(prints) == 1


def test_first_row_whose_base_exists_wins(tmp_path):
    lists = {key: [f"elsewhere-{key}", f"here-{key}"] for key in LISTS}
    (tmp_path / "here-base_paths").mkdir()
    path = tmp_path / "directories.json"
    path.write_text(json.dumps(lists))
    directories = load_directories(path)
    assert directories.base == tmp_path / "here-base_paths"
    assert directories.out == tmp_path / "here-out_paths"


def test_a_tilde_is_the_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "nights").mkdir()
    lists = {"calibration_paths": ["~/cal/"], "base_paths": ["~/nights/"], "out_paths": ["out"]}
    path = tmp_path / "elsewhere.json"
    path.write_text(json.dumps(lists))
    found = load_directories(path)
    assert (found.base, found.calibration, found.out) == (tmp_path / "nights", tmp_path / "cal", tmp_path / "out")


def test_further_rows_of_the_same_camera_that_are_there_are_other_telescopes(tmp_path):
    for name in ("one", "two", "three"):
        (tmp_path / name).mkdir()
    (tmp_path / "again").symlink_to(tmp_path / "one")
    bases = ["one", "two", "gone", "again", "three"]
    lists = {name: ["x"] * 5 for name in ("calibration_paths", "out_paths")}
    cameras = ["", "", "", "", "microobservatory"]
    path = tmp_path / "directories.json"
    path.write_text(json.dumps({**lists, "base_paths": bases, "cameras": cameras}))
    found = load_directories(path)
    assert (found.base, found.others) == (tmp_path / "one", (tmp_path / "two",))


def test_the_camera_is_named_by_option_variable_list_or_nobody(tmp_path):
    (tmp_path / "nights").mkdir()
    config = tmp_path / "directories.json"

    def camera(given=None, environ=None):
        return load_config(camera=given, config=config, environ=environ or {}).camera.source.stem

    config.write_text(json.dumps(LISTS))
    assert camera() == "ngts_cmos"
    write_profile(tmp_path, str)
    config.write_text(json.dumps({**LISTS, "cameras": ["mine.toml"]}))
    assert camera() == "mine" and find_camera(config, environ={}) == str(tmp_path / "mine.toml")
    assert camera(environ={"NGCMOS_CAMERA": "microobservatory"}) == "microobservatory"
    assert camera("ngts_cmos", {"NGCMOS_CAMERA": "microobservatory"}) == "ngts_cmos"
    assert find_camera(tmp_path / "nowhere.json", environ={}) == "ngts_cmos"


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        (LISTS, r"none of the base_paths exists, tried .*nights"),
        ({**LISTS, "base_paths": ["a", "b"]}, "the lists must be of one length"),
        ({**LISTS, "bases": []}, "unknown key bases"),
        ({"base_paths": []}, "missing key calibration_paths, out_paths"),
        ({**LISTS, "cameras": ["a", "b"]}, "the lists must be of one length"),
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


def test_ccd_of_ngts_is_cut_out_of_its_wide_frames():
    own = load_camera("ngts_ccd")
    assert own.calibration.trim_section == (slice(0, 2048), slice(20, 2068))
    assert own.calibration.origin == (20, 0)
