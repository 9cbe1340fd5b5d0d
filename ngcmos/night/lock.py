"""One run a night: a lock that dies with its process."""

import contextlib
import datetime
import fcntl
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

from ngcmos.errors import LockedError, WriteError

LOCK_NAME = ".ngcmos.lock"

_FLOCK = "hhqqi4x"  # struct flock of 64-bit Linux: type, whence, start, length, process


@contextlib.contextmanager
def hold_night(folder: Path) -> Iterator[None]:
    """Hold a night folder as long as the block runs.

    The lock is the kernel's and ends with the process however that ends; the text in the file only tells who.

    Raises
    ------
    LockedError
        Another process holds the night; the message says which and since when.
    WriteError
        The folder cannot be written.
    """
    path = folder / LOCK_NAME
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise WriteError(f"{folder}: not writable, {error.strerror}") from error
    try:
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(descriptor, 200).decode(errors="replace").strip() or "a run that has just begun"
            raise LockedError(f"{folder}: held by {holder}; wait for it or stop it") from None
        since = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()} on {socket.gethostname()} since {since}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def holder_of(folder: Path) -> str:
    """Who holds a night, "" where nobody does; asked of the kernel without touching the lock.

    Not for a process that holds the night itself: the kernel drops its lock when it closes the file once more.
    """
    try:
        descriptor = os.open(folder / LOCK_NAME, os.O_RDONLY)
    except OSError:
        return ""
    try:
        question = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _, _, _, process = struct.unpack(_FLOCK, fcntl.fcntl(descriptor, fcntl.F_GETLK, question))
        told = os.read(descriptor, 200).decode(errors="replace").strip()
    finally:
        os.close(descriptor)
    return "" if kind == fcntl.F_UNLCK else told or f"process {process}"
