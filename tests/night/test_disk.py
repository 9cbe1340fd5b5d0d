"""Room on the disk, to the megabyte."""

import collections
import shutil

import pytest

from ngcmos.errors import WriteError
from ngcmos.night.disk import free_mb, require_space

Usage = collections.namedtuple("Usage", "total used free")


@pytest.fixture
def disk_of(monkeypatch):
    """Function that makes the disk have so many bytes left."""
    return lambda free: monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(10**12, 0, free))


def test_the_limit_itself_is_enough(disk_of, tmp_path):
    disk_of(500_000_000)
    require_space(tmp_path, 500)
    disk_of(499_999_999)
    with pytest.raises(WriteError, match=r"500\.0 MB free on the disk, expected 500 MB; make room"):
        require_space(tmp_path, 500)


def test_what_is_to_be_written_comes_on_top(disk_of, tmp_path):
    disk_of(620_000_000)
    require_space(tmp_path, 500, needed_mb=120)
    with pytest.raises(WriteError, match=r"620\.0 MB free on the disk, expected 500 MB and 121 MB for what is"):
        require_space(tmp_path, 500, needed_mb=121)


def test_folder_that_is_gone_is_named(tmp_path):
    with pytest.raises(WriteError, match="gone: not there, No such file or directory"):
        free_mb(tmp_path / "gone")
