"""Local TIC extracts: every format, several files, and files that do not serve."""

import dataclasses
import gzip
import io

import numpy as np
import pytest
from astropy.io import fits, votable
from loopback_vizier import votable_text

from ngcmos.astrometry.catalog import VIZIER_COLUMNS
from ngcmos.astrometry.extracts import read_local
from ngcmos.astrometry.tic import load_tic
from ngcmos.astrometry.vizier import Service, region_of
from ngcmos.config import load_camera
from ngcmos.errors import CatalogError

RA, DEC = 350.2, -13.0
NOBODY = "http://127.0.0.1:9"


def write_fits(stars, path):
    stars["TIC"].fill_value = stars["GAIA"].fill_value = -1
    stars.write(path, format="fits")


def write_votable(stars, path):
    path.write_text(votable_text("IV/39/tic82", stars.colnames, stars, ""))


def write_votable_gz(stars, path):
    path.write_bytes(gzip.compress(votable_text("IV/39/tic82", stars.colnames, stars, "").encode()))


def write_astropy_votable(stars, path):
    text = io.BytesIO()
    votable.from_table(stars).to_xml(text)
    path.write_bytes(text.getvalue())


EXTRACTS = [
    ("tic.fits", write_fits),
    ("tic.FIT", write_fits),
    ("tic.fits.gz", write_fits),
    ("tic.xml", write_votable),
    ("tic.vot", write_votable),
    ("tic.vot", write_astropy_votable),
    ("tic.xml.gz", write_votable_gz),
]


@pytest.mark.parametrize("name, write", EXTRACTS)
def test_a_local_extract_gives_the_stars_of_the_box(stars, tmp_path, name, write):
    write(stars, tmp_path / name)
    rows = read_local([tmp_path / name], (RA, DEC), 3.0)
    inside = np.r_[0:40, 42]
    assert rows["TIC"].tolist() == stars["TIC"][inside].tolist()
    assert rows["GAIA"].tolist() == stars["GAIA"][inside].filled(0).tolist()
    assert np.isnan(rows["pmRA"]).tolist() == stars["pmRA"].mask[inside].tolist()


def test_several_extracts_are_one_and_stars_in_both_are_taken_once(stars, tmp_path):
    write_votable(stars[:30], tmp_path / "one.xml")
    write_fits(stars[20:40], tmp_path / "two.fits")
    rows = read_local([tmp_path / "one.xml", tmp_path / "two.fits"], (RA, DEC), 3.0)
    assert rows["TIC"].tolist() == stars["TIC"][:40].tolist()
    assert rows["GAIA"].tolist() == stars["GAIA"][:40].filled(0).tolist()


def test_an_extract_beside_the_field_harms_nothing(stars, tmp_path):
    write_votable(stars[40:42], tmp_path / "other.xml")
    write_votable(stars[:40], tmp_path / "field.xml")
    assert len(read_local([tmp_path / "other.xml", tmp_path / "field.xml"], (RA, DEC), 3.0)) == 40


def test_columns_of_no_use_are_ignored_whatever_their_units(stars, tmp_path):
    stars["logg"] = 4.4
    write_fits(stars, tmp_path / "tic.fits")
    number = stars.colnames.index("logg") + 1
    fits.setval(tmp_path / "tic.fits", f"TUNIT{number}", value="log(cm.s**-2)", ext=1)
    assert tuple(read_local([tmp_path / "tic.fits"], (RA, DEC), 3.0).colnames) == VIZIER_COLUMNS


def test_no_stars_in_the_box_is_an_error(stars, tmp_path):
    write_fits(stars, tmp_path / "tic.fits")
    with pytest.raises(CatalogError, match=r"tic\.fits: no stars within 3 deg of 100\.0000 \+45\.0000"):
        read_local([tmp_path / "tic.fits"], (100.0, 45.0), 3.0)


def test_missing_columns_of_an_extract_are_named_with_the_file(stars, tmp_path):
    stars.remove_columns(["GAIA", "Tmag"])
    stars.write(tmp_path / "tic.fits")
    with pytest.raises(CatalogError, match=r"tic\.fits: columns GAIA, Tmag missing"):
        read_local([tmp_path / "tic.fits"], (RA, DEC), 3.0)


def test_an_extract_with_ids_as_floats_is_refused(stars, tmp_path):
    stars["GAIA"] = stars["GAIA"].astype(float)
    stars.write(tmp_path / "tic.fits")
    with pytest.raises(CatalogError, match=r"tic\.fits: column GAIA is >?f\S* expected int64"):
        read_local([tmp_path / "tic.fits"], (RA, DEC), 3.0)


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("tic.fits", b"", "not readable as a table"),
        ("tic.fits", b"SIMPLE  =", "not readable as a table"),
        ("tic.fits.gz", b"no gzip", "not readable as a table"),
        ("tic.xml", b"<?xml version='1.0'?><VOTABLE><RESOURCE>", "not readable as a table"),
        ("tic.xml", b"hello", "not readable as a table"),
        ("tic.xml.gz", gzip.compress(b"<?xml" * 900, mtime=0)[:-20], "not readable as a table"),
        ("tic.csv", b"TIC,GAIA\n1,2\n", r"expected a name that ends in \.fits \.fit \.fts \.xml"),
    ],
)
def test_an_unreadable_extract_is_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CatalogError, match=message) as caught:
        read_local([tmp_path / name], (RA, DEC), 3.0)
    assert str(caught.value).startswith(str(tmp_path / name))
    assert "\n" not in str(caught.value)


def test_an_extract_cut_short_is_refused(stars, tmp_path):
    write_fits(stars, tmp_path / "tic.fits")
    (tmp_path / "tic.fits").write_bytes((tmp_path / "tic.fits").read_bytes()[:-3000])
    with pytest.raises(CatalogError, match=r"tic\.fits: not readable as a table"):
        read_local([tmp_path / "tic.fits"], (RA, DEC), 3.0)


def test_an_extract_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(CatalogError, match=r"tic\.fits: no such file"):
        read_local([tmp_path / "tic.fits"], (RA, DEC), 3.0)


def test_a_local_extract_wins_over_the_network(vizier, stars, tmp_path):
    write_fits(stars[:10], tmp_path / "tic.fits")
    settings = load_camera().catalog
    extract = load_tic(
        "NG",
        region_of((RA, DEC), settings),
        settings,
        kept_folder=tmp_path,
        local=[tmp_path / "tic.fits"],
        service=Service(vizier.url),
    )
    assert len(extract.rows) == 10
    assert extract.source == str(tmp_path / "tic.fits")
    assert vizier.queries == []


def test_the_extracts_of_the_profile_are_used(stars, tmp_path):
    write_fits(stars[:10], tmp_path / "tic.fits")
    settings = dataclasses.replace(load_camera().catalog, local=(str(tmp_path / "tic.fits"),))
    region = region_of((RA, DEC), settings)
    extract = load_tic("NG", region, settings, kept_folder=tmp_path, service=Service(NOBODY))
    assert len(extract.rows) == 10


@pytest.mark.real
def test_the_real_extract_gives_its_field(real_data):
    rows = read_local([real_data / "hatp32" / "tic82_hatp32.fits"], (31.04, 46.69), 3.0)
    assert 900000032 in rows["TIC"]
