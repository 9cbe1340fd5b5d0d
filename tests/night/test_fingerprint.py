"""What a product was made of: the code of a room, known again without parsing it."""

import sys
from pathlib import Path

import pytest

from ngcmos.night import fingerprint
from ngcmos.night.fingerprint import Inputs, code_of


@pytest.fixture
def room(tmp_path, monkeypatch):
    """A module that can be imported, and an empty place for Python's byte code."""
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path / "bytes"))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "room_of_a_test.py"
    path.write_text("LIMIT = 3.0\n")
    return path


def code(path):
    """As another process would find it."""
    code_of.cache_clear()
    fingerprint._text_of.cache_clear()
    return code_of(path.stem)


def kept(tmp_path):
    found = list((tmp_path / "bytes").rglob("*.results"))
    return found[0] if found else None


def make_place(tmp_path):
    (tmp_path / "bytes" / Path(fingerprint.__file__).parent.relative_to("/")).mkdir(parents=True)


def test_code_is_the_same_computed_or_kept(room, tmp_path):
    computed = code(room)
    assert kept(tmp_path) is None  # nowhere to write
    make_place(tmp_path)
    assert code(room) == computed
    assert computed in kept(tmp_path).read_text()
    assert code(room) == computed


def test_kept_code_follows_the_file(room, tmp_path):
    make_place(tmp_path)
    before = code(room)
    room.write_text("LIMIT = 3.5\n")
    assert code(room) != before
    room.write_text("LIMIT = 3.0  # sigma\n")
    assert code(room) == before


def test_words_of_a_docstring_mean_nothing_and_the_first_line_after_it_does(room):
    room.write_text('"""Limits."""\n\nLIMIT = 3.0\n')
    before = code(room)
    room.write_text('"""Other words."""\n\nLIMIT = 3.0\n')
    assert code(room) == before
    room.write_text('"""Limits."""\n\nLIMIT = 3.5\n')
    assert code(room) != before


def test_what_differs_is_named_and_what_is_the_same_is_not():
    made = Inputs.of(("ngcmos.sphere",), masters="a", stars=3)
    assert made.differences(made.text) == []
    other = Inputs.of(("ngcmos.sphere",), masters="b", stars=3)
    assert len(other.differences(made.text)) == 1 and "stars" not in other.differences(made.text)


def test_kept_code_is_what_is_used(room, tmp_path):
    make_place(tmp_path)
    before = code(room)
    path = kept(tmp_path)
    path.write_text(path.read_text().replace(before, "f" * 16))
    assert code(room) == "f" * 16


def test_damaged_digests_are_made_anew(room, tmp_path):
    make_place(tmp_path)
    before = code(room)
    for damaged in ('{"half', "[1]"):
        kept(tmp_path).write_text(damaged)
        assert code(room) == before
    assert before in kept(tmp_path).read_text()
