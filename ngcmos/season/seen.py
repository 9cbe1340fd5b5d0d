"""Which nights have not been touched since the season looked at them: by sizes and times of files, not by reading.

It is a memory aid: without it the next run reads the heads of all tables again and comes to the same.
"""

import json
from pathlib import Path
from typing import Any

from ngcmos.config import Camera
from ngcmos.night.fingerprint import code_of, digest_of
from ngcmos.night.ledger import LEDGER_NAME
from ngcmos.night.products import photometry_path, write_text
from ngcmos.season.read import ROOMS

_NAME = ".seen.json"


class Seen:
    """How the files of the nights of a season looked when they were read.

    Parameters
    ----------
    folder : Path
        Of the season.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / _NAME
        self._known: dict[str, Any] = {}
        try:
            known = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            known = {}
        if isinstance(known, dict):
            self._known = known
        self._before = dict(self._known)

    def unchanged(self, name: str, folder: Path, camera: Camera, beside: str) -> bool:
        """Whether a night looks as it did, and what enters beside it."""
        return self.reduction(name, folder, camera, beside) is not None

    def reduction(self, name: str, folder: Path, camera: Camera, beside: str) -> str | None:
        """What the photometry of a night was made of; None where the night does not look as it did."""
        match self._known.get(name):
            case [str(state), str(reduction)] if state == _state(folder, camera, beside):
                return reduction
        return None

    def keep(self, name: str, folder: Path, camera: Camera, beside: str, reduction: str) -> None:
        """Remember a night, and what its photometry was made of."""
        self._known[name] = [_state(folder, camera, beside), reduction]

    def write(self) -> None:
        """Write it down for the next run, where there is anything new.

        Raises
        ------
        WriteError
            The disk is full, read-only or failing.
        """
        if self._known != self._before:
            write_text(self._path, json.dumps(self._known, sort_keys=True))


def _state(folder: Path, camera: Camera, beside: str) -> str:
    """Names, sizes and times of the files that decide what is read from a night."""
    paths = [*sorted(folder.glob(photometry_path(folder, "*").name)), folder / LEDGER_NAME]
    files = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in paths if path.exists()]
    return digest_of(json.dumps([code_of(*ROOMS), camera.checksum, beside, files]))
