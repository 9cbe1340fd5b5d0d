"""Stars of known counts measured back; photutils and Monte Carlo as witnesses."""

import dataclasses

import numpy as np
import pytest
from astropy.stats import SigmaClip
from photutils.aperture import ApertureStats, CircularAnnulus, CircularAperture, aperture_photometry

from ngcmos.config import Photometry, load_camera
from ngcmos.errors import FrameError
from ngcmos.names import Flag, flag_names
from ngcmos.photometry.apertures import Exposure, measure

SHAPE = (300, 320)
RADII = (2.0, 3.0, 4.0, 5.0, 6.0)
SKY = 400.0
SIGMA = 0.9


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def grid(rng, step=40):
    """Positions of stars far from each other, anywhere within their pixels."""
    y, x = np.mgrid[step : SHAPE[0] - step + 1 : step, step : SHAPE[1] - step + 1 : step].reshape(2, -1)
    return x + rng.uniform(-0.5, 0.5, x.size), y + rng.uniform(-0.5, 0.5, y.size)


def settings(radii=RADII, method="map"):
    return Photometry(radii_px=radii, annulus_px=(15.0, 20.0), sky_method=method, mesh_px=64)


def run(image, x, y, detector, *, raw=None, bad=None, exptime_s=10.0, radii=RADII, sky_method="map", **options):
    image = np.asarray(image, np.float32)
    raw = np.clip(image + 100, 0, 65535).astype(np.uint16) if raw is None else raw
    exposure = Exposure(image, raw, exptime_s, bad)
    return measure(exposure, x, y, settings=settings(radii, sky_method), detector=detector, **options)


def enclosed(radius):
    """Share of a Gaussian star within a radius; its pixels widen it by 1/12."""
    return 1 - np.exp(-(radius**2) / (2 * (SIGMA**2 + 1 / 12)))


def expose(rng, electrons, detector):
    """Counts as the camera gives them: Poisson electrons, read noise, whole ADU."""
    read = rng.normal(0, detector.read_noise_e, electrons.shape)
    return np.rint((rng.poisson(electrons) + read) / detector.gain_e_adu)


def test_sums_are_those_of_photutils(rng, detector):
    image = rng.uniform(0, 1000, SHAPE).astype(np.float32)
    x, y = rng.uniform(10, 280, (2, 50))
    result = run(image, x, y, detector)
    for row, radius in enumerate(RADII):
        apertures = CircularAperture(np.transpose([x, y]), radius)
        expected = aperture_photometry(image.astype(float), apertures, method="exact")["aperture_sum"]
        assert np.allclose(result.flux_w_sky[row], expected, rtol=1e-6)


def test_a_positions_pixel_is_the_one_numpy_counts(detector):
    image = np.zeros(SHAPE)
    image[100, 200] = 1000.0
    result = run(image, [200.0], [100.0], detector, radii=(1.0,))
    assert result.flux_w_sky[0, 0] == pytest.approx(1000.0)


def test_a_shift_of_one_pixel_is_noticed(rng, detector, paint):
    x, y = grid(rng)
    image = paint(SHAPE, x, y, np.full(x.size, 1e5), sky=SKY, sigma=SIGMA)
    right, wrong = run(image, x, y, detector), run(image, x + 1, y + 1, detector)
    assert np.all(wrong.flux[0] < 0.9 * right.flux[0])


@pytest.mark.parametrize("method", ["map", "annulus", "mean"])
def test_lonely_stars_are_measured_right(rng, detector, paint, method):
    x, y = grid(rng)
    image = paint(SHAPE, x, y, np.full(x.size, 1e4), sky=SKY, sigma=SIGMA)
    result = run(image, x, y, detector, sky_method=method)
    for row, radius in enumerate(RADII[1:], start=1):
        assert np.allclose(result.flux[row], 1e4 * enclosed(radius), rtol=0.01)


def test_the_sky_is_what_lies_between_both_fluxes(rng, detector, paint):
    x, y = grid(rng)
    result = run(paint(SHAPE, x, y, np.full(x.size, 1e4), sky=SKY), x, y, detector)
    area = np.pi * np.square(RADII)[:, None]
    assert np.allclose(result.flux_w_sky - result.flux, area * result.sky)
    assert np.allclose(result.sky, SKY, rtol=1e-3)


def test_a_slope_of_the_sky_is_followed_by_the_map(detector):
    slope = 300 + np.add.outer(0.3 * np.arange(SHAPE[0]), 0.2 * np.arange(SHAPE[1]))
    x, y = np.array([100.0, 160.0, 220.0]), np.array([90.0, 150.0, 200.0])
    result = run(slope, x, y, detector)
    assert np.allclose(result.sky, 300 + 0.3 * y + 0.2 * x, atol=1.5)


@pytest.fixture
def crowded(rng, paint):
    """(image, x, y, flux): bright neighbours in the annulus of every star."""
    x, y = grid(rng, step=50)
    angle = rng.uniform(0, 2 * np.pi, x.size)
    around_x, around_y = x + 17 * np.cos(angle), y + 17 * np.sin(angle)
    flux = np.full(x.size, 3000.0)
    everything = np.r_[x, around_x], np.r_[y, around_y], np.r_[flux, np.full(x.size, 3e5)]
    image = paint(SHAPE, *everything, sky=SKY, sigma=SIGMA)
    return image + rng.normal(0, 20, SHAPE), x, y, flux


@pytest.mark.parametrize("method", ["map", "annulus"])
def test_neighbours_do_not_spoil_the_sky(crowded, detector, method):
    image, x, y, _ = crowded
    assert np.abs(np.median(run(image, x, y, detector, sky_method=method).sky) - SKY) < 2


def test_neighbours_spoil_the_old_mean(crowded, detector):
    image, x, y, _ = crowded
    assert np.median(run(image, x, y, detector, sky_method="mean").sky) > SKY + 300


def test_the_clipped_annulus_is_that_of_photutils(crowded, detector):
    image, x, y, _ = crowded
    rings = CircularAnnulus(np.transpose([np.rint(x), np.rint(y)]), 15, 20)
    expected = ApertureStats(image, rings, sigma_clip=SigmaClip(sigma=3.0), sum_method="center").median
    result = run(image, np.rint(x), np.rint(y), detector, sky_method="annulus")
    error = 20 * np.sqrt(np.pi / 2 / 550)
    assert np.abs(result.sky - expected).max() < error


def test_the_rms_of_the_sky_is_that_of_its_pixels(rng, detector):
    image = rng.normal(SKY, 20.0, SHAPE)
    x, y = grid(rng)
    for method in ("map", "annulus", "mean"):
        assert np.median(run(image, x, y, detector, sky_method=method).sky_rms) == pytest.approx(20.0, rel=0.05)


@pytest.mark.parametrize("method", ["map", "annulus"])
@pytest.mark.parametrize("level", [60.0, 60.3, 60.5, 60.8])
def test_a_quiet_sky_does_not_snap_to_whole_counts(rng, detector, method, level):
    image = np.rint(rng.normal(level, 1.0, SHAPE))
    x, y = grid(rng)
    sky = run(image, x, y, detector, sky_method=method).sky
    assert np.median(sky) == pytest.approx(level, abs=0.1)
    assert np.std(sky) < 0.12


@pytest.mark.parametrize("method", ["map", "annulus"])
@pytest.mark.parametrize("counts", [300.0, 30000.0])
def test_the_error_is_the_scatter_of_many_exposures(rng, detector, paint, method, counts):
    x, y = grid(rng)
    light = paint(SHAPE, x, y, np.full(x.size, counts), sky=SKY, sigma=SIGMA) * detector.gain_e_adu
    dark = detector.dark_e_s * 10.0
    fluxes, errors = [], []
    for _ in range(60):
        image = expose(rng, light + dark, detector) - dark / detector.gain_e_adu
        result = run(image, x, y, detector, sky_method=method)
        fluxes.append(result.flux)
        errors.append(result.fluxerr)
    scatter = np.sqrt(np.var(fluxes, axis=0, ddof=1).mean(axis=-1))
    # 42 stars of 60 exposures: the scatter is known to 1.4 %
    assert np.allclose(scatter / np.mean(errors, axis=(0, 2)), 1.0, atol=0.06)


def test_the_error_grows_with_the_skys_own_error(rng, detector):
    image = rng.normal(SKY, 20.0, SHAPE)
    x, y = grid(rng)
    result = run(image, x, y, detector, sky_method="annulus")
    assert np.all(result.fluxerr > result.fluxerr_w_sky)


def test_an_error_is_never_zero_or_missing(rng, detector):
    image = rng.normal(-50.0, 5.0, SHAPE)
    x, y = grid(rng)
    result = run(image, x, y, detector)
    assert np.all(result.flux_w_sky < 0)
    assert np.all(result.fluxerr > 0)
    assert np.all(result.fluxerr_w_sky > 0)


def test_the_largest_raw_count_is_that_of_the_aperture(detector):
    raw = np.full(SHAPE, 500, np.uint16)
    raw[100, 100], raw[103, 100], raw[100, 107] = 7000, 20000, 60000
    result = run(np.zeros(SHAPE), [100.2], [100.0], detector, raw=raw)
    assert result.max_pixel_value[:, 0].tolist() == [7000, 20000, 20000, 20000, 20000]


def test_the_largest_raw_count_is_that_of_a_slow_search(rng, detector):
    raw = rng.integers(0, 65536, SHAPE).astype(np.uint16)
    x, y = rng.uniform(-0.4, 299.4, (2, 40))
    result = run(np.zeros(SHAPE), x, y, detector, raw=raw)
    row, column = np.mgrid[: SHAPE[0], : SHAPE[1]]
    for index, radius in enumerate(RADII):
        inside = [np.hypot(column - at_x, row - at_y) <= radius + 0.5 for at_x, at_y in zip(x, y, strict=True)]
        assert result.max_pixel_value[index].tolist() == [raw[mask].max() for mask in inside]


def test_a_pixel_at_the_far_corner_of_the_largest_aperture_is_seen(detector):
    raw = np.full(SHAPE, 500, np.uint16)
    raw[105, 105] = 9000
    result = run(np.zeros(SHAPE), [100.5], [100.5], detector, raw=raw)
    assert result.max_pixel_value[:, 0].tolist() == [500, 500, 500, 500, 9000]


def test_nothing_is_seen_beyond_the_edge(detector):
    raw = np.full(SHAPE, 500, np.uint16)
    raw[0, 0] = raw[-1, -1] = 65535
    result = run(np.zeros(SHAPE), [2.0, 317.0], [150.0, 150.0], detector, raw=raw)
    assert np.all(result.max_pixel_value == 500)


def flags_with(detector, *, raw_value=None, at=(100, 100), x=100.0, y=100.0, bad=None, image=None, **options):
    raw = np.full(SHAPE, 600, np.uint16)
    if raw_value is not None:
        raw[at] = raw_value
    image = np.full(SHAPE, 500.0) if image is None else image
    return Flag(int(run(image, [x], [y], detector, raw=raw, bad=bad, **options).flags[0]))


def test_an_ordinary_star_has_no_flag(detector):
    assert flags_with(detector) == Flag(0)


@pytest.mark.parametrize(("value", "expected"), [(65535, Flag.SATURATED), (65534, Flag(0))])
def test_saturation_is_judged_on_raw_counts(detector, value, expected):
    assert flags_with(detector, raw_value=value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1599, Flag(0)), (1600, Flag.GAIN_STEP), (1800, Flag.GAIN_STEP), (2000, Flag.GAIN_STEP), (2001, Flag(0))],
)
def test_raw_counts_near_the_gain_step_are_flagged(detector, value, expected):
    assert flags_with(detector, raw_value=value) == expected


def test_a_camera_without_gain_step_has_no_such_flag(detector):
    plain = dataclasses.replace(detector, gain_step_adu=0, gain_step_half_width_adu=0)
    assert flags_with(plain, raw_value=0) == Flag(0)


def test_a_pixel_beyond_the_largest_aperture_does_not_count(detector):
    assert flags_with(detector, raw_value=65535, at=(100, 107)) == Flag(0)
    assert flags_with(detector, raw_value=65535, at=(100, 106)) == Flag.SATURATED


def test_the_catalogs_blends_are_flagged(detector):
    assert flags_with(detector, blended=np.array([True])) == Flag.BLENDED


def one_bad(row=100, column=103):
    bad = np.zeros(SHAPE, bool)
    bad[row, column] = True
    return bad


def test_a_bad_pixel_is_flagged(detector):
    assert flags_with(detector, bad=one_bad()) == Flag.BAD_PIXEL


def test_a_bad_pixel_elsewhere_is_not(detector):
    assert flags_with(detector, bad=one_bad(200, 200)) == Flag(0)


def test_a_bad_pixel_does_not_poison_the_sum(detector):
    image = np.full(SHAPE, 500.0)
    image[100, 103] = 1e9
    result = run(image, [100.0], [100.0], detector, bad=one_bad())
    assert np.allclose(result.flux, 0.0, atol=1.0)


def test_a_pixel_that_is_no_number_is_bad_without_being_listed(detector):
    image = np.full(SHAPE, 500.0)
    image[100, 103] = np.nan
    result = run(image, [100.0, 200.0], [100.0, 200.0], detector, raw=np.full(SHAPE, 600, np.uint16))
    assert np.allclose(result.flux, 0.0, atol=1.0)
    assert result.flags.tolist() == [Flag.BAD_PIXEL, 0]


def test_an_area_of_bad_pixels_gives_no_number_where_it_is_touched(detector):
    bad = np.zeros(SHAPE, bool)
    bad[:, :98] = True
    result = run(np.full(SHAPE, 500.0), [101.0], [100.0], detector, bad=bad)
    assert np.isfinite(result.flux[:, 0]).tolist() == [True, True, False, False, False]
    assert result.flags[0] & Flag.BAD_PIXEL


def test_the_image_and_mask_given_are_left_alone(detector):
    image, bad = np.full(SHAPE, 500.0, np.float32), one_bad()
    image[100, 103] = 1e9
    measure(Exposure(image, image, 10.0, bad), [100.0], [100.0], settings=settings(), detector=detector)
    assert image[100, 103] == np.float32(1e9)
    assert bad.sum() == 1


def test_over_the_edge_only_whole_apertures_have_numbers(detector):
    result = run(np.full(SHAPE, 500.0), [4.2], [100.0], detector)
    assert np.isfinite(result.flux[:, 0]).tolist() == [True, True, True, False, False]
    assert np.isfinite(result.flux_w_sky[:, 0]).tolist() == [True, True, True, False, False]
    assert result.flags[0] == Flag.EDGE


@pytest.mark.parametrize(("x", "y"), [(5.5, 100), (313.5, 100), (100, 5.5), (100, 293.5)])
def test_an_aperture_that_just_fits_is_whole(detector, x, y):
    result = run(np.full(SHAPE, 500.0), [x], [y], detector)
    assert np.isfinite(result.flux).all()
    assert result.flags[0] == 0


@pytest.mark.parametrize("step", [(-0.01, 0), (308.01, 0), (0, -0.01), (0, 288.01)])
def test_an_aperture_that_just_does_not_fit_is_not(detector, step):
    result = run(np.full(SHAPE, 500.0), [5.5 + step[0]], [5.5 + step[1]], detector)
    assert np.isnan(result.flux[-1, 0])
    assert result.flags[0] == Flag.EDGE


OFF = [
    (-0.6, 10),
    (319.5, 10),
    (10, -0.6),
    (10, 299.5),
    (np.nan, 5),
    (5, np.nan),
    (np.inf, 5),
    (-np.inf, 5),
    (1e9, 5),
]


@pytest.mark.parametrize("method", ["map", "annulus", "mean"])
@pytest.mark.parametrize(("x", "y"), OFF)
def test_a_star_off_the_chip_is_not_a_number_and_flagged(detector, x, y, method):
    result = run(np.full(SHAPE, 500.0), [x, 150.0], [y, 150.0], detector, sky_method=method)
    assert result.flags.tolist() == [Flag.OFF_CHIP, 0]
    for name in ("flux", "fluxerr", "flux_w_sky", "fluxerr_w_sky", "max_pixel_value", "sky", "sky_rms"):
        values = getattr(result, name)
        assert np.isnan(values[..., 0]).all()
        assert np.isfinite(values[..., 1]).all()


@pytest.mark.parametrize("method", ["map", "annulus", "mean"])
def test_all_stars_off_the_chip_are_no_error(detector, method):
    result = run(np.full(SHAPE, 500.0), [-50.0, np.nan], [10.0, 10.0], detector, sky_method=method)
    assert np.isnan(result.flux).all()


def test_no_stars_give_an_empty_measurement(detector):
    result = run(np.full(SHAPE, 500.0), [], [], detector)
    assert result.flux.shape == (5, 0)
    assert result.flags.shape == (0,)


@pytest.mark.parametrize("method", ["map", "annulus", "mean"])
def test_a_frame_of_bad_pixels_is_no_error(detector, method):
    result = run(np.full(SHAPE, 500.0), [150.0], [150.0], detector, bad=np.ones(SHAPE, bool), sky_method=method)
    assert np.isnan(result.flux).all()
    assert result.flags[0] & Flag.BAD_PIXEL
    assert result.flags[0] & Flag.POOR_SKY


def test_an_annulus_without_enough_pixels_is_poor(detector):
    bad = np.ones(SHAPE, bool)
    bad[145:156, 120:156] = False
    result = run(np.full(SHAPE, 500.0), [150.0], [150.0], detector, bad=bad, sky_method="annulus")
    assert result.flags[0] & Flag.POOR_SKY


def test_restless_sky_is_poor(rng, detector):
    image = rng.normal(SKY, 5.0, SHAPE)
    image[:120, :120] += rng.normal(0, 80.0, (120, 120))
    x, y = grid(rng)
    poor = (run(image, x, y, detector, sky_method="annulus").flags & Flag.POOR_SKY) > 0
    assert poor[(x < 95) & (y < 95)].all()
    assert not poor[(x > 145) | (y > 145)].any()


@pytest.mark.parametrize(("times", "is_poor"), [(2.7, False), (3.3, True)])
def test_sky_three_times_as_restless_as_around_most_is_poor(rng, detector, times, is_poor):
    image = rng.normal(SKY, 5.0, SHAPE)
    image[:100, :100] = rng.normal(SKY, 5.0 * times, (100, 100))
    x, y = np.append(rng.uniform(160, 240, (2, 20)), [[50.0], [50.0]], axis=1)
    flags = run(image, x, y, detector, sky_method="annulus").flags
    assert bool(flags[-1] & Flag.POOR_SKY) == is_poor


@pytest.mark.parametrize(("lost", "is_poor"), [(0.47, False), (0.53, True)])
def test_sky_of_less_than_half_its_pixels_is_poor(rng, detector, lost, is_poor):
    """A sector of the ring is bad; single bad pixels are filled by their neighbours."""
    row, column = np.mgrid[: SHAPE[0], : SHAPE[1]]
    bad = (np.arctan2(row - 150, column - 150) + np.pi) < lost * 2 * np.pi
    result = run(rng.normal(SKY, 5.0, SHAPE), [150.0], [150.0], detector, bad=bad, sky_method="annulus")
    assert bool(result.flags[0] & Flag.POOR_SKY) == is_poor


def test_flags_speak_of_the_largest_aperture_whatever_the_order_of_radii(detector):
    assert flags_with(detector, raw_value=65535, at=(100, 105), radii=(6.0, 2.0)) == Flag.SATURATED


def test_radii_keep_their_order(rng, detector):
    image = rng.uniform(0, 100, SHAPE)
    up, down = (run(image, [100.0], [100.0], detector, radii=radii) for radii in ((2.0, 5.5), (5.5, 2.0)))
    assert np.array_equal(up.flux, down.flux[::-1])


def test_every_order_of_bytes_and_memory_is_measured_alike(rng, detector):
    image = rng.normal(SKY, 20, SHAPE).astype(np.float32)
    x, y = grid(rng)
    raw = (image + 100).astype(np.uint16)
    plain = run(image, x, y, detector, raw=raw)
    other = Exposure(np.asfortranarray(image).astype(">f4"), np.asfortranarray(raw).astype(">u2"), 10.0)
    odd = measure(other, x, y, settings=settings(), detector=detector)
    assert np.array_equal(plain.flux, odd.flux)
    assert np.array_equal(plain.max_pixel_value, odd.max_pixel_value)


@pytest.mark.parametrize("name", ["raw", "bad"])
def test_another_shape_is_refused(detector, name):
    with pytest.raises(FrameError, match=r"of \(9, 9\) pixels, expected \(300, 320\)"):
        run(np.zeros(SHAPE), [5.0], [5.0], detector, **{name: np.zeros((9, 9), bool)})


def test_bits_are_named_and_single():
    names = flag_names()
    assert [bit for bit, _ in names] == [2**n for n in range(10)]
    assert names[0] == (1, "edge")


def test_the_profiles_shape_is_not_needed(rng):
    """A window of a chip is measured as well as the chip."""
    image = rng.normal(SKY, 20, (30, 30))
    assert np.isfinite(run(image, [15.0], [15.0], load_camera().detector).flux).all()


def test_a_bad_pixel_is_filled_by_the_mean_of_the_eight_around_it(detector):
    rng = np.random.default_rng(8)
    image = rng.uniform(100, 900, SHAPE).astype(np.float32)
    bad = np.zeros(SHAPE, bool)
    bad[80, 100] = True
    around = image[79:82, 99:102].astype(float)
    expected = (around.sum() - around[1, 1]) / 8
    image[80, 100] = 5e4
    at = np.array([100.0]), np.array([80.0])
    filled = image.copy()
    filled[80, 100] = expected
    found, wanted = (
        run(one, *at, detector, bad=mask).flux_w_sky[:, 0] for one, mask in ((image, bad), (filled, None))
    )
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
