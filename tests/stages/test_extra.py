"""Further cards and a series from outside, from the frames to FRAMES, page and season."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
from astropy.io import fits
from running import let_rest, run_stage

from ngcmos.night.filenames import stamp_of
from ngcmos.night.folder import open_night
from ngcmos.report.facts import read_fields
from ngcmos.report.field import Exhibits, draw_field_section
from ngcmos.season.read import read_field_night
from ngcmos.stages import process_cmos
from ngcmos.tables.table import read_frames


@pytest.fixture(scope="module")
def measured(solved_night, tmp_path_factory):
    """(config, night, field, temperatures by frame) of a field whose frames tell the temperature of their chip."""
    config, source, truths = solved_night
    field = truths[1].field
    folder = tmp_path_factory.mktemp("extra") / source.name
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns(f"*{truths[0].field}*", "*.fits.part"))
    frames = sorted(folder.glob(f"{field}_TIC*.fits"))
    temperatures = {path.name: -20.0 + 0.1 * number for number, path in enumerate(frames[1:])}
    for path in frames[1:]:
        fits.setval(path, "CCD-TEMP", value=temperatures[path.name])
    let_rest(folder)
    (folder / "pwv.csv").write_text("time,pwv\n2024-07-05T20:00:00,2.5\n" + "".join(lines_of_a_night()))
    headers = dataclasses.replace(config.camera.headers, series=("pwv_mm/pwv.csv/mm",))
    config = dataclasses.replace(config, camera=dataclasses.replace(config.camera, headers=headers))
    night = open_night(config, folder)
    outcome = run_stage(process_cmos, config, night, overwrite=True)
    assert outcome.exit_code == 0, outcome.summary()
    return config, night, field, temperatures


def lines_of_a_night():
    for quarter in range(4 * 16):
        hour, minute = divmod(20 * 60 + 15 * quarter, 60)
        yield f"2024-07-{5 + hour // 24:02d}T{hour % 24:02d}:{minute:02d}:00,2.5\n"


def test_frames_hold_them_with_their_units(measured):
    _, night, field, temperatures = measured
    path = night.folder / f"phot_{field}.fits"
    frames = read_frames(path)
    for row in frames:
        assert row["ccd_temp_c"] == pytest.approx(temperatures.get(row["frame_id"], np.nan), nan_ok=True)
    assert frames["pwv_mm"].tolist() == [2.5] * len(frames)
    header = fits.getheader(path, "FRAMES")
    names = {card.value: card.comment for card in header.cards if card.keyword.startswith("TTYPE")}
    assert (names["ccd_temp_c"], names["pwv_mm"]) == ("[C]", "[mm]")


def test_page_plots_them(measured):
    config, night, field, _ = measured
    [facts] = [one for one in read_fields(config, night, []) if one.name == field]
    _, plots = draw_field_section("f0", facts, 20.0, Exhibits())
    assert {"ccd_temp_c": "C", "pwv_mm": "mm"}.items() <= {plot.title: plot.unit for plot in plots}.items()


def test_times_on_the_page_are_those_of_the_frames_where_names_tell_none(measured, tmp_path):
    config, night, field, _ = measured
    first, second, *_ = sorted(night.folder.glob(f"{field}_TIC*.fits"))
    folder = tmp_path / night.date
    folder.mkdir()
    for number, path in enumerate((second, first)):
        shutil.copy2(path, folder / f"{field}_{number}.fits")
    [facts] = read_fields(config, open_night(config, folder), [])
    stamps = [stamp_of(path).timestamp() for path in (first, second)]
    assert [file.name for file in facts.files] == [f"{field}_1.fits", f"{field}_0.fits"]
    np.testing.assert_allclose(facts.unix, stamps, atol=1)


def test_season_keeps_them(measured):
    config, night, field, temperatures = measured
    read = read_field_night(night.folder, field, config.camera)
    for row in read.frames:
        told = {"pwv_mm": 2.5}
        if (name := row["frame_id"].decode()) in temperatures:
            told["ccd_temp_c"] = temperatures[name]
        assert json.loads(row["extra"]) == pytest.approx(told)
