"""Known stars of a field: from files, else kept, else from VizieR where the field's catalog came from there."""

import dataclasses
import logging
import types

import pytest
from astropy.table import Table
from loopback_vizier import LoopbackVizier

from ngcmos.astrometry.vizier import Service
from ngcmos.config import load_camera
from ngcmos.night.products import catalog_path
from ngcmos.steps.known import load_known

FIELD = "NG2320-1302"


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A configuration, and a night whose catalog came from VizieR."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    config = dataclasses.make_dataclass("Config", ["directories", "camera"])
    rows = Table({"TIC": [1]})
    rows.meta |= {"RA_CEN": 350.0, "DEC_CEN": -13.0, "BOX_DEG": 3.0, "EXTRACT": False}
    rows.write(catalog_path(tmp_path, FIELD))
    return config(types.SimpleNamespace(out=tmp_path / "out"), load_camera()), tmp_path


@pytest.fixture
def server():
    rows = Table({"Name": ["V1"], "Type": ["EA"], "Period": [1.5], "RAJ2000": [350.1], "DEJ2000": [-13.2]})
    with LoopbackVizier(rows, catalog="B/vsx/vsx") as server:
        yield server


def test_answer_is_kept_and_not_asked_for_again(place, server):
    config, night = place
    for _ in range(2):
        known = load_known(config, FIELD, night, Service(server.url))
        assert known["name"].tolist() == ["V1"] and known["period_d"].tolist() == [1.5]
    assert len(server.queries) == 2  # of two publications
    assert (config.directories.out / "catalogs" / f"known_{FIELD}.fits").is_file()


def test_field_of_local_files_is_not_asked_for(place, server):
    config, night = place
    rows = Table({"TIC": [1]})
    rows.meta |= {"RA_CEN": 350.0, "DEC_CEN": -13.0, "BOX_DEG": 3.0, "EXTRACT": True}
    rows.write(catalog_path(night, FIELD), overwrite=True)
    assert len(load_known(config, FIELD, night, Service(server.url))) == 0
    assert len(load_known(config, FIELD, night / "gone", Service(server.url))) == 0
    assert server.queries == []


def test_files_of_the_profile_win(place, server, tmp_path):
    config, night = place
    Table({"Name": ["V2"], "Type": ["EA"], "RAJ2000": [350.1], "DEJ2000": [-13.2]}).write(tmp_path / "vsx.fits")
    catalog = dataclasses.replace(config.camera.catalog, known=(str(tmp_path / "vsx.fits"),))
    config = dataclasses.replace(config, camera=dataclasses.replace(config.camera, catalog=catalog))
    assert load_known(config, FIELD, night, Service(server.url))["name"].tolist() == ["V2"]


def test_without_an_answer_nothing_is_known(place, caplog):
    config, night = place
    with caplog.at_level(logging.INFO):
        assert len(load_known(config, FIELD, night, Service("http://127.0.0.1:9"))) == 0
    assert "no names of known variables" in caplog.text
