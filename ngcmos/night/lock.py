"""One run a night: a lock that dies with its process."""

import contextlib
import datetime
import fcntl
import os
import socket

from ngcmos.errors import LockedError, WriteError

LOCK_NAME = ".ngcmos.lock"


@contextlib.contextmanager
def hold_night(folder):
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
