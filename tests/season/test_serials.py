"""Two cameras of one profile, told apart by their serial numbers, are two cameras of a season."""

import dataclasses

import numpy as np
import pytest
from season.conftest import FIELD, made_on_disk, update_unsearched

from ngcmos.report.season_star import WantedOfSeason, run
from ngcmos.season.build import bring_in
from ngcmos.season.reader import Season
from ngcmos.season.sources import find_sources

STAR = 4
LONG = "telescopes-of-the-southern-sky-at-paranal-nights"  # with the profile more than 40 letters


@pytest.fixture(scope="module")
def season(tmp_path_factory):
    """Six nights, the camera changed after the third; the second one sees the star 2 % brighter."""
    made = made_on_disk(tmp_path_factory.mktemp("serials"), nights=6, frames=12, stars=14)
    for night in made.nights:
        after = night.number >= 3
        night.flux[:, :, STAR] *= 1.02 if after else 1.0
        made.add(night, serial="VSC 00311" if after else "00207")
    update_unsearched(made.folder, made.sources)
    return made


def test_camera_is_profile_and_serial_number(season):
    names = ["ngts_cmos 00207", "ngts_cmos VSC-00311"]
    curve, frames = Season(season.folder).light_curve(tic_id=1000 + STAR), Season(season.folder).frames
    assert curve.meta["CAMERAS"] == names and sorted(set(frames["camera"])) == names
    np.testing.assert_array_equal(curve["camera"] == 1, curve["night"] >= 20240704)


def test_each_has_terms_of_its_own(season):
    curve = Season(season.folder).light_curve(tic_id=1000 + STAR)
    good = np.asarray(curve["quality"]) == 0
    means = [np.mean(curve["flux"][good & (curve["camera"] == camera)]) for camera in range(2)]
    assert means == pytest.approx([1, 1], abs=0.002)


def test_series_of_a_star_has_the_counts_of_both(season, tmp_path):
    config = dataclasses.make_dataclass("Config", ["directories"])(
        dataclasses.make_dataclass("Directories", ["base"])(season.base)
    )
    series = tmp_path / "star.csv"
    assert run(config, WantedOfSeason(tic_id=1000 + STAR, output=tmp_path / "a.png", csv=series)).exit_code == 0
    flux = [float(row.split(",")[3]) for row in series.read_text().splitlines() if row[0] not in "#b"]
    assert len(flux) == 72 and np.isfinite(flux).all()


def test_long_name_of_a_camera_is_whole_in_both_files(season, tmp_path):
    other = season.copied_to(tmp_path / "telescopes" / "of-the-southern-sky-at-paranal-nights")
    sources = find_sources(season.base, FIELD, season.camera, others=[other.base])
    copy = season.copied_to(tmp_path / "own")
    update_unsearched(copy.folder, {**sources, **copy.sources})
    read = Season(copy.folder)
    cameras = read.light_curve(tic_id=1000 + STAR).meta["CAMERAS"]
    assert f"ngts_cmos 00207 {LONG}" in cameras and cameras == sorted(set(read.frames["camera"]))


def test_table_without_serial_number_is_of_the_profile_alone(disk):
    _, season = bring_in(disk.folder, disk.sources)
    assert {summary.camera for summary in season.summaries} == {"ngts_cmos"}
