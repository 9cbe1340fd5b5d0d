"""A season in the hands of other programs: DuckDB and Dask, by the examples of the documentation."""

import re
from pathlib import Path

import numpy as np
import pytest
from season.conftest import FIELD, made_on_disk
from season.made_curves import sine

from ngcmos.season.binned import read_binned
from ngcmos.season.reader import Season
from ngcmos.season.search import search
from ngcmos.season.update import update

DOCS = (Path(__file__).parents[2] / "docs" / "season.md").read_text(encoding="utf-8")
STAR, PERIOD_D = 3, 0.37
GAIA_ID = 10**18 + 100 * (STAR + 1)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    made = made_on_disk(
        tmp_path_factory.mktemp("elsewhere"), nights=4, frames=30, stars=12, signals={STAR: sine(PERIOD_D, 0.05)}
    )
    update(made.folder, made.sources)
    return made


@pytest.fixture(scope="module")
def cluster():
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster:
        yield cluster.scheduler_address


def example(word):
    """The example of the documentation that imports this, for the made season."""
    [code] = [one for one in re.findall(r"```python\n(.*?)```", DOCS, re.DOTALL) if f"import {word}" in one]
    return code.replace("NG2320-1302", FIELD).replace("2395685455587424512", str(GAIA_ID))


def test_example_of_duckdb(made, monkeypatch):
    pytest.importorskip("duckdb")
    monkeypatch.chdir(made.base)
    space = {}
    exec(example("duckdb"), space)
    curve = Season(made.folder).light_curve(gaia_id=GAIA_ID)
    good = np.asarray(curve["quality"]) == 0
    assert [night for night, *_ in space["nights"]] == ["20240701", "20240702", "20240703", "20240704"]
    for night, flux, _, points in space["nights"]:
        here = good & (curve["night"] == int(night))
        assert points == here.sum() and flux == pytest.approx(np.mean(curve["flux"][here].astype(float)))


def test_example_of_dask(made, cluster, monkeypatch):
    monkeypatch.chdir(made.base)
    space = {}
    exec(example("distributed").replace("tcp://head:8786", cluster), space)
    space["client"].close()
    period = dict(zip(space["variables"], space["periods"], strict=True))[1000 + STAR]
    assert float(period) == pytest.approx(PERIOD_D, rel=0.02)


def test_search_on_a_cluster_is_that_of_one_process(made, cluster):
    season = Season(made.folder)
    binned = read_binned([made.folder.bins(name) for name in season.nights], season.stars.as_array())
    assert repr(search(binned, scheduler=cluster)) == repr(search(binned))  # NaN is nothing's equal
