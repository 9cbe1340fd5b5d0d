"""A night of 2100 frames, most of them lost: its mail is short, and every frame has its own reason in `why`."""

import datetime
import re
from pathlib import Path

import numpy as np
import pytest

from ngcmos.names import Level, State
from ngcmos.report.calibration import CalibrationFacts, Levels
from ngcmos.report.digest import MOST_LINES, tell_night
from ngcmos.report.facts import FieldFacts, FrameNumbers
from ngcmos.report.night import NightFacts
from ngcmos.report.runs import StageRun
from ngcmos.report.story import FrameFile, NightStory, TableFrames
from ngcmos.report.verdict import CALIBRATION, Reason, Room, judge
from ngcmos.report.words import tell_frames

FOLDER = Path("/n/20240705")
CLOUDED, ASTRAY, GOOD = "NG1700-1942", "NG1843-2914", "NG2122-1616"
BEGUN = datetime.datetime(2024, 7, 6, 1, 0)
ASTRAY_SAID = "/n/tic.fits: no stars within 0.29 deg of 300.9 -29.2, expected some: are the pointing cards right?"
NOT_FLATTENED = f"{CLOUDED}, {GOOD}: NOT FLATTENED, fluxes are 5-7 % off from star to star (no flats)"


def reason_of_cloud(row):
    """What simple_wrapper says of the 901st frame of a night that closes in, and of those behind it."""
    if row % 40 == 7:
        return f"not solved: forced: {row // 40 % 5} stars seen, expected at least 5; shift: no peaks agree"
    return f"hardly any stars – cloud or dome closed: too few sources: {row % 5}, expected at least 5"


def field_of(name, reasons, first_s, light):
    """Facts of a field, a frame in five seconds; "" is the reason of a frame that is measured."""
    files, unix = [], []
    for row, reason in enumerate(reasons):
        begun = BEGUN + datetime.timedelta(seconds=first_s + 5 * row)
        path = FOLDER / f"{name}_TIC-1_S43-{begun:%Y%m%d%H%M%S}000.fits"
        state = State.REFUSED if reason else State.MEASURED
        stage = "simple_wrapper" if reason else ""
        files.append(FrameFile(path, path.name, name, "", state, stage, reason, True))
        unix.append(begun.replace(tzinfo=datetime.UTC).timestamp())
    solved = np.array([not reason for reason in reasons])
    zp = np.where(solved, 20.8 + 2.5 * np.log10(np.fmax(light, 1e-9)), np.nan)
    stars = 40.0 * light
    numbers = [{"zp": value, "airmass": 1.0, "stars": seen} for value, seen in zip(zp, stars, strict=True)]
    return FieldFacts(name, tuple(files), np.array(unix), solved, ~solved & False, FrameNumbers.of_rows(numbers))


@pytest.fixture(scope="module")
def night():
    light = np.repeat([1.0, 0.6, 0.25, 0.0], [60, 240, 400, 800])
    clouded = field_of(CLOUDED, [""] * 700 + [reason_of_cloud(row) for row in range(800)], 0, light)
    astray = field_of(ASTRAY, [ASTRAY_SAID] * 300, 7600, np.ones(300))
    return [clouded, astray, field_of(GOOD, [""] * 300, 9200, np.ones(300))]


@pytest.fixture(scope="module")
def mail(night):
    trouble = f"{ASTRAY}: {ASTRAY_SAID}"
    runs = [StageRun("simple_wrapper", True, trouble, (trouble,), 1000, 0, 1100, 60.0, "")]
    others = [Reason(Level.LOOK, CALIBRATION, NOT_FLATTENED)]
    reasons = judge(night, runs, Room(1e6, 500.0, 1000.0), large_px=0.5, others=others)
    calibration = CalibrationFacts(Levels(), "", ())
    commands = [("", "run_night --night 20240705"), ("", "why --night 20240705")]
    facts = NightFacts("20240705", night, [], runs, reasons, None, calibration, [], [], commands, "")
    return tell_night(facts, FOLDER / "night_report.html")


def test_mail_tells_each_cause_once_with_its_share_and_time(mail):
    text = " ".join(" ".join(mail).split())
    assert len(mail) <= MOST_LINES
    assert mail[0] == "Night 20240705: BAD, 1000 of 2100 frames of 3 fields measured."
    assert text.count("800 of 1500 frames refused (53 %, 01:58–03:04 UTC): cloud (800)") == 1
    assert text.count(f"{ASTRAY}: none of 300 frames measured (03:06–03:31 UTC): tic.fits: no stars within") == 1
    assert text.count("are the pointing cards right?") == text.count("NOT FLATTENED") == 1
    assert "cloud in 1440 of 1500 frames, down to 0 % of the light" in text
    assert "Once that is put right: run_night" in text and "Why each frame: why" in text


def test_every_lost_frame_has_its_own_reason_in_why(night):
    files = tuple(file for field in night for file in field.files)
    names = {field.name: frozenset(f.name for f in field.files if f.state == State.MEASURED) for field in night}
    tables = {field: TableFrames(known) for field, known in names.items()}
    story = NightStory(FOLDER, "20240705", files, {}, tables, (), ())
    told = tell_frames(story, "night 20240705", files, "")
    lines = dict(re.findall(r"^ +(\d{17}) (.*)$", told, flags=re.MULTILINE))
    lost = [file for file in files if file.state == State.REFUSED]
    assert len(lines) == len(lost) == 1100
    for file in lost:
        own = re.search(r"(sources|forced): (\d)", file.reason)
        line = lines[file.name[-22:-5]]
        assert own is None or own[0] in line, (line, file.reason)
    groups = [int(count) for count in re.findall(r"^ {1,4}(\d+)  \S", told, flags=re.MULTILINE)]
    assert sorted(groups) == [20, 300, 780]
