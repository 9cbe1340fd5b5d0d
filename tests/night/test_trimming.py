"""Overscan, trim and pedestal: what is the image of a frame, and what lies under its light."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from ngcmos.calibrating import Calibration
from ngcmos.config import load_camera
from ngcmos.errors import FrameError
from ngcmos.night.trimming import shape_of_file, trim, without_zero

ROWS, COLUMNS = 6, 8
FRAME = Path("a.fits")


@pytest.fixture
def camera():
    """An image of 8x6 px between 3 columns at each side."""
    profile = load_camera()
    detector = dataclasses.replace(profile.detector, rows=ROWS, columns=COLUMNS)
    own = Calibration(overscan="[12:14,1:6]", trim="[4:11,1:6]")
    return dataclasses.replace(profile, detector=detector, calibration=own)


def frame(levels):
    """Light of 1000 + 10 times the column on a level for each row."""
    whole = np.repeat(np.asarray(levels, float)[:, None] * np.ones((ROWS, 1)), COLUMNS + 6, axis=1)
    whole[:, 3:-3] += 1000 + 10 * np.arange(COLUMNS)
    return whole.astype(np.uint16)


LIGHT = np.repeat(1000.0 + 10 * np.arange(COLUMNS)[None], ROWS, axis=0)


def test_image_lies_between_the_columns_and_its_level_is_that_of_the_overscan(camera):
    data, zero = trim(frame([300] * ROWS), {}, camera, FRAME)
    assert data.dtype == np.uint16
    assert np.array_equal(without_zero(data, zero), LIGHT)


def test_level_of_each_row(camera):
    own = dataclasses.replace(camera.calibration, overscan_by="row")
    data, zero = trim(frame(300 + 7 * np.arange(ROWS)), {}, dataclasses.replace(camera, calibration=own), FRAME)
    assert np.array_equal(without_zero(data, zero), LIGHT)


def test_a_level_of_each_row_needs_all_rows(camera):
    own = dataclasses.replace(camera.calibration, overscan_by="row", overscan="[12:14,1:3]")
    with pytest.raises(FrameError, match="must hold all rows"):
        trim(frame([300] * ROWS), {}, dataclasses.replace(camera, calibration=own), FRAME)


def test_frame_without_the_sections_is_refused(camera):
    with pytest.raises(
        FrameError, match=r"a\.fits: 8x6 px, expected one that holds calibration\.trim '\[4:11,1:6\]'"
    ):
        trim(np.zeros((ROWS, COLUMNS), np.uint16), {}, camera, FRAME)


@pytest.mark.parametrize(("said", "zero"), [(-100, 100.0), ("-100.0", 100.0), (None, 0.0)])
def test_pedestal_is_what_a_program_added(said, zero):
    """The card says what to add to take it off."""
    header = {} if said is None else {"PEDESTAL": said}
    data = np.full((2, 2), 500, np.uint16)
    assert trim(data, header, load_camera(), FRAME) == (pytest.approx(data), zero)


def test_whole_frames_are_left_as_they_are():
    data = np.full((2, 2), 500, np.uint16)
    assert without_zero(*trim(data, {}, load_camera(), FRAME)) is data
    assert shape_of_file(load_camera()) == (2048, 2048)


@pytest.mark.parametrize("section", ["1:20,1:40", "[20:1,1:40]", "[0:20,1:40]", "[1:20]"])
def test_what_is_no_section_is_refused(section):
    with pytest.raises(ValidationError, match="must be a section"):
        Calibration(trim=section)


def test_trim_must_leave_the_detector(camera):
    with pytest.raises(ValidationError, match=r"calibration\.trim must leave detector\.columns x detector\.rows"):
        dataclasses.replace(camera, calibration=Calibration(trim="[4:12,1:6]"))


@pytest.fixture
def small():
    """A camera of small frames that are images as they are, in counts."""
    profile = load_camera()
    return dataclasses.replace(profile, detector=dataclasses.replace(profile.detector, rows=ROWS, columns=COLUMNS))


def in_units(camera, adu_per_unit):
    return dataclasses.replace(camera, detector=dataclasses.replace(camera.detector, adu_per_unit=adu_per_unit))


def test_pixels_from_0_to_1_become_counts_where_the_profile_says_so(small):
    data, zero = trim((LIGHT / 65535).astype(np.float32), {"PEDESTAL": -100}, in_units(small, 65535), FRAME)
    assert data.dtype == np.float32
    np.testing.assert_allclose(without_zero(data, zero), LIGHT - 100, atol=1e-3)


def test_pixels_from_0_to_1_are_no_counts(small):
    with pytest.raises(FrameError, match=r"a\.fits: pixels lie between 0 and 1, .*detector\.adu_per_unit = 65535"):
        trim((LIGHT / 65535).astype(np.float32), {}, small, FRAME)


def test_counts_are_no_pixels_from_0_to_1(small):
    with pytest.raises(FrameError, match=r"a\.fits: pixels go up to 1070, expected 0 to 1"):
        trim(LIGHT.astype(np.uint16), {}, in_units(small, 65535), FRAME)


@pytest.mark.parametrize("pixels", [np.zeros((ROWS, COLUMNS), np.float32), np.ones((ROWS, COLUMNS), np.uint8)])
def test_an_empty_image_and_few_whole_counts_stay_as_they_are(small, pixels):
    assert trim(pixels, {}, small, FRAME)[0] is pixels
