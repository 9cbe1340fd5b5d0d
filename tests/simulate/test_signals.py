"""Signals of stars and air, against other ways to the same number."""

import numpy as np
import pytest

from ngcmos.simulate.signals import (
    Signal,
    airmass_of,
    covered_share,
    extinction_factor,
    relative_flux,
    scintillation_sigma,
)

TRANSIT = Signal("transit", 0.01, 2460497.7, 0.1)


@pytest.mark.parametrize("distance", [0.0, 0.5, 0.75, 1.0, 1.25, 1.4])
def test_covered_share_agrees_with_counting_points(distance):
    side = np.linspace(-1, 1, 1501)
    x, y = np.meshgrid(side, side)
    disc = x**2 + y**2 < 1
    counted = (disc & ((x - distance) ** 2 + y**2 < 0.4**2)).sum() / disc.sum()
    assert covered_share(distance, 0.4) == pytest.approx(counted, abs=5e-4)


def test_transit_is_as_deep_as_asked():
    assert relative_flux(TRANSIT, np.array([2460497.7]))[0] == pytest.approx(0.99)


def test_transit_ends_at_its_contacts():
    outside = relative_flux(TRANSIT, 2460497.7 + np.array([-0.2, -0.0501, 0.0501, 3.0]))
    np.testing.assert_allclose(outside, 1.0, atol=1e-9)


def test_transit_has_begun_inside_of_its_contacts():
    assert relative_flux(TRANSIT, np.array([2460497.7 - 0.049]))[0] < 1


def test_binary_has_a_second_eclipse_a_third_as_deep():
    binary = Signal("eclipse", 0.3, 0.0, 0.1)
    np.testing.assert_allclose(relative_flux(binary, np.array([0.0, 0.2, 0.4, 0.1])), [0.7, 0.9, 0.7, 1.0])


def test_sine_has_its_amplitude_and_period():
    sine = Signal("sine", 0.05, 0.0, 0.1)
    np.testing.assert_allclose(relative_flux(sine, np.array([0.1, 0.3, 0.4])), [1.05, 0.95, 1.0])


def test_a_constant_star_is_constant():
    assert (relative_flux(Signal(), np.arange(5.0)) == 1).all()


def test_scintillation_of_osborn_2015_for_ngts():
    sigma = scintillation_sigma(aperture_m=0.2, cy=1.56, exptime_s=10.0, airmass=1.0, elevation_m=2433.0)
    assert sigma == pytest.approx(0.003366, abs=2e-5)


def test_scintillation_grows_with_airmass_to_three_halves():
    given = {"aperture_m": 0.2, "cy": 1.56, "exptime_s": 10.0, "elevation_m": 2433.0}
    ratio = scintillation_sigma(airmass=2.0, **given) / scintillation_sigma(airmass=1.0, **given)
    assert ratio == pytest.approx(2**1.5)


def test_airmass_at_thirty_degrees_is_two():
    assert airmass_of(30.0) == pytest.approx(2.0)


def test_extinction_is_eight_hundredths_of_a_magnitude_an_airmass():
    assert -2.5 * np.log10(extinction_factor(2.0) / extinction_factor(1.0)) == pytest.approx(0.08)
