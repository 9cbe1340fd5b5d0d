"""What is taken over from a table that stands, frame by frame."""

import shutil
import types
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from ngcmos.config import load_camera
from ngcmos.errors import WriteError
from ngcmos.night.fingerprint import Inputs
from ngcmos.steps.table import Making, join_table, places_known
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
