"""The real frames of a small telescope: flipped, upside down, drifting; by another camera profile alone."""

import json
import shutil
import types

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from running import STAGES, night_options, raw_checksums, run_script

from ngcmos.config import load_config
from ngcmos.night.folder import open_night
from ngcmos.tables.table import read_frames, read_star

pytestmark = pytest.mark.real
FIELD = "NG0204+4641"
HATP32 = 900000032


def lay_out(real_data, base):
    """Base folder with a copy of the real night."""
    hatp32 = real_data / "hatp32"
    for name in ("nights", "out"):
        (base / name).mkdir(parents=True)
    for source, target in (("20171219", "nights/20171219"), ("calibration", "calibration")):
        shutil.copytree(hatp32 / source, base / target)
    shutil.copy(hatp32 / "tic82_hatp32.fits", base)
    for path in base.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    lists = {"calibration_paths": ["calibration"], "base_paths": ["nights"], "out_paths": ["out"]}
    (base / "directories.json").write_text(json.dumps(lists))


def options(base):
    return night_options(base, date="20171219", camera="microobservatory")


def reduce(real_data, base):
    """The real night after run_night; its movies are as of any other."""
    lay_out(real_data, base)
    run_script("run_night", *options(base), "--catalog", base / "tic82_hatp32.fits", "--skip", "QC_control")


def copy_real(real_base, base):
    """(config, Night) of a copy of the reduced night."""
    shutil.copytree(real_base, base)
    config = load_config(camera="microobservatory", config=str(base / "directories.json"))
    return config, open_night(config, base / "nights" / "20171219")


@pytest.fixture(scope="module")
def night(real_base):
    """The real night after run_night."""
    folder = real_base / "nights" / "20171219"
    return types.SimpleNamespace(base=real_base, folder=folder, path=folder / f"phot_{FIELD}.fits")


def test_all_frames_are_solved_and_measured(night):
    assert len(read_frames(night.path)) == 30


def test_residuals(night):
    headers = [fits.getheader(path) for path in night.folder.glob(f"{FIELD}*S43*.fits")]
    assert len(headers) == 30
    assert np.median([header["MATCH-C"] for header in headers]) <= 0.3
    assert max(header["WCSRMS"] for header in headers) <= 0.3
    cds = np.array([[[header[f"CD{i}_{j}"] for j in (1, 2)] for i in (1, 2)] for header in headers])
    assert np.ptp(3600 * np.sqrt(np.abs(np.linalg.det(cds)))) < 0.005


def test_orientation_is_that_of_the_telescope(night):
    """North down and parity flipped: the determinant of CD is positive, its north term negative."""
    header = fits.getheader(next(night.folder.glob(f"{FIELD}*S43*.fits")))
    cd = np.array([[header["CD1_1"], header["CD1_2"]], [header["CD2_1"], header["CD2_2"]]])
    assert 3600 * np.sqrt(abs(np.linalg.det(cd))) == pytest.approx(5.164, abs=0.03)
    assert cd[1, 1] < 0
    assert np.linalg.det(cd) > 0


def test_no_raw_pixel_changed(night, real_data):
    before = raw_checksums(real_data / "hatp32")
    assert len(before) > 30 and raw_checksums(night.base).items() >= before.items()


def test_donuts_agrees_with_the_plate_solutions(night):
    """Within 0.3 px where donuts gives a shift at all."""
    shifts = json.loads((night.folder.parent / f"shifts_plots/donuts_{FIELD}_20171219.json").read_text())
    frames = read_frames(night.path)
    rows = Table.read(night.path, hdu="PHOT", mask_invalid=False)
    x = np.asarray(rows["x"], float).reshape(30, -1)
    y = np.asarray(rows["y"], float).reshape(30, -1)
    names = [str(name) for name in frames["frame_id"]]
    first = names.index(shifts["Reference Image"])
    middle = np.argmin(np.hypot(x[first] - 325, y[first] - 250))
    assert len(shifts["Frames"]) == 29
    known = [frame for frame in shifts["Frames"] if frame["x"] is not None]
    assert len(known) >= 25
    for frame in known:
        row = names.index(frame["name"])
        moved = x[row, middle] - x[first, middle], y[row, middle] - y[first, middle]
        assert np.hypot(frame["x"] + moved[0], frame["y"] + moved[1]) < 0.3 + 0.01 * np.hypot(*moved), frame[
            "name"
        ]


def test_light_curve_of_the_target(night):
    """HAT-P-32 against the stars like it scatters by less than a hundredth after a linear trend."""
    target = read_star(night.path, tic_id=HATP32)
    assert len(target) == 30
    rows = Table.read(night.path, hdu="PHOT", mask_invalid=False)
    flux = np.asarray(rows["flux_5"], float).reshape(30, -1)
    flux = flux[:, np.isfinite(flux).all(axis=0)]
    level, own = np.median(flux, axis=0), np.median(target["flux_5"])
    near = (level > 0.3 * own) & (level < 3 * own)
    assert near.sum() >= 10
    reference = np.sum(flux[:, near], axis=1)
    relative = np.asarray(target["flux_5"], float) / (reference - np.asarray(target["flux_5"], float))
    relative /= np.median(relative)
    assert np.std(relative - np.poly1d(np.polyfit(np.arange(30), relative, 1))(np.arange(30))) < 0.01


def test_relative_light_curve_of_the_target(night):
    """HAT-P-32 in its ensemble scatters by less than 4.8e-3 after a linear trend, no frame left out."""
    rows = Table.read(night.folder / f"rel_phot_{FIELD}.fits", hdu="REL_PHOT", mask_invalid=False)
    rows = rows[rows["TIC_ID"] == HATP32]
    time, flux = np.asarray(rows["Time_BJD"]), np.asarray(rows["Relative_Flux"], float)
    away = flux - np.polyval(np.polyfit(time - time[0], flux, 1), time - time[0])
    assert len(away) == 30
    assert np.std(away) < 4.8e-3


def test_errors_of_faint_stars_are_what_they_scatter_by(night):
    """Sky and read noise rule there."""
    stars = Table.read(night.folder / f"rel_phot_{FIELD}.fits", hdu="STARS")
    faint = (stars["Tmag"] > 13) & (stars["points"] == 30) & ~stars["variable"]
    assert np.count_nonzero(faint) > 150
    ratio = np.asarray(stars["rms"][faint], float) / np.asarray(stars["predicted"][faint], float)
    assert np.median(ratio) == pytest.approx(1, abs=0.1)


def test_scripts_one_by_one(real_data, night, tmp_path):
    """Each script as far as the table alone, with --camera only, gives that of the chain."""
    base = tmp_path / "base"
    lay_out(real_data, base)
    for name in STAGES[: STAGES.index("process_cmos") + 1]:
        more = ["--catalog", base / "tic82_hatp32.fits"] if name == "simple_wrapper" else []
        run_script(name, *options(base), *more)
    other = base / "nights" / "20171219" / night.path.name
    for unit in ("PHOT", "STARS", "FRAMES"):
        assert fits.getdata(other, unit).tobytes() == fits.getdata(night.path, unit).tobytes()
