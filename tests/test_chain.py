"""A simulated night of two fields through the chain, as cron would run it, compared with its truth."""

import contextlib
import dataclasses
import json
import os
import shutil
import sqlite3
import types

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from running import STAGES, night_options, raw_checksums, run_chain, run_script, run_stage
from torture import lay_out

from ngcmos.config import Photometry, load_camera, load_config
from ngcmos.errors import WriteError
from ngcmos.names import Record
from ngcmos.night.folder import open_night
from ngcmos.night.ledger import read_ledger
from ngcmos.photometry.apertures import Exposure, measure
from ngcmos.simulate.compare import compare_night
from ngcmos.simulate.night import simulate_night
from ngcmos.stages import process_cmos, relative_photometry
from ngcmos.tables.table import check_table, read_frames, read_star, read_stars


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """A simulated night after run_night, and as it was before; `before` holds the checksums of its raw data."""
    folder = tmp_path_factory.mktemp("chain")
    raw, base = folder / "raw", folder / "base"
    simulated = simulate_night(raw, load_camera(), size=512, frames=12, fields=2, seed=7)
    lay_out(raw, base)
    run_script("run_night", *night_options(base), "--workers", 2)
    return types.SimpleNamespace(
        raw=raw,
        base=base,
        folder=base / "nights" / "20240705",
        catalog_file=simulated.catalog_file,
        truths=simulated.truths,
        before=raw_checksums(raw),
    )


@pytest.fixture(scope="module")
def compared(night):
    """{field: Comparison with the truth}."""
    return {comparison.field: comparison for _, comparison in compare_night(night.base)}


def tables(night):
    """Paths of the photometry tables."""
    return sorted(night.folder.glob("phot_*.fits"))


def test_every_field_has_its_table(night):
    assert [path.name for path in tables(night)] == sorted(f"phot_{truth.field}.fits" for truth in night.truths)


def test_all_frames_are_measured_and_every_number_is_within_its_limit(compared):
    assert {field: comparison.failed for field, comparison in compared.items()} == {
        field: [] for field in compared
    }


def test_the_numbers_were_really_compared(compared):
    """A field of this size may have too few bright stars for a flux scale, but not both."""
    assert any(np.isfinite(list(comparison.numbers.values())).all() for comparison in compared.values())
    assert all(len(comparison.scatter) >= 4 for comparison in compared.values())


def test_no_pixel_of_a_raw_frame_changed(night):
    assert raw_checksums(night.base) == night.before


def test_products_of_the_contract(night):
    found = {path.name for path in night.folder.iterdir()} | {
        path.name for path in (night.folder.parent / "shifts_plots").iterdir()
    }
    for truth in night.truths:
        field = truth.field
        wanted = [
            f"{field}_catalog.fits",
            f"{field}_catalog_input.fits",
            f"{field}_master.reg",
            f"{field}_input.reg",
        ]
        wanted += [
            f"donuts_{field}_20240705.json",
            f"donuts_{field}_20240705.pdf",
            f"control_{field}_20240705.mp4",
        ]
        assert set(wanted) <= found
    assert {"master_flat.fits", "ngcmos.log", "ngcmos.db"} <= found
    assert not [name for name in found if name.endswith(".part")]


def test_blended_target_is_measured_and_flagged(night):
    truth = night.truths[-1]
    assert truth.stars["blended"][truth.star(truth.target)]
    stars = read_stars(night.folder / f"phot_{truth.field}.fits")
    row = stars[stars["tic_id"] == truth.target]
    assert (len(row), bool(row["target"][0]), bool(row["blended"][0])) == (1, True, True)


def test_stars_without_gaia_id_or_proper_motion_are_measured(night):
    stars = read_stars(tables(night)[0])
    assert np.count_nonzero(stars["gaia_id"] == 0) > 0
    assert np.count_nonzero((stars["pmra"] == 0) & (stars["pmdec"] == 0)) > 0


def test_ids_keep_all_their_digits(night):
    raw = Table.read(night.catalog_file)
    gaia = {int(tic): int(gaia) for tic, gaia in zip(raw["TIC"], raw["GAIA"].filled(0), strict=True)}
    rows = Table.read(tables(night)[0], hdu="PHOT")
    n = check_table(tables(night)[0])["NSTARS"]
    assert {rows[name].dtype.kind + str(rows[name].dtype.itemsize) for name in ("gaia_id", "tic_id")} == {"i8"}
    assert [gaia[tic] for tic in rows["tic_id"][:n].tolist()] == rows["gaia_id"][:n].tolist()


def test_columns_of_the_contract_in_their_order(night):
    names = fits.getheader(tables(night)[0], "PHOT")
    names = [names[f"TTYPE{i + 1}"] for i in range(names["TFIELDS"])]
    apertures = [
        f"{name}_{radius}"
        for radius in (2, 3, 4, 5, 6)
        for name in ("flux", "fluxerr", "flux_w_sky", "fluxerr_w_sky", "max_pixel_value")
    ]
    old = ["frame_id", "gaia_id", "Tmag", "jd_mid", "x", "y", *apertures]
    new = ["tic_id", "gaiabp", "gaiarp", "jd_bary", "airmass", "zp", "sky", "sky_rms", "flags"]
    assert names == [*old, *new, "dx", "dy", "dxerr", "dyerr", "flux_psf", "fluxerr_psf"]


def test_frames_say_where_they_moved_as_donuts_saw_it(night):
    truth = night.truths[0]
    frames = read_frames(night.folder / f"phot_{truth.field}.fits")
    shifts = json.loads((night.folder.parent / f"shifts_plots/donuts_{truth.field}_20240705.json").read_text())
    by_name = {frame["name"]: frame["x"] for frame in shifts["Frames"]}
    assert by_name[frames["frame_id"][3]] == pytest.approx(frames["shift_x"][3])


def test_ledger_tells_of_every_frame_at_every_stage(night):
    with contextlib.closing(sqlite3.connect(night.folder / "ngcmos.db")) as ledger:
        rows = ledger.execute("SELECT frame, stage, verdict FROM verdicts").fetchall()
    names = {path.name for path in night.folder.glob("NG*-*S43*.fits")}
    for stage in ("simple_wrapper", "check_cmos", "adding_headers", "process_cmos"):
        assert {frame for frame, where, verdict in rows if where == stage and verdict == "done"} == names


def test_header_cards_of_the_contract(night):
    header = fits.getheader(next(iter(night.folder.glob("NG*S43*.fits"))))
    keys = [
        "AIRMASS",
        "FILTER",
        "BJD",
        "HJD",
        "BACK-LVL",
        "BACK-RMS",
        "DEFOCUS",
        "MAGZP_T",
        "MAGZP_TS",
        "MAGZP_TC",
    ]
    keys += ["MATCH-TL", "MATCH-TR", "MATCH-BL", "MATCH-BR", "MATCH-C", "ZP_ORDER", "ZP_0_0", "ZPCALCN2", "REDVER"]
    keys += ["WCSRMS", "WCSNSTAR", "A_ORDER", "A_2_0", "B_0_3", "AP_ORDER", "BP_ORDER"]
    assert [key for key in keys if key not in header] == []
    assert (header["CTYPE1"], header["CTYPE2"], header["FILTER"]) == ("RA---TAN-SIP", "DEC--TAN-SIP", "NGTS")
    assert not [key for key in header if key in ("A_0_0", "A_1_0", "A_0_1", "B_0_0", "B_1_0", "B_0_1")]
    assert header["AIRMASS"] == pytest.approx(1 / np.sin(np.radians(header["ALTITUDE"])), abs=2e-3)


def test_second_run_changes_nothing(night):
    told = ("ngcmos", ".ngcmos", "night_report")  # log, ledger, lock and page tell of the last run
    before = {path: path.stat().st_mtime_ns for path in night.folder.iterdir() if not path.name.startswith(told)}
    inodes = {path: path.stat().st_ino for path in before}
    said = run_script("run_night", *night_options(night.base)).stderr
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert {path: path.stat().st_ino for path in inodes} == inodes
    assert f"run_night: {len(STAGES)} stages done, " in said


def test_light_curves_and_noise_model_of_every_field_are_there(night):
    for truth in night.truths:
        assert fits.getheader(night.folder / f"rel_phot_{truth.field}.fits", 1)["NFRAMES"] == 12
        assert json.loads((night.folder / f"rms_mags_phot_{truth.field}_1.json").read_text())["audit"]
        assert (night.folder / f"noise_model_{truth.field}.png").stat().st_size > 10000


def test_quiet_run_says_nothing(night):
    done = run_script("run_night", *night_options(night.base), "--quiet")
    assert done.stdout + done.stderr == ""


def test_scripts_one_by_one_make_the_same_tables_and_frames(night, tmp_path):
    base = tmp_path / "base"
    lay_out(night.raw, base)
    for name in STAGES[: STAGES.index("process_cmos") + 1]:
        if name != "QC_control":  # its movies are no frames
            run_script(name, *night_options(base))
    for path in tables(night):
        other = base / "nights" / "20240705" / path.name
        for unit in ("PHOT", "STARS", "FRAMES"):
            assert fits.getdata(other, unit).tobytes() == fits.getdata(path, unit).tobytes()
    frames = sorted(night.folder.glob("NG*S43*.fits"))
    assert len(frames) == 24
    for path in frames:  # written once by the chain, twice by the scripts
        assert (base / "nights" / "20240705" / path.name).read_bytes() == path.read_bytes()


def test_photometry_is_the_same_for_any_number_of_workers(night, tmp_path):
    for workers in (1, 3):
        shutil.copytree(night.base, tmp_path / str(workers))
        options = night_options(tmp_path / str(workers))
        run_script("process_cmos", *options, "--workers", workers, "--overwrite")
    for path in tables(night):
        made = [(tmp_path / str(n) / "nights" / "20240705" / path.name).read_bytes() for n in (1, 3)]
        assert made[0] == made[1] == path.read_bytes()


def test_apertures_sit_on_their_stars(night):
    """Moved by one pixel, apertures of 2 px lose light of every bright star: the table's do not."""
    truth = night.truths[0]
    path = night.folder / f"phot_{truth.field}.fits"
    frame = read_frames(path)["frame_id"][0]
    data = fits.getdata(night.folder / frame).astype(np.float32)
    rows = Table.read(path, hdu="PHOT", mask_invalid=False)
    bright = np.asarray((rows["frame_id"] == frame) & (rows["Tmag"] < 12) & (rows["flags"] & ~8 == 0))
    x, y = (np.asarray(rows[name][bright], float) - 1.0 for name in ("x", "y"))
    camera = load_camera(night.base / "camera.toml")
    settings = Photometry(radii_px=(2.0,), annulus_px=(15.0, 20.0), sky_method="annulus", mesh_px=64)

    def light(dx, dy):
        exposure = Exposure(data, data, 10.0)
        return measure(exposure, x + dx, y + dy, settings=settings, detector=camera.detector).flux[0]

    centred = light(0, 0)
    for dx, dy in [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1)]:
        assert np.all(light(dx, dy) < centred)
    np.testing.assert_allclose(rows["flux_2"][bright], centred, rtol=0.1)


def test_one_star_comes_back_as_a_series(night):
    truth = night.truths[0]
    star = read_star(night.folder / f"phot_{truth.field}.fits", tic_id=truth.target)
    assert len(star) == 12
    assert np.all(np.diff(star["jd_mid"]) > 0)


def test_changed_profile_is_said_and_overwrite_measures_again(night, tmp_path):
    base = tmp_path / "base"
    shutil.copytree(night.base, base)
    profile = base / "camera.toml"
    profile.write_text(profile.read_text().replace('sky_method = "map"', 'sky_method = "annulus"'))
    said = run_script("process_cmos", *night_options(base)).stderr
    assert "was made with another sky_method: --overwrite measures again" in said
    run_script("process_cmos", *night_options(base), "--overwrite")
    path = base / "nights" / "20240705" / tables(night)[0].name
    assert check_table(path)["SKYMETH"] == "annulus"


def test_damaged_table_is_made_anew(night, tmp_path):
    base = tmp_path / "base"
    shutil.copytree(night.base, base)
    good = tables(night)[0]
    path = base / "nights" / "20240705" / good.name
    path.write_bytes(path.read_bytes()[:-2880])
    said = run_script("process_cmos", *night_options(base)).stderr
    assert "it is kept as " in said
    assert (path.parent / f"{path.name}.old1").stat().st_size == good.stat().st_size - 2880
    assert path.read_bytes() == good.read_bytes()


def test_frame_that_comes_later_is_measured_by_the_next_run(night, tmp_path):
    base = tmp_path / "base"
    shutil.copytree(night.base, base)
    config = load_config(camera=str(base / "camera.toml"), config=base / "directories.json")
    field = night.truths[0].field
    folder = base / "nights" / "20240705"
    late = sorted(folder.glob(f"{field}_*S43*.fits"))[5]
    late.rename(tmp_path / late.name)
    outcome = run_stage(process_cmos, config, open_night(config, folder), quiet=True)
    assert len(read_frames(folder / f"phot_{field}.fits")) == 11
    (tmp_path / late.name).rename(late)
    outcome = run_stage(process_cmos, config, open_night(config, folder), quiet=True)
    assert late.name in outcome.done
    assert (folder / f"phot_{field}.fits").read_bytes() == (night.folder / f"phot_{field}.fits").read_bytes()


@pytest.fixture
def bare(night, tmp_path):
    """(config, night folder) of a copy."""
    base = tmp_path / "base"
    shutil.copytree(night.base, base)
    config = load_config(camera=str(base / "camera.toml"), config=base / "directories.json")
    return config, base / "nights" / "20240705"


def put_table_in_the_way(folder, field):
    """A table of the old suite, which process_cmos does not touch as it does not know the field."""
    Table({"flux": np.arange(5.0)}).write(folder / f"phot_{field}.fits", overwrite=True)


def test_light_curves_that_cannot_be_made_do_not_fail_a_night_that_is_measured(bare):
    config, folder = bare
    put_table_in_the_way(folder, "NG0000+0000")
    outcome = run_chain(config, folder, skip=["QC_control"], quiet=True)
    assert (outcome.exit_code, outcome.troubles) == (0, [])
    told = {entry.frame: entry for entry in read_ledger(folder) if entry.stage == Record.RUN}
    for script in ("relative_photometry", "noise_model"):
        assert "phot_NG0000+0000.fits: damaged or not made by ngcmos" in told[script].reason
    assert "relative_photometry failed: NG0000+0000" in (folder / "night_report.html").read_text()


def test_light_curves_that_alone_were_asked_for_fail_by_themselves(bare):
    config, folder = bare
    put_table_in_the_way(folder, "NG0000+0000")
    assert run_chain(config, folder, only=["relative_photometry"], quiet=True).exit_code == 1


def test_full_disk_fails_the_chain_at_the_light_curves_too(bare, monkeypatch):
    config, folder = bare
    for path in folder.glob("rel_phot_*"):
        path.unlink()

    def no_space(*_args, **_options):
        raise WriteError("no space at all")

    monkeypatch.setattr(relative_photometry, "require_space", no_space)
    outcome = run_chain(config, folder, only=["process_cmos", "relative_photometry", "noise_model"], quiet=True)
    assert outcome.troubles == ["relative_photometry: no space at all"]
    assert outcome.exit_code == 1


def test_night_without_any_table_is_told_of_once(bare, caplog):
    config, folder = bare
    for path in folder.glob("phot_*"):
        path.unlink()
    outcome = run_chain(config, folder, only=["check_cmos", "relative_photometry", "noise_model"], quiet=True)
    assert (outcome.exit_code, outcome.troubles) == (0, [])


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_night_of_so_few_frames_is_as_good_as_any(tmp_path, frames):
    base = tmp_path / "base"
    options = {"size": 320, "density": 2.0, "frames": frames, "cadence_s": 120.0, "calibrations": 3}
    simulated = simulate_night(base, load_camera(), **options)
    said = run_script("run_night", *night_options(base), "--skip", "QC_control", "--quiet").stderr
    assert said == ""
    [truth] = simulated.truths
    assert fits.getheader(simulated.folder / f"rel_phot_{truth.field}.fits", 1)["NFRAMES"] == frames
    assert "too few frames or stars to tell" in (simulated.folder / "night_report.html").read_text()


def test_header_edited_in_place_is_noticed_and_so_is_its_return(night, tmp_path):
    base = tmp_path / "base"
    shutil.copytree(night.base, base)
    config = load_config(camera=str(base / "camera.toml"), config=base / "directories.json")
    field, folder = night.truths[0].field, base / "nights" / "20240705"
    path = sorted(folder.glob(f"{field}_*S43*.fits"))[5]
    whole, status = path.read_bytes(), path.stat()
    at = whole.index(b"MAGZP_T =") + 9
    for content, zp in ((whole[:at] + b"                 19.5" + whole[at + 21 :], 19.5), (whole, None)):
        path.write_bytes(content)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        outcome = run_stage(process_cmos, config, open_night(config, folder), quiet=True)
        assert outcome.done == [path.name]
        facts = read_frames(folder / f"phot_{field}.fits")
        assert zp is None or facts["zp"][5] == zp
    assert (folder / f"phot_{field}.fits").read_bytes() == (night.folder / f"phot_{field}.fits").read_bytes()


def test_profile_that_asks_for_more_stars_refuses_the_frames(night, tmp_path):
    base = tmp_path / "base"
    shutil.copytree(night.base, base)
    config = load_config(camera=str(base / "camera.toml"), config=base / "directories.json")
    blind = dataclasses.replace(config.camera.detector, read_noise_e=1e5)  # no star stands out of such a noise
    config = dataclasses.replace(config, camera=dataclasses.replace(config.camera, detector=blind))
    outcome = run_stage(
        process_cmos, config, open_night(config, base / "nights" / "20240705"), overwrite=True, quiet=True
    )
    assert outcome.exit_code == 1
    assert all("too few stars (cloud?): " in reason for reason in outcome.failed.values())
    assert len(outcome.failed) == 24
