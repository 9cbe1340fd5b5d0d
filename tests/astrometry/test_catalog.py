"""The star catalog: exact ids, masks, the choice of stars, regions."""

import warnings

import numpy as np
import pytest
from astropy import units
from astropy.io import fits
from astropy.table import Table
from tic_rows import LONG_ID, tic_rows

from ngcmos.astrometry.catalog import (
    CATALOG_COLUMNS,
    NUMBER_COLUMNS,
    VIZIER_COLUMNS,
    ds9_regions,
    exact_ids,
    no_rows,
    select_input,
    star_catalog,
    targets_of,
    tidy_rows,
)
from ngcmos.errors import CatalogError

KEPT_COLUMNS = "gaia_id Gmag tic_id Tmag ra_deg_corr dec_deg_corr on_chip gaiabp gaiarp Teff blended"
BLEND = {"blend_arcsec": 24.0, "blend_dmag": 1.0}


def catalog_of(*args, epoch=2000.0, **columns):
    return star_catalog(tic_rows(*args, **columns), epoch, **BLEND)


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


def eight_stars():
    return catalog_of(
        10.0 + np.arange(8), np.zeros(8), Tmag=np.array([12.0, 16.0, 15.99, 9.0, 9.0, 12.5, 17.0, np.nan])
    )


def test_input_stars_are_on_the_chip_and_bright_in_order_of_brightness():
    on_chip = np.array([1, 1, 1, 1, 1, 0, 1, 1], dtype=bool)
    assert select_input(eight_stars(), on_chip, tmag_max=16.0)["tic_id"].tolist() == [4, 5, 1, 3]


def test_input_stars_are_marked_on_chip():
    assert select_input(eight_stars(), np.ones(8, dtype=bool), tmag_max=16.0)["on_chip"].all()


def test_a_catalog_read_from_a_file_gives_the_same_choice(tmp_path):
    eight_stars().write(tmp_path / "catalog.fits")
    read = Table.read(tmp_path / "catalog.fits")
    options = {"tmag_max": 16.0, "targets": [8, 7]}
    expected = select_input(eight_stars(), np.ones(8, dtype=bool), **options)["tic_id"].tolist()
    assert select_input(read, np.ones(8, dtype=bool), **options)["tic_id"].tolist() == expected
    assert expected == [4, 5, 1, 6, 3, 7, 8]


def test_blended_stars_are_measured_and_flagged():
    catalog = catalog_of([10.0, 10.001, 20.0], [0.0, 0.0, 0.0])
    chosen = select_input(catalog, np.ones(3, dtype=bool), tmag_max=16.0)
    assert dict(zip(chosen["tic_id"].tolist(), chosen["blended"].tolist(), strict=True)) == {
        1: True,
        2: True,
        3: False,
    }


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
        answer[name] = np.arange(len(answer), dtype=float)  # no two alike, so none counts as another's double
    rows = tidy_rows(answer)
    assert (rows["GAIA"] == 0).sum() == 201
    assert np.isnan(rows["pmRA"]).sum() == 1809
    assert np.isnan(rows["Teff"]).sum() == 2193


def entries(**columns):
    """Five TIC rows a minute of arc apart, as bright as each other; columns as asked."""
    rows = Table({name: np.full(5, 12.0) for name in NUMBER_COLUMNS})
    rows["RAJ2000"], rows["DEJ2000"] = 10.0, np.arange(5) / 60.0
    rows["TIC"], rows["GAIA"] = np.arange(1, 6), np.arange(101, 106)
    for name, values in columns.items():
        rows[name] = values
    return rows


def test_what_the_tic_disposes_of_is_no_star():
    said = np.ma.array(["", "DUPLICATE", "ARTIFACT", "SPLIT", "JOIN"], mask=[1, 0, 0, 0, 0])
    assert tidy_rows(entries(Disp=said))["TIC"].tolist() == [1, 5]


@pytest.mark.parametrize(
    ("same_as", "left"),
    [
        ([0, 1, 0, 0, 0], [1, 3, 4, 5]),
        ([2, 1, 0, 0, 0], [1, 3, 4, 5]),  # each names the other
        ([0, 99, 0, 4, 0], [1, 2, 3, 4, 5]),  # not here, itself
    ],
)
def test_an_entry_that_names_another_one_as_the_same_is_no_star(same_as, left):
    assert tidy_rows(entries(m_TIC=np.ma.masked_equal(same_as, 0)))["TIC"].tolist() == left


def test_an_entry_stays_where_that_which_it_names_is_no_star():
    """As the children of a split that name their parent."""
    rows = entries(Disp=["SPLIT", "", "", "", ""], m_TIC=[0, 1, 1, 0, 0])
    assert tidy_rows(rows)["TIC"].tolist() == [2, 3, 4, 5]


@pytest.mark.parametrize(("arcsec", "dmag", "left"), [(0.9, 0.4, 4), (1.1, 0.0, 5), (0.3, 0.6, 5)])
def test_two_entries_at_one_place_and_alike_are_one_star(arcsec, dmag, left):
    rows = entries(GAIA=[101, 0, 103, 104, 105])
    rows["DEJ2000"][1] = arcsec / 3600
    rows["Tmag"][1] += dmag
    assert len(tidy_rows(rows)) == left
    assert 1 in tidy_rows(rows)["TIC"]


def test_the_entry_with_a_gaia_id_stays():
    rows = entries(GAIA=[0, 102, 103, 104, 105])
    rows["DEJ2000"][0] = rows["DEJ2000"][1]
    assert tidy_rows(rows)["TIC"].tolist() == [2, 3, 4, 5]


def test_two_stars_that_gaia_tells_apart_are_two():
    rows = entries()
    rows["DEJ2000"][0] = rows["DEJ2000"][1] + 0.5 / 3600
    assert len(tidy_rows(rows)) == 5


def test_two_rows_of_one_gaia_id_are_one_star():
    assert tidy_rows(entries(GAIA=[101, 102, 101, 0, 0]))["TIC"].tolist() == [1, 2, 4, 5]
