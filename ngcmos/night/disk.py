"""Room on the disk: work stops with a clear word before there is none."""

import shutil
from pathlib import Path

from ngcmos.errors import WriteError

_MB = 1e6


def free_mb(folder: Path) -> float:
    """Megabytes that can still be written to a folder.

    Raises
    ------
    WriteError
        The folder is gone.
    """
    try:
        return shutil.disk_usage(folder).free / _MB
    except OSError as error:
        raise WriteError(f"{folder}: not there, {error.strerror or error}") from error


def require_space(folder: Path, reserve_mb: float, *, needed_mb: float = 0.0) -> None:
    """Refuse to write where less than the reserve would be left.

    Raises
    ------
    WriteError
        The message says what is free and what is needed.
    """
    free = free_mb(folder)
    if free < reserve_mb + needed_mb:
        wanted = f"{reserve_mb:.0f} MB" + (
            f" and {needed_mb:.0f} MB for what is to be written" if needed_mb else ""
        )
        raise WriteError(f"{folder}: {free:.1f} MB free on the disk, expected {wanted}; make room and run again")
