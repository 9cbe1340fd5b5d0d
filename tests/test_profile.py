"""The tables of a camera profile: defaults and limits, and what the README says of them."""

import dataclasses
import re
import typing

import pytest
from pages import chapter
from pydantic import ValidationError

from ngcmos.profile import Detection, Detector, Files, HeaderNames, Photometry, Profile, Site, Solve, Telescope

KINDS = {float: "number", int: "whole number", str: "text", bool: "true or false"}
CHIP = {"rows": 20, "columns": 30, "scale_arcsec": 4, "gain_e_adu": 1, "read_noise_e": 2, "saturation_adu": 4095}
NEEDED = {"": {"name"}, "detector": {*CHIP}, "telescope": {"aperture_m"}}
NEEDED["site"] = {"latitude_deg", "longitude_deg", "elevation_m", "timezone"}


@pytest.fixture
def least():
    """A camera of which only that is said which nobody can guess."""
    return Profile("least", Detector(**CHIP), Telescope(0.2), Site(1, 2, 3, "UTC"))


def keys_of_the_model():
    """[(table, key, its type)]; the table of what stands in none is ''."""
    tables = typing.get_type_hints(Profile)
    inside = [
        (table, key, kind)
        for table, hint in tables.items()
        if dataclasses.is_dataclass(hint)
        for key, kind in typing.get_type_hints(hint).items()
    ]
    return [("", key, hint) for key, hint in tables.items() if not dataclasses.is_dataclass(hint)] + inside


def worded(kind):
    """A type in the README's words."""
    if typing.get_origin(kind) is typing.Literal:
        return "text"
    if typing.get_origin(kind) is not tuple:
        return KINDS[kind]
    first, *others = typing.get_args(kind)
    return f"{KINDS[first]}s" if others == [...] else f"{1 + len(others)} {KINDS[first]}s"


def written(value):
    """A value as a profile writes it."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(written, value))}]"
    return str(value).lower() if isinstance(value, bool) else repr(value).replace("'", '"')


def test_keys_types_and_defaults_of_the_readme_are_those_of_the_model(least):
    section = chapter("Another camera")
    told = {key: rest for key, *rest in re.findall(r"^\| `([^|]*)` \| ([^|]*) \| ([^|]*) \| \S", section, re.M)}
    asked = {}
    for table, key, kind in keys_of_the_model():
        value = getattr(getattr(least, table) if table else least, key)
        default = "*needed*" if key in NEEDED.get(table, ()) else f"`{written(value)}`"
        asked[f"{table}.{key}".removeprefix(".")] = [worded(kind), default]
    asked["detector.scale_limits_arcsec"][1] = "`scale_arcsec` ± 5 %"
    assert told == asked


def test_limits_of_the_scale_follow_the_scale(least):
    assert least.detector.scale_limits_arcsec == pytest.approx((3.8, 4.2))


@pytest.mark.parametrize("key", sorted(CHIP))
def test_needed_key_has_no_default(key):
    with pytest.raises(ValidationError, match="Field required"):
        Detector(**{name: value for name, value in CHIP.items() if name != key})


@pytest.mark.parametrize(
    ("table", "inside", "outside"),
    [
        (Detector, {"rows": 1}, {"rows": 0}),
        (Detector, {"read_noise_e": 0.0}, {"read_noise_e": -0.1}),
        (Detector, {"scale_limits_arcsec": (4, 4)}, {"scale_limits_arcsec": (4.01, 5)}),
        (Detector, {"bad_edge_px": (0, 0, 0, 9)}, {"bad_edge_px": (0, 0, -1, 0)}),
        (Detector, {"gain_step_adu": 9, "high_range_slope": 1.01}, {"high_range_slope": 1.01}),
        (HeaderNames, {"pointing": ("RA/DEC",)}, {"pointing": ()}),
        (HeaderNames, {"pointing": ("RA/DEC",)}, {"pointing": ("RA-DEC",)}),
        (Files, {"reserve_mb": 2000}, {"reserve_mb": 2001}),
        (Detection, {"min_area_px": 199}, {"min_area_px": 200}),
        (Detection, {"defocus_mm": (0.1, 0.1)}, {"defocus_mm": (0.2, 0.1)}),
        (Solve, {"tmag_min": 15.9}, {"tmag_min": 16.0}),
        (Solve, {"radius_deg": (0.1,)}, {"radius_deg": ()}),
        (Photometry, {"radii_px": (3.0, 2.0)}, {"radii_px": (2.0, 2.0)}),
        (Photometry, {"annulus_px": (15, 15.1)}, {"annulus_px": (15, 15)}),
        (Photometry, {"sky_method": "mean"}, {"sky_method": "median"}),
    ],
)
def test_limit_of_a_table(table, inside, outside):
    given = CHIP if table is Detector else {}
    table(**given | inside)
    with pytest.raises(ValidationError, match=[*outside][-1]):
        table(**given | outside)


def test_jump_is_a_large_shift_unless_the_profile_says_otherwise(least):
    donuts = dataclasses.replace(least.donuts, large_px=20.0)
    assert dataclasses.replace(least, donuts=donuts).jump_px == 20.0
    quality = dataclasses.replace(least.quality, jump_px=3.0)
    assert dataclasses.replace(least, donuts=donuts, quality=quality).jump_px == 3.0


def test_changed_table_is_checked_as_a_read_one(least):
    with pytest.raises(ValidationError, match="greater than 0"):
        dataclasses.replace(least.detector, gain_e_adu=0.0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        least.detector.gain_e_adu = 2.0
