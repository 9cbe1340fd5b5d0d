"""The ledger: what happened to each frame at each stage, why, and its numbers (SQLite, in the night folder).

Products are the truth, the ledger tells why. One row a frame and stage, the newest verdict wins. It survives a
kill at any instant by SQLite's own journal; a damaged ledger is set aside by name and a new one begun.
"""

import contextlib
import dataclasses
import datetime
import json
import math
import sqlite3

from ngcmos import __version__
from ngcmos.errors import WriteError

LEDGER_NAME = "ngcmos.db"
DONE, REFUSED = "done", "refused"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS verdicts (
    frame TEXT NOT NULL, stage TEXT NOT NULL, field TEXT NOT NULL, verdict TEXT NOT NULL,
    reason TEXT NOT NULL, numbers TEXT NOT NULL, version TEXT NOT NULL, at TEXT NOT NULL,
    PRIMARY KEY (frame, stage)
)
"""


@dataclasses.dataclass(frozen=True)
class Entry:
    """What the ledger knows of a frame at a stage."""

    frame: str
    stage: str
    field: str
    verdict: str
    reason: str
    numbers: dict
    version: str
    at: str


@contextlib.contextmanager
def open_ledger(folder):
    """The ledger of a night folder, as an open connection.

    Raises
    ------
    WriteError
        The ledger cannot be written.
    """
    path = folder / LEDGER_NAME
    try:
        connection = _connect(path)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise WriteError(f"{path}: ledger not opened, {error}") from error
        _keep_damaged(path)
        connection = _connect(path)
    try:
        yield connection
    except sqlite3.OperationalError as error:
        raise WriteError(f"{path}: ledger not written, {error}") from error
    finally:
        connection.close()


def _connect(path):
    connection = sqlite3.connect(path, timeout=30)
    try:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(_SCHEMA)
        connection.execute("SELECT count(*) FROM verdicts").fetchone()
        connection.commit()
    except sqlite3.DatabaseError:
        connection.close()
        raise
    return connection


def _keep_damaged(path):
    """Give a damaged ledger another name; it is evidence, not rubbish."""
    number = 1
    while (damaged := path.with_name(f"{path.name}.damaged{number}")).exists():
        number += 1
    path.rename(damaged)


def record(ledger, stage, frame, field, verdict, reason="", numbers=None):
    """Write what happened to a frame at a stage; numbers that are not finite are written as null."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    text = json.dumps({key: _plain(value) for key, value in (numbers or {}).items()}, allow_nan=False)
    with ledger:
        ledger.execute(
            "INSERT OR REPLACE INTO verdicts VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (frame, stage, field, verdict, reason, text, __version__, now),
        )


def _plain(value):
    """A value as JSON knows it."""
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def recall(ledger, stage, field=None):
    """{frame name: Entry} of a stage, of one field or of all."""
    rows = ledger.execute(
        "SELECT frame, stage, field, verdict, reason, numbers, version, at FROM verdicts"
        " WHERE stage = ? AND (? IS NULL OR field = ?)",
        (stage, field, field),
    )
    return {row[0]: Entry(*row[:5], json.loads(row[5]), *row[6:]) for row in rows}


def forget(ledger, stage, frames):
    """Take the verdicts of a stage on these frames out of the ledger."""
    with ledger:
        ledger.executemany("DELETE FROM verdicts WHERE stage = ? AND frame = ?", [(stage, f) for f in frames])
