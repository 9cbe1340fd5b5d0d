"""A season compared with its truth: one as it should be is all good, each planted error is told."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import Table

from ngcmos.errors import ProductError
from ngcmos.simulate.compare import compare_seasons
from ngcmos.simulate.compare_season import describe_season, judge
from ngcmos.simulate.plan import Plan
from ngcmos.simulate.season import Season, simulate_season
from ngcmos.simulate.signals import Signal, relative_flux

QUALITY = pa.dictionary(pa.int8(), pa.string())


@pytest.fixture(scope="module")
def simulated(tmp_path_factory, camera):
    plan = Plan(frames=6, cadence_s=3600, calibrations=1, density=3.0, seed=5)
    return simulate_season(tmp_path_factory.mktemp("season"), camera, Season(6, plan), size=384)


def write_season(simulated, *, noise=1e-3, periods=1.0, depths=1.0, variable=()):
    """A season's files as they would be made of perfect measurements, with these errors; its comparison."""
    [truth] = simulated.truths
    folder = simulated.base / "nights" / "seasons" / truth.field
    (folder / "light_curves").mkdir(parents=True, exist_ok=True)
    for old in folder.rglob("*.parquet"):
        old.unlink()
    rng = np.random.default_rng(1)
    for night in simulated.nights:
        pq.write_table(
            curves_of(night.truths[0], noise, rng), folder / "light_curves" / f"{night.folder.name}.parquet"
        )
    stars, dips = truth.stars, truth.stars["signal"] == "transit"
    found = {
        "tic_id": stars["tic_id"],
        "variable": (stars["signal"] != "constant") | np.isin(stars["tic_id"], variable),
        "period_d": np.where((stars["signal"] != "constant") & ~dips, stars["period_d"] * periods, np.nan),
        "dip_period_d": np.where(dips & (stars["period_d"] > 0), stars["period_d"] * periods, np.nan),
        "dip_t0_bjd": np.where(dips, stars["epoch_bjd"], np.nan),
        "dip_depth": np.where(dips, stars["amplitude"] * depths, np.nan),
    }
    columns = {name: pa.array(np.asarray(values), from_pandas=True) for name, values in found.items()}
    pq.write_table(pa.table(columns), folder / "stars.parquet")
    [comparison] = compare_seasons(simulated.base)
    return comparison


def curves_of(truth, noise, rng):
    """The light curves of a night: each star's own signal, a common error of each star all night, and noise."""
    names = ("signal", "amplitude", "epoch_bjd", "duration_d", "period_d")
    signals = zip(*(truth.stars[name].tolist() for name in names), strict=True)
    flux = np.array(
        [relative_flux(Signal(*signal), bjd) for signal, bjd in zip(signals, truth.bjd.T, strict=True)]
    )
    flux = flux + rng.normal(0, noise, (len(flux), 1))
    ids = np.repeat(np.asarray(truth.stars["tic_id"]), flux.shape[1])
    quality = pa.array(["good"] * ids.size).cast(QUALITY)
    return pa.table(
        {"tic_id": ids, "relative_flux": flux.ravel(), "flags": np.zeros(ids.size, "i4"), "quality": quality}
    )


def test_a_season_as_it_should_be_is_all_good(simulated):
    comparison = write_season(simulated, noise=1e-4)
    assert comparison.failed == []
    assert comparison.numbers["constant stars called variable [%]"] == 0
    assert 0 < comparison.numbers["worst fainter means / photons and air"] < 1
    assert comparison.numbers["nightly means of bright stars [mmag]"] == pytest.approx(0.1, rel=0.4)
    assert len(comparison.stars) == (simulated.truths[0].stars["signal"] != "constant").sum()
    assert all(line.split()[-1] in ("right", "listed") for line in comparison.stars)
    assert not any("OVER" in line for line in describe_season(comparison))


def test_scatter_of_nightly_means_is_measured(simulated):
    comparison = write_season(simulated, noise=0.03)
    assert comparison.failed == ["nightly means of bright stars [mmag]", "worst fainter means / photons and air"]
    for seen, floor in comparison.means.values():
        assert seen == pytest.approx(0.03, rel=0.3)
        assert floor < 0.02


@pytest.mark.parametrize(
    ("errors", "name"),
    [
        ({"periods": 1.1}, "sines and binaries of another period"),
        ({"depths": 1.5}, "planets of another depth"),
    ],
)
def test_other_periods_and_depths_are_told(simulated, errors, name):
    comparison = write_season(simulated, **errors)
    assert comparison.numbers[name] >= 1
    assert any(line.split()[-1] in ("WRONG", "depth") for line in comparison.stars)


def test_constant_stars_called_variable_are_counted(simulated):
    [truth] = simulated.truths
    constant = truth.stars["tic_id"][truth.stars["signal"] == "constant"]
    comparison = write_season(simulated, variable=constant[: len(constant) // 10])
    assert comparison.numbers["constant stars called variable [%]"] == pytest.approx(10, abs=0.5)


def test_a_night_that_is_not_in_the_season_is_told(simulated):
    write_season(simulated)
    folder = simulated.base / "nights" / "seasons" / simulated.truths[0].field
    (folder / "light_curves" / f"{simulated.nights[2].folder.name}.parquet").unlink()
    [comparison] = compare_seasons(simulated.base)
    assert comparison.numbers["nights not in the season"] == 1


def test_a_damaged_file_is_told(simulated):
    write_season(simulated)
    path = simulated.base / "nights" / "seasons" / simulated.truths[0].field / "stars.parquet"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ProductError, match=r"stars\.parquet: cannot be compared"):
        compare_seasons(simulated.base)
    path.unlink()


def star(**columns):
    usual = {"tic_id": 1, "Tmag": 10.0, "signal": "sine", "amplitude": 0.02, "epoch_bjd": 0.0, "duration_d": 0.1}
    usual |= {"period_d": 0.9, "transits": 5, "dip_t0_bjd": np.nan, "dip_depth": np.nan}
    usual |= {"period_found": np.nan, "dip_period_d": np.nan}
    return Table([usual | columns])[0]


@pytest.mark.parametrize(
    ("columns", "word"),
    [
        ({"period_found": 0.9001}, "right"),
        ({"period_found": 0.95}, "WRONG"),
        ({"period_found": 0.45}, "WRONG"),
        ({"period_found": 9.0}, "day"),  # 1/0.9 - 1 cycles a day
        ({"dip_period_d": 0.9}, "WRONG"),  # of a sine, dips say nothing
        ({"signal": "eclipse", "period_found": 0.45}, "right"),
        ({"signal": "eclipse", "dip_period_d": 0.9}, "right"),
        ({"signal": "eclipse", "dip_period_d": 1.8}, "right"),
        ({}, "WRONG"),
    ],
)
def test_periods_are_judged_by_how_far_they_run_away(columns, word):
    assert judge(star(**columns), 20.0).text.split()[-1] == word


def test_a_transit_seen_once_is_judged_by_its_time():
    once = {"signal": "transit", "period_d": 0.0, "epoch_bjd": 100.0}
    assert judge(star(**once, dip_t0_bjd=100.04), 20.0).right_period
    assert not judge(star(**once, dip_t0_bjd=100.06), 20.0).right_period
    assert not judge(star(**once), 20.0).right_period


def test_planets_of_too_few_transits_are_not_demanded():
    assert judge(star(signal="transit", transits=2), 20.0).kind == ""
    assert judge(star(signal="transit", transits=3), 20.0).kind == "planet"
