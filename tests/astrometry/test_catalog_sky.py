"""Proper motion, blends and boxes, at the poles and over 0 h too, against astropy's own."""

import warnings

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import SkyCoord, search_around_sky
from astropy.time import Time
from hypothesis import given, settings
from hypothesis import strategies as st
from tic_rows import tic_rows

from ngcmos.astrometry.catalog import find_blended, move_stars, star_catalog, within_box

BLEND = {"blend_arcsec": 24.0, "blend_dmag": 1.0}


def catalog_of(*args, epoch=2000.0, **columns):
    return star_catalog(tic_rows(*args, **columns), epoch, **BLEND)


def astropy_moves(ra, dec, pmra, pmdec, years):
    stars = SkyCoord(
        ra * units.deg,
        dec * units.deg,
        pm_ra_cosdec=pmra * units.mas / units.yr,
        pm_dec=pmdec * units.mas / units.yr,
        obstime=Time(2000.0, format="jyear", scale="tdb"),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # erfa notes that it assumed a large distance
        return stars.apply_space_motion(Time(2000.0 + years, format="jyear", scale="tdb"))


@pytest.mark.parametrize(
    "ra, dec", [(353.4, -13.0), (0.0, 0.0), (359.9999999, 20.0), (120.0, 89.99), (77.0, -89.999)]
)
@pytest.mark.parametrize("pmra, pmdec", [(25.0, -13.0), (-3781.0, 5769.0), (-5000.0, 0.0)])
def test_moved_positions_are_those_of_astropy(ra, dec, pmra, pmdec):
    expected = astropy_moves(np.array([ra]), np.array([dec]), np.array([pmra]), np.array([pmdec]), 24.5)
    moved = SkyCoord(*move_stars(np.array([ra]), np.array([dec]), [pmra], [pmdec], 24.5), unit="deg")
    assert moved.separation(expected).mas[0] < 1.0


@settings(deadline=None)
@given(
    st.floats(0, 360, exclude_max=True),
    st.floats(-90, 90),
    st.floats(-10000, 10000),
    st.floats(-10000, 10000),
    st.floats(-30, 40),
)
def test_a_star_moves_by_its_total_motion(ra, dec, pmra, pmdec, years):
    new_ra, new_dec = move_stars(np.array([ra]), np.array([dec]), [pmra], [pmdec], years)
    moved = SkyCoord(new_ra, new_dec, unit="deg").separation(SkyCoord(ra, dec, unit="deg")).mas[0]
    assert 0 <= new_ra[0] < 360
    along = np.radians(np.hypot(pmra, pmdec) * abs(years) / 3_600_000)  # a straight line, seen from its foot
    assert abs(moved - np.degrees(np.arctan(along)) * 3_600_000) < 0.01


def test_a_star_over_0_h_comes_round_to_360():
    ra, _ = move_stars(np.array([1e-6]), np.array([0.0]), [-1000.0], [0.0], 10.0)
    assert ra[0] == pytest.approx(360 - 10 / 3600 + 1e-6, abs=1e-9)


@pytest.mark.parametrize("epoch", [2024.5, Time(2024.5, format="jyear")])
def test_the_epoch_is_a_time_or_a_year(epoch):
    catalog = catalog_of([10.0], [60.0], pmRA=[1000.0], pmDE=[-500.0], epoch=epoch)
    assert catalog["ra_deg_corr"][0] == pytest.approx(10.0 + 24.5 / 3600 / np.cos(np.radians(60.0)), abs=3e-6)
    assert catalog["dec_deg_corr"][0] == pytest.approx(60.0 - 12.25 / 3600, abs=1e-6)


def test_a_star_without_proper_motion_stays_and_is_kept():
    rows = tic_rows([10.0, 20.0], [0.0, 0.0], pmRA=[0.0, 50.0], pmDE=[0.0, 50.0])
    rows["pmRA"].mask[0] = rows["pmDE"].mask[0] = True
    catalog = star_catalog(rows, 2024.5, **BLEND)
    assert catalog["ra_deg_corr"][0] == pytest.approx(10.0, abs=1e-12)
    assert catalog["pmra"].tolist() == [0.0, 50.0]


@pytest.mark.parametrize(
    "ra, dec", [(10.0, 0.0), (10.0, 75.0), (359.9999, 40.0), (0.0001, -60.0), (200.0, 89.9999)]
)
@pytest.mark.parametrize("distance, blended", [(23.9, True), (24.1, False)])
@pytest.mark.parametrize("angle", [0.0, 90.0, 200.0])
def test_neighbours_within_24_arcsec_blend_anywhere_on_the_sky(ra, dec, distance, blended, angle):
    star = SkyCoord(ra, dec, unit="deg")
    other = star.directional_offset_by(angle * units.deg, distance * units.arcsec)
    assert catalog_of([ra, other.ra.deg], [dec, other.dec.deg])["blended"].tolist() == [blended, blended]


@pytest.mark.parametrize("difference, blended", [(0.99, True), (1.01, False), (-0.99, True), (-1.01, False)])
def test_neighbours_blend_within_one_magnitude(difference, blended):
    catalog = catalog_of([10.0, 10.001], [0.0, 0.0], Gmag=[13.0, 13.0 + difference])
    assert catalog["blended"].tolist() == [blended, blended]


def test_a_lonely_star_is_not_its_own_neighbour():
    assert catalog_of([10.0, 20.0], [0.0, 0.0])["blended"].tolist() == [False, False]


def test_a_star_listed_twice_does_not_blend_itself():
    assert catalog_of([10.0, 10.0], [0.0, 0.0], TIC=[7, 7])["blended"].tolist() == [False]


def test_two_stars_at_one_place_blend():
    assert catalog_of([10.0, 10.0], [0.0, 0.0])["blended"].tolist() == [True, True]


@pytest.mark.parametrize("faint, blended", [(12.5, True), (14.0, False)])
def test_a_neighbour_without_g_is_compared_in_t(faint, blended):
    rows = tic_rows([10.0, 10.001], [0.0, 0.0], Gmag=[15.0, 12.0], Tmag=[12.0, faint])
    rows["Gmag"].mask[1] = True
    assert star_catalog(rows, 2024.5, **BLEND)["blended"].tolist() == [blended, blended]


def test_stars_without_a_common_band_do_not_blend():
    rows = tic_rows([10.0, 10.001], [0.0, 0.0])
    rows["Gmag"].mask[0] = rows["Tmag"].mask[1] = True
    assert not star_catalog(rows, 2024.5, **BLEND)["blended"].any()


def test_blends_are_judged_at_the_epoch_of_the_night():
    catalog = catalog_of([10.0, 10.0 + 30 / 3600], [0.0, 0.0], pmRA=[1000.0, 0.0], epoch=2010.0)
    assert catalog["blended"].tolist() == [True, True]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 360), st.floats(-90, 90))
def test_blends_of_a_crowd_are_those_of_astropy(seed, ra, dec):
    rng = np.random.default_rng(seed)
    crowd = SkyCoord(ra, dec, unit="deg").directional_offset_by(
        rng.uniform(0, 360, 60) * units.deg, rng.uniform(0, 120, 60) * units.arcsec
    )
    gmag = rng.uniform(10, 16, 60)
    first, second, distance, _ = search_around_sky(crowd, crowd, 24 * units.arcsec)
    pair = (first != second) & (np.abs(gmag[first] - gmag[second]) < 1.0)
    expected = np.isin(np.arange(60), first[pair])
    found = find_blended(crowd.ra.deg, crowd.dec.deg, gmag, gmag, **BLEND)
    undecided = first[np.abs(distance.arcsec - 24) < 1e-6]
    assert np.isin(np.flatnonzero(found != expected), undecided).all()


def offsets_arcmin(ra, dec, rows):
    """(east, north) of rows in a frame turned to have its origin at ra, dec; astropy's own."""
    east, north = SkyCoord(ra, dec, unit="deg").spherical_offsets_to(
        SkyCoord(rows["RAJ2000"], rows["DEJ2000"], unit="deg")
    )
    return east.arcmin, north.arcmin


@given(st.integers(0, 2**32 - 1), st.floats(0, 360), st.floats(-90, 90))
@settings(max_examples=50, deadline=None)
def test_a_box_is_a_box_anywhere_on_the_sky(seed, ra, dec):
    rng = np.random.default_rng(seed)
    around = SkyCoord(ra, dec, unit="deg").directional_offset_by(
        rng.uniform(0, 360, 200) * units.deg, rng.uniform(0, 2.5, 200) * units.deg
    )
    rows = tic_rows(around.ra.deg, around.dec.deg)
    east, north = offsets_arcmin(ra, dec, rows)
    reach = np.maximum(np.abs(east), np.abs(north))  # the plane and the sphere differ by 0.1 arcmin at 1.5 deg
    inside = set(within_box(rows, (ra, dec), 3.0)["TIC"].tolist())
    assert set(rows["TIC"][reach < 89.9].tolist()) <= inside <= set(rows["TIC"][reach < 90.1].tolist())


def test_the_other_side_of_the_sky_is_not_in_the_box():
    assert len(within_box(tic_rows([190.0], [0.0]), (10.0, 0.0), 3.0)) == 0


def test_a_row_without_a_position_is_not_in_the_box():
    rows = tic_rows([10.0, 10.0], [0.0, 0.0])
    rows["RAJ2000"].mask[1] = True
    assert within_box(rows, (10.0, 0.0), 3.0)["TIC"].tolist() == [1]
