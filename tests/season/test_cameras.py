"""Several telescopes at one field: one season, each with terms of its own."""

import logging
import types

import numpy as np
import pytest
from season.conftest import FIELD, made_on_disk, update_unsearched
from season.made_season import Habits, make_season, write_night

from ngcmos.config import load_camera
from ngcmos.errors import NightError
from ngcmos.report.season_star import WantedOfSeason, run
from ngcmos.season.cameras import compare_cameras
from ngcmos.season.reader import Season
from ngcmos.season.sources import find_sources, others_of, remember_others

STAR, NIGHT = 5, 3  # of one camera alone, which sees it 3 % too bright


@pytest.fixture(scope="module")
def season(tmp_path_factory):
    root = tmp_path_factory.mktemp("telescopes")
    made = made_on_disk(root / "one" / "nights", nights=6, frames=12, stars=26)
    for number, name in enumerate(("two", "three", "four")):
        rng = np.random.default_rng(20 + number)
        for night in make_season(rng, made.sky, 6, frames=12, habits=Habits(radii=(3.0, 4.0))):
            if name == "three" and night.number == NIGHT:
                night.flux[:, :, STAR] *= 1.03
            write_night(root / name / "nights", FIELD, made.sky, night)
    others = remember_others(made.folder, [root / name / "nights" for name in ("two", "three", "four")])
    sources = find_sources(made.base, FIELD, load_camera(), others=others)
    update_unsearched(made.folder, sources)
    return types.SimpleNamespace(made=made, root=root, read=Season(made.folder), sources=sources)


def test_nights_of_all_telescopes_are_in_it(season):
    cameras = ["ngts_cmos", *(f"ngts_cmos {name}-nights" for name in ("four", "three", "two"))]
    curve = season.read.light_curve(tic_id=1000 + STAR)
    assert curve.meta["CAMERAS"] == cameras and len(curve) == 4 * 6 * 12
    assert sorted(set(season.read.frames["camera"])) == cameras
    assert set(curve["night"]) == {20240701 + day for day in range(6)}
    assert season.read.stars["nights"].max() == 6


def test_others_are_remembered(season):
    assert len(others_of(season.made.folder)) == 3
    assert remember_others(season.made.folder, []) == others_of(season.made.folder)


def test_folder_that_is_not_there_is_told(season):
    with pytest.raises(NightError, match="no such folder"):
        remember_others(season.made.folder, [season.root / "five"])


def test_four_telescopes_scatter_half_as_much_as_one(season):
    single, combined = [], []
    for star in range(6, 26):
        curve = season.read.light_curve(tic_id=1000 + star)
        good = np.asarray(curve["quality"]) == 0
        means = np.array(
            [
                [
                    np.mean(curve["flux"][good & (curve["night"] == night) & (curve["camera"] == camera)])
                    for camera in range(4)
                ]
                for night in np.unique(curve["night"])
            ]
        )
        single.append(np.mean(np.var(means, axis=0, ddof=1)))
        combined.append(np.var(means.mean(axis=1), ddof=1))
    assert np.sqrt(np.mean(combined) / np.mean(single)) <= 1.1 / 2


def test_camera_that_is_off_is_named(season, caplog):
    directories = types.SimpleNamespace(base=season.made.base)
    config = types.SimpleNamespace(directories=directories)
    picture, series = season.root / "a.png", season.root / "a.csv"
    with caplog.at_level(logging.WARNING):
        run(config, WantedOfSeason(tic_id=1000 + STAR, output=picture, csv=series))
    [line] = [one for one in caplog.messages if "off the others" in one]
    assert "20240704: ngts_cmos three-nights is off the others by" in line
    assert "nan" not in [row.split(",")[3] for row in series.read_text().splitlines() if row[0] not in "#b"]


def test_quiet_cameras_agree():
    rng = np.random.default_rng(1)
    night, camera = np.repeat(np.arange(200), 40), np.tile(np.repeat(np.arange(4), 10), 200)
    error = np.full(night.size, 0.01)
    found = compare_cameras(night, camera, 1 + rng.normal(0, 0.01, night.size), error, least_error=0.0)
    pulls = np.array([off / sigma for off, sigma in found.values()])
    assert len(pulls) == 800 and np.std(pulls) == pytest.approx(1.0, abs=0.1)
