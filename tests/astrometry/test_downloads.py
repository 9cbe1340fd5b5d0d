"""Tables of Gaia and Tycho-2 in the forms that people have become rows of the TIC."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from astropy.time import Time

from ngcmos.astrometry.downloads import gaia_of_tycho, rows_of
from ngcmos.astrometry.extracts import read_local
from ngcmos.commands.make_catalog import main
from ngcmos.errors import CatalogError

IDS = [4295806720, 5853498713190525696, 38655544960]


def gaia_table():
    return Table(
        {
            "source_id": IDS,
            "ra": [10.0, 10.1, 10.2],
            "dec": [20.0, 20.1, 20.2],
            "pmra": [1000.0, 0.0, np.nan],
            "pmdec": [-500.0, 0.0, np.nan],
            "ref_epoch": [2016.0] * 3,
            "phot_g_mean_mag": [12.0, 15.0, 18.5],
            "phot_bp_mean_mag": [12.4, 15.9, np.nan],
            "phot_rp_mean_mag": [11.5, 14.1, np.nan],
            "teff_gspphot": [5700.0, np.nan, np.nan],
        }
    )


@pytest.mark.parametrize(
    ("ending", "how"),
    [
        (".csv", "ascii.csv"),
        (".csv.gz", "ascii.csv"),
        (".ecsv", "ascii.ecsv"),
        (".vot", "votable"),
        (".fits", "fits"),
    ],
)
def test_forms_of_the_gaia_archive(tmp_path, ending, how):
    path = tmp_path / f"gaia{ending}"
    if ending.endswith(".gz"):
        import gzip

        gaia_table().write(tmp_path / "plain.csv", format=how)
        path.write_bytes(gzip.compress((tmp_path / "plain.csv").read_bytes()))
    else:
        gaia_table().write(path, format=how)
    rows = rows_of(path)
    assert rows["GAIA"].tolist() == IDS
    assert rows["Tmag"][2] == pytest.approx(18.07)
    assert rows["BPmag"].mask.tolist() == [False, False, True]
    moved = SkyCoord(10 * u.deg, 20 * u.deg, pm_ra_cosdec=1000 * u.mas / u.yr, pm_dec=-500 * u.mas / u.yr)
    back = SkyCoord(moved, obstime=Time(2016.0, format="jyear"), distance=10 * u.pc).apply_space_motion(
        new_obstime=Time(2000.0, format="jyear")
    )
    assert rows["RAJ2000"][0] == pytest.approx(back.ra.deg, abs=1e-7)
    assert rows["DEJ2000"][0] == pytest.approx(back.dec.deg, abs=1e-7)


def test_gaia_of_vizier(tmp_path):
    path = tmp_path / "gaia.fits"
    renamed = gaia_table()["source_id", "ra", "dec", "phot_g_mean_mag"]
    renamed.rename_columns(renamed.colnames, ["Source", "RA_ICRS", "DE_ICRS", "Gmag"])
    renamed.write(path)
    assert rows_of(path)["Gmag"].tolist() == [12.0, 15.0, 18.5]


def test_tycho(tmp_path):
    path = tmp_path / "tycho.csv"
    Table(
        {
            "TYC1": [1234],
            "TYC2": [567],
            "TYC3": [1],
            "RAmdeg": [10.0],
            "DEmdeg": [20.0],
            "pmRA": [5.0],
            "pmDE": [6.0],
            "BTmag": [9.764],
            "VTmag": [9.0],
        }
    ).write(path)
    rows = rows_of(path)
    assert rows["TIC"].tolist() == [1234005671]
    assert (rows["RAJ2000"][0], rows["pmDE"][0]) == (10.0, 6.0)
    assert rows["Tmag"][0] == pytest.approx(9.0 - 0.07 - 0.142 - 0.43, abs=0.03)  # as the Sun: V - T is 0.57


def test_sun_by_tycho():
    gmag, bp_rp = gaia_of_tycho(0.764, 0.0)
    assert gmag == pytest.approx(-0.0688 - 0.142, abs=0.01)
    assert bp_rp == pytest.approx(0.82, abs=0.03)


def test_index_of_astrometry_net(tmp_path):
    path = tmp_path / "index-5200-00.fits"
    tagged = Table({"ra": [10.0], "dec": [20.0], "mag": [13.0]})
    kdtree = Table({"kdtree_data_stars": [[1, 2]]})
    units = [fits.PrimaryHDU(), fits.table_to_hdu(kdtree), fits.table_to_hdu(tagged)]
    fits.HDUList(units).writeto(path)
    assert rows_of(path)["Gmag"].tolist() == [13.0]
    fits.HDUList(units[:2]).writeto(tmp_path / "lite.fits")
    with pytest.raises(CatalogError, match="the heavy kind"):
        rows_of(tmp_path / "lite.fits")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\n1,2\n", "no column ra, dec, phot_g_mean_mag, .* it has a, b"),
        ("\x00", "not readable as a table|no column ra"),
    ],
)
def test_other_tables_are_refused(tmp_path, content, message):
    (tmp_path / "x.csv").write_text(content)
    with pytest.raises(CatalogError, match=message):
        rows_of(tmp_path / "x.csv")


def test_command_writes_what_the_chain_reads(tmp_path):
    gaia_table().write(tmp_path / "gaia.csv")
    target = tmp_path / "stars.fits"
    assert main([str(tmp_path / "gaia.csv"), "--output", str(target), "--tmag_max", "16", "-q"]) == 0
    assert sorted(read_local([target], (10.1, 20.1), 1.0)["GAIA"].tolist()) == sorted(IDS[:2])
    assert main([str(tmp_path / "gaia.csv"), "--output", str(target), "-q"]) == 2
