"""Cards kept beside frames that should stay as they are: read in place of their own, and moved with them."""

import bz2

import numpy as np
import pytest
from astropy.io import fits

from ngcmos.errors import FrameError
from ngcmos.night.folder import bring_back, set_aside
from ngcmos.night.heads import head_path
from ngcmos.night.images import read_image
from ngcmos.night.writing import write_cards

NAME = "NG2320-1302_TIC-188620407_S43-20240706072737751.fits"
WCS = [("CTYPE1", "RA---TAN-SIP", "ours"), ("AIRMASS", 1.25, "at mid exposure"), ("WCSRMS", 0.004, "[px]")]


def link(path, archive):
    path.symlink_to(archive)


def hard_link(path, archive):
    path.hardlink_to(archive)


def read_only(path, archive):
    archive.rename(path)
    path.chmod(0o444)


def compressed(path, archive):
    path.write_bytes(bz2.compress(archive.read_bytes()))


def in_an_extension(path, archive):
    with fits.open(archive) as units:
        fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(units[0].data, units[0].header)]).writeto(path)


@pytest.fixture(params=[link, hard_link, read_only, compressed, in_an_extension])
def frame(request, tmp_path, write_raw):
    """A frame that should not be rewritten."""
    (tmp_path / "night").mkdir()
    archive = write_raw(tmp_path / NAME, COMMENT="as it came", OLDWCS=1)
    request.param(tmp_path / "night" / NAME, archive)
    return tmp_path / "night" / NAME


def test_frame_stays_and_its_cards_are_read(frame):
    before, state = frame.read_bytes(), frame.lstat()
    data, own = read_image(frame)
    assert write_cards(frame, WCS, remove=["OLDWCS"])
    assert frame.read_bytes() == before
    assert (frame.lstat().st_ino, frame.lstat().st_nlink) == (state.st_ino, state.st_nlink)
    again, header = read_image(frame)
    np.testing.assert_array_equal(again, data)
    assert {key: header[key] for key, _, _ in WCS} == {key: value for key, value, _ in WCS}
    assert "OLDWCS" not in header
    assert header["DATE-OBS"] == own["DATE-OBS"]


def test_second_writing_of_the_same_cards_touches_nothing(frame):
    write_cards(frame, WCS)
    before = head_path(frame).stat()
    assert not write_cards(frame, WCS)
    assert head_path(frame).stat().st_ino == before.st_ino
    assert write_cards(frame, [("AIRMASS", 1.5, "")])
    assert read_image(frame)[1]["AIRMASS"] == 1.5
    assert read_image(frame)[1]["WCSRMS"] == 0.004


def test_text_beside_a_frame_is_what_scamp_writes(frame):
    """Lines of a card each, END at last; astropy reads them as a header."""
    write_cards(frame, WCS)
    lines = head_path(frame).read_text().splitlines()
    assert lines[-1] == "END"
    assert max(len(line) for line in lines) <= 80
    header = fits.Header.fromstring("\n".join(lines), sep="\n")
    assert header["CTYPE1"] == "RA---TAN-SIP"
    assert header.comments["AIRMASS"] == "at mid exposure"


def test_profile_may_keep_all_frames_as_they_are(tmp_path, write_raw):
    path = write_raw(tmp_path / NAME)
    before = path.read_bytes()
    write_cards(path, WCS, beside=True)
    assert path.read_bytes() == before
    write_cards(path, [("AIRMASS", 2.0, "")])  # where cards are kept beside it once, they stay there
    assert path.read_bytes() == before
    assert read_image(path)[1]["AIRMASS"] == 2.0


def test_cards_of_another_state_of_the_frame_do_not_count(tmp_path, write_raw):
    """The frame came anew with a right DATE-OBS: what was made of the wrong one is made again."""
    path = write_raw(tmp_path / NAME)
    write_cards(path, WCS, beside=True)
    path.unlink()
    write_raw(path, DATE_OBS="2024-07-06T08:00:00.000")
    _, header = read_image(path)
    assert "WCSRMS" not in header
    assert header["DATE-OBS"] == "2024-07-06T08:00:00.000"
    write_cards(path, WCS, beside=True)
    assert read_image(path)[1]["WCSRMS"] == 0.004
    assert read_image(path)[1]["DATE-OBS"] == "2024-07-06T08:00:00.000"


SCAMP = ["HISTORY a solution of another program", "CRVAL1  =   350.12345678901 / degrees", "EXPTIME = 12.5", "END"]


@pytest.mark.parametrize("text", ["\n".join(SCAMP) + "\n", "".join(card.ljust(80) for card in SCAMP)])
def test_some_cards_of_another_program_stand_in_place_of_those_of_the_frame(tmp_path, write_raw, text):
    path = write_raw(tmp_path / NAME, CRVAL1=1.0)
    head_path(path).write_text(text)
    _, header = read_image(path)
    assert (header["CRVAL1"], header["EXPTIME"]) == (350.12345678901, 12.5)
    assert header["OBJECT"] == read_image(path)[1]["OBJECT"]
    write_cards(path, WCS)
    _, header = read_image(path)
    assert (header["CRVAL1"], header["WCSRMS"]) == (350.12345678901, 0.004)
    assert head_path(path).with_name(f"{NAME}.head.old1").read_text() == text


@pytest.mark.parametrize(
    "content", [b"", b"EXPTIME = 10.0", b"\x89PNG\n", b"EXPTIME = 1 / \xb0\nEND\n", b"x" * 81 + b"\nEND"]
)
def test_file_beside_that_is_no_header_refuses_the_frame(tmp_path, write_raw, content):
    path = write_raw(tmp_path / NAME)
    head_path(path).write_bytes(content)
    with pytest.raises(FrameError, match=rf"{NAME}.head: not header text, expected .* remove it"):
        read_image(path)


def test_cards_move_with_their_frame(frame):
    write_cards(frame, WCS)
    moved = set_aside(frame, "no_wcs")
    assert read_image(moved)[1]["WCSRMS"] == 0.004
    assert not head_path(frame).exists()
    assert bring_back(moved) == frame
    assert read_image(frame)[1]["WCSRMS"] == 0.004
    assert not head_path(moved).exists()


def test_cards_move_under_the_number_of_their_frame(tmp_path, write_raw):
    path = write_raw(tmp_path / NAME)
    (tmp_path / "no_wcs").mkdir()
    (tmp_path / "no_wcs" / NAME).write_bytes(b"")
    write_cards(path, WCS, beside=True)
    moved = set_aside(path, "no_wcs")
    assert moved.name == NAME.replace(".fits", ".2.fits")
    assert read_image(moved)[1]["WCSRMS"] == 0.004
