"""Everything that can be wrong with a night: each gets one line that says what, and the rest is measured."""

import contextlib
import dataclasses
import os
import re
import shutil
import sqlite3
import types

import numpy as np
import pytest
from astropy.table import Table
from loopback_vizier import LoopbackVizier
from running import night_options, raw_checksums, run_script, run_stage

from ngcmos.config import load_camera, load_config
from ngcmos.errors import WriteError
from ngcmos.night.folder import open_night
from ngcmos.simulate.compare import compare_night
from ngcmos.simulate.night import simulate_night
from ngcmos.stages import create_flats, process_cmos, simple_wrapper
from ngcmos.tables.table import read_frames

REASONS = {
    "empty-file": "empty, expected a FITS file",
    "truncated-header": "header truncated or unreadable",
    "header-only": "truncated or still being written, holds 0 bytes of pixels, expected 524288",
    "truncated-data": r"truncated or still being written, holds \d+ bytes of pixels, expected 524288",
    "not-fits": "not FITS, begins with",
    "no-date-obs": "no DATE-OBS in the header, expected UTC as",
    "bad-date-obs": "DATE-OBS is '.*', expected UTC as",
    "no-exptime": "no EXPTIME in the header, expected a number",
    "nan-exptime": "EXPTIME is not readable, expected a number|EXPTIME is 'NaN', expected a finite number",
    "negative-exptime": "EXPTIME is -10 s, expected more than 0",
    "wrong-shape": "512x256 px, expected 512x512",
    "duplicate-time": "DATE-OBS .* (that of .*, expected a time of its own|s from the time in its name)",
    "starless": "hardly any stars – cloud or dome closed: .*too few sources|too few stars",
    "constant": "not solved: ",
    "wrong-readmode": "READMODE is 'STANDARD', expected one with 'HDR'",
    "other-sky": "not solved: .*no match within 2 deg of the pointing",
    "jump-120": "too far off by its plate solution: .* px, expected at most 50",
    "table-only": "no image in any of its 2 units, expected a 2-D image",
    "directory": "not a file, expected a FITS file",
    "nan-image": "has pixels that are not numbers, expected raw counts",
}


@pytest.fixture(scope="module")
def bad_night(tmp_path_factory):
    """A night with every fault the simulator knows among its good frames, after the chain."""
    base = tmp_path_factory.mktemp("bad") / "base"
    simulated = simulate_night(base, load_camera(), size=512, frames=10, seed=11, faults=["all"])
    before = raw_checksums(base)
    skipped = ["--skip=QC_control", "--skip=noise_model", "--skip=season"]
    run_script("run_night", *night_options(base), *skipped)
    said = (simulated.folder / "ngcmos.log").read_text()
    return types.SimpleNamespace(
        base=base, folder=simulated.folder, truth=simulated.truths[0], before=before, said=said
    )


def test_every_unmeasurable_fault_has_its_reason(bad_night):
    """The table above must not miss a fault that the simulator learns."""
    frames = bad_night.truth.frames
    assert {row["fault"] for row in frames if row["fault"] and not row["measurable"]} == set(REASONS)


@pytest.mark.parametrize("fault", REASONS)
def test_bad_frame_is_refused_in_one_line(bad_night, fault):
    frames = bad_night.truth.frames
    name = frames["file"][frames["fault"] == fault][0]
    lines = [line for line in bad_night.said.splitlines() if name in line and re.search(REASONS[fault], line)]
    assert lines, [line for line in bad_night.said.splitlines() if name in line]


def test_no_traceback(bad_night):
    assert "Traceback" not in bad_night.said
    assert "bug" not in bad_night.said


def test_all_that_can_be_measured_is_measured(bad_night):
    frames = bad_night.truth.frames
    measured = set(read_frames(bad_night.folder / f"phot_{bad_night.truth.field}.fits")["frame_id"])
    assert measured == set(frames["file"][frames["measurable"]])


def test_numbers_of_the_good_frames_are_as_good_as_ever(bad_night):
    [(_, comparison)] = compare_night(bad_night.base)
    assert comparison.failed == []


def test_nothing_raw_is_lost_or_changed(bad_night):
    assert raw_checksums(bad_night.base) == bad_night.before


def test_frames_on_disk_are_measured_or_refused(bad_night):
    asked = "SELECT frame, group_concat(verdict) FROM verdicts WHERE stage != 'shifts' GROUP BY frame"
    with contextlib.closing(sqlite3.connect(bad_night.folder / "ngcmos.db")) as ledger:
        told = dict(ledger.execute(asked))
    for row in bad_night.truth.frames:
        wanted = "done" if row["measurable"] else "refused"
        assert wanted in told[row["file"]], row["file"]


def test_object_of_another_field_is_said(bad_night):
    frames = bad_night.truth.frames
    name = frames["file"][frames["fault"] == "other-object"][0]
    assert re.search(
        rf"{name}: OBJECT is .*, expected one that begins with {bad_night.truth.field}", bad_night.said
    )


def test_frames_set_aside_come_back(bad_night, tmp_path):
    base = tmp_path / "base"
    shutil.copytree(bad_night.base, base)
    folder = base / "nights" / "20240705"
    aside = [path.name for name in ("no_wcs", "failed_donuts") for path in (folder / name).iterdir()]
    assert aside
    run_script("check_cmos", *night_options(base), "--restore")
    assert all((folder / name).exists() for name in aside)
    assert raw_checksums(base) == bad_night.before


def test_dry_run_moves_nothing(bad_night, tmp_path):
    base = tmp_path / "base"
    shutil.copytree(bad_night.base, base)
    run_script("check_cmos", *night_options(base), "--restore")
    before = sorted(path.name for path in (base / "nights" / "20240705").iterdir())
    said = run_script("check_cmos", *night_options(base), "--dry-run").stderr
    assert "would go to no_wcs/" in said
    assert "would go to failed_donuts/" in said
    assert sorted(path.name for path in (base / "nights" / "20240705").iterdir()) == before


# the night as a whole: catalogs, masters, folders


@pytest.fixture(scope="module")
def raw_night(tmp_path_factory):
    """A small raw night, its catalog left out of the profile, so that it is looked for on the network."""
    base = tmp_path_factory.mktemp("raw") / "base"
    simulated = simulate_night(base, load_camera(), size=384, frames=3, seed=13)
    profile = base / "camera.toml"
    profile.write_text(re.sub(r"local = \[.*\]", "local = []", profile.read_text()))
    return types.SimpleNamespace(base=base, truth=simulated.truths[0])


@pytest.fixture
def fresh(raw_night, tmp_path):
    """A copy of it: base, folder, config and an open night."""
    base = tmp_path / "base"
    shutil.copytree(raw_night.base, base)
    config = load_config(camera=str(base / "camera.toml"), config=base / "directories.json")
    quick = dataclasses.replace(config.camera.catalog, retries=1, timeout_s=0.5)
    config = dataclasses.replace(config, camera=dataclasses.replace(config.camera, catalog=quick))
    folder = base / "nights" / "20240705"
    return types.SimpleNamespace(base=base, folder=folder, config=config, night=open_night(config, folder))


@pytest.fixture
def vizier(raw_night):
    with LoopbackVizier(Table.read(raw_night.base / "tic.fits")) as server:
        yield server


def solve(fresh, server, **options):
    """Outcome of simple_wrapper against a server, without pauses between tries."""
    return run_stage(
        simple_wrapper, fresh.config, fresh.night, server=server, sleep=lambda seconds: None, quiet=True, **options
    )


def test_catalog_from_vizier(fresh, vizier):
    outcome = solve(fresh, vizier.url)
    assert (outcome.exit_code, len(outcome.done)) == (0, 3)
    assert len(vizier.queries) == 1


def test_vizier_that_stumbles_once(fresh, vizier):
    vizier.faults = [503]
    assert solve(fresh, vizier.url).exit_code == 0


@pytest.mark.parametrize("fault", [503, "slow", "garbage"])
def test_vizier_that_does_not_answer(fresh, vizier, fault):
    vizier.faults = [fault] * 2
    outcome = solve(fresh, vizier.url)
    assert outcome.exit_code == 1
    assert "127.0.0.1" in outcome.troubles[0]
    assert raw_checksums(fresh.base)


def test_empty_vizier(fresh, vizier):
    vizier.faults = ["norows"] * 2  # around the cards, and further off
    assert re.search("IV/39/tic82 .*has no stars", solve(fresh, vizier.url).troubles[0])


def test_kept_catalog_serves_while_the_network_is_down(fresh, vizier):
    solve(fresh, vizier.url, only="catalog")
    for path in fresh.folder.glob("*_catalog*"):
        path.unlink()
    assert solve(fresh, "http://127.0.0.1:9").exit_code == 0


def test_no_network_and_no_kept_catalog(fresh):
    outcome = solve(fresh, "http://127.0.0.1:9")
    assert outcome.exit_code == 1
    assert "no answer" in outcome.troubles[0]


def test_damaged_catalog_of_the_night_is_made_anew(fresh, vizier):
    solve(fresh, vizier.url, only="catalog")
    path = next(fresh.folder.glob("*_catalog.fits"))
    path.write_bytes(path.read_bytes()[:3000])
    assert solve(fresh, vizier.url).exit_code == 0
    assert len(Table.read(path)) > 100
    assert path.with_name(path.name + ".old1").stat().st_size == 3000


def test_catalog_with_one_wrong_bit_is_made_anew(fresh, vizier, caplog):
    """A star a little off its place would be measured there without a word."""
    solve(fresh, vizier.url)
    [path] = fresh.folder.glob("*_catalog_input.fits")
    good = Table.read(path)
    content = bytearray(path.read_bytes())
    content[-2880 * 3] ^= 1
    path.write_bytes(bytes(content))
    assert solve(fresh, vizier.url).exit_code == 0
    assert "Checksum verification failed" in caplog.text
    assert Table.read(path).pformat(max_lines=-1) == good.pformat(max_lines=-1)


def test_catalog_is_the_same_file_whenever_it_is_made(fresh, vizier):
    solve(fresh, vizier.url)
    [path] = fresh.folder.glob("*_catalog_input.fits")
    first = path.read_bytes()
    path.unlink()
    solve(fresh, vizier.url)
    assert path.read_bytes() == first


def test_solving_alone_needs_a_catalog(fresh):
    outcome = solve(fresh, "http://127.0.0.1:9", only="solve")
    assert "no such catalog, expected that of simple_wrapper" in outcome.troubles[0]


def test_no_masters_and_nothing_to_make_them_of(fresh):
    shutil.rmtree(fresh.base / "calibration")
    said = run_script("process_cmos", *night_options(fresh.base), code=1).stderr
    assert re.search(r"calibration.*bias\*\.fits", said)


def test_flats_from_a_fresh_tree(fresh):
    outcome = run_stage(create_flats, fresh.config, fresh.night)
    assert (outcome.exit_code, [path.name for path in outcome.products]) == (0, ["master_flat.fits"])


def test_night_without_flats_fails_only_where_no_older_flat_serves(fresh):
    run_stage(create_flats, fresh.config, fresh.night)
    older = fresh.folder / "master_flat.fits"
    older.rename(fresh.base / "out" / "master_flat.fits")
    for path in fresh.folder.glob("*flat*"):
        path.unlink()
    assert run_stage(create_flats, fresh.config, fresh.night).exit_code == 0
    (fresh.base / "out" / "master_flat.fits").unlink()
    outcome = run_stage(create_flats, fresh.config, fresh.night)
    assert outcome.exit_code == 1
    assert "expected at least" in outcome.troubles[0]


def test_night_without_any_solution_is_left_alone(fresh):
    said = run_script("check_cmos", *night_options(fresh.base), code=1).stderr
    assert "has a plate solution, nothing moved: run simple_wrapper first" in said
    assert not (fresh.folder / "no_wcs").exists()


def test_photometry_before_the_solution_says_what_to_run(fresh):
    said = run_script("process_cmos", *night_options(fresh.base), code=1).stderr
    assert "run simple_wrapper first" in said


def test_full_disk_stops_the_stage_with_the_older_files_whole(fresh, vizier, monkeypatch):
    solve(fresh, vizier.url)
    before = raw_checksums(fresh.base)
    real = os.fsync

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WriteError, match=r"phot_.*: not written, No space left on device"):
        run_stage(process_cmos, fresh.config, fresh.night, quiet=True)
    monkeypatch.setattr(os, "fsync", real)
    assert raw_checksums(fresh.base) == before
    assert not list(fresh.folder.glob(".*.part"))
    assert run_stage(process_cmos, fresh.config, fresh.night, quiet=True).exit_code == 0


def test_star_off_the_chip_is_a_row_of_nan(fresh, vizier):
    solve(fresh, vizier.url)
    run_stage(process_cmos, fresh.config, fresh.night, quiet=True)
    rows = Table.read(next(fresh.folder.glob("phot_*.fits")), hdu="PHOT", mask_invalid=False)
    off = (rows["flags"] & 64) != 0
    assert off.any()
    assert np.isnan(rows["flux_3"][off]).all()
    assert not np.isnan(rows["jd_bary"][off]).any()
