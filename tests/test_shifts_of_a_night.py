"""A night with jumps, clouds and broken frames through QC_Donuts and check_cmos, against its truth."""

import json
import types

import numpy as np
import pytest
from running import night_options, run_script

from ngcmos.config import load_camera
from ngcmos.simulate.night import simulate_night

JUMPED = {2: (0.6, 0.0), 4: (-1.8, 2.4), 6: (32.0, -24.0)}  # 0.6, 3 and 40 px, for one frame each
CLOUDS = [(7, 7, 0.3), (8, 8, 0.02)]
STAGES_OF_FRAMES = ("QC_Donuts", "simple_wrapper", "check_cmos")


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """The night after QC_Donuts: its report, its truth."""
    base = tmp_path_factory.mktemp("shifts") / "base"
    there = [(frame, dx, dy) for frame, (dx, dy) in JUMPED.items()]
    back = [(frame + 1, -dx, -dy) for frame, (dx, dy) in JUMPED.items()]
    simulated = simulate_night(
        base,
        load_camera(),
        size=768,
        frames=10,
        seed=4,
        jumps=sorted(there + back),
        clouds=CLOUDS,
        faults=["starless", "constant"],
        calibrations=3,
    )
    run_script("QC_Donuts", *night_options(base))
    truth = simulated.truths[0]
    plots = simulated.folder.parent / "shifts_plots"
    report = json.loads((plots / f"donuts_{truth.field}_20240705.json").read_text(), parse_constant=pytest.fail)
    return types.SimpleNamespace(base=base, folder=simulated.folder, plots=plots, truth=truth, report=report)


def fault_of(night, name):
    """The fault of a frame of the night."""
    return str(night.truth.frames["fault"][list(night.truth.frames["file"]).index(name)])


def moved(night, name):
    """Shift of a frame against the reference by the truth, in donuts' sign."""
    files = list(night.truth.frames["file"])
    there, here = files.index(night.report["Reference Image"]), files.index(name)
    frames = night.truth.frames
    return tuple(float(frames[axis][there] - frames[axis][here]) for axis in ("shift_x", "shift_y"))


def test_large_shifts_are_exactly_the_jumps(night):
    names = night.report["The name of the images with shifts greater than 0.5 pixels is"]
    wanted = [
        frame["name"] for frame in night.report["Frames"] if max(map(abs, moved(night, frame["name"]))) > 0.5
    ]
    assert len(wanted) == len(JUMPED)
    assert sorted(names) == sorted(wanted)
    counts = night.report["The number of images with shifts greater than +/-0.5 pixels is"]
    assert counts == {"Total Images": 11, "Number of Images with Large Shifts": 3}


def test_shifts_are_those_of_the_truth(night):
    known = [frame for frame in night.report["Frames"] if frame["x"] is not None]
    assert len(known) >= 8
    for frame in known:
        tolerance = 0.05 if frame["quality"] > 0.9 else 0.1  # through a thick cloud the quality says so
        assert np.allclose((frame["x"], frame["y"]), moved(night, frame["name"]), atol=tolerance), frame
    assert sum(frame["quality"] > 0.9 for frame in known) >= 8


def test_frames_without_stars_have_no_shift_but_a_reason(night):
    by_fault = {fault_of(night, frame["name"]): frame for frame in night.report["Frames"]}
    for fault in ("starless", "constant"):
        frame = by_fault[fault]
        assert (frame["x"], frame["y"], frame["verdict"]) == (None, None, fault)
        assert frame["reason"]


def test_old_and_new_lists_agree(night):
    pairs = night.report["X Shifts and Y Shifts"]
    assert pairs == [[frame["x"], frame["y"]] for frame in night.report["Frames"]]
    assert night.report["And shifts of this/them"] == {
        "X Shifts": [frame["x"] for frame in night.report["Frames"] if frame["verdict"] == "large"],
        "Y Shifts": [frame["y"] for frame in night.report["Frames"] if frame["verdict"] == "large"],
    }


def test_reference_is_not_measured_and_no_frame_is_dropped(night):
    names = [frame["name"] for frame in night.report["Frames"]]
    assert sorted([*names, night.report["Reference Image"]]) == sorted(night.truth.frames["file"])


def test_second_run_measures_nothing(night):
    said = run_script("QC_Donuts", *night_options(night.base)).stderr
    assert "QC_Donuts: 0 done, 11 done before, 0 refused" in said


def test_report_stays_whole_after_frames_were_set_aside(night):
    run_script("simple_wrapper", *night_options(night.base))
    said = run_script("check_cmos", *night_options(night.base)).stderr
    assert len(list((night.folder / "no_wcs").iterdir())) >= 2
    assert "scatter of" in said
    run_script("QC_Donuts", *night_options(night.base))
    again = json.loads((night.plots / f"donuts_{night.truth.field}_20240705.json").read_text())
    assert again == night.report


def test_movie_shows_the_moved_frames(night):
    import imageio_ffmpeg

    movie = night.plots / f"Bad_Donuts_{night.truth.field}_20240705.mp4"
    frames, _ = imageio_ffmpeg.count_frames_and_secs(str(movie))
    assert frames == 3


def test_first_frame_that_is_set_aside_is_no_reference(tmp_path):
    """The telescope was 100 px off at the first frame: another one serves, and a second run changes nothing."""
    base = tmp_path / "base"
    simulated = simulate_night(base, load_camera(), size=512, frames=6, seed=8, jumps=[(1, 80.0, 60.0)])
    run_script("run_night", *night_options(base), *[f"--only={name}" for name in STAGES_OF_FRAMES])
    [first] = (simulated.folder / "failed_donuts").iterdir()
    [report] = (simulated.folder.parent / "shifts_plots").glob("donuts_*.json")
    before = report.read_text()
    report_before = json.loads(before)
    assert report_before["Reference Image"] != first.name
    assert first.name in [frame["name"] for frame in report_before["Frames"]]
    said = run_script("QC_Donuts", *night_options(base)).stderr
    assert "QC_Donuts: 0 done, 5 done before, 0 refused" in said
    assert report.read_text() == before
