"""A night reduced by two versions of the code, or with a WCS of another program: never mixed, never in silence."""

import re
import shutil

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from running import ROOT, let_rest, night_options, run_script

from ngcmos.chain.nights import Report, tell_mixed
from ngcmos.config import load_camera
from ngcmos.night.fingerprint import Inputs
from ngcmos.night.folder import science_files
from ngcmos.night.ledger import read_ledger
from ngcmos.night.provenance import stale_products
from ngcmos.simulate.night import simulate_night

DATE = "20240705"
FIRST, ALL = 4, 6
STAGES = [f"--only={stage}" for stage in ("simple_wrapper", "create_flats", "process_cmos")]
CHANGES = {  # one constant of each room, and the layout of a row
    "photometry": ("photometry/sky.py", r"(?m)^([A-Z_]+_SIGMA) = ([\d.]+)", r"\1 = 1.1 * \2"),
    "calibration": ("calibration/reduce.py", r"(?m)^([A-Z_]+) = ([\d.]+)", r"\1 = 1.1 * \2"),
    "astrometry": ("astrometry/solve.py", r"(?m)^(CLIP_SIGMA) = ([\d.]+)", r"\1 = 1.1 * \2"),
    "layout": ("tables/writer.py", r'\("sky", ">f4", "adu"\)', '("sky", ">f8", "adu")'),
}


@pytest.fixture(scope="module")
def half(tmp_path_factory):
    """A night of which the first frames are measured, and its other frames."""
    base = tmp_path_factory.mktemp("half") / "base"
    simulate_night(base, load_camera(), size=256, frames=ALL, density=3.0, calibrations=3, seed=4)
    folder, later = base / "nights" / DATE, base / "later"
    later.mkdir()
    for path in science_files(folder)[FIRST:]:
        path.rename(later / path.name)
    run_script("run_night", *night_options(base), *STAGES)
    return base


def another(half, tmp_path, *, all_frames=True):
    """A copy of the half-done night, its other frames there too."""
    base = tmp_path / "base"
    shutil.copytree(half, base)
    if all_frames:
        for path in (base / "later").iterdir():
            path.rename(base / "nights" / DATE / path.name)
    return base


def checkout(tmp_path, name, pattern, new):
    """Environment of a checkout in which one file of the package is changed."""
    for part in ("ngcmos", "config"):  # with what Python has read already, but for what is being written
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("*.pyc.*"))
    change(tmp_path / "ngcmos" / name, pattern, new)
    return {"PYTHONPATH": str(tmp_path)}


def change(path, pattern, new):
    text = path.read_text(encoding="utf-8")
    changed = re.sub(pattern, new, text, count=1)
    assert changed != text, f"{pattern} is not in {path.name}"
    path.write_text(changed, encoding="utf-8")


def counts_of(said, stage="process_cmos"):
    """(done, before) of a stage in what the chain says."""
    [found] = re.findall(rf"{stage} +(\d+) +(\d+) +\d+ ", said)
    return tuple(map(int, found))


@pytest.mark.slow
@pytest.mark.parametrize("room", CHANGES)
def test_half_done_night_is_never_mixed(half, tmp_path, room):
    env = checkout(tmp_path, *CHANGES[room])
    base = another(half, tmp_path)
    said = run_script("run_night", *night_options(base), *STAGES, env=env).stderr
    assert counts_of(said) == (ALL, 0)
    [table] = (base / "nights" / DATE).glob("phot_*.fits")
    assert len(Table.read(table, hdu="FRAMES")) == ALL
    if room != "calibration":  # there are no masters but those of the first run
        assert "measured anew" in said or "made anew" in said
    assert "stale" not in said


def walk(tmp_path):
    """Environment of a checkout in which the recipe of a column was followed."""
    recipe = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("## Add a column")[1]
    field, value, column = (
        re.search(rf"`({start}[^`]*)`", recipe)[1] for start in ("sky_count: ", '"sky_count": ', "_ADDED .= ")
    )
    env = checkout(tmp_path, "photometry/apertures.py", r"(?m)^( +)sky_rms: Floats$", rf"\g<0>\n\1{field}")
    for name, pattern, new in [
        ("photometry/apertures.py", r'(?m)^( +)"sky_rms": .*$', rf"\g<0>\n\1{value},"),
        ("tables/writer.py", r"(?m)^_ADDED .*_BY_SHAPE.*$", rf"\g<0>\n{column}"),
        ("tables/writer.py", r'"sky_rms", "flags", ', r'"sky_rms", "flags", "sky_count", '),
    ]:
        change(tmp_path / "ngcmos" / name, pattern, new)
    return env


@pytest.mark.slow
def test_half_done_night_survives_a_column_added_by_the_recipe(half, tmp_path):
    env = walk(tmp_path)
    base = another(half, tmp_path)
    said = run_script("run_night", *night_options(base), *STAGES, env=env).stderr
    assert counts_of(said) == (ALL, 0)
    [path] = (base / "nights" / DATE).glob("phot_*.fits")
    table = Table.read(path, hdu="PHOT")
    assert table.colnames[-1] == "sky_count"
    assert np.nanmin(table["sky_count"]) > 10


@pytest.mark.slow
def test_whole_night_of_other_code_stays_and_is_said(half, tmp_path):
    env = checkout(tmp_path, *CHANGES["photometry"])
    base = another(half, tmp_path, all_frames=False)
    folder = base / "nights" / DATE
    [table] = folder.glob("phot_*.fits")
    before = table.read_bytes()
    said = run_script("run_night", *night_options(base), *STAGES, env=env).stderr
    assert counts_of(said) == (0, FIRST)
    assert table.read_bytes() == before
    assert f"stale: {table.name} was made with another code of ngcmos; --overwrite makes it anew" in said
    [stale] = stale_products(read_ledger(folder))
    assert (stale.name, stale.differs) == (table.name, ("code of ngcmos",))
    said = run_script("run_night", *night_options(base), *STAGES, "--overwrite", env=env).stderr
    assert counts_of(said) == (FIRST, 0)
    assert "stale" not in said
    [entry] = [entry for entry in read_ledger(folder) if entry.frame == table.name]
    assert [one["differs"] for one in entry.numbers["replaced"]] == [["code of ngcmos"]]


@pytest.mark.slow
def test_comment_and_docstring_change_nothing(half, tmp_path):
    comment = r'(?m)^("""[^\n]*)$', r"\1 and so on"
    env = checkout(tmp_path, "photometry/sky.py", *comment)
    base = another(half, tmp_path)
    said = run_script("run_night", *night_options(base), *STAGES, env=env).stderr
    assert counts_of(said) == (ALL - FIRST, FIRST)


@pytest.mark.slow
def test_wcs_of_another_program_is_not_a_solution(half, tmp_path):
    base = another(half, tmp_path, all_frames=False)
    folder = base / "nights" / DATE
    for path in [*folder.glob("phot_*"), *folder.glob("*catalog*"), *folder.glob("ngcmos*")]:
        path.unlink()
    for path in science_files(folder):
        data, header = fits.getdata(path), fits.getheader(path)
        for card in ("REDVER", "WCSRMS", "WCSNSTAR", "SOLVSUM"):
            header.remove(card, ignore_missing=True)
        header["CTYPE1"], header["CTYPE2"] = "RA---TAN", "DEC--TAN"
        header["CRVAL1"], header["CRVAL2"] = header["TELRAD"], header["TELDECD"]
        header["CRPIX1"], header["CRPIX2"] = 140.0, 128.0
        header["CD1_1"], header["CD1_2"], header["CD2_1"], header["CD2_2"] = 0.001125, 0.0, 0.0, 0.001125
        fits.PrimaryHDU(data, header).writeto(path, overwrite=True)
    let_rest(folder)
    catalog = Table.read(base / "tic.fits")
    catalog["DEJ2000"] = np.random.default_rng(1).permutation(np.asarray(catalog["DEJ2000"]))
    catalog.write(base / "tic.fits", overwrite=True)
    run_script("run_night", *night_options(base), "--catalog", base / "tic.fits", "--skip", "QC_control", code=1)
    assert not list(folder.glob("phot_*"))
    refused = [e for e in read_ledger(folder) if e.stage == "simple_wrapper" and e.verdict == "refused"]
    assert len(refused) == FIRST


def report(night, **values):
    made = Inputs({"code": "a", "photometry.sky_method": "map"} | values)
    return Report(night, 0, 10, 1, 1.0, "here", (), made.text)


def test_season_of_mixed_reductions_is_said():
    odd = report("20240712", **{"photometry.sky_method": "mean"})
    told = tell_mixed([report("20240710"), report("20240711"), odd])
    assert told == "3 nights, 1 of another reduction: 20240712 (sky_method)"
    assert tell_mixed([report("20240710"), report("20240711")]) == ""
