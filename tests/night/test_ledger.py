"""The ledger: bad news is on the disk at once, good news within a second; killed at any instant it can be read."""

import math
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from ngcmos.errors import ProductError, WriteError
from ngcmos.names import Verdict
from ngcmos.night.ledger import LEDGER_NAME, forget, open_ledger, read_ledger, recall, record, refuse_field


def seen(folder):
    """[(frame, verdict), ...] that another process sees."""
    return [(entry.frame, entry.verdict) for entry in read_ledger(folder)]


def test_bad_news_is_committed_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(
        time, "monotonic", lambda: 1000.0
    )  # no time passes: what is due was committed by the first
    with open_ledger(tmp_path) as ledger:
        record(ledger, "check_cmos", "a.fits", "NG", Verdict.REFUSED, "no stars")
        assert seen(tmp_path) == [("a.fits", "refused")]
        record(ledger, "check_cmos", "b.fits", "NG", Verdict.REFUSED, "no stars")
        assert seen(tmp_path)[1:] == [("b.fits", "refused")]
        refuse_field(ledger, "simple_wrapper", "NG", ["c.fits", "d.fits"], "no catalog")
        assert seen(tmp_path)[2:] == [("c.fits", "refused"), ("d.fits", "refused")]


def test_good_news_waits_for_its_second(tmp_path, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    with open_ledger(tmp_path) as ledger:
        record(ledger, "check_cmos", "a.fits", "NG", Verdict.DONE)
        assert len(seen(tmp_path)) == 1
        clock[0] += 0.9
        record(ledger, "check_cmos", "b.fits", "NG", Verdict.DONE)
        assert len(seen(tmp_path)) == 1
        clock[0] += 0.2
        record(ledger, "check_cmos", "c.fits", "NG", Verdict.DONE)
        assert len(seen(tmp_path)) == 3


def test_all_is_kept_when_a_run_ends_by_an_error(tmp_path):
    with pytest.raises(ZeroDivisionError), open_ledger(tmp_path) as ledger:
        for name in ("a.fits", "b.fits"):
            record(ledger, "check_cmos", name, "NG", Verdict.DONE)
        raise ZeroDivisionError
    assert len(seen(tmp_path)) == 2


def test_the_newest_verdict_of_a_stage_wins(tmp_path):
    with open_ledger(tmp_path) as ledger:
        record(ledger, "check_cmos", "a.fits", "NG", Verdict.REFUSED, "no stars")
        record(ledger, "process_cmos", "a.fits", "NG", Verdict.REFUSED, "no solution")
        record(ledger, "check_cmos", "a.fits", "NG", Verdict.DONE)
        assert recall(ledger, "check_cmos")["a.fits"].verdict == Verdict.DONE
        assert recall(ledger, "process_cmos", "NG")["a.fits"].reason == "no solution"
        assert recall(ledger, "process_cmos", "other") == {}
        forget(ledger, "process_cmos", ["a.fits"])
    assert seen(tmp_path) == [("a.fits", "done")]


def test_numbers_come_back_and_those_that_are_none_are_null(tmp_path):
    numbers = {"sky": np.float32(2.5), "n": np.int64(3), "fwhm": math.nan, "zp": -math.inf, "words": ["a"]}
    with open_ledger(tmp_path) as ledger:
        record(ledger, "check_cmos", "a.fits", "NG", Verdict.DONE, numbers=numbers)
    [entry] = read_ledger(tmp_path)
    assert entry.numbers == {"sky": 2.5, "n": 3, "fwhm": None, "zp": None, "words": ["a"]}
    assert not entry.is_of_field


def test_a_field_that_is_refused_is_told_from_a_frame(tmp_path):
    with open_ledger(tmp_path) as ledger:
        refuse_field(ledger, "simple_wrapper", "NG", ["a.fits"], "no catalog")
    assert [entry.is_of_field for entry in read_ledger(tmp_path)] == [True]


def test_damaged_ledger_is_kept_as_evidence_and_a_new_one_begun(tmp_path):
    for _ in range(2):
        (tmp_path / LEDGER_NAME).write_bytes(b"no database at all" * 100)
        with pytest.raises(ProductError, match=r"ngcmos\.db: ledger damaged"):
            read_ledger(tmp_path)
        with open_ledger(tmp_path) as ledger:
            record(ledger, "check_cmos", "a.fits", "NG", Verdict.DONE)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        LEDGER_NAME,
        f"{LEDGER_NAME}.damaged1",
        f"{LEDGER_NAME}.damaged2",
    ]
    assert seen(tmp_path) == [("a.fits", "done")]


@pytest.mark.parametrize("other", [b"fie1d", b"\xffield"])
def test_ledger_whose_columns_have_other_names_is_damaged_too(tmp_path, other):
    with open_ledger(tmp_path) as ledger:
        record(ledger, "check_cmos", "a.fits", "NG", Verdict.DONE)
    path = tmp_path / LEDGER_NAME
    path.write_bytes(path.read_bytes().replace(b"field TEXT", other + b" TEXT"))
    with open_ledger(tmp_path) as ledger:
        record(ledger, "check_cmos", "b.fits", "NG", Verdict.DONE)
    assert path.with_name(f"{LEDGER_NAME}.damaged1").exists()
    assert seen(tmp_path) == [("b.fits", "done")]


def test_no_ledger_is_told(tmp_path):
    with pytest.raises(ProductError, match=r"ngcmos\.db: no ledger, expected one of an earlier run"):
        read_ledger(tmp_path)


def test_ledger_that_cannot_be_made_is_told(tmp_path):
    with pytest.raises(WriteError, match=r"ngcmos\.db: ledger not opened"), open_ledger(tmp_path / "gone"):
        pass


def test_ledger_of_a_run_killed_while_it_wrote_is_read_as_it_was_before(tmp_path):
    """The journal beside it says that something was half written; the ledger itself is not touched by reading."""
    with open_ledger(tmp_path) as ledger:
        record(ledger, "check_cmos", "a.fits", "NG", Verdict.DONE)
    code = (
        "import os, sqlite3, sys\n"
        "c = sqlite3.connect(sys.argv[1]); c.execute('PRAGMA cache_size = 1')\n"
        "rows = [(str(n) * 99,) for n in range(4000)]\n"
        "c.executemany('INSERT INTO verdicts VALUES (?, 1, 1, 1, 1, 1, 1, 1)', rows)\n"
        f"os.kill(os.getpid(), {int(signal.SIGKILL)})\n"
    )
    path = tmp_path / LEDGER_NAME
    subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert path.with_name(f"{LEDGER_NAME}-journal").exists()
    before = path.read_bytes()
    assert seen(tmp_path) == [("a.fits", "done")]
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in (LEDGER_NAME, f"{LEDGER_NAME}-journal"):
        shutil.copy(tmp_path / name, copy)
    with open_ledger(copy) as ledger:
        assert list(recall(ledger, "check_cmos")) == ["a.fits"]
    assert path.read_bytes() == before


def test_what_an_entry_knows_has_its_kind(tmp_path):
    """What another ngcmos wrote under the name is told as nothing, not as something else."""
    known = {"done": 3, "seconds": 0.5, "text": "abc", "texts": ["a", "b"], "none": None}
    with open_ledger(tmp_path) as ledger:
        record(ledger, "run", "a", "NG1", Verdict.DONE, numbers=known)
    [entry] = read_ledger(tmp_path)
    assert [entry.number(name) for name in known] == [3.0, 0.5, None, None, None]
    assert [entry.count(name) for name in known] == [3, None, None, None, None]
    assert [entry.text(name) for name in known] == ["", "", "abc", "", ""]
    assert [entry.texts(name) for name in known] == [(), (), (), ("a", "b"), ()]
    assert (entry.number("gone"), entry.count("gone"), entry.text("gone"), entry.texts("gone")) == (
        None,
        None,
        "",
        (),
    )
