"""The star catalog: exact ids, proper motion, blends, the choice of stars, boxes and regions."""

import warnings

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import SkyCoord, search_around_sky
from astropy.io import fits
from astropy.table import Table
from astropy.time import Time
from hypothesis import given, settings
from hypothesis import strategies as st

from ngcmos.astrometry.catalog import (
    CATALOG_COLUMNS,
    VIZIER_COLUMNS,
    ds9_regions,
    exact_ids,
    find_blended,
    move_stars,
    no_rows,
    select_input,
    star_catalog,
    targets_of,
    tidy_rows,
    within_box,
)
from ngcmos.errors import CatalogError

KEPT_COLUMNS = "gaia_id Gmag tic_id Tmag ra_deg_corr dec_deg_corr on_chip gaiabp gaiarp Teff blended"
BLEND = {"blend_arcsec": 24.0, "blend_dmag": 1.0}
LONG_ID = 6917528997577384321  # not to be had as a float


def tic_rows(ra, dec, **columns):
    """Rows as VizieR gives them: stars of magnitude 12, far from each other in id, nothing missing."""
    number = len(ra)
    given = {
        "TIC": np.arange(1, number + 1),
        "GAIA": LONG_ID + np.arange(number),
        "RAJ2000": np.asarray(ra, dtype=float),
        "DEJ2000": np.asarray(dec, dtype=float),
        **{name: np.full(number, 12.0, dtype=np.float32) for name in ("Tmag", "Gmag", "BPmag", "RPmag")},
        "pmRA": np.zeros(number),
        "pmDE": np.zeros(number),
        "Teff": np.full(number, 5777.0, dtype=np.float32),
    }
    return Table({**given, **columns}, masked=True)


def catalog_of(*args, epoch=2000.0, **columns):
    return star_catalog(tic_rows(*args, **columns), epoch, **BLEND)


# ids, masks, columns


def test_the_columns_of_old_come_first_and_in_order():
    assert " ".join(catalog_of([10.0], [0.0]).colnames[:11]) == KEPT_COLUMNS


def test_every_column_is_described():
    catalog = catalog_of([10.0], [0.0])
    assert catalog.colnames == list(CATALOG_COLUMNS)
    assert all(catalog[name].description for name in catalog.colnames)


def test_positions_have_units():
    assert catalog_of([10.0], [0.0])["ra_deg_corr"].unit == units.deg


@pytest.mark.parametrize("name", ["gaia_id", "tic_id"])
def test_ids_are_64_bit_integers(name):
    assert catalog_of([10.0], [0.0])[name].dtype == np.int64


def test_long_ids_keep_every_digit_through_a_fits_file(tmp_path):
    catalog_of([10.0, 20.0], [0.0, 0.0]).write(tmp_path / "catalog.fits")
    assert fits.getdata(tmp_path / "catalog.fits")["gaia_id"].tolist() == [LONG_ID, LONG_ID + 1]


def test_a_masked_gaia_id_is_0():
    rows = tic_rows([10.0, 20.0], [0.0, 0.0])
    rows["GAIA"].mask[1] = True
    assert star_catalog(rows, 2024.5, **BLEND)["gaia_id"].tolist() == [LONG_ID, 0]


def test_a_null_id_that_nobody_masked_is_0():
    rows = tic_rows([10.0], [0.0], GAIA=[np.iinfo(np.int64).min])
    assert star_catalog(rows, 2024.5, **BLEND)["gaia_id"].tolist() == [0]


@pytest.mark.parametrize("text", [[str(LONG_ID), ""], [b"6917528997577384321 ", b" "]])
def test_ids_given_as_text_keep_every_digit(text):
    assert exact_ids(Table({"GAIA": text})["GAIA"]).tolist() == [LONG_ID, 0]


@pytest.mark.parametrize("text", ["12.5", "1e18", "Gaia DR2 5", "--5"])
def test_text_that_is_no_id_is_refused(text):
    with pytest.raises(CatalogError, match="is not an id, expected a whole number"):
        exact_ids(Table({"GAIA": [text]})["GAIA"])


def test_ids_as_floats_are_refused():
    rows = tic_rows([10.0], [0.0], GAIA=[float(LONG_ID)])
    with pytest.raises(CatalogError, match="column GAIA is float64, expected int64"):
        tidy_rows(rows)


def test_missing_columns_are_named():
    rows = tic_rows([10.0], [0.0])
    rows.remove_columns(["Tmag", "pmDE"])
    with pytest.raises(CatalogError, match="columns Tmag, pmDE missing, expected TIC GAIA RAJ2000"):
        star_catalog(rows, 2024.5, **BLEND)


@pytest.mark.parametrize(
    "name, column", [("Gmag", "Gmag"), ("BPmag", "gaiabp"), ("RPmag", "gaiarp"), ("Teff", "Teff")]
)
def test_a_masked_number_is_nan(name, column):
    rows = tic_rows([10.0, 20.0], [0.0, 0.0])
    rows[name].mask[0] = True
    values = star_catalog(rows, 2024.5, **BLEND)[column]
    assert np.isnan(values).tolist() == [True, False]


def test_no_column_of_the_catalog_is_masked():
    rows = tic_rows([10.0, 20.0], [0.0, 0.0])
    for name in VIZIER_COLUMNS[4:]:
        rows[name].mask[0] = True
    assert not star_catalog(rows, 2024.5, **BLEND).has_masked_columns


def test_rows_without_masks_serve_too():
    rows = Table(tic_rows([10.0], [0.0]), masked=False)
    assert star_catalog(rows, 2024.5, **BLEND)["tic_id"].tolist() == [1]


def test_a_star_without_a_position_is_left_out():
    assert catalog_of([10.0, np.nan, 30.0], [0.0, 0.0, 0.0])["tic_id"].tolist() == [1, 3]


def test_the_second_row_of_a_star_is_dropped():
    catalog = catalog_of([10.0, 20.0, 10.0], [0.0, 0.0, 0.0], TIC=[7, 8, 7], GAIA=[1, 2, 3])
    assert catalog["gaia_id"].tolist() == [1, 2]


def test_stars_without_a_tic_id_are_not_one_star():
    assert len(catalog_of([10.0, 20.0], [0.0, 0.0], TIC=[0, 0])) == 2


def test_tidying_twice_changes_nothing():
    once = tidy_rows(tic_rows([10.0, 20.0], [0.0, 0.0]))
    twice = tidy_rows(once)
    assert all(np.array_equal(once[name], twice[name]) for name in VIZIER_COLUMNS)


def test_rows_are_not_changed():
    rows = tic_rows([10.0, 10.001], [0.0, 0.0], pmRA=[100.0, 0.0])
    before = rows.copy()
    star_catalog(rows, 2024.5, **BLEND)
    assert (rows == before).all()


def test_an_empty_sky_is_an_empty_catalog():
    assert len(star_catalog(no_rows(), 2024.5, **BLEND)) == 0


# proper motion


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
    assert abs(moved - np.hypot(pmra, pmdec) * abs(years)) < 1.0


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


# blends


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


@settings(max_examples=40)
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


# the stars that are measured


def eight_stars():
    return catalog_of(
        10.0 + np.arange(8), np.zeros(8), Tmag=np.array([12.0, 16.0, 15.99, 9.0, 9.0, 12.5, 17.0, np.nan])
    )


def test_input_stars_are_on_the_chip_and_bright_in_order_of_brightness():
    on_chip = np.array([1, 1, 1, 1, 1, 0, 1, 1], dtype=bool)
    assert select_input(eight_stars(), on_chip, tmag_max=16.0)["tic_id"].tolist() == [4, 5, 1, 3]


def test_input_stars_are_marked_on_chip():
    assert select_input(eight_stars(), np.ones(8, dtype=bool), tmag_max=16.0)["on_chip"].all()


def test_a_blended_star_is_not_measured():
    catalog = catalog_of([10.0, 10.001, 20.0], [0.0, 0.0, 0.0])
    assert select_input(catalog, np.ones(3, dtype=bool), tmag_max=16.0)["tic_id"].tolist() == [3]


def test_a_blended_target_is_measured_and_flagged():
    catalog = catalog_of([10.0, 10.001, 20.0], [0.0, 0.0, 0.0])
    chosen = select_input(catalog, np.ones(3, dtype=bool), tmag_max=16.0, targets=[2])
    assert chosen["tic_id"].tolist() == [2, 3]
    assert chosen["target"].tolist() == [True, False]
    assert chosen["blended"].tolist() == [True, False]


@pytest.mark.parametrize("tic_id", [2, 7, 8])
def test_a_faint_target_is_measured(tic_id):
    chosen = select_input(eight_stars(), np.ones(8, dtype=bool), tmag_max=16.0, targets=(tic_id,))
    assert chosen["tic_id"][chosen["target"]].tolist() == [tic_id]


def test_a_target_off_the_chip_is_not_measured():
    on_chip = np.arange(8) != 0
    assert 1 not in select_input(eight_stars(), on_chip, tmag_max=16.0, targets=[1])["tic_id"]


def test_choosing_does_not_change_the_catalog():
    catalog = eight_stars()
    select_input(catalog, np.ones(8, dtype=bool), tmag_max=16.0, targets=[1])
    assert not catalog["on_chip"].any()
    assert not catalog["target"].any()


def test_a_mask_of_another_length_is_refused():
    with pytest.raises(ValueError, match=r"shape \(1,\), expected \(8,\)"):
        select_input(eight_stars(), np.ones(1, dtype=bool), tmag_max=16.0)


@pytest.mark.parametrize(
    "name, expected",
    [
        ("NG2320-1302_TIC-188620407_S43", (188620407,)),
        ("NG2320-1302_TIC-188620407_TIC-12_S43", (188620407, 12)),
        ("NG2320-1302_TIC-12_TIC-12", (12,)),
        ("NG2320-1302_tic188620407", (188620407,)),
        ("NG2320-1302_TIC_10005000540", (10005000540,)),
        ("NG2320-1302_TOI-4562", ()),
        ("NG2320-1302", ()),
        ("NG2320-1302_OPTIC-3", ()),
        ("NG2320-1302_TIC-0", ()),
        ("NG2320-1302_TIC-99999999999999999999", ()),
        ("", ()),
    ],
)
def test_targets_are_the_tic_ids_of_the_name(name, expected):
    assert targets_of(name) == expected


# boxes


def offsets_arcmin(ra, dec, rows):
    """(east, north) of rows in a frame turned to have its origin at ra, dec; astropy's own."""
    east, north = SkyCoord(ra, dec, unit="deg").spherical_offsets_to(
        SkyCoord(rows["RAJ2000"], rows["DEJ2000"], unit="deg")
    )
    return east.arcmin, north.arcmin


@given(st.integers(0, 2**32 - 1), st.floats(0, 360), st.floats(-90, 90))
@settings(max_examples=50)
def test_a_box_is_a_box_anywhere_on_the_sky(seed, ra, dec):
    rng = np.random.default_rng(seed)
    around = SkyCoord(ra, dec, unit="deg").directional_offset_by(
        rng.uniform(0, 360, 200) * units.deg, rng.uniform(0, 2.5, 200) * units.deg
    )
    rows = tic_rows(around.ra.deg, around.dec.deg)
    east, north = offsets_arcmin(ra, dec, rows)
    reach = np.maximum(np.abs(east), np.abs(north))  # the plane and the sphere differ by 0.1 arcmin at 1.5 deg
    inside = set(within_box(rows, ra, dec, 3.0)["TIC"].tolist())
    assert set(rows["TIC"][reach < 89.9].tolist()) <= inside <= set(rows["TIC"][reach < 90.1].tolist())


def test_the_other_side_of_the_sky_is_not_in_the_box():
    assert len(within_box(tic_rows([190.0], [0.0]), 10.0, 0.0, 3.0)) == 0


def test_a_row_without_a_position_is_not_in_the_box():
    rows = tic_rows([10.0, 10.0], [0.0, 0.0])
    rows["RAJ2000"].mask[1] = True
    assert within_box(rows, 10.0, 0.0, 3.0)["TIC"].tolist() == [1]


# regions


def test_a_region_file_has_a_circle_a_star_at_its_place():
    text = ds9_regions(catalog_of([353.12345678, 10.0], [-13.5, 0.0]), radius_arcsec=12.15)
    header, *circles = text.split("icrs\n")
    assert header.startswith("# Region file format: DS9")
    assert circles[0].splitlines() == [
        'circle(353.1234568,-13.5000000,12.15") # text={1}',
        'circle(10.0000000,0.0000000,12.15") # text={2}',
    ]


def test_a_region_file_shows_targets_by_a_thick_line():
    chosen = select_input(catalog_of([10.0, 20.0], [0.0, 0.0]), [True, True], tmag_max=16.0, targets=[2])
    thick = [line for line in ds9_regions(chosen, radius_arcsec=12.0).splitlines() if "width=3" in line]
    assert [line.split("text=")[1] for line in thick] == ["{2} width=3"]


def test_a_region_file_has_its_colour():
    assert "global color=red " in ds9_regions(catalog_of([10.0], [0.0]), radius_arcsec=12.0, colour="red")


# the real catalogs


@pytest.mark.real
def test_the_real_catalog_keeps_the_stars_without_proper_motion(real_data):
    rows = Table.read(real_data / "hatp32" / "tic82_hatp32.fits")
    catalog = star_catalog(rows, 2017.97, **BLEND)
    assert len(catalog) == len(rows)
    assert (catalog["gaia_id"] == 0).sum() == rows["GAIA"].mask.sum()
    assert np.isfinite(catalog["ra_deg_corr"]).all()


@pytest.mark.real
def test_the_masks_of_a_real_answer_become_0_and_nan(real_data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # units of columns that are not used
        answer = Table.read(real_data / "vizier_tic_answer.fits")
    for name in ("Tmag", "Gmag", "BPmag", "RPmag"):
        answer[name] = np.full(len(answer), 15.0)
    rows = tidy_rows(answer)
    assert (rows["GAIA"] == 0).sum() == 201
    assert np.isnan(rows["pmRA"]).sum() == 1809
    assert np.isnan(rows["Teff"]).sum() == 2193
