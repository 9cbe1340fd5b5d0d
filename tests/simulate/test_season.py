"""Several nights of one sky: what is common to them, what each has of its own, and what runs on."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import AltAz, EarthLocation, SkyCoord, get_body
from astropy.io import fits
from astropy.table import Table
from astropy.time import Time
from astropy.timeseries import LombScargle

from ngcmos.errors import UsageError
from ngcmos.simulate.illumination import draw_terms, uneven_factor
from ngcmos.simulate.plan import Plan
from ngcmos.simulate.season import Season, Step, plan_night, season_dates, simulate_season
from ngcmos.simulate.signals import Signal, relative_flux
from ngcmos.simulate.truth import read_season_truth, read_truth
from ngcmos.simulate.variables import transits_seen

NIGHTS, FRAMES = 7, 8


@pytest.fixture(scope="module")
def season(tmp_path_factory, camera):
    """Seven nights of eight frames, an hour apart."""
    plan = Plan(frames=FRAMES, cadence_s=3000, calibrations=1, density=8.0, seed=11)
    return simulate_season(tmp_path_factory.mktemp("season"), camera, Season(NIGHTS, plan), size=256)


@pytest.fixture(scope="module")
def truth(season):
    return read_season_truth(season.base)


def of_kind(truth, kind):
    return truth.stars[truth.stars["signal"] == kind]


def test_every_night_has_a_folder_and_a_truth(season, truth):
    assert truth.nights["night"].tolist() == [night.folder.name for night in season.nights]
    for night in season.nights:
        names = read_truth(season.base, truth.field, night=night.folder.name).frames["file"].tolist()
        assert sorted(path.name for path in night.folder.glob("NG*.fits")) == names
        assert len(list(night.folder.glob("*flat*.fits"))) == 2


def test_bias_and_dark_are_taken_once(season):
    assert len(list((season.base / "calibration").iterdir())) == 2


def test_stars_are_the_same_on_every_night(season):
    first, *others = (set(night.truths[0].stars["tic_id"].tolist()) for night in season.nights)
    assert all(len(first ^ other) <= 2 for other in others)


def test_frames_of_all_nights_are_told_in_the_order_of_time(truth):
    assert len(truth.frames) == truth.nights["frames"].sum() == NIGHTS * FRAMES
    assert (np.diff(truth.frames["jd_mid"]) > 0).all()
    assert sorted(set(truth.frames["night"].tolist())) == truth.nights["night"].tolist()


def test_field_is_seen_high_at_like_sidereal_times(truth):
    first = [truth.frames["jd_mid"][truth.frames["night"] == night][0] for night in truth.nights["night"]]
    sidereal = Time(first, format="jd").sidereal_time("mean", longitude=0 * u.deg).hour
    assert np.ptp((sidereal - sidereal[0] + 12) % 24 - 12) < 0.2
    assert truth.frames["altitude_deg"].min() >= 30


def test_what_a_star_does_runs_on_from_night_to_night(season, truth):
    """One period fits the light of all nights, and it is that of the truth."""
    sine = of_kind(truth, "sine")[0]
    dates, light = [], []
    for night in season.nights:
        (of_night,) = night.truths
        row = of_night.star(sine["tic_id"])
        constant = np.flatnonzero((of_night.stars["signal"] == "constant") & (of_night.stars["Tmag"] < 12))
        ratio = of_night.electrons[:, row] / of_night.electrons[:, constant].mean(axis=1)
        dates += of_night.bjd[:, row].tolist()
        light += ratio.tolist()
    frequency, power = LombScargle(dates, light).autopower(maximum_frequency=12, samples_per_peak=20)
    assert frequency[np.argmax(power)] == pytest.approx(1 / sine["period_d"], abs=0.03)


def test_kinds_and_sizes_of_variables(truth):
    assert len(of_kind(truth, "sine")) >= 3
    assert len(of_kind(truth, "eclipse")) >= 2
    planets = of_kind(truth, "transit")
    assert truth.target in planets["tic_id"]
    once = planets["period_d"] == 0
    assert once.sum() >= 1
    assert (planets["transits"][once] == 1).all()
    assert (planets["transits"][~once] >= 1).all()
    assert planets["amplitude"].min() >= 0.008
    assert planets["amplitude"].max() <= 0.03


def test_most_stars_are_constant(truth):
    bright = truth.stars[truth.stars["Tmag"] < 14]
    assert 0.5 < np.mean(bright["signal"] == "constant") < 1


def test_transits_are_counted_by_their_epochs():
    nights = [np.arange(day, day + 0.3, 0.01) for day in range(6)]
    assert transits_seen(Signal("transit", 0.01, 0.15, 0.1, period_d=2.0), nights) == 3
    assert transits_seen(Signal("transit", 0.01, 2.15, 0.1), nights) == 1
    assert transits_seen(Signal("transit", 0.01, 0.32, 0.1, period_d=2.0), nights) == 0  # less than half of each
    assert transits_seen(Signal("sine", 0.01, 0.0, 1.0), nights) == 0


def test_a_planet_comes_back_after_its_period():
    signal = Signal("transit", 0.01, 100.0, 0.1, period_d=3.3)
    assert relative_flux(signal, [100.0, 103.3, 96.7, 100.0 + 33.0]) == pytest.approx([0.99] * 4)
    assert relative_flux(signal, [101.65, 100.06, 103.24]) == pytest.approx([1.0] * 3)


def test_a_binary_with_a_period_has_a_second_eclipse_half_way():
    signal = Signal("eclipse", 0.3, 10.0, 0.1, period_d=1.7)
    assert relative_flux(signal, [10.0, 11.7, 10.85, 10.4]) == pytest.approx([0.7, 0.7, 0.9, 1.0])


def test_light_on_the_chip_that_no_flat_sees(season, camera):
    """Root mean square of the slope of each night over the pixels; nights differ."""
    y, x = np.mgrid[:256, :256].astype(float)
    slopes = [uneven_factor(tuple(row["slope"]), (256, 256), x, y) for row in season.truths[0].nights]
    for slope in slopes:
        assert slope.std() == pytest.approx(0.004, rel=0.01)
        assert slope.mean() == pytest.approx(1, abs=1e-4)
    assert np.abs(slopes[0] - slopes[1]).max() > 0.001


def test_terms_of_the_slope_are_orthonormal():
    y, x = np.mgrid[:60, :80].astype(float)
    maps = [uneven_factor(tuple(np.eye(5)[term]), (60, 80), x, y).ravel() - 1 for term in range(5)]
    np.testing.assert_allclose(np.array(maps) @ np.array(maps).T / 4800, np.eye(5), atol=0.01)
    assert np.linalg.norm(draw_terms(np.random.default_rng(1), 0.02)) == pytest.approx(0.02)


def test_stars_are_brighter_where_the_slope_says_so(season):
    """The light of constant stars on clear nights, extinction divided out, against the slope told."""
    night = season.nights[1]
    (truth,) = night.truths
    terms = season.truths[0].nights["slope"][1]
    clear = np.flatnonzero(truth.frames["transparency"] > 0.97)[:1]
    constant = np.flatnonzero(truth.stars["signal"] == "constant")
    electrons = truth.electrons[clear[0], constant] / truth.stars["electrons_s"][constant]
    factor = uneven_factor(tuple(terms), (256, 256), truth.x[clear[0], constant], truth.y[clear[0], constant])
    redder = np.asarray(truth.stars["bp_rp"][constant]) - 0.95
    colour = 10 ** (0.4 * 0.008 * redder * truth.frames["airmass"][clear[0]])
    light = electrons / factor / colour
    assert np.std(light) / np.mean(light) < 1e-9


def test_sky_lies_turned_on_the_chip_after_a_flip(camera, tmp_path):
    """Turned by 180 deg about the centre; the fixed pattern stays."""
    options = {"frames": 3, "cadence_s": 20.0, "calibrations": 1, "flip_frame": 2, "jitter_px": 0.0}
    plan = Plan(**options, drift_px=(0.0, 0.0), distortion_px=0.0)
    quiet = Season(1, plan, slope=0.0, quiet=True)
    (truth,) = simulate_season(tmp_path / "b", camera, quiet, size=128).nights[0].truths
    np.testing.assert_allclose(truth.x[2], 127 - truth.x[1], atol=1e-6)
    np.testing.assert_allclose(truth.y[2], 127 - truth.y[1], atol=1e-6)
    assert truth.frames["flipped"].tolist() == [False, False, True]


def test_moon_brightens_the_sky_as_it_stands(season, truth, camera):
    """More where more of it is lit and high; nothing while it is down."""
    site = camera.site
    place = EarthLocation.from_geodetic(site.longitude_deg, site.latitude_deg, site.elevation_m)
    times = Time(np.asarray(truth.frames["jd_mid"]), format="jd")
    moon = get_body("moon", times, place)
    altitude = moon.transform_to(AltAz(obstime=times, location=place)).alt.deg
    excess = np.asarray(truth.frames["sky_e"]) / (250 * np.asarray(truth.frames["airmass"])) - 1
    down = (altitude < -1) & (np.asarray(truth.frames["transparency"]) > 0.97)
    assert down.any()
    assert np.abs(excess[down]).max() < 0.03


def test_full_moon_floods_the_sky(camera, tmp_path):
    plan = Plan(date="20240719", frames=1, calibrations=1)
    (night,) = simulate_season(tmp_path / "b", camera, Season(1, plan, quiet=True), size=64).nights
    frames = night.truths[0].frames
    assert 3 < frames["sky_e"][0] / (250 * frames["airmass"][0]) < 7


def test_bluer_stars_lose_more_in_the_air(season):
    (truth,) = season.nights[0].truths
    constant = np.flatnonzero(truth.stars["signal"] == "constant")
    low, high = np.argmax(truth.frames["airmass"]), np.argmin(truth.frames["airmass"])
    lost = -2.5 * np.log10(truth.electrons[low, constant] / truth.electrons[high, constant])
    slope = np.polyfit(truth.stars["bp_rp"][constant], lost, 1)[0]
    thicker = truth.frames["airmass"][low] - truth.frames["airmass"][high]
    assert slope == pytest.approx(-0.008 * thicker, rel=0.35)


def test_proper_motion_goes_on(season):
    catalog = Table.read(season.nights[0].catalog_file)
    first, last = season.nights[0].truths[0], season.nights[-1].truths[0]
    moving = catalog["TIC"][np.argmax(np.abs(catalog["pmDE"].filled(0)))]
    if moving in first.stars["tic_id"]:
        rows = [truth.stars[truth.star(moving)] for truth in (first, last)]
        places = [SkyCoord(row["ra"], row["dec"], unit="deg") for row in rows]
        assert places[0].separation(places[1]).arcsec > 0


def test_nights_are_lost_here_and_there():
    dates = season_dates(Season(40, Plan(date="20241220")))
    assert len(set(dates)) == 40
    assert dates[0] == "20241220"
    assert "20250131" < dates[-1] < "20250310"
    assert season_dates(Season(3, Plan(date="20241230"), quiet=True)) == ["20241230", "20241231", "20250101"]


def test_weather_of_a_season_has_its_share_of_clouds_and_flips(camera):
    season = Season(200, Plan(frames=50))
    plans = [plan_night(season, number, "20240705", camera) for number in range(200)]
    clouded = sum(last - first + 1 for plan in plans for first, last, _ in plan.clouds)
    assert clouded / (200 * 50) == pytest.approx(0.07, abs=0.02)
    assert sum(plan.flip_frame is not None for plan in plans) == pytest.approx(200 / 6, abs=14)


@pytest.mark.parametrize(
    ("what", "amount", "attribute", "change"),
    [
        ("focus", 0.7, lambda plan: plan.fwhm_px, lambda value: value + 0.7),
        ("dust", 0.9, lambda plan: plan.throughput, lambda value: value * 0.9),
        ("pointing", 30.0, lambda plan: plan.offset_px[0], lambda value: value + 30),
    ],
)
def test_a_step_changes_all_nights_from_its_own_on(camera, what, amount, attribute, change):
    plain, stepped = (Season(4, Plan(), steps=steps) for steps in ((), (Step(2, what, amount),)))
    for number in range(4):
        before, after = (attribute(plan_night(one, number, "20240705", camera)) for one in (plain, stepped))
        assert after == pytest.approx(change(before) if number >= 2 else before)


def test_telescopes_see_the_same_sky_by_chips_of_their_own(camera, tmp_path):
    plan = {"frames": 1, "calibrations": 1, "density": 6.0}
    first, second = (
        simulate_season(tmp_path / str(one), camera, Season(2, Plan(telescope=one, **plan)), size=128)
        for one in (0, 1)
    )
    assert first.truths[0].stars["tic_id"].tolist() == second.truths[0].stars["tic_id"].tolist()
    for name in ("signal", "epoch_bjd", "period_d", "amplitude"):
        assert first.truths[0].stars[name].tolist() == second.truths[0].stars[name].tolist()
    darks = [fits.getdata(next((one.base / "calibration").glob("dark*"))) for one in (first, second)]
    assert np.abs(np.corrcoef(darks[0].ravel(), darks[1].ravel())[0, 1]) < 0.1
    assert first.nights[0].camera.name != second.nights[0].camera.name
    assert first.truths[0].nights["throughput"][0] != second.truths[0].nights["throughput"][0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Season(0, Plan()), "nights is 0, expected 1 or more"),
        (lambda: Step(1, "rain", 1.0), "expected focus, dust or pointing"),
        (lambda: season_dates(Season(2, Plan(date="2024"))), "expected the evening"),
    ],
)
def test_senseless_seasons_are_refused(make, message):
    with pytest.raises(UsageError, match=message):
        make()
