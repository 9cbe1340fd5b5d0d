"""Products, ledger, lock and the loop over frames."""

import contextlib
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ngcmos.errors import FrameError, LockedError, ProductError, WorkError, WriteError
from ngcmos.night.ledger import DONE, REFUSED, forget, open_ledger, recall, record
from ngcmos.night.lock import hold_night
from ngcmos.night.loop import work_through
from ngcmos.night.outcome import Outcome
from ngcmos.night.products import sweep_temporaries, write_text, write_then_rename


def test_product_takes_its_name_whole(tmp_path):
    with write_then_rename(tmp_path / "a.json") as temporary:
        temporary.write_text("new")
        assert not (tmp_path / "a.json").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_folder_in_the_place_of_a_product_is_named(tmp_path):
    (tmp_path / "a.json").mkdir()
    with pytest.raises(ProductError, match=r"a\.json: is a folder, expected a file; move it away"):
        write_text(tmp_path / "a.json", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_failed_product_leaves_the_older_one(tmp_path):
    write_text(tmp_path / "a.json", "old")
    with pytest.raises(ZeroDivisionError), write_then_rename(tmp_path / "a.json") as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert (tmp_path / "a.json").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_full_disk_is_said_in_one_line(tmp_path):
    expected = r"a\.json: not written, No space left on device"
    with pytest.raises(WriteError, match=expected), write_then_rename(tmp_path / "a.json"):
        Path("/dev/full").write_text("x")


def test_leftovers_of_dead_processes_are_swept(tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    here = socket.gethostname().partition(".")[0]
    names = [
        f".phot_A.fits.{who}.part" for who in (f"{here}-{gone.pid}", f"{here}-{os.getpid()}", f"other-{gone.pid}")
    ]
    for name in [*names, ".hidden.part"]:
        (tmp_path / name).touch()
    assert sweep_temporaries(tmp_path) == names[:1]
    assert len(list(tmp_path.iterdir())) == 3


def test_long_name_leaves_room_for_the_temporary_one(tmp_path):
    write_text(tmp_path / ("x" * 245 + ".json"), "whole")
    assert len(list(tmp_path.iterdir())) == 1


def test_ledger_keeps_the_newest_verdict(tmp_path):
    with open_ledger(tmp_path) as ledger:
        record(ledger, "solve", "a.fits", "F", REFUSED, "no stars")
        record(ledger, "solve", "a.fits", "F", DONE, numbers={"rms": 0.1, "n": float("nan")})
        record(ledger, "solve", "b.fits", "G", DONE)
    with open_ledger(tmp_path) as ledger:
        entry = recall(ledger, "solve", "F")["a.fits"]
        assert (entry.verdict, entry.reason, entry.numbers) == (DONE, "", {"rms": 0.1, "n": None})
        assert set(recall(ledger, "solve")) == {"a.fits", "b.fits"}
        forget(ledger, "solve", ["a.fits"])
        assert set(recall(ledger, "solve")) == {"b.fits"}


def test_damaged_ledger_is_kept_and_a_new_one_begun(tmp_path):
    (tmp_path / "ngcmos.db").write_bytes(b"this is no data base at all" * 100)
    with open_ledger(tmp_path) as ledger:
        record(ledger, "solve", "a.fits", "F", DONE)
    assert (tmp_path / "ngcmos.db.damaged1").read_bytes().startswith(b"this is no")
    with contextlib.closing(sqlite3.connect(tmp_path / "ngcmos.db")) as ledger:
        assert ledger.execute("SELECT count(*) FROM verdicts").fetchone() == (1,)


def test_ledger_with_a_damaged_page_is_kept_and_a_new_one_begun(tmp_path):
    """Damage behind the first page, which opening alone does not show."""
    with open_ledger(tmp_path) as ledger:
        for number in range(300):
            record(ledger, "solve", f"{number}.fits", "F", DONE)
    path = tmp_path / "ngcmos.db"
    content = bytearray(path.read_bytes())
    content[2 * 4096 : 3 * 4096] = bytes(range(256)) * 16
    path.write_bytes(bytes(content))
    with open_ledger(tmp_path) as ledger:
        assert recall(ledger, "solve") == {}
    assert (tmp_path / "ngcmos.db.damaged1").read_bytes() == bytes(content)


def test_names_are_data_for_the_ledger(tmp_path):
    name = "x'); DROP TABLE verdicts; --.fits"
    with open_ledger(tmp_path) as ledger:
        record(ledger, "solve", name, "F", DONE)
        assert list(recall(ledger, "solve")) == [name]


HOLD = """
import sys, time
from pathlib import Path
from ngcmos.night.lock import hold_night
with hold_night(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_second_run_is_told_who_holds_the_night(tmp_path, holder):
    with (
        pytest.raises(LockedError, match=rf"held by process {holder.pid} on .* since 20\d\d-"),
        hold_night(tmp_path),
    ):
        pass


def test_death_releases_the_night(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with hold_night(tmp_path):
        pass


def halve(number, factor):
    """Work for the loop: even numbers only."""
    if number % 2:
        raise FrameError(f"{number} is odd")
    time.sleep(0.001 * (number % 7))
    return number * factor


@pytest.mark.parametrize(("workers", "together"), [(1, 1), (2, 1), (3, 1), (2, 7), (2, 100)])
def test_loop_keeps_the_order_and_survives_bad_frames(workers, together):
    results = list(work_through(halve, range(40), shared=(0.5,), workers=workers, together=together, quiet=True))
    assert [item for item, _ in results] == list(range(40))
    assert [result for item, result in results if item % 2 == 0] == [item / 2 for item in range(0, 40, 2)]
    assert all(isinstance(result, FrameError) for item, result in results if item % 2)


def die_once(item, marker):
    """Work for the loop: the process dies at the first sight of 5."""
    if item == 5 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def test_death_of_a_worker_is_survived(tmp_path):
    results = work_through(die_once, range(10), shared=(tmp_path / "died",), workers=2, quiet=True)
    assert [result for _, result in results] == list(range(10))


def die(item):
    """Work for the loop that always ends the process."""
    os.kill(os.getpid(), signal.SIGKILL)


def test_work_that_always_kills_its_worker_is_given_up():
    with pytest.raises(WorkError, match="worker processes died on 5 items in a row"):
        list(work_through(die, range(9), workers=2, quiet=True))


def die_at(item, deadly):
    """Work for the loop: the process dies at some items, every time."""
    if item in deadly:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


@pytest.mark.parametrize("together", [1, 5])
def test_items_that_kill_their_worker_are_refused_and_the_others_done(together):
    deadly = {3, 4, 11}
    results = dict(work_through(die_at, range(14), shared=(deadly,), workers=2, together=together, quiet=True))
    assert {item for item, result in results.items() if isinstance(result, FrameError)} == deadly
    assert all(results[item] == item for item in set(range(14)) - deadly)
    assert str(results[3]) == "3: a worker process died on it twice (out of memory?)"


def fail(item):
    """Work for the loop with a mistake at 5 and a full disk at 7."""
    if item == 5:
        raise ZeroDivisionError("a mistake of ours")
    if item == 7:
        raise WriteError("disk full")
    return item


@pytest.mark.parametrize("workers", [1, 2])
def test_mistake_in_one_item_costs_no_other(workers, caplog):
    results = dict(work_through(fail, [4, 5, 6], workers=workers, quiet=True))
    assert (results[4], results[6]) == (4, 6)
    assert isinstance(results[5], FrameError)
    assert str(results[5]) == "5: a bug in ngcmos: ZeroDivisionError('a mistake of ours')"
    assert workers > 1 or "Traceback" in caplog.text  # workers tell it themselves


@pytest.mark.parametrize("workers", [1, 2])
def test_full_disk_ends_the_work(workers):
    with pytest.raises(WriteError, match="disk full"):
        list(work_through(fail, [4, 7, 6], workers=workers, quiet=True))


def test_single_bad_frames_do_not_fail_a_night():
    outcome = Outcome("check_cmos", done=["a"])
    outcome.refuse("b", FrameError("b: empty"))
    assert outcome.exit_code == 0


def test_night_of_bad_frames_only_fails():
    outcome = Outcome("check_cmos")
    outcome.refuse("b", FrameError("b: empty"))
    assert outcome.exit_code == 1


def test_field_in_trouble_fails_but_lets_others_go_on():
    outcome = Outcome("simple_wrapper", done=["a"])
    with outcome.attempt("field X"):
        raise WorkError("no catalog")
    assert (outcome.exit_code, outcome.troubles) == (1, ["field X: no catalog"])


def test_full_disk_stops_the_stage():
    with pytest.raises(WriteError), Outcome("simple_wrapper").attempt("field X"):
        raise WriteError("no space")


def test_leftovers_of_a_zombie_are_swept(tmp_path):
    """A killed process that nobody has asked for still answers to signals, but writes nothing any more."""
    here = socket.gethostname().partition(".")[0]
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        path = tmp_path / f".phot_A.fits.{here}-{process.pid}.part"
        path.touch()
        assert sweep_temporaries(tmp_path) == []
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        os.kill(process.pid, 0)
        assert sweep_temporaries(tmp_path) == [path.name]


def test_leftovers_of_a_process_whose_number_is_another_s_now_are_swept(tmp_path):
    here = socket.gethostname().partition(".")[0]
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        path = tmp_path / f".phot_A.fits.{here}-{process.pid}.part"
        path.touch()
        os.utime(path, (time.time() - 3600, time.time() - 3600))
        assert sweep_temporaries(tmp_path) == [path.name]
        process.kill()
