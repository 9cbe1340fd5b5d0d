"""A night that comes into a large season in the morning is fitted to the scale that stands, while that holds."""

import dataclasses
import datetime
import errno
import functools
import hashlib
import os
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
from season.conftest import SeasonOnDisk, update_unsearched
from season.made_season import Habits, make_night, make_season, make_sky

from ngcmos.astrometry.known import no_known
from ngcmos.config import load_camera
from ngcmos.errors import WriteError
from ngcmos.season import season as whole_season
from ngcmos.season import update as whole
from ngcmos.season.beside import DRIFT_ERRORS, drifted
from ngcmos.season.build import bring_in
from ngcmos.season.known import KnownStars
from ngcmos.season.reference import MOVED_ERRORS, read_references, write_references

SOLVED, STARS, FRAMES = 20, 150, 8
CAMERA = "ngts_cmos"
HABITS = Habits(radii=(3.0, 4.0))


def name_of(number):
    return f"{datetime.date(2024, 7, 1) + datetime.timedelta(number):%Y%m%d}"


NAMES = [name_of(number) for number in range(SOLVED + 2)]


class LargeSeason(SeasonOnDisk):
    """A season that counts as a large one; nothing is found in it."""

    def update(self, *names, patient=True, **how):
        chosen = {name: self.sources[name] for name in names or self.sources}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(whole, "SMALL_SEASON_POINTS", 0)
            patch.setattr(whole, "bring_in", functools.partial(bring_in, exact_points=0))
            return update_unsearched(self.folder, chosen, patient=patient, **how)[0]

    @property
    def references(self):
        return read_references(self.folder.reference)

    def linked_to(self, base):
        """The same under another base folder, its files those of the first until they are written anew."""
        shutil.copytree(self.base, base, copy_function=os.link, dirs_exist_ok=True)
        copy = LargeSeason(base, self.sky, self.nights, self.camera)
        for name in self.sources:
            copy.know(base / name)
        return copy

    def curves(self, name):
        return pq.read_table(self.folder.curves(name)).to_pandas()

    def content(self):
        files = (path for path in self.folder.path.rglob("[!.]*") if path.is_file())
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def made_large(base, nights):
    rng = np.random.default_rng(5)
    sky = make_sky(rng, STARS, faint=12.5)
    made = LargeSeason(base, sky, make_season(rng, sky, nights, frames=FRAMES, habits=HABITS), load_camera())
    for night in made.nights:
        made.add(night, name=name_of(night.number))
    return made


@pytest.fixture(scope="module")
def twenty(tmp_path_factory):
    """Photometry of 22 nights, 20 of which are in their season; not to be changed."""
    made = made_large(tmp_path_factory.mktemp("twenty"), SOLVED + 2)
    made.update(*NAMES[:SOLVED])
    assert made.references[CAMERA].solved == SOLVED
    return made


@pytest.fixture
def season(twenty, tmp_path):
    return twenty.linked_to(tmp_path)


def away(one, other):
    """(stars,) by how many errors the flux of a star differs at most."""
    off = np.abs(one.relative_flux - other.relative_flux) / other.relative_flux_err
    assert (one.relative_flux.isna() == other.relative_flux.isna()).all()
    return off.groupby(other.gaia_id).max()


def test_night_added_last_is_as_all_at_once_within_a_tenth_of_its_errors_and_overwrite_exactly(
    season, twenty, tmp_path_factory
):
    """But one star in a hundred that is about to count as restless: by one night more it may, for all nights."""
    changes = season.update(*NAMES[: SOLVED + 1])
    assert changes.brought == [NAMES[SOLVED]] and not changes.rewritten
    added, standing = season.curves(NAMES[SOLVED]), season.curves(NAMES[7])
    assert season.references[CAMERA].means.names == tuple(NAMES[: SOLVED + 1])
    season.update(*NAMES[: SOLVED + 1], patient=False, overwrite=True)
    for curves, name in ((added, NAMES[SOLVED]), (standing, NAMES[7])):
        at_once = season.curves(name)
        off = away(curves, at_once)
        assert (off > MOVED_ERRORS).mean() < 0.01 and off.max() < 0.3 and not curves.equals(at_once)
        np.testing.assert_allclose(curves.relative_flux_err, at_once.relative_flux_err, rtol=0.01)
    fresh = twenty.linked_to(tmp_path_factory.mktemp("fresh"))
    shutil.rmtree(fresh.folder.path)
    fresh.folder.make()
    fresh.update(*NAMES[: SOLVED + 1])
    assert fresh.content() == season.content()


def test_means_and_errors_of_a_night_added_last_are_those_of_all_at_once(season):
    season.update(*NAMES[: SOLVED + 1])
    by_reference = season.references[CAMERA].means
    season.update(*NAMES[: SOLVED + 1], patient=False)
    at_once = season.references[CAMERA].means
    for means in (by_reference, at_once):
        assert means.names == tuple(NAMES[: SOLVED + 1])
    off = (by_reference.deviation - at_once.deviation)[SOLVED:] / at_once.error[SOLVED:]
    assert np.nanstd(off) < 0.1
    assert np.nanmedian(by_reference.error[SOLVED:] / at_once.error[SOLVED:]) == pytest.approx(1, abs=0.02)
    np.testing.assert_array_equal(by_reference.points, at_once.points)


def test_nights_that_stand_are_neither_read_nor_written_nor_solved(season, monkeypatch):
    read, solved, real = [], [], whole_season.read_parts
    monkeypatch.setattr(
        whole_season, "read_parts", lambda path, names: read.append(path.stem) or real(path, names)
    )
    monkeypatch.setattr(whole_season, "fit_season", lambda *given: solved.append(given))
    before = season.content()
    season.update(*NAMES[: SOLVED + 1])
    after = season.content()
    assert read == [NAMES[SOLVED]] and not solved
    changed = {name for name in before if after[name] != before[name]}
    assert changed == {"stars.parquet", "frames.parquet"}
    assert pq.read_table(season.folder.stars)["nights"].to_numpy().max() == SOLVED + 1


def test_again_nothing_is_done_and_by_hand_all_are_solved_once(season):
    season.update(*NAMES[: SOLVED + 1])
    states = {path: path.stat().st_mtime_ns for path in season.folder.path.rglob("*")}
    season.update(*NAMES[: SOLVED + 1])
    assert {path: path.stat().st_mtime_ns for path in season.folder.path.rglob("*")} == states
    stars = season.folder.stars.read_bytes()
    for _ in range(2):
        season.update(*NAMES[: SOLVED + 1], patient=False)
        assert season.references[CAMERA].solved == SOLVED + 1 and season.folder.stars.read_bytes() != stars


def test_stopped_before_any_write_the_next_run_gives_the_same(twenty, tmp_path, monkeypatch):
    names, real = NAMES[: SOLVED + 1], os.fsync
    undisturbed = twenty.linked_to(tmp_path / "undisturbed")
    undisturbed.update(*names)
    for number in range(0, 100, 2):  # before a file is whole; its folder is written next
        stopped, calls = twenty.linked_to(tmp_path / str(number)), []

        def full(descriptor, calls=calls, number=number):
            calls.append(descriptor)
            if len(calls) > number:
                raise OSError(errno.ENOSPC, "No space left on device")
            real(descriptor)

        monkeypatch.setattr(os, "fsync", full)
        try:
            stopped.update(*names)
        except WriteError:
            monkeypatch.setattr(os, "fsync", real)
            stopped.update(*names)
            assert stopped.content() == undisturbed.content(), number
            assert stopped.references[CAMERA].solved == SOLVED
            continue
        break
    assert number > 10  # solution, curves, bins, reference, tables and the memory of them, each with its folder


@pytest.mark.parametrize("harm", ["removed", "damaged", "another"])
def test_reference_that_is_gone_or_damaged_is_made_again(season, harm, caplog):
    season.update(*NAMES[: SOLVED + 1])
    path = season.folder.reference
    match harm:
        case "removed":
            path.unlink()
        case "damaged":
            content = bytearray(path.read_bytes())
            content[len(content) // 2] ^= 1
            path.unlink()
            path.write_bytes(content)
        case "another":
            path.unlink()
            with path.open("wb") as file:
                np.savez(file, **{"0.camera": CAMERA})
    with caplog.at_level("INFO"):
        season.update(*NAMES[: SOLVED + 1])
    assert f"{CAMERA}: all 21 nights are solved anew" in caplog.text and "none was kept" in caplog.text
    assert ("damaged" in caplog.text) == (harm != "removed")
    assert season.references[CAMERA].solved == SOLVED + 1
    healed = pq.read_table(season.folder.stars).to_pandas()
    changes = season.update(*NAMES[: SOLVED + 1], patient=False)
    assert pq.read_table(season.folder.stars).to_pandas().equals(healed) and not changes.any


def brighter(season, number, share, by):
    """A night in which a share of the stars is brighter."""
    night = make_night(np.random.default_rng(number), season.sky, number, frames=FRAMES, habits=HABITS)
    stars = np.arange(STARS) % round(1 / share) == 0
    flux = np.where(stars, night.flux * np.float32(1 + by), night.flux)
    season.add(dataclasses.replace(night, flux=flux), name=name_of(number))


@pytest.mark.parametrize(("share", "by", "renewed"), [(0.25, 0.0, False), (0.02, 0.1, False), (0.25, 0.1, True)])
def test_scale_that_the_stars_have_left_is_solved_anew_and_that_is_told(season, caplog, share, by, renewed):
    season.table(NAMES[SOLVED]).unlink()
    brighter(season, SOLVED, share, by)
    with caplog.at_level("INFO"):
        season.update(*NAMES[: SOLVED + 1])
    assert ("constant stars are not as bright in the nights since as it says" in caplog.text) == renewed
    assert season.references[CAMERA].solved == SOLVED + renewed


def test_night_without_one_of_its_apertures_has_it_solved_anew(season, caplog):
    season.table(NAMES[SOLVED]).unlink()
    rng, habits = np.random.default_rng(1), Habits(radii=(4.0,))
    season.add(make_night(rng, season.sky, SOLVED, frames=FRAMES, habits=habits), name=NAMES[SOLVED])
    with caplog.at_level("INFO"):
        season.update(*NAMES[: SOLVED + 1])
    assert f"{NAMES[SOLVED]} does not have all of its apertures" in caplog.text
    assert season.references[CAMERA].scale.radii == (4.0,)


def test_stars_that_would_get_another_aperture_have_it_solved_anew(season, caplog):
    """By the kept noise the aperture that no star has is the quiet one: the choice is not that of all nights."""
    kept = season.references[CAMERA]
    noise = kept.noise.copy()
    noise[1 - np.bincount(kept.scale.aperture).argmax()] /= 2
    write_references(season.folder.reference, [dataclasses.replace(kept, noise=noise)])
    with caplog.at_level("INFO"):
        season.update(*NAMES[: SOLVED + 1])
    assert "stars are quieter in another aperture by now" in caplog.text
    assert season.references[CAMERA].solved == SOLVED + 1


def test_star_has_drifted_by_more_than_three_errors_and_by_more_than_a_tenth_of_those_of_a_point():
    weight, error = np.array([1e6]), np.full((2, 1), 2e-3)  # a mean known to 0.001, and to 0.0014 by two nights
    sigma = np.hypot(1e-3, 2e-3 / np.sqrt(2))
    for errors, told in ((0.99 * DRIFT_ERRORS, False), (1.01 * DRIFT_ERRORS, True)):
        off = np.full((2, 1), errors * sigma)
        moves = errors * sigma / 3  # a third of all weight is that of the two nights
        for point, seen in ((0.99 * moves / 0.1, True), (1.01 * moves / 0.1, False)):
            assert drifted(off, error, weight, point=np.array([point]), most=0.1)[0] == (told and seen)
    unseen = np.full((2, 1), np.nan)
    assert not drifted(unseen, unseen, weight, point=np.array([1e-9]), most=0.1)[0]


def test_reference_is_solved_anew_after_a_twentieth(season, caplog):
    season.update(*NAMES[: SOLVED + 1])
    assert season.references[CAMERA].solved == SOLVED
    with caplog.at_level("INFO"):
        season.update()
    assert "2 nights have come since it was solved from 20" in caplog.text
    assert season.references[CAMERA].solved == SOLVED + 2


@pytest.mark.parametrize(("there", "holds"), [(42, True), (43, False)])
def test_two_nights_beside_forty_are_a_twentieth(twenty, there, holds):
    kept = dataclasses.replace(twenty.references[CAMERA], made_of="a", solved=40, solutions={}, curves={})
    assert (kept.why_not("a", {str(night): "" for night in range(there)}, {}) == "") == holds


def test_night_of_it_that_has_changed_or_is_gone_has_it_solved_anew(season, caplog):
    season.update(*NAMES[: SOLVED + 1])
    season.table(NAMES[3]).unlink()
    brighter(season, 3, 0.25, 0.0)
    with caplog.at_level("INFO"):
        season.update(*NAMES[: SOLVED + 1])
        assert "1 of its nights are gone or have changed" in caplog.text
        assert season.references[CAMERA].solved == SOLVED + 1
        caplog.clear()
        season.update(*NAMES[:4], *NAMES[5 : SOLVED + 1])
    assert "1 of its nights are gone or have changed" in caplog.text
    assert season.references[CAMERA].solved == SOLVED


def test_light_curves_of_it_that_are_gone_are_written_again_on_a_scale_of_all(season, caplog):
    season.folder.curves(NAMES[3]).unlink()
    with caplog.at_level("INFO"):
        changes = season.update(*NAMES[: SOLVED + 1])
    assert NAMES[3] in changes.rewritten and "light curves of 1 of its nights are gone" in caplog.text
    assert season.references[CAMERA].solved == SOLVED + 1


@pytest.mark.parametrize("other", ["code", "known stars"])
def test_other_code_or_known_stars_have_it_solved_anew(season, caplog, monkeypatch, other):
    if other == "code":
        monkeypatch.setattr(whole_season, "code_of", lambda *rooms: "another")
    else:
        table = no_known()
        table.add_row()
        table["tic_id"][-1], table["kind"][-1] = 1003, "VAR"
        newest = season.sources[NAMES[SOLVED - 1]]
        season.sources[newest.name] = dataclasses.replace(newest, known=KnownStars(table))
    with caplog.at_level("INFO"):
        season.update(*NAMES[:SOLVED])
    assert "all 20 nights are solved anew" in caplog.text and "other code, chip or known stars" in caplog.text


def test_star_that_it_does_not_know_gets_its_mean_of_the_night(season, monkeypatch):
    more = make_sky(np.random.default_rng(8), 10, faint=12.5)
    joined = {
        name: np.concatenate([getattr(season.sky, name), getattr(more, name)])
        for name in ("mag", "colour", "x", "y")
    }
    sky = dataclasses.replace(season.sky, **joined)
    night = make_night(np.random.default_rng(3), sky, SOLVED, frames=FRAMES, habits=HABITS)
    season.table(NAMES[SOLVED]).unlink()
    LargeSeason(season.base, sky, [], season.camera).add(night, name=NAMES[SOLVED])
    season.update(*NAMES[: SOLVED + 1])
    reference = season.references[CAMERA]
    assert len(reference.scale.stars) == STARS + 10 and reference.solved == SOLVED
    curves = season.curves(NAMES[SOLVED])
    new = curves[curves.tic_id >= 1000 + STARS]
    means = new[new.quality == "good"].groupby("tic_id").relative_flux.mean()
    assert len(means) == 10 and (means - 1).abs().max() < 0.01
    monkeypatch.setattr("ngcmos.season.reference.MOST_BESIDE", 0.1)
    season.update()
    assert season.references[CAMERA].solved == SOLVED
    assert season.references[CAMERA].means.deviation.shape == (SOLVED + 2, STARS + 10)


def test_each_camera_has_a_reference_of_its_own(season, caplog):
    """Twenty nights of one, two of another, which comes to be solved anew with each of its nights."""
    for number in range(3):
        night = make_night(np.random.default_rng(number), season.sky, 60 + number, frames=FRAMES, habits=HABITS)
        season.add(night, name=name_of(60 + number), serial="7")
    others = [name_of(60 + number) for number in range(3)]
    season.update(*NAMES[:SOLVED], *others[:2])
    assert [one.solved for one in season.references.values()] == [SOLVED, 2]
    with caplog.at_level("INFO"):
        season.update(*NAMES[: SOLVED + 1], *others)
    assert {camera: one.solved for camera, one in season.references.items()} == {CAMERA: SOLVED, f"{CAMERA} 7": 3}
    assert "ngts_cmos 7: all 3 nights are solved anew" in caplog.text and "ngts_cmos: all" not in caplog.text
    stars = pq.read_table(season.folder.stars).to_pandas()
    assert (stars.nights == SOLVED + 4).all()


def test_small_season_keeps_none(season):
    assert season.folder.reference.exists()
    season.bring_in(*NAMES[:3], patient=True)
    assert not season.folder.reference.exists()
