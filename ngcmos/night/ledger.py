"""The ledger: what happened to each frame at each stage, why, and its numbers (SQLite, in the night folder).

Products are the truth, the ledger tells why. One row a frame and stage, the newest verdict wins. It survives a
kill at any instant by SQLite's own journal; a damaged ledger is set aside by name and a new one begun.
"""

import contextlib
import dataclasses
import datetime
import json
import math
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

from ngcmos import __version__
from ngcmos.errors import ProductError, WriteError
from ngcmos.names import Verdict

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"

LEDGER_NAME = "ngcmos.db"
DONE, REFUSED = Verdict
_COMMIT_EVERY_S = 1.0
_OF_FIELD = "of_field"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS verdicts (
    frame TEXT NOT NULL, stage TEXT NOT NULL, field TEXT NOT NULL, verdict TEXT NOT NULL,
    reason TEXT NOT NULL, numbers TEXT NOT NULL, version TEXT NOT NULL, at TEXT NOT NULL,
    PRIMARY KEY (frame, stage)
)
"""
_INSERT = "INSERT OR REPLACE INTO verdicts VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_COLUMNS = ("frame", "stage", "field", "verdict", "reason", "numbers", "version", "at")
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM verdicts"
_NAMES = "SELECT CAST(name AS BLOB) FROM pragma_table_info('verdicts')"  # damaged ones may be no text


@dataclasses.dataclass(frozen=True)
class Entry:
    """What the ledger knows of a frame at a stage; `verdict` is a Verdict, or a Quality where light is judged."""

    frame: str
    stage: str
    field: str
    verdict: str
    reason: str
    numbers: Mapping[str, JSON]
    version: str
    at: str

    @property
    def is_of_field(self) -> bool:
        """Whether the whole field is refused: the stage has not looked at the frame itself."""
        return bool(self.numbers.get(_OF_FIELD))

    def number(self, name: str) -> float | None:
        """A number of it; None where it knows none of that name."""
        value = self.numbers.get(name)
        return float(value) if isinstance(value, int | float) else None

    def count(self, name: str) -> int | None:
        """A whole number of it; None where it knows none of that name."""
        value = self.numbers.get(name)
        return value if isinstance(value, int) else None

    def text(self, name: str) -> str:
        """A text of it; empty where it knows none of that name."""
        value = self.numbers.get(name)
        return value if isinstance(value, str) else ""

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts of it; empty where it knows none of that name."""
        value = self.numbers.get(name)
        return tuple(map(str, value)) if isinstance(value, list) else ()


@contextlib.contextmanager
def open_ledger(folder: Path) -> Iterator["Ledger"]:
    """The ledger of a night folder, as an open connection.

    Raises
    ------
    WriteError
        The ledger cannot be written.
    ProductError
        It was damaged while it was open.
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
        connection.commit()
    except sqlite3.OperationalError as error:
        raise WriteError(f"{path}: ledger not written, {error}") from error
    except sqlite3.DatabaseError as error:
        raise ProductError(f"{path}: ledger damaged, {error}; run again, a new one is begun") from error
    finally:
        with contextlib.suppress(sqlite3.Error):
            connection.commit()  # what is known when a run is stopped
        connection.close()


def _connect(path: Path) -> "Ledger":
    connection = sqlite3.connect(path, timeout=30, factory=Ledger)
    try:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(_SCHEMA)
        [found] = connection.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(found)
        names = b" ".join(name for (name,) in connection.execute(_NAMES))
        if names.decode(errors="replace") != " ".join(_COLUMNS):  # no check of SQLite's looks at their names
            raise sqlite3.DatabaseError(f"columns {names!r}")
        connection.commit()
    except sqlite3.DatabaseError:
        connection.close()
        raise
    return connection


def _keep_damaged(path: Path) -> None:
    """Give a damaged ledger another name; it is evidence, not rubbish."""
    number = 1
    while (damaged := path.with_name(f"{path.name}.damaged{number}")).exists():
        number += 1
    path.rename(damaged)


class Ledger(sqlite3.Connection):
    """An open ledger: good news is forced to disk once a second, bad news at once."""

    committed_s = 0.0

    def commit_if_due(self, *, at_once: bool) -> None:
        """Commit, unless that was done a moment ago."""
        if at_once or time.monotonic() - self.committed_s > _COMMIT_EVERY_S:
            self.commit()
            self.committed_s = time.monotonic()


def record(
    ledger: Ledger,
    stage: str,
    frame: str,
    field: str,
    verdict: str,
    reason: str = "",
    numbers: Mapping[str, object] | None = None,
) -> None:
    """Write what happened to a frame at a stage; numbers that are not finite are written as null."""
    text = json.dumps({key: _plain(value) for key, value in (numbers or {}).items()}, allow_nan=False)
    ledger.execute(_INSERT, (frame, stage, field, verdict, reason, text, __version__, _now()))
    ledger.commit_if_due(at_once=verdict != DONE)


def refuse_field(ledger: Ledger, stage: str, field: str, frames: Iterable[str], reason: str) -> None:
    """Write that a stage could not work on a field, as the verdict on each of these frames."""
    text, now = json.dumps({_OF_FIELD: True}), _now()
    told = [(frame, stage, field, Verdict.REFUSED, reason, text, __version__, now) for frame in frames]
    ledger.executemany(_INSERT, told)
    ledger.commit_if_due(at_once=True)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _plain(value: object) -> object:
    """A value as JSON knows it."""
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def recall(ledger: Ledger, stage: str, field: str | None = None) -> dict[str, Entry]:
    """{frame name: Entry} of a stage, of one field or of all."""
    rows = ledger.execute(f"{_SELECT} WHERE stage = ? AND (? IS NULL OR field = ?)", (stage, field, field))
    return {row[0]: _entry(row) for row in rows}


def _entry(row: tuple[str, str, str, str, str, str, str, str]) -> Entry:
    frame, stage, field, verdict, reason, numbers, version, at = row
    return Entry(frame, stage, field, verdict, reason, json.loads(numbers), version, at)


def read_ledger(folder: Path) -> list[Entry]:
    """[Entry, ...] of everything the ledger of a night folder knows; nothing is written, no run is disturbed.

    Raises
    ------
    ProductError
        There is no ledger, or it is damaged; the message says which.
    """
    path = folder / LEDGER_NAME
    if not path.is_file():
        raise ProductError(f"{path}: no ledger, expected one of an earlier run")
    try:
        return _read_entries(path)
    except sqlite3.OperationalError as error:
        if not _journal_of(path).exists():
            raise ProductError(f"{path}: ledger not readable, {error}") from None
        return _read_interrupted(path)
    except (sqlite3.DatabaseError, ValueError, TypeError) as error:
        raise ProductError(f"{path}: ledger damaged, {error}") from None


def _read_entries(path: Path) -> list[Entry]:
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=30)
    with contextlib.closing(connection):
        return [_entry(row) for row in connection.execute(f"{_SELECT} ORDER BY frame, at, rowid")]


def _journal_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-journal")


def _read_interrupted(path: Path) -> list[Entry]:
    """Entries of a ledger whose run was killed while it wrote: SQLite must undo that first, so in a copy."""
    with tempfile.TemporaryDirectory(prefix="ngcmos-") as folder:
        copy = Path(folder) / path.name
        try:
            for source, target in ((path, copy), (_journal_of(path), _journal_of(copy))):
                shutil.copyfile(source, target)
            with contextlib.closing(sqlite3.connect(copy)) as connection:
                connection.execute("SELECT count(*) FROM verdicts").fetchone()
            return _read_entries(copy)
        except (OSError, sqlite3.DatabaseError, ValueError, TypeError) as error:
            raise ProductError(f"{path}: ledger of a run that was killed, not readable ({error})") from None


def forget(ledger: Ledger, stage: str, frames: Iterable[str]) -> None:
    """Take the verdicts of a stage on these frames out of the ledger."""
    with ledger:
        ledger.executemany("DELETE FROM verdicts WHERE stage = ? AND frame = ?", [(stage, f) for f in frames])
