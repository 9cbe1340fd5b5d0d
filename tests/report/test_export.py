"""Each export read back as its receiver's published rules say."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest
from astropy.coordinates import EarthLocation, SkyCoord
from astropy.table import Table
from astropy.time import Time
from running import run_script

from ngcmos.errors import UsageError
from ngcmos.notebook import read_light_curve
from ngcmos.report.export import Format, WantedExport, run
from ngcmos.tables.observed import StarId

ALL = ("csv", "ecsv", "aavso", "aavso-exoplanet", "exoclock", "exofop")
AAVSO_FILTERS = re.findall(r"\w+", "U B V R I J H K TG TB TR CV CR SZ SU SG SR SI STU STV STB STY O")


@pytest.fixture(scope="module")
def exported(transit_night, tmp_path_factory):
    """({format: paths}, the star's own series, star) of the target in all formats."""
    config, folder, truth = transit_night
    star = truth.stars[np.flatnonzero(truth.stars["signal"] == "transit")[0]]
    place, paths = tmp_path_factory.mktemp("exports"), {}
    for name in ALL:
        wanted = WantedExport(StarId(tic_id=int(star["tic_id"])), Format(name), place / f"{name}.txt", "ABC")
        paths[name] = run(config, [folder], wanted).products
    return paths, read_light_curve(folder, tic_id=int(star["tic_id"])), star


def good_of(curve):
    return np.isfinite(curve["relative_flux"]) & (curve["quality"] == 0) & (curve["flags"] & (1 | 2 | 64) == 0)


def test_csv_tells_who_it_is_and_has_every_frame(exported):
    paths, curve, star = exported
    head = [line for line in paths["csv"][0].read_text().splitlines() if line.startswith("#")]
    told = " ".join(head)
    assert f"TIC {star['tic_id']}" in told and f"Gaia {star['gaia_id']}" in told and "BJD_TDB" in told
    assert all(word in told for word in ("place:", "aperture:", "units:", "profile", "fingerprint", "ADU"))
    table = pd.read_csv(paths["csv"][0], comment="#")
    assert table["bjd_tdb"].to_numpy() == pytest.approx(curve.time.jd, abs=1e-8)
    assert table["relative_flux"].to_numpy() == pytest.approx(np.asarray(curve["relative_flux"]), rel=1e-6)
    assert table["airmass"].to_numpy() == pytest.approx(np.asarray(curve["airmass"]), rel=1e-5)


def test_ecsv_has_units_and_who_it_is(exported):
    paths, curve, star = exported
    table = Table.read(paths["ecsv"][0], format="ascii.ecsv")
    assert str(table["bjd_tdb"].unit) == "d" and str(table["flux"].unit) == "adu"
    assert str(star["tic_id"]) in table.meta["star"] and "fingerprint" in table.meta["made by"]
    assert len(table) == len(curve)


def records(path):
    """(parameters, rows) of a file of the AAVSO: parameters behind #, then lines with DELIM between fields."""
    lines = path.read_text().splitlines()
    assert all(lines), "a blank line is refused"
    parameters = dict(line[1:].split("=", 1) for line in lines if re.match(r"#[A-Z_]+=", line))
    rows = [line.split(parameters["DELIM"]) for line in lines if not line.startswith("#")]
    return parameters, rows


def test_aavso_extended_by_its_rules(exported):
    paths, curve, star = exported
    parameters, rows = records(paths["aavso"][0])
    assert parameters["TYPE"].upper() == "EXTENDED" and parameters["OBSCODE"] == "ABC"
    assert parameters["DATE"] == "JD" and parameters["OBSTYPE"] == "CCD" and len(parameters["SOFTWARE"]) <= 255
    assert {len(row) for row in rows} == {15}
    longest = (30, 16, 8, 6, 5, 3, 3, 20, 8, 20, 8, 7, 5, 20, 100)
    assert all(len(cell) <= most for row in rows for cell, most in zip(row, longest, strict=True))
    assert all(row[4] in AAVSO_FILTERS and row[5] in ("YES", "NO") and row[6] in ("STD", "DIF") for row in rows)
    assert all(row[7] == "ENSEMBLE" and row[8] == "na" and "." in row[2] for row in rows)
    good = good_of(curve)
    flux = 10 ** (-0.4 * (np.array([float(row[2]) for row in rows]) - star["Tmag"]))
    assert flux == pytest.approx(np.asarray(curve["relative_flux"][good], float), abs=2e-3)


def test_dates_of_the_aavso_are_mid_exposures_in_utc(exported):
    """To the barycentre light takes as long as astropy says for the star's place, seen from the site."""
    paths, curve, _ = exported
    _, rows = records(paths["aavso"][0])
    there = EarthLocation.from_geodetic(-70.391809, -24.615662, 2433)
    place = re.search(r"place: (\S+) (\S+) ICRS", paths["csv"][0].read_text()).groups()
    utc = Time([float(row[1]) for row in rows], format="jd", scale="utc", location=there)
    later = utc.light_travel_time(SkyCoord(*place, unit="deg"))
    assert (utc.tdb + later).jd == pytest.approx(curve.time.jd[good_of(curve)], abs=1 / 86400)


def test_aavso_exoplanet_by_its_rules(exported):
    paths, curve, star = exported
    parameters, rows = records(paths["aavso-exoplanet"][0])
    needed = "TYPE OBSCODE SOFTWARE DELIM DATE_TYPE OBSTYPE STAR_NAME EXOPLANET_NAME BINNING EXPOSURE_TIME"
    needed += " FILTER DETREND_PARAMETERS MEASUREMENT_TYPE PRIORS RESULTS"
    assert set(needed.split()) <= set(parameters)
    assert parameters["TYPE"] == "EXOPLANET" and parameters["DATE_TYPE"] == "BJD_TDB"
    assert parameters["MEASUREMENT_TYPE"] == "Rnflux"
    results = dict(one.split("=") for one in parameters["RESULTS"].split(","))
    assert float(results["Tc"].split(" +/- ")[0]) == pytest.approx(float(star["epoch_bjd"]), abs=0.01)
    assert np.array(rows, float)[:, 0] == pytest.approx(curve.time.jd[good_of(curve)], abs=1e-7)
    assert {len(row) for row in rows} == {3 + len(parameters["DETREND_PARAMETERS"].split(","))}


def test_exoclock_reads_three_columns(exported):
    paths, curve, _ = exported
    data, notes = paths["exoclock"]
    time, flux, error = np.loadtxt(data, unpack=True)
    good = good_of(curve)
    assert time == pytest.approx(curve.time.jd[good], abs=1e-7) and np.all(error > 0)
    assert flux == pytest.approx(np.asarray(curve["relative_flux"][good], float), rel=1e-6)
    told = notes.read_text()
    assert "Time format: BJD_TDB" in told and "Time stamp: Mid-exposure" in told and "Flux format: Flux" in told


def test_exofop_has_the_columns_of_astroimagej_a_plot_and_notes(exported):
    paths, curve, star = exported
    table, notes, plot = paths["exofop"]
    rows = pd.read_csv(table, sep="\t")
    needed = ["Label", "slice", "Saturated", "J.D.-2400000", "JD_UTC", "BJD_TDB", "AIRMASS", "EXPTIME"]
    needed += ["rel_flux_T1", "rel_flux_err_T1", "Source-Sky_T1", "Source_Error_T1", "Peak_T1", "Sky/Pixel_T1"]
    assert set(needed) <= set(rows.columns)
    good = good_of(curve)
    assert rows["BJD_TDB"].to_numpy() == pytest.approx(curve.time.jd[good], abs=1e-7)
    assert (rows["Source-Sky_T1"] / rows["tot_C_cnts"]).to_numpy() == pytest.approx(rows["rel_flux_T1"], rel=1e-5)
    assert (rows["J.D.-2400000"] + 2400000).to_numpy() == pytest.approx(rows["JD_UTC"], abs=1e-7)
    assert f"TIC {star['tic_id']}" in notes.read_text() and "ppt" in notes.read_text()
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_the_aavso_needs_a_code():
    with pytest.raises(UsageError, match="--obscode"):
        WantedExport(StarId(tic_id=5), Format.AAVSO)


def test_command_names_the_files_as_tfop_asks(transit_night, tmp_path):
    config, folder, truth = transit_night
    star = truth.stars[np.flatnonzero(truth.stars["signal"] == "transit")[0]]
    given = ["--directory", folder, "--config", config.directories.out.parent / "directories.json"]
    given += ["--camera", config.camera.source, "--tic_id", star["tic_id"], "--format", "aavso"]
    run_script("export_star", *given, "--obscode", "ABC", "--output", tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_text().startswith("#TYPE=EXTENDED")
    assert "--obscode" in run_script("export_star", *given, code=2).stderr


def test_lightkurve_takes_the_curve_and_finds_the_transit(exported):
    """Made into a LightCurve, normalized, cleaned and folded by its own verbs: the transit is where it was put."""
    _, curve, star = exported
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own parts that are not installed
        lightkurve = pytest.importorskip("lightkurve")
        columns = {"flux": np.asarray(curve["relative_flux"]), "flux_err": np.asarray(curve["relative_flux_err"])}
        whole = lightkurve.LightCurve(time=curve.time, **columns)
        light = whole.remove_nans()
        folded = light.normalize().fold(period=3.5, epoch_time=Time(star["epoch_bjd"], format="jd", scale="tdb"))
    assert light.time.scale == "tdb" and len(light) == np.isfinite(curve["relative_flux"]).sum()
    inside = np.abs(folded.time.jd) < 0.4 * star["duration_d"]
    flux = np.asarray(folded.flux.value, float)
    depth = float(np.median(flux[~inside]) - np.median(flux[inside]))
    assert depth == pytest.approx(star["amplitude"], rel=0.5)
