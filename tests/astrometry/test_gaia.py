"""Gaia DR3 as the catalog: from VizieR, from local files, and its magnitudes."""

import dataclasses

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import SkyCoord
from astropy.table import MaskedColumn, Table
from astropy.time import Time
from loopback_vizier import LoopbackVizier
from tic_rows import LONG_ID, tic_rows

from ngcmos.astrometry.catalog import star_catalog
from ngcmos.astrometry.extracts import read_local
from ngcmos.astrometry.gaia import GAIA_CATALOG, as_tic_rows, tess_magnitude
from ngcmos.astrometry.vizier import Service, fetch_tic, region_of
from ngcmos.config import load_camera
from ngcmos.errors import CatalogError

RA, DEC = 350.0, -13.0
SETTINGS = dataclasses.replace(load_camera().catalog, source="gaia_dr3", retries=0)
MAS_YR = units.mas / units.yr
ARCHIVE = ("source_id", "ra", "dec", "phot_g_mean_mag", "phot_bp_mean_mag", "phot_rp_mean_mag", "pmra", "pmdec")


def gaia_rows(**columns):
    """Three stars; the second without a colour, the third without a motion."""
    given = {
        "Source": LONG_ID + np.arange(3),
        "RA_ICRS": RA + np.array([0.0, 0.3, -0.3]),
        "DE_ICRS": DEC + np.array([0.0, 0.2, -0.2]),
        "Gmag": np.array([11.0, 13.0, 15.0]),
        "BPmag": MaskedColumn([11.4, 0.0, 15.5], mask=[False, True, False]),
        "RPmag": MaskedColumn([10.4, 0.0, 14.3], mask=[False, True, False]),
        "pmRA": MaskedColumn([800.0, -20.0, 0.0], mask=[False, False, True]),
        "pmDE": MaskedColumn([-500.0, 10.0, 0.0], mask=[False, False, True]),
        "Teff": np.full(3, 5500.0),
    }
    return Table({**given, **columns}, masked=True)


def test_magnitude_by_the_published_relation():
    """Numbers computed by hand; a star without a colour, and one far redder than the relation knows."""
    expected = [11 - 0.00522555 + 0.0891337 - 0.633923 + 0.0324473, 13 - 0.43]
    assert tess_magnitude([11.0, 13.0], [1.0, np.nan]) == pytest.approx(expected, abs=1e-9)
    assert tess_magnitude(15.0, 9.0) == tess_magnitude(15.0, 3.5)


def test_vizier_is_asked_for_gaia_and_the_tic_names_the_target():
    target = tic_rows([RA], [DEC], TIC=[188620407], GAIA=[LONG_ID])
    with LoopbackVizier(gaia_rows(), catalog=GAIA_CATALOG, others={"IV/39/tic82": target}) as server:
        rows, _ = fetch_tic(region_of((RA, DEC), SETTINGS, targets=[188620407]), SETTINGS, Service(server.url))
        assert [query["-source"] for query in server.queries] == [GAIA_CATALOG, "IV/39/tic82"]
        assert server.queries[0]["Gmag"] == "<18.5"
    assert rows["TIC"].tolist() == [188620407, -(LONG_ID + 1), -(LONG_ID + 2)]
    assert rows["GAIA"].tolist() == [LONG_ID, LONG_ID + 1, LONG_ID + 2]


def test_target_of_another_gaia_id_is_the_star_at_its_place():
    target = tic_rows([RA + 0.3], [DEC + 0.2], TIC=[5], GAIA=[77])
    with LoopbackVizier(gaia_rows(), catalog=GAIA_CATALOG, others={"IV/39/tic82": target}) as server:
        rows, _ = fetch_tic(region_of((RA, DEC), SETTINGS, targets=[5]), SETTINGS, Service(server.url))
    assert rows["TIC"].tolist()[1] == 5


def test_places_are_those_of_the_night():
    """As astropy moves them from 2016.0; the catalog counts from J2000."""
    rows = gaia_rows()
    epoch = Time("2024-07-05", scale="utc")
    made = star_catalog(as_tic_rows(rows), epoch, blend_arcsec=24.0, blend_dmag=1.0)
    motions = {"pm_ra_cosdec": rows["pmRA"].filled(0) * MAS_YR, "pm_dec": rows["pmDE"].filled(0) * MAS_YR}
    far = np.full(3, 0.05)
    sky = SkyCoord(
        rows["RA_ICRS"], rows["DE_ICRS"], far, unit=("deg", "deg", "kpc"), obstime=Time("J2016.0"), **motions
    )
    there = sky.apply_space_motion(epoch)
    away = SkyCoord(made["ra_deg_corr"], made["dec_deg_corr"], unit="deg").separation(there)
    assert away.arcsec.max() < 0.02


@pytest.mark.parametrize("archive", [False, True])
def test_local_files_of_gaia_are_known_by_their_columns(tmp_path, archive):
    rows = gaia_rows()
    if archive:
        rows.remove_column("Teff")
        rows.rename_columns(rows.colnames, list(ARCHIVE))
    rows.write(tmp_path / "gaia.fits")
    found = read_local([tmp_path / "gaia.fits"], (RA, DEC), 3.0)
    assert found["GAIA"].tolist() == [LONG_ID, LONG_ID + 1, LONG_ID + 2]
    assert found["Tmag"][1] == pytest.approx(12.57)
    assert np.isnan(found["Teff"]).all() == archive


def test_ids_that_lost_digits_and_missing_columns_are_told(tmp_path):
    gaia_rows(Source=np.array([1.0, 2.0, 3.0])).write(tmp_path / "lost.fits")
    with pytest.raises(CatalogError, match="floats lose digits of ids"):
        read_local([tmp_path / "lost.fits"], (RA, DEC), 3.0)
    few = gaia_rows()
    few.remove_column("BPmag")
    with pytest.raises(CatalogError, match="columns BPmag missing"):
        as_tic_rows(few)
