"""A night that has to be done by a deadline is thinned, not cut off; another run finishes it to the byte."""

import dataclasses
import datetime
import types
import zoneinfo

import pytest
from astropy.table import Table
from running import raw_checksums, run_chain
from torture import lay_out, read_tables

from ngcmos.chain import hurry
from ngcmos.config import load_camera, load_config
from ngcmos.names import Record
from ngcmos.night.ledger import read_ledger
from ngcmos.simulate.night import simulate_night

DATE, FRAMES, FLIP = "20240705", 24, 11
TOGETHER = 4
LATER = ["QC_control", "relative_photometry", "noise_model", "season", "night_report"]  # than what is compared


def test_every_frame_has_its_turn():
    for count in (0, 1, 7, 64, 65, 300, 2500):
        turns = hurry.spread_turns(range(count), 64)
        assert sorted(frame for turn in turns for frame in turn) == list(range(count))
        assert all(len(turn) <= 64 and list(turn) == sorted(turn) for turn in turns)


@pytest.mark.parametrize("count", [300, 1000, 2500])
def test_frames_taken_are_even_over_the_night_whenever_time_runs_out(count):
    """No gap is twice as long as where as many frames are spread evenly."""
    turns, taken = hurry.spread_turns(range(count), 64), []
    for turn in turns:
        taken = sorted([*taken, *turn])
        gaps = [later - earlier for earlier, later in zip([-1, *taken], [*taken, count], strict=True)]
        assert max(gaps) <= 2 * count / len(taken) + 2


class Clock:
    """A second passes at each look, until at one of them three hours have."""

    def __init__(self, looks):
        morning = datetime.datetime(2024, 7, 6, 6, 0, tzinfo=zoneinfo.ZoneInfo(load_camera().site.timezone))
        self.unix, self.looks = morning.timestamp(), looks

    def __call__(self):
        self.looks -= 1
        self.unix += 1.0 if self.looks else 3 * 3600.0
        return self.unix


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """A raw night that drifts and jumps, in which the sky turns, and what the chain makes of it."""
    folder = tmp_path_factory.mktemp("hurried")
    raw, base = folder / "raw", folder / "base"
    options = {"size": 320, "frames": FRAMES, "flip_frame": FLIP, "seed": 6, "calibrations": 3, "density": 2.0}
    jumps = [(1, 60.0, 45.0), (2, -60.0, -45.0), (18, 55.0, 0.0), (19, -55.0, 0.0)]
    clouds = [(0, 0, 0.001), (FLIP, FLIP, 0.001)]
    camera = load_camera()
    files = dataclasses.replace(camera.files, movie_reserve_mb=1e9)  # no movies: nothing here looks at them
    camera = dataclasses.replace(camera, files=files)
    simulate_night(raw, camera, drift_px=(1.5, 0.5), jumps=jumps, clouds=clouds, **options)
    lay_out(raw, base)
    made = types.SimpleNamespace(raw=raw, base=base, folder=base / "nights" / DATE)
    made.config = load_config(camera=str(base / "camera.toml"), config=base / "directories.json")
    run_chain(made.config, made.folder, skip=LATER)
    made.golden = state_of(made)
    return made


def state_of(night):
    """All that the night comes to, byte for byte."""
    plots = night.base / "nights" / "shifts_plots"
    shifts = {path.name: path.read_text() for path in plots.glob("donuts_*.json")}
    frames = [path for path in night.folder.rglob("NG*S43*.fits") if path.is_file()]
    frames = {str(path.relative_to(night.folder)): path.read_bytes() for path in frames}
    return read_tables(night.base), shifts, frames


@pytest.mark.slow
@pytest.mark.parametrize(("looks", "skip"), [(8, []), (12, LATER)])
def test_night_thinned_by_a_deadline_is_finished_to_the_byte(night, monkeypatch, caplog, looks, skip):
    """The first good frames after the telescope came and after the sky turned are those of a run that has time."""
    lay_out(night.raw, night.base)
    monkeypatch.setattr(hurry, "FRAMES_TOGETHER", TOGETHER)
    with caplog.at_level("INFO", "ngcmos"):
        run_chain(night.config, night.folder, skip=skip, deadline="09:30", now=Clock(looks))
    [left] = [one.message for one in caplog.records if one.message.startswith("Left at the deadline")]
    assert "all over the night" in left
    [table] = night.folder.glob("phot_*.fits")
    measured = {str(name).strip() for name in Table.read(table, hdu="FRAMES")["frame_id"]}
    taken = [path.name in measured for path in sorted((night.raw / "nights" / DATE).glob("NG*S43*.fits"))]
    assert 4 <= sum(taken) < FRAMES - 6
    assert not list((night.folder / "failed_donuts").glob("*"))
    shifts = sum(one.stage == Record.SHIFTS for one in read_ledger(night.folder))
    assert shifts < min(sum(taken) + 8, FRAMES)  # an unsolved frame asks for its own only
    run_chain(night.config, night.folder, skip=LATER)
    assert state_of(night) == night.golden
    assert raw_checksums(night.base) == raw_checksums(night.raw)
