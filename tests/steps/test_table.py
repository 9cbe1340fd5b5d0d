"""What is taken over from a table that stands, frame by frame."""

import dataclasses
import shutil
import types
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from ngcmos.config import load_camera
from ngcmos.errors import WriteError
from ngcmos.night.fingerprint import Inputs
from ngcmos.steps.remarking import tell_shapeless
from ngcmos.steps.table import Making, join_table, places_known
from ngcmos.tables.frame_row import FrameRow
from ngcmos.tables.parts import Place, parts_folder, write_part
from ngcmos.tables.table import layout_of_table
from ngcmos.tables.writer import bytes_of_row, columns, write_photometry

INPUTS = Inputs({"catalog": "abc"})
FRAMES, STARS = 4, 3


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "phot_NG2320-1302.fits"
    kinds = np.dtype([(name, kind) for name, kind, _ in columns([2.0], 10)])
    cards = [("FINGERPR", INPUTS.fingerprint, ""), ("INPUTS", INPUTS.text, "")]
    with write_photometry(
        path, Table({"gaia_id": np.arange(STARS)}), radii=[2.0], name_width=10, cards=cards
    ) as new:
        for frame in range(FRAMES):
            rows = np.zeros(STARS, kinds)
            rows["flux_2"] = frame + np.arange(STARS)
            new.add(rows, {"frame_id": f"f{frame}", "zp": 20.0})
    return path


def test_all_frames_of_a_sound_table_are_known(path):
    assert sorted(places_known(path, INPUTS)) == ["f0", "f1", "f2", "f3"]


def test_none_of_another_reduction(path):
    assert places_known(path, Inputs({"catalog": "abd"})) == {}


def test_table_for_which_there_is_no_room_is_not_begun(path, monkeypatch):
    camera = load_camera()
    needed = FRAMES * STARS * bytes_of_row(camera.photometry.radii_px, len("f0"))
    frames = [types.SimpleNamespace(path=Path(f"f{n}"), shift=(0.0, 0.0)) for n in range(FRAMES)]
    left = int(camera.files.reserve_mb * 1e6) + needed - 1
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: types.SimpleNamespace(free=left))
    with pytest.raises(WriteError, match="make room and run again"):
        join_table(path, frames, places_known(path, INPUTS), Table({"a": range(STARS)}), Making(camera, INPUTS))


def test_a_frame_whose_bytes_rotted_is_measured_again(path, caplog):
    _, kinds, start = layout_of_table(path)
    content = bytearray(path.read_bytes())
    content[start + 2 * STARS * kinds.itemsize + kinds.fields["flux_2"][1]] ^= 0x04
    path.write_bytes(content)
    assert sorted(places_known(path, INPUTS)) == ["f0", "f1", "f3"]
    assert "phot_NG2320-1302.fits: damaged on the disk, 1 frames are measured again" in caplog.text


@pytest.mark.parametrize(("wanted", "told"), [(True, 2), (False, 0)])
def test_frames_whose_stars_do_not_tell_their_shape_are_counted(tmp_path, wanted, told):
    """Of four frames the second has no star counted, the last two none by its shape."""
    usual = load_camera()
    camera = dataclasses.replace(usual, photometry=dataclasses.replace(usual.photometry, psf=wanted))
    path, radii = tmp_path / "phot_NG2320-1302.fits", camera.photometry.radii_px
    rows = [np.zeros(STARS, [(name, kind) for name, kind, _ in columns(radii, 10)]) for _ in range(FRAMES)]
    rows[1][f"flux_{max(radii):g}"] = np.nan
    for without in rows[1:]:
        without["flux_psf"] = np.nan
    parts = parts_folder(path)
    parts.mkdir()
    frames = [FrameRow.of({"frame_id": f"f{n}", "date_obs": "", "flags": 0, "counts": ""}) for n in range(FRAMES)]
    part = write_part(parts, list(zip(rows, frames, strict=True)))
    known = {f"f{n}": Place(part, n) for n in range(FRAMES)}
    placed = [types.SimpleNamespace(path=Path(name), shift=(0.0, 0.0), extra={}) for name in known]
    made_of = Inputs(dict.fromkeys(("bias", "dark", "flat", "catalog"), "0123456789abcdef"))
    stars = Table({"gaia_id": np.arange(STARS)})
    assert join_table(path, placed, known, stars, Making(camera, made_of)) == told


def test_frames_without_fluxes_by_shape_are_told_once():
    assert tell_shapeless(0, 30) == ""
    assert tell_shapeless(2, 30).startswith("no flux_psf in 2 of 30 frames")
