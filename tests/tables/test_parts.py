"""Parts of a table that a stopped run leaves: used again whole, never half, never for other inputs."""

import dataclasses
import json

import numpy as np
import pytest

from ngcmos.errors import ProductError
from ngcmos.tables.frame_row import FrameRow
from ngcmos.tables.parts import Place, RowReader, open_parts, parts_folder, remove_parts, write_part

KINDS = [("frame_id", "S8"), ("flux_2", ">f4")]
INPUTS = {"PROFSUM": "abc", "GAIN": 1.131}


def rows_of(name, value):
    return np.array([(name.encode(), value), (name.encode(), value + 1)], dtype=KINDS)


def row_of(name, **known):
    return FrameRow.of({"frame_id": name} | known)


@pytest.fixture
def folder(tmp_path):
    """A folder with two parts: frames a and b, then c."""
    folder = parts_folder(tmp_path / "phot_NG0000+0000.fits")
    open_parts(folder, INPUTS)
    write_part(folder, [(rows_of("a", 1.5), row_of("a", zp=20.0)), (rows_of("b", 2.5), row_of("b"))])
    write_part(folder, [(rows_of("c", 3.5), row_of("c", zp=22.0, shift_x=None))])
    return folder


def test_folder_is_hidden_and_no_science_frame(tmp_path):
    assert parts_folder(tmp_path / "phot_NG0000+0000.fits").name == ".phot_NG0000+0000.parts"


def test_frames_come_back_as_they_were(folder):
    known = open_parts(folder, INPUTS)
    assert sorted(known) == ["a", "b", "c"]
    reader = RowReader()
    rows, frame = reader.read(known["b"])
    assert rows.tolist() == rows_of("b", 2.5).tolist()
    assert np.isnan(frame.zp)
    assert repr(reader.read(known["c"])[1]) == repr(row_of("c", zp=22.0, shift_x=None))


def test_a_part_without_a_column_of_today_is_read(tmp_path):
    """A part as ngcmos wrote it before a frame's row had most of its columns, with a card of the profile."""
    path = tmp_path / "part-00001.npz"
    facts = [{"frame_id": "a", "zp": 20.0, "dome": 3.0, "stars_seen": 7}]
    np.savez(path, rows=rows_of("a", 1.5)[None], names=json.dumps(["a"]), facts=json.dumps(facts))
    _, frame = RowReader().read(Place(path, 0))
    assert (frame.frame_id, frame.zp, frame.stars_seen, frame.date_obs) == ("a", 20.0, 7, "")
    assert np.isnan(frame.fwhm_px) and np.isnan(frame.wcs_stars)


def test_a_part_holds_what_it_always_did(folder):
    """Parts of a run that was stopped are taken up by a newer ngcmos, and the other way round."""
    with np.load(folder / "part-00002.npz") as part:
        assert sorted(part.files) == ["facts", "names", "rows"]
        assert json.loads(str(part["names"])) == ["c"]
        [facts] = json.loads(str(part["facts"]))
    assert list(facts) == [field.name for field in dataclasses.fields(FrameRow)]
    assert (facts["frame_id"], facts["zp"], facts["shift_x"]) == ("c", 22.0, None)


def test_other_inputs_remove_all_parts(folder):
    assert open_parts(folder, INPUTS | {"PROFSUM": "xyz"}) == {}
    assert open_parts(folder, INPUTS) == {}


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty"])
def test_damaged_part_is_forgotten_and_the_others_serve(folder, damage):
    path = folder / "part-00001.npz"
    content = bytearray(path.read_bytes())
    content[content.index(b"b\0\0\0\0\0\0\0") + 9] ^= 0xFF
    path.write_bytes({"truncated": path.read_bytes()[:-30], "flipped": bytes(content), "empty": b""}[damage])
    assert sorted(open_parts(folder, INPUTS)) == ["c"]
    assert not path.exists()


def test_part_lost_between_is_a_product_error(folder):
    known = open_parts(folder, INPUTS)
    known["a"].path.unlink()
    with pytest.raises(ProductError, match=r"part-00001\.npz: damaged"):
        RowReader().read(known["a"])


def test_new_part_never_covers_another(folder):
    (folder / "part-00001.npz").unlink()
    assert write_part(folder, [(rows_of("d", 4.5), row_of("d"))]).name == "part-00003.npz"


def test_nothing_is_left_of_a_finished_table(folder):
    remove_parts(folder)
    remove_parts(folder)
    assert not folder.exists()


def test_places_are_where_the_rows_lie(folder):
    assert open_parts(folder, INPUTS)["b"] == Place(folder / "part-00001.npz", 1)
