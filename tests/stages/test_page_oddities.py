"""A night whose every frame is measured, and what should make a human look all the same."""

import dataclasses
import html
import re
import shutil

import numpy as np
import pytest
from astropy.io import fits
from running import run_stage

from ngcmos.config import load_config
from ngcmos.night.folder import open_night
from ngcmos.night.ledger import open_ledger
from ngcmos.night.remarks import keep_remark
from ngcmos.report.comparison import compare_with_before
from ngcmos.report.html import HEAD_BYTES, read_summary
from ngcmos.report.night import gather
from ngcmos.stages import create_flats, night_report, process_cmos


def write_page(config, folder):
    """The text of the page of a night, made now."""
    outcome = run_stage(night_report, config, open_night(config, folder))
    assert outcome.exit_code == 0
    return (folder / "night_report.html").read_text(encoding="utf-8")


def said(text):
    """What a reader sees of a page."""
    return html.unescape(re.sub(r"<(script|style)\b.*?</\1>|<[^>]*>", " ", text, flags=re.DOTALL))


def summary_of(text):
    return read_summary(text[:HEAD_BYTES])


@pytest.fixture(scope="module")
def flat_night(solved_night, tmp_path_factory):
    """(config, night folder, fields) of the solved night, flattened, with its page; not to be changed."""
    config, source, truths = solved_night
    base = tmp_path_factory.mktemp("flat") / "base"
    shutil.copytree(config.directories.base.parent, base)
    config = load_config(camera=str(base / "camera.toml"), config=str(base / "directories.json"))
    folder = base / "nights" / source.name
    run_stage(create_flats, config, open_night(config, folder))
    run_stage(process_cmos, config, open_night(config, folder), overwrite=True)
    write_page(config, folder)  # its pictures are not drawn again
    return config, folder, sorted(truth.field for truth in truths)


@pytest.fixture
def sound(flat_night, tmp_path):
    """A copy of it that a test may change."""
    base = tmp_path / "base"
    shutil.copytree(flat_night[0].directories.base.parent, base)
    config = load_config(camera=str(base / "camera.toml"), config=str(base / "directories.json"))
    return config, base / "nights" / flat_night[1].name, flat_night[2]


@pytest.fixture
def one_field(sound):
    """A copy of one field of it."""
    config, folder, fields = sound
    for path in folder.glob(f"*{fields[1]}*"):
        path.unlink()
    return config, folder, fields[:1]


def test_night_as_it_should_be_is_good(sound):
    text = write_page(*sound[:2])
    assert summary_of(text)["verdict"] == "good"
    assert "24 of 24 frames of 2 fields measured" in said(text)


def test_masters_that_were_used_are_named_with_their_age(sound):
    config, folder, fields = sound
    chapter = said(write_page(config, folder).partition('id="calibration"')[2])
    used = ", ".join(fields)
    # the simulator takes bias and dark a month before the night at 4 and 5 UT, flats in its twilight
    assert re.search(rf"bias\s+{config.directories.out}/master_bias.fits\s+3\s+29.8\s+{used}", chapter)
    assert re.search(rf"dark\s+{config.directories.out}/master_dark.fits\s+3\s+29.8\s+{used}", chapter)
    assert re.search(rf"flat\s+{folder}/master_flat.fits\s+\d+\s+0.1\s+{used}", chapter)


def test_calibration_frames_that_were_left_out_are_counted(one_field):
    """A bias as of before a repair, 60 ADU higher than those that were taken with it."""
    config, folder, _ = one_field
    [bias, *_] = sorted(config.directories.calibration.glob("bias*.fits"))
    high = bias.with_name(bias.name.replace("000.fits", "500.fits"))
    fits.writeto(high, fits.getdata(bias) + np.uint16(60), fits.getheader(bias))
    run_stage(process_cmos, config, open_night(config, folder), overwrite=True)
    chapter = said(write_page(config, folder).partition('id="calibration"')[2])
    assert re.search(r"master_bias.fits\s+3 \(1 left out\)", chapter)


def test_levels_are_those_of_the_masters_used(sound):
    config, folder, _ = sound
    bias = config.directories.out / "master_bias.fits"
    bias.rename(bias.with_name("master_bias_of_june.fits"))
    data = fits.getdata(bias.with_name("master_bias_of_june.fits"))
    fits.writeto(bias, data + 50, fits.getheader(bias.with_name("master_bias_of_june.fits")), checksum=True)
    text = write_page(config, folder)
    assert summary_of(text)["bias_adu"] == pytest.approx(100, abs=1)
    assert "master_bias_of_june.fits" in said(text)
    bias.with_name("master_bias_of_june.fits").unlink()
    text = write_page(config, folder)
    assert summary_of(text)["bias_adu"] is None
    assert "replaced since" in said(text)


def test_night_without_a_flat_says_so(solved_night):
    config, folder, truths = solved_night
    reasons = gather(config, open_night(config, folder)).reasons
    [told] = [reason for reason in reasons if "NOT FLATTENED" in reason.what]
    assert told.level == "look"
    fields = ", ".join(sorted(truth.field for truth in truths))
    assert told.what.startswith(f"{fields}: NOT FLATTENED, fluxes are 5-7 % off")


def test_product_of_another_reduction_wants_a_human(sound):
    config, folder, fields = sound
    camera = config.camera
    other = dataclasses.replace(camera, photometry=dataclasses.replace(camera.photometry, sky_method="annulus"))
    changed = dataclasses.replace(config, camera=other)
    assert run_stage(process_cmos, changed, open_night(changed, folder)).done == []
    text = write_page(config, folder)
    assert summary_of(text)["verdict"] == "look"
    names = ", ".join(f"phot_{field}.fits" for field in fields)
    assert f"{names} were made with another sky_method; run_night --overwrite makes anew" in said(text)
    run_stage(process_cmos, changed, open_night(changed, folder), overwrite=True)
    assert summary_of(write_page(config, folder))["verdict"] == "good"
    since = [compare_with_before(field, folder / f"phot_{field}.fits") for field in fields]
    assert all("sky_method" in change.made_otherwise and not change.frames_lost for change in since)


def test_remarks_are_told_and_want_a_human(sound):
    config, folder, fields = sound
    with open_ledger(folder) as ledger:
        keep_remark(ledger, fields[1], "time", "DATE-OBS is 4 h behind <the names>")
    text = write_page(config, folder)
    assert summary_of(text)["verdict"] == "look"
    assert summary_of(text)["why"] == f"{fields[1]}: DATE-OBS is 4 h behind <the names>"
    chapters = [said(text.partition(f'id="f{number}"')[2].partition("</section>")[0]) for number in (0, 1)]
    [told] = [chapter for chapter in chapters if "DATE-OBS is 4 h behind <the names>" in chapter]
    assert fields[1] in told and fields[0] not in told


def test_a_few_other_files_are_told_and_many_want_a_human(sound):
    config, folder, _ = sound
    (folder / "notes.doc").write_text("dome closed at 3")
    text = write_page(config, folder)
    assert summary_of(text)["verdict"] == "good"
    assert re.search(r"24 science frames, .*1 not looked at \(1 for its ending .doc\)", said(text))
    assert "notes.doc: its ending .doc" in said(text)
    for number in range(2):  # 3 of 27 are more than 5 %
        (folder / f"NG-{number}.fits.zst").write_bytes(b"")
    text = write_page(config, folder)
    assert summary_of(text)["verdict"] == "look"
    assert summary_of(text)["why"].startswith("3 files beside 24 frames are not looked at, as ")
