"""TAN-SIP: the transformations against astropy, the fit against known solutions, the cards there and back."""

import dataclasses

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from made_sky import FULL_CHIP, make_field, make_wcs

from ngcmos.astrometry.distortion import Solution, to_pixels, to_pixels_roughly, to_sky
from ngcmos.astrometry.fitting import fit_conformal, fit_inverse, fit_linear_sip, with_matches
from ngcmos.astrometry.spots import Pairs
from ngcmos.astrometry.wcs_header import solution_from_header, tile_residuals, wcs_cards
from ngcmos.errors import UnsolvedError

CENTRES = [(120.3, -30.2), (0.001, 5.0), (359.999, -5.0), (200.0, 88.9), (10.0, -89.5)]


def true_wcs(centre=(120.3, -30.2), *, distortion_px=3.0, seed=3):
    return make_wcs(np.random.default_rng(seed), centre, distortion_px=distortion_px)


def chip_points(seed=4, count=400):
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 2047, count), rng.uniform(0, 2047, count)


@pytest.mark.parametrize("centre", CENTRES)
def test_rough_pixels_are_good_to_a_twentieth(centre):
    wcs = true_wcs(centre)
    x, y = chip_points()
    rough = to_pixels_roughly(fitted(wcs), *wcs.all_pix2world(x, y, 0))
    assert 1e-4 < np.hypot(rough[0] - x, rough[1] - y).max() < 0.05


def fitted(wcs, *, order=3, crval=None):
    x, y = chip_points()
    ra, dec = wcs.all_pix2world(x, y, 0)
    found = fit_linear_sip(Pairs(x, y, ra, dec), crval=crval or wcs.wcs.crval, shape=FULL_CHIP, order=order)
    return with_matches(fit_inverse(found, FULL_CHIP), np.arange(len(x)), Pairs(x, y, ra, dec), rung="forced")


def header_of(solution, shape=FULL_CHIP):
    header = fits.Header()
    for keyword, value, comment in wcs_cards(solution, shape):
        header[keyword] = value, comment
    return header


@pytest.mark.parametrize("centre", CENTRES)
def test_to_pixels_equals_astropy(centre):
    wcs = true_wcs(centre)
    solution = solution_from_header(header_of_wcs(wcs))
    ra, dec = wcs.all_pix2world(*chip_points(), 0)
    expected = wcs.all_world2pix(ra, dec, 0, tolerance=1e-10)
    np.testing.assert_allclose(to_pixels(solution, ra, dec), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("centre", CENTRES)
def test_to_sky_equals_astropy(centre):
    wcs = true_wcs(centre)
    solution = solution_from_header(header_of_wcs(wcs))
    x, y = chip_points()
    ra, dec = to_sky(solution, x, y)
    np.testing.assert_allclose(wcs.all_world2pix(ra, dec, 0, tolerance=1e-10), (x, y), rtol=0, atol=1e-6)


def header_of_wcs(wcs):
    """Header as astropy writes it, with the CD matrix under its own names: astropy calls it PC."""
    matrix = {f"CD{i + 1}_{j + 1}": wcs.wcs.cd[i, j] for i in (0, 1) for j in (0, 1)}
    return dict(wcs.to_header(relax=True)) | matrix


@pytest.mark.parametrize("distortion_px", [0.0, 3.0, 60.0])
def test_there_and_back(distortion_px):
    wcs = true_wcs(distortion_px=distortion_px)
    x, y = chip_points()
    solution = fitted(wcs)
    np.testing.assert_allclose(to_pixels(solution, *to_sky(solution, x, y)), (x, y), rtol=0, atol=1e-7)


def test_fit_recovers_a_known_solution():
    wcs = true_wcs()
    solution = fitted(wcs)
    np.testing.assert_allclose(solution.crpix, wcs.wcs.crpix - 1, atol=1e-6)
    np.testing.assert_allclose(solution.cd, wcs.wcs.cd, rtol=1e-9)
    np.testing.assert_allclose(solution.a, wcs.sip.a, atol=1e-14)
    np.testing.assert_allclose(solution.b, wcs.sip.b, atol=1e-14)


def test_fit_with_another_tangent_point_predicts_the_same_places():
    wcs = true_wcs()
    solution = fitted(wcs, crval=(wcs.wcs.crval[0] + 0.02, wcs.wcs.crval[1] - 0.01))
    x, y = chip_points(seed=5)
    np.testing.assert_allclose(to_pixels(solution, *wcs.all_pix2world(x, y, 0)), (x, y), rtol=0, atol=2e-5)


@pytest.mark.parametrize(("order", "highest"), [(1, 1), (2, 2), (3, 3)])
def test_order_bounds_the_terms(order, highest):
    solution = fitted(true_wcs(), order=order)
    total = np.add.outer(np.arange(4), np.arange(4))
    for square in (solution.a, solution.b):
        assert not square[(total > highest) | (total < 2)].any()
        assert order == 1 or square[total == highest].all()


def test_weights_let_bad_stars_count_for_nothing():
    wcs = true_wcs()
    x, y = chip_points()
    ra, dec = wcs.all_pix2world(x, y, 0)
    weights = np.ones(len(x))
    weights[:40] = 1e-12
    shifted = np.where(weights < 1, x + 5.0, x)
    solution = fit_linear_sip(Pairs(shifted, y, ra, dec), crval=wcs.wcs.crval, shape=FULL_CHIP, weights=weights)
    np.testing.assert_allclose(to_pixels(solution, ra, dec), (x, y), rtol=0, atol=1e-6)


def test_too_few_stars_for_the_order():
    x, y = chip_points(count=9)
    ra, dec = true_wcs().all_pix2world(x, y, 0)
    with pytest.raises(UnsolvedError, match="9 stars are too few for a fit of order 3, expected at least 10"):
        fit_linear_sip(Pairs(x, y, ra, dec), crval=(120.3, -30.2), shape=FULL_CHIP)


def test_stars_in_one_place_are_degenerate():
    x = y = np.full(30, 100.0)
    ra, dec = true_wcs().all_pix2world(x, y, 0)
    with pytest.raises(UnsolvedError, match="degenerate"):
        fit_linear_sip(Pairs(x, y, ra, dec), crval=(120.3, -30.2), shape=FULL_CHIP)


@pytest.mark.parametrize(
    ("ra", "dec"), [(300.3, 30.2), (120.3, 10.0), (200.0, -30.0), (120.3, 89.0), (np.nan, 1.0)]
)
def test_stars_far_from_the_field_have_no_pixel(ra, dec):
    x, y = to_pixels(fitted(true_wcs()), np.array([ra, 120.3]), np.array([dec, -30.2]))
    assert np.isnan([x[0], y[0]]).all()
    assert np.isfinite([x[1], y[1]]).all()


def test_beyond_the_fold_of_the_distortion_there_is_no_pixel():
    wcs = true_wcs(distortion_px=60.0)
    solution = fitted(wcs)
    ra, dec = np.full(2, wcs.wcs.crval[0]), wcs.wcs.crval[1] + np.array([0.1, 8.0])
    x, y = to_pixels(solution, ra, dec)
    assert np.isfinite(x[0])
    assert np.isnan(x[1])
    assert np.isnan(y[1])


def test_inverse_polynomials_hold_over_the_chip():
    solution = fitted(true_wcs(distortion_px=5.0))
    x, y = (grid.ravel() for grid in np.meshgrid(np.linspace(0, 2047, 20), np.linspace(0, 2047, 20)))
    wcs = WCS(header_of(solution))
    ra, dec = to_sky(solution, x, y)
    flat_x, flat_y = wcs.wcs_world2pix(ra, dec, 0)
    u, v = flat_x - solution.crpix[0], flat_y - solution.crpix[1]
    back_x = flat_x + np.polynomial.polynomial.polyval2d(u, v, wcs.sip.ap)
    back_y = flat_y + np.polynomial.polynomial.polyval2d(u, v, wcs.sip.bp)
    assert np.max(np.hypot(back_x - x, back_y - y)) < 1e-4


def test_cards_read_by_astropy_give_the_same_sky():
    solution = fitted(true_wcs())
    x, y = chip_points(seed=6)
    np.testing.assert_allclose(
        WCS(header_of(solution)).all_pix2world(x, y, 0), to_sky(solution, x, y), rtol=0, atol=1e-9
    )


def test_cards_carry_no_constant_or_linear_distortion():
    header = header_of(fitted(true_wcs()))
    low = [f"{name}_{i}_{j}" for name in "AB" for i, j in ((0, 0), (1, 0), (0, 1))]
    assert not [keyword for keyword in low if keyword in header]
    assert (header["A_ORDER"], header["B_ORDER"]) == (3, 3)
    assert (header["CTYPE1"], header["CTYPE2"], header["RADESYS"]) == ("RA---TAN-SIP", "DEC--TAN-SIP", "ICRS")


def test_cards_fit_into_a_fits_header():
    header = header_of(fitted(true_wcs()))
    assert all(len(str(card)) == 80 for card in header.cards)
    assert header["WCSNSTAR"] == 400


def test_solution_survives_the_header():
    solution = fitted(true_wcs())
    again = solution_from_header(fits.Header.fromstring(header_of(solution).tostring()))
    x, y = chip_points(seed=7)
    np.testing.assert_allclose(to_pixels(again, *to_sky(solution, x, y)), (x, y), rtol=0, atol=1e-6)
    assert again.rms == pytest.approx(solution.rms)
    assert again.rung == "header"


def test_constant_and_linear_terms_of_a_header_are_folded():
    header = header_of(fitted(true_wcs()))
    header["A_0_0"], header["A_1_0"], header["B_0_1"], header["B_1_0"] = 3.0, 1e-3, -2e-3, 5e-4
    solution = solution_from_header(header)
    x, y = chip_points(seed=8)
    np.testing.assert_allclose(to_sky(solution, x, y), WCS(header).all_pix2world(x, y, 0), rtol=0, atol=1e-9)
    assert not solution.a[[0, 0, 1], [0, 1, 0]].any()


def test_plain_tan_header_is_read():
    header = header_of(fitted(true_wcs(distortion_px=0.0)))
    for keyword in [key for key in header if key[:2] in ("A_", "B_", "AP", "BP")]:
        del header[keyword]
    header["CTYPE1"], header["CTYPE2"] = "RA---TAN", "DEC--TAN"
    x, y = chip_points(seed=9)
    expected = WCS(header).all_pix2world(x, y, 0)
    np.testing.assert_allclose(to_sky(solution_from_header(header), x, y), expected, rtol=0, atol=1e-9)


def test_our_own_cards_are_taken_as_they_are():
    solution = fitted(true_wcs())
    read = solution_from_header(header_of(solution))
    assert (read.crval, read.crpix) == (solution.crval, pytest.approx(solution.crpix, abs=1e-9))
    header = header_of(solution)
    assert read.cd.tolist() == [[header["CD1_1"], header["CD1_2"]], [header["CD2_1"], header["CD2_2"]]]
    assert (read.a[0, 2], read.b[2, 1]) == (header["A_0_2"], header["B_2_1"])


def test_one_polynomial_alone():
    header = header_of(fitted(true_wcs()))
    for keyword in [key for key in header if key.startswith("A_")]:
        del header[keyword]
    header["A_ORDER"] = 0
    x, y = chip_points(seed=10)
    expected = to_sky(
        dataclasses.replace(solution_from_header(header_of(fitted(true_wcs()))), a=np.zeros((4, 4))), x, y
    )
    np.testing.assert_allclose(to_sky(solution_from_header(header), x, y), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"CTYPE1": None}, "CTYPE"),
        ({"CTYPE2": "DEC--SIN"}, "DEC--SIN"),
        ({"CRVAL1": None}, "CRVAL1 is missing or no number"),
        ({"CD2_1": "none"}, "CD2_1 is missing or no number"),
        ({"CRPIX2": None}, "CRPIX2"),
        ({"A_ORDER": "three"}, "A_ORDER"),
        ({"A_ORDER": -2}, "A_ORDER is -2, expected 0 to 9"),
        ({"B_ORDER": 100000}, "B_ORDER is 100000, expected 0 to 9"),
    ],
)
def test_header_without_a_solution(changes, message):
    header = dict(header_of(fitted(true_wcs())))
    for keyword, value in changes.items():
        header.pop(keyword)
        if value is not None:
            header[keyword] = value
    with pytest.raises(UnsolvedError, match=message):
        solution_from_header(header)


def test_header_with_a_singular_matrix():
    header = header_of(fitted(true_wcs()))
    for i in (1, 2):
        for j in (1, 2):
            header[f"CD{i}_{j}"] = 0.0
    with pytest.raises(UnsolvedError, match="degenerate"):
        solution_from_header(header)


def test_header_with_a_number_that_is_none():
    header = dict(header_of(fitted(true_wcs())), CRVAL1=float("nan"))
    with pytest.raises(UnsolvedError, match="CRVAL1 is nan"):
        solution_from_header(header)


def matched(x, y, residual):
    """A solution that knows only its stars."""
    zero = np.zeros(len(x))
    return Solution((0, 0), (0, 0), np.eye(2), index=np.arange(len(x)), x=x, y=y, dx=residual, dy=zero, rms=1.0)


def test_tiles_are_named_by_their_corner():
    x, y = np.array([10.0, 2040.0, 10.0, 2040.0, 1024.0]), np.array([2040.0, 2040.0, 10.0, 10.0, 1024.0])
    tiles = tile_residuals(matched(x, y, np.array([1.0, 2.0, 3.0, 4.0, 5.0])), FULL_CHIP)
    assert tiles == {"TL": 1.0, "TR": 2.0, "BL": 3.0, "BR": 4.0, "C": 5.0}


def test_tile_is_the_median_of_512_pixels():
    x = np.array([0.0, 511.0, 512.0, 100.0])
    solution = matched(x, np.zeros(4), np.array([0.1, 0.3, 9.0, 0.2]))
    assert {key: value for key, value, _ in wcs_cards(solution, FULL_CHIP)}["MATCH-BL"] == pytest.approx(0.2)


def test_tile_without_stars_has_no_card():
    solution = matched(np.array([10.0]), np.array([10.0]), np.array([0.1]))
    keywords = [keyword for keyword, _, _ in wcs_cards(solution, FULL_CHIP)]
    assert "MATCH-BL" in keywords
    assert not {"MATCH-TL", "MATCH-TR", "MATCH-BR", "MATCH-C"} & set(keywords)


def test_solution_without_stars_has_no_quality_cards():
    alone = matched(np.empty(0), np.empty(0), np.empty(0))
    cards = {key: value for key, value, _ in wcs_cards(alone, FULL_CHIP)}
    assert cards["WCSNSTAR"] == 0
    assert not {"WCSRMS", "MATCH-C"} & set(cards)


def test_residuals_are_measured_minus_predicted():
    field = make_field(np.random.default_rng(30), density=0.1)
    rows, x, y = field.visible()
    pairs = Pairs(x, y, field.ra[rows], field.dec[rows])
    plain = fit_linear_sip(pairs, crval=field.wcs.wcs.crval, shape=FULL_CHIP)
    moved = dataclasses.replace(pairs, x=x + 0.3, y=y - 0.4)
    found = with_matches(plain, rows, moved, rung="forced")
    np.testing.assert_allclose(found.dx, 0.3, atol=1e-4)
    np.testing.assert_allclose(found.dy, -0.4, atol=1e-4)
    assert found.rms == pytest.approx(0.5, abs=1e-4)
    assert found.n == len(rows)


def test_scale_of_a_solution():
    solution = dataclasses.replace(fitted(true_wcs()), cd=np.array([[0.0, -0.001], [0.001, 0.0]]))
    assert solution.scale_arcsec == pytest.approx(3.6)


@pytest.mark.parametrize("parity", [-1, 1])
@pytest.mark.parametrize("distortion_px", [0.0, 3.0])
def test_a_solution_is_laid_onto_three_stars(parity, distortion_px):
    """Shifted, turned and stretched: the truth is another solution changed by just that."""
    wcs = make_wcs(np.random.default_rng(5), (120.3, -30.2), distortion_px=distortion_px, parity=parity)
    x, y = chip_points(count=40)
    ra, dec = wcs.all_pix2world(x, y, 0)
    right = fitted(wcs)
    turned = right.cd @ np.array([[1.01, -0.02], [0.02, 1.01]])
    off = dataclasses.replace(right, crval=(right.crval[0] + 0.02, right.crval[1] - 0.01), cd=turned)
    assert np.hypot(*np.subtract(to_pixels(off, ra, dec), (x, y))).max() > 30
    found = fit_conformal(off, Pairs(x[:3], y[:3], ra[:3], dec[:3]))
    np.testing.assert_allclose(to_pixels(found, ra, dec), (x, y), rtol=0, atol=2e-4)
