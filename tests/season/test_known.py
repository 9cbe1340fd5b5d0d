"""Stars that are known to vary: found by id or place, named, and comparing no others."""

import numpy as np
import pytest
from astropy.table import Table
from season.conftest import made_on_disk, update_unsearched
from season.made_curves import sine

from ngcmos.astrometry.known import KNOWN_COLUMNS
from ngcmos.season.known import KnownStars
from ngcmos.season.reader import Season
from ngcmos.season.source import Source
from ngcmos.season.summary import read_summary

BY_TIC, BY_GAIA, BY_PLACE = 3, 4, 7


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    made = made_on_disk(
        tmp_path_factory.mktemp("known"), nights=3, frames=12, stars=30, signals={BY_TIC: sine(0.3, 0.02)}
    )
    sky = made.sky
    place = 100 + sky.x[BY_PLACE] * 4 / 3600, -20 + sky.y[BY_PLACE] * 4 / 3600 + 2 / 3600
    rows = [
        ("TOI 1", "KP", 1.5, np.nan, np.nan, 1000 + BY_TIC, 0),
        ("Gaia x", "RR", np.nan, 0.0, 0.0, 0, 10**18 + 100 * (BY_GAIA + 1)),
        ("V1", "EA", 0.4, *place, 0, 0),
        ("far", "EA", 0.4, place[0], place[1] + 10 / 3600, 0, 0),
        ("V2", "EA", 9.9, np.nan, np.nan, 1000 + BY_TIC, 0),
    ]
    known = KnownStars(Table(rows=rows, names=KNOWN_COLUMNS))
    sources = {name: Source(name, one.folder, one.camera, known) for name, one in made.sources.items()}
    update_unsearched(made.folder, sources)
    return made, known, sources


def test_stars_are_named_by_id_and_by_place(made):
    disk, _, _ = made
    stars = Season(disk.folder).stars
    named = {int(row["tic_id"]) - 1000: row["name"] for row in stars if row["name"]}
    assert named == {BY_TIC: "TOI 1", BY_GAIA: "Gaia x", BY_PLACE: "V1"}
    row = stars[Season(disk.folder).star(tic_id=1000 + BY_TIC)]
    assert (row["known_kind"], row["known_period_d"]) == ("KP", 1.5)


def test_known_stars_compare_no_others(made):
    disk, _, _ = made
    summary = read_summary(disk.folder.summary("20240701"))
    say = np.nansum(summary.say, axis=(0, 1))
    known = np.isin(summary.stars["tic_id"], 1000 + np.array([BY_TIC, BY_GAIA, BY_PLACE]))
    assert (say[known] == 0).all() and (say[~known] > 0).mean() > 0.8


def test_another_list_makes_the_season_anew(made):
    disk, _, sources = made
    assert not update_unsearched(disk.folder, sources)[0].any
    plain = {name: Source(name, one.folder, one.camera) for name, one in disk.sources.items()}
    assert len(update_unsearched(disk.folder, plain)[0].brought) == 3
    assert set(Season(disk.folder).stars["name"]) == {""}
