"""The stars of a field: as many, as bright, as masked and as crowded as told."""

import itertools

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table
from astropy.time import Time

from ngcmos.errors import UsageError
from ngcmos.simulate.night import simulate_night
from ngcmos.simulate.sky import COLUMNS, Cap, draw_magnitudes, electrons_per_second, foreign_light, make_sky

YEAR = 2024.51


def sky_of(camera, *, seed=3, radius_deg=0.5, **options):
    rng = np.random.default_rng(seed)
    return make_sky(rng, Cap(359.9, -40.0, radius_deg), catalog=camera.catalog, epoch_year=YEAR, **options)


@pytest.fixture(scope="module")
def sky(camera):
    return sky_of(camera, radius_deg=1.2)


def test_stars_a_square_degree(sky):
    area = np.pi * 1.2**2
    assert (sky.tmag < 16).sum() / area == pytest.approx(565 * 1.04, rel=0.06)


def test_counts_rise_as_told():
    tmag = draw_magnitudes(np.random.default_rng(1), 40000)
    ratio = (tmag < 16).sum() / (tmag < 15).sum()
    assert ratio == pytest.approx(10**0.28, rel=0.03)


def test_no_star_is_brighter_or_fainter_than_told():
    tmag = draw_magnitudes(np.random.default_rng(1), 40000)
    assert 6 < tmag.min() < 8
    assert 18.9 < tmag.max() <= 19


@pytest.mark.parametrize(
    ("column", "share"),
    [("pmRA", 0.47), ("pmDE", 0.47), ("GAIA", 0.05), ("Gmag", 0.05), ("Teff", 0.57), ("BPmag", 0.08)],
)
def test_share_of_masked_values(sky, column, share):
    assert sky.catalog[column].mask.mean() == pytest.approx(share, abs=0.02)


@pytest.mark.parametrize("column", ["TIC", "RAJ2000", "DEJ2000", "Tmag"])
def test_what_the_tic_always_knows(sky, column):
    assert not sky.catalog[column].mask.any()


def test_columns_are_those_of_vizier(sky):
    assert tuple(sky.catalog.colnames) == COLUMNS


def test_motions_are_missing_together(sky):
    assert (sky.catalog["pmRA"].mask == sky.catalog["pmDE"].mask).all()


def test_bright_stars_lack_motions_too(sky):
    assert sky.catalog["pmRA"].mask[sky.tmag < 13].sum() > 20


@pytest.mark.parametrize("column", ["TIC", "GAIA"])
def test_ids_are_different_64_bit_integers(sky, column):
    ids = np.asarray(sky.catalog[column])
    assert ids.dtype == np.int64
    assert len(np.unique(ids)) == len(ids)


def test_gaia_ids_do_not_survive_a_float(sky):
    ids = np.asarray(sky.catalog["GAIA"])
    assert (ids.astype(np.float64).astype(np.int64) != ids).mean() > 0.5


def test_some_tic_ids_need_more_than_32_bits(sky):
    assert (np.asarray(sky.catalog["TIC"]) > 2**32).any()


def test_positions_of_the_night_agree_with_astropy(sky):
    known = ~sky.catalog["pmRA"].mask
    rows = sky.catalog[known]
    j2000 = SkyCoord(
        rows["RAJ2000"].data.data * u.deg,
        rows["DEJ2000"].data.data * u.deg,
        pm_ra_cosdec=rows["pmRA"].data.data * u.mas / u.yr,
        pm_dec=rows["pmDE"].data.data * u.mas / u.yr,
        distance=20 * u.pc,
        obstime=Time(2000.0, format="jyear"),
    )
    moved = j2000.apply_space_motion(new_obstime=Time(YEAR, format="jyear"))
    separation = moved.separation(SkyCoord(sky.ra[known], sky.dec[known], unit="deg"))
    assert separation.max() < 0.001 * u.arcsec


def test_some_stars_move_by_more_than_a_pixel(sky):
    rows = sky.catalog
    total = np.hypot(rows["pmRA"].filled(0), rows["pmDE"].filled(0)) * 24.51 / 1000
    assert (total > 4.05).any()


def test_a_star_without_motion_stays(sky):
    still = sky.catalog["pmRA"].mask
    np.testing.assert_allclose(sky.dec[still], np.asarray(sky.catalog["DEJ2000"])[still], atol=1e-11)


def test_blends_agree_with_all_pairs(camera):
    sky = sky_of(camera, radius_deg=0.25, density=4.0)
    places = SkyCoord(sky.ra, sky.dec, unit="deg")
    gmag = sky.catalog["Gmag"].filled(np.nan)
    expected = np.zeros(len(sky.ra), dtype=bool)
    for row, place in enumerate(places):
        near = np.nonzero(place.separation(places) < 24 * u.arcsec)[0]
        expected[row] = any(abs(gmag[other] - gmag[row]) < 1 for other in near if other != row)
    assert 10 < expected.sum() < len(expected) / 2
    assert (sky.blended == expected).all()


def test_target_is_of_tmag_ten_and_near_the_centre(sky):
    target = SkyCoord(sky.ra[sky.target], sky.dec[sky.target], unit="deg")
    assert abs(sky.tmag[sky.target] - 10) < 0.3
    assert target.separation(SkyCoord(359.9, -40.0, unit="deg")) < 0.15 * 1.2 * u.deg


def test_target_is_alone(sky):
    target = SkyCoord(sky.ra[0], sky.dec[0], unit="deg")
    others = SkyCoord(sky.ra[1:], sky.dec[1:], unit="deg")
    assert target.separation(others).min() > 80 * u.arcsec
    assert not sky.blended[0]


def test_blended_target_is_blended_by_an_alike_neighbour(camera):
    sky = sky_of(camera, blended_target=True)
    target, other = SkyCoord(sky.ra[:2], sky.dec[:2], unit="deg")
    assert sky.blended[:2].all()
    assert 15 < target.separation(other).arcsec < 24


def test_fields_of_other_numbers_share_no_id(camera):
    first, second = (sky_of(camera, number=number) for number in (0, 1))
    assert not set(first.catalog["TIC"]) & set(second.catalog["TIC"])
    assert not set(first.catalog["GAIA"].data.data) & set(second.catalog["GAIA"].data.data)


def test_foreign_light_agrees_with_all_pairs():
    rng = np.random.default_rng(4)
    x, y = rng.uniform(0, 60, (2, 40))
    light = rng.uniform(10, 1000, 40)
    expected = np.zeros(40)
    for one, other in itertools.permutations(range(40), 2):
        if np.hypot(x[one] - x[other], y[one] - y[other]) <= 6:
            expected[one] += light[other] / light[one]
    np.testing.assert_allclose(foreign_light(x, y, light, radius_px=6.0), expected)


def test_a_star_of_five_magnitudes_less_gives_a_hundred_times_more():
    assert electrons_per_second(10.0, 0.2) / electrons_per_second(15.0, 0.2) == pytest.approx(100)


def test_light_grows_with_the_area_of_the_aperture():
    assert electrons_per_second(10.0, 0.4) / electrons_per_second(10.0, 0.2) == pytest.approx(4)


def test_a_density_of_nothing_is_refused(camera):
    with pytest.raises(UsageError, match="density is 0"):
        sky_of(camera, density=0.0)


def test_catalogued_sky_may_be_wider_than_the_field(camera, tmp_path):
    night = simulate_night(tmp_path / "b", camera, size=64, frames=1, calibrations=1, sky_deg=1.5)
    catalog = Table.read(night.catalog_file)
    centre = SkyCoord(*night.truths[0].stars["ra", "dec"][0], unit="deg")
    away = centre.separation(SkyCoord(catalog["RAJ2000"], catalog["DEJ2000"], unit="deg")).deg
    assert 1.3 < away.max() < 1.7
    assert (away > 1.0).mean() > 0.4
