"""A night against the season of its field, the telescope over the nights, what is newly found."""

import dataclasses
import types

import numpy as np
import pytest
from astropy.table import Table
from season.conftest import FIELD, made_on_disk
from season.made_curves import train
from season.made_season import FIRST_JD

from ngcmos.config import load_camera
from ngcmos.names import Level
from ngcmos.report.calibration import Levels
from ngcmos.report.summary import NightSummary
from ngcmos.report.telescope import health_of
from ngcmos.report.tonight import PLACE, TELESCOPE, Tonight, judge_tonight, read_tonight
from ngcmos.season.health import NightNumbers
from ngcmos.season.news import known_in, news_of
from ngcmos.season.tables import STAR_ROW
from ngcmos.season.update import update

DIPPING, PERIOD_D = 5, 1.07


def numbers(night, *, fwhm=2.4, zp=20.5, x=0.0, y=0.0):
    return NightNumbers(night, fwhm, 300.0, zp, 0.004, x, y)


def nights(count, **kwargs):
    wave = 0.01 * np.sin(3 * np.arange(count))
    return [numbers(f"202407{day + 1:02d}", fwhm=2.4 + wave[day], **kwargs) for day in range(count)]


def test_field_far_from_its_place_is_said():
    [reason] = judge_tonight(FIELD, Tonight(numbers("20240720", x=60, y=40), nights(10)), [], 2048)
    assert (reason.level, reason.topic) == (Level.LOOK, PLACE) and "72 px from where it lay" in reason.what


@pytest.mark.parametrize(("away", "said"), [(20.4, False), (20.6, True)])
def test_far_is_a_hundredth_of_the_chip(away, said):
    assert bool(judge_tonight(FIELD, Tonight(numbers("20240720", x=away), nights(10)), [], 2048)) == said


def test_quiet_night_gives_no_reason():
    assert judge_tonight(FIELD, Tonight(numbers("20240720"), nights(10)), [], 2048) == []


def test_step_of_focus_is_named_in_its_second_night():
    *earlier, first = [*nights(12), numbers("20240720", fwhm=2.9)]
    assert judge_tonight(FIELD, Tonight(first, earlier), [], 2048) == []
    [reason] = judge_tonight(FIELD, Tonight(numbers("20240721", fwhm=2.9), [*earlier, first]), [], 2048)
    assert reason.topic == TELESCOPE and "FWHM went from 2.40 to 2.90 px on 20240720" in reason.what
    later = [*earlier, first, numbers("20240721", fwhm=2.9), numbers("20240722", fwhm=2.9)]
    assert judge_tonight(FIELD, Tonight(numbers("20240723", fwhm=2.9), later), [], 2048) == []


def test_new_flat_and_new_hot_pixels_are_named():
    hot = [300 + day % 3 for day in range(12)] + [900, 905]
    flats = [0.002] * 12 + [0.03, 0.002]
    pages = [
        NightSummary(f"202407{day + 1:02d}", levels=Levels(hot_pixels=count, flat_change=change))
        for day, (count, change) in enumerate(zip(hot, flats, strict=True))
    ]
    told = health_of([], pages).sentences()
    assert [one for one in told if one.startswith("hot pixels went from 301 to 902 on 20240713")]
    assert [one for one in told if one.startswith("the flat of 20240713 differs from that before by 3.0%")]
    assert len(told) == 2


def test_table_says_tonight_and_usual():
    tonight = Tonight(numbers("20240720", zp=20.4), nights(10))
    assert tonight.rows()[1] == ["zero point of a clear frame [mag]", "20.400", "20.500", "20.500", "20.500"]


@pytest.fixture(scope="module")
def dipping(tmp_path_factory):
    signal = {DIPPING: train(PERIOD_D, FIRST_JD + 0.2, 0.04, 2.5)}
    made = made_on_disk(tmp_path_factory.mktemp("tonight"), nights=7, frames=40, stars=14, signals=signal)
    update(made.folder, made.sources)
    directories = types.SimpleNamespace(base=made.base)
    config = dataclasses.make_dataclass("Config", ["directories", "camera"])(directories, load_camera())
    return types.SimpleNamespace(made=made, config=config)


def test_dip_of_a_known_star_is_seen_where_it_was_planted(dipping):
    told = {name: read_tonight(dipping.config, FIELD, name).dips for name in dipping.made.sources}
    for name, night in zip(dipping.made.sources, dipping.made.nights, strict=True):
        seen = [one for one in told[name] if f"TIC {1000 + DIPPING} " in one and "is seen" in one]
        assert bool(seen) == bool((night.true[:, DIPPING] < 0.98).sum() > 8), name
    assert any("the dip of every 1.0" in one for ones in told.values() for one in ones)


def test_night_that_the_season_does_not_have(dipping):
    assert read_tonight(dipping.config, FIELD, "20250101") is None
    assert read_tonight(dipping.config, "NG9", "20240701") is None


def stars(**columns):
    rows = np.zeros(4, STAR_ROW)
    rows["tic_id"], rows["Tmag"], rows["period_fap"], rows["dip_snr"] = [1, 2, 3, 4], 11.0, 1.0, 3.0
    rows["nights"] = 2
    for name, values in columns.items():
        rows[name] = values
    return Table(rows)


def test_what_is_new_is_told_once():
    before = stars(variable=[True, False, False, False])
    after = stars(variable=[True, True, False, False], dip_snr=[3, 3, 9, 3], dip_depth=0.012)
    varies, dips = news_of(known_in(before), after).split("; ")
    assert varies == "new in the season, varies: TIC 2 (Tmag 11.0)"
    assert dips == "new in the season, has dips: TIC 3 (Tmag 11.0, 1.2% deep)"
    assert news_of(known_in(after), after) == ""
    after["nights"] = 1  # they were not known at all
    assert news_of(known_in(before), after) == ""
