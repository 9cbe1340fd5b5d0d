"""The page of a season: what it tells, that it stays small, and how a browser shows it."""

import base64
import json
import re
import types

import numpy as np
import pyarrow.parquet as pq
import pytest
from astropy.table import Table
from season.conftest import made_on_disk
from season.made_curves import sine, train
from season.made_season import FIRST_JD
from test_browser import CHROMIUM, browse, told

from ngcmos.names import Level
from ngcmos.report import season_facts
from ngcmos.report.season_facts import NightOfSeason, SeasonFacts, gather_season, judge_night
from ngcmos.report.season_page import draw_season, write_season
from ngcmos.report.telescope import health_of
from ngcmos.season import health
from ngcmos.season.binned import BinnedSeason
from ngcmos.season.tables import STAR_ROW
from ngcmos.season.update import update

WAVE, DIPPING = 3, 5
SHAPE = (2048, 2048)
PLANTED = {WAVE: sine(0.37, 0.04), DIPPING: train(1.07, FIRST_JD + 0.2, 0.04, 2.5)}


@pytest.fixture(scope="module")
def season(tmp_path_factory):
    made = made_on_disk(tmp_path_factory.mktemp("page"), nights=7, frames=40, stars=14, signals=PLANTED)
    update(made.folder, made.sources)
    assert write_season(made.folder, made.base, SHAPE)
    text = made.folder.page.read_text(encoding="utf-8")
    return types.SimpleNamespace(made=made, facts=gather_season(made.folder, SHAPE), text=text)


def data_of(text):
    content = re.search(r'<script type="application/json" id="plots">(.*?)</script>', text)[1]
    return json.loads(content.replace("\\u003c", "<"))


def chapter(text, anchor):
    return re.search(rf'<section id="{anchor}">.*?</section>', text, re.DOTALL)[0]


def test_page_stays_until_the_season_changes(season):
    assert not write_season(season.made.folder, season.made.base, SHAPE)


def test_page_of_what_an_update_has_read_is_that_of_the_files_which_are_not_read_again(season, monkeypatch):
    folder, drawn = season.made.folder, []
    for path in (folder.stars, folder.page):
        path.unlink()
    _, gathered = update(folder, season.made.sources)
    for module, name in ((season_facts, "read_binned"), (health, "read_parts")):
        monkeypatch.setattr(module, name, lambda path, *_: drawn.append(path))
    assert write_season(folder, season.made.base, SHAPE, gathered)
    assert not drawn and folder.page.read_text(encoding="utf-8") == season.text


def test_stars_that_vary_and_dip_are_listed_with_their_curves(season):
    varies, dips = chapter(season.text, "varies"), chapter(season.text, "dips")
    assert f"TIC {1000 + WAVE}<" in varies and "<svg" in varies
    first = re.search(r"TIC \d+", dips)[0]
    assert first == f"TIC {1000 + DIPPING}"


def test_curve_that_opens_large_is_the_planted_one(season):
    data = data_of(season.text)["season"]
    star = data["stars"]["tic_id"].index(str(1000 + WAVE))
    [curve] = [one for one in data["curves"] if one["star"] == star and one["xLabel"] == "phase"]
    phase, flux = (np.array([np.nan if one is None else one for one in curve[axis]]) for axis in ("x", "y"))
    wave = 2 * np.nanmean((flux - np.nanmean(flux)) * np.exp(2j * np.pi * phase))
    assert abs(wave) == pytest.approx(0.04, rel=0.1)


def test_nightly_means_are_those_of_the_points(season):
    data = data_of(season.text)["season"]
    means = np.frombuffer(base64.b64decode(data["mean"]), "<i2").reshape(14, 7) * data["step"]
    star = data["stars"]["tic_id"].index(str(1000 + 11))
    curve = gather_points(season, 1000 + 11)
    np.testing.assert_allclose(means[star], curve, atol=2e-3)


def gather_points(season, tic_id):
    """Plain means of the good points of each night, less 1."""
    from ngcmos.season.reader import Season

    curve = Season(season.made.folder).light_curve(tic_id=tic_id)
    good = np.asarray(curve["quality"]) == 0
    return [np.mean(curve["flux"][good & (curve["night"] == night)]) - 1 for night in np.unique(curve["night"])]


def test_calendar_has_every_night_with_its_verdict(season):
    nights = chapter(season.text, "nights")
    assert "July 2024" in nights
    days = re.findall(r'<td class="(good|look|bad)" title="(2024070\d): \1, (\d+) of 40 frames count', nights)
    assert [night for _, night, _ in days] == [f"2024070{day}" for day in range(1, 8)]
    frames = pq.read_table(season.made.folder.frames).to_pylist()
    for level, night, used in days:
        assert int(used) == sum(frame["used"] for frame in frames if frame["night"] == night)
        assert level == "look" if int(used) < 32 else "good"


@pytest.mark.parametrize(("used", "level"), [(40, "good"), (32, "good"), (31, "look"), (20, "look"), (19, "bad")])
def test_verdict_is_by_the_share_of_frames_that_count(used, level):
    own = Table({"used": np.arange(40) < used, "reason": ["clouds: too little light"] * 40})
    judged, why = judge_night(own, fine=0.002, usual=0.002)
    assert (judged, f"clouds ({40 - used})" in why) == (level, level != "good")


def test_coarse_night_is_told():
    own = Table({"used": np.ones(40, bool), "reason": [""] * 40})
    assert judge_night(own, fine=0.0029, usual=0.002)[0] == Level.GOOD
    assert judge_night(own, fine=0.0032, usual=0.002) == (
        Level.LOOK,
        "bright stars scatter 1.6 times as much as usual",
    )


def test_page_of_a_large_season_is_small():
    rng = np.random.default_rng(1)
    stars = np.zeros(3000, STAR_ROW)
    for name in STAR_ROW.names:
        stars[name] = 10**6 * rng.random(3000) if STAR_ROW[name].kind in "iu" else rng.random(3000)
    stars["gaia_id"] = 10**18 + rng.integers(0, 10**17, 3000)
    stars["variable"], stars["dip_snr"] = np.arange(3000) < 90, np.where(np.arange(3000) < 60, 9.0, 3.0)
    stars["period_fap"] = 1e-9
    middle = dict.fromkeys(("zp", "fwhm_px", "sky", "transparency"), 1.0)
    dates = [f"{2024 + n // 100}{1 + n // 28 % 12:02d}{1 + n % 28:02d}" for n in range(100)]
    nights = [NightOfSeason(date, Level.GOOD, "", 300, 299, 8.0, 0.002, 0.001, middle) for date in dates]
    values = rng.normal(0, 0.01, (2, 100, 3000))
    binned = BinnedSeason(stars, 2460500.0 + np.arange(100), np.arange(100), *(1 + values).astype("f4"))
    facts = SeasonFacts(
        "NG0000-0000", Table(stars), nights, binned.time, values[0], np.abs(values[1]), binned, health_of([], [])
    )
    assert len(draw_season(facts, made_of="").encode()) < 5_000_000


PROBE = """
<script>
setTimeout(() => {
  const root = document.documentElement, over = document.querySelector("#scatter .u-over");
  over.scrollIntoView();
  const box = over.getBoundingClientRect();
  const where = { bubbles: true, clientX: box.left + 200, clientY: box.top + 150 };
  for (const type of ["mouseenter", "mousemove", "mousedown", "mouseup", "click"])
    over.dispatchEvent(new MouseEvent(type, where));
  root.dataset.clicked = document.querySelector("#who h3").textContent;
  const search = document.getElementById("search");
  search.value = "tic 1005";
  search.dispatchEvent(new Event("input"));
  root.dataset.searched = document.querySelector("#who h3").textContent;
  document.querySelector("#varies .curve").click();
  setTimeout(() => {
    root.dataset.opened = document.querySelector("#who h3").textContent;
    root.dataset.folded = document.querySelectorAll("#star canvas").length;
    root.dataset.overflow = root.scrollWidth - root.clientWidth;
    console.log("seen " + root.dataset.overflow);
  }, 300);
}, 500);
</script>
"""


@pytest.mark.external
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_star_is_found_by_click_by_id_and_from_the_list_on_a_phone_too(season, tmp_path):
    (tmp_path / "page.html").write_text(season.text.replace("</body>", f"{PROBE}</body>"), encoding="utf-8")
    dom, console = browse((tmp_path / "page.html").as_uri(), tmp_path / "a", "--window-size=1300,900")
    seen = told(dom)
    assert re.fullmatch(r"TIC 10\d\d(, varies)?", seen["clicked"])
    assert seen["searched"].startswith("TIC 1005") and seen["opened"] == f"TIC {1000 + WAVE}, varies"
    assert int(seen["folded"]) >= 2 and [line for line in console if "seen" not in line] == []
    phone = tmp_path / "phone.html"
    phone.write_text('<!doctype html><iframe src="page.html" width="390" height="800"></iframe>')
    _, console = browse(phone.as_uri(), tmp_path / "b")
    assert [re.search(r'"(seen .*?)"', line)[1] for line in console] == ["seen 0"]
