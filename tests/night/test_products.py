"""A product is the old file or the new one, whole, on the disk before it has its name; what the dead left goes."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from ngcmos.errors import ProductError, WriteError
from ngcmos.night.products import (
    keep_old,
    read_written,
    sweep_temporaries,
    write_table,
    write_text,
    write_then_rename,
)


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def calls(monkeypatch, tmp_path):
    """What the kernel was asked for, in order: ("fsync" or "rename", name of the file or folder)."""
    asked = []
    force, rename = os.fsync, os.rename

    def recorded_fsync(descriptor):
        asked.append(("fsync", Path(f"/proc/self/fd/{descriptor}").readlink().name))
        force(descriptor)

    def recorded_replace(self, target):
        asked.append(("rename", target.name))
        rename(self, target)
        return target

    monkeypatch.setattr(os, "fsync", recorded_fsync)
    monkeypatch.setattr(Path, "replace", recorded_replace)
    return asked


def test_content_is_on_the_disk_before_the_name_and_the_name_before_the_end(calls, tmp_path):
    write_text(tmp_path / "page.html", "new")
    temporary = f".page.html.{os.uname().nodename.partition('.')[0]}-{os.getpid()}.part"
    assert calls == [("fsync", temporary), ("rename", "page.html"), ("fsync", tmp_path.name)]


@pytest.mark.parametrize("at", [1, 2])
@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EROFS])
def test_disk_that_fails_leaves_a_whole_file_and_no_temporary(monkeypatch, tmp_path, at, code):
    """At the file itself, forced to disk first, the old one stays; at its folder the new one has its name."""
    path = tmp_path / "page.html"
    path.write_text("old")
    left = [at]

    def failing(descriptor):
        left[0] -= 1
        if left[0] == 0:
            raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(WriteError, match=rf"page\.html: not written, {os.strerror(code)}"):
        write_text(path, "new")
    assert path.read_text() == ("old" if at == 1 else "new")
    assert names_in(tmp_path) == ["page.html"]


def test_error_while_it_is_written_leaves_the_old_file(tmp_path):
    path = tmp_path / "page.html"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), write_then_rename(path) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "old" and names_in(tmp_path) == ["page.html"]


def test_name_of_255_bytes_can_be_written(tmp_path):
    path = tmp_path / ("é" * 125 + ".html")
    write_text(path, "new")
    assert names_in(tmp_path) == [path.name]


def test_folder_of_that_name_is_told(tmp_path):
    (tmp_path / "page.html").mkdir()
    with pytest.raises(ProductError, match=r"page\.html: is a folder, expected a file"):
        write_text(tmp_path / "page.html", "new")


def test_table_says_whether_it_was_damaged_since(tmp_path):
    path = tmp_path / "catalog.fits"
    write_table(path, Table({"ra": [1.0, 2.0]}))
    with fits.open(path, checksum=True) as units:
        assert units[1].verify_checksum() == units[1].verify_datasum() == 1
    twin = tmp_path / "twin.fits"
    write_table(twin, Table({"ra": [1.0, 2.0]}))
    assert twin.read_bytes() == path.read_bytes()


def test_long_table_of_true_and_false_has_the_checksum_of_what_is_written(tmp_path):
    rows = np.arange(9000)
    table = Table({"ra": rows / 7.0, "on_chip": rows % 3 == 0})
    write_table(tmp_path / "a.fits", table)
    assert read_written(tmp_path / "a.fits")["on_chip"].tolist() == table["on_chip"].tolist()


def test_old_products_are_kept_under_numbers(tmp_path):
    for text in ("first", "second"):
        (tmp_path / "table.fits").write_text(text)
        keep_old(tmp_path / "table.fits")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "table.fits.old1": "first",
        "table.fits.old2": "second",
    }


def test_temporaries_of_the_dead_are_swept_and_those_of_the_living_are_not(tmp_path):
    command = [sys.executable, "-c", "import os; print(os.getpid())"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    host = os.uname().nodename.partition(".")[0]
    dead, mine = f".a.fits.{host}-{int(done.stdout)}.part", f".a.fits.{host}-{os.getpid()}.part"
    others = [mine, f".a.fits.elsewhere-{int(done.stdout)}.part", ".a.part", "a.fits"]
    for name in [dead, *others]:
        (tmp_path / name).touch()
    assert sweep_temporaries(tmp_path) == [dead]
    assert names_in(tmp_path) == sorted(others)


def test_temporary_older_than_the_process_of_its_number_is_swept(tmp_path):
    """Numbers of processes come again: whoever bears it now was not born when the file was written."""
    host = os.uname().nodename.partition(".")[0]
    path = tmp_path / f".a.fits.{host}-{os.getpid()}.part"
    path.touch()
    os.utime(path, (1e9, 1e9))
    assert sweep_temporaries(tmp_path) == [path.name]
