"""Which files of a season stand: they are read whole again when their size, time or inode is another.

It is a memory aid: without it the next run reads all of them again, solves the scale and comes to the same.
"""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ngcmos.errors import ProductError
from ngcmos.night.fingerprint import digest_of
from ngcmos.night.products import write_text
from ngcmos.season.archive import CURVES, read_mark, read_whole_mark, text_of_mark
from ngcmos.season.summary import read_made_of

log = logging.getLogger(__name__)

_NAME = ".settled"
_OF_ALL = ""  # the entry of the season as a whole; others have the names of files


class Standing:
    """How the files of a season looked when they were last read whole, and what they are made of.

    Parameters
    ----------
    folder : Path
        Of the season.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, Any] = {}
        try:
            known = json.loads((folder / _NAME).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            known = {}
        if isinstance(known, dict):
            self._known = known
        self._before = dict(self._known)

    def mark_of(self, path: Path) -> str:
        """What a whole file is made of, as a digest; "" for one that is missing, or damaged, which is said."""
        state, name = state_of(path), self._name_of(path)
        match self._known.get(name):
            case [list(before), str(mark)] if before == state:
                return mark
        mark = _mark_of(path, touched=name in self._known) if state else ""
        self._known[name] = [state, mark]
        return mark

    def wrote(self, path: Path, text: str) -> None:
        """A file was just written, made of this."""
        self._known[self._name_of(path)] = [state_of(path), digest_of(text)]

    def forget_gone(self) -> None:
        """Forget files that are gone."""
        self._known = {name: of for name, of in self._known.items() if (self._folder / name).exists()}

    def forget_all(self) -> None:
        """Forget all: what stands is read again.

        Raises
        ------
        WriteError
            The disk is full, read-only or failing.
        """
        self._known = {}
        self.write()

    def is_settled(self, signature: str) -> bool:
        """Whether the season looks as it did when its light curves were last held against its scale."""
        return bool(self._known.get(_OF_ALL) == signature)

    def settle(self, signature: str) -> None:
        """Its light curves lie on its scale."""
        self._known[_OF_ALL] = signature

    def write(self) -> None:
        """Write it down for the next run, where there is anything new.

        Raises
        ------
        WriteError
            The disk is full, read-only or failing.
        """
        if self._known != self._before:
            write_text(self._folder / _NAME, json.dumps(self._known, sort_keys=True))
            self._before = dict(self._known)

    def _name_of(self, path: Path) -> str:
        return path.relative_to(self._folder).as_posix()


def state_of(path: Path) -> list[int]:
    """Size, time and inode of a file; empty where there is none."""
    try:
        state = path.stat()
    except OSError:
        return []
    return [state.st_size, state.st_mtime_ns, state.st_ino]


def _mark_of(path: Path, *, touched: bool) -> str:
    """What a file is made of; light curves, which are large, are read whole if they were touched since."""
    if path.parent.name == CURVES and not touched:
        mark = read_mark(path)
        return digest_of(text_of_mark(mark)) if mark else ""
    read: Callable[[Path], str] = read_made_of if path.suffix == ".npz" else read_whole_mark
    try:
        return digest_of(read(path))
    except ProductError as error:
        log.warning("season: %s", error)
        return ""
