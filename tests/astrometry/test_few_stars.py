"""Chips that see a handful of stars: solved where the stars are enough to be sure, else refused, never wrong."""

import dataclasses
import functools

import numpy as np
import pytest
from made_sky import electrons_of, make_field, render

from ngcmos.astrometry.catalog import find_blended
from ngcmos.astrometry.distortion import to_pixels
from ngcmos.astrometry.solve import solve_frame
from ngcmos.astrometry.spots import ReferenceStars
from ngcmos.config import load_camera
from ngcmos.errors import StarlessError, UnmatchedError, UnsolvedError

RIGHT_PX = 0.5
PIXEL = 4.05 / 3600  # degrees


def camera_of(size):
    """The usual camera with a background mesh that fits a small chip."""
    profile = load_camera()
    return dataclasses.replace(profile, detection=dataclasses.replace(profile.detection, mesh_px=size // 6))


def make_chip(size, seed, *, density=1.0, off_deg=0.1):
    """(field, image) of a chip of `size` pixels a side at any rotation and parity."""
    rng = np.random.default_rng(seed)
    shape = (size, size)
    field = make_field(rng, shape=shape, off_deg=off_deg, density=density, faintest=18.0, distortion_px=0.05)
    return field, expose(rng, field)


def expose(rng, field, shift=(0.0, 0.0)):
    rows, x, y = field.visible(19.0)
    return render(rng, x + shift[0], y + shift[1], electrons_of(field.mag[rows]), shape=field.shape)


def known_stars(field):
    blended = find_blended(field.ra, field.dec, field.mag, field.mag, blend_arcsec=24.0, blend_dmag=1.0)
    known = field.mag < 16.0
    return ReferenceStars(field.ra[known], field.dec[known], field.mag[known], ~blended[known])


def alone_on_chip(field):
    """Number of stars on the chip that may enter a fit."""
    rows, _, _ = field.visible()
    return np.count_nonzero(np.isin(field.ra[rows], known_stars(field).ra[known_stars(field).usable]))


def worst_error(solution, field, shift=(0.0, 0.0)):
    rows, x, y = field.visible()
    px, py = to_pixels(solution, field.ra[rows], field.dec[rows])
    return np.hypot(px - x - shift[0], py - y - shift[1]).max()


def outcomes(size, seeds, *, density=1.0, off_deg=0.1):
    """[(stars that may enter a fit, worst error of the solution or None where it was refused), ...]."""
    return [outcome(size, seed, density, off_deg) for seed in seeds]


@functools.cache  # some chips are asked for by several tests
def outcome(size, seed, density, off_deg):
    """One of `outcomes`."""
    field, image = make_chip(size, seed, density=density, off_deg=off_deg)
    try:
        solution = solve_frame(image, known_stars(field), camera_of(size), pointing=field.pointing)
    except UnsolvedError:
        return alone_on_chip(field), None
    return alone_on_chip(field), worst_error(solution, field)


@pytest.mark.parametrize("size, density", [(96, 1.0), (96, 2.0), (128, 1.0), (192, 0.5)])
def test_a_handful_of_stars_is_right_or_refused(size, density):
    found = outcomes(size, range(1000, 1030), density=density)
    assert all(error < RIGHT_PX for _, error in found if error is not None)
    enough = [error for stars, error in found if stars >= 8]
    assert len(enough) >= 5
    assert np.mean([error is not None for error in enough]) > 0.7
    assert all(error is None for stars, error in found if stars < 4)


def test_of_eleven_stars_every_field_is_found():
    assert all(error is not None for stars, error in outcomes(128, range(1000, 1040)) if stars >= 11)


def test_a_pointing_off_by_twenty_chips_is_found_too():
    found = outcomes(128, range(2000, 2004), off_deg=2.0)
    assert [error is not None for stars, error in found if stars >= 8].count(False) == 0
    assert all(error < RIGHT_PX for _, error in found if error is not None)


@pytest.mark.parametrize("size", [96, 128])
def test_no_wrong_sky_is_believed(size):
    for seed in range(25):
        _, image = make_chip(size, 5000 + seed)
        foreign, _ = make_chip(size, 6000 + seed)
        with pytest.raises(UnsolvedError):
            solve_frame(image, known_stars(foreign), camera_of(size), pointing=foreign.pointing)


@pytest.mark.parametrize(("shift", "rung"), [((0.4, -0.3), "forced"), ((7.0, -5.0), "shift")])
def test_the_next_frame_is_found_by_the_one_before(shift, rung):
    field, image = make_chip(128, 1010)
    camera, stars = camera_of(128), known_stars(field)
    first = solve_frame(image, stars, camera, pointing=field.pointing)
    moved = expose(np.random.default_rng(1), field, shift)
    solution = solve_frame(moved, stars, camera, pointing=field.pointing, previous=first)
    assert solution.rung == rung
    assert worst_error(solution, field, shift) < RIGHT_PX


def test_what_chance_may_have_made_is_told_with_its_probability():
    """Six stars shine through a cloud where the catalog has dozens, with places good to a fifth of a pixel."""
    field, _ = make_chip(192, 1002, density=2.0)
    rows, x, y = field.visible(19.0)
    seen = np.flatnonzero(np.isin(field.ra[rows], known_stars(field).ra[known_stars(field).usable]))[:6]
    light = electrons_of(field.mag[rows[seen]])
    image = render(np.random.default_rng(3), x[seen], y[seen], light, shape=field.shape)
    stars = known_stars(field)
    assert solve_frame(image, stars, camera_of(192), pointing=field.pointing).n == 6
    poor = dataclasses.replace(
        stars, dec=stars.dec + np.random.default_rng(4).normal(0, 0.2, len(stars.dec)) * PIXEL
    )
    with pytest.raises(UnsolvedError, match=r"[56] of \d\d stars agree, which chance does with the probability"):
        solve_frame(image, poor, camera_of(192), pointing=field.pointing)


@pytest.mark.parametrize(("seen", "error"), [(7, StarlessError), (9, UnmatchedError)])
def test_too_few_stars_to_be_sure_are_told_as_too_few(seen, error):
    """On a sky where they are not, as a field whose cards are wrong would say nothing of so few."""
    field, _ = make_chip(192, 1002, density=2.0)
    rows, x, y = field.visible(19.0)
    apart = field.mag[rows].argsort()[:seen]
    image = render(
        np.random.default_rng(3), x[apart], y[apart], electrons_of(field.mag[rows[apart]]), shape=field.shape
    )
    foreign, _ = make_chip(192, 6002)
    with pytest.raises(error) as told:
        solve_frame(image, known_stars(foreign), camera_of(192), pointing=foreign.pointing)
    assert told.type is error
    assert ("too few sources: 7, expected at least 8" in str(told.value)) == (seen == 7)


def test_a_distortion_is_only_believed_where_the_stars_show_it():
    """A quadratic fit to twelve stars without distortion would be 1 px off in the corners."""
    found = outcomes(96, range(1000, 1030), density=2.0)
    assert max(error for stars, error in found if stars >= 12 and error is not None) < RIGHT_PX
