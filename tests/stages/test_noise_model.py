"""The noise model of a simulated night, and what breaks it on purpose."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
from running import run_stage

from ngcmos.errors import UsageError, WorkError
from ngcmos.lightcurves.audit import judge
from ngcmos.lightcurves.cube import read_field
from ngcmos.names import Flag
from ngcmos.night.folder import open_night
from ngcmos.stages import noise_model, process_cmos
from ngcmos.stats import mad_sigma
from ngcmos.tables.table import read_stars

KEYS = ["RMS_list", "mags_list", "Tmag_list", "negative_fluxes_stars", "synthetic_mag", "photon_shot_noise"]
KEYS += ["sky_noise", "read_noise", "dc_noise", "N", "RNS"]


@pytest.fixture(scope="module")
def copy(solved_night, tmp_path_factory):
    """(config, night) of a copy with tables and frames."""
    config, source, truths = solved_night
    folder = tmp_path_factory.mktemp("noise") / source.name
    shutil.copytree(source, folder)
    return config, open_night(config, folder), truths


@pytest.fixture(scope="module")
def made(copy):
    """{name of the bin: content} of the first field's JSON."""
    config, night, truths = copy
    outcome = run_stage(noise_model, config, night, bin_minutes=8.0)
    assert outcome.exit_code == 0, outcome.summary()
    assert (night.folder / f"noise_model_{truths[0].field}.png").stat().st_size > 10000
    names = {name: f"rms_mags_phot_{truths[0].field}_{name}.json" for name in ("1", "8min")}
    return {name: json.loads((night.folder / file).read_text()) for name, file in names.items()}


def test_keys_of_old_come_first(made):
    assert list(made["1"])[: len(KEYS)] == KEYS


def test_a_number_a_star(made):
    lengths = {len(made["1"][key]) for key in KEYS[:3]}
    assert lengths == {len(made["1"]["TIC_list"])}
    assert {len(made["1"][key]) for key in KEYS[5:]} == {len(made["1"]["synthetic_mag"])}


def test_total_is_the_root_of_the_squares(made):
    one = {key: np.array(value) for key, value in made["1"].items() if key not in ("audit", "sentence")}
    terms = [one[key] for key in (*KEYS[5:10], "rounding_noise", "sky_estimate_noise")]
    np.testing.assert_allclose(np.sqrt(np.sum(np.square(terms), axis=0)), one["RNS"], rtol=1e-9)


def test_magnitudes_by_counts_are_those_of_the_catalog(made, copy):
    """Of stars whose light is their own: a neighbour's adds to that of the others.

    The zero point of an aperture is the median of all stars, each of which it is the best of some: by chance, as
    no flat took off what pixels differ by, and a median of so many tells that much.
    """
    stars = read_stars(copy[1].folder / f"phot_{copy[2][0].field}.fits")
    alone = np.isin(made["1"]["TIC_list"], stars["tic_id"][~stars["blended"]])
    difference = np.array(made["1"]["mags_list"]) - np.array(made["1"]["Tmag_list"])
    assert np.median(np.abs(difference[alone])) < 0.05
    by_chance = np.sqrt(np.pi / 2 / alone.sum()) * mad_sigma(difference[alone])
    assert abs(np.median(difference[alone])) < 3 * by_chance < 0.025 and np.median(difference[~alone]) < -0.05


def test_bins_are_quieter_by_the_root_of_their_frames(made):
    ratio = np.array(made["1"]["RNS"]) / np.array(made["8min"]["RNS"])
    np.testing.assert_allclose(ratio, np.sqrt(made["8min"]["points_a_bin"]))
    assert made["8min"]["points_a_bin"] == 4


def test_model_goes_through_the_stars(made):
    one = made["1"]
    predicted = np.interp(one["Tmag_list"], one["synthetic_mag"], one["RNS"])
    assert np.median(np.array(one["predicted_list"]) / predicted) == pytest.approx(1, abs=0.06)


def scatter_audit(copy, radius_px=5.0):
    """AuditBins of both fields in one aperture, errors as told."""
    config, night, truths = copy
    counts = [
        read_field(night.folder / f"phot_{truth.field}.fits", config.camera, tmag_max=16.0, radii=[radius_px])
        for truth in truths
    ]
    noises = [noise_model.model_noise(one, config.camera) for one in counts]
    return [noise_model.audit_scatter(noise, next(noise_model.measure_scatter(noise, 8.0))) for noise in noises]


def test_scatter_is_as_predicted(copy):
    ratios = [one.ratio for bins in scatter_audit(copy) for one in bins]
    assert len(ratios) >= 6
    assert np.median(ratios) == pytest.approx(1, abs=0.06)


def test_errors_of_a_wrong_gain_are_told(copy):
    """Errors made with a gain 40 % off: every photon term is wrong by its root, which the audit says."""
    config, night, truths = copy
    counts = read_field(night.folder / f"phot_{truths[0].field}.fits", config.camera, tmag_max=16.0, radii=[5.0])
    told = dict(counts.columns, fluxerr_5=counts.columns["fluxerr_5"] / np.sqrt(1.4))
    noise = noise_model.model_noise(dataclasses.replace(counts, columns=told), config.camera)
    bins = noise_model.audit_scatter(noise, next(noise_model.measure_scatter(noise, 8.0)))
    assert judge(bins).startswith("measured over predicted scatter is 1.")


def test_bin_must_be_some_time(copy):
    with pytest.raises(UsageError, match="bins are 0"):
        run_stage(noise_model, *copy[:2], bin_minutes=0.0)


@pytest.fixture
def finished(copy, made, tmp_path):
    """(config, night, files) of a copy of the first field with its noise model."""
    config, night, truths = copy
    folder = tmp_path / night.folder.name
    shutil.copytree(night.folder, folder, ignore=shutil.ignore_patterns(f"*{truths[1].field}*"))
    table = folder / f"phot_{truths[0].field}.fits"
    names = [noise_model.json_path(table, "1"), noise_model.json_path(table, "8min")]
    return config, open_night(config, folder), [*names, noise_model.picture_path(table)]


def test_second_run_makes_nothing(finished, monkeypatch):
    config, night, files = finished
    monkeypatch.setattr(noise_model, "read_field", None)
    before = [path.stat().st_mtime_ns for path in files]
    outcome = run_stage(noise_model, config, night, bin_minutes=8.0)
    assert (len(outcome.skipped), outcome.done) == (1, [])
    assert [path.stat().st_mtime_ns for path in files] == before


@pytest.mark.parametrize("index", [0, 1, 2])
@pytest.mark.parametrize("keep", [None, 0.5], ids=["missing", "truncated"])
def test_file_that_is_missing_or_damaged_is_made_anew(finished, index, keep):
    config, night, files = finished
    whole = files[index].read_bytes()
    files[index].unlink()
    if keep:
        files[index].write_bytes(whole[: int(keep * len(whole))])
    assert len(run_stage(noise_model, config, night, bin_minutes=8.0).done) == 1
    assert files[index].read_bytes() == whole


@pytest.mark.parametrize("options", [{"radius_px": 4.0}, {"tmag_max": 15.0}, {"overwrite": True}], ids=str)
def test_other_options_make_it_anew(finished, options):
    config, night, _ = finished
    assert len(run_stage(noise_model, config, night, bin_minutes=8.0, **options).done) == 1


def test_picture_of_other_options_is_made_anew(finished):
    """A run that was stopped between its files leaves a picture that is not theirs."""
    config, night, files = finished
    kept = [path.read_bytes() for path in files[:2]]
    run_stage(noise_model, config, night, bin_minutes=8.0, radius_px=4.0)
    for path, content in zip(files, kept, strict=False):
        path.write_bytes(content)
    assert len(run_stage(noise_model, config, night, bin_minutes=8.0).done) == 1


def test_other_photometry_makes_it_anew(finished):
    config, night, _ = finished
    detector = dataclasses.replace(config.camera.detector, gain_e_adu=1.2 * config.camera.detector.gain_e_adu)
    other = dataclasses.replace(config, camera=dataclasses.replace(config.camera, detector=detector))
    run_stage(process_cmos, other, night, overwrite=True)
    assert len(run_stage(noise_model, config, night, bin_minutes=8.0).done) == 1


def test_other_profile_makes_it_anew(finished):
    config, night, _ = finished
    telescope = dataclasses.replace(config.camera.telescope, aperture_m=0.25)
    other = dataclasses.replace(config, camera=dataclasses.replace(config.camera, telescope=telescope))
    assert len(run_stage(noise_model, other, night, bin_minutes=8.0).done) == 1


def test_star_that_is_seen_in_a_cloud_alone_tells_nothing(copy):
    """Saturated but for two frames under a cloud: its scatter is that of these two."""
    config, night, truths = copy
    counts = read_field(night.folder / f"phot_{truths[0].field}.fits", config.camera, tmag_max=16.0, radii=[5.0])
    flags = counts.columns["flags"].copy()
    flags[2:, np.asarray(counts.stars["Tmag"]) < 13] |= int(Flag.SATURATED)
    noise = noise_model.model_noise(
        dataclasses.replace(counts, columns=dict(counts.columns, flags=flags)), config.camera
    )
    bins = noise_model.audit_scatter(noise, next(noise_model.measure_scatter(noise, 8.0)))
    assert bins and min(one.low for one in bins) == 13


@pytest.mark.parametrize("points", [2, 7])
def test_short_series_tell_nothing(copy, points):
    config, night, truths = copy
    counts = read_field(night.folder / f"phot_{truths[0].field}.fits", config.camera, tmag_max=16.0, radii=[5.0])
    noise = noise_model.model_noise(counts, config.camera)
    one = dataclasses.replace(next(noise_model.measure_scatter(noise, 8.0)), points=points)
    assert noise_model.audit_scatter(noise, one) == []


def test_magnitude_limit_must_be_a_number(copy):
    with pytest.raises(UsageError, match="tmag_max is nan"):
        run_stage(noise_model, *copy[:2], tmag_max=float("nan"))


def test_unknown_aperture_is_told(copy):
    outcome = run_stage(noise_model, *copy[:2], radius_px=7.5)
    assert outcome.exit_code == 1
    assert "has apertures of" in outcome.troubles[0]


def test_no_table_is_an_error(copy, tmp_path):
    config, night, _ = copy
    empty = tmp_path / "20240101"
    empty.mkdir()
    shutil.copy2(next(night.folder.glob("NG*S43*.fits")), empty)
    with pytest.raises(WorkError, match=r"no phot_\*\.fits, expected one a field"):
        run_stage(noise_model, config, open_night(config, empty))
