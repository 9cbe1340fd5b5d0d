"""Planted transits: deep ones of bright stars are found, shallow ones of faint stars are not."""

import numpy as np
import pytest
from season.conftest import made_on_disk

from ngcmos.report.season_page import write_season
from ngcmos.season import injection
from ngcmos.season.binned import read_binned
from ngcmos.season.injection import Planted, completeness, read_completeness, write_completeness
from ngcmos.season.reader import Season
from ngcmos.season.update import update


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    made = made_on_disk(tmp_path_factory.mktemp("injection"), nights=6, frames=40, stars=10)
    update(made.folder, made.sources)
    return made


@pytest.fixture(scope="module")
def found(made):
    season = Season(made.folder)
    stars = season.stars.as_array()
    binned = read_binned([made.folder.bins(name) for name in season.nights], stars)
    with pytest.MonkeyPatch.context() as patch:  # two of the depths and magnitudes are enough
        patch.setattr(injection, "DEPTHS", (0.0005, 0.06))
        patch.setattr(injection, "MAGNITUDES", (9.0, 12.5, 14.0))
        return completeness(binned, ~stars["variable"].astype(bool), trials=3)


def test_deep_transits_are_found_and_those_below_the_noise_not(found):
    assert found.tried == [[3, 3], [0, 0]]  # no star of the made sky is fainter than 12.5
    shallow, deep = found.found[0]
    assert shallow == 0 and deep >= 2


def test_page_tells_it(made, found):
    assert read_completeness(made.folder) is None
    write_completeness(made.folder, found)
    assert read_completeness(made.folder).found == found.found
    assert write_season(made.folder, made.base, (2048, 2048))
    assert "6 % deep" in made.folder.page.read_text(encoding="utf-8")


def test_damaged_file_is_as_good_as_none(made):
    (made.folder.path / injection.NAME).write_text('{"depths": [0.1], "magnitudes": [9, 10], "found": [[1, 2]]}')
    assert read_completeness(made.folder) is None


def test_planted_transit_covers_its_hours():
    one = Planted(0, 0.01, 1.5, 100.0)
    time = np.array([100.0, 100.05, 100.06, 101.46, 101.44, 103.0])
    assert one.covers(time).tolist() == [True, True, False, True, False, True]
