"""The projections against plain donuts, its tiles against numpy and scikit-image."""

import warnings

import numpy as np
import pytest
from astropy.io import fits

from ngcmos.config import load_camera
from ngcmos.qc.projection import ProjectedImage, interpolate_tiles, measure_tile_medians
from ngcmos.qc.shifts import build_reference, measure_shift

AGREE_PX = 0.005


def open_plainly(path, settings, **options):
    """donuts itself with its reference read from a file."""
    from donuts import Donuts

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # donuts tells which rows it leaves out
        return Donuts(
            str(path),
            exposure="EXPTIME",
            border=settings.border_px,
            ntiles=settings.tiles,
            prescan_width=settings.prescan_px,
            overscan_width=settings.overscan_px,
            **options,
        )


def measure_plainly(paths, settings, **options):
    """(x, y) of the second file against the first by donuts itself, from the files."""
    plain = open_plainly(paths[0], settings, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy's, of masked arrays
        image = plain.measure_shift(str(paths[1]))
    return float(image.x.value), float(image.y.value)


def write(path, data, exptime):
    fits.PrimaryHDU(data, fits.Header({"EXPTIME": exptime})).writeto(path)
    return path


@pytest.mark.parametrize("shape", [(2048, 2048), (770, 815)])
def test_shift_agrees_with_plain_donuts(make_sky, settings, tmp_path, shape):
    sky = make_sky(shape=shape, stars=1500)
    first, second = sky.expose(noise=1), sky.expose(-3.3, 7.6, noise=2)
    x, y = measure_plainly(
        [write(tmp_path / "1.fits", first, 10.0), write(tmp_path / "2.fits", second, 12.0)], settings
    )
    shift = measure_shift(build_reference(first, 10.0, settings), second, 12.0)
    assert (shift.x, shift.y) == pytest.approx((x, y), abs=AGREE_PX)


def test_projections_of_a_long_chip_are_those_of_donuts(make_sky, settings, tmp_path):
    path = write(tmp_path / "1.fits", make_sky(shape=(500, 1100)).expose(), 10.0)
    plain, ours = (
        open_plainly(path, settings, **options).reference_image
        for options in ({}, {"image_class": ProjectedImage})
    )
    for axis in ("proj_x", "proj_y"):
        expected = np.ma.getdata(getattr(plain, axis))
        assert getattr(ours, axis) == pytest.approx(expected, abs=1e-4 * np.ptp(expected))


def test_sky_gradient_is_taken_out_as_donuts_does(sky, settings, tmp_path):
    ramp = np.add.outer(np.arange(768) * 3, np.arange(768)).astype(np.uint16)
    first, second = sky.expose(noise=1), sky.expose(0.4, -0.3, noise=2) + ramp
    x, y = measure_plainly(
        [write(tmp_path / "1.fits", first, 10.0), write(tmp_path / "2.fits", second, 10.0)], settings
    )
    shift = measure_shift(build_reference(first, 10.0, settings), second, 10.0)
    assert (shift.x, shift.y) == pytest.approx((x, y), abs=AGREE_PX)


def test_class_serves_donuts_itself(sky, settings, tmp_path):
    paths = [write(tmp_path / "1.fits", sky.expose(noise=1), 10.0)]
    paths.append(write(tmp_path / "2.fits", sky.expose(2.2, -1.4, noise=2), 10.0))
    plain = measure_plainly(paths, settings)
    assert measure_plainly(paths, settings, image_class=ProjectedImage) == pytest.approx(plain, abs=AGREE_PX)


@pytest.mark.real
@pytest.mark.parametrize("number", [1, 14, 29])
def test_shift_of_real_frames_agrees_with_plain_donuts(real_data, number):
    camera = load_camera("microobservatory")
    frames = sorted((real_data / "hatp32" / "20171219").glob("NG*.fits"))
    paths = [frames[0], frames[number]]
    first, second = (fits.getdata(path) for path in paths)
    shift = measure_shift(build_reference(first, 60.0, camera.donuts), second, 60.0)
    assert (shift.x, shift.y) == pytest.approx(measure_plainly(paths, camera.donuts), abs=AGREE_PX)


@pytest.mark.parametrize("tile", [(5, 7), (6, 7), (8, 8)])
@pytest.mark.parametrize("kind", [np.uint16, np.float32])
def test_tile_medians_are_those_of_numpy(tile, kind):
    region = np.random.default_rng(5).normal(1000, 50, (4 * tile[0], 4 * tile[1])).astype(kind)
    expected = [
        [np.median(block) for block in np.split(strip, 4, axis=1)] for strip in np.split(region, 4, axis=0)
    ]
    assert measure_tile_medians(region, 4) == pytest.approx(np.array(expected), rel=1e-7)


def test_tiles_are_interpolated_as_scikit_image_does():
    from skimage.transform import resize

    coarse = np.random.default_rng(6).normal(size=(8, 8))
    ours = interpolate_tiles(96, 8) @ coarse @ interpolate_tiles(72, 8).T
    assert ours == pytest.approx(resize(coarse, (96, 72), mode="edge"), abs=1e-12)


def test_pixel_mask_is_refused():
    image = ProjectedImage(np.ma.array(np.ones((9, 9)), mask=np.eye(9, dtype=bool)))
    with pytest.raises(ValueError, match="masks are not supported"):
        image.preconstruct_hook()
