"""Nights brought into a season: in any order, again, without those that are gone, whatever stops it."""

import dataclasses
import errno
import hashlib
import json
import os
import resource
import shutil
import signal
import zipfile

import numpy as np
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from season.conftest import FIELD, damage_page, made_on_disk
from season.made_season import Habits, make_night, write_night
from table_sums import renew_sums

from ngcmos.astrometry.known import no_known
from ngcmos.errors import WorkError, WriteError
from ngcmos.season.archive import read_rows
from ngcmos.season.build import bring_in
from ngcmos.season.known import KnownStars
from ngcmos.season.read import FRAME_COLUMNS
from ngcmos.season.season import fit_season
from ngcmos.season.source import Source
from ngcmos.season.summary import read_for_scale, read_summary, write_summary


def content(folder):
    """{file: hash} of a season."""
    files = (path for path in folder.path.rglob("[!.]*") if path.is_file())
    return {str(path.relative_to(folder.path)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def curves(folder, night):
    return pq.read_table(folder.curves(night)).to_pandas()


def test_every_night_has_its_file(disk):
    changes, season = disk.bring_in()
    assert changes.brought == sorted(disk.sources) == disk.folder.nights()
    assert [one.name for one in season.summaries] == sorted(disk.sources)
    assert len(curves(disk.folder, "20240701")) == 12 * 40


def test_again_nothing_is_done(built):
    before = content(built.folder)
    changes, _ = built.bring_in()
    assert not changes.any and content(built.folder) == before


def test_memory_of_what_was_seen_may_be_lost_or_damaged(built):
    before = content(built.folder)
    (built.folder.path / ".seen.json").write_text("[1")
    changes, _ = built.bring_in()
    assert not changes.any and content(built.folder) == before


def test_nights_in_any_order_give_the_same_files(built):
    at_once = content(built.folder)
    shutil.rmtree(built.folder.path)
    built.folder.make()
    names = [sorted(built.sources)[at] for at in (2, 0, 3, 1)]
    for count in range(1, len(names) + 1):
        built.bring_in(*names[:count])
    assert content(built.folder) == at_once


def test_night_that_is_gone_is_removed_as_if_it_had_never_been(disk):
    three = sorted(disk.sources)[:3]
    disk.bring_in(*three)
    without = content(disk.folder)
    disk.bring_in()
    changes, _ = disk.bring_in(*three)
    assert changes.removed == ["20240704"] and content(disk.folder) == without


def test_changed_table_is_brought_in_again(built):
    night = make_night(np.random.default_rng(77), built.sky, 1, frames=9, habits=Habits(radii=(3.0, 4.0)))
    built.add(night)
    changes, _ = built.bring_in()
    assert changes.brought == ["20240702"]
    assert len(curves(built.folder, "20240702")) == 9 * 40
    after = content(built.folder)
    built.bring_in(overwrite=True)
    assert content(built.folder) == after


def stopped_files(folder):
    """Files that a run writes, in its order: what a kill at any instant leaves are the first so many of them."""
    names = folder.nights()
    return [folder.summary(name) for name in names] + [
        path for name in names for path in (folder.curves(name), folder.bins(name))
    ]


@pytest.mark.parametrize("left", [0, 1, 3, 4, 5, 6, 9])
def test_stopped_after_any_file_the_next_run_makes_it_whole(built, left):
    whole = content(built.folder)
    for path in stopped_files(built.folder)[left:]:
        path.unlink()
    built.bring_in()
    assert content(built.folder) == whole


@pytest.mark.parametrize("kind", ["summary", "curves", "bins"])
def test_damaged_file_of_the_season_is_made_anew(built, kind):
    whole = content(built.folder)
    path = getattr(built.folder, kind)("20240702")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    built.bring_in()
    assert content(built.folder) == whole


def test_damaged_byte_of_a_solution_is_found(built):
    whole = content(built.folder)
    path = built.folder.summary("20240702")
    written = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        largest = max(archive.infolist(), key=lambda one: one.file_size)
    written[largest.header_offset + largest.file_size // 2] ^= 255
    path.write_bytes(written)
    built.bring_in()
    assert content(built.folder) == whole


@pytest.mark.parametrize("kind", ["curves", "bins"])
def test_damaged_byte_of_light_curves_is_found_and_said(built, kind, caplog):
    whole = content(built.folder)
    built.bring_in()
    path = getattr(built.folder, kind)("20240702")
    damage_page(path, "tic_id")
    changes, _ = built.bring_in()
    assert changes.rewritten == ["20240702"] and content(built.folder) == whole
    assert f"{path}: missing or damaged" in caplog.text


def test_damaged_byte_in_the_table_of_a_night_that_stands_is_told(built):
    whole = content(built.folder)
    built.bring_in()
    table = built.table("20240702")
    written = bytearray(table.read_bytes())
    written[40_000] ^= 1
    table.write_bytes(written)
    for _ in range(2):
        changes, _ = built.bring_in()
        assert "rows of" in changes.refused["20240702"] and content(built.folder) == whole
    written[40_000] ^= 1
    table.write_bytes(written)
    changes, _ = built.bring_in()
    assert not changes.refused and content(built.folder) == whole


def test_damaged_solution_whose_table_is_damaged_too_costs_its_night_alone(built):
    for path in (built.table("20240702"), built.folder.summary("20240702")):
        path.write_bytes(path.read_bytes()[:1000])
    changes, season = built.bring_in()
    assert list(changes.refused) == ["20240702"] and season.names == ["20240701", "20240703", "20240704"]


def test_night_solved_by_other_code_stays_and_is_told(built):
    path = built.folder.summary("20240702")
    summary = read_summary(path)
    other = json.dumps(json.loads(summary.made_of) | {"code": "another"})
    write_summary(path, dataclasses.replace(summary, made_of=other))
    (built.folder.path / ".seen.json").unlink()
    changes, _ = built.bring_in()
    assert changes.stale == ["20240702"] and not changes.brought
    changes, _ = built.bring_in(overwrite=True)
    assert not changes.stale and len(changes.brought) == 4


def test_night_of_other_settings_is_solved_anew(built):
    telescope = dataclasses.replace(built.camera.telescope, aperture_m=0.3)
    camera = dataclasses.replace(built.camera, telescope=telescope, checksum="another")
    built.sources["20240702"] = dataclasses.replace(built.sources["20240702"], camera=camera)
    changes, _ = built.bring_in()
    assert changes.brought == ["20240702"]


def test_night_with_a_damaged_table_stays_as_it_was_and_is_told(built):
    whole = content(built.folder)
    table = built.table("20240703")
    table.write_bytes(table.read_bytes()[:10_000])
    changes, season = built.bring_in()
    assert list(changes.refused) == ["20240703"] and "20240703" in changes.refused["20240703"]
    assert len(season.summaries) == 4 and content(built.folder) == whole


def test_new_night_with_a_damaged_table_is_left_out_and_told(disk):
    disk.table("20240703").write_bytes(b"SIMPLE")
    changes, season = disk.bring_in()
    assert list(changes.refused) == ["20240703"]
    assert disk.folder.nights() == ["20240701", "20240702", "20240704"] and len(season.summaries) == 3


def test_night_of_other_apertures_is_left_out_and_told(disk):
    disk.add(
        make_night(np.random.default_rng(8), disk.sky, 9, frames=5, habits=Habits(radii=(7.0,))), name="20240620"
    )
    changes, season = disk.bring_in()
    assert "apertures" in changes.refused["20240620"] and len(season.summaries) == 4


def test_night_of_some_of_the_apertures_is_welcome(disk):
    disk.add(make_night(np.random.default_rng(8), disk.sky, 9, frames=5, habits=Habits(radii=(4.0, 9.0))))
    changes, season = disk.bring_in()
    assert not changes.refused and season.fits["ngts_cmos"].radii == (4.0,)


def test_night_of_another_star_list_is_welcome(disk, tmp_path):
    fewer = made_on_disk(tmp_path / "fewer", nights=1, stars=25)
    write_night(disk.base, FIELD, fewer.sky, fewer.nights[0], name="20240720")
    disk.sources["20240720"] = Source("20240720", disk.base / "20240720", disk.camera)
    changes, season = disk.bring_in()
    assert not changes.refused
    assert len(season.fits["ngts_cmos"].stars) == 40 and len(curves(disk.folder, "20240720")) == 12 * 25


def test_night_without_a_star_of_the_others_is_told(disk, tmp_path, caplog):
    other = made_on_disk(tmp_path / "other", nights=1, stars=8)
    ids = {"tic_id": 10**6, "gaia_id": 10**9}
    with fits.open(other.table("20240701"), mode="update") as units:
        for name in ("PHOT", "STARS"):
            for column, more in ids.items():
                units[name].data[column] += more
        renew_sums(units)
    shutil.copytree(other.base / "20240701", disk.base / "20240720")
    disk.know(disk.base / "20240720")
    _, season = disk.bring_in()
    assert "no star in common with the other nights, they are on a scale of their own: 20240720" in caplog.text
    assert len(season.names) == 5


def test_night_without_light_is_told(disk, caplog):
    night = dataclasses.replace(disk.nights[1], flux=np.full_like(disk.nights[1].flux, np.nan))
    disk.add(night, name="20240702")
    changes, _ = disk.bring_in()
    assert "20240702 has no star whose frames can be compared" in caplog.text and not changes.refused


def test_night_without_times_is_refused_and_frames_without_are_in_no_bin(disk):
    for name, frames in (("20240702", slice(None)), ("20240703", slice(0, 5))):
        with fits.open(disk.table(name), mode="update") as units:
            units["FRAMES"].data["jd_mid"][frames] = np.nan
            units["PHOT"].data["jd_bary"].reshape(12, 40)[frames] = np.nan
            renew_sums(units)
    changes, _ = disk.bring_in()
    assert "no frame has a time" in changes.refused["20240702"] and len(changes.refused) == 1
    assert np.isfinite(read_rows(disk.folder.bins("20240703"))["bjd_tdb"].to_numpy()).all()
    assert len(curves(disk.folder, "20240703")) == 12 * 40


def test_no_night_at_all_is_told(disk):
    with pytest.raises(WorkError, match="no night"):
        bring_in(disk.folder, {})


def test_large_season_keeps_its_nights_where_they_hardly_move(disk):
    """Beyond some size earlier nights are not written with each new one, and move by less than their errors."""
    names = sorted(disk.sources)
    disk.bring_in(*names[:3], exact_points=0)
    before = {name: curves(disk.folder, name) for name in names[:3]}
    changes, _ = disk.bring_in(exact_points=0)
    kept = [name for name in names[:3] if name not in changes.rewritten]
    at_last = {name: curves(disk.folder, name) for name in names}
    disk.bring_in(overwrite=True)
    for name in names:
        exact = curves(disk.folder, name)
        away = np.abs(at_last[name].relative_flux - exact.relative_flux) / exact.relative_flux_err
        moved = (away > 0.1).groupby(exact.gaia_id).any()
        assert moved.mean() <= (0.05 if name in kept else 0)
    assert all(before[name].equals(at_last[name]) for name in kept)


def test_season_that_drifts_is_written_anew(disk):
    names = sorted(disk.sources)
    disk.bring_in(names[0], exact_points=0)
    changes, _ = disk.bring_in(*names[:2], exact_points=0)
    assert changes.rewritten == [names[0]]  # the mean of two nights is another than that of one


@pytest.mark.parametrize("number", [0, 2, 5, 9])
def test_disk_that_is_full_is_told_and_the_season_stays_whole(disk, whole, monkeypatch, number):
    """From some file on there is no room: what is written by then is whole, the next run does the rest."""
    real, calls = os.fsync, []

    def full(descriptor):
        calls.append(descriptor)
        if len(calls) > number:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WriteError, match="No space left on device"):
        disk.bring_in()
    monkeypatch.setattr(os, "fsync", real)
    for path in disk.folder.path.rglob("[!.]*.parquet"):
        read_rows(path)
    disk.bring_in()
    assert content(disk.folder) == content(whole.folder)


def test_disk_that_is_full_amid_a_file_is_told_and_the_earlier_file_stays(built):
    """The kernel itself refuses what is longer than the first pages of the light curves."""
    before = content(built.folder)
    limits, heard = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(WriteError):
            built.bring_in(overwrite=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, heard)
    assert content(built.folder) == before
    built.bring_in(overwrite=True)
    assert content(built.folder) == before


def test_night_whose_folder_is_renamed_changes_its_place(built):
    before = content(built.folder)
    first = min(built.sources)
    (built.base / first).rename(built.base / "20301231")
    del built.sources[first]
    built.know(built.base / "20301231")
    changes, _ = built.bring_in()
    assert changes.removed == [first] and changes.brought == ["20301231"]
    assert not built.folder.curves(first).exists() and built.folder.curves("20301231").is_file()
    (built.base / "20301231").rename(built.base / first)
    del built.sources["20301231"]
    built.know(built.base / first)
    built.bring_in()
    assert content(built.folder) == before


def test_what_stands_is_not_solved_again(built, monkeypatch):
    built.bring_in()
    solved = []
    monkeypatch.setattr("ngcmos.season.season.fit_season", lambda *given: solved.append(given))
    changes, season = built.bring_in()
    assert not changes.any and not solved and season.names == sorted(built.sources)


@pytest.mark.parametrize("kind", ["curves", "bins"])
def test_light_curves_that_were_removed_or_damaged_are_written_again(built, kind):
    whole = content(built.folder)
    built.bring_in()
    getattr(built.folder, kind)("20240702").unlink()
    getattr(built.folder, kind)("20240703").write_bytes(b"PAR1")
    changes, _ = built.bring_in()
    assert changes.rewritten == ["20240702", "20240703"] and content(built.folder) == whole


def test_stars_that_became_known_put_all_nights_on_another_scale(built):
    built.bring_in()
    before = content(built.folder)
    table = no_known()
    for star in range(20):
        table.add_row()
        table["tic_id"][-1], table["kind"][-1] = 1000 + star, "VAR"
    known = KnownStars(table)
    for name, source in built.sources.items():
        built.sources[name] = dataclasses.replace(source, known=known)
    changes, _ = built.bring_in()
    assert changes.any and content(built.folder) != before


def test_memory_of_the_scale_may_be_lost_or_damaged(built):
    before = content(built.folder)
    (built.folder.path / ".settled").write_bytes(b"\xff")
    changes, _ = built.bring_in()
    assert not changes.any and content(built.folder) == before
    assert "light_curves/20240703.parquet" in json.loads((built.folder.path / ".settled").read_text())


def test_scale_solved_by_other_code_is_solved_again(built, monkeypatch):
    built.bring_in()
    monkeypatch.setattr("ngcmos.season.season.code_of", lambda *rooms: "another")
    solved = []
    monkeypatch.setattr("ngcmos.season.season.fit_season", lambda *given: solved.append(1) or fit_season(*given))
    built.bring_in()
    assert solved


def test_solution_of_a_night_keeps_no_room_for_texts(whole):
    """Names, reasons and what is kept beside take 840 bytes a frame where they may be as long as can be."""
    path = whole.folder.summary("20240702")
    with np.load(path) as kept:
        assert kept["frames"].dtype.itemsize < 200
    frames = read_summary(path).frames
    assert frames.dtype == FRAME_COLUMNS
    assert frames["frame_id"][3].decode() == f"{FIELD}-20240702000000003.fits"


def test_for_the_scale_nothing_of_the_frames_but_their_times_is_kept(whole):
    path = whole.folder.summary("20240702")
    lean, full = read_for_scale(path), read_summary(path)
    assert lean.share.shape == (2, 12, 0) and lean.covariance.size == 0
    np.testing.assert_array_equal(lean.frames["jd_mid"], full.frames["jd_mid"])
    np.testing.assert_array_equal(lean.level, full.level)


def test_night_solved_by_other_code_is_put_on_a_new_scale(built):
    path = built.folder.summary("20240702")
    summary = read_summary(path)
    write_summary(
        path, dataclasses.replace(summary, made_of=json.dumps(json.loads(summary.made_of) | {"code": "x"}))
    )
    built.folder.curves("20240702").unlink()
    changes, _ = built.bring_in()
    assert not changes.refused and changes.rewritten == ["20240702"] and built.folder.curves("20240702").exists()
