"""A drafted profile loads, and holds what the camera of the frames is known to be."""

import dataclasses
import re

import numpy as np
import pytest
from astropy.io import fits

from ngcmos.commands.new_camera import main
from ngcmos.config import load_camera
from ngcmos.doctor.frame import check_frame
from ngcmos.draft.found import Found
from ngcmos.draft.profile import toml_of, typed
from ngcmos.errors import UsageError
from ngcmos.names import Health
from ngcmos.night.frames import read_frame


@pytest.fixture(scope="session")
def frames(drafted_night):
    return sorted(drafted_night.folder.glob("NG*.fits"))


@pytest.fixture(scope="session")
def drafted(drafted_night, frames, tmp_path_factory):
    """(profile, what was said) of frames and catalog alone."""
    path = tmp_path_factory.mktemp("profile") / "mine.toml"
    catalog = str(drafted_night.folder.parents[1] / "tic.fits")
    known = ["--set", "site.latitude_deg=-24.6", "--set", "site.timezone=America/Santiago"]
    assert main([*map(str, frames), "--catalog", catalog, *known, "--output", str(path), "-q"]) == 0
    return load_camera(path)


def test_scale_comes_from_the_sky_alone(drafted):
    assert drafted.detector.scale_arcsec == pytest.approx(load_camera().detector.scale_arcsec, rel=2e-3)
    assert drafted.detector.shape == (384, 384)


def test_what_was_typed_counts(drafted):
    assert (drafted.site.latitude_deg, drafted.site.timezone) == (-24.6, "America/Santiago")
    assert drafted.name == "mine"


def test_stars_as_wide_as_usual_get_the_usual_apertures(drafted):
    assert drafted.photometry.radii_px == load_camera().photometry.radii_px


def test_stars_of_the_catalog_that_are_seen_are_measured(drafted):
    assert 14 <= drafted.catalog.tmag_max <= 17


def test_without_a_catalog_the_scale_is_asked_for(frames, tmp_path, capsys):
    path = tmp_path / "draft.toml"
    assert main([str(frames[0]), "--output", str(path)]) == 0
    said = capsys.readouterr().out.split("Not found, and how to find it:")[1]
    assert "detector.scale_arcsec" in said
    assert "--catalog FILE" in said
    assert "FIND" in path.read_text()
    assert load_camera(path).detector.rows == 384


def test_profile_is_not_written_over(frames, tmp_path):
    path = tmp_path / "draft.toml"
    path.write_text("mine")
    assert main([str(frames[0]), "--output", str(path)]) == 2
    assert path.read_text() == "mine"


def test_frames_written_from_0_to_1_are_read_in_counts(drafted_night, drafted, frames, tmp_path):
    paths = [tmp_path / path.name for path in frames]
    for source, path in zip(frames, paths, strict=True):
        data, header = fits.getdata(source, header=True)
        fits.writeto(path, (data / 65535).astype(np.float32), header)
    catalog = str(drafted_night.folder.parents[1] / "tic.fits")
    assert main([*map(str, paths), "--catalog", catalog, "--output", str(tmp_path / "p.toml"), "-q"]) == 0
    camera = load_camera(tmp_path / "p.toml")
    assert camera.detector.adu_per_unit == 65535
    assert camera.detector.saturation_adu == drafted.detector.saturation_adu
    assert camera.catalog.tmag_max == pytest.approx(drafted.catalog.tmag_max, abs=0.5)
    counts = read_frame(frames[0], dataclasses.replace(camera, detector=drafted.detector)).data
    np.testing.assert_allclose(read_frame(paths[0], camera).data, counts, atol=0.01)


@pytest.mark.parametrize("text", ["telescope.aperture", "telescope.wings=2", "name=x", "aperture_m=2"])
def test_unknown_key_is_refused(text):
    with pytest.raises(UsageError, match="expected KEY=VALUE"):
        typed(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [("site.timezone=Europe/Paris", "Europe/Paris"), ("photometry.radii_px=[3, 4.5]", (3, 4.5))],
)
def test_typed_values(text, value):
    assert typed(text).value == value


def test_defaults_are_left_out_of_the_file():
    found = [
        Found("detector.dark_e_s", 0.0, "here"),
        Found("detector.rows", 5, "there"),
        Found("movie.every", 5, "x"),
    ]
    assert [line for line in toml_of(found, "a", 1).splitlines() if "=" in line] == [
        "format = 1",
        'name = "a"',
        "rows = 5  # there",
    ]


def said(findings, verdict):
    return " / ".join(str(one) for one in findings if one.verdict == verdict)


def test_doctor_reads_a_frame_by_its_profile(drafted_night, frames):
    camera = load_camera(drafted_night.folder.parents[1] / "camera.toml")
    findings = list(check_frame(frames[0], camera))
    assert {one.verdict for one in findings} == {Health.GOOD}
    told = said(findings, Health.GOOD)
    assert "384x384 px" in told
    assert fits.getheader(frames[0])["DATE-OBS"] in told


@pytest.mark.parametrize(
    ("table", "changes", "verdict", "expected"),
    [
        ("detector", {"rows": 300}, Health.BAD, "expected 384x300"),
        ("site", {"latitude_deg": 80.0}, Health.BAD, "looks down to"),
        ("site", {"longitude_deg": -80.0}, Health.REMARK, "ALTITUDE says"),
        ("headers", {"time_meaning": "end"}, Health.REMARK, "begun -10.0 s from the time in its name"),
        ("headers", {"pointing": ("A/B",)}, Health.BAD, "no pointing; the header has .*TELRAD"),
        ("detector", {"saturation_adu": 2000}, Health.REMARK, "beyond detector.saturation_adu 2000"),
        ("photometry", {"radii_px": (0.5, 1.0)}, Health.REMARK, "give photometry.radii_px up to"),
    ],
)
def test_what_contradicts_the_profile(drafted_night, frames, table, changes, verdict, expected):
    camera = load_camera(drafted_night.folder.parents[1] / "camera.toml")
    wrong = dataclasses.replace(camera, **{table: dataclasses.replace(getattr(camera, table), **changes)})
    assert re.search(expected, said(check_frame(frames[0], wrong), verdict))


def test_gain_of_a_card_against_that_of_the_profile(drafted_night, frames, tmp_path):
    path = tmp_path / frames[0].name
    data, header = fits.getdata(frames[0]), fits.getheader(frames[0])
    header["EGAIN"] = 2.0
    fits.PrimaryHDU(data, header).writeto(path)
    camera = load_camera(drafted_night.folder.parents[1] / "camera.toml")
    assert "EGAIN of the header says 2.0, the profile's detector.gain_e_adu is 1.131" in said(
        check_frame(path, camera), Health.REMARK
    )
