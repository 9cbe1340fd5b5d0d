"""A full-size simulated night, 2048 x 2048, against its truth and against astropy."""

import types

import numpy as np
import pytest
from astropy.coordinates import EarthLocation, SkyCoord
from astropy.io import fits
from astropy.table import Table
from astropy.time import Time
from astropy.wcs import WCS
from running import night_options, raw_checksums, run_script

from ngcmos.config import load_camera
from ngcmos.simulate.compare import LIMITS, compare_night
from ngcmos.simulate.night import simulate_night
from ngcmos.tables.table import read_frames, read_stars

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::astropy.wcs.FITSFixedWarning"),
]  # it adds MJD-OBS
FRAMES = 12
LATER = ("QC_control", "relative_photometry", "noise_model", "season", "night_report")  # than what is compared


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """A full-size night after its photometry."""
    base = tmp_path_factory.mktemp("full") / "base"
    simulated = simulate_night(base, load_camera(), frames=FRAMES, calibrations=3, seed=3)
    before = raw_checksums(base)
    run_script("run_night", *night_options(base), *(f"--skip={stage}" for stage in LATER))
    truth = simulated.truths[0]
    path = simulated.folder / f"phot_{truth.field}.fits"
    return types.SimpleNamespace(base=base, folder=simulated.folder, truth=truth, path=path, before=before)


@pytest.fixture(scope="module")
def comparison(night):
    [(_, comparison)] = compare_night(night.base)
    return comparison


def test_every_frame_is_solved_and_measured(comparison):
    assert comparison.frames == (FRAMES, FRAMES)


@pytest.mark.parametrize("number", LIMITS)
def test_number_is_within_its_limit(comparison, number):
    assert comparison.numbers[number] <= LIMITS[number]


def test_scatter_is_that_of_theory_in_every_magnitude_bin(comparison):
    assert len(comparison.scatter) >= 5
    assert all(0.85 <= excess <= 1.15 for excess in comparison.scatter.values()), comparison.scatter


def test_no_raw_pixel_changed(night):
    assert raw_checksums(night.base) == night.before


def test_as_many_stars_as_a_field_has(night):
    assert len(read_stars(night.path)) > 2000


def test_barycentric_times_are_those_of_astropy(night):
    """The first frame's, by astropy's own light travel time of each star."""
    stars, frames = read_stars(night.path), read_frames(night.path)
    rows = Table.read(night.path, hdu="PHOT", memmap=True)[: len(stars)]
    site = load_camera().site
    place = EarthLocation.from_geodetic(site.longitude_deg, site.latitude_deg, site.elevation_m)
    start = Time(str(frames["date_obs"][0]), scale="utc")
    mid = Time(start.jd1, start.jd2 + frames["exptime_s"][0] / 2 / 86400, format="jd", scale="utc", location=place)
    some = slice(None, None, 50)
    towards = SkyCoord(stars["ra_deg_corr"][some], stars["dec_deg_corr"][some], unit="deg")
    expected = (mid.tdb + mid.light_travel_time(towards, ephemeris="builtin")).jd
    assert np.abs(np.asarray(rows["jd_bary"][some]) - expected).max() * 86400 < 1e-3


def test_cards_mean_to_astropy_what_they_mean_to_us(night):
    """Star positions of the table are those astropy's WCS gives for the written header."""
    stars, frame = read_stars(night.path), read_frames(night.path)["frame_id"][0]
    rows = Table.read(night.path, hdu="PHOT", memmap=True)[: len(stars)]
    wcs = WCS(fits.getheader(night.folder / frame))
    x, y = wcs.all_world2pix(stars["ra_deg_corr"], stars["dec_deg_corr"], 1)
    assert np.abs(x - rows["x"]).max() < 1e-3
    assert np.abs(y - rows["y"]).max() < 1e-3


def test_positions_by_the_inverse_polynomials_alone(night):
    """A reader that applies AP and BP without iterating lands within a thousandth of a pixel."""
    frame = read_frames(night.path)["frame_id"][0]
    header = fits.getheader(night.folder / frame)
    wcs = WCS(header)
    x, y = (grid.ravel() for grid in np.meshgrid(np.linspace(0, 2047, 20), np.linspace(0, 2047, 20)))
    u, v = wcs.wcs_world2pix(*wcs.all_pix2world(x, y, 0), 0) - (wcs.wcs.crpix - 1)[:, None]
    terms = [(i, j) for i in range(6) for j in range(6 - i) if i + j >= 1]
    back_x = u + sum(header[f"AP_{i}_{j}"] * u**i * v**j for i, j in terms)
    back_y = v + sum(header[f"BP_{i}_{j}"] * u**i * v**j for i, j in terms)
    assert np.abs(back_x + header["CRPIX1"] - 1 - x).max() < 1e-3
    assert np.abs(back_y + header["CRPIX2"] - 1 - y).max() < 1e-3
