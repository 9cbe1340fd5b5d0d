"""Nights that cannot have been taken when their frames say so are told, and copies of a night do not count."""

import dataclasses
import shutil

import numpy as np
import pytest
from season.conftest import FIELD, made_on_disk, update_unsearched
from season.made_season import Habits, make_night

from ngcmos.report.season_facts import gather_season
from ngcmos.report.season_page import draw_season
from ngcmos.season.clocks import say_clocks
from ngcmos.season.seen import Look
from ngcmos.season.sources import copies_among, find_sources
from ngcmos.tables.table import read_frames

EVENING_JD = 2460496.5  # 20:00 of 2024-07-04 in Chile


def look(start_d, hours=8.0, camera="one"):
    start = EVENING_JD + start_d
    return Look("", camera, str(start), start, start + hours / 24)


def test_nights_one_after_the_other_need_no_word():
    looks = {
        "20240704": look(0.0),
        "20240705": look(1.0),
        "20240705_two-nights": look(1.0, camera="one two-nights"),
    }
    looks["20240706"] = Look("", "one", "", np.nan, np.nan)
    assert say_clocks(looks, "America/Santiago") == "" == say_clocks({}, "America/Santiago")


@pytest.mark.parametrize(("hours", "told"), [(-13, True), (-6, False), (9, False), (13, True)])
def test_night_of_another_evening_is_named(hours, told):
    """Its middle is at 24:00 by the clock on the wall."""
    said = say_clocks({"20240704": look(hours / 24)}, "America/Santiago")
    assert said.startswith("20240704 holds frames of the evening of 2024070") == told == bool(said)


def test_two_nights_at_once_are_named():
    looks = {"20240704": look(0.0), "20240705": look(1.0), "20240706": look(1.3)}
    said = say_clocks(looks, "America/Santiago")
    assert "20240705 and 20240706 were taken by one camera at once" in said
    apart = looks | {"20240706": dataclasses.replace(looks["20240706"], camera="two")}
    assert "at once" not in say_clocks(apart, "America/Santiago")


def test_season_tells_of_them_in_log_and_page(tmp_path, caplog):
    made = made_on_disk(tmp_path, nights=3, frames=8, stars=12)
    night = make_night(np.random.default_rng(3), made.sky, 3, frames=8, habits=Habits(radii=(3.0, 4.0)))
    made.add(night, name="20240705")
    update_unsearched(made.folder, made.sources)
    told = "20240705 holds frames of the evening of 20240704: a clock is off"
    facts = gather_season(made.folder, (2048, 2048))
    assert told in caplog.text and told in draw_season(facts, made_of="")


def test_nights_without_a_frame_are_no_copies_of_each_other(built, monkeypatch):
    sources = find_sources(built.base, FIELD, built.camera)
    monkeypatch.setattr("ngcmos.season.sources.read_frames", lambda path: read_frames(path)[:0])
    shutil.rmtree(built.folder.path)
    assert len(sources) > 1 and not copies_among(sources, built.folder)


def test_copy_under_another_name_does_not_count(built):
    for name in ("20240615", "20240731"):
        shutil.copytree(built.base / "20240702", built.base / name)
    sources = find_sources(built.base, FIELD, built.camera)
    assert copies_among(sources, built.folder) == {"20240615": "20240702", "20240731": "20240702"}
    built.bring_in()
    assert copies_among(sources, built.folder) == {"20240615": "20240702", "20240731": "20240702"}
