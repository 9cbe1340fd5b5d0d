"""Cron's mail of a night with one field clouded, one with wrong cards and one good, without flats."""

import re
import shutil
import types

import numpy as np
import pytest
from astropy.io import fits
from running import let_rest, night_options, run_script

from ngcmos.config import load_camera
from ngcmos.report import why
from ngcmos.simulate.night import simulate_night

FRAMES, CLEAR = 7, 2
MOST_LINES = 25


@pytest.fixture(scope="module")
def mailed(tmp_path_factory):
    """That night after a quiet chain: its fields, and what the chain wrote."""
    base = tmp_path_factory.mktemp("mail") / "base"
    options = {"size": 256, "density": 2.0, "frames": FRAMES, "cadence_s": 60.0, "fields": 3, "calibrations": 3}
    night = simulate_night(base, load_camera(), seed=5, **options)
    for path in night.folder.glob("*flat*"):
        path.unlink()
    clouded, astray, good = (truth.field for truth in night.truths)
    noise = np.random.default_rng(1)
    for path in sorted(night.folder.glob(f"{clouded}*.fits"))[CLEAR:]:
        with fits.open(path, mode="update") as units:
            units[0].data[:] = noise.normal(300, 8, units[0].data.shape).astype(units[0].data.dtype)
    for path in night.folder.glob(f"{astray}*.fits"):
        fits.setval(path, "TELRAD", value=(fits.getval(path, "TELRAD") + 20) % 360)
    let_rest(night.folder)
    done = run_script("run_night", *night_options(base), "--skip", "QC_control", "--quiet", code=1)
    return types.SimpleNamespace(
        base=base,
        folder=night.folder,
        clouded=clouded,
        astray=astray,
        good=good,
        said=done.stderr,
        out=done.stdout,
    )


def lines_of(mailed, field):
    """The entries of the mail that speak of a field."""
    text = re.sub(r"\n {8}", " ", mailed.said)
    return [line.strip() for line in text.splitlines() if f" {field}" in line and "Night" not in line]


def test_mail_is_short_and_begins_with_the_verdict(mailed):
    assert mailed.out == ""
    lines = mailed.said.splitlines()
    assert len(lines) <= MOST_LINES
    assert lines[0] == f"Night 20240705: BAD, {FRAMES + CLEAR} of {3 * FRAMES} frames of 3 fields measured."
    assert not re.search("WARNING|ERROR|Traceback", mailed.said)


def test_clouded_field_is_one_cause_with_share_and_time(mailed):
    told = lines_of(mailed, mailed.clouded)
    share = f"{FRAMES - CLEAR} of {FRAMES} frames refused ({100 * (FRAMES - CLEAR) // FRAMES} %, "
    assert sum(share in line for line in told) == 1
    assert re.search(r"\d\d:\d\d–\d\d:\d\d UTC", told[0])


def test_field_with_wrong_cards_is_told_once_with_what_to_do(mailed):
    [told] = lines_of(mailed, mailed.astray)
    assert f"none of {FRAMES} frames measured" in told
    assert "are the pointing cards right?" in told
    assert "run simple_wrapper first" not in (mailed.folder / "ngcmos.log").read_text()


def test_good_field_is_told_to_be_good(mailed):
    [told] = [line for line in lines_of(mailed, mailed.good) if "NOT FLATTENED" not in line]
    assert told == f"good  {mailed.good}: all of {FRAMES} frames measured"


def test_missing_flats_are_told_once_for_all_fields(mailed):
    text = " ".join(mailed.said.split())
    assert text.count("NOT FLATTENED") == 1
    assert f"look {mailed.clouded}, {mailed.good}: NOT FLATTENED" in text
    assert "create_flats failed" not in text


def test_page_and_how_to_go_on_stand_at_the_end(mailed):
    assert f"\nPage: {mailed.folder}/night_report.html\n" in mailed.said
    assert "why.py --directory" in mailed.said and "run_night.py --directory" in mailed.said


def test_every_refused_frame_is_in_the_log(mailed):
    log = (mailed.folder / "ngcmos.log").read_text()
    assert len(re.findall(rf"simple_wrapper: {mailed.clouded}\S+: ", log)) == FRAMES - CLEAR


def test_every_frame_of_a_lost_field_knows_its_true_reason(mailed):
    options = {"camera": str(mailed.base / "camera.toml"), "config": mailed.base / "directories.json"}
    for path in mailed.folder.glob(f"{mailed.astray}*.fits"):
        told = " ".join(why.run(path.name, night="20240705", **options).split())
        assert "verdict refused by simple_wrapper: " in told
        assert "no stars within" in told.partition("stage")[0]


def test_second_quiet_run_tells_the_same(mailed, tmp_path):
    shutil.copytree(mailed.base, tmp_path / "base")
    again = run_script("run_night", *night_options(tmp_path / "base"), "--skip", "QC_control", "--quiet", code=1)
    assert again.stderr.replace(str(tmp_path / "base"), str(mailed.base)) == mailed.said
