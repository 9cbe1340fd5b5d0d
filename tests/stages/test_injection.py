"""Transits put into the pixels of a copy, and found again in its tables."""

import dataclasses
import shutil

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from running import raw_checksums, run_stage
from transit_fit import fit_transit

from ngcmos.config import load_config
from ngcmos.errors import UsageError, WorkError
from ngcmos.night.folder import open_night
from ngcmos.simulate.injection import TRUTH, Wanted, change_star, draw_transit, inject_night
from ngcmos.simulate.signals import relative_flux
from ngcmos.simulate.troubles import contain
from ngcmos.stages import process_cmos
from ngcmos.tables.table import read_star


@pytest.fixture
def rng():
    return np.random.default_rng(8)


def test_light_of_the_star_is_scaled_and_nothing_else(rng):
    sky = rng.poisson(300.0, (80, 90)).astype(float)
    y, x = np.mgrid[:80, :90]
    star = 50000 * np.exp(-((x - 40.3) ** 2 + (y - 35.8) ** 2) / 2)
    data = np.rint(sky + star).astype(np.uint16)
    changed = change_star(data, 40.3, 35.8, 0.9, radius_px=8.0, rng=rng)
    far = np.hypot(x - 40.3, y - 35.8) > 10
    assert changed.dtype == np.uint16
    np.testing.assert_array_equal(changed[far], data[far])
    lost = data.astype(float).sum() - changed.sum()
    assert lost == pytest.approx(0.1 * star.sum(), rel=0.002)


def test_chance_rounding_loses_nothing(rng):
    data = np.full((60, 60), 1000, np.uint16)
    data[28:33, 28:33] = 1003  # a tenth of three counts
    lost = [
        data.astype(float).sum() - change_star(data, 30.0, 30.0, 0.9, radius_px=6.0, rng=rng).sum()
        for _ in range(400)
    ]
    assert np.mean(lost) == pytest.approx(25 * 0.3, abs=4 * np.std(lost) / 20)


def test_counts_stay_within_their_type(rng):
    data = np.full((40, 40), 100, np.uint16)
    data[20, 20] = 65000
    assert change_star(data, 20.0, 20.0, 3.0, radius_px=4.0, rng=rng)[20, 20] == 65535


def test_signal_is_in_the_table_of_the_copy(solved_night, tmp_path):
    """Fluxes of the copy over those of the night are the signal, frame by frame; the night is as it was."""
    config, folder, truths = solved_night
    before = raw_checksums(folder)
    truth, night = truths[0], open_night(config, folder)
    inside = (np.abs(truth.x - 160) < 140).all(axis=0) & (np.abs(truth.y - 160) < 140).all(axis=0)
    quiet = truth.stars["tic_id"][
        inside & (truth.stars["foreign"] < 0.001) & (truth.stars["Tmag"] > 10.5)
    ].tolist()
    injected = inject_night(config, night, tmp_path / "copy", Wanted(3, (0.3, 0.3), seed=2, ids=quiet))
    camera = str(config.camera.source)
    copied = load_config(camera=camera, config=str(tmp_path / "copy" / "directories.json"))
    copy = open_night(copied, tmp_path / "copy" / "nights" / folder.name)
    assert run_stage(process_cmos, copied, copy, quiet=True).exit_code == 0
    listed = Table.read(tmp_path / "copy" / TRUTH, character_as_bytes=False)
    assert [tuple(row) for row in listed] == [
        (one.tic_id, one.field, *vars(one.signal).values()) for one in injected
    ]
    assert len(injected) >= 2
    for one in injected:
        old, new = (
            read_star(path / f"phot_{one.field}.fits", tic_id=one.tic_id) for path in (folder, copy.folder)
        )
        expected = relative_flux(one.signal, np.asarray(old["jd_bary"]))
        assert expected.min() < 0.71
        change = (new["flux_5"] - old["flux_5"] * expected) / old["fluxerr_5"]
        assert np.abs(change).max() < 0.5  # of an error: what light of neighbours is dimmed with it
    assert raw_checksums(folder) == before


@pytest.mark.parametrize("kind", ["bz2", "fz", "extension"])
def test_copy_of_a_packed_night_is_plain(solved_night, tmp_path, kind):
    """With the same cards, the solution among them, and the same pixels but for the stars that were changed."""
    config, folder, truths = solved_night
    packed = tmp_path / "packed" / folder.name
    shutil.copytree(folder, packed, ignore=shutil.ignore_patterns(f"*{truths[1].field}*"))
    for path in open_night(config, packed).frames:
        contain(path, kind)
    inject_night(config, open_night(config, packed), tmp_path / "copy", Wanted(1, (0.3, 0.3), seed=2))
    for path in open_night(config, folder).fields[truths[0].field]:
        copied = tmp_path / "copy" / "nights" / folder.name / path.name
        assert (fits.getdata(copied) != fits.getdata(path)).mean() < 0.01
        assert not fits.HeaderDiff(fits.getheader(path), fits.getheader(copied)).diff_keyword_values


def test_folder_in_use_is_left_alone(solved_night, tmp_path):
    config, folder, _ = solved_night
    (tmp_path / "mine").write_text("data")
    with pytest.raises(UsageError, match="is in use, expected a new or an empty folder"):
        inject_night(config, open_night(config, folder), tmp_path, Wanted(1, (0.01, 0.02)))
    assert (tmp_path / "mine").read_text() == "data"


@pytest.mark.parametrize("depths", [(0.0, 0.1), (0.2, 0.1), (0.5, 1.0)])
def test_depths_must_make_sense(depths):
    with pytest.raises(UsageError, match="expected two rising numbers"):
        Wanted(1, depths)


def test_no_star_that_bright(solved_night, tmp_path):
    config, folder, _ = solved_night
    with pytest.raises(WorkError, match="no star to put a transit on"):
        inject_night(config, open_night(config, folder), tmp_path / "copy", Wanted(1, (0.01, 0.02), tmag_max=2.0))


@pytest.mark.parametrize(
    ("depths", "noise"), [((0.005, 0.02), 0.002), ((0.002, 0.006), 0.015)], ids=["deep", "lost in noise"]
)
def test_fit_gives_depth_and_time_within_their_errors(rng, depths, noise):
    """Pulls of transits in white noise: the judge of the injections is itself fair."""
    bjd, pulls = 2460000.0 + np.arange(200) / 1440, []
    for _ in range(250):
        signal = draw_transit(bjd, depths, rng)
        flux = relative_flux(signal, bjd) * 1.01 + rng.normal(0, noise, 200)
        pulls.append(fit_transit(bjd, flux, np.full(200, noise), signal, depths).pulls(signal))
    assert np.abs(np.mean(pulls, axis=0)).max() < 0.15
    np.testing.assert_allclose(np.std(pulls, axis=0), 1, atol=0.1)


def test_fit_knows_nothing_of_the_true_time(rng):
    """A shallow transit is looked for in the same window wherever it truly is."""
    bjd = 2460000.0 + np.arange(200) / 1440
    signal = draw_transit(bjd, (0.002, 0.002), rng)
    flux, error = relative_flux(signal, bjd) + rng.normal(0, 0.006, 200), np.full(200, 0.006)
    other = dataclasses.replace(signal, epoch_bjd=signal.epoch_bjd + 10 / 1440)
    fits = [fit_transit(bjd, flux, error, one, (0.002, 0.02)) for one in (signal, other)]
    assert fits[0] == fits[1]
    assert 5 < fits[0].epoch_err * 1440 < 40


@pytest.mark.real
def test_transit_in_copies_of_real_frames(real_base, tmp_path):
    """2 % put on HAT-P-32 come out of the real frames' tables."""
    from test_real_frames import HATP32, copy_real

    config, night = copy_real(real_base, tmp_path / "base")
    (one,) = inject_night(config, night, tmp_path / "copy", Wanted(1, (0.02, 0.02), ids=[HATP32]))
    copied = load_config(camera="microobservatory", config=str(tmp_path / "copy" / "directories.json"))
    copy = open_night(copied, tmp_path / "copy" / "nights" / "20171219")
    run_stage(process_cmos, copied, copy, quiet=True)
    old, new = (read_star(next(path.glob("phot_*.fits")), tic_id=HATP32) for path in (night.folder, copy.folder))
    expected = relative_flux(one.signal, np.asarray(old["jd_bary"]))
    assert expected.min() < 0.985
    np.testing.assert_allclose(new["flux_5"] / old["flux_5"], expected, atol=0.001)
