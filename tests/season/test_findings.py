"""What was found stays while few nights have come since; a search by hand gives what one at once does."""

import numpy as np
import pytest
from season.conftest import made_on_disk

from ngcmos.report.season_facts import gather_season
from ngcmos.season import findings
from ngcmos.season import update as whole
from ngcmos.season.findings import say_searched, still_holds
from ngcmos.season.reader import read_table
from ngcmos.season.update import update


def nights(first, last):
    return {f"night {number}": "a" for number in range(first, last)}


def test_search_holds_until_a_twentieth_has_come():
    assert still_holds(nights(0, 40), nights(0, 42))
    assert not still_holds(nights(0, 40), nights(0, 43))
    assert not still_holds(nights(0, 19), nights(0, 20)) and not still_holds({}, nights(0, 1))


def test_nights_that_changed_or_are_gone_count():
    assert still_holds(nights(0, 40), nights(0, 41) | {"night 3": "b"})
    assert not still_holds(nights(0, 40), nights(0, 42) | {"night 3": "b"})
    assert not still_holds(nights(0, 40), nights(1, 40))


@pytest.mark.parametrize(("searched", "there", "more"), [(40, 41, 2), (40, 42, 1), (100, 103, 3)])
def test_when_it_is_searched_again_is_said(searched, there, more):
    assert f"{searched} of {there} nights: they are looked for again with {more} more" in say_searched(
        searched, there
    )
    assert still_holds(nights(0, searched), nights(0, there + more - 1))
    assert not still_holds(nights(0, searched), nights(0, there + more))
    assert say_searched(searched, searched) == ""


@pytest.mark.parametrize("points", [4 * 8 * 8 - 1, 4 * 8 * 8])
def test_morning_leaves_the_search_and_season_by_hand_makes_it(tmp_path, monkeypatch, caplog, points):
    made = made_on_disk(tmp_path, nights=4, frames=8, stars=8)
    names, asked = sorted(made.sources), []
    search = whole.search
    monkeypatch.setattr(whole, "search", lambda binned, **how: asked.append(1) or search(binned, **how))
    monkeypatch.setattr(findings, "MOST_UNSEARCHED", 0.4)
    monkeypatch.setattr(whole, "SMALL_SEASON_POINTS", points)
    update(made.folder, {name: made.sources[name] for name in names[:3]})
    before = read_table(made.folder.stars)
    update(made.folder, made.sources, patient=True)
    if len(asked) == 2:  # a small season is the same whatever comes when
        assert points == 4 * 8 * 8
        return
    after = read_table(made.folder.stars)
    assert len(asked) == 1 and after["nights"][3] == 4 and after["rms_night"][3] != before["rms_night"][3]
    for name in ("period_d", "amplitude", "period_fap", "dip_snr", "dips"):
        np.testing.assert_array_equal(after[name], before[name])
    told = "eriods and dips are those of 3 of 4 nights"
    assert told in caplog.text and any(told in one for one in gather_season(made.folder, (2048, 2048)).told)
    update(made.folder, made.sources)
    by_hand = made.folder.stars.read_bytes()
    update(made.folder, made.sources, overwrite=True)
    assert len(asked) == 3 and made.folder.stars.read_bytes() == by_hand
