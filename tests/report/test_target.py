"""The target on the morning page: what is said of it, and what is drawn."""

import base64
import io
import re
import types

import numpy as np
import pytest
from astropy.table import Table
from PIL import Image

from ngcmos.night.folder import open_night
from ngcmos.report.digest import tell_night
from ngcmos.report.night import gather
from ngcmos.report.page import draw_page
from ngcmos.report.target import FieldTargets, TargetFacts, draw_targets, say_expected, say_troubles
from ngcmos.tables.observed import StarId, observed_in
from ngcmos.tables.relative import read_relative_star, read_scatter
from ngcmos.tables.table import read_stars
from ngcmos.transits.ephemeris import Expected


@pytest.fixture(scope="module")
def shown(transit_night):
    """What the page of the night knows of its target, expected 0.003 d earlier; its page."""
    config, folder, truth = transit_night
    star = truth.stars[np.flatnonzero(truth.stars["signal"] == "transit")[0]]
    path = config.directories.out / "targets.csv"
    row = f"Demo b,{star['tic_id']},3.5,{star['epoch_bjd'] - 7.003:.6f},0.002,{star['duration_d'] * 24:.3f},0.3"
    path.write_text(f"name,tic_id,period_d,t0_bjd,t0_err_d,duration_h,depth\n{row}\n")
    facts = gather(config, open_night(config, folder))
    path.unlink()
    [targets] = facts.targets
    return types.SimpleNamespace(targets=targets, first=targets.targets[0], page=draw_page(facts, {}), star=star)


def test_the_target_comes_first_after_the_verdict(shown):
    found = [shown.page.index(text) for text in ("<h1>", 'class="verdict', "Demo b", "<nav>")]
    assert found == sorted(found)


def test_the_transit_and_when_it_was_expected_are_said(shown):
    said = " ".join(shown.first.said)
    assert shown.first.name == f"TIC {shown.star['tic_id']}, Demo b"
    assert re.search(r"Transit: depth [01]\.\d+% ± .* O-C \+\d", said)
    assert re.search(r"Expected: from \d\d:\d\d to \d\d:\d\d, middle at \d\d:\d\d ± 2\.9 min UTC", said)
    assert re.search(r"Aperture of \d px against \d+ comparison stars", said)


def test_what_contradicts_the_list_of_targets_is_said(shown):
    [doubt] = [said for said in shown.first.said if "is that depth in its unit?" in said]
    assert doubt.startswith("It is ")


def test_the_expected_transit_is_drawn_in_utc(shown, transit_night):
    """The middle of the frames by their names, as simulated: the transit is in the middle of the night."""
    start, middle, end, error_s = shown.first.series.expected
    truth = transit_night[2]
    row = int(np.argmin(np.abs(truth.bjd[:, 0] - (shown.star["epoch_bjd"] - 0.003))))
    assert abs(middle - shown.first.series.unix[row]) <= 240 / 2 + 1
    assert end - start == pytest.approx(shown.star["duration_d"] * 86400, abs=3) and error_s == pytest.approx(
        172.8
    )


def test_the_bins_follow_the_curve(shown):
    series = shown.first.series
    time, value, error = series.binned
    assert np.all(np.diff(time) > 0) and np.all(error > 0)
    near = [np.mean(series.flux[np.abs(series.unix - moment) <= 150]) for moment in time]
    assert np.max(np.abs(value - near)) < 0.02


def test_scatter_of_like_stars_is_that_of_their_curves(transit_night):
    _, folder, _ = transit_night
    [curves] = folder.glob("rel_phot_*.fits")
    [table] = folder.glob("phot_*.fits")
    stars = Table.read(curves, hdu="STARS")
    like = stars[(np.abs(stars["Tmag"] - 13.0) <= 0.5) & ~stars["variable"]]
    flux = np.array([read_relative_star(curves, table, tic_id=star).flux for star in like["tic_id"]])
    spread = 1.4826 * np.nanmedian(np.abs(flux - np.nanmedian(flux, axis=0)), axis=0)
    assert len(like) >= 10 and read_scatter(curves, tmag=13.0) == pytest.approx(spread, rel=1e-3)


def test_a_picture_for_paper_and_one_for_phones(shown):
    drawn = draw_targets(shown.targets)
    wide = re.search(r'<img src="data:image/png;base64,([^"]+)"', drawn)[1]
    narrow = re.search(r'max-width: 40rem\)" srcset="data:image/png;base64,([^"]+)"', drawn)[1]
    sizes = [Image.open(io.BytesIO(base64.b64decode(one))).size[0] for one in (wide, narrow)]
    assert sizes[0] > 1000 and 400 < sizes[1] < 500


def test_a_target_without_a_curve_says_why():
    said = ["Not looked at for a transit: <reason>.", "It is saturated in 5 of 5 frames."]
    drawn = draw_targets(FieldTargets("NG", [TargetFacts("TIC 5", said)]))
    assert "&lt;reason&gt;" in drawn and "saturated in 5 of 5" in drawn and "<picture" not in drawn


def test_flags_are_said_with_their_frames(transit_night):
    """A saturated star in place of the target: of its frames all have the flag."""
    _, folder, _ = transit_night
    [table] = folder.glob("phot_*.fits")
    stars = read_stars(table)
    for tic_id in stars["tic_id"].tolist():
        observed = next(observed_in(folder, StarId(tic_id=tic_id)))
        flags = np.asarray(observed.rows["flags"])
        if (flags & 2).any():
            break
    assert f"It is saturated in {np.count_nonzero(flags & 2)} of 40 frames." in say_troubles(observed)


@pytest.mark.parametrize(
    ("later_d", "said"), [(0.0, "; no frame of that time is good."), (1.0, "no transit while it was observed")]
)
def test_a_transit_under_clouds_was_expected(transit_night, shown, later_d, said):
    _, folder, _ = transit_night
    [observed] = observed_in(folder, StarId(tic_id=int(shown.star["tic_id"])))
    mid = float(shown.star["epoch_bjd"]) + later_d
    [told] = say_expected(Expected(mid, 0.001, 0.03, 0.001, 3.5, is_seen=False), observed)
    assert said in told and ("middle at" in told) == (later_d == 0)


def test_mail_tells_the_transit_in_its_lines(transit_night, shown):
    config, folder, _ = transit_night
    told = tell_night(gather(config, open_night(config, folder)), folder / "night_report.html")
    assert len(told) <= 25
    assert sum(line.startswith(f"  star  TIC {shown.star['tic_id']}: ") for line in told) == 1
