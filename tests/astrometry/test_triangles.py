"""Triangles on lists of positions: any field near its pointing is found, and none is invented."""

import dataclasses

import numpy as np
import pytest
from made_sky import FULL_CHIP, SCALE_ARCSEC, list_sources, make_field
from scipy.stats import poisson

from ngcmos.astrometry.distortion import to_pixels
from ngcmos.astrometry.spots import ReferenceStars, Spots
from ngcmos.astrometry.triangles import Search, affordable_order, expected_by_chance, match_mutual, match_triangles
from ngcmos.errors import UnsolvedError

LIMITS = (3.9, 4.3)
RIGHT_PX = 0.5


def match(field, sources, *, radius_deg=0.2, limits=LIMITS, sky=None):
    sky = sky or field
    stars = ReferenceStars(sky.ra, sky.dec, sky.mag, np.ones(len(sky.ra), bool))
    search = Search(sky.pointing, radius_deg, SCALE_ARCSEC, limits, field.shape)
    return next(match_triangles(Spots(*sources), stars, search)).solution


def choose_stars(field, rows):
    ra, dec, mag = (np.array(column[rows], dtype=float) for column in (field.ra, field.dec, field.mag))
    return dataclasses.replace(field, ra=ra, dec=dec, mag=mag)


def worst_error(solution, field):
    """Largest distance of a catalog star on the chip from its true place, pixels."""
    rows, x, y = field.visible()
    px, py = to_pixels(solution, field.ra[rows], field.dec[rows])
    return np.max(np.hypot(px - x, py - y))


def judge(seed, *, off_deg, count, density, unlike):
    """(right, wrong, refused) of random fields; shares within `unlike` are missing, and as many invented."""
    rng = np.random.default_rng(seed)
    right = wrong = 0
    for _ in range(count):
        field = make_field(rng, off_deg=off_deg, density=rng.uniform(*density))
        sources = list_sources(rng, field, missing=rng.uniform(*unlike), spurious=rng.uniform(*unlike))
        try:
            solution = match(field, sources, radius_deg=off_deg)
        except UnsolvedError:
            continue
        if worst_error(solution, field) < RIGHT_PX:
            right += 1
        else:
            wrong += 1
    return right, wrong, count - right - wrong


@pytest.mark.parametrize(("seed", "off_deg", "count"), [(101, 0.2, 25), (200, 2.0, 12)])
def test_random_fields_are_right(seed, off_deg, count):
    assert judge(seed, off_deg=off_deg, count=count, density=(0.1, 0.6), unlike=(0.1, 0.3)) == (count, 0, 0)


@pytest.mark.parametrize(("seed", "off_deg", "count"), [(0, 0.2, 50), (201, 2.0, 15)])
def test_random_fields_of_few_stars_and_lists_that_are_poor_are_right(seed, off_deg, count):
    assert judge(seed, off_deg=off_deg, count=count, density=(0.03, 0.1), unlike=(0.2, 0.4)) == (count, 0, 0)


@pytest.mark.parametrize("off_deg", [0.2, 2.0])
def test_wrong_fields_are_refused(off_deg):
    rng = np.random.default_rng(7)
    for _ in range(10):
        field, foreign = (make_field(rng, off_deg=off_deg, density=rng.uniform(0.05, 1.0)) for _ in range(2))
        with pytest.raises(UnsolvedError, match="no match within"):
            match(field, list_sources(rng, field), radius_deg=off_deg, sky=foreign)


@pytest.mark.parametrize("parity", [-1, 1])
@pytest.mark.parametrize("rotation", [0.0, np.pi / 2, np.pi, 5.0])
def test_rotation_and_parity_are_free(rotation, parity):
    rng = np.random.default_rng(11)
    field = make_field(rng, density=0.2, rotation=rotation, parity=parity)
    solution = match(field, list_sources(rng, field))
    assert worst_error(solution, field) < RIGHT_PX
    assert np.sign(np.linalg.det(solution.cd)) == np.sign(np.linalg.det(field.wcs.wcs.cd))


def test_field_across_right_ascension_nought_is_found():
    rng = np.random.default_rng(12)
    field = make_field(rng, density=0.2)
    turn = -field.wcs.wcs.crval[0]
    field.wcs.wcs.crval = [0.0, field.wcs.wcs.crval[1]]
    field.wcs.wcs.set()
    pointing = (field.pointing[0] + turn) % 360, field.pointing[1]
    moved = dataclasses.replace(field, ra=(field.ra + turn) % 360, pointing=pointing)
    assert moved.ra.min() < 1 < 359 < moved.ra.max()
    assert worst_error(match(moved, list_sources(rng, moved)), moved) < RIGHT_PX


@pytest.mark.parametrize("brightest_share", [0.3, 0.1])
def test_cloud_that_leaves_only_the_brightest_stars(brightest_share):
    rng = np.random.default_rng(13)
    field = make_field(rng)
    x, y, flux = list_sources(rng, field)
    seen = np.argsort(-flux)[: round(brightest_share * len(flux))]
    assert worst_error(match(field, (x[seen], y[seen], flux[seen])), field) < RIGHT_PX


def test_as_many_hot_pixels_as_stars():
    rng = np.random.default_rng(14)
    field = make_field(rng)
    assert worst_error(match(field, list_sources(rng, field, spurious=1.0)), field) < RIGHT_PX


def test_bright_detections_missing_in_the_catalog():
    rng = np.random.default_rng(15)
    field = make_field(rng)
    x, y, flux = list_sources(rng, field)
    x, y = (np.append(places, rng.uniform(0, 2047, 20)) for places in (x, y))
    assert worst_error(match(field, (x, y, np.append(flux, np.full(20, 10 * flux.max())))), field) < RIGHT_PX


def test_catalog_much_deeper_on_the_chip_than_around_it():
    rng = np.random.default_rng(16)
    field = make_field(rng, faintest=17.0)
    rows, _, _ = field.visible(17.0)
    kept = np.isin(np.arange(len(field.ra)), rows) | (field.mag < 12.0)
    sources = list_sources(rng, field)
    poorer = choose_stars(field, kept)
    assert worst_error(match(poorer, sources), field) < RIGHT_PX


def test_scale_outside_of_its_limits_is_refused():
    rng = np.random.default_rng(17)
    field = make_field(rng, density=0.2)
    with pytest.raises(UnsolvedError, match="no match"):
        match(field, list_sources(rng, field), limits=(4.05 * 1.3, 4.05 * 1.4))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4])
def test_too_few_sources_are_refused(count):
    rng = np.random.default_rng(18)
    field = make_field(rng, density=0.2)
    few = tuple(column[:count] for column in list_sources(rng, field))
    with pytest.raises(UnsolvedError, match=f"{count} sources"):
        match(field, few)


def test_empty_catalog_is_refused():
    rng = np.random.default_rng(19)
    field = make_field(rng, density=0.2)
    empty = choose_stars(field, slice(0))
    with pytest.raises(UnsolvedError, match="0 catalog stars"):
        match(field, list_sources(rng, field), sky=empty)


def test_index_names_rows_of_the_catalog_as_given():
    rng = np.random.default_rng(20)
    field = make_field(rng, density=0.2)
    shuffled = rng.permutation(len(field.ra))
    sky = choose_stars(field, shuffled)
    solution = match(field, list_sources(rng, field), sky=sky)
    true_x, true_y = sky.pixels(sky.ra[solution.index], sky.dec[solution.index])
    assert np.max(np.hypot(true_x - solution.x, true_y - solution.y)) < RIGHT_PX


def test_matches_are_unique_both_ways():
    rng = np.random.default_rng(21)
    field = make_field(rng)
    solution = match(field, list_sources(rng, field))
    doubled = [np.repeat(column, 2) for column in (field.ra, field.dec)]
    x, y, _ = list_sources(rng, field)
    index, found, _ = match_mutual(solution, np.repeat(x, 2), np.repeat(y, 2), *doubled, 1.5, shape=FULL_CHIP)
    assert len(index) > 200
    assert len(np.unique(index)) == len(index) == len(np.unique(found))


@pytest.mark.parametrize(("count", "order"), [(11, 1), (12, 2), (19, 2), (20, 3)])
def test_order_needs_two_stars_a_term(count, order):
    assert affordable_order(count) == order


@pytest.mark.parametrize(("hits", "chance"), [(3, 0.1), (8, 0.5), (20, 2.5), (180, 100.0)])
def test_agreement_by_chance_is_that_of_poisson(hits, chance):
    """Two of the stars agree by construction."""
    assert expected_by_chance(hits, chance, 1e4) == pytest.approx(1e4 * poisson.sf(hits - 3, chance), rel=1e-9)


def test_two_stars_prove_nothing():
    assert expected_by_chance(2, 0.0, 50.0) == 50.0
