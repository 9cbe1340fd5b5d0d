"""Scatter against time scale from a table whose noise is planted: white, and a floor that no bin takes away."""

import json

import numpy as np
import pytest

from ngcmos.errors import UsageError
from ngcmos.night.folder import open_night
from ngcmos.night.job import open_job
from ngcmos.report.timescale import TimescaleOptions, run
from ngcmos.tables.table import read_frames, read_stars, rows_of_table
from ngcmos.tables.writer import write_photometry

WHITE, FLOOR, CADENCE_S, FRAMES = 0.004, 0.001, 20.0, 1200


@pytest.fixture(scope="module")
def planted(solved_night, tmp_path_factory):
    """(config, folder, stars): the first frame of a table again and again, with noise; red from 12 mag on."""
    config, source, truths = solved_night
    folder = tmp_path_factory.mktemp("timescale") / source.name
    folder.mkdir()
    [name] = [path.name for path in source.glob(f"phot_{truths[0].field}.fits")]
    rows = np.array(rows_of_table(source / name)[0])
    stars, frames = read_stars(source / name), read_frames(source / name)
    rng = np.random.default_rng(5)
    red = np.where(np.asarray(stars["Tmag"]) >= 12.0, FLOOR, 0.0)
    slow = np.repeat(rng.normal(0, 1, (FRAMES // 200, len(stars))), 200, axis=0) * red
    noise = 1 + slow + rng.normal(0, WHITE, slow.shape)
    facts = dict(zip(frames.colnames, frames[0], strict=True))
    with write_photometry(folder / name, stars, radii=config.camera.photometry.radii_px, name_width=60) as writer:
        for number in range(FRAMES):
            moment = {"jd_mid": facts["jd_mid"] + number * CADENCE_S / 86400}
            writer.add(with_noise(rows, noise[number], number), facts | moment)
    return config, folder, stars


def with_noise(rows, noise, number):
    rows = rows.copy()
    rows["flags"] = 0
    for name in rows.dtype.names:
        if name.startswith("flux_") and "sky" not in name:
            level = np.abs(rows[name]) + 1000
            rows[name], rows[name.replace("flux", "fluxerr")] = level * noise, level * WHITE
        elif name.startswith("jd_"):
            rows[name] += number * CADENCE_S / 86400
    return rows


def timescale(planted, **options):
    config, folder, _ = planted
    with open_job("noise_model", config, open_night(config, folder), workers=1, quiet=True) as job:
        outcome = run(job, TimescaleOptions(tmag_max=15.0, **options))
    assert outcome.exit_code == 0, outcome.summary()
    assert all(path.stat().st_size for path in outcome.products)
    return json.loads(outcome.products[0].read_text())


def test_white_magnitudes_fall_by_the_root_and_red_ones_end_on_the_floor(planted):
    content = timescale(planted)
    assert content["minutes"][0] == pytest.approx(CADENCE_S / 60, rel=1e-3)
    curves = {curve["name"]: curve for curve in content["curves"]}
    white, red = curves["Tmag 11-12"], curves["Tmag 13-14"]
    assert white["slope"] == pytest.approx(-0.5, abs=0.04)
    assert white["floor"] < 0.4 * FLOOR
    assert red["floor"] == pytest.approx(FLOOR, rel=0.3)
    assert red["rms"][-1] > 1.8 * red["white"][-1]


def test_one_star_and_another_night_in_one_figure(planted):
    _, folder, stars = planted
    gaia_id = int(stars["gaia_id"][np.argmin(np.abs(np.asarray(stars["Tmag"]) - 13.0))])
    content = timescale(planted, gaia_id=gaia_id)
    assert content["curves"][0]["stars"] == 1
    assert content["curves"][0]["floor"] == pytest.approx(FLOOR, rel=0.6)
    timescale(planted, gaia_id=gaia_id, compare=folder)


def test_other_night_without_a_json_is_told(planted, tmp_path):
    with pytest.raises(UsageError, match="not there; run noise_model --timescale --directory"):
        timescale(planted, compare=tmp_path)
