import numpy as np
import pytest
from made_transits import made_curve

from ngcmos.transits.ephemeris import Ephemeris, expect
from ngcmos.transits.result import most_seen

HAT_P_32 = Ephemeris(2.15000820, 2455867.402743, 1.3e-7, 4.9e-5, 3.1 / 24)


def test_transit_of_a_night_is_expected_with_its_error():
    night = 2455867.402743 + 1042 * 2.15000820 + np.linspace(-0.2, 0.1, 100)
    expected = expect(HAT_P_32, night)
    assert expected.mid_bjd == pytest.approx(2455867.402743 + 1042 * 2.15000820, abs=1e-8)
    assert expected.mid_err_d == pytest.approx(np.hypot(4.9e-5, 1042 * 1.3e-7))
    assert expected.is_seen


def test_a_night_before_the_transit_sees_none():
    night = HAT_P_32.mid(1042) - 0.2 + np.linspace(0, 0.1, 20)
    expected = expect(HAT_P_32, night)
    assert not expected.is_seen and expected.mid_bjd == HAT_P_32.mid(1042)


def test_of_two_transits_that_of_which_more_is_seen_is_taken():
    nights = np.concatenate(
        [HAT_P_32.mid(5) + np.linspace(0.05, 0.1, 10), HAT_P_32.mid(7) + np.linspace(-0.1, 0.1, 30)]
    )
    assert expect(HAT_P_32, nights).mid_bjd == HAT_P_32.mid(7)


def test_points_within_a_transit_are_counted():
    night = HAT_P_32.mid(1042) + np.arange(-119.5, 120) / 1440
    assert expect(HAT_P_32, night).points_in(night) == 186  # of 3.1 h, a minute each
    assert expect(Ephemeris(2.15000820, 2455867.402743), night).points_in(night) == 60


def test_of_two_planets_that_of_which_more_is_seen_is_expected():
    curve, _ = made_curve(1)  # of 6 h
    hardly, wholly = (Ephemeris(3.0, float(curve.bjd_tdb[at]), duration_d=0.1) for at in (0, 60))
    assert most_seen([hardly, wholly], curve).mid_bjd == wholly.t0_bjd
    assert most_seen([wholly, hardly], curve).mid_bjd == wholly.t0_bjd
    later = Ephemeris(3.0, float(curve.bjd_tdb[-1]) + 1)
    assert most_seen([later, hardly], curve).is_seen and not most_seen([later], curve).is_seen
    assert most_seen([], curve) is None


def test_unknown_errors_count_as_none():
    assert Ephemeris(1.0, 2460000.0).mid_err(100) == 0


@pytest.mark.parametrize(("period", "epoch", "said"), [(0.0, 2460000.0, "period"), (2.0, 1354.1, "add 2457000")])
def test_what_makes_no_sense_is_refused(period, epoch, said):
    with pytest.raises(ValueError, match=said):
        Ephemeris(period, epoch)
