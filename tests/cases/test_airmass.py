"""AIRMASS and ALTITUDE as cards tell them, wrongly or as text: the sky, the site and the clock are believed."""

import pytest
from astropy import units as u
from astropy.coordinates import AltAz, EarthLocation, SkyCoord
from astropy.time import Time

from ngcmos.simulate.troubles import rewrite, set_cards

CARDS = [
    {},
    {"ALTITUDE": "64.3"},
    {"ALTITUDE": "64 18 51"},
    {"ALTITUDE": -5.0},
    {"AIRMASS": "1.005"},
    {"AIRMASS": -1.0},
    {"AIRMASS": 0.0},
    {"AIRMASS": 3.9},
]


@pytest.fixture(scope="module")
def spoilt(make_case):
    case = make_case(frames=len(CARDS), cadence_s=600.0)
    for path, cards in zip(case.frames, CARDS, strict=True):
        rewrite(path, set_cards(cards))
    case.reduce()
    return case


@pytest.mark.parametrize("number", range(len(CARDS)), ids=map(str, CARDS))
def test_airmass_is_that_of_the_sky(spoilt, number):
    """Plane-parallel air at the place, by astropy, at mid exposure."""
    frames = spoilt.truth.frames
    site = spoilt.night.camera.site
    place = EarthLocation.from_geodetic(site.longitude_deg, site.latitude_deg, site.elevation_m)
    target = spoilt.truth.stars[spoilt.truth.star(spoilt.truth.target)]
    horizon = AltAz(obstime=Time(frames["jd_mid"][number], format="jd"), location=place)
    expected = SkyCoord(target["ra"], target["dec"], unit="deg").transform_to(horizon).secz
    found = spoilt.measured()[frames["file"][number]]["airmass"]
    assert found == pytest.approx(float(expected.to_value(u.one)), abs=0.002)


def test_contradictions_are_told_once_each(spoilt):
    told = [remark for remark in spoilt.remarks() if "AIRMASS" in remark or "ALTITUDE" in remark]
    assert 1 <= len(told) <= 2
    assert len(spoilt.remarks()) == len(told)
