"""Fluxes by the shape of the stars: pairs painted with known light, theory from the painted shapes, photutils."""

import dataclasses
import warnings

import numpy as np
import pytest
from astropy.table import Table
from scipy.special import erf

from ngcmos.config import Photometry
from ngcmos.photometry.apertures import Exposure, measure
from ngcmos.photometry.noise import pixel_variance
from ngcmos.photometry.psf import Under, build_psf, cut_stamps, fit_groups, gaussian_psf, half_stamp
from ngcmos.photometry.psf_stars import PsfPlan, measure_psf, plan_psf

SIZE, FRAMES, SKY, GRID = 420, 12, 90.0, 30
SIGMA_A_FWHM = 1 / np.sqrt(8 * np.log(2))


def share(place, fwhm):
    """(stars, pixels) share of each row or column in the light of round Gaussian stars."""
    edges = (np.arange(SIZE + 1) - 0.5 - place[:, None]) / (np.sqrt(2) * SIGMA_A_FWHM * fwhm)
    return np.diff(erf(edges)) / 2


class Sky:
    """Stars that stand alone on a grid, every third with a fainter companion; frames of them with their noise."""

    def __init__(self, fwhm, distance, dmag, detector):
        rng = np.random.default_rng(5)
        self.fwhm, self.detector = fwhm, detector
        x, y = (place.ravel() for place in np.meshgrid(*[np.arange(25, SIZE - 20, GRID, float)] * 2))
        x, y = x + rng.uniform(-0.5, 0.5, x.size), y + rng.uniform(-0.5, 0.5, x.size)
        flux, angle = 10 ** rng.uniform(3.8, 5.0, x.size), rng.uniform(0, 2 * np.pi, x.size)
        self.first = np.flatnonzero(np.arange(x.size) % 3 == 0)
        self.second = x.size + np.arange(self.first.size)
        self.alone = np.flatnonzero(np.arange(x.size) % 3 != 0)
        near = self.first
        self.x = np.append(x, x[near] + distance * np.cos(angle[near]))
        self.y = np.append(y, y[near] + distance * np.sin(angle[near]))
        self.flux = np.append(flux, flux[near] * 10 ** (-0.4 * dmag))
        self.rows, self.columns = share(self.y, fwhm), share(self.x, fwhm)
        self.clean = self.light(self.x)
        self.rng = rng

    def light(self, x):
        """The sky with the stars at other columns."""
        return SKY + (self.flux[:, None] * self.rows).T @ share(x, self.fwhm)

    def frame(self):
        gain, read = self.detector.gain_e_adu, self.detector.read_noise_e
        return (self.rng.poisson(self.clean * gain) + self.rng.normal(0, read, self.clean.shape)) / gain

    def stamps(self, image):
        variance = pixel_variance(np.full(self.x.size, SKY), detector=self.detector, exptime_s=0.0)
        return cut_stamps(
            image.astype(np.float32),
            self.x,
            self.y,
            half_stamp(self.fwhm),
            under=Under(np.full(self.x.size, SKY), variance),
            spoilt=np.zeros(image.shape, bool),
            varies=True,
        )

    def fit(self, image):
        """(flux, error) with the shape of the stars that stand alone."""
        stamps, gain = self.stamps(image), self.detector.gain_e_adu
        start = gaussian_psf(1.2 * self.fwhm, stamps.half, stamps.terms)  # a wrong guess of the width
        psf = build_psf(stamps.of(self.alone), self.flux[self.alone], start, gain)
        return fit_groups(stamps, psf, self.flux, np.zeros(self.x.size), gain)

    def theory(self, one, other):
        """Least errors of the fluxes of two stars whose shapes and places are known (Cramer & Rao)."""
        variance = (
            self.clean / self.detector.gain_e_adu + (self.detector.read_noise_e / self.detector.gain_e_adu) ** 2
        )
        shapes = np.array([np.outer(self.rows[star], self.columns[star]).ravel() for star in (one, other)])
        return np.sqrt(np.diag(np.linalg.inv((shapes / variance.ravel()) @ shapes.T)))


@pytest.mark.parametrize(
    ("fwhm", "distance", "dmag"),
    [(1.6, 2.0, 1.5), (1.6, 4.0, 0.0), (2.5, 2.0, 0.5), (2.5, 2.5, 1.5), (2.5, 6.0, 1.5)],
)
def test_pairs_have_their_own_light_and_scatter_as_theory_says(detector, fwhm, distance, dmag):
    sky = Sky(fwhm, distance, dmag, detector)
    found = np.array([sky.fit(sky.frame()) for _ in range(FRAMES)])
    flux, told = found[:, 0], found[:, 1].mean(axis=0)
    least = np.array([sky.theory(*pair) for pair in zip(sky.first, sky.second, strict=True)]).T
    for stars, theory in zip((sky.first, sky.second), least, strict=True):
        mean, scatter = flux[:, stars].mean(axis=0), flux[:, stars].std(axis=0, ddof=1)
        assert np.average(mean / sky.flux[stars], weights=(sky.flux[stars] / theory) ** 2) == pytest.approx(
            1, abs=0.005
        )
        assert np.sqrt(np.mean((scatter / theory) ** 2)) < 1.15
        np.testing.assert_allclose(told[stars], theory, rtol=0.1)


def test_photutils_finds_the_same_fluxes(detector):
    psf = pytest.importorskip("photutils.psf")
    sky = Sky(2.5, 3.0, 1.0, detector)
    image = sky.frame()
    flux, error = sky.fit(image)
    model = psf.CircularGaussianPRF(fwhm=sky.fwhm)
    model.x_0.fixed = model.y_0.fixed = True
    photometry = psf.PSFPhotometry(model, (11, 11), grouper=psf.SourceGrouper(8.0))
    guesses = Table({"x": sky.x, "y": sky.y, "flux": sky.flux})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = photometry(image - SKY, error=np.sqrt(sky.clean / detector.gain_e_adu), init_params=guesses)
    theirs.sort("id")
    pulls = (flux - np.asarray(theirs["flux_fit"])) / error
    assert np.sqrt(np.mean(pulls**2)) < 0.3  # the same pixels: they differ by less than their noise
    alone = sky.alone  # in a group photutils counts the pixels that stars share more than once
    np.testing.assert_allclose(error[alone], np.asarray(theirs["flux_err"])[alone], rtol=0.1)


def test_a_bad_pixel_is_left_out_and_a_star_of_few_pixels_has_no_flux(detector):
    sky = Sky(2.0, 4.0, 0.5, detector)
    image = sky.frame()
    whole = sky.fit(image)[0]
    star, lost = sky.alone[:2]
    image[round(sky.y[star]) + 1, round(sky.x[star])] = np.nan
    image[round(sky.y[lost]) - 1 : round(sky.y[lost]) + 2, round(sky.x[lost]) - 1 : round(sky.x[lost]) + 2] = (
        np.nan
    )
    flux, error = sky.fit(image)
    assert flux[star] == pytest.approx(whole[star], rel=0.05)
    assert np.isnan(flux[lost]) and np.isnan(error[lost])
    others = np.setdiff1d(np.arange(sky.x.size), [star, lost])
    np.testing.assert_allclose(flux[others], whole[others], rtol=0.01)


def test_the_function_follows_stars_that_are_not_gaussian(detector):
    sky = Sky(2.0, 5.0, 1.0, detector)
    wide = Sky(3.5, 5.0, 1.0, detector)  # a tenth of the light lies in wings
    image = 0.9 * sky.frame() + 0.1 * wide.frame()
    flux, _ = sky.fit(image)
    bright = np.append(sky.first, sky.alone)
    bright = bright[sky.flux[bright] > 3e4]
    np.testing.assert_allclose(flux[bright], sky.flux[bright], rtol=0.02)


@pytest.mark.parametrize("drift", [0.0, 1.5])
def test_few_stars_at_places_that_are_a_little_off_tell_the_function_too(detector, drift):
    """As in a small chip whose tracking drifts: 25 stars, a third of them with the same light, 0.05 px off."""
    sky = Sky(2.0, 5.0, 1.0, detector)
    sky.clean = (sky.clean + sky.light(sky.x + drift)) / 2
    rng = np.random.default_rng(2)
    off = rng.normal(0, 0.05, (2, sky.x.size))
    sky.x, sky.y = sky.x + drift / 2 + off[0], sky.y + off[1]
    stamps = sky.stamps(sky.frame())
    bright = sky.alone[np.argsort(-sky.flux[sky.alone])]
    told, judged = bright[:50:2], bright[1:50:2]
    start = gaussian_psf(2.1, stamps.half, stamps.terms)
    psf = build_psf(stamps.of(told), sky.flux[told], start, detector.gain_e_adu)
    flux, _ = fit_groups(stamps, psf, sky.flux, np.zeros(sky.x.size), detector.gain_e_adu)
    ratio = flux[judged] / sky.flux[judged]
    assert np.median(ratio) == pytest.approx(1, abs=0.01)
    assert ratio.std() < 0.009


def test_stars_are_fitted_at_their_own_centroids_where_the_places_of_the_catalog_are_bad(detector):
    sky = Sky(2.0, 4.0, 0.5, detector)
    image = sky.frame()
    raw = np.clip(image, 0, 60000).astype(np.uint16)
    exposure = Exposure(image.astype(np.float32), raw, 0.0)
    off = np.random.default_rng(1).normal(0, 0.3, (2, sky.x.size))
    x, y = sky.x + off[0], sky.y + off[1]
    counted = measure(exposure, x, y, settings=Photometry(), detector=detector)
    nothing = np.zeros(0)
    alone = np.isin(np.arange(sky.x.size), sky.alone)
    plan = PsfPlan(nothing, nothing, nothing.astype(int), 20 - 2.5 * np.log10(sky.flux), sky.alone, alone)
    blind = dataclasses.replace(counted, dx=np.full(x.size, np.nan))
    options = {"plan": plan, "fwhm_px": 2.0, "detector": detector}
    fluxes = [measure_psf(exposure, x, y, measurement=one, **options)[0] for one in (counted, blind)]
    bright = alone & (sky.flux > 2e4)
    scatter = [np.std(flux[bright] / sky.flux[bright]) for flux in fluxes]
    assert scatter[0] < 0.6 * scatter[1]


def test_a_frame_whose_stars_come_out_unlike_their_apertures_has_no_fluxes_by_shape(detector):
    """The places of the catalog are off by as much as stars are wide, and no centroid tells better."""
    sky = Sky(2.0, 4.0, 0.5, detector)
    image = sky.frame()
    exposure = Exposure(image.astype(np.float32), np.clip(image, 0, 60000).astype(np.uint16), 0.0)
    nothing = np.zeros(0)
    alone = np.isin(np.arange(sky.x.size), sky.alone)
    plan = PsfPlan(nothing, nothing, nothing.astype(int), 20 - 2.5 * np.log10(sky.flux), sky.alone, alone)
    known = []
    for size in (0.0, 1.5):
        off = np.random.default_rng(1).normal(0, size, (2, sky.x.size))
        x, y = sky.x + off[0], sky.y + off[1]
        counted = measure(exposure, x, y, settings=Photometry(), detector=detector)
        blind = dataclasses.replace(counted, dx=np.full(x.size, np.nan))
        flux, error = measure_psf(exposure, x, y, measurement=blind, plan=plan, fwhm_px=2.0, detector=detector)
        assert np.array_equal(np.isfinite(flux), np.isfinite(error))
        known.append(np.isfinite(flux).mean())
    assert known == [1.0, 0.0]


def painted(sky):
    """(exposure, options of `measure_psf` without measurement) of a frame of stars whose places are known."""
    image = sky.frame()
    nothing = np.zeros(0)
    alone = np.isin(np.arange(sky.x.size), sky.alone)
    plan = PsfPlan(nothing, nothing, nothing.astype(int), 20 - 2.5 * np.log10(sky.flux), sky.alone, alone)
    exposure = Exposure(image.astype(np.float32), np.clip(image, 0, 60000).astype(np.uint16), 0.0)
    return exposure, {"plan": plan, "fwhm_px": sky.fwhm, "detector": sky.detector}


def test_a_centroid_counts_by_the_scatter_of_the_places_over_its_own(detector):
    """Two numbers of known size: as far as 0.3^2 - 0.1^2 of the places' variance is not the centroids'."""
    sky = Sky(2.0, 4.0, 0.5, detector)
    exposure, options = painted(sky)
    counted = measure(exposure, sky.x, sky.y, settings=Photometry(), detector=detector)
    off = np.random.default_rng(3).normal(0, 0.3, (2, sky.x.size))
    told = dataclasses.replace(
        counted, dx=off[0], dy=off[1], **dict.fromkeys(("dxerr", "dyerr"), np.full(sky.x.size, 0.1))
    )
    flux, _ = measure_psf(exposure, sky.x, sky.y, measurement=told, **options)
    moved = []
    for axis, place in zip(off, (sky.x, sky.y), strict=True):
        known = axis[sky.alone]
        beyond = (1.4826 * np.median(np.abs(known - np.median(known)))) ** 2 - 0.1**2 - 0.03**2
        moved.append(place + np.where(options["plan"].alone, axis * beyond / (beyond + 0.1**2), 0.0))
    still = dataclasses.replace(told, dx=np.full(sky.x.size, np.nan), dy=np.full(sky.x.size, np.nan))
    expected, _ = measure_psf(exposure, *moved, measurement=still, **options)
    np.testing.assert_allclose(flux, expected, rtol=1e-4)


def test_stars_that_tell_the_shape_are_bright_in_the_largest_aperture(detector):
    sky = Sky(2.0, 4.0, 0.5, detector)
    exposure, options = painted(sky)
    counted = measure(exposure, sky.x, sky.y, settings=Photometry(), detector=detector)
    between = counted.flux.copy(), counted.fluxerr.copy()
    for values in between:
        values[1:-1] = np.nan
    other = dataclasses.replace(counted, flux=between[0], fluxerr=between[1])
    whole, same = (measure_psf(exposure, sky.x, sky.y, measurement=one, **options)[0] for one in (counted, other))
    np.testing.assert_array_equal(same, whole)


def test_plan_knows_who_stands_alone_and_who_is_fitted_beside():
    """In a row on the equator, 4 arcsec a pixel: beyond twice the aperture of 6 px, 48 arcsec, is no neighbour."""
    arcsec = 1 / 3600
    ra = np.array([0, 40, 200, 230, 400, 430, 600, 630]) * arcsec
    columns = {"ra_deg_corr": ra, "dec_deg_corr": np.zeros(8), "tic_id": np.arange(8)}
    mag = np.array([10.0, 10.5, 10.0, 12.9, 10.0, 13.1, 10.0, np.nan])
    catalog = Table(columns | {"Tmag": mag})
    plan = plan_psf(catalog[[0, 1, 2, 4, 6]], catalog, radius_px=6.0, scale_arcsec=4.0)
    assert plan.beside.tolist() == [2]  # of those not measured, that within 3 mag; one of unknown light is none
    np.testing.assert_allclose(plan.ra, [230 * arcsec])
    np.testing.assert_array_equal(plan.tmag, [10.0, 10.5, 10.0, 10.0, 10.0, 12.9])
    assert plan.alone.tolist() == [False, False, True, True, True]  # half of its light is another's
    assert plan.shaping.tolist() == [2, 3, 4]  # a tenth of it at most where few stars tell the shape
