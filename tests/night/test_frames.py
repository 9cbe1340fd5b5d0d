"""Frames read whole or refused with the reason; header cards written without touching a pixel."""

import os
import stat

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from ngcmos.config import HeaderNames
from ngcmos.errors import FrameError, HeaderError, WriteError
from ngcmos.night import writing
from ngcmos.night.frames import Frame, read_frame
from ngcmos.night.images import read_image
from ngcmos.night.pointing import pointing_of
from ngcmos.night.writing import data_checksum, write_cards

NAME = "NG2320-1302_TIC-188620407_S43-20240706072737751.fits"


def test_pixels_are_those_astropy_reads(tmp_path, write_raw, small_camera):
    data = np.random.default_rng(1).integers(0, 65536, (48, 64), dtype=np.uint16)
    frame = read_frame(write_raw(tmp_path / NAME, data), small_camera)
    assert frame.data.dtype == np.uint16
    np.testing.assert_array_equal(frame.data, fits.getdata(frame.path))


@pytest.mark.parametrize("dtype", ["int16", "int32", "float32", "uint8"])
def test_other_kinds_of_pixels(tmp_path, write_raw, dtype):
    data = np.arange(48 * 64).reshape(48, 64).astype(dtype)
    read, _ = read_image(write_raw(tmp_path / NAME, data))
    np.testing.assert_array_equal(read, data)


def test_scaled_pixels(tmp_path, write_raw):
    path = write_raw(tmp_path / NAME, np.arange(48 * 64, dtype=np.int16).reshape(48, 64))
    write_cards(path, [("BSCALE", 0.5, ""), ("BZERO", 100.0, "")])
    np.testing.assert_allclose(read_image(path)[0], fits.getdata(path))


def test_what_the_header_says(tmp_path, write_raw, small_camera):
    frame = read_frame(write_raw(tmp_path / NAME), small_camera, pixels=False)
    assert not isinstance(frame, Frame)
    assert (frame.field, frame.exptime, frame.pointing) == ("NG2320-1302", 10.0, (350.0, -13.0))
    assert (frame.start.scale, frame.start.isot) == ("utc", "2024-07-06T07:27:37.751")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty, expected a FITS file"),
        (b"hello world, this is a log", "not FITS, begins with b'hello world,'"),
        (b"SIMPLE  =                    T" + b" " * 50, "header truncated or unreadable"),
        (b"SIMPLE  =                    T".ljust(80) + b"END".ljust(2800), "BITPIX and NAXIS cards missing"),
    ],
)
def test_file_that_is_no_image(tmp_path, small_camera, content, message):
    path = tmp_path / NAME
    path.write_bytes(content)
    with pytest.raises(FrameError, match=message) as error:
        read_frame(path, small_camera)
    assert NAME in str(error.value)


@pytest.mark.parametrize("kept", [2880, 2880 + 100, -2880])
@pytest.mark.parametrize("pixels", [True, False])
def test_truncated_pixels(tmp_path, write_raw, small_camera, kept, pixels):
    path = write_raw(tmp_path / NAME)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(FrameError, match=r"truncated or still being written, holds \d+ bytes.*expected 6144"):
        read_frame(path, small_camera, pixels=pixels)


def test_missing_file(tmp_path, small_camera):
    with pytest.raises(FrameError, match="not readable, No such file"):
        read_frame(tmp_path / NAME, small_camera)


def test_pipe_does_not_hang(tmp_path, small_camera):
    os.mkfifo(tmp_path / NAME)
    with pytest.raises(FrameError, match="not a file"):
        read_frame(tmp_path / NAME, small_camera)


def test_folder_named_like_a_frame(tmp_path, small_camera):
    (tmp_path / NAME).mkdir()
    with pytest.raises(FrameError, match="not a file"):
        read_frame(tmp_path / NAME, small_camera)


def test_wrong_shape_is_refused_before_its_pixels(tmp_path, small_camera):
    """The header announces 40 GB; nothing of that size may be asked for."""
    header = fits.Header({"SIMPLE": True, "BITPIX": 16, "NAXIS": 2, "NAXIS1": 200000, "NAXIS2": 100000})
    (tmp_path / NAME).write_bytes(header.tostring().encode())
    with pytest.raises(FrameError, match="200000x100000 px, expected 64x48"):
        read_frame(tmp_path / NAME, small_camera)


def test_pixels_that_are_not_numbers(tmp_path, write_raw, small_camera):
    data = np.zeros((48, 64), dtype=np.float32)
    data[3, 4] = np.nan
    with pytest.raises(FrameError, match="pixels that are not numbers"):
        read_frame(write_raw(tmp_path / NAME, data), small_camera)


@pytest.mark.parametrize(
    ("cards", "message"),
    [
        (
            {"DATE_OBS": None},
            "no DATE-OBS in the header, expected UTC as 2024-07-06T07:27:37.751",
        ),
        ({"DATE_OBS": "06/07/24"}, "DATE-OBS is '06/07/24', a date alone; expected UTC as .*one of TIME-OBS, UT"),
        ({"DATE_OBS": "2024-07-06"}, "DATE-OBS is '2024-07-06', a date alone"),
        ({"DATE_OBS": "2024-13-06T00:00:00"}, "DATE-OBS is '2024-13-06T00:00:00', expected UTC"),
        ({"DATE_OBS": "0001-01-01T00:00:00"}, "DATE-OBS is '0001-01-01T00:00:00', expected UTC"),
        ({"DATE_OBS": 5.0}, "DATE-OBS is '5.0', expected UTC"),
        ({"EXPTIME": None}, "no EXPTIME in the header, expected a number"),
        ({"EXPTIME": "NaN"}, "EXPTIME is 'NaN', expected a finite number"),
        ({"EXPTIME": True}, "EXPTIME is 'True', expected a finite number"),
        ({"EXPTIME": 0.0}, "EXPTIME is 0 s, expected more than 0"),
        ({"EXPTIME": -10}, "EXPTIME is -10 s, expected more than 0"),
        ({"READMODE": "12-bit fast"}, "READMODE is '12-bit fast', expected one with 'HDR'"),
    ],
)
def test_header_that_makes_no_sense(tmp_path, write_raw, small_camera, cards, message):
    path = write_raw(tmp_path / NAME, **cards)
    with pytest.raises(FrameError, match=message) as error:
        read_frame(path, small_camera, pixels=False)
    assert NAME in str(error.value)


def test_card_that_cannot_be_parsed(tmp_path, write_raw, small_camera):
    path = write_raw(tmp_path / NAME)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"EXPTIME =                 10.0", b"EXPTIME =              10.0 s."))
    with pytest.raises(HeaderError, match="EXPTIME"):
        read_frame(path, small_camera)


@pytest.mark.parametrize(
    ("cards", "pointing"),
    [
        ({"TELRAD": 31.25, "TELDECD": 46.5, "TELRA": "00:00:00", "TELDEC": "00:00:00"}, (31.25, 46.5)),
        ({"TELRA": "02:05:00", "TELDEC": "-46:30:00"}, (31.25, -46.5)),
        ({"TELRA": 31.25, "TELDEC": -46.5}, (31.25, -46.5)),
        ({"TELRA": "31.25", "TELDEC": "-46.5"}, (31.25, -46.5)),
        ({"TELRAD": "nonsense", "TELDECD": 1.0, "TELRA": "02 05 00", "TELDEC": "-00 30 00"}, (31.25, -0.5)),
        ({"TELRAD": 400.0, "TELDECD": 1.0}, None),
        ({"TELRAD": 10.0}, None),
        ({}, None),
    ],
)
def test_pointing(cards, pointing):
    assert pointing_of(fits.Header(cards), HeaderNames()) == pytest.approx(pointing)


def test_cards_are_written_and_pixels_stay(tmp_path, write_raw):
    path = write_raw(tmp_path / NAME, np.random.default_rng(1).integers(0, 65536, (48, 64), dtype=np.uint16))
    pixels = fits.getdata(path)
    checksum = data_checksum(path)
    cards = [(f"KEY{i}", i / 3, "a card") for i in range(200)]  # needs more header blocks
    assert write_cards(path, cards, remove=["ALTITUDE"])
    header = fits.getheader(path)
    assert [header[key] for key, _, _ in cards] == [value for _, value, _ in cards]
    assert "ALTITUDE" not in header
    assert data_checksum(path) == checksum
    np.testing.assert_array_equal(fits.getdata(path), pixels)


def test_units_behind_the_first_are_kept(tmp_path):
    path = tmp_path / NAME
    fits.HDUList([fits.PrimaryHDU(np.ones((4, 5))), fits.ImageHDU(np.full((3, 3), 7.0))]).writeto(path)
    write_cards(path, [("A", 1, "")])
    np.testing.assert_array_equal(fits.getdata(path, 1), np.full((3, 3), 7.0))


def test_checksum_that_no_longer_holds_goes(tmp_path):
    path = tmp_path / NAME
    fits.PrimaryHDU(np.ones((4, 5))).writeto(path, checksum=True)
    write_cards(path, [("A", 1, "")])
    header = fits.getheader(path)
    assert "CHECKSUM" not in header
    assert "DATASUM" in header


def test_second_writing_of_the_same_cards_touches_nothing(tmp_path, write_raw):
    path = write_raw(tmp_path / NAME)
    write_cards(path, [("AIRMASS", 1.2, "at start")])
    before = path.stat()
    assert not write_cards(path, [("AIRMASS", 1.2, "at start")])
    assert path.stat().st_ino == before.st_ino


def test_time_stamp_and_mode_of_the_file_stay(tmp_path, write_raw):
    path = write_raw(tmp_path / NAME)
    os.utime(path, (1.7e9, 1.7e9))
    path.chmod(0o640)
    write_cards(path, [("A", 1, "")])
    assert path.stat().st_mtime == 1.7e9
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_read_only_folder_user(tmp_path, write_raw):
    path = write_raw(tmp_path / NAME)
    tmp_path.chmod(0o555)
    with pytest.raises(WriteError, match="not written"):
        write_cards(path, [("A", 1, "")])


@given(position=st.integers(0, 2879), byte=st.integers(0, 255))
def test_one_wrong_byte_in_a_header_never_gets_further_than_a_frame_error(tmp_path_factory, position, byte):
    folder = tmp_path_factory.mktemp("fuzz")
    header = fits.Header({"SIMPLE": True, "BITPIX": 16, "NAXIS": 2, "NAXIS1": 4, "NAXIS2": 3, "BZERO": 32768})
    content = bytearray(header.tostring().encode() + bytes(2880))
    content[position] = byte
    path = folder / NAME
    path.write_bytes(bytes(content))
    try:
        data, _ = read_image(path, shape=(3, 4))
    except FrameError as error:
        assert NAME in str(error)
    else:
        assert data.shape == (3, 4)


def test_frame_that_is_still_written_to_is_never_replaced(tmp_path, write_raw, monkeypatch):
    """The camera would go on writing into a file that no longer has a name."""
    path = write_raw(tmp_path / NAME)
    real = writing._write_behind

    def camera_writes_on(*arguments):
        real(*arguments)
        with path.open("ab") as file:
            file.write(bytes(2880))

    monkeypatch.setattr(writing, "_write_behind", camera_writes_on)
    inode = path.stat().st_ino
    with pytest.raises(FrameError, match="changed while its header was written"):
        write_cards(path, [("A", 1, "")])
    assert path.stat().st_ino == inode
    assert [entry.name for entry in tmp_path.iterdir()] == [NAME]
