"""Combining, calibrating, flats and bad pixels, on arrays alone."""

import dataclasses
import types

import numpy as np
import pytest

from ngcmos.calibration.reduce import bad_pixels, calibrate, combine, edge_mask, normalise_flat, subtract_dark
from ngcmos.config import load_camera
from ngcmos.errors import MasterError

SHAPE = (70, 50)


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def masters_of(bias=100.0, dark=2.0, flat=1.0):
    values = {"bias": bias, "dark": dark, "flat": flat}
    return types.SimpleNamespace(
        **{key: np.broadcast_to(value, SHAPE).astype(np.float32) for key, value in values.items()}
    )


@pytest.mark.parametrize("count", [1, 2, 5, 6, 21])
def test_combine_is_the_median_of_each_pixel(rng, count):
    frames = [rng.integers(0, 65536, SHAPE).astype(np.uint16) for _ in range(count)]
    assert np.array_equal(combine(frames, SHAPE, rows_per_block=16), np.median(frames, axis=0).astype(np.float32))


def test_combine_gives_float32(rng):
    assert combine([rng.integers(0, 9, SHAPE).astype(np.uint16)] * 3, SHAPE).dtype == np.float32


def test_combine_takes_functions_of_rows(rng):
    frames = [rng.normal(size=SHAPE).astype(np.float32) for _ in range(5)]
    lazy = [lambda rows, frame=frame: frame[rows] * 2 for frame in frames]
    assert np.allclose(combine(lazy, SHAPE), 2 * np.median(frames, axis=0))


def test_combine_leaves_its_frames_alone(rng):
    frames = [rng.normal(size=SHAPE).astype(np.float32) for _ in range(3)]
    copies = [frame.copy() for frame in frames]
    combine(frames, SHAPE)
    assert all(np.array_equal(frame, copy) for frame, copy in zip(frames, copies, strict=True))


def test_a_star_on_one_of_five_frames_is_gone(rng):
    frames = [np.full(SHAPE, 100, np.uint16) for _ in range(5)]
    frames[2][10:14, 10:14] = 60000
    assert np.all(combine(frames, SHAPE) == 100)


def test_combine_of_nothing_is_refused():
    with pytest.raises(MasterError, match="no frames to combine"):
        combine([], SHAPE)


def test_calibrate_takes_off_bias_and_dark_and_divides(rng):
    bias, dark, flat = rng.normal(100, 3, SHAPE), rng.uniform(0, 5, SHAPE), rng.uniform(0.5, 1.5, SHAPE)
    raw = rng.integers(0, 65536, SHAPE).astype(np.uint16)
    image = calibrate(raw, 12.5, masters_of(bias, dark, flat))
    assert np.allclose(image, (raw.astype(float) - bias - dark * 12.5) / flat, atol=0.02)


@pytest.mark.parametrize("slope", [0.99, 1.0, 1.002])
def test_counts_above_the_gain_step_are_brought_to_the_slope_below_it(rng, slope):
    """Light through a camera of two slopes comes out as it fell in, dark and flat taken off after the slope."""
    detector = dataclasses.replace(load_camera().detector, high_range_slope=slope)
    light, dark, flat = rng.uniform(0, 20000, SHAPE), rng.uniform(0, 5, SHAPE), rng.uniform(0.9, 1.1, SHAPE)
    counts = light * flat + dark * 10.0
    raw = 100.0 + np.where(counts > 1700, counts * slope, counts)
    image = calibrate(raw, 10.0, masters_of(100.0, dark, flat), detector=detector)
    assert (raw > 1800).mean() > 0.8
    clear = np.abs(raw - 1800) > 20  # at the step itself it is the pixel that says which slope it had
    assert np.allclose(image[clear], light[clear], atol=0.02)


def test_the_slope_costs_nothing_where_it_is_one(rng):
    raw = rng.integers(0, 65536, SHAPE).astype(np.uint16)
    plain = calibrate(raw, 10.0, masters_of())
    assert np.array_equal(calibrate(raw, 10.0, masters_of(), detector=load_camera().detector), plain)


def test_counts_below_the_bias_come_out_negative():
    assert calibrate(np.full(SHAPE, 90, np.uint16), 0.0, masters_of())[0, 0] == -10.0


def test_calibrate_gives_float32_and_leaves_the_frame_alone():
    raw = np.full(SHAPE, 500, np.uint16)
    image = calibrate(raw, 10.0, masters_of())
    assert image.dtype == np.float32
    assert np.all(raw == 500)


def test_calibrate_leaves_the_masters_alone():
    masters = masters_of()
    calibrate(np.full(SHAPE, 500, np.uint16), 10.0, masters)
    assert np.all(masters.bias == 100)
    assert np.all(masters.dark == 2)


def test_the_dark_counts_by_the_second():
    raw = np.full(SHAPE, 500, np.uint16)
    assert subtract_dark(raw, 10.0, masters_of().bias, masters_of().dark)[0, 0] == 380.0
    assert subtract_dark(raw, 60.0, masters_of().bias, masters_of().dark)[0, 0] == 280.0


def test_a_frame_of_another_shape_is_refused():
    with pytest.raises(MasterError, match=r"frame of \(3, 4\) pixels, expected \(70, 50\)"):
        calibrate(np.zeros((3, 4), np.uint16), 1.0, masters_of())


def test_a_normalised_flat_has_median_one(rng):
    flat, unusable = normalise_flat(rng.uniform(20000, 30000, SHAPE).astype(np.float32))
    assert np.median(flat) == pytest.approx(1.0, abs=1e-6)
    assert not unusable.any()


@pytest.mark.parametrize("value", [0.0, -3.0, np.nan, np.inf, -np.inf])
def test_an_unusable_flat_pixel_is_one_and_marked(value):
    response = np.full(SHAPE, 2.0, np.float32)
    response[4, 7] = value
    flat, unusable = normalise_flat(response)
    assert np.all(flat == 1.0)
    assert np.argwhere(unusable).tolist() == [[4, 7]]


def test_a_flat_without_light_is_refused():
    with pytest.raises(MasterError, match="0 of 3500 pixels are positive"):
        normalise_flat(np.zeros(SHAPE, np.float32))


def noisy_masters(rng):
    return rng.normal(100, 1, SHAPE), rng.normal(1.4, 0.1, SHAPE), rng.normal(1, 0.01, SHAPE)


def test_ordinary_pixels_are_not_bad(rng):
    assert not bad_pixels(*noisy_masters(rng)).any()


def test_masters_without_noise_have_no_bad_pixels():
    assert not bad_pixels(np.full(SHAPE, 300.0), np.zeros(SHAPE), np.ones(SHAPE)).any()


def test_the_noise_of_a_camera_without_dark_current_makes_no_bad_pixels(rng):
    assert not bad_pixels(np.full(SHAPE, 300.0), rng.normal(0.0, 0.1, SHAPE), np.ones(SHAPE)).any()


def test_a_warm_pixel_is_left_to_the_dark(rng):
    bias, dark, flat = noisy_masters(rng)
    dark[3, 3] = 14.0
    assert not bad_pixels(bias, dark, flat).any()


@pytest.mark.parametrize(
    ("master", "value"), [(0, 5000.0), (0, np.nan), (1, 90.0), (1, np.nan), (2, 0.2), (2, 3.0)]
)
def test_a_pixel_far_off_in_one_master_is_bad(rng, master, value):
    masters = noisy_masters(rng)
    masters[master][3, 8] = value
    assert np.argwhere(bad_pixels(*masters)).tolist() == [[3, 8]]


def test_vignetting_makes_no_bad_pixels():
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    flat = 1 / (1 + ((x - 25) / 20) ** 2 + ((y - 35) / 30) ** 2)
    assert flat.min() < 0.4
    assert not bad_pixels(np.full(SHAPE, 100.0), np.full(SHAPE, 1.0), flat).any()


def test_the_edges_of_the_profile_are_masked():
    detector = dataclasses.replace(load_camera().detector, rows=6, columns=8, bad_edge_px=(1, 2, 0, 3))
    expected = np.array([[True] + [False] * 5 + [True] * 2] * 3 + [[True] * 8] * 3)
    assert np.array_equal(edge_mask(detector), expected)


def test_no_bad_edges_mask_nothing():
    detector = dataclasses.replace(load_camera().detector, rows=6, columns=8)
    assert not edge_mask(detector).any()
