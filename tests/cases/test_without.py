"""Cameras and nights without what others have: flats, bias and dark; and frames with columns that see no light."""

import numpy as np
import pytest
from astropy.io import fits
from running import let_rest
from spoilt_night import copy_case

from ngcmos.config import load_config
from ngcmos.names import Flag, Stage
from ngcmos.night.folder import open_night
from ngcmos.report.night import gather

COLUMNS = 20


def config_of(case):
    return load_config(camera=str(case.night.camera_file), config=str(case.night.directories_file))


def reasons_of(case):
    config = config_of(case)
    return [reason.what for reason in gather(config, open_night(config, case.folder)).reasons]


def set_lines(case, **keys):
    for key, value in keys.items():
        case.set_key(f"{key} = {value}")


@pytest.fixture(scope="module")
def flatless(untouched, tmp_path_factory):
    """The usual night without its twilight flats, reduced."""
    case = copy_case(untouched, tmp_path_factory.mktemp("flatless") / "base")
    for path in case.folder.glob("*-flat-*"):
        path.unlink()
    return case, case.reduce(*MEASURED)


MEASURED = (Stage.SIMPLE_WRAPPER, Stage.CREATE_FLATS, Stage.PROCESS_CMOS)


def test_night_without_flats_is_measured_and_no_failure(flatless):
    case, outcome = flatless
    assert outcome.exit_code == 0
    assert len(case.measured()) == 4
    assert (np.asarray(case.table()["flags"]) & Flag.NOT_FLATTENED != 0).all()


def test_page_says_that_it_is_not_flattened_and_why(flatless):
    case, _ = flatless
    [told] = [reason for reason in reasons_of(case) if "NOT FLATTENED" in reason]
    assert "5-7 %" in told
    assert "0 usable evening*.fits" in told


def test_create_flats_alone_could_not_do_its_work(flatless, tmp_path):
    case = copy_case(flatless[0], tmp_path / "base")
    assert case.reduce(Stage.CREATE_FLATS).exit_code == 1


def test_flat_that_comes_later_does_not_turn_the_page_good(flatless, untouched, tmp_path):
    case = copy_case(flatless[0], tmp_path / "base")
    for path in untouched.folder.glob("*-flat-*"):
        (case.folder / path.name).write_bytes(path.read_bytes())
    case.reduce(*MEASURED)
    assert (case.folder / "master_flat.fits").exists()
    told = " ".join(reasons_of(case))
    assert "NOT FLATTENED" in told
    assert "another master flat" in told


def test_camera_without_calibration_misses_nothing(untouched, tmp_path):
    case = copy_case(untouched, tmp_path / "base")
    set_lines(case, bias="false", dark="false", flat="false")
    for path in (*case.folder.glob("*-flat-*"), *(case.night.base / "calibration").glob("*.fits")):
        path.unlink()
    outcome = case.reduce(*MEASURED)
    assert (outcome.exit_code, outcome.troubles) == (0, [])
    assert len(case.measured()) == 4
    assert (np.asarray(case.table()["flags"]) & Flag.NOT_FLATTENED != 0).all()
    assert case.remarks() == []
    assert not [what for what in reasons_of(case) if "FLATTENED" in what or "master" in what]


def test_columns_without_light_are_cut_off_and_their_level_taken_off(usual, untouched, tmp_path):
    """A level that jumps from frame to frame by hundreds of counts changes no flux; the WCS is the file's."""
    case = copy_case(untouched, tmp_path / "base")
    paths = [*case.frames, *case.folder.glob("*-flat-*"), *(case.night.base / "calibration").glob("*.fits")]
    rng = np.random.default_rng(8)
    for path in paths:
        widen(path, int(rng.integers(0, 300)), rng)
    let_rest(case.folder)
    size = 256
    section = f'"[{size + COLUMNS + 3}:{size + 2 * COLUMNS},1:{size}]"'
    set_lines(case, overscan=section, trim=f'"[{COLUMNS + 1}:{size + COLUMNS},1:{size}]"')
    assert case.reduce(*MEASURED).exit_code == 0
    mine, other = case.table(), usual.table()
    assert np.array_equal(mine["tic_id"], other["tic_id"])
    bright = np.asarray(other["Tmag"]) < 12
    ratio = np.asarray(mine["flux_3"])[bright] / np.asarray(other["flux_3"])[bright]
    assert np.nanmedian(np.abs(ratio - 1)) < 2e-4
    assert np.nanmax(np.abs(np.asarray(mine["x"]) - np.asarray(other["x"]))) < 0.05
    shift = fits.getval(case.frames[0], "CRPIX1") - fits.getval(usual.frames[0], "CRPIX1")
    assert shift == pytest.approx(COLUMNS, abs=5)


def widen(path, level, rng):
    """Give a frame columns at each side that see no light, and a level of its own."""
    data, header = fits.getdata(path).astype(float), fits.getheader(path)
    dark = rng.normal(50, 1, (data.shape[0], 2 * COLUMNS))
    wide = np.hstack([dark[:, :COLUMNS], data, dark[:, COLUMNS:]]) + level
    fits.writeto(path, np.clip(np.rint(wide), 0, 65535).astype(np.uint16), header, overwrite=True)
