"""What is known of a frame reaches the rows of its stars: clouds, trails, a missing flat."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from numpy.lib.recfunctions import drop_fields, repack_fields
from running import let_rest, run_stage

from ngcmos.calibration.masters import load_masters
from ngcmos.config import load_camera, load_config
from ngcmos.names import Flag
from ngcmos.night.folder import open_night
from ngcmos.simulate.night import simulate_night
from ngcmos.stages import create_flats, process_cmos, relative_photometry, simple_wrapper
from ngcmos.steps.catalog import read_catalog
from ngcmos.steps.measuring import measure_frame, place_frame, prepare_measuring, with_times
from ngcmos.tables.table import read_frames, read_star, read_stars

CLOUDED = slice(8, 11)
CROSSED = 5  # the frame a satellite flies through
OPTIONS = {"size": 384, "density": 2.0, "frames": 12, "fields": 2, "calibrations": 3, "seed": 6}


def reduce(config, folder, *stages):
    night = open_night(config, folder)
    for stage in stages:
        outcome = run_stage(stage, config, night)
        assert outcome.exit_code == 0, outcome.summary()


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """(config, folder, table of the first field, a bright star of it that was crossed in frame `CROSSED`)."""
    clouds = [(CLOUDED.start, CLOUDED.stop - 1, 0.5)]
    base = tmp_path_factory.mktemp("flags") / "base"
    simulated = simulate_night(base, load_camera(), clouds=clouds, **OPTIONS)
    config = load_config(camera=str(simulated.camera_file), config=str(simulated.directories_file))
    reduce(config, simulated.folder, simple_wrapper, process_cmos)
    table = simulated.folder / f"phot_{simulated.truths[0].field}.fits"
    stars = read_stars(table)
    whole = fits.getdata(table, "PHOT")["flags"][: len(stars)] & 7 == 0
    tic_id = int(stars["tic_id"][whole][3])
    row = read_star(table, tic_id=tic_id)[CROSSED]
    path = simulated.folder / row["frame_id"]
    counts, header = fits.getdata(path), fits.getheader(path)
    y, x = np.indices(counts.shape)
    line = np.abs((y + 1 - row["y"]) - 0.4 * (x + 1 - row["x"]) - 1.5) < 1.2
    counts = np.where(line, np.minimum(counts.astype(int) + 3000, 65535), counts).astype(np.uint16)
    fits.PrimaryHDU(counts, header).writeto(path, overwrite=True)
    let_rest(simulated.folder)
    reduce(config, simulated.folder, create_flats)
    run_stage(process_cmos, config, open_night(config, simulated.folder), overwrite=True)
    reduce(config, simulated.folder, relative_photometry)
    return config, simulated.folder, table, tic_id


def test_blended_stars_are_measured_and_change_nothing_of_the_others(night):
    config, folder, table, _ = night
    stars, catalog = read_stars(table), read_catalog(folder, table.stem.removeprefix("phot_"))
    assert 0.03 < np.mean(stars["blended"]) < 0.5
    placed = with_times(
        [place_frame(folder / str(read_frames(table)["frame_id"][1]), config.camera)], config.camera
    )[0]
    masters = load_masters(config, folder)
    alone = ~np.asarray(stars["blended"], bool)
    found = [
        measure_frame(placed, prepare_measuring(config.camera, masters, some, catalog, 80))
        for some in (stars, stars[alone])
    ]
    by_shape = ["flux_psf", "fluxerr_psf"]  # is fitted beside all neighbours, be they measured or not
    rows = [repack_fields(drop_fields(rows, by_shape)) for rows in (found[0][0][alone], found[1][0])]
    assert rows[0].tobytes() == rows[1].tobytes()
    away = np.abs(found[0][0]["flux_psf"][alone] - found[1][0]["flux_psf"])
    assert np.mean(away == 0) > 0.5 > np.nanmax(away / found[1][0]["fluxerr_psf"])
    assert repr(found[0][1]) == repr(found[1][1])
    assert np.isfinite(found[0][0]["flux_3"][~alone]).mean() > 0.9


def test_light_of_neighbours_is_told_for_each_aperture(night):
    stars = read_stars(night[2])
    shares = np.array([stars[f"contamination_{radius}"] for radius in (2, 3, 4, 5, 6)])
    np.testing.assert_array_equal(shares[-1], stars["contamination"])
    blended = np.asarray(stars["blended"], bool)
    assert np.median(shares[-1, blended]) > 0.2 > 0.01 > np.median(shares[-1, ~blended])
    assert (shares[0] <= shares[-1]).mean() > 0.99


def bits(table, flag):
    """(frames, stars) whether the rows have a bit."""
    return (np.asarray(fits.getdata(table, "PHOT")["flags"]).reshape(OPTIONS["frames"], -1) & flag) != 0


def test_all_rows_of_clouded_frames_say_so(night):
    _, folder, table, _ = night
    expected = np.zeros(OPTIONS["frames"], bool)
    expected[CLOUDED] = True
    for path in folder.glob("phot_*.fits"):
        clouded = bits(path, Flag.CLOUD)
        assert np.array_equal(clouded, np.broadcast_to(expected[:, None], clouded.shape))
        assert np.array_equal((read_frames(path)["flags"] & Flag.CLOUD) != 0, expected)
    curves = fits.getdata(table.with_name(f"rel_{table.name}"), "REL_PHOT")
    assert np.array_equal((curves["flags"] & Flag.CLOUD) != 0, expected[curves["frame"]])


def test_stars_under_a_trail_say_so_and_no_others(night):
    _, _, table, tic_id = night
    crossed = bits(table, Flag.TRAIL)
    assert np.flatnonzero(crossed.any(axis=1)).tolist() == [CROSSED]
    assert 1 <= crossed[CROSSED].sum() < 0.2 * crossed.shape[1]
    star = read_star(table, tic_id=tic_id)
    assert np.flatnonzero(star["flags"] & Flag.TRAIL).tolist() == [CROSSED]
    assert (read_frames(table)["flags"] & Flag.TRAIL).astype(bool).tolist() == crossed.any(axis=1).tolist()


def test_a_crossed_point_is_shown_and_counts_for_nothing(night):
    _, _, table, tic_id = night
    path = table.with_name(f"rel_{table.name}")
    stars, curves = Table.read(path, hdu="STARS"), Table.read(path, hdu="REL_PHOT")
    own = stars[stars["tic_id"] == tic_id][0]
    curve = np.asarray(curves["Relative_Flux"][curves["TIC_ID"] == tic_id])
    assert curve[CROSSED] > 1.05
    assert own["rms"] == pytest.approx(np.std(np.delete(curve, CROSSED), ddof=1), rel=1e-3)
    assert not own["variable"]


def test_a_night_with_a_flat_is_flattened_and_one_without_is_not(night, solved_night):
    _, folder, truths = solved_night
    without = folder / f"phot_{truths[0].field}.fits"
    assert (np.asarray(fits.getdata(without, "PHOT")["flags"]) & Flag.NOT_FLATTENED != 0).all()
    assert not bits(night[2], Flag.NOT_FLATTENED).any()


def test_a_second_run_writes_nothing(night):
    config, folder, table, _ = night
    inode = table.stat().st_ino
    outcome = run_stage(process_cmos, config, open_night(config, folder))
    assert (outcome.done, table.stat().st_ino) == ([], inode)


def test_bits_have_names_in_the_header(night):
    header = fits.getheader(night[2], "PHOT")
    assert [header[f"FLAG{bit}"] for bit in (128, 256, 512)] == ["trail", "cloud", "not_flattened"]
