"""Times of exposures that cannot have followed one another are told in one line, right ones never."""

import dataclasses
import datetime
from pathlib import Path

import numpy as np
import pytest

from ngcmos.night.succession import tell_succession, tell_written

RNG = np.random.default_rng(6)
CHILE, AUSTRALIA = -70.4, 149.1
EVENING = datetime.datetime(2024, 7, 6, 3)


@dataclasses.dataclass(frozen=True)
class Frame:
    path: Path
    start: str
    exptime_s: float


def frames(late_s=(), *, count=12, exptime_s=10.0, cadence_s=13.0, begun=EVENING, name="img-{:04d}.fits"):
    """Frames one after the other; the last of them late by these seconds."""
    late = [*[0.0] * (count - len(late_s)), *late_s]
    return [
        Frame(
            Path(name.format(number)),
            (begun + datetime.timedelta(seconds=number * cadence_s + late[number])).isoformat(
                timespec="milliseconds"
            ),
            exptime_s,
        )
        for number in range(count)
    ]


def tell(those, *, night="20240705", longitude_deg=CHILE):
    return tell_succession(those, "DATE-OBS", night=night, longitude_deg=longitude_deg)


@pytest.mark.parametrize(
    ("those", "words"),
    [
        (frames([-3600.0] * 4), "DATE-OBS goes back by 3587 s from img-0007.fits to img-0008.fits"),
        (frames([-43200.0] * 5), "5 of 12 frames were begun in the night of 20240704 by DATE-OBS"),
        (frames(begun=datetime.datetime(2024, 6, 7, 3)), "12 of 12 frames were begun in the night of 20240606"),
        (
            frames(exptime_s=10000.0),
            "11 of 12 frames had not ended when the next began, as img-0000.fits of 10000 s",
        ),
        (frames(exptime_s=15.0, name="x{}.fits"), "11 of 12 frames had not ended"),
        (frames() + frames([4.0] * 12, name="other-{:04d}.fits"), "of 24 frames had not ended"),
    ],
    ids=["set back", "no afternoon", "day for month", "milliseconds", "half as long", "two cameras"],
)
def test_what_cannot_be_is_said(those, words):
    told = tell(those)
    assert words in told and "\n" not in told


@pytest.mark.parametrize("number", range(100))
def test_right_nights_are_not_told(number):
    exptime_s = float(RNG.choice([0.5, 10.0, 60.0]))
    place = {"night": "20240705", "longitude_deg": CHILE}
    options = {"exptime_s": exptime_s, "cadence_s": exptime_s + RNG.choice([0.0, 3.0]), "count": 30}
    if number % 3 == 1:
        options["begun"], place["longitude_deg"] = datetime.datetime(2024, 7, 5, 9, 30), AUSTRALIA
    options["name"] = ["img-{:04d}.fits", "NG2320-1302_{:d}.fits", "a{:d}b.fits"][number % 3]
    jitter_s = RNG.uniform(-0.45, 0.45, 30)  # of a computer's clock
    assert tell(frames(jitter_s, **options), **place) == ""


def test_a_folder_that_is_not_called_by_a_night_may_hold_any():
    assert tell(frames(begun=datetime.datetime(2024, 6, 7, 3)), night="") == ""


def test_a_leap_second_is_no_fault():
    begun = Frame(Path("a-1.fits"), "2016-12-31T23:59:60.000", 10.0)
    assert tell([begun], night="20161231", longitude_deg=0.0) == ""


def test_numbers_that_do_not_count_frames_tell_nothing():
    shuffled = [dataclasses.replace(one, path=Path(f"x-{RNG.integers(10**6)}.fits")) for one in frames()]
    assert tell(shuffled) == ""


def test_files_tell_of_a_clock_that_was_set():
    """As summer time ends in a gap between frames; the times of copied files tell nothing."""
    those, late = frames(cadence_s=4000.0), [0.0] * 8 + [3600.0] * 4
    begun = [datetime.datetime.fromisoformat(one.start).replace(tzinfo=datetime.UTC).timestamp() for one in those]
    written = {one.path: at + 10.5 + lag for one, at, lag in zip(those, begun, late, strict=True)}
    place = {"night": "", "longitude_deg": CHILE}
    told = tell_succession(those, "DATE-OBS", **place, written=written)
    assert told == "4 of 12 frames were written 3600 s longer after DATE-OBS than the others: was the clock set?"
    for known in ({}, dict.fromkeys(written, 1.8e9), dict(list(written.items())[:9])):
        assert tell_succession(those, "DATE-OBS", **place, written=known) == ""


def test_files_tell_of_local_time():
    end = 1.7e9 + 13.0 * np.arange(12)
    told = tell_written(end, end + 4 * 3600 + RNG.uniform(0, 5, 12), "DATE-OBS")
    assert told.startswith("the files were written 4 h after DATE-OBS, as local time")
    assert told.endswith("headers.utc_offset_h = -4")
    for written in (end + 2, end + 4 * 3600 + 400, end[0] + np.full(12, 4 * 3600.0), np.full(12, np.nan)):
        assert tell_written(end, written, "DATE-OBS") == ""


def test_nothing_is_nothing():
    assert tell([]) == ""
