"""One noise term at a time, against arithmetic by hand and against dice."""

import dataclasses

import numpy as np
import pytest
from photutils.aperture import CircularAperture

from ngcmos.config import load_camera
from ngcmos.photometry.noise import noise_area, noise_curve, noise_terms, scintillation

QUIET = dataclasses.replace(load_camera().detector, gain_e_adu=2.0, read_noise_e=0.0, dark_e_s=0.0)

AREA = float(noise_area(3.0))


def terms(flux=0.0, sky=0.0, *, detector=QUIET, radius_px=3.0, exptime_s=30.0, **options):
    return noise_terms(
        np.asarray(flux), sky, radius_px=radius_px, detector=detector, exptime_s=exptime_s, **options
    )


@pytest.mark.parametrize("radius", [1.5, 2.0, 3.0, 6.0, 12.5])
def test_the_noise_area_is_the_mean_sum_of_squared_shares(radius):
    shares = [
        CircularAperture(centre, radius).to_mask(method="exact").data
        for centre in np.random.default_rng(3).uniform(20, 21, (400, 2))
    ]
    assert noise_area(radius) == pytest.approx(np.mean([np.sum(share**2) for share in shares]), rel=0.01)


def test_the_noise_area_of_a_tiny_circle_is_positive():
    assert 0 < noise_area(0.2) < np.pi * 0.2**2


def test_star_photons_scatter_by_the_root_of_the_electrons():
    electrons = 5000.0 * 2.0
    assert np.sqrt(terms(flux=5000.0).star) == pytest.approx(np.sqrt(electrons) / 2.0)


def test_negative_light_has_no_photon_noise():
    assert terms(flux=-500.0).star == 0
    assert terms(sky=-20.0).sky == 0


def test_sky_photons_count_by_area():
    assert np.sqrt(terms(sky=300.0).sky) == pytest.approx(np.sqrt(300.0 * 2.0 * AREA) / 2.0)


def test_dark_electrons_count_by_area_and_time():
    detector = dataclasses.replace(QUIET, dark_e_s=1.5)
    assert np.sqrt(terms(detector=detector).dark) == pytest.approx(np.sqrt(1.5 * 30.0 * AREA) / 2.0)


def test_read_noise_counts_by_area():
    detector = dataclasses.replace(QUIET, read_noise_e=4.0)
    assert np.sqrt(terms(detector=detector).read) == pytest.approx(4.0 / 2.0 * np.sqrt(AREA))


def test_rounding_scatters_as_dice_say():
    values = np.random.default_rng(1).uniform(0, 1000, 100000)
    assert terms().quantisation == pytest.approx(AREA * np.var(np.rint(values) - values), rel=0.02)


def test_the_skys_own_error_goes_with_the_square_of_the_area():
    one = terms(radius_px=3.0, sky_sigma=20.0, sky_count=400.0).sky_estimate
    assert np.sqrt(one) == pytest.approx(np.pi * 3.0**2 * 20.0 / np.sqrt(400.0))


def test_a_known_sky_has_no_error():
    assert terms(sky=300.0).sky_estimate == 0


def test_the_total_is_the_sum_of_the_terms():
    detector = dataclasses.replace(QUIET, read_noise_e=4.0, dark_e_s=1.5)
    noise = terms(5000.0, 300.0, detector=detector, sky_sigma=20.0, sky_count=400.0)
    parts = [float(getattr(noise, field.name)) for field in dataclasses.fields(noise)]
    assert noise.total == pytest.approx(sum(parts))
    assert min(parts) > 0


def test_terms_have_the_shape_of_the_flux():
    noise = terms(np.ones((5, 7)), np.ones(7), radius_px=np.ones((5, 1)))
    assert all(getattr(noise, field.name).shape == (5, 7) for field in dataclasses.fields(noise))


def test_scintillation_of_ngts_at_paranal():
    # by hand: 1e-5 * 1.56^2 * 0.2^(-4/3) * (1/10) * exp(-2 * 2433 / 8000) = 1.1325e-05
    rms = scintillation(10.0, 1.0, telescope=load_camera().telescope, elevation_m=2433.0)
    assert rms == pytest.approx(np.sqrt(1.1325e-05), rel=1e-3)


def test_scintillation_falls_with_time_and_grows_with_airmass():
    telescope = load_camera().telescope
    base = scintillation(10.0, 1.0, telescope=telescope, elevation_m=2433.0)
    assert scintillation(40.0, 1.0, telescope=telescope, elevation_m=2433.0) == pytest.approx(base / 2)
    assert scintillation(10.0, 2.0, telescope=telescope, elevation_m=2433.0) == pytest.approx(base * 2**1.5)


def test_the_curve_falls_as_one_over_root_flux_where_photons_rule():
    curve = noise_curve([1e4, 4e4], 0.0, radius_px=1.0, detector=QUIET, exptime_s=10.0)
    assert curve["total"][0] / curve["total"][1] == pytest.approx(2.0, rel=1e-4)


def test_the_curve_ends_at_scintillation_for_bright_stars():
    curve = noise_curve([1e14], 300.0, radius_px=3.0, detector=QUIET, exptime_s=10.0, scintillation_rms=0.003)
    assert curve["total"][0] == pytest.approx(0.003, rel=1e-3)


def test_the_curve_adds_its_terms_in_squares():
    detector = dataclasses.replace(QUIET, read_noise_e=4.0, dark_e_s=1.5)
    curve = noise_curve(
        [100.0, 1e5], 300.0, radius_px=3.0, detector=detector, exptime_s=10.0, scintillation_rms=0.003
    )
    total = curve.pop("total")
    assert np.allclose(np.sqrt(sum(term**2 for term in curve.values())), total)
