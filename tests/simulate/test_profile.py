"""The profile of a simulated camera."""

import dataclasses

import pytest

from ngcmos.config import load_camera
from ngcmos.errors import UsageError
from ngcmos.simulate.profile import resize_camera, write_camera


@pytest.mark.parametrize("name", ["ngts_cmos", "microobservatory"])
def test_a_profile_written_is_read_back_as_it_was(tmp_path, name):
    camera = load_camera(name)
    write_camera(tmp_path / "camera.toml", camera)
    assert load_camera(tmp_path / "camera.toml") == camera


def test_odd_text_survives(tmp_path, camera):
    odd = dataclasses.replace(
        camera, name='a "b" \\c ±', catalog=dataclasses.replace(camera.catalog, local=("/x y/ü",))
    )
    write_camera(tmp_path / "camera.toml", odd)
    assert load_camera(tmp_path / "camera.toml") == odd


def test_a_small_camera_is_written_and_read_back(tmp_path, camera):
    small = resize_camera(camera, 256)
    write_camera(tmp_path / "camera.toml", small)
    assert load_camera(tmp_path / "camera.toml") == small


def test_size_is_that_of_rows_and_columns(camera):
    assert resize_camera(camera, 512).detector.shape == (512, 512)


def test_the_own_size_changes_nothing(camera):
    assert resize_camera(camera, 2048) == camera


def test_borders_of_donuts_shrink_with_the_chip(camera):
    donuts = resize_camera(camera, 512).donuts
    assert (donuts.border_px, donuts.overscan_px, donuts.prescan_px, donuts.tiles) == (16, 5, 5, 8)


def test_fewer_objects_are_needed_on_a_small_chip(camera):
    assert resize_camera(camera, 1024).detection.min_objects == 50


def test_the_catalog_box_covers_the_chip(camera):
    small = resize_camera(camera, 512)
    assert 512 * 4.05 / 3600 < small.catalog.box_deg < 2 * 512 * 4.05 / 3600


def test_too_small_a_chip_is_refused(camera):
    with pytest.raises(UsageError, match="size is 63, expected at least 64"):
        resize_camera(camera, 63)
