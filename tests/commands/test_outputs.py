"""Files that options name: a frame is never one of them, whatever --overwrite says."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from running import run_script

from ngcmos.commands.parser import no_frame

FRAME = "NG2320-1302_TIC-188620407_S43-20240706072737751.fits"


@pytest.mark.parametrize(
    ("script", "options"),
    [
        ("analyse_cmos", ["--gaia_id", 1, "--csv"]),
        ("analyse_cmos", ["--gaia_id", 1, "--output"]),
        ("compare_runs", ["a", "b", "--output"]),
        ("export_star", ["--gaia_id", 1, "--format", "csv", "--output"]),
        ("fit_transit", ["--gaia_id", 1, "--json"]),
        ("fit_transit", ["--gaia_id", 1, "--output"]),
        ("new_camera", [FRAME, "--overwrite", "--output"]),
        ("stars", ["--csv"]),
    ],
)
def test_frame_named_as_output_is_refused(tmp_path, script, options):
    frame = tmp_path / FRAME
    frame.write_bytes(b"raw")
    assert "may be a frame" in run_script(script, *options, frame, code=2).stderr
    assert frame.read_bytes() == b"raw"


@pytest.mark.parametrize("name", ["a.fits.gz", "a.FIT", "a.fts"])
def test_every_ending_of_frames_counts(name):
    with pytest.raises(Exception, match="may be a frame"):
        no_frame(name)
    assert no_frame("a.csv") == "a.csv"


def test_catalog_replaces_catalogs_and_no_frame(tmp_path):
    stars, frame, old = tmp_path / "gaia.csv", tmp_path / FRAME, tmp_path / "stars.fits"
    columns = {"source_id": [1], "ra": [10.0], "dec": [-20.0], "phot_g_mean_mag": [11.0]}
    Table(columns | {"phot_bp_mean_mag": [11.4], "phot_rp_mean_mag": [10.4], "pmra": [0.0], "pmdec": [0.0]}).write(
        stars
    )
    fits.writeto(frame, np.ones((4, 4), np.uint16))
    before = frame.read_bytes()
    said = run_script("make_catalog", stars, "--output", frame, "--overwrite", code=2).stderr
    assert "is no table of stars, and is not replaced" in said and frame.read_bytes() == before
    Table({"a": [1]}).write(old)
    run_script("make_catalog", stars, "--output", old, "--overwrite")
    assert "Tmag" in Table.read(old).colnames
