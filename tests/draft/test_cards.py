"""What cards of many programs say of a camera: the value, and where it comes from."""

import math

import pytest
from astropy.io import fits

from ngcmos.draft.cards import of_calibration, of_detector, of_site, of_telescope, zone_at
from ngcmos.draft.sheet import Card, Sheet

SHAPE = (500, 650)


def sheet(cards):
    return Sheet.of(
        fits.Header([(key, *value) if isinstance(value, tuple) else (key, value) for key, value in cards])
    )


def value(found, key):
    return {one.key: one for one in found}[key]


@pytest.mark.parametrize(
    ("cards", "key", "expected"),
    [
        ([("SECPIX", 0.26)], "scale_arcsec", 0.26),
        ([("XPIXSZ", 3.76), ("FOCALLEN", 530.0)], "scale_arcsec", math.degrees(3.76e-3 / 530) * 3600),
        ([("PIXSIZE1", 0.0135), ("FOCALLEN", 1000.0)], "scale_arcsec", math.degrees(0.0135 / 1000) * 3600),
        ([("CTYPE1", "RA---TAN"), ("CD1_1", 3e-4), ("CD2_1", -4e-4)], "scale_arcsec", 1.8),
        ([("PIXSIZE1", 0.0135)], "pixel_um", 13.5),
        ([("PIXSIZE1", 1.35e-5)], "pixel_um", 13.5),
        ([("EGAIN", 0.25), ("GAIN", 100)], "gain_e_adu", 0.25),
        ([("GAIN", (1.8, "Readout gain [e/ADU]"))], "gain_e_adu", 1.8),
        ([("GAIN", "1.1 e/adu")], "gain_e_adu", 1.1),
        ([("RDNOISE", 5.1)], "read_noise_e", 5.1),
        ([("SATURATE", 4095.0)], "saturation_adu", 4095),
        ([("BITDEPTH", 12)], "saturation_adu", 4095),
        ([("READOUTM", "Fast")], "readmode", "Fast"),
        ([("FILTER1", "R")], "filter", "R"),
    ],
)
def test_detector_by_cards(cards, key, expected):
    one = value(of_detector(sheet(cards), SHAPE), f"detector.{key}")
    assert one.value == (pytest.approx(expected, rel=5e-4) if isinstance(expected, float) else expected)
    assert not one.remedy
    assert any(card in one.source for card, _ in cards)


@pytest.mark.parametrize("cards", [[], [("GAIN", 100)], [("GAIN", (100, "camera setting"))], [("EGAIN", 0.0)]])
def test_setting_of_the_gain_is_no_gain(cards):
    one = value(of_detector(sheet(cards), SHAPE), "detector.gain_e_adu")
    assert "measure_camera.py" in one.remedy


def test_other_names_of_cards_come_into_the_profile():
    found = of_detector(sheet([("READOUTM", "Fast"), ("FILTER1", "R")]), SHAPE)
    assert value(found, "headers.readmode").value == "READOUTM"
    assert value(found, "headers.filter").value == ("FILTER1",)


@pytest.mark.parametrize(
    ("cards", "expected"),
    [
        ([("ZEROCOR", "image z"), ("FLATCOR", "image f")], {"calibration.reduced": True}),
        ([("CALSTAT", "BDF")], {"calibration.reduced": True}),
        ([("CALSTAT", "BD")], {}),
        ([("FLATCOR", "image f")], {}),
        (
            [("BIASSEC", "[1:20,1:500]"), ("TRIMSEC", "[21:650, 1:500]")],
            {"calibration.overscan": "[1:20,1:500]", "calibration.trim": "[21:650,1:500]"},
        ),
        ([("BIASSEC", "[651:670,1:500]"), ("TRIMSEC", "[1:650,1:500]")], {}),  # trimmed already
    ],
)
def test_frames_that_are_reduced_or_have_an_overscan(cards, expected):
    assert {one.key: one.value for one in of_calibration(sheet(cards), SHAPE)} == expected


@pytest.mark.parametrize(
    ("cards", "metres"),
    [
        ([("APTDIA", 203.0)], 0.203),
        ([("APTDIA", 1.3)], 1.3),
        ([("TELESCOP", ("LCO-Warsaw-1.3m", ""))], 1.3),
        ([("TELESCOP", ("C8", "20 cm Schmidt-Cassegrain"))], 0.2),
    ],
)
def test_diameter(cards, metres):
    one = of_telescope(sheet(cards))
    assert one.value == pytest.approx(metres)
    assert not one.remedy


def test_focal_length_is_no_diameter():
    assert of_telescope(sheet([("TELESCOP", "FSQ-106 f/5")])).remedy


@pytest.mark.parametrize(
    ("cards", "place"),
    [
        ([("SITELAT", 31.68), ("SITELONG", -110.88), ("SITEELEV", 1268.0)], (31.68, -110.88, 1268.0)),
        ([("SITELAT", "31 40 48"), ("SITELONG", "-110 52 48")], (31.68, -110.88, 0.0)),
        ([("LAT-OBS", -29.0), ("LONG-OBS", (70.7, "West is positive"))], (-29.0, -70.7, 0.0)),
        ([("OBSGEO-B", -29.0), ("OBSGEO-L", 289.3), ("OBSGEO-H", 2380.0)], (-29.0, -70.7, 2380.0)),
        ([("OBSERVAT", "LCO")], (-29.015, -70.692, 2380.0)),
        ([("TELESCOP", "TRAPPIST-S at La Silla")], (-29.257, -70.73, 2400.0)),
    ],
)
def test_site(cards, place):
    found = of_site(sheet(cards))
    names = ("latitude_deg", "longitude_deg", "elevation_m")
    assert [value(found, f"site.{name}").value for name in names] == pytest.approx(place)


def test_unknown_site_says_how_to_tell_it():
    assert all("--set site.latitude_deg" in one.remedy for one in of_site(sheet([("OBSERVAT", "my garden")])))


@pytest.mark.parametrize(
    ("longitude", "zone"), [(0.0, "UTC"), (-70.7, "Etc/GMT+5"), (149.0, "Etc/GMT-10"), (-179.0, "Etc/GMT+12")]
)
def test_clock_of_a_longitude(longitude, zone):
    assert zone_at(longitude).value == zone


def test_number_in_text():
    assert [Card("A", text, "").number for text in ("1,8 e", "-12 30 00", "x")] == pytest.approx(
        [1.8, -12.5, math.nan], nan_ok=True
    )
