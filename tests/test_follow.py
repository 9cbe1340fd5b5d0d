"""A night followed as its frames come gives what the chain gives in the morning."""

import contextlib
import datetime
import os
import re
import shutil
import types
import zoneinfo

import numpy as np
import pytest
from running import night_options, raw_checksums, run_chain, run_script, run_stage
from torture import lay_out, read_tables

from ngcmos.chain import follow
from ngcmos.config import load_camera, load_config
from ngcmos.errors import NightError, UsageError
from ngcmos.names import State
from ngcmos.night.filenames import stamp_of
from ngcmos.night.folder import open_night, science_files
from ngcmos.night.ledger import read_ledger
from ngcmos.night.remarks import read_remarks
from ngcmos.report.story import read_story
from ngcmos.simulate.night import simulate_night
from ngcmos.simulate.troubles import rewrite, set_cards, tell_time
from ngcmos.stages import night_report

pytestmark = pytest.mark.slow

DATE = "20240705"
FAULTS = ["starless", "empty-file", "no-exptime", "jump-120", "duplicate-time", "other-sky", "constant"]
FAULTS += ["no-pointing", "truncated-data", "wrong-readmode", "satellite"]
CLOUDS = [(0, 1, 0.001), (6, 7, 0.01)]  # the first two frames of each field show nothing
# what comes after the tables that are compared, and movies; the whole morning follows the first night alone
LATER = ["QC_control", "relative_photometry", "noise_model", "season", "night_report"]
UP_TO_TABLES = [part for stage in LATER for part in ("--skip", stage)]
DELAY_S = 12.0  # from the start of an exposure to its file


class Camera:
    """A clock, and a camera that puts the frames of a raw night into another folder when their time has come."""

    def __init__(self, source, target, *, until=0, at=None):
        self.frames = sorted(science_files(source), key=stamp_of)
        self.target, self.until, self.at = target, until, at or {}
        self.unix = stamp_of(self.frames[0]).timestamp() - 60.0
        self.end = stamp_of(self.frames[-1]).timestamp() + 60.0

    def now(self):
        return self.unix

    def sleep(self, seconds):
        """Time passes, faster once the last frame is there; what is to happen at a number of frames happens."""
        self.unix += seconds if self.unix < self.end else 600.0
        while self.frames and stamp_of(self.frames[0]).timestamp() + DELAY_S <= self.unix:
            path = self.frames.pop(0)
            shutil.copyfile(path, self.target / path.name)
            os.utime(self.target / path.name, (self.unix, self.unix))
            self.at.get(len(self.frames), lambda: None)()


@pytest.fixture(scope="module")
def nights(tmp_path_factory):
    """A raw night of one field with faults and clouds, its tables by the chain in the morning, and where it is
    followed."""
    return make_night(tmp_path_factory.mktemp("follow"), fields=1)


@pytest.fixture(scope="module")
def of_two_fields(tmp_path_factory):
    """The same of two fields."""
    return make_night(tmp_path_factory.mktemp("two"), fields=2)


def make_night(folder, *, fields):
    raw, base = folder / "raw", folder / "base"
    options = {"size": 256, "frames": 9, "fields": fields, "seed": 5, "calibrations": 3, "density": 3.0}
    simulate_night(raw, load_camera(), faults=FAULTS, clouds=CLOUDS, **options)
    lay_out(raw, base)
    run_script("run_night", *night_options(base), *UP_TO_TABLES)
    golden = types.SimpleNamespace(tables=read_tables(base), frames=files_of(base), shifts=shifts_of(base))
    assert len(golden.tables) == fields
    return types.SimpleNamespace(raw=raw, base=base, golden=golden)


def files_of(base):
    """{place and name: bytes} of the science frames of a night, those set aside too."""
    folder = base / "nights" / DATE
    paths = [path for path in folder.rglob("NG*S43*.fits") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def shifts_of(base):
    return {path.name: path.read_text() for path in (base / "nights" / "shifts_plots").glob("donuts_*.json")}


def begin(nights):
    """(config, night folder) of the night before its first frame, with its evening flats."""
    lay_out(nights.raw, nights.base)
    folder = nights.base / "nights" / DATE
    for path in science_files(folder):
        path.unlink()
    return config_of(nights), folder


def config_of(nights):
    return load_config(camera=str(nights.base / "camera.toml"), config=nights.base / "directories.json")


def follow_night(config, folder, camera):
    options = {"now": camera.now, "sleep": camera.sleep, "nice": lambda _: None}
    follow.run(config, open_night(config, folder), quiet=True, **options)


def check(nights):
    """Assert that the night is as if the chain had run in the morning."""
    assert read_tables(nights.base) == nights.golden.tables
    assert files_of(nights.base) == nights.golden.frames
    assert shifts_of(nights.base) == nights.golden.shifts
    assert raw_checksums(nights.base) == raw_checksums(nights.raw)


def test_followed_night_is_that_of_the_morning(of_two_fields, caplog):
    nights = of_two_fields
    config, folder = begin(nights)
    seen = types.SimpleNamespace(page="", measured=0)

    def look():
        seen.page = (folder / "night_report.html").read_text(encoding="utf-8")
        story = read_story(config, folder, is_held=True)
        seen.measured = sum(file.state == State.MEASURED for file in story.files)

    with caplog.at_level("INFO", "ngcmos.chain.follow"):
        follow_night(config, folder, Camera(nights.raw / "nights" / DATE, folder, at={6: look}))
    lags = [int(lag) for lag in re.findall(r"waiting, lag (\d+) s;", caplog.text)]
    assert len(lags) > 5
    assert max(lags) <= config.camera.files.settling_s + 2  # of ten seconds of exposure
    parts = [path.name for path in folder.glob(".phot_*.parts/part-*.npz")]
    assert len(parts) >= 2  # measured before the chain of the morning
    assert "while it is observed" in seen.page and seen.page.endswith("</html>\n")
    assert re.search(r"Newest frame: \d\d:\d\d UTC", seen.page) and "Relative flux" in seen.page
    assert seen.measured >= 8  # of those in parts beside the table that is not there yet
    outcome = run_chain(config, folder, quiet=True)
    assert outcome.exit_code == 0
    check(nights)
    assert_page_is_that_of_a_chain_run(config, folder)


def assert_page_is_that_of_a_chain_run(config, folder):
    """The morning page is the same byte for byte with the live page in its place, and with none."""
    path, texts = folder / "night_report.html", []
    path.write_text("the live page")
    for _ in range(2):
        run_stage(night_report, config, open_night(config, folder))
        text = re.sub(r"Made at \S+", "", path.read_text(encoding="utf-8"))
        texts.append(re.sub(r"room for nights as this.*?</table>", "", text, flags=re.DOTALL))  # others fill disks
        path.unlink()
    assert texts[0] == texts[1] and 'http-equiv="refresh"' not in texts[0]


def stop():
    raise KeyboardInterrupt


def test_contradictions_are_told_while_the_night_is_observed(tmp_path):
    """A clock in local time, the sky turned before the fourth frame; frames of another gain at the end."""
    raw, base = tmp_path / "raw", tmp_path / "base"
    options = {"size": 256, "frames": 7, "flip_frame": 3, "calibrations": 3, "density": 3.0}
    night = simulate_night(raw, load_camera(), seed=5, **options)
    for number, path in enumerate(sorted(night.folder.glob("NG*_TIC-*"))):
        told = tell_time(path, card_s=-4 * 3600.0, name_s=0.0, others=())
        rewrite(told, set_cards({"GAIN": 100 if number < 5 else 200}))
    config, folder = begin(types.SimpleNamespace(raw=raw, base=base))
    follow_night(config, folder, Camera(night.folder, folder))
    field = night.truths[0].field
    remarks = {remark.kind: remark.text for remark in read_remarks(read_ledger(folder)) if remark.field == field}
    assert "before the stamps in the names" in remarks["time"] and "utc_offset_h = -4" in remarks["time"]
    assert remarks["setup"].startswith("2 of 7 frames have GAIN 200, expected GAIN 100")
    assert remarks["turn"].startswith("the sky turned on the chip by 180 deg before ")


@pytest.mark.parametrize("left", [17, 8])
def test_followed_night_that_was_stopped_goes_on(nights, left):
    config, folder = begin(nights)
    camera = Camera(nights.raw / "nights" / DATE, folder, at={left: stop})
    with pytest.raises(KeyboardInterrupt):
        follow_night(config, folder, camera)
    follow_night(config, folder, camera)
    run_chain(config, folder, quiet=True, skip=LATER)
    check(nights)


def test_catalog_that_cannot_be_had_at_first_is_asked_for_again(nights, caplog):
    config, folder = begin(nights)
    catalog = nights.base / "tic.fits"
    catalog.rename(catalog.with_suffix(".away"))
    back = {9: lambda: catalog.with_suffix(".away").rename(catalog)}
    follow_night(config, folder, Camera(nights.raw / "nights" / DATE, folder, at=back))
    told = [one.message for one in caplog.records if "tried again every 60 s" in one.message]
    assert len(told) == 1 and str(catalog) in told[0]
    run_chain(config, folder, quiet=True, skip=LATER)
    check(nights)


def test_full_disk_at_night_is_waited_out(nights, caplog, monkeypatch):
    """No room for some minutes: nothing is lost, and it is said once."""
    config, folder = begin(nights)
    full = []
    real = shutil.disk_usage

    def usage(path):
        return real(path)._replace(free=1e6) if full else real(path)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    at = {14: lambda: full.append(True), 7: full.clear}
    follow_night(config, folder, Camera(nights.raw / "nights" / DATE, folder, at=at))
    told = [one.message for one in caplog.records if "MB free on the disk" in one.message]
    assert len([one for one in told if "tried again every 60 s" in one]) == 1
    run_chain(config, folder, quiet=True, skip=LATER)
    check(nights)


def test_frame_that_cannot_be_set_aside_at_first_is_set_aside_later(nights):
    """Something stands in the way of its folder for a while: no frame is moved twice, none stops the night."""
    config, folder = begin(nights)
    (folder / "no_wcs").write_text("in the way")
    follow_night(config, folder, Camera(nights.raw / "nights" / DATE, folder, at={11: (folder / "no_wcs").unlink}))
    assert len(list((folder / "no_wcs").iterdir())) >= 6
    run_chain(config, folder, quiet=True, skip=LATER)
    check(nights)


def test_script_follows_a_night_that_is_over_at_once(nights):
    lay_out(nights.raw, nights.base)
    said = run_script("run_night", *night_options(nights.base), "--follow", *UP_TO_TABLES).stderr
    assert re.search(r"following \S+ until sunrise, 1[12]:\d\d UTC", said)
    check(nights)


def test_quiet_script_that_follows_is_silent_but_for_what_was_refused(nights):
    lay_out(nights.raw, nights.base)
    done = run_script("run_night", *night_options(nights.base), "--follow", "--quiet", *UP_TO_TABLES[:-2])
    assert done.stdout == ""
    assert not re.search("INFO|frames done", done.stderr)


class Clock:
    """Each look at it takes a while."""

    def __init__(self, seconds):
        morning = datetime.datetime(2024, 7, 6, 6, 0, tzinfo=zoneinfo.ZoneInfo(load_camera().site.timezone))
        self.unix, self.seconds = morning.timestamp(), seconds

    def __call__(self):
        self.unix += self.seconds
        return self.unix


@pytest.mark.parametrize("seconds", [0.1, 1000.0])
def test_night_that_is_done_by_a_deadline_is_finished_by_another_run(nights, caplog, seconds):
    """With a clock that runs fast some frames are left, and movies; with a slow one everything is there."""
    lay_out(nights.raw, nights.base)
    config, folder = config_of(nights), nights.base / "nights" / DATE
    with caplog.at_level("INFO", "ngcmos.chain"):
        extras = ["noise_model", "season", "night_report"]
        outcome = run_chain(config, folder, quiet=True, skip=extras, deadline="09:30", now=Clock(seconds))
    assert (outcome.exit_code == 0 and "in 210 min: the target's field first" in caplog.text) or seconds > 1
    movies = list((nights.base / "nights" / "shifts_plots").glob("control_*.mp4"))
    if seconds < 1:
        assert "Left at the deadline" not in caplog.text and len(movies) == 1
    else:
        [line] = [one.message for one in caplog.records if one.message.startswith("Left at the deadline")]
        assert "frames of NG" in line and "QC_control" in line and not movies
        measured = read_tables(nights.base)
        assert measured and measured != nights.golden.tables
        assert "QC_control" in line
        run_chain(config, folder, quiet=True, skip=LATER)
    check(nights)


@pytest.mark.parametrize(
    ("clock", "date"), [("2024-07-05T19:00", DATE), ("2024-07-06T04:00", DATE), ("2024-07-05T11:00", "20240704")]
)
def test_tonight_is_named_after_its_evening(clock, date):
    site = load_camera().site
    local = datetime.datetime.fromisoformat(clock).replace(tzinfo=zoneinfo.ZoneInfo(site.timezone))
    assert follow.tonight(site, local.timestamp()) == date


def test_folder_of_tonight_is_waited_for(nights):
    config, folder = begin(nights)
    tomorrow = folder.with_name("20240706")
    clock = [datetime.datetime(2024, 7, 6, 22, 0, tzinfo=datetime.UTC).timestamp()]

    def sleep(seconds):
        clock[0] += seconds
        if clock[0] % 3600 == 0:
            tomorrow.mkdir(exist_ok=True)

    assert follow.wait_for_folder(config, now=lambda: clock[0], sleep=sleep) == tomorrow
    tomorrow.rmdir()


def test_folder_that_never_comes_is_given_up_at_sunrise(nights):
    config, _ = begin(nights)
    clock = [datetime.datetime(2024, 7, 6, 22, 0, tzinfo=datetime.UTC).timestamp()]

    def sleep(seconds):
        clock[0] += 60 * seconds

    with pytest.raises(NightError, match="20240706 is not a folder"):
        follow.wait_for_folder(config, now=lambda: clock[0], sleep=sleep)
    assert datetime.datetime.fromtimestamp(clock[0], datetime.UTC).strftime("%d %H") == "07 11"


@pytest.mark.parametrize(("deadline", "refused"), [("05:00", True), ("09:30", False), ("", False)])
def test_deadline_before_sunrise_is_refused_while_it_is_followed(nights, deadline, refused):
    config, folder = begin(nights)
    evening = datetime.datetime(2024, 7, 6, 0, 0, tzinfo=datetime.UTC).timestamp()
    night = open_night(config, folder)
    with pytest.raises(UsageError, match="before sunrise, 11:") if refused else contextlib.nullcontext():
        follow.require_deadline_behind(deadline, config, night, lambda: evening)


@pytest.mark.parametrize("date", ["tonight", "20241399"])
def test_night_without_a_date_has_no_end(date):
    with pytest.raises(UsageError, match="is no date"):
        follow.end_of_night(date, load_camera().site)


def test_sunrise_is_that_of_the_sunrise_equation():
    """Sun of 2024-07-06: declination 22.66 deg, clock ahead of it by 4.6 minutes; upper edge with refraction."""
    site = load_camera().site
    latitude, declination, below = np.radians([site.latitude_deg, 22.66, -0.833])
    angle = np.arccos(
        (np.sin(below) - np.sin(latitude) * np.sin(declination)) / (np.cos(latitude) * np.cos(declination))
    )
    hours = 12 - site.longitude_deg / 15 + 4.6 / 60 - np.degrees(angle) / 15
    midnight = datetime.datetime(2024, 7, 6, tzinfo=datetime.UTC).timestamp()
    assert follow.end_of_night(DATE, site) == pytest.approx(midnight + 3600 * hours, abs=60)


class Growing:
    """A night folder whose one file grows."""

    def __init__(self, folder):
        self.path = folder / "NG2320-1302_TIC-188620407_S43-20240706072737751.fits"
        self.arrivals = follow.Arrivals(folder, settling_s=5.0)

    def write(self, size, unix):
        self.path.write_bytes(bytes(size))
        os.utime(self.path, (unix, unix))

    def ready(self, now):
        return [path.name for path, _ in self.arrivals.ready(now)]


def test_file_is_whole_once_it_has_not_changed_for_a_while(tmp_path):
    night = Growing(tmp_path)
    night.write(10, 100.0)
    assert night.ready(101.0) == []
    night.write(20, 104.0)
    assert night.ready(106.0) == []
    assert night.ready(109.5) == [night.path.name]


def test_old_file_is_whole_at_first_sight(tmp_path):
    night = Growing(tmp_path)
    night.write(10, 100.0)
    assert night.ready(200.0) == [night.path.name]


def test_file_of_a_clock_that_is_ahead_is_whole_when_it_rests(tmp_path):
    night = Growing(tmp_path)
    night.write(10, 9000.0)
    assert night.ready(200.0) == []
    assert night.ready(204.0) == []
    assert night.ready(205.0) == [night.path.name]


def test_file_that_was_dealt_with_comes_again_when_it_changes(tmp_path):
    night = Growing(tmp_path)
    night.write(10, 100.0)
    [(path, state)] = night.arrivals.ready(200.0)
    night.arrivals.settle(path, state)
    assert night.ready(201.0) == []
    night.write(30, 202.0)
    assert night.ready(208.0) == [night.path.name]
