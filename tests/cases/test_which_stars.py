"""The stars that are measured are those where the field usually is, whatever frame came first."""

import numpy as np
import pytest
from astropy.table import Table
from spoilt_night import MEASURING, copy_case, within_one

from ngcmos.names import Flag, Stage
from ngcmos.simulate.troubles import rewrite

WAY_PX = 20.0


def moved(pixels, header):
    """The sky of a frame 120 px to the lower left; what comes in is empty."""
    out = np.full_like(pixels, int(np.median(pixels)))
    out[:-120, :-120] = pixels[120:, 120:]
    return out, header


@pytest.fixture(scope="module")
def first_off(make_case):
    """A night whose first frame was taken before the telescope had arrived, 120 px off."""
    case = make_case(frames=6)
    rewrite(case.frames[0], moved)
    return case


@pytest.fixture(scope="module")
def reduced(first_off, tmp_path_factory):
    """That night after its chain."""
    case = copy_case(first_off, tmp_path_factory.mktemp("reduced") / "base")
    case.reduce()
    return case


@pytest.fixture(scope="module")
def still(make_case):
    """The same night without, reduced."""
    case = make_case(frames=6)
    case.reduce()
    return case


def test_a_first_frame_that_is_off_does_not_choose_the_stars(first_off, reduced, still):
    first = first_off.frames[0].name
    assert within_one(reduced.stars(), still.stars())
    assert first not in reduced.measured() and len(reduced.measured()) == 5
    assert (reduced.folder / "failed_donuts" / first).exists()


def test_a_second_run_changes_nothing(reduced):
    before = {path: path.read_bytes() for path in reduced.folder.glob("*.fits")}
    reduced.reduce()
    assert {path: path.read_bytes() for path in reduced.folder.glob("*.fits")} == before


def test_stars_chosen_by_a_frame_that_was_off_are_chosen_anew(first_off, still, tmp_path, caplog):
    """Followed, the first frame is all that is known; more frames show that it was off."""
    case = copy_case(first_off, tmp_path / "base")
    later = [path.rename(path.with_name(f"_{path.name}.later")) for path in case.frames[1:]]
    case.reduce(Stage.SIMPLE_WRAPPER)
    for path in later:
        path.rename(path.with_name(path.name[1:].removesuffix(".later")))
    with caplog.at_level("WARNING"):
        case.reduce()
    assert within_one(case.stars(), still.stars())
    assert "its stars are chosen anew" in caplog.text


def test_stars_without_a_magnitude_are_counted(still, tmp_path):
    case = copy_case(still, tmp_path / "base")
    path = case.folder.parents[1] / "tic.fits"
    catalog = Table.read(path)
    alone = case.table("STARS")
    alone = alone[~alone["target"] & ~alone["blended"]]
    lost = alone["tic_id"][5:8].tolist()
    catalog["Tmag"][np.isin(catalog["TIC"], lost)] = np.nan
    catalog.write(path, overwrite=True)
    case.set_key(f'local = ["{path}"]')
    for product in case.folder.glob("*_catalog*.fits"):
        product.unlink()
    case.reduce(overwrite=True)
    told = "stars on the chip without Tmag in the catalog, which are not measured: 3"
    assert [text for text in case.remarks() if told in text]
    assert case.stars() == still.stars() - set(lost)
    assert not [text for text in still.remarks() if "without Tmag" in text]


@pytest.fixture(scope="module")
def drifting(make_case):
    """A night in which the field drifts by 140 px, 20 px a frame."""
    case = make_case(frames=8, drift_px=(WAY_PX, 0.0))
    case.reduce()
    return case


def test_a_slow_drift_loses_no_frame(drifting):
    assert len(drifting.measured()) == 8
    assert not (drifting.folder / "failed_donuts").exists()


def test_stars_that_leave_the_chip_are_flagged_in_those_frames(drifting):
    rows = drifting.table()
    off = (np.asarray(rows["flags"]) & Flag.OFF_CHIP) != 0
    outside = (rows["x"] < 0.5) | (rows["x"] > 256.5) | (rows["y"] < 0.5) | (rows["y"] > 256.5)
    np.testing.assert_array_equal(off, outside)
    assert 0.05 < off.mean() < 0.5
    assert np.isnan(rows["flux_2"][off]).all()


def test_the_stars_of_a_drifting_field_are_those_of_its_middle(drifting):
    """Of the frames in the middle nearly all stars are on the chip, of the first and last fewer."""
    rows = drifting.table()
    seen = np.isfinite(np.asarray(rows["flux_2"], float)).reshape(8, -1).mean(axis=1)
    assert seen[[3, 4]].min() > 0.75
    assert seen[[0, 7]].max() < seen[[3, 4]].min() - 0.1
    assert seen[0] == pytest.approx(seen[7], abs=0.15)


def test_frames_of_a_drift_have_not_jumped(drifting):
    drifting.reduce(*MEASURING, Stage.RELATIVE_PHOTOMETRY)
    frames = Table.read(drifting.folder / f"rel_phot_{drifting.truth.field}.fits", hdu="FRAMES")
    assert "jump" not in frames["quality"][3:].tolist()


@pytest.mark.slow
def test_cards_far_off_and_a_turned_camera_cost_no_star(make_case):
    common = {"rotation_deg": 133.0, "sky_deg": 2.6, "density": 2.0, "frames": 2}
    right, wrong = (make_case(pointing_error_px=off_deg * 3600 / 4.05, **common) for off_deg in (0.0, 2.0))
    for case in (right, wrong):
        case.reduce()
    assert within_one(wrong.stars(), right.stars())
