"""Parts of a table that a stopped run leaves: used again whole, never half, never for other inputs."""

import numpy as np
import pytest

from ngcmos.errors import ProductError
from ngcmos.tables.parts import Place, RowReader, open_parts, parts_folder, remove_parts, write_part

KINDS = [("frame_id", "S8"), ("flux_2", ">f4")]
INPUTS = {"PROFSUM": "abc", "GAIN": 1.131}


def rows_of(name, value):
    return np.array([(name.encode(), value), (name.encode(), value + 1)], dtype=KINDS)


@pytest.fixture
def folder(tmp_path):
    """A folder with two parts: frames a and b, then c."""
    folder = parts_folder(tmp_path / "phot_NG0000+0000.fits")
    open_parts(folder, INPUTS)
    write_part(folder, [("a", rows_of("a", 1.5), {"zp": 20.0}), ("b", rows_of("b", 2.5), {"zp": float("nan")})])
    write_part(folder, [("c", rows_of("c", 3.5), {"zp": 22.0})])
    return folder


def test_folder_is_hidden_and_no_science_frame(tmp_path):
    assert parts_folder(tmp_path / "phot_NG0000+0000.fits").name == ".phot_NG0000+0000.parts"


def test_frames_come_back_as_they_were(folder):
    known = open_parts(folder, INPUTS)
    assert sorted(known) == ["a", "b", "c"]
    reader = RowReader()
    rows, facts = reader.read(known["b"])
    assert rows.tolist() == rows_of("b", 2.5).tolist()
    assert np.isnan(facts["zp"])
    assert reader.read(known["c"])[1] == {"zp": 22.0}


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
    assert write_part(folder, [("d", rows_of("d", 4.5), {})]).name == "part-00003.npz"


def test_nothing_is_left_of_a_finished_table(folder):
    remove_parts(folder)
    remove_parts(folder)
    assert not folder.exists()


def test_places_are_where_the_rows_lie(folder):
    assert open_parts(folder, INPUTS)["b"] == Place(folder / "part-00001.npz", 1)
