"""A night in a few lines: what stands there, in which order, and how many lines at most."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from ngcmos.names import Level, State
from ngcmos.report.calibration import CalibrationFacts, Levels
from ngcmos.report.digest import MOST_LINES, WIDTH, is_silent, tell_night
from ngcmos.report.facts import FieldFacts, FrameNumbers
from ngcmos.report.night import NightFacts
from ngcmos.report.story import FrameFile
from ngcmos.report.verdict import FIELD_LOST, JUMP, MOVED, Reason

PAGE = Path("/n/20240705/night_report.html")
COMMANDS = [("All that is missing:", "run_night --night 20240705"), ("Why:", "why --night 20240705")]


def field_of(name, measured, refused=()):
    """Facts of a field of so many measured frames, a minute each from 1 UT on, then those refused for reasons."""
    states = [(State.MEASURED, "")] * measured + [(State.REFUSED, reason) for reason in refused]
    files = tuple(
        FrameFile(
            Path(f"/n/{name}-{row}.fits"), f"{name}-{row}.fits", name, "", state, "simple_wrapper", why, True
        )
        for row, (state, why) in enumerate(states)
    )
    yes = np.ones(len(files), bool)
    unix = 3600.0 + 60.0 * np.arange(len(files))
    return FieldFacts(name, files, unix, yes, ~yes, FrameNumbers.of_rows([{}] * len(files)))


@pytest.fixture
def night():
    """Function that makes the facts of a night of fields and reasons."""

    def make(fields, reasons=()):
        calibration = CalibrationFacts(Levels(), "", ())
        found = list(reasons)
        return NightFacts("20240705", list(fields), [], [], found, None, calibration, [], [], COMMANDS, "")

    return make


def test_good_night_is_three_lines_and_silent(night):
    facts = night([field_of("NG1", 20), field_of("NG2", 30)])
    assert is_silent(facts)
    assert tell_night(facts, PAGE) == [
        "Night 20240705: GOOD, 50 of 50 frames of 2 fields measured.",
        "  good  NG1, NG2: all of 50 frames measured",
        f"Page: {PAGE}",
    ]


def test_night_without_frames_tells_what_its_files_are(night):
    facts = dataclasses.replace(night([]), files="0 science frames, 6 calibration (6 for its IMAGETYP)")
    assert "  files 0 science frames, 6 calibration (6 for its IMAGETYP)" in tell_night(facts, PAGE)


def test_a_few_refused_frames_are_told_though_the_night_is_good(night):
    facts = night(
        [field_of("NG1", 98, ["too few stars (cloud?): 3 of 90 seen", "too few stars (cloud?): 4 of 90 seen"])]
    )
    assert not is_silent(facts)
    assert tell_night(facts, PAGE)[1:] == [
        "  good  NG1: 2 of 100 frames refused (2 %, 02:38–02:39 UTC): too few stars (2)",
        f"Page: {PAGE}",
        "Why each frame: why --night 20240705",
    ]


def test_the_gravest_is_told_first_and_how_to_go_on_last(night):
    reasons = [
        Reason(Level.BAD, FIELD_LOST, "NG1: none of 2 frames measured: no network"),
        Reason(Level.LOOK, MOVED, "NG2: moved"),
    ]
    facts = night([field_of("NG1", 0, ["no network"] * 2), field_of("NG2", 3), field_of("NG3", 4)], reasons)
    assert tell_night(facts, PAGE) == [
        "Night 20240705: BAD, 7 of 9 frames of 3 fields measured.",
        "  bad   NG1: none of 2 frames measured: no network",
        "  look  NG2: moved",
        "  good  NG3: all of 4 frames measured",
        f"Page: {PAGE}",
        "Why each frame: why --night 20240705",
        "Once that is put right: run_night --night 20240705",
    ]


def test_night_of_many_troubles_is_short(night):
    reasons = [Reason(Level.LOOK, JUMP, f"NG{number}: {'the telescope jumped ' * 20}") for number in range(40)]
    lines = tell_night(night([field_of(f"NG{number}", 1) for number in range(40)], reasons), PAGE)
    assert len(lines) <= MOST_LINES
    assert max(map(len, lines)) <= WIDTH
    assert lines[0].startswith("Night 20240705: LOOK")
    shown = sum(line.startswith("  look") for line in lines)
    assert f"  and {40 - shown} more on the page" in lines
    assert lines[-1] == f"Page: {PAGE}"
