"""Cards that do not say where the telescope looked: the sky is believed, the stars are those of right cards."""

import re

import numpy as np
import pytest
from astropy.table import Table
from loopback_vizier import LoopbackVizier
from spoilt_night import copy_case, within_one

from ngcmos.names import Stage
from ngcmos.simulate.troubles import rewrite, set_cards

SOLVE_AND_MEASURE = (Stage.SIMPLE_WRAPPER, Stage.PROCESS_CMOS)


@pytest.fixture(scope="module")
def wide(make_case):
    """A night with stars all over the sky that wrong cards may point at."""
    return make_case(sky_deg=0.9)


@pytest.fixture(scope="module")
def right(wide, tmp_path_factory):
    """The same night with right cards, reduced."""
    case = copy_case(wide, tmp_path_factory.mktemp("right") / "base")
    case.reduce()
    return case.stars()


def point_elsewhere(case, east_deg, north_deg):
    """Let all cards tell a place that lies so far from the true one."""
    first = case.night.camera.headers.pointing_pairs[0]
    others = {key: None for pair in case.night.camera.headers.pointing_pairs[1:] for key in pair}
    stars = case.truth.stars
    ra, dec = (float(np.mean(stars[name])) for name in ("ra", "dec"))
    told = ra + east_deg / np.cos(np.radians(dec)), dec + north_deg
    for path in case.frames:
        rewrite(path, set_cards(dict(zip(first, told, strict=True)) | others))
    return told


@pytest.mark.parametrize("off", [(0.34, 0.05), (0.0, -0.15), (0.5, 0.5), (-1.9, 0.3), (1.4, -1.4)])
def test_wrong_cards_lose_no_star(wide, right, tmp_path, off):
    case = copy_case(wide, tmp_path / "base")
    point_elsewhere(case, *off)
    case.reduce(*SOLVE_AND_MEASURE)
    assert within_one(case.stars(), right)
    assert len(case.measured()) == 6


def test_a_second_run_changes_nothing(wide, tmp_path):
    case = copy_case(wide, tmp_path / "base")
    point_elsewhere(case, 0.34, 0.05)
    case.reduce(*SOLVE_AND_MEASURE)
    before = {path: path.read_bytes() for path in case.folder.glob("*.fits")}
    case.reduce(*SOLVE_AND_MEASURE)
    assert {path: path.read_bytes() for path in case.folder.glob("*.fits")} == before


def test_how_far_the_cards_are_off_is_told_in_one_line(wide, tmp_path):
    case = copy_case(wide, tmp_path / "base")
    point_elsewhere(case, 0.0, 0.34)
    case.reduce(*SOLVE_AND_MEASURE)
    [said] = case.remarks()
    off_deg, off_px = map(
        float, re.search(r"sits ([\d.]+) deg \((\d+) px\) from where its cards want it", said).groups()
    )
    assert off_deg == pytest.approx(0.34, abs=0.02)
    assert off_px == pytest.approx(0.34 * 3600 / case.night.camera.detector.scale_arcsec, rel=0.06)


@pytest.mark.parametrize("rotation_deg", [45.0, 100.0, 200.0])
def test_a_turned_camera_keeps_its_corners(make_case, rotation_deg):
    """All stars that the truth has on the chip are in the list."""
    case = make_case(rotation_deg=rotation_deg, sky_deg=0.9, frames=2)
    point_elsewhere(case, 0.3, 0.2)
    case.reduce(*SOLVE_AND_MEASURE)
    rows = case.table()
    corner = np.hypot(rows["x"] - 128.5, rows["y"] - 128.5) > 160
    assert np.count_nonzero(corner) > 10
    assert case.remarks() and "covers" not in " ".join(case.remarks())


def test_a_catalog_that_ends_on_the_chip_is_told(make_case):
    case = make_case()
    stars = Table.read(case.night.catalog_file)
    middle = np.median(np.asarray(case.truth.stars["dec"]))
    stars[np.asarray(stars["DEJ2000"]) > middle].write(case.night.catalog_file, overwrite=True)
    case.reduce(*SOLVE_AND_MEASURE)
    [said] = [line for line in case.remarks() if "covers" in line]
    assert 40 < float(re.search(r"covers ([\d.]+)%", said)[1]) < 70


def test_a_center_that_is_told_is_looked_at_whatever_the_cards_say(wide, right, tmp_path):
    case = copy_case(wide, tmp_path / "base")
    told = point_elsewhere(case, 0.0, 30.0)
    case.reduce(*SOLVE_AND_MEASURE, center=(told[0], told[1] - 30.1))
    assert within_one(case.stars(), right)


def test_frames_without_cards_are_found_by_the_profiles_center(wide, right, tmp_path):
    case = copy_case(wide, tmp_path / "base")
    ra, dec = point_elsewhere(case, 0.0, 0.0)
    pairs = case.night.camera.headers.pointing_pairs
    for path in case.frames:
        rewrite(path, set_cards({key: None for pair in pairs for key in pair}))
    profile = case.night.camera_file
    profile.write_text(re.sub(r"(?m)^center = .*$", f"center = [{ra}, {dec}]", profile.read_text()))
    case.reduce(*SOLVE_AND_MEASURE)
    assert within_one(case.stars(), right)


def ask_vizier(case, server):
    """Let a profile ask a server in place of local files."""
    profile, text = case.night.camera_file, case.night.camera_file.read_text()
    text = re.sub(r"(?m)^local = .*$", "local = []", text)
    profile.write_text(re.sub(r"(?m)^mirrors = .*$", f'mirrors = ["{server.url}"]', text))


def test_vizier_is_asked_around_the_solved_place_and_its_answer_kept(wide, right, tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    case = copy_case(wide, tmp_path / "base")
    point_elsewhere(case, 0.34, 0.05)
    with LoopbackVizier(Table.read(case.night.catalog_file)) as server:
        ask_vizier(case, server)
        case.reduce(*SOLVE_AND_MEASURE)
        assert within_one(case.stars(), right)
        asked = len(server.queries)
        tomorrow = copy_case(wide, tmp_path / "tomorrow")
        point_elsewhere(tomorrow, 0.34, 0.05)
        ask_vizier(tomorrow, server)
        kept, there = (one.night.base / "out" / "catalogs" for one in (case, tomorrow))
        kept.rename(there) if there.parent.exists() else kept.rename(there.parent.mkdir() or there)
        tomorrow.reduce(*SOLVE_AND_MEASURE)
        assert within_one(tomorrow.stars(), right)
        assert len(server.queries) == asked
