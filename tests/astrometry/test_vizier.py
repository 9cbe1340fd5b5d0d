"""Catalog rows from a loopback VizieR, from a kept catalog and from local files; every way the network fails."""

import dataclasses

import numpy as np
import pytest
from astropy.config import set_temp_cache
from astropy.io import fits
from astropy.table import Table
from loopback_vizier import LoopbackVizier

from ngcmos.astrometry.catalog import VIZIER_COLUMNS
from ngcmos.astrometry.coverage import lie_of_chip
from ngcmos.astrometry.distortion import Solution
from ngcmos.astrometry.tic import load_tic
from ngcmos.astrometry.vizier import Service, fetch_tic, region_of, servers_of
from ngcmos.config import load_camera
from ngcmos.errors import CatalogError, NetworkError

FIELD, RA, DEC = "NG2320-1302", 350.2, -13.0
SETTINGS = dataclasses.replace(load_camera().catalog, timeout_s=5.0, retries=2)


@pytest.fixture
def pauses():
    """What the code slept, in seconds; nobody waits."""
    return []


def service_of(server, pauses=None):
    return Service(getattr(server, "url", server), (pauses if pauses is not None else []).append)


def fetch(server, pauses=None, *, settings=SETTINGS, targets=()):
    return fetch_tic(region_of((RA, DEC), settings, targets=targets), settings, service_of(server, pauses))[0]


def load(server, folder, *, ra=RA, settings=SETTINGS, targets=(), lie=None):
    region = region_of((ra, DEC), settings, targets=targets)
    extract = load_tic(FIELD, region, settings, kept_folder=folder, lie=lie, service=service_of(server))
    return extract.rows, extract.source


def test_an_answer_has_the_stars_of_the_box(vizier, stars):
    assert sorted(fetch(vizier)["TIC"].tolist()) == stars["TIC"][:40].tolist()


def test_an_answer_has_the_columns_in_order(vizier):
    assert tuple(fetch(vizier).colnames) == VIZIER_COLUMNS


def test_ids_of_an_answer_keep_every_digit(vizier, stars):
    rows = fetch(vizier)
    assert rows["GAIA"].dtype == np.int64
    assert rows["GAIA"].tolist() == stars["GAIA"][:40].filled(0).tolist()


def test_an_empty_cell_is_nan(vizier, stars):
    assert np.isnan(fetch(vizier)["pmRA"]).tolist() == stars["pmRA"].mask[:40].tolist()


def test_numbers_of_an_answer_are_exact(vizier, stars):
    assert fetch(vizier)["RAJ2000"].tolist() == stars["RAJ2000"][:40].tolist()


def test_all_rows_of_the_needed_columns_are_asked_for(vizier):
    fetch(vizier)
    (query,) = vizier.queries
    assert query["-source"] == "IV/39/tic82"
    assert query["-out"] == ",".join([*VIZIER_COLUMNS, "Disp", "m_TIC"])
    assert query["-out.max"] == "unlimited"
    assert query["-c.bd"] == "3.0x3.0"


def test_stars_are_asked_for_deep_enough_to_see_all_blends(vizier):
    fetch(vizier)
    reddest_minus_bluest = 1.3
    assert float(vizier.queries[0]["Tmag"].removeprefix("<")) >= 16.0 + 1.0 + reddest_minus_bluest


def test_a_target_below_the_limit_is_asked_for_by_name(vizier, stars):
    faint = int(stars["TIC"][42])
    assert faint in fetch(vizier, targets=[faint])["TIC"]
    assert [query.get("TIC") for query in vizier.queries] == [None, str(faint)]


def test_a_target_that_came_is_not_asked_for_again(vizier, stars):
    fetch(vizier, targets=[int(stars["TIC"][3])])
    assert len(vizier.queries) == 1


def test_a_target_that_nobody_knows_harms_nothing(vizier, stars):
    rows = fetch(vizier, targets=[4])
    assert sorted(rows["TIC"].tolist()) == stars["TIC"][:40].tolist()
    assert rows["GAIA"].dtype == np.int64


def test_nothing_is_left_in_the_cache_of_the_home_folder(vizier, tmp_path):
    with set_temp_cache(tmp_path):
        fetch(vizier)
    assert list(tmp_path.rglob("*.pickle")) == []


def test_a_field_at_0_h_is_fetched_whole(stars, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    stars["RAJ2000"] = (stars["RAJ2000"] - RA) % 360
    with LoopbackVizier(stars) as server:
        rows, _ = fetch_tic(region_of((0.0, DEC), SETTINGS), SETTINGS, service_of(server))
    assert sorted(rows["TIC"].tolist()) == stars["TIC"][:40].tolist()


def test_a_server_that_recovers_is_asked_until_it_answers(vizier, pauses):
    vizier.faults = [503, 503]
    assert len(fetch(vizier, pauses)) == 40
    assert pauses == [2.0, 4.0]


@pytest.mark.parametrize("fault", ["garbage", "cut", "torn", 429, 500])
def test_a_passing_fault_is_outlived(vizier, pauses, fault):
    vizier.faults = [fault]
    assert len(fetch(vizier, pauses)) == 40


@pytest.mark.parametrize(
    "fault, message",
    [
        (503, "answered 503 Service Unavailable, expected 200"),
        ("garbage", r"74 bytes '<!DOCTYPE html>'\.\.\., expected a whole VOTable"),
        ("cut", "expected a whole VOTable"),
        ("torn", "no answer, IncompleteRead"),
    ],
)
def test_a_lasting_fault_is_a_network_error_of_one_line(vizier, pauses, fault, message):
    vizier.faults = [fault] * 3
    with pytest.raises(NetworkError, match=message) as caught:
        fetch(vizier, pauses)
    assert "\n" not in str(caught.value)
    assert vizier.url in str(caught.value)
    assert len(vizier.queries) == 3


@pytest.mark.parametrize(
    "fault, message",
    [
        ("norows", r"IV/39/tic82 at http\S+ has no stars within 3 deg of 350.2000 -13.0000"),
        ("notable", "has no stars within 3 deg"),
        ("overflow", r"IV/39/tic82 cut off, truncated result \(maxtup=50\), expected all rows"),
        ("refused", "IV/39/tic82 refused, no such column"),
        ("nocolumn", "IV/39/tic82, columns Tmag missing"),
        (404, "refused the query, 404 Not Found"),
    ],
)
def test_an_answer_that_asking_again_cannot_better_ends_at_once(vizier, pauses, fault, message):
    vizier.faults = [fault] * (3 if fault == "refused" else 1)  # the disposition may be what is not understood
    with pytest.raises(CatalogError, match=message) as caught:
        fetch(vizier, pauses)
    assert not isinstance(caught.value, NetworkError)
    assert pauses == []


def test_a_server_that_knows_no_disposition_is_asked_without(vizier, pauses):
    vizier.faults = ["refused", "refused"]
    assert len(fetch(vizier, pauses)) == 40
    asked = [set(query["-out"].split(",")) & {"Disp", "m_TIC"} for query in vizier.queries]
    assert asked == [{"Disp", "m_TIC"}, {"Disp"}, set()]


def test_an_unknown_catalog_has_no_stars(vizier):
    with pytest.raises(CatalogError, match=r"IV/99/none at .* has no stars"):
        fetch(vizier, settings=dataclasses.replace(SETTINGS, vizier="IV/99/none"))


def test_a_slow_server_is_not_waited_for(vizier, pauses):
    vizier.faults = ["slow"] * 3
    with pytest.raises(NetworkError, match="no answer, timed out"):
        fetch(vizier, pauses, settings=dataclasses.replace(SETTINGS, timeout_s=0.1))


def test_a_closed_port_is_a_network_error(closed_port, pauses):
    with pytest.raises(NetworkError, match=r"no answer, .*Connection refused"):
        fetch(closed_port, pauses)
    assert len(pauses) == 2


def test_without_retries_the_first_fault_is_the_last(vizier, pauses):
    vizier.faults = [503]
    with pytest.raises(NetworkError, match="503"):
        fetch(vizier, pauses, settings=dataclasses.replace(SETTINGS, retries=0))
    assert pauses == []


def test_retries_are_logged(vizier, pauses, caplog):
    vizier.faults = [503]
    fetch(vizier, pauses)
    assert "answered 503 Service Unavailable, expected 200; try 2 of 3 in 2 s" in caplog.text


def test_the_source_of_a_fetched_catalog_is_vizier(vizier, tmp_path):
    assert load(vizier, tmp_path)[1] == f"IV/39/tic82 from {vizier.url}"


def test_a_kept_catalog_serves_the_next_night(vizier, tmp_path):
    first, _ = load(vizier, tmp_path / "catalogs")
    again, source = load(vizier, tmp_path / "catalogs")
    assert len(vizier.queries) == 1
    assert source.startswith(f"{tmp_path}/catalogs/{FIELD}_catalog.fits, kept since 20")
    assert all(np.array_equal(first[name], again[name], equal_nan=name[0] not in "TG") for name in VIZIER_COLUMNS)
    assert again["GAIA"].dtype == np.int64


def test_a_kept_catalog_serves_without_a_network(vizier, closed_port, tmp_path):
    load(vizier, tmp_path)
    assert len(load(closed_port, tmp_path)[0]) == 40


def chip_at(ra, dec=DEC):
    """The Lie of a chip of 2.3 deg, north up."""
    cd = 4.05 / 3600 * np.array([[-1.0, 0.0], [0.0, 1.0]])
    return lie_of_chip(Solution((ra, dec), (1023.5, 1023.5), cd), (2048, 2048))


def test_a_kept_catalog_that_covers_the_solved_chip_serves_whatever_the_cards_say(vizier, tmp_path):
    load(vizier, tmp_path)
    load(vizier, tmp_path, ra=RA + 1.0, lie=chip_at(RA + 0.2))
    assert len(vizier.queries) == 1


def test_a_kept_catalog_that_lacks_a_corner_of_the_solved_chip_is_fetched_again(vizier, tmp_path):
    load(vizier, tmp_path)
    load(vizier, tmp_path, lie=chip_at(RA + 0.4))
    assert len(vizier.queries) == 2


def test_cards_that_are_as_wrong_as_yesterday_find_the_kept_catalog(vizier, tmp_path):
    """The field was solved 0.34 deg from where its cards want it, which they do again."""
    cards = (RA + 0.34, DEC)
    asked = region_of((RA, DEC), SETTINGS, cards=cards)
    load_tic(FIELD, asked, SETTINGS, kept_folder=tmp_path, service=service_of(vizier))
    load(vizier, tmp_path, ra=cards[0])
    assert len(vizier.queries) == 1


def test_mirrors_are_asked_in_turn(vizier, closed_port, pauses):
    settings = dataclasses.replace(SETTINGS, mirrors=(closed_port, vizier.url))
    rows, server = fetch_tic(region_of((RA, DEC), settings), settings, Service(sleep=pauses.append))
    assert (len(rows), server, pauses) == (40, vizier.url, [])


def test_a_mirror_without_the_catalog_is_passed_over(vizier, stars, pauses):
    with LoopbackVizier(stars, catalog="IV/99/other") as poor:
        settings = dataclasses.replace(SETTINGS, mirrors=(poor.url, vizier.url))
        rows, _ = fetch_tic(region_of((RA, DEC), settings), settings, Service(sleep=pauses.append))
    assert (len(rows), pauses) == (40, [])


def test_only_mirrors_that_may_recover_are_asked_again(vizier, stars, pauses):
    vizier.faults = [503]
    with LoopbackVizier(stars, catalog="IV/99/other") as poor:
        settings = dataclasses.replace(SETTINGS, mirrors=(poor.url, vizier.url))
        rows, _ = fetch_tic(region_of((RA, DEC), settings), settings, Service(sleep=pauses.append))
        assert len(poor.queries) == 1
    assert (len(rows), pauses) == (40, [2.0])


def test_a_bare_host_is_asked_by_https():
    settings = dataclasses.replace(SETTINGS, mirrors=("vizier.example", "http://127.0.0.1:9/"))
    assert servers_of(settings) == ["https://vizier.example", "http://127.0.0.1:9"]


def test_a_kept_catalog_serves_a_pointing_a_little_off(vizier, tmp_path):
    load(vizier, tmp_path)
    load(vizier, tmp_path, ra=RA + 0.2)
    assert len(vizier.queries) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"ra": RA + 0.5},
        {"settings": dataclasses.replace(SETTINGS, box_deg=4.0)},
        {"settings": dataclasses.replace(SETTINGS, tmag_max=17.0)},
        {"targets": [4]},
    ],
)
def test_a_kept_catalog_that_lacks_something_is_fetched_again(vizier, tmp_path, change):
    load(vizier, tmp_path)
    before = len(vizier.queries)
    source = load(vizier, tmp_path, **change)[1]
    assert len(vizier.queries) > before
    assert source == f"IV/39/tic82 from {vizier.url}"


def test_a_kept_catalog_of_another_source_is_fetched_again(stars, vizier, tmp_path):
    load(vizier, tmp_path)
    vizier.catalog = "IV/38/tic"
    rows, source = load(vizier, tmp_path, settings=dataclasses.replace(SETTINGS, vizier="IV/38/tic"))
    assert source.startswith("IV/38/tic from")
    assert len(rows) == 40


def test_a_target_that_is_in_no_catalog_is_asked_for_once(vizier, tmp_path):
    load(vizier, tmp_path, targets=[4])
    before = len(vizier.queries)
    load(vizier, tmp_path, targets=[4])
    assert len(vizier.queries) == before


def test_a_kept_catalog_a_little_off_is_better_than_none(vizier, closed_port, tmp_path):
    load(vizier, tmp_path)
    rows, source = load(closed_port, tmp_path, ra=RA + 1.0)
    assert len(rows) == 40
    assert "kept since" in source
    assert "within 3 deg of 350.2000 -13.0000; http" in source
    assert "Connection refused" in source


def test_a_kept_catalog_of_another_part_of_the_sky_is_not_used(vizier, closed_port, tmp_path):
    load(vizier, tmp_path)
    with pytest.raises(NetworkError, match="Connection refused"):
        load(closed_port, tmp_path, ra=RA + 10.0)


def test_without_network_and_kept_catalog_there_is_none(closed_port, tmp_path):
    with pytest.raises(NetworkError, match=r"viz-bin/votable: no answer, .*Connection refused"):
        load(closed_port, tmp_path)


def damage_by_cutting(path):
    path.write_bytes(path.read_bytes()[:-3000])


def damage_by_one_bit(path):
    content = bytearray(path.read_bytes())
    content[-2880] ^= 1
    path.write_bytes(content)


def damage_by_emptying(path):
    path.write_bytes(b"")


def damage_by_text(path):
    path.write_text("not a table\n")


def damage_by_another_table(path):
    Table({"a": [1, 2]}).write(path, format="fits", overwrite=True)


def damage_by_an_image(path):
    fits.PrimaryHDU(np.zeros((4, 4))).writeto(path, overwrite=True)


DAMAGES = [
    damage_by_cutting,
    damage_by_one_bit,
    damage_by_emptying,
    damage_by_text,
    damage_by_another_table,
    damage_by_an_image,
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_kept_catalog_is_set_aside_and_fetched_again(vizier, tmp_path, damage):
    load(vizier, tmp_path)
    kept = tmp_path / f"{FIELD}_catalog.fits"
    damage(kept)
    rows, source = load(vizier, tmp_path)
    assert len(rows) == 40
    assert f"{kept}: not a sound kept catalog" in source
    assert "\n" not in source
    assert (tmp_path / f"{FIELD}_catalog.fits.damaged").exists()
    assert load(vizier, tmp_path)[1].startswith(f"{kept}, kept since")


def test_a_damaged_kept_catalog_without_network_is_told(vizier, closed_port, tmp_path):
    load(vizier, tmp_path)
    damage_by_cutting(tmp_path / f"{FIELD}_catalog.fits")
    with pytest.raises(NetworkError, match=r"Connection refused; .*not a sound kept catalog .* set aside"):
        load(closed_port, tmp_path)


def test_a_catalog_that_cannot_be_kept_is_not_lost(vizier, tmp_path):
    (tmp_path / "file").write_text("where the folder should be")
    rows, source = load(vizier, tmp_path / "file" / "catalogs")
    assert len(rows) == 40
    assert "folder not made" in source


def test_a_failed_query_keeps_nothing(closed_port, tmp_path):
    with pytest.raises(NetworkError):
        load(closed_port, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_one_file_a_field_is_kept_and_nothing_else(vizier, tmp_path):
    load(vizier, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [f"{FIELD}_catalog.fits"]
