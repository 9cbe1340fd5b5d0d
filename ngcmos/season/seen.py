"""Which nights have not been touched since the season looked at them: by sizes and times of files, not by reading.

It is a memory aid: without it the next run reads the heads of all tables again and comes to the same.
"""

import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from ngcmos.night.fingerprint import code_of, digest_of
from ngcmos.night.ledger import LEDGER_NAME
from ngcmos.night.products import photometry_path, write_text
from ngcmos.season.read import ROOMS, NightFacts
from ngcmos.season.source import Source
from ngcmos.season.standing import state_of
from ngcmos.tables.table import check_all_rows

_NAME = ".seen.json"
_TELLING = ("frame_id", "sky", "zp")


@dataclasses.dataclass(frozen=True)
class Look:
    """What is kept of a night.

    Attributes
    ----------
    reduction : str
        What its photometry was made of; "" where it does not tell.
    camera : str
    first_frame : str
        Digest of its first frame, which no two nights and no two telescopes have in common; "" without one.
    first_jd, last_jd : float
        Of its frames; NaN where they have no times.
    points : int
        Stars times frames; 0 where the table was not asked for.
    """

    reduction: str
    camera: str
    first_frame: str
    first_jd: float
    last_jd: float
    points: int = 0


def look_at(source: Source, frames: Table, *, reduction: str = "", camera: str = "") -> Look:
    """The Look of a night with these frames."""
    jd = np.asarray(frames["jd_mid"], float)
    jd = jd[np.isfinite(jd)]
    start, end = (float(jd.min()), float(jd.max())) if jd.size else (np.nan, np.nan)
    first = digest_of(repr([frames[name][:1].tolist() for name in _TELLING])) if len(frames) else ""
    return Look(reduction, f"{camera} {source.telescope}".strip(), first, start, end)


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

    def look(self, source: Source) -> Look | None:
        """What a night looked like; None where it does not look so any more."""
        match self._known.get(source.name):
            case [str(state), list(), *kept] if state == _state(source):
                try:
                    return Look(*kept)
                except TypeError:  # of an earlier version
                    return None
        return None

    def looks(self, sources: Iterable[Source]) -> dict[str, Look]:
        """Those of nights that look as they did, by their names."""
        every = {source.name: self.look(source) for source in sources}
        return {name: look for name, look in every.items() if look is not None}

    def points_of(self, names: Iterable[str]) -> int:
        """Stars times frames of nights, as they were when they were looked at."""
        kept = [self._known.get(name) for name in names]
        return sum(one[-1] for one in kept if isinstance(one, list) and one and isinstance(one[-1], int))

    def check_table(self, name: str, path: Path) -> None:
        """Compare all rows of the table of a night with their checksums, if it was touched since it was read.

        Raises
        ------
        ProductError
            They are not those that were written, though all else is.
        """
        match self._known.get(name):
            case [str(), list(state), *_] if state != state_of(path):
                check_all_rows(path)

    def keep(self, source: Source, facts: NightFacts) -> None:
        """Remember a night whose rows are whole."""
        look = look_at(source, facts.frames, reduction=facts.reduction, camera=facts.camera)
        look = dataclasses.replace(look, points=facts.header["NFRAMES"] * facts.header["NSTARS"])
        self._known[source.name] = [_state(source), state_of(facts.path), *dataclasses.astuple(look)]

    def write(self) -> None:
        """Write it down for the next run, where there is anything new.

        Raises
        ------
        WriteError
            The disk is full, read-only or failing.
        """
        if self._known != self._before:
            write_text(self._path, json.dumps(self._known, sort_keys=True))


def _state(source: Source) -> str:
    """Names, sizes and times of the files that decide what is read from a night."""
    folder = source.folder
    paths = [*sorted(folder.glob(photometry_path(folder, "*").name)), folder / LEDGER_NAME]
    files = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in paths if path.exists()]
    return digest_of(json.dumps([code_of(*ROOMS), source.camera.checksum, source.beside, files]))
