"""Which nights have not been touched since the season looked at them: by sizes and times of files, not by reading.

It is a memory aid: without it the next run reads the heads of all tables again and comes to the same.
"""

import json
from pathlib import Path

from ngcmos import __version__
from ngcmos.config import Camera
from ngcmos.night.ledger import LEDGER_NAME
from ngcmos.night.products import photometry_path, write_text

_NAME = ".seen.json"


class Seen:
    """What the nights of a season were made of when they looked as they do now.

    Parameters
    ----------
    folder : Path
        Of the season.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / _NAME
        self._known: dict[str, list[str]] = {}
        try:
            known = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return
        if isinstance(known, dict):
            self._known = {name: pair for name, pair in known.items() if isinstance(pair, list) and len(pair) == 2}

    def made_of(self, name: str, folder: Path, camera: Camera) -> str | None:
        """What a night is made of; None where any of its files has changed."""
        state, made_of = self._known.get(name, ["", ""])
        return made_of if state == _state(folder, camera) else None

    def keep(self, name: str, folder: Path, camera: Camera, made_of: str) -> None:
        """Remember a night."""
        self._known[name] = [_state(folder, camera), made_of]

    def write(self) -> None:
        """Write it down for the next run.

        Raises
        ------
        WriteError
            The disk is full, read-only or failing.
        """
        write_text(self._path, json.dumps(self._known, sort_keys=True))


def _state(folder: Path, camera: Camera) -> str:
    """Names, sizes and times of the files that decide what is read from a night."""
    paths = [*sorted(folder.glob(photometry_path(folder, "*").name)), folder / LEDGER_NAME]
    files = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in paths if path.exists()]
    return json.dumps([__version__, camera.checksum, files])
