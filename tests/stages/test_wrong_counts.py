"""Counts of a camera that writes them wrongly: told once, and no star that holds such a count passes for good."""

import shutil

import numpy as np
import pytest
from astropy.io import fits
from running import run_stage

from ngcmos.config import load_camera, load_config
from ngcmos.names import Flag
from ngcmos.night.folder import open_night
from ngcmos.night.ledger import read_ledger
from ngcmos.night.remarks import read_remarks
from ngcmos.simulate.night import simulate_night
from ngcmos.stages import process_cmos, simple_wrapper
from ngcmos.tables.table import read_frames

TOP = 32768


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    base = tmp_path_factory.mktemp("counts") / "raw"
    return simulate_night(base, load_camera(), size=320, density=3.0, frames=4, calibrations=3, seed=8)


def as_signed(counts):
    return counts.view(np.int16)


def cut_off(counts):
    return np.minimum(counts, TOP - 1)


def as_it_is(counts):
    return counts


def reduce(raw, folder, change, **cards):
    """(remarks, rows of PHOT, FRAMES, largest true counts of the rows) of the night with changed counts."""
    shutil.copytree(raw.base, folder)
    config = load_config(camera=str(raw.base / "camera.toml"), config=folder / "directories.json")
    night = folder / "nights" / raw.folder.name
    frames = sorted(night.glob("NG*.fits"))
    for path in frames:
        counts, header = fits.getdata(path), fits.getheader(path)
        for key in ("BZERO", "BSCALE"):
            header.remove(key, ignore_missing=True)
        header.update(cards)
        fits.PrimaryHDU(change(counts), header).writeto(path, overwrite=True)
    for stage in (simple_wrapper, process_cmos):
        assert run_stage(stage, config, open_night(config, night, settle=False)).exit_code == 0
    table = night / f"phot_{raw.truths[0].field}.fits"
    remarks = {remark.kind: remark.text for remark in read_remarks(read_ledger(night))}
    return remarks, fits.getdata(table, "PHOT"), read_frames(table)


@pytest.fixture(scope="module")
def usual(raw, tmp_path_factory):
    return reduce(raw, tmp_path_factory.mktemp("counts") / "usual", as_it_is)


def test_a_usual_night_is_not_remarked_on(usual):
    remarks, _, frames = usual
    assert remarks == {}
    assert set(frames["counts"]) == {""}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (as_signed, "bright counts are negative, wrapped around it seems"),
        (cut_off, "counts stop at 32767, saturation"),
    ],
)
def test_stars_of_wrong_counts_are_flagged_and_told_once(raw, usual, tmp_path, change, told):
    remarks, rows, frames = reduce(raw, tmp_path / "night", change)
    assert list(remarks) == ["counts"]
    assert remarks["counts"].startswith(told)
    assert "in 4 of 4 frames" in remarks["counts"]
    assert all(fault.startswith(told) for fault in frames["counts"])
    true = usual[1]
    assert np.array_equal(rows["tic_id"], true["tic_id"])
    wrong = true["max_pixel_value_6"] >= (TOP if change is as_signed else TOP - 1)
    flagged = (rows["flags"] & Flag.SATURATED) != 0
    assert 4 <= wrong.sum() < 0.2 * wrong.size
    assert flagged[wrong].all()
    assert not flagged[~wrong].any()


def test_a_colour_camera_is_told_once(raw, tmp_path):
    remarks, _, _ = reduce(raw, tmp_path / "night", as_it_is, BAYERPAT="RGGB")
    assert list(remarks) == ["colour"]
    assert remarks["colour"].startswith("BAYERPAT is RGGB in 4 of 4 frames")
