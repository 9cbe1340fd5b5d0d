"""Known variables and planet hosts from files of their publishers, and from VizieR."""

import dataclasses

import numpy as np
import pytest
from astropy.table import Table
from loopback_vizier import LoopbackVizier

from ngcmos.astrometry.known import KNOWN_COLUMNS, fetch_known, read_known
from ngcmos.astrometry.vizier import Service, region_of
from ngcmos.config import load_camera
from ngcmos.errors import CatalogError, NetworkError

SETTINGS = dataclasses.replace(load_camera().catalog, timeout_s=2.0)


@pytest.fixture
def vsx(tmp_path):
    rows = Table({"Name": ["RR Lyr", "V1 Aqr "], "Type": ["RRAB", "EA"], "Period": [0.56684, np.nan]})
    rows["RAJ2000"], rows["DEJ2000"] = [291.366, 350.1], [42.784, -13.2]
    path = tmp_path / "vsx.fits"
    rows.write(path)
    return path


def test_extract_of_vsx(vsx):
    known = read_known([vsx])
    assert tuple(known.colnames) == KNOWN_COLUMNS
    assert known["name"].tolist() == ["RR Lyr", "V1 Aqr"] and known["kind"].tolist() == ["RRAB", "EA"]
    np.testing.assert_allclose(known["period_d"], [0.56684, np.nan])
    np.testing.assert_allclose(known["ra_deg"], [291.366, 350.1])


def test_extract_of_gaia_keeps_every_digit(tmp_path):
    path = tmp_path / "gaia.fits"
    Table({"Source": [6917528997577384321], "Class": ["ECL"], "RA_ICRS": [350.0], "DE_ICRS": [-13.0]}).write(path)
    [row] = read_known([path])
    assert row["gaia_id"] == 6917528997577384321 and row["name"] == "Gaia 6917528997577384321"


def test_list_of_tois_has_sexagesimal_places(tmp_path):
    path = tmp_path / "toi.csv"
    head = "TIC ID,TOI,TFOPWG Disposition,RA,Dec,Period (days)"
    path.write_text(f"{head}\n231663901,101.01,KP,21:14:56.88,-55:52:18.45,1.43036\n")
    [row] = read_known([path])
    assert (row["tic_id"], row["name"], row["kind"]) == (231663901, "TOI 101.01", "KP")
    assert row["ra_deg"] == pytest.approx(318.737, abs=1e-3) and row["dec_deg"] == pytest.approx(
        -55.8718, abs=1e-3
    )
    assert row["period_d"] == 1.43036


def test_other_file_is_told(tmp_path):
    path = tmp_path / "a.fits"
    Table({"a": [1]}).write(path)
    with pytest.raises(CatalogError, match=r"a\.fits: columns a, .*Name"):
        read_known([path])
    with pytest.raises(CatalogError, match=r"none\.fits: no such file"):
        read_known([tmp_path / "none.fits"])


def test_answer_of_vizier(vsx, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with LoopbackVizier(Table.read(vsx, character_as_bytes=False), catalog="B/vsx/vsx") as server:
        known = fetch_known(region_of((350.0, -13.0), SETTINGS), SETTINGS, Service(server.url))
    assert known["name"].tolist() == ["V1 Aqr"] and known["kind"].tolist() == ["EA"]
    assert [query["-source"] for query in server.queries] == ["B/vsx/vsx", "I/358/vclassre"]


def test_server_that_does_not_answer_is_told_at_once(closed_port):
    region = region_of((350.0, -13.0), SETTINGS)
    with pytest.raises(NetworkError, match="no answer"):
        fetch_known(region, SETTINGS, Service(closed_port))
