"""What pages of other nights, of any version, say of themselves."""

import dataclasses
import json

from ngcmos.report.calibration import Levels
from ngcmos.report.html import Html, document
from ngcmos.report.summary import NightSummary, parse_summary, read_summaries

OF_TODAY = {
    "night": "20240705",
    "verdict": "look",
    "why": "cloud",
    "fields": ["NG1", "NG2"],
    "taken": 55,
    "measured": 47,
    "clear_zp": 20.8,
    "bias_adu": 100.0,
    "dark_adu_s": 1.4,
    "hot_pixels": 11,
    "flat_change": None,
    "new_bad_in_flat": None,
}


def test_page_of_the_first_version_is_read():
    told = parse_summary(OF_TODAY)
    levels = Levels(bias_adu=100.0, dark_adu_s=1.4, hot_pixels=11)
    assert told == NightSummary("20240705", "look", "cloud", ("NG1", "NG2"), 55, 47, 20.8, levels)


def test_what_is_told_comes_back():
    night = NightSummary("20240705", "bad", "", ("NG1",), 3, 2, None, Levels(flat_change=0.01, new_bad_in_flat=4))
    assert parse_summary(json.loads(json.dumps(night.as_json()))) == night


def test_page_that_tells_little_or_nonsense_is_read():
    assert parse_summary({"night": 20240705}) == NightSummary("20240705")
    nonsense = {name: {} for name in [*OF_TODAY, "of a later version"]}
    told = parse_summary(nonsense)
    assert dataclasses.replace(told, night="", verdict="", why="") == NightSummary("")


def test_summaries_of_all_pages_are_read_the_newest_first(tmp_path):
    plots = tmp_path / "shifts_plots"
    plots.mkdir()
    for night in ("20240705", "20240801", "20231231"):
        page = document("t", Html(), summary=OF_TODAY | {"night": night})
        (plots / f"night_report_{night}.html").write_text(page)
    (plots / "night_report_20240901.html").write_text("<html>")
    assert [one.night for one in read_summaries(tmp_path)] == ["20240801", "20240705", "20231231"]
