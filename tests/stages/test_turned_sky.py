"""A night whose sky turns by 180 deg, and one whose first frame lies far off its field."""

import json
import shutil

import numpy as np
import pytest
from astropy.table import Table
from running import run_stage

from ngcmos.config import load_camera, load_config
from ngcmos.names import Record, Stage
from ngcmos.night.folder import open_night
from ngcmos.night.job import open_job
from ngcmos.night.ledger import read_ledger
from ngcmos.night.remarks import TURN, read_remarks
from ngcmos.report.oddities import judge_remarks
from ngcmos.simulate.night import simulate_night
from ngcmos.stages import check_cmos, process_cmos, qc_donuts, relative_photometry, simple_wrapper
from ngcmos.steps.shifts import FieldShifts
from ngcmos.tables.table import read_frames

FRAMES, TURN_FRAME = 20, 8
OPTIONS = {"size": 512, "density": 1.5, "frames": FRAMES, "calibrations": 3, "seed": 3}


def simulated(base, **options):
    """(config, night, truth) of a raw night."""
    made = simulate_night(base, load_camera(), **OPTIONS | options)
    config = load_config(camera=str(made.camera_file), config=str(made.directories_file))
    return config, open_night(config, made.folder, settle=False), made.truths[0]


def report_of(config, night, truth):
    path = config.directories.base / "shifts_plots" / f"donuts_{truth.field}_{night.date}.json"
    return json.loads(path.read_text(), parse_constant=pytest.fail)


def moved(truth, name, reference):
    """Shift of a frame by the truth, in donuts' sign."""
    frames = truth.frames
    there, here = (list(frames["file"]).index(one) for one in (reference, name))
    return [float(frames[axis][there] - frames[axis][here]) for axis in ("shift_x", "shift_y")]


@pytest.fixture(scope="module")
def turned(tmp_path_factory):
    config, night, truth = simulated(
        tmp_path_factory.mktemp("turned") / "base", flip_frame=TURN_FRAME, slope=0.03, jitter_px=0.08
    )
    for stage in (qc_donuts, simple_wrapper, check_cmos, process_cmos, relative_photometry):
        assert run_stage(stage, config, night).exit_code == 0
    return config, night, truth


def test_each_side_is_compared_with_a_frame_of_its_own(turned):
    config, night, truth = turned
    report = report_of(config, night, truth)
    names = [path.name for path in night.frames]
    references = report["Reference Image"], report["Reference Image of the Turned Sky"]
    assert references == (names[0], names[TURN_FRAME])
    assert len(report["Frames"]) == FRAMES - 2
    for frame in report["Frames"]:
        assert frame["turned"] == (frame["name"] > names[TURN_FRAME])
        expected = moved(truth, frame["name"], references[frame["turned"]])
        assert (frame["x"], frame["y"]) == pytest.approx(expected, abs=0.12)


def test_one_frame_after_the_other_gives_the_same(turned, tmp_path):
    config, night, truth = turned
    folder = tmp_path / "base"
    shutil.copytree(night.folder, folder / night.folder.name, ignore=shutil.ignore_patterns("ngcmos*", "phot*"))
    alone = open_night(config, folder / night.folder.name, settle=False)
    with open_job(Stage.QC_DONUTS, config, alone) as job:
        shifts = FieldShifts(job, truth.field)
        for path in alone.frames:
            shifts.take([path])
        again = FieldShifts(job, truth.field)
        assert (again.shifts, again.turned_reference) == (shifts.shifts, shifts.turned_reference)
    kept = [
        {entry.frame: (entry.verdict, entry.numbers) for entry in read_ledger(one) if entry.stage == Record.SHIFTS}
        for one in (night.folder, alone.folder)
    ]
    assert kept[0] == kept[1]


def test_the_turn_is_told_and_is_no_fault(turned):
    _, night, truth = turned
    remarks = read_remarks(read_ledger(night.folder))
    assert [remark.kind for remark in remarks] == [TURN]
    time = str(truth.frames["date_obs"][TURN_FRAME])[11:19]
    assert f"the sky turned on the chip by 180 deg before {time} UTC" in remarks[0].text
    assert judge_remarks(remarks) == []


def test_no_frame_is_moved_away_and_none_has_jumped(turned):
    _, night, truth = turned
    assert not (night.folder / "failed_donuts").exists()
    frames = read_frames(night.folder / f"phot_{truth.field}.fits")
    assert len(frames) == FRAMES
    turn = np.abs(np.diff(frames["rotation_deg"]))
    assert turn[TURN_FRAME - 1] == pytest.approx(180, abs=0.1)
    assert np.delete(turn, TURN_FRAME - 1).max() < 0.05
    quality = Table.read(night.folder / f"rel_phot_{truth.field}.fits", hdu="FRAMES")["quality"]
    assert "jump" not in set(quality)


def test_light_curves_are_seamless(turned):
    """Over what the star did, by the truth; the chip is uneven by 3 %, which no flat saw."""
    _, night, truth = turned
    path = night.folder / f"rel_phot_{truth.field}.fits"
    rows, stars = Table.read(path, hdu="REL_PHOT"), Table.read(path, hdu="STARS")
    flux, error = (np.asarray(rows[name]).reshape(-1, FRAMES) for name in ("Relative_Flux", "Relative_Flux_err"))
    at = [truth.star(tic_id) for tic_id in stars["tic_id"]]
    constant = np.asarray(truth.stars["signal"])[at] == "constant"
    steps = np.mean(flux[:, TURN_FRAME:], axis=1) / np.mean(flux[:, :TURN_FRAME], axis=1) - 1
    errors = np.median(error, axis=1) * np.sqrt(1 / TURN_FRAME + 1 / (FRAMES - TURN_FRAME))
    pulls = (steps / errors)[constant]
    assert np.isfinite(pulls).sum() > 20
    assert np.nanstd(pulls) < 1.3
    assert np.nanmedian(np.abs(steps)) < 0.004


def test_a_first_frame_far_off_is_not_the_reference(tmp_path):
    config, night, truth = simulated(tmp_path / "base", frames=12, jumps=[(1, 30.0, -20.0)])
    assert run_stage(qc_donuts, config, night).exit_code == 0
    report = report_of(config, night, truth)
    first = night.frames[0].name
    assert report["Reference Image"] != first
    assert report["The name of the images with shifts greater than 0.5 pixels is"] == [first]
    for frame in report["Frames"]:
        expected = moved(truth, frame["name"], report["Reference Image"])
        assert (frame["x"], frame["y"]) == pytest.approx(expected, abs=0.12)
    outcome = run_stage(qc_donuts, config, night)
    assert (outcome.done, len(outcome.skipped)) == ([], 11)


def test_a_field_that_drifts_slowly_keeps_its_first_frame(tmp_path):
    config, night, truth = simulated(tmp_path / "base", frames=12, drift_px=(1.5, 0.7))
    run_stage(qc_donuts, config, night)
    assert report_of(config, night, truth)["Reference Image"] == night.frames[0].name
