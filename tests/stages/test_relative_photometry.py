"""Relative light curves of a simulated night, as users read them."""

import dataclasses
import shutil

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from running import run_stage

from ngcmos.errors import UsageError, WorkError
from ngcmos.lightcurves.choice import Choice
from ngcmos.lightcurves.cube import read_cube, read_field
from ngcmos.night.folder import open_night
from ngcmos.night.ledger import REFUSED, open_ledger, recall, record
from ngcmos.night.products import relative_path
from ngcmos.report import star as analyse_cmos
from ngcmos.report.wanted import Wanted
from ngcmos.stages import relative_photometry
from ngcmos.tables.table import read_stars

COLUMNS = ["TIC_ID", "Tmag", "Time_BJD", "Relative_Flux", "Relative_Flux_err"]
COLUMNS += ["RMS", "Sky", "Airmass", "ZP", "COLOR"]


@pytest.fixture(scope="module")
def copy(solved_night, tmp_path_factory):
    """(config, night) of a copy without the raw frames, with a refused frame in its ledger."""
    config, source, truths = solved_night
    folder = tmp_path_factory.mktemp("relative") / source.name
    folder.mkdir()
    for path in source.iterdir():
        if not path.name.startswith(("evening", "morning")):
            shutil.copy2(path, folder)
    with open_ledger(folder) as ledger:
        field = truths[0].field
        record(ledger, "process_cmos", "lost.fits", field, REFUSED, "lost.fits: no star seen")
        record(ledger, "simple_wrapper", "dark.fits", field, REFUSED, "dark.fits: not solved")
        record(ledger, "check_cmos", "dark.fits", field, REFUSED, "dark.fits: goes to no_wcs/")
    return config, open_night(config, folder), truths


@pytest.fixture(scope="module")
def made(copy):
    """(outcome, {field: path}) of the stage."""
    config, night, truths = copy
    outcome = run_stage(relative_photometry, config, night, tmag_max=15.0)
    assert outcome.exit_code == 0, outcome.summary()
    return outcome, {truth.field: relative_path(night.folder, truth.field) for truth in truths}


def rows_of(path, tic_id):
    rows = Table.read(path, hdu="REL_PHOT", mask_invalid=False)
    return rows[rows["TIC_ID"] == tic_id]


def test_columns_in_their_order(made):
    for path in made[1].values():
        names = fits.getheader(path, "REL_PHOT")
        names = [names[f"TTYPE{number}"] for number in range(1, names["TFIELDS"] + 1)]
        assert names == [*COLUMNS, "gaia_id", "flags", "frame"]


def test_every_star_has_a_row_for_every_frame(made, copy):
    for truth in copy[2]:
        path = made[1][truth.field]
        header, stars = fits.getheader(path, "REL_PHOT"), Table.read(path, hdu="STARS")
        assert header["NAXIS2"] == 12 * len(stars)
        assert len(rows_of(path, truth.target)) == 12


def test_stars_up_to_the_limit_and_the_target(made, copy):
    for truth in copy[2]:
        measured = read_stars(copy[1].folder / f"phot_{truth.field}.fits")
        wanted = measured["tic_id"][np.asarray(measured["Tmag"] <= 15.0) | measured["target"]]
        assert set(Table.read(made[1][truth.field], hdu="STARS")["tic_id"]) == set(wanted)


def test_times_are_those_of_the_star(made, copy):
    truth = copy[2][0]
    expected = truth.bjd[:, truth.star(truth.target)]
    found = np.asarray(rows_of(made[1][truth.field], truth.target)["Time_BJD"])
    assert np.abs(found - expected).max() * 86400 < 0.02


def test_transit_of_the_target_is_in_its_curve(made, copy):
    """Within five errors of the light that fell in, frame by frame."""
    truth = copy[2][0]
    rows = rows_of(made[1][truth.field], truth.target)
    true = truth.electrons[:, truth.star(truth.target)]
    clear = np.asarray(truth.frames["transparency"]) * 10 ** (-0.4 * 0.08 * np.asarray(truth.frames["airmass"]))
    expected = true / clear / np.median(true / clear)
    assert expected.min() < 0.995
    pulls = (np.asarray(rows["Relative_Flux"]) - expected) / np.asarray(rows["Relative_Flux_err"])
    assert np.std(pulls) < 1.8
    assert np.abs(pulls).max() < 5


def test_errors_are_those_of_constant_stars(made, copy):
    pulls = []
    for truth in copy[2]:
        rows = Table.read(made[1][truth.field], hdu="REL_PHOT", mask_invalid=False)
        constant = np.asarray(truth.stars["tic_id"])[np.asarray(truth.stars["signal"]) == "constant"]
        lonely = np.asarray(truth.stars["tic_id"])[np.asarray(truth.stars["foreign"]) < 0.002]
        rows = rows[np.isin(rows["TIC_ID"], np.intersect1d(constant, lonely))]
        pulls.append((rows["Relative_Flux"] - 1) / rows["Relative_Flux_err"])
    pulls = np.concatenate(pulls)
    assert np.nanstd(pulls) == pytest.approx(1, abs=0.08)


def test_refused_frames_are_told_with_their_reason(made, copy):
    frames = Table.read(made[1][copy[2][0].field], hdu="FRAMES", mask_invalid=False, character_as_bytes=False)
    assert len(frames) == 14
    told = dict(zip(frames["frame_id"][12:], frames["reason"][12:], strict=True))
    assert told == {"dark.fits": "dark.fits: not solved", "lost.fits": "lost.fits: no star seen"}
    assert np.isnan(frames["factor"][12:]).all()


def test_frames_tell_their_quality_and_so_does_the_ledger(made, copy):
    _, night, truths = copy
    frames = Table.read(made[1][truths[0].field], hdu="FRAMES", mask_invalid=False, character_as_bytes=False)
    assert frames["quality"].tolist() == ["good"] * 12 + ["refused"] * 2
    expected = np.asarray(truths[0].frames["transparency"])
    np.testing.assert_allclose(
        frames["transparency"][:12] / np.median(frames["transparency"][:12]), expected, atol=0.02
    )
    with open_ledger(night.folder) as ledger:
        kept = recall(ledger, "quality", truths[0].field)
    assert {entry.verdict for entry in kept.values()} == {"good"}
    assert len(kept) == 12


def test_second_run_makes_nothing(made, copy):
    config, night, _ = copy
    before = {path: path.stat().st_mtime_ns for path in made[1].values()}
    outcome = run_stage(relative_photometry, config, night, tmag_max=15.0)
    assert (len(outcome.skipped), outcome.done) == (2, [])
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_another_refused_frame_is_told_of(made, copy, tmp_path):
    config, night, truths = copy
    folder = tmp_path / night.folder.name
    shutil.copytree(night.folder, folder)
    with open_ledger(folder) as ledger:
        record(ledger, "process_cmos", "late.fits", truths[0].field, REFUSED, "late.fits: no star seen")
    path = relative_path(folder, truths[0].field)
    assert run_stage(relative_photometry, config, open_night(config, folder), tmag_max=15.0).done == [path.name]
    assert "late.fits" in Table.read(path, hdu="FRAMES", character_as_bytes=False)["frame_id"]


def test_whether_curves_stand_is_known_without_reading_the_rows(made, copy, monkeypatch):
    config, night, _ = copy
    monkeypatch.setattr(relative_photometry, "read_field", None)
    assert len(run_stage(relative_photometry, config, night, tmag_max=15.0).skipped) == 2


def test_table_of_another_version_is_told_in_a_line(copy, tmp_path):
    """It has another name for a column."""
    config, night, truths = copy
    folder = tmp_path / night.folder.name
    shutil.copytree(night.folder, folder)
    path = folder / f"phot_{truths[0].field}.fits"
    with fits.open(path, mode="update") as units:
        number = units["PHOT"].columns.names.index("jd_bary") + 1
        units["PHOT"].header[f"TTYPE{number}"] = "jd_helio"
    outcome = run_stage(relative_photometry, config, open_night(config, folder))
    assert "no column jd_bary, expected those of this version" in outcome.troubles[0]
    assert len(outcome.done) == 1


def test_damaged_curves_are_made_anew(made, copy, tmp_path):
    config, night, truths = copy
    path = made[1][truths[0].field]
    whole = path.read_bytes()
    path.write_bytes(whole[:-2880])
    assert run_stage(relative_photometry, config, night, tmag_max=15.0).done == [path.name]
    assert path.read_bytes() == whole


def test_analyse_shows_the_relative_curve(made, copy, tmp_path):
    config, night, truths = copy
    csv = tmp_path / "star.csv"
    wanted = Wanted(tic_id=truths[0].target, output=tmp_path / "star.png", csv=csv)
    analyse_cmos.run(config, night, wanted)
    shown = Table.read(csv, format="ascii.csv", comment="#")
    expected = rows_of(made[1][truths[0].field], truths[0].target)["Relative_Flux"]
    np.testing.assert_allclose(shown["relative_flux"], expected, rtol=1e-6)


def test_no_table_is_an_error(copy, tmp_path):
    config, night, _ = copy
    empty = tmp_path / "20240101"
    empty.mkdir()
    shutil.copy2(next(night.folder.glob("NG*S43*.fits")), empty)
    with pytest.raises(WorkError, match=r"no phot_\*\.fits, expected one a field"):
        run_stage(relative_photometry, config, open_night(config, empty))


def test_magnitude_limit_must_be_a_number(copy):
    with pytest.raises(UsageError, match="tmag_max is nan"):
        run_stage(relative_photometry, *copy[:2], tmag_max=float("nan"))


def test_field_without_stars_that_bright(copy):
    config, night, truths = copy
    with pytest.raises(WorkError, match="has apertures of"):
        read_field(night.folder / f"phot_{truths[0].field}.fits", config.camera, tmag_max=15, radii=[7.5])


def test_cube_is_what_the_table_holds(copy):
    _, night, truths = copy
    path = night.folder / f"phot_{truths[0].field}.fits"
    rows = Table.read(path, hdu="PHOT", mask_invalid=False)
    stars = np.zeros(len(read_stars(path)), bool)
    stars[[3, 17]] = True
    cube = read_cube(path, ["flux_4", "tic_id"], stars=stars)
    np.testing.assert_array_equal(cube["flux_4"], np.asarray(rows["flux_4"]).reshape(12, -1)[:, [3, 17]])
    np.testing.assert_array_equal(cube["tic_id"], np.asarray(rows["tic_id"]).reshape(12, -1)[:, [3, 17]])


def data_of(path, extensions=("REL_PHOT", "STARS", "FRAMES")):
    with fits.open(path) as units:
        return b"".join(units[name].data.tobytes() for name in extensions)


@pytest.fixture
def own(made, copy, tmp_path):
    """(config, folder, field, path) of curves of one's own."""
    config, night, truths = copy
    folder = shutil.copytree(night.folder, tmp_path / night.folder.name)
    return config, folder, truths[0].field, relative_path(folder, truths[0].field)


def again(own, **options):
    config, folder, _, path = own
    outcome = run_stage(relative_photometry, config, open_night(config, folder), tmag_max=15.0, **options)
    assert outcome.exit_code == 0, outcome.summary()
    return path.read_bytes()


def pairs_of(path):
    return Table.read(path, hdu="COMPARISONS", mask_invalid=False)


def test_weights_of_comparison_stars_stand_in_the_table(made, copy):
    """By their shares: nearly all of the weight, the heaviest first; as many effective ones as STARS says."""
    path = made[1][copy[2][0].field]
    pairs, stars = pairs_of(path), Table.read(path, hdu="STARS")
    for star in stars[np.asarray(stars["comparisons"]) > 0]:
        mine = pairs[pairs["tic_id"] == star["tic_id"]]
        assert 0.99 <= mine["weight"].sum() <= 1.0001
        assert np.all(np.diff(mine["weight"]) <= 0)
        assert star["tic_id"] not in mine["comparison_tic_id"]
        assert 1 / (np.asarray(mine["weight"], float) ** 2).sum() == pytest.approx(star["comparisons"], rel=0.03)


def test_star_left_out_by_a_list_compares_no_other_and_its_line_taken_out_brings_the_bytes_back(own, caplog):
    before = again(own)
    heaviest = int(pairs_of(own[3])["comparison_gaia_id"][0])
    kept = own[1] / f"exclude_stars_{own[2]}.txt"
    with caplog.at_level("INFO"):
        without = again(own, exclude=(heaviest,))
    assert f"{heaviest} ({kept.name})" in caplog.text
    assert heaviest not in pairs_of(own[3])["comparison_gaia_id"]
    assert data_of(own[3], ["REL_PHOT"]) not in before
    assert again(own) == without  # the night keeps the list
    kept.write_text("".join(line for line in kept.read_text().splitlines(True) if str(heaviest) not in line))
    assert again(own) == before
    assert again(own, exclude=(heaviest,)) == without
    assert again(own, exclude=()) == before
    assert not kept.exists()


def test_only_listed_stars_compare_where_a_list_says_so(own):
    listed = np.unique(pairs_of(own[3])["comparison_tic_id"])[:3].tolist()
    again(own, comp_stars=listed)
    assert set(pairs_of(own[3])["comparison_tic_id"]) == set(listed)


def test_windows_of_magnitude_colour_and_place(own):
    again(own, choice=Choice(brighter_mag=0.5, fainter_mag=1.0, colour_mag=0.3, box_px=200))
    pairs, stars = pairs_of(own[3]), Table.read(own[3], hdu="STARS")
    star = {row["tic_id"]: row for row in stars}
    assert len(pairs) > len(stars)
    for pair in pairs:
        one, other = star[pair["tic_id"]], star[pair["comparison_tic_id"]]
        assert -0.5 <= other["Tmag"] - one["Tmag"] <= 1.0
        assert not abs(other["color"] - one["color"]) > 0.3
    phot = Table.read(own[1] / f"phot_{own[2]}.fits", hdu="PHOT", mask_invalid=False)
    for axis in "xy":
        place = {tic_id: np.nanmedian(phot[axis][phot["tic_id"] == tic_id]) for tic_id in star}
        apart = [abs(place[pair["tic_id"]] - pair[axis]) for pair in pairs if np.isfinite(place[pair["tic_id"]])]
        assert 90 < max(apart) <= 101


def test_windows_as_wide_as_the_sky_change_nothing(own):
    before = again(own)
    wide = Choice(brighter_mag=99.0, fainter_mag=99.0, colour_mag=99.0, box_px=1e6)
    again(own, choice=wide)
    assert data_of(own[3]) == data_of_bytes(before, own[3].with_name("before.dat"))


def data_of_bytes(content, path):
    path.write_bytes(content)
    return data_of(path)


def test_one_aperture_and_bins(own):
    again(own, radius_px=4.0, bin_frames=5)
    stars, bins = Table.read(own[3], hdu="STARS"), Table.read(own[3], hdu="BINNED")
    assert set(stars["radius_px"]) == {4.0}
    tic_id = stars["tic_id"][np.argmax(stars["comparisons"])]
    rows, mine = rows_of(own[3], tic_id), bins[bins["TIC_ID"] == tic_id]
    assert mine["points"].tolist() == [5, 5, 2]
    np.testing.assert_allclose(mine["Relative_Flux"][0], np.mean(rows["Relative_Flux"][:5]), rtol=1e-6)
    np.testing.assert_allclose(mine["Time_BJD"][2], np.mean(rows["Time_BJD"][10:]), rtol=0, atol=1e-8)


def test_other_exposures_than_told_are_said(own, caplog):
    again(own, exptime_s=10.0)
    assert "--exposure" not in caplog.text
    again(own, exptime_s=30.0, overwrite=True)
    assert "--exposure is 30, the frames were exposed 10 s; theirs is used" in caplog.text


def test_list_of_a_star_that_no_field_has(own):
    with pytest.raises(UsageError, match=r"no star 123 in NG.*, expected ids that their tables have"):
        again(own, exclude=(123,))


def test_line_that_is_no_id(own):
    (own[1] / f"exclude_stars_{own[2]}.txt").write_text("# none\nTIC 5\n")
    config, folder, _, _ = own
    outcome = run_stage(relative_photometry, config, open_night(config, folder), tmag_max=15.0)
    assert "line 2 has 'TIC', expected a Gaia or TIC id" in outcome.troubles[0]


def test_analyse_maps_and_lists_the_comparison_stars(own, tmp_path):
    config, folder, _, path = own
    tic_id = int(pairs_of(path)["tic_id"][0])
    wanted = analyse_cmos.Wanted(tic_id=tic_id, output=tmp_path / "star.png", csv=tmp_path / "star.csv")
    analyse_cmos.run(config, open_night(config, folder), wanted)
    listed, pairs = Table.read(tmp_path / "star_comparisons.csv"), pairs_of(path)
    mine = pairs[pairs["tic_id"] == tic_id]
    assert listed["comparison_gaia_id"].tolist() == mine["comparison_gaia_id"].tolist()
    np.testing.assert_allclose(listed["weight"], mine["weight"], rtol=1e-6)


def test_known_variable_compares_no_other(own, tmp_path, caplog):
    before = again(own)
    variable = int(pairs_of(own[3])["comparison_tic_id"][0])
    stars = read_stars(own[1] / f"phot_{own[2]}.fits")
    star = stars[np.asarray(stars["tic_id"]) == variable][0]
    known = Table({"Name": ["V1"], "Type": ["EA"], "RAJ2000": [star["ra_deg"]], "DEJ2000": [star["dec_deg"]]})
    known.write(tmp_path / "vsx.fits")
    catalog = dataclasses.replace(own[0].camera.catalog, known=(str(tmp_path / "vsx.fits"),))
    knowing = dataclasses.replace(own[0], camera=dataclasses.replace(own[0].camera, catalog=catalog))
    with caplog.at_level("INFO"):
        assert again((knowing, *own[1:])) != before
    assert variable not in pairs_of(own[3])["comparison_tic_id"]
    assert "1 stars are known to vary" in caplog.text
    assert again(own) == before
