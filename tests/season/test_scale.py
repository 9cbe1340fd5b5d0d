"""The aperture of each star, and what the season says of the stars of one night."""

import numpy as np
import pytest
from season.conftest import SeasonOnDisk
from season.made_season import make_season, make_sky

from ngcmos.config import load_camera
from ngcmos.season.scale import choose_apertures


def errors(*of_apertures):
    """(apertures, pointings, stars) of 3 pointings."""
    return np.array([np.tile(row, (3, 1)) for row in of_apertures])


MAG = np.repeat([10.1, 12.1, 14.1], 6)


def test_quietest_aperture_of_each_class_is_taken():
    narrow, wide = np.repeat([0.002, 0.003, 0.02], 6), np.repeat([0.001, 0.003, 0.03], 6)
    assert choose_apertures(errors(narrow, wide), MAG).tolist() == [1] * 12 + [0] * 6


def test_gain_of_less_than_three_percent_is_not_worth_a_narrow_aperture():
    wide = np.full(MAG.size, 0.01)
    assert (choose_apertures(errors(wide / 1.02, wide), MAG) == 1).all()
    assert (choose_apertures(errors(wide / 1.04, wide), MAG) == 0).all()


def test_class_of_few_stars_follows_its_neighbour():
    mag = np.array([10.1] * 6 + [11.1])
    narrow, wide = np.array([0.002] * 6 + [0.001]), np.array([0.001] * 6 + [0.002])
    assert (choose_apertures(errors(narrow, wide), mag) == 1).all()


def test_star_of_unknown_magnitude_or_season_without_errors_gets_one_too():
    mag = np.array([*MAG, np.nan])
    assert choose_apertures(errors(*np.full((3, mag.size), 0.01)), mag).size == mag.size
    assert (choose_apertures(errors(*np.full((3, mag.size), np.nan)), mag) == 1).all()


def test_bright_stars_stay_when_the_sky_of_a_night_is_off(tmp_path):
    """60 counts in the aperture are 0.9 % of the middle stars and 0.06 % of the brightest."""
    rng = np.random.default_rng(11)
    sky = make_sky(rng, 150, faint=13.5)
    season = SeasonOnDisk(tmp_path, sky, make_season(rng, sky, 10, frames=30), load_camera())
    for night in season.nights:
        night.flux[:] += rng.normal(0, 60)
        season.add(night)
    _, brought = season.bring_in()
    fit = brought.fits["ngts_cmos"]
    pulls = np.std(fit.deviation, axis=0, ddof=1) / np.sqrt(np.mean(fit.error**2, axis=0))
    bright = fit.stars["Tmag"] < 11
    assert bright.sum() == 40
    assert np.median(pulls[bright]) == pytest.approx(1.0, abs=0.1)
    assert np.median(np.std(fit.deviation[:, bright], axis=0, ddof=1)) < 0.0017  # 0.0014 under a true sky
