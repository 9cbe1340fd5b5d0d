"""Stars that the list of targets names, by their id or their place, are measured however faint they are."""

import numpy as np
import pytest
from astropy.table import Table
from spoilt_night import copy_case

from ngcmos.names import Stage

MIDDLE = 0.05  # degrees: well on the chip


@pytest.fixture(scope="module")
def kept(untouched, usual, tmp_path_factory):
    """(case, star, star) of a night whose list names one by its id and one by its place, and has nonsense."""
    stars = Table.read(next(usual.folder.glob("*_catalog.fits")))
    middle = [np.median(usual.table("STARS")[name]) for name in ("ra_deg_corr", "dec_deg_corr")]
    away = np.hypot(stars["ra_deg_corr"] - middle[0], stars["dec_deg_corr"] - middle[1])
    new = stars[(away < MIDDLE) & ~np.isin(stars["tic_id"], list(usual.stars()))]
    [faint, *_, fainter] = new[(new["Tmag"] > 16) & (new["tic_id"] > 0)]
    case = copy_case(untouched, tmp_path_factory.mktemp("kept") / "base")
    rows = f"{faint['tic_id']},,\n,{fainter['ra_deg_corr']},{fainter['dec_deg_corr']}\nnonsense,,\n"
    (case.folder.parents[1] / "out" / "targets.csv").write_text(f"tic_id,ra,dec\n{rows}")
    assert case.reduce(Stage.SIMPLE_WRAPPER, Stage.PROCESS_CMOS, Stage.RELATIVE_PHOTOMETRY).exit_code == 0
    return case, faint, fainter


def test_they_are_measured_beside_all_others(kept, usual):
    case, faint, fainter = kept
    assert case.stars() == usual.stars() | {faint["tic_id"], fainter["tic_id"]}
    stars = case.table("STARS")
    assert {faint["tic_id"], fainter["tic_id"]} < set(stars["tic_id"][stars["target"]].tolist())


def test_they_are_compared_with_others(kept):
    case, faint, _ = kept
    [curves] = case.folder.glob("rel_phot_*.fits")
    assert faint["tic_id"] in Table.read(curves, hdu="STARS")["tic_id"]


def test_a_line_without_sense_is_told_and_stops_nothing(kept):
    case, _, _ = kept
    assert any("targets.csv: line 4" in text and "nonsense" in text for text in case.remarks())
