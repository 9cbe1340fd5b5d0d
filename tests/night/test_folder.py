"""Which night, which frames, and frames set aside without a loss."""

import dataclasses
import datetime
import os
import time

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from ngcmos.errors import FrameError, NightError, UsageError
from ngcmos.night.folder import bring_back, evening_of, find_folder, open_night, science_files, set_aside

FRAME = "NG2320-1302_TIC-188620407_S43-20240706072737751.fits"


def touch(folder, *names):
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"")
        os.utime(folder / name, (1.7e9, 1.7e9))


@pytest.mark.parametrize(
    "name",
    [
        "evening-flat-1.fits",
        "morning-1.fits",
        "Bias-1.fits",
        "dark.fits",
        "master_flat.fits",
        "NG2320-1302_catalog.fits",
        "NG2320-1302_catalog_input.fits",
        "phot_NG2320-1302.fits",
        "rel_phot_NG2320-1302.fits",
        ".NG2320-1302-1.fits",
        ".NG2320-1302-1.fits.77.part",
        "NG2320-1302-1.fits.zip",
    ],
)
def test_what_is_no_science_frame(tmp_path, name):
    touch(tmp_path, name)
    assert science_files(tmp_path) == []


@pytest.mark.parametrize(
    "name", [FRAME.replace(".fits", e) for e in (".fits", ".FITS", ".fts", ".fit.gz", ".fits.BZ2", ".fits.fz")]
)
def test_what_is_a_science_frame(tmp_path, name):
    touch(tmp_path, name)
    assert [path.name for path in science_files(tmp_path)] == [name]


def test_table_among_frames_is_not_looked_at(small_config, tmp_path):
    night = tmp_path / "20240705"
    touch(night, FRAME)
    Table({"ra": [1.0]}).write(night / "stars of Gaia.fits")
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU(), fits.ImageHDU(np.zeros((4, 4)))]).writeto(
        night / "m31.fits"
    )
    os.mkfifo(night / "pipe.fits")  # to read it is to wait
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(np.zeros((64, 64), np.int16))]).writeto(
        night / "cut.fits.fz"
    )
    os.truncate(night / "cut.fits.fz", 5800)  # damaged, but no catalog: a frame that is to be refused
    found = open_night(small_config, night)
    assert [path.name for path in science_files(night)] == [FRAME, "cut.fits.fz", "m31.fits", "pipe.fits"]
    assert [(one.path.name, one.reason) for one in found.others] == [
        ("stars of Gaia.fits", "a table without an image")
    ]


def test_word_in_the_path_of_the_night_hides_nothing(tmp_path):
    touch(tmp_path / "flatfield", FRAME)
    assert len(science_files(tmp_path / "flatfield")) == 1


def test_night_by_date(small_config):
    (small_config.directories.base / "20240705").mkdir()
    assert find_folder(small_config, night="20240705").name == "20240705"


@pytest.mark.parametrize("night", ["2024-07-05", "20241305", "yesterday"])
def test_night_that_is_no_date(small_config, night):
    with pytest.raises(UsageError, match="expected the date of the evening"):
        find_folder(small_config, night=night)


def test_two_names_for_a_night(small_config, tmp_path):
    with pytest.raises(UsageError, match="expected one of them"):
        find_folder(small_config, directory=tmp_path, night="20240705")


def test_yesterday_evening_counts_in_the_time_of_the_site(small_config, tmp_path):
    """02:00 UTC on the 7th is still the 6th in Chile, whose yesterday is the 5th."""
    (small_config.directories.base / "20240705").mkdir()
    now = datetime.datetime(2024, 7, 7, 2, 0, tzinfo=datetime.UTC)
    assert find_folder(small_config, now=now, current=tmp_path).name == "20240705"


@pytest.mark.parametrize(
    ("utc", "evening"),
    [
        ("2024-07-05T15:59:59", "20240704"),
        ("2024-07-05T16:00:00", "20240705"),
        ("2024-07-06T15:59:59", "20240705"),
        ("2024-12-05T14:59:59", "20241204"),
        ("2024-12-05T15:00:00", "20241205"),
    ],
)
def test_a_night_changes_at_noon_of_the_site(utc, evening):
    """Santiago is four hours behind UTC in July, three in December."""
    moment = datetime.datetime.fromisoformat(f"{utc}+00:00")
    assert evening_of(moment, "America/Santiago") == evening


def test_current_folder_where_yesterday_has_none(small_config, tmp_path):
    touch(tmp_path / "copy", FRAME)
    assert find_folder(small_config, current=tmp_path / "copy") == tmp_path / "copy"


def test_no_night_names_what_was_looked_for(small_config, tmp_path):
    now = datetime.datetime(2024, 7, 6, 12, 0, tzinfo=datetime.UTC)
    with pytest.raises(NightError, match=r"no night found: neither .*nights/20240705 nor science frames in .*"):
        find_folder(small_config, now=now, current=tmp_path)


def test_fields_and_their_order_in_time(small_config):
    folder = small_config.directories.base / "20240705"
    touch(
        folder,
        "NG2320-1302_TIC-2_S43-20240706010000000.fits",
        "NG2320-1302_TIC-1_S43-20240706020000000.fits",
        "NG0547-1111_TIC-3_S43-20240706030000000.fits",
    )
    night = open_night(small_config, folder)
    assert list(night.fields) == ["NG0547-1111", "NG2320-1302"]
    assert [path.name[12:17] for path in night.fields["NG2320-1302"]] == ["TIC-2", "TIC-1"]
    assert night.date == "20240705"


def test_field_is_the_whole_object_where_the_profile_says_so(small_config, write_raw):
    files = dataclasses.replace(small_config.camera.files, field_length=0)
    config = dataclasses.replace(small_config, camera=dataclasses.replace(small_config.camera, files=files))
    folder = config.directories.base / "20240705"
    folder.mkdir()
    write_raw(folder / "TIC-12345678-20240706010000000.fits", OBJECT="TIC-12345678")
    write_raw(folder / "TIC-12345679-20240706010000000.fits", OBJECT="../TIC-1234/5679")
    assert list(open_night(config, folder).fields) == ["TIC-12345678", "_TIC-1234_5679"]


def test_date_of_a_folder_with_another_name(small_config, write_raw):
    folder = small_config.directories.base / "copy"
    folder.mkdir()
    write_raw(folder / FRAME)
    assert open_night(small_config, folder).date == "20240705"


def test_frame_that_grows_is_left_for_later(small_config):
    files = dataclasses.replace(small_config.camera.files, settling_s=5.0)
    config = dataclasses.replace(small_config, camera=dataclasses.replace(small_config.camera, files=files))
    folder = config.directories.base / "20240705"
    whole, growing = FRAME, FRAME.replace("0727", "0728")
    touch(folder, whole, growing)
    now = time.time()
    os.utime(folder / whole, (now, now))
    os.utime(folder / growing, (now, now))

    def grow(_seconds):
        with (folder / growing).open("ab") as file:
            file.write(b"more")

    night = open_night(config, folder, sleep=grow)
    assert [path.name for path in night.frames] == [whole]
    assert [path.name for path in night.growing] == [growing]


def test_frame_set_aside_never_covers_another(tmp_path):
    folder = tmp_path / "night"
    touch(folder, FRAME)
    touch(folder / "no_wcs", FRAME)
    (folder / FRAME).write_bytes(b"second")
    moved = set_aside(folder / FRAME, "no_wcs")
    assert moved.read_bytes() == b"second"
    assert (folder / "no_wcs" / FRAME).read_bytes() == b""


def test_frame_comes_back_under_its_name(tmp_path):
    folder = tmp_path / "night"
    touch(folder, FRAME)
    touch(folder / "no_wcs", FRAME)
    moved = set_aside(folder / FRAME, "no_wcs")
    assert bring_back(moved) == folder / FRAME


def test_frame_does_not_come_back_over_another(tmp_path):
    touch(tmp_path / "night", FRAME)
    touch(tmp_path / "night" / "no_wcs", FRAME)
    with pytest.raises(FrameError, match="not brought back, the night holds a frame of that name"):
        bring_back(tmp_path / "night" / "no_wcs" / FRAME)
