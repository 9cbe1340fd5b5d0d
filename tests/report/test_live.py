"""The page of a night while it is observed: curves as frames come, what is expected when, how sure it is."""

import re
import types

import numpy as np
import pytest

from ngcmos.lightcurves.live import LiveCounts
from ngcmos.report.live import LiveFacts, LiveField, LiveTarget, draw_live, fit_so_far, say_expected, say_sure
from ngcmos.tables.observed import StarId, observed_in
from ngcmos.tables.parts import RowReader
from ngcmos.tables.table import rows_of_table
from ngcmos.transits.ephemeris import Ephemeris

MINUTE = 60.0


@pytest.fixture(scope="module")
def followed(transit_night):
    """The night's frames given one by one, its target, its truth."""
    config, folder, truth = transit_night
    star = truth.stars[np.flatnonzero(truth.stars["signal"] == "transit")[0]]
    [path] = folder.glob("phot_*.fits")
    rows, frames = rows_of_table(path), RowReader().frames(path)
    live = LiveCounts(config.camera)
    for own, frame in zip(rows, frames, strict=True):
        live.add(own, frame, [int(star["tic_id"])])
    return types.SimpleNamespace(config=config, folder=folder, rows=rows, frames=frames, live=live, star=star)


def ephemeris(star, *, later_d=0.0, **errors):
    return Ephemeris(3.5, float(star["epoch_bjd"]) + later_d - 7.0, duration_d=float(star["duration_d"]), **errors)


def test_curve_so_far_is_that_of_the_morning(followed):
    [curve], frames = followed.live.curves(), followed.live.frames()
    [morning] = observed_in(followed.folder, StarId(tic_id=int(followed.star["tic_id"])))
    assert np.all(np.diff(frames.unix) > 0) and len(curve.flux) == len(morning.compared.flux)
    assert curve.bjd_tdb == pytest.approx(morning.column("jd_bary"), abs=1e-8)
    differ = curve.flux - morning.compared.flux
    assert np.nanstd(differ) < 1.5 * np.nanmedian(morning.compared.error)
    assert curve.comparisons > 5


def test_frames_that_come_late_stand_in_their_order(followed):
    live = LiveCounts(followed.config.camera)
    for row in (4, 2, 0, 1, 3):
        live.add(followed.rows[row], followed.frames[row], [int(followed.star["tic_id"])])
    assert np.all(np.diff(live.frames().unix) > 0)
    assert np.all(np.diff(live.curves()[0].bjd_tdb) > 0)


def test_stars_chosen_anew_begin_the_curve_anew(followed):
    live = LiveCounts(followed.config.camera)
    for row in range(4):
        live.add(followed.rows[row], followed.frames[row], [])
    live.add(followed.rows[4][:-1], followed.frames[4], [])
    assert len(live) == 1


def test_egress_is_told_with_its_error_and_counted_down(followed):
    [curve], frames = followed.live.curves(), followed.live.frames()
    known = ephemeris(followed.star, t0_err_d=4 * MINUTE / 86400, depth=0.0123)
    later_s = np.median(frames.unix - curve.bjd_tdb * 86400)
    middle = followed.star["epoch_bjd"] * 86400 + later_s
    egress = middle + followed.star["duration_d"] * 43200
    said, span = say_expected(curve, frames, [known], now=middle, end=frames.unix[-1] + 7200)
    clock = str(np.datetime64(int(egress), "s"))[11:16]
    assert f"egress at {clock}, ± 4 min UTC, 1.23% deep" in said[0]
    assert f"egress in {round(followed.star['duration_d'] * 720)} min" in said[1]
    assert span[1] == pytest.approx(egress, abs=1)


@pytest.mark.parametrize(("halves", "words"), [(-1.5, "begins in"), (1.5, "ended")])
def test_before_and_after_a_transit(followed, halves, words):
    """So many half lengths of the transit from its middle."""
    [curve], frames = followed.live.curves(), followed.live.frames()
    later_s = np.median(frames.unix - curve.bjd_tdb * 86400)
    now = followed.star["epoch_bjd"] * 86400 + later_s + halves * followed.star["duration_d"] * 43200
    said, _ = say_expected(curve, frames, [ephemeris(followed.star)], now=now, end=now + 43200)
    assert words in said[1]


def test_transit_of_another_night_is_told_with_its_date(followed):
    [curve], frames = followed.live.curves(), followed.live.frames()
    said, span = say_expected(
        curve, frames, [ephemeris(followed.star, later_d=1.2)], now=frames.unix[-1], end=frames.unix[-1] + 7200
    )
    assert re.search(r"No transit is expected before the night ends; the next one is at 20\d\d-\d\d-\d\d", said[0])
    assert span is None


def test_how_sure_it_is(followed):
    [curve], frames = followed.live.curves(), followed.live.frames()
    fit = fit_so_far(curve, frames, [ephemeris(followed.star)])
    said = say_sure(fit, curve, frames)
    later_s = np.median(frames.unix - curve.bjd_tdb * 86400)
    egress = followed.star["epoch_bjd"] * 86400 + later_s + followed.star["duration_d"] * 43200
    hours, minutes, error = map(
        float, re.search(r"the egress at (\d\d):(\d\d) ± (\d+\.\d) min UTC", said).groups()
    )
    off = (hours * 60 + minutes - (egress % 86400) / 60 + 720) % 1440 - 720
    assert said.startswith("Beyond doubt") and abs(off) <= 4 * error + 1


def test_few_frames_say_nothing(followed):
    live = LiveCounts(followed.config.camera)
    for row in range(5):
        live.add(followed.rows[row], followed.frames[row], [int(followed.star["tic_id"])])
    [curve] = live.curves()
    assert say_sure(fit_so_far(curve, live.frames(), []), curve, live.frames()).startswith("Too few good frames")


def test_page_reloads_itself_and_asks_for_nothing_outside(followed):
    [curve], frames = followed.live.curves(), followed.live.frames()
    target = LiveTarget("TIC 1 <b>", ["said"], curve, (frames.unix[3], frames.unix[9]))
    facts = LiveFacts(
        "20240705",
        "40 frames done, lag 6 s",
        frames.unix[-1],
        frames.unix[-1] + 7200,
        [LiveField("F", frames, [target])],
    )
    text = draw_live(facts)
    assert '<meta http-equiv="refresh" content="30">' in text and text.rstrip().endswith("</html>")
    assert "TIC 1 &lt;b&gt;" in text and "40 frames done, lag 6 s" in text
    assert not re.search(r"(?:src|href)=\"(?!#|data:)", text)
