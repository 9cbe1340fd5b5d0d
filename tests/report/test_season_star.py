"""One star over its season, as analyse_cmos shows it, and lists of stars."""

import csv
import json
import types

import numpy as np
import pytest
from PIL import Image
from season.conftest import FIELD, made_on_disk
from season.made_curves import sine, train
from season.made_season import FIRST_JD

from ngcmos.commands import analyse_cmos, stars
from ngcmos.report.season_star import COLUMNS
from ngcmos.season.reader import Season
from ngcmos.season.update import update

VARIABLE, DIPPING = 3, 5
PLANTED = {VARIABLE: sine(0.37, 0.04), DIPPING: train(1.07, FIRST_JD + 0.2, 0.04, 2.5)}


@pytest.fixture(scope="module")
def season(tmp_path_factory):
    base = tmp_path_factory.mktemp("star")
    for name in ("calibration", "nights", "out"):
        (base / name).mkdir()
    lists = {"calibration_paths": ["calibration"], "base_paths": ["nights"], "out_paths": ["out"]}
    (base / "directories.json").write_text(json.dumps(lists))
    made = made_on_disk(base / "nights", nights=7, frames=40, stars=14, signals=PLANTED)
    update(made.folder, made.sources)
    options = ["--config", base / "directories.json"]
    return types.SimpleNamespace(base=base, options=options, made=made, read=Season(made.folder))


@pytest.fixture
def run(season, capsys):
    """What a command says, on both its outputs."""

    def work(command, *options, code=0):
        capsys.readouterr()
        try:
            ended = command.main([*map(str, season.options), *map(str, options)])
        except SystemExit as end:  # of the parser
            ended = end.code
        said = capsys.readouterr()
        assert ended == code, said.err
        return said

    return work


def gaia_id(star):
    return 10**18 + 100 * (star + 1)


def rows_of(path):
    lines = path.read_text().splitlines()
    return [line for line in lines if line.startswith("#")], list(
        csv.DictReader(line for line in lines if not line.startswith("#"))
    )


def test_picture_and_series_of_a_star(run, tmp_path):
    picture, series = tmp_path / "star.png", tmp_path / "star.csv"
    options = ["--nights", "all", "--gaia_id", gaia_id(DIPPING), "--output", picture, "--csv", series]
    said = run(analyse_cmos, *options).err
    assert "dips of" in said and "every 1.0" in said
    assert np.ptp(np.asarray(Image.open(picture).convert("L"))) > 200
    head, rows = rows_of(series)
    assert any(str(gaia_id(DIPPING)) in line for line in head) and any("BJD_TDB" in line for line in head)
    assert list(rows[0]) == list(COLUMNS) and len(rows) == 7 * 40


def test_counts_are_those_of_the_photometry(season, run, tmp_path):
    series = tmp_path / "star.csv"
    options = ["--tic_id", 1000 + VARIABLE, "--csv", series, "--output", tmp_path / "a.png"]
    run(analyse_cmos, "--nights", "20240702:20240703", *options)
    _, rows = rows_of(series)
    radius = season.read.stars["radius_px"][VARIABLE]
    night = season.made.nights[1]
    counts = night.flux[night.radii.index(radius), :, VARIABLE]
    np.testing.assert_allclose([float(row["flux"]) for row in rows[:40]], counts, rtol=1e-5)
    assert {row["night"] for row in rows} == {"20240702", "20240703"}
    assert rows[5]["frame_id"] == f"{FIELD}-20240702000000005.fits" and float(rows[5]["exptime_s"]) == 10.0
    relative = np.array([float(row["relative_flux"]) for row in rows])
    assert np.std(relative) == pytest.approx(0.04 / np.sqrt(2), rel=0.2)


def test_night_whose_photometry_is_gone_has_no_counts(season, run, tmp_path):
    table = season.made.table("20240704")
    hidden = table.rename(tmp_path / table.name)
    try:
        options = ["--tic_id", 1000, "--csv", tmp_path / "s.csv", "--output", tmp_path / "s.png"]
        said = run(analyse_cmos, "--nights", "20240704", *options).err
    finally:
        hidden.rename(table)
    assert "no counts of 20240704" in said
    assert all(row["flux"] == "nan" for row in rows_of(tmp_path / "s.csv")[1])


def test_picture_lies_beside_the_season_and_is_folded_as_asked(season, run):
    run(analyse_cmos, "--nights", "all", "--tic_id", 1000, "--period", "1.3", "--bin", "10min")
    assert (season.made.folder.path / f"light_curve_{gaia_id(0)}.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--tic_id", 5], 1, "no star with tic_id 5"),
        (["--tic_id", 1000, "--epoch", "2460500"], 2, "--period"),
        (["--tic_id", 1000, "--period", "-1"], 2, "more than 0"),
        (["--tic_id", 1000, "--aper", "3"], 2, "does not go with --nights"),
        (["--tic_id", 1000, "--field", "NG9"], 1, "no season"),
        (["--tic_id", 1000, "--output", "a.doc"], 2, "ends in"),
    ],
)
def test_what_cannot_be_meant_is_told(run, options, code, said):
    assert said in run(analyse_cmos, "--nights", "all", *options, code=code).err


def listed(run, *options):
    lines = run(stars, *options).out.splitlines()
    return lines[0].split(), [line.split() for line in lines[1:]]


def test_stars_of_a_season_the_brightest_first(run):
    head, rows = listed(run, "--nights", "all")
    assert len(rows) == 14 and {"gaia_id", "tic_id", "ra_deg", "dec_deg", "Tmag", "rms", "variable"} <= set(head)
    magnitudes = [float(row[head.index("Tmag")]) for row in rows]
    assert magnitudes == sorted(magnitudes)


def test_stars_that_vary(run):
    head, rows = listed(run, "--nights", "all", "--variable")
    assert str(1000 + VARIABLE) in [row[head.index("tic_id")] for row in rows] and len(rows) <= 4


def test_stars_near_a_place(season, run, tmp_path):
    star = season.read.stars[11]
    near = ["--near", star["ra_deg"], star["dec_deg"], "--most", 3, "--csv", tmp_path / "near.csv"]
    run(stars, "--nights", "all", *near)
    rows = list(csv.DictReader((tmp_path / "near.csv").read_text().splitlines()))
    assert len(rows) == 3 and rows[0]["tic_id"] == str(star["tic_id"]) and float(rows[0]["distance_arcsec"]) == 0


def test_stars_of_a_night(run):
    head, rows = listed(run, "--night", "20240702", "--most", 5)
    assert len(rows) == 5 and "rms" not in head  # nobody has compared them yet


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--night", "20240702", "--variable"], 1, "no star of 20240702"),
        (["--night", "20240702", "--field", "NG9"], 1, "no phot_NG9.fits"),
        (["--nights", "all", "--near", "400", "0"], 2, "RA 0 to 360"),
        (["--nights", "all", "--most", "0"], 2, "expected 1 or more"),
        (["--nights", "all", "--csv", "a.txt"], 2, "ends in .csv"),
    ],
)
def test_what_cannot_be_listed_is_told(run, options, code, said):
    assert said in run(stars, *options, code=code).err
