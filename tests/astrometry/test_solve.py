"""The ladder on made-up images: each rung finds the truth, what spoils frames does not, nothing is invented."""

import dataclasses

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from made_sky import FULL_CHIP, electrons_of, make_field, make_wcs, render

from ngcmos.astrometry.distortion import to_pixels
from ngcmos.astrometry.solve import solve_frame, solve_from_guess
from ngcmos.astrometry.spots import ReferenceStars
from ngcmos.astrometry.wcs_header import solution_from_header, wcs_cards
from ngcmos.config import load_camera
from ngcmos.errors import UnsolvedError

SHAPE = (1024, 1024)
CAMERA = load_camera()


def expose(field, *, seed=1, shift=(0.0, 0.0), light=1.0, fwhm_px=2.0, **options):
    rng = np.random.default_rng(seed)
    rows, x, y = field.visible(19.0)
    electrons = light * electrons_of(field.mag[rows])
    return render(rng, x + shift[0], y + shift[1], electrons, shape=field.shape, fwhm_px=fwhm_px, **options)


def reference(field, *, limit=16.0):
    known = field.mag < limit
    return ReferenceStars(field.ra[known], field.dec[known], field.mag[known], np.ones(known.sum(), dtype=bool))


def solve(image, field, stars=None, **options):
    return solve_frame(image, stars or reference(field), CAMERA, pointing=field.pointing, **options)


def errors(solution, field, *, shift=(0.0, 0.0)):
    """Distances of the predicted from the true places of all stars on the chip, pixels."""
    rows, x, y = field.visible()
    px, py = to_pixels(solution, field.ra[rows], field.dec[rows])
    return np.hypot(px - x - shift[0], py - y - shift[1])


@pytest.fixture(scope="module")
def field():
    return make_field(np.random.default_rng(40), shape=SHAPE, faintest=18.0)


@pytest.fixture(scope="module")
def image(field):
    return expose(field)


@pytest.fixture(scope="module")
def first(field, image):
    return solve(image, field)


def test_first_frame_is_solved_by_triangles(field, first):
    assert first.rung == "triangles"
    assert np.median(errors(first, field)) < 0.006
    assert errors(first, field).max() < 0.05


def test_next_frame_is_solved_by_forced_centroids(field, first):
    shift = (0.4, -0.3)
    solution = solve(expose(field, seed=2, shift=shift), field, previous=first)
    assert solution.rung == "forced"
    assert np.median(errors(solution, field, shift=shift)) < 0.006


@pytest.mark.parametrize("shift", [(6.0, -9.0), (140.0, 45.0), (-100.0, -110.0)])
def test_jump_is_solved_by_the_shift_vote(field, first, shift):
    solution = solve(expose(field, seed=3, shift=shift), field, previous=first)
    assert solution.rung == "shift"
    assert np.median(errors(solution, field, shift=shift)) < 0.01


def test_meridian_flip_is_solved_by_triangles(field, first):
    wcs = field.wcs.deepcopy()
    wcs.wcs.cd = -wcs.wcs.cd
    wcs.sip = None
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.set()
    turned = dataclasses.replace(field, wcs=wcs)
    solution = solve(expose(turned, seed=4), turned, previous=first)
    assert solution.rung == "triangles"
    assert np.median(errors(solution, turned)) < 0.006


def test_previous_solution_may_come_from_a_header(field, first):
    header = fits.Header([(keyword, value) for keyword, value, _ in wcs_cards(first, SHAPE)])
    solution = solve(expose(field, seed=5), field, previous=solution_from_header(header))
    assert solution.rung == "forced"


@pytest.mark.slow
def test_precision_on_full_frames():
    field = make_field(np.random.default_rng(41), faintest=18.5, off_deg=0.1)
    previous, found = None, []
    for seed in range(2):
        previous = solve(expose(field, seed=seed), field, previous=previous)
        found.append(errors(previous, field))
    found = np.concatenate(found)
    assert np.median(found) <= 0.004
    assert np.percentile(found, 95) <= 0.0105


def test_matched_stars_are_rows_of_the_list(field, first):
    stars = reference(field)
    x, y = field.pixels(stars.ra[first.index], stars.dec[first.index])
    assert np.hypot(first.x - x, first.y - y).max() < 1.0
    assert len(np.unique(first.index)) == first.n > 300


def test_residuals_and_width_are_reported(first):
    assert first.rms == pytest.approx(np.sqrt(np.mean(first.dx**2 + first.dy**2)))
    assert first.rms < 0.15
    assert first.fwhm == pytest.approx(2.1, abs=0.15)


def test_solution_carries_its_inverse(first):
    assert first.ap.any()
    assert first.bp.any()


@pytest.mark.parametrize("kind", [">u2", "float32", ">f8"])
def test_any_number_type_is_solved(field, image, first, kind):
    solution = solve(image.astype(kind), field, previous=first)
    np.testing.assert_allclose(solution.crpix, first.crpix, atol=0.01)


def test_input_is_left_alone(field, image, first):
    before = image.copy()
    solve(image, field, previous=first)
    solve(image, field)
    np.testing.assert_array_equal(image, before)


def test_cloud_that_lets_five_per_cent_through(field, first):
    cloudy = expose(field, seed=6, light=0.05)
    for previous in (None, first):
        assert np.median(errors(solve(cloudy, field, previous=previous), field)) < 0.05


def test_defocused_frame():
    field = make_field(np.random.default_rng(42), shape=SHAPE, faintest=17.0)
    solution = solve(expose(field, fwhm_px=6.0), field)
    assert np.median(errors(solution, field)) < 0.03
    assert solution.fwhm == pytest.approx(6.0, rel=0.1)


def test_hot_pixels_do_not_matter(field, image, first):
    rng = np.random.default_rng(43)
    spoiled = image.copy()
    spoiled[rng.integers(0, 1024, 3000), rng.integers(0, 1024, 3000)] = rng.integers(2000, 65535, 3000)
    for previous in (None, first):
        assert np.median(errors(solve(spoiled, field, previous=previous), field)) < 0.01
    shift = (30.0, 20.0)
    moved = np.maximum(expose(field, shift=shift), np.where(spoiled > image, spoiled, 0)).astype(np.uint16)
    assert np.median(errors(solve(moved, field, previous=first), field, shift=shift)) < 0.01


def test_satellite_trail_does_not_matter(field, image, first):
    rows, columns = np.indices(SHAPE)
    trail = 3000 * np.exp(-0.5 * ((rows - 0.7 * columns - 100) / 2.0) ** 2)
    spoiled = image + trail
    for previous in (None, first):
        assert np.median(errors(solve(spoiled, field, previous=previous), field)) < 0.01


def test_moon_light_gradient_does_not_matter(field, image, first):
    lit = image + np.linspace(0, 600, 1024)
    for previous in (None, first):
        assert np.median(errors(solve(lit, field, previous=previous), field)) < 0.01


def test_nan_pixels_do_not_matter(field, image, first):
    holed = image.astype(np.float32)
    holed[:, 500:510] = np.nan
    holed[300, :] = np.nan
    for previous in (None, first, dataclasses.replace(first, crpix=(first.crpix[0] + 20, first.crpix[1]))):
        assert np.median(errors(solve(holed, field, previous=previous), field)) < 0.01


def test_saturated_stars_stay_out_of_the_fit(field):
    image = expose(field, light=10.0)
    solution = solve(image, field)
    peaks = [
        image[round(y) - 1 : round(y) + 2, round(x) - 1 : round(x) + 2].max()
        for x, y in zip(solution.x, solution.y, strict=True)
    ]
    assert np.count_nonzero(image == 65535) > 20
    assert max(peaks) < 0.9 * 65535


def test_unusable_stars_stay_out_of_the_fit(field, image, first):
    stars = reference(field)
    usable = np.arange(len(stars.ra)) % 3 > 0
    solution = solve(image, field, dataclasses.replace(stars, usable=usable))
    assert usable[solution.index].all()
    assert not usable[first.index].all()


def test_stars_outside_of_the_magnitudes_stay_out_of_the_fit(field, image):
    settings = dataclasses.replace(CAMERA.solve, tmag_min=11.0, tmag_max=14.0)
    camera = dataclasses.replace(CAMERA, solve=settings)
    solution = solve_frame(image, reference(field), camera, pointing=field.pointing)
    mag = reference(field).mag[solution.index]
    assert mag.min() >= 11.0
    assert mag.max() <= 14.0


def test_wrong_catalog_positions_are_clipped(field, image):
    stars = reference(field)
    moved = np.arange(len(stars.ra)) % 10 == 0
    wrong = dataclasses.replace(stars, dec=np.where(moved, stars.dec + 0.8 * 4.05 / 3600, stars.dec))
    solution = solve(image, field, wrong)
    assert np.median(errors(solution, field)) < 0.01
    assert moved[solution.index].mean() < 0.02


def test_half_a_dome_is_not_believed_by_forced_centroids(field, image, first):
    covered = image.copy()
    covered[:, :560] = expose(field, light=1e-6)[:, :560]
    solution = solve(covered, field, previous=first)
    assert solution.rung == "shift"
    assert np.median(errors(solution, field)) < 0.1


def test_catalog_of_poor_positions_is_refused(field, image):
    rng = np.random.default_rng(48)
    stars = reference(field)
    noise = rng.normal(0, 0.5 * 4.05 / 3600, (2, len(stars.ra)))
    poor = dataclasses.replace(
        stars, ra=stars.ra + noise[0] / np.cos(np.radians(stars.dec)), dec=stars.dec + noise[1]
    )
    with pytest.raises(UnsolvedError, match=r"triangles: rms 0\.\d+ px, expected less than 0\.3 px"):
        solve(image, field, poor)
    wide = dataclasses.replace(CAMERA, solve=dataclasses.replace(CAMERA.solve, rms_px=1.0))
    assert 0.3 < solve_frame(image, poor, wide, pointing=field.pointing).rms < 1.0


@pytest.mark.parametrize("with_previous", [False, True])
def test_wrong_field_is_refused(image, first, with_previous):
    foreign = make_field(np.random.default_rng(44), shape=SHAPE)
    with pytest.raises(UnsolvedError, match=r"no match within 0.2 deg .* no match within 2 deg"):
        solve(image, foreign, previous=first if with_previous else None)


def test_previous_solution_of_another_field_is_not_believed(field, image):
    elsewhere = make_field(np.random.default_rng(45), shape=SHAPE, faintest=18.0)
    solution = solve(image, field, previous=solve(expose(elsewhere), elsewhere))
    assert solution.rung == "triangles"
    assert np.median(errors(solution, field)) < 0.01


def test_reasons_of_all_rungs_are_told(field, first):
    empty = np.random.default_rng(46).normal(100, 10, SHAPE)
    with pytest.raises(
        UnsolvedError, match=r"forced: \d+ stars .*; shift: .*; too few sources: \d+, expected at least 5"
    ):
        solve(empty, field, previous=first)


@pytest.mark.parametrize(
    ("pixels", "message"),
    [(np.full(SHAPE, 500, dtype=np.uint16), "constant"), (np.full(SHAPE, np.nan), "no usable pixel")],
)
def test_empty_images_are_refused(field, first, pixels, message):
    for previous in (None, first):
        with pytest.raises(UnsolvedError, match=message):
            solve(pixels, field, previous=previous)


def test_empty_catalog_is_refused(image, field, first):
    with pytest.raises(UnsolvedError, match="0 catalog stars"):
        solve(image, field, reference(field, limit=-5.0), previous=first)


def test_guess_is_refined(field, image, first):
    none = np.zeros((4, 4))
    guess = dataclasses.replace(first, a=none, b=none, crpix=(first.crpix[0] + 3.0, first.crpix[1] - 2.0))
    solution = solve_from_guess(image, reference(field), CAMERA, guess, rung="solve-field")
    assert solution.rung == "solve-field"
    assert np.median(errors(solution, field)) < 0.006


def test_wrong_guess_is_refused(field, image, first):
    guess = dataclasses.replace(first, crpix=(first.crpix[0] + 60.0, first.crpix[1]))
    with pytest.raises(UnsolvedError, match="stars agree within"):
        solve_from_guess(image, reference(field), CAMERA, guess)


def test_least_order_forbids_a_stiffer_fit(field, image, first):
    stars = reference(field)
    x, y = to_pixels(first, stars.ra, stars.dec)
    on_chip = np.flatnonzero((x > 50) & (x < 970) & (y > 50) & (y < 970) & (stars.mag > 12.0))
    few = dataclasses.replace(stars, usable=np.isin(np.arange(len(x)), on_chip[::20][:17]))
    cubic = [solve(image, field, few, previous=first, least_order=order).a[3, 0] != 0 for order in (1, 3)]
    assert cubic == [False, True]


def test_columns_of_the_reference_must_agree():
    with pytest.raises(ValueError, match="one length"):
        ReferenceStars(np.zeros(3), np.zeros(3), np.zeros(2), np.ones(3, dtype=bool))


def test_distortion_of_a_solved_field_is_the_true_one():
    rng = np.random.default_rng(47)
    field = make_field(rng, faintest=17.0)
    assert field.shape == FULL_CHIP
    field = dataclasses.replace(field, wcs=make_wcs(rng, field.wcs.wcs.crval, distortion_px=8.0))
    assert errors(solve(expose(field), field), field).max() < 0.05


@pytest.fixture(scope="module")
def real_night(real_data):
    """[(image, header), ...] in time order, and the catalog at the epoch of the night."""
    folder = real_data / "hatp32"
    frames = []
    for path in sorted((folder / "20171219").glob("NG*.fits")):
        with fits.open(path, memmap=False) as units:
            frames.append((units[0].data, units[0].header))
    table = Table.read(folder / "tic82_hatp32.fits")
    years = 17.97
    pm_ra, pm_dec = (np.ma.filled(table[name].astype(float), 0.0) * years / 3.6e6 for name in ("pmRA", "pmDE"))
    dec = np.array(table["DEJ2000"]) + pm_dec
    ra = np.array(table["RAJ2000"]) + pm_ra / np.cos(np.radians(dec))
    return frames, ReferenceStars(ra, dec, np.array(table["Tmag"]), np.ones(len(table), dtype=bool))


@pytest.mark.real
def test_all_real_frames_are_solved_from_nothing(real_night):
    """One after the other they are solved where the whole night is reduced."""
    camera = load_camera("microobservatory")
    frames, stars = real_night
    residuals, scales = [], []
    for image, header in frames:
        solution = solve_frame(image, stars, camera, pointing=(header["TELRAD"], header["TELDECD"]), previous=None)
        residuals.append(np.median(solution.residual))
        scales.append(solution.scale_arcsec)
    assert len(residuals) == 30
    assert max(residuals) < 0.3
    assert np.ptp(scales) < 0.005
