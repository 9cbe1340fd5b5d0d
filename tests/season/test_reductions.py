"""Nights of one season that were measured in different ways are told."""

import json

from astropy.io import fits
from season.conftest import made_on_disk, update_unsearched

from ngcmos.night.fingerprint import Inputs
from ngcmos.report.season_facts import gather_season
from ngcmos.season.reductions import say_reductions

SETTINGS = {"photometry.sky_method": "map", "code": "a", "flat": "x"}


def inputs(**others):
    return Inputs(SETTINGS | others).reduction


def test_nights_of_one_reduction_need_no_word():
    assert say_reductions({"20240701": inputs(flat="y"), "20240702": inputs()}) == ""
    assert say_reductions({}) == ""


def test_nights_measured_otherwise_are_named_with_what_differs():
    other = inputs(**{"photometry.sky_method": "annulus"})
    told = say_reductions({f"2024070{day}": other for day in range(1, 6)} | {"20240709": inputs()})
    assert told.startswith(
        "measured otherwise than 20240709: 20240701, 20240702, 20240703 and 2 more with another sky_method;"
    )


def test_page_tells_of_them(tmp_path):
    made = made_on_disk(tmp_path, nights=3, frames=8, stars=12)
    for name in made.sources:
        method = "annulus" if name == "20240702" else "map"
        fits.setval(
            made.table(name), "INPUTS", value=json.dumps(SETTINGS | {"photometry.sky_method": method}), ext=1
        )
    update_unsearched(made.folder, made.sources)
    assert "20240702 with another sky_method" in gather_season(made.folder, (2048, 2048)).otherwise


def test_tables_that_stand_are_not_read_again_for_it(tmp_path, monkeypatch):
    made = made_on_disk(tmp_path, nights=2, frames=8, stars=12)
    update_unsearched(made.folder, made.sources)
    read = []
    monkeypatch.setattr("ngcmos.season.read.check_table", lambda path: read.append(path) or {})
    update_unsearched(made.folder, made.sources)
    assert not read


def test_table_measured_otherwise_since_is_seen(tmp_path):
    made = made_on_disk(tmp_path, nights=3, frames=8, stars=12)
    for name in made.sources:
        fits.setval(made.table(name), "INPUTS", value=json.dumps(SETTINGS), ext=1)
    update_unsearched(made.folder, made.sources)
    assert not gather_season(made.folder, (2048, 2048)).otherwise
    other = json.dumps(SETTINGS | {"photometry.sky_method": "annulus"})
    fits.setval(made.table("20240702"), "INPUTS", value=other, ext=1)
    update_unsearched(made.folder, made.sources)
    assert "20240702 with another sky_method" in gather_season(made.folder, (2048, 2048)).otherwise
