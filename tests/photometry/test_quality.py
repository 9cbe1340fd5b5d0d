"""Quality of frames that are known to be good or bad."""

import dataclasses

import numpy as np
import pytest
from astropy.table import Table

from ngcmos.config import Photometry, QualityLimits, load_camera
from ngcmos.names import Quality
from ngcmos.photometry.apertures import Exposure, measure
from ngcmos.photometry.quality import (
    clear_zero_point,
    judge_frames,
    measure_shape,
    sky_gradient,
)
from ngcmos.photometry.trails import find_trails
from ngcmos.simulate.conditions import plan_conditions
from ngcmos.simulate.detector import expose, make_chip, render_stars
from ngcmos.simulate.plan import Plan, plan_fields
from ngcmos.simulate.profile import resize_camera
from ngcmos.simulate.scene import make_scene, sky_image, star_electrons, star_positions

SIZE = 384
FRAMES = 300
A_SIGMA = 2.3548
PIXEL_VARIANCE = 1 / 12
SETTINGS = Photometry(radii_px=(3.0,), annulus_px=(15.0, 20.0), sky_method="map", mesh_px=48)


def stars(paint, *, sigma=0.9, shape=(200, 220), slant=0.0):
    """A picture of 30 stars, and their places."""
    rng = np.random.default_rng(3)
    x, y = (
        grid.ravel() + rng.uniform(-0.5, 0.5, 30)
        for grid in np.meshgrid(np.arange(6) * 32 + 25, np.arange(5) * 34 + 25)
    )
    image = paint(shape, x, y, np.full(30, 1e5), sky=300.0, sigma=sigma)
    if slant:
        steps = np.linspace(-slant, slant, 9)
        moved = [paint(shape, x + step, y + step, np.full(30, 1e5), sky=300.0, sigma=sigma) for step in steps]
        image = np.mean(moved, axis=0)
    return image, x, y


@pytest.mark.parametrize("sigma", [0.7, 0.9, 1.5, 3.0])
def test_width_is_that_of_the_stars_and_their_pixels(paint, sigma):
    image, x, y = stars(paint, sigma=sigma)
    expected = A_SIGMA * np.sqrt(sigma**2 + PIXEL_VARIANCE)
    shape = measure_shape(image, x, y)
    assert shape.fwhm_px == pytest.approx(expected, rel=0.03)
    assert shape.elongation == pytest.approx(1, abs=0.02)


def test_trailed_stars_are_long(paint):
    """Moved evenly by +-1.2 px along both axes: that adds the variance of the path along the diagonal alone.

    Such a star is no Gaussian, so a tenth is all that can be asked for.
    """
    image, x, y = stars(paint, sigma=1.0, slant=1.2)
    path = 2 * 1.2**2 * np.mean(np.linspace(-1, 1, 9) ** 2)
    short = 1.0 + PIXEL_VARIANCE
    shape = measure_shape(image, x, y)
    assert shape.elongation == pytest.approx(np.sqrt((short + path) / short), rel=0.1)


def test_shape_is_deaf_to_bad_pixels(paint):
    image, x, y = stars(paint)
    bad = np.zeros(image.shape, bool)
    for column, row in zip(np.rint(x[:4]).astype(int), np.rint(y[:4]).astype(int), strict=True):
        bad[row + 2, column] = True
    hot = np.where(bad, 1e6, image)
    assert measure_shape(hot, x, y, bad=bad).fwhm_px == pytest.approx(measure_shape(image, x, y).fwhm_px, rel=1e-4)


def test_no_star_has_no_shape():
    shape = measure_shape(np.zeros((50, 50)), np.zeros(0), np.zeros(0))
    assert np.isnan(shape.fwhm_px)
    assert np.isnan(shape.elongation)


def test_gradient_of_a_tilted_sky():
    rng = np.random.default_rng(1)
    x, y = rng.uniform(0, 1000, 500), rng.uniform(0, 500, 500)
    sky = 200 * (1 + 0.06 * (x / 1000 - 0.5) + 0.08 * (y / 500 - 0.5))
    assert sky_gradient(x, y, sky, (500, 1000)) == pytest.approx(0.10, rel=0.01)
    sky[7] = np.nan
    assert sky_gradient(x, y, sky, (500, 1000)) == pytest.approx(0.10, rel=0.01)
    assert np.isnan(sky_gradient(x[:2], y[:2], sky[:2], (500, 1000)))


def night_facts(**columns):
    """Facts of 20 frames that are all good but for the columns given."""
    ones = np.ones(20)
    facts = {"zp": 21 * ones, "airmass": ones, "elongation": ones, "sky": 200 * ones, "stars_seen": 500 * ones}
    facts |= {"trail": 0.1 * ones, "place_x": 500 + 0.01 * np.arange(20), "place_y": 400 * ones}
    for name, (row, value) in columns.items():
        facts[name] = facts[name].copy()
        facts[name][row] = value
    return Table(facts)


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"zp": (7, 20.5)}, Quality.CLOUD),
        ({"stars_seen": (7, 200)}, Quality.CLOUD),
        ({"place_y": (7, 402.0)}, Quality.JUMP),
        ({"elongation": (7, 2.0), "place_x": (7, 508.0), "zp": (7, 20.4)}, Quality.SLEW),
        ({"trail": (7, 0.9)}, Quality.TRAIL),
        ({"sky": (7, 500.0), "stars_seen": (7, 450)}, Quality.TWILIGHT),
    ],
)
def test_each_fault_is_told_from_the_others(columns, expected):
    verdict = judge_frames(night_facts(**columns), jump_px=0.5).verdict
    assert verdict[7] == expected
    assert set(np.delete(verdict, 7)) == {Quality.GOOD}


def test_transparency_is_that_of_the_zero_point_and_not_of_the_airmass():
    facts = night_facts(zp=(7, 21 - 2.5 * np.log10(1 / 0.6)))
    assert judge_frames(facts, jump_px=0.5).transparency[7] == pytest.approx(0.6, rel=1e-6)
    low = night_facts(zp=(7, 20.9), airmass=(7, 2.0))
    assert judge_frames(low, jump_px=0.5).transparency[7] == pytest.approx(1, rel=1e-6)


def test_slow_drift_is_no_jump_and_a_jump_within_it_is():
    rng = np.random.default_rng(7)
    drift = 3.3 * np.arange(20) + rng.normal(0, 0.05, 20)
    facts = night_facts(place_x=(slice(None), 500 + drift), place_y=(slice(None), 500 - drift))
    assert set(judge_frames(facts, jump_px=0.5).verdict) == {Quality.GOOD}
    facts["place_x"][12:] += 8
    assert judge_frames(facts, jump_px=0.5).verdict[12] == Quality.JUMP


def test_third_frame_of_a_night_is_measured_by_the_two_before_it():
    facts = night_facts(place_x=(slice(2, None), 508.0))
    assert judge_frames(facts, jump_px=0.5).verdict[2] == Quality.JUMP


def test_turn_of_the_sky_is_no_jump():
    facts = night_facts(place_x=(slice(10, None), 430.0))
    assert judge_frames(facts, jump_px=0.5).verdict[10] == Quality.JUMP
    facts["rotation_deg"] = np.where(np.arange(20) < 10, 1.3, 181.3)
    assert set(judge_frames(facts, jump_px=0.5).verdict) == {Quality.GOOD}
    facts["place_y"][15] += 1
    assert np.flatnonzero(judge_frames(facts, jump_px=0.5).verdict == Quality.JUMP).tolist() == [15]


@pytest.mark.parametrize(
    ("share", "expected"), [(0.9, Quality.GOOD), (0.87, Quality.GOOD), (0.83, Quality.CLOUD), (0.5, Quality.CLOUD)]
)
def test_thin_cloud_is_one_from_its_limit_on(share, expected):
    assert judge_frames(night_facts(zp=(7, 21 + 2.5 * np.log10(share))), jump_px=0.5).verdict[7] == expected


def test_field_all_under_a_cloud_is_known_by_the_rest_of_the_night():
    clear, cloudy = night_facts(), night_facts(zp=(slice(None), 20.5))
    assert set(judge_frames(cloudy, jump_px=0.5).verdict) == {Quality.GOOD}
    night = clear_zero_point(*(np.concatenate([clear[name], cloudy[name]]) for name in ("zp", "airmass")))
    assert set(judge_frames(cloudy, jump_px=0.5, clear_zp=night).verdict) == {Quality.CLOUD}


def test_frame_of_unknown_facts_is_not_blamed():
    facts = night_facts(zp=(7, np.nan), elongation=(7, np.nan), sky=(7, np.nan), place_x=(7, np.nan))
    assert judge_frames(facts, jump_px=0.5).verdict[7] == Quality.GOOD


def make_field():
    """A small field through 300 frames, its stars brighter than 16 mag and the conditions of each frame."""
    camera = resize_camera(load_camera(), SIZE)
    plan = Plan(frames=FRAMES, density=2.0, seed=9, haze=0.01)
    (schedule,) = plan_fields(plan, camera, [FRAMES])
    chip = make_chip(camera.detector, np.random.default_rng([9, 1]))
    scene = make_scene(plan, camera, chip, schedule, 0)
    x, y = star_positions(scene, plan_conditions(plan, schedule, 0)[0])
    inside = (np.abs(x - SIZE / 2) < SIZE / 2) & (np.abs(y - SIZE / 2) < SIZE / 2) & (scene.sky.tmag < 16)
    order = np.flatnonzero(inside)
    return scene, order[np.argsort(scene.sky.tmag[order])], plan_conditions(plan, schedule, 0)


def spoil(conditions, fault, rng):
    """Conditions of a frame with a fault, and the path of the stars during the exposure in pixels."""
    angle = rng.uniform(0, 2 * np.pi)
    direction = np.array([np.cos(angle), np.sin(angle)])
    path = direction * rng.uniform(3, 12) if fault == Quality.SLEW else np.zeros(2)
    if fault == Quality.CLOUD:
        share = rng.uniform(0.2, 0.75)
        clear = conditions.transparency * share
        sky = conditions.sky_e * (1 + 0.5 * (1 - share))
        conditions = dataclasses.replace(conditions, transparency=clear, sky_e=sky)
    if fault == Quality.JUMP:
        shift = np.array(conditions.shift) + direction * rng.uniform(0.8, 8)
        conditions = dataclasses.replace(conditions, shift=tuple(shift))
    if fault == Quality.TWILIGHT:
        conditions = dataclasses.replace(conditions, sky_e=conditions.sky_e * rng.uniform(2, 15))
    return conditions, path


def picture(scene, conditions, path, rng, *, trail):
    """Raw counts less the zero level."""
    x, y = star_positions(scene, conditions)
    light = sky_image((SIZE, SIZE), conditions.sky_e, scene.plan.sky_gradient).astype(float)
    steps = np.linspace(-0.5, 0.5, 1 if not path.any() else 13)
    for step in steps:
        electrons = star_electrons(scene, conditions, x, y) / steps.size
        light += render_stars((SIZE, SIZE), x + step * path[0], y + step * path[1], electrons, fwhm_px=2.0)
    if trail:
        angle, row, column = rng.uniform(0, np.pi), *np.mgrid[:SIZE, :SIZE]
        away = (column - SIZE / 2) * np.sin(angle) - (row - SIZE / 2) * np.cos(angle)
        light[np.abs(away - rng.uniform(-0.3, 0.3) * SIZE) < 1.2] += rng.uniform(200, 3000)
    return expose(scene.chip, light.astype(np.float32), 10.0, rng) - scene.chip.bias_adu, x, y


def facts_of(image, x, y, tmag, detector):
    """Facts as the photometry makes them."""
    flux = measure(Exposure(image, image, 10.0), x, y, settings=SETTINGS, detector=detector)
    seen = flux.flux[0] > 5 * flux.fluxerr[0]
    sky, rms = np.nanmedian(flux.sky), np.nanmedian(flux.sky_rms)
    bright = np.flatnonzero(np.isfinite(flux.flux[0]) & (flux.max_pixel_value[0] < 60000))[:60]
    light = np.maximum(flux.flux[0][bright], 1.0)
    shape = measure_shape(image, x[bright], y[bright])
    return {
        "zp": np.median(tmag[bright] + 2.5 * np.log10(light / 10.0)),
        "airmass": 1.0,
        "elongation": shape.elongation,
        "sky": sky,
        "stars_seen": seen.sum(),
        "trail": max([0.0, *(trail.share for trail in find_trails(image, x, y, sky=sky, sky_rms=rms))]),
        "place_x": np.median(x),
        "place_y": np.median(y),
    }


FAULTS = [kind for kind in Quality if kind not in (Quality.GOOD, Quality.EXCLUDED)]  # that is the observer's word


def told_apart(made):
    """((frames,) what was simulated, (frames,) what was said) of a field with faults in four of ten frames."""
    field, rows, conditions = made
    rng = np.random.default_rng(12)
    true = np.where(rng.random(FRAMES) < 0.6, Quality.GOOD, rng.choice(FAULTS, FRAMES))
    facts = []
    for frame, fault in enumerate(true):
        seen, path = spoil(conditions[frame], fault, rng)
        image, x, y = picture(field, seen, path, rng, trail=fault == Quality.TRAIL)
        facts.append(facts_of(image, x[rows], y[rows], field.sky.tmag[rows], field.camera.detector))
    return true, judge_frames(Table(facts), jump_px=0.5).verdict


def test_faults_are_told_apart_in_99_of_100_frames():
    """The matrix of what was simulated against what was said."""
    true, said = told_apart(make_field())
    kinds = [Quality.GOOD, *FAULTS]
    matrix = {(a, b): int(np.sum((true == a) & (said == b))) for a in kinds for b in kinds}
    wrong = {pair: count for pair, count in matrix.items() if count and pair[0] != pair[1]}
    assert min(matrix[name, name] for name in kinds) >= 15
    assert np.mean(true == said) >= 0.99, wrong


@pytest.mark.parametrize(
    ("column", "good", "bad", "expected"),
    [
        ("stars_seen", 351, 349, Quality.CLOUD),
        ("elongation", 1.39, 1.41, Quality.SLEW),
        ("sky", 299, 301, Quality.TWILIGHT),
        ("trail", 0.59, 0.61, Quality.TRAIL),
    ],
)
def test_usual_limits_are_those_that_the_readme_says(column, good, bad, expected):
    verdicts = [judge_frames(night_facts(**{column: (7, one)}), jump_px=0.5).verdict[7] for one in (good, bad)]
    assert verdicts == [Quality.GOOD, expected]


@pytest.mark.parametrize(
    ("key", "wide", "columns", "expected"),
    [
        ("cloud_transparency", 0.45, {"zp": (7, 21 - 0.75)}, Quality.CLOUD),
        ("cloud_stars", 0.3, {"stars_seen": (7, 300)}, Quality.CLOUD),
        ("slew_elongation", 2.1, {"elongation": (7, 2.0)}, Quality.SLEW),
        ("twilight_sky", 9.0, {"sky": (7, 500.0)}, Quality.TWILIGHT),
    ],
)
def test_limits_of_quality_are_those_of_the_profile(key, wide, columns, expected):
    facts = night_facts(**columns)
    assert judge_frames(facts, jump_px=0.5).verdict[7] == expected
    assert judge_frames(facts, jump_px=0.5, limits=QualityLimits(**{key: wide})).verdict[7] == Quality.GOOD
