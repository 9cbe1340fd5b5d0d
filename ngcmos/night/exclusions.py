"""The observer's word: what is left out of curves, noise and seasons, `exclude.csv` in the night or in OUT.

A line names what (`frame`, `time`, `star`, `comparison`), which one, until when for a span of time, and a note::

    what,which,until,note
    frame,NG2320-1302_TIC-188620407_S43-20240706072737751.fits,,satellite
    time,2024-07-06T04:10,2024-07-06T04:35,dome lamp
    star,188620407,,blend
    comparison,2395685455587424512,,varies

Stars go by Gaia or TIC id, times are UTC. Without a line all is as if there never had been one.
"""

import csv
import dataclasses
import datetime
import enum
from pathlib import Path

import numpy as np
from astropy.table import Table

from ngcmos.arrays import Bools
from ngcmos.night.fingerprint import digest_of
from ngcmos.night.spans import DAY_S, JD_1970

NAME = "exclude.csv"
HEAD = ("what", "which", "until", "note")


class What(enum.StrEnum):
    """Kinds of lines."""

    FRAME = "frame"
    TIME = "time"
    STAR = "star"
    COMPARISON = "comparison"


@dataclasses.dataclass(frozen=True)
class Line:
    """One line: a frame's name, a span of Julian dates (UTC) or the id of a star, and the note."""

    what: What
    frame: str = ""
    span: tuple[float, float] = (0.0, 0.0)
    star: int = 0
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Exclusions:
    """What is left out, line by line; complaints tell of lines that make no sense."""

    lines: tuple[Line, ...] = ()
    complaints: tuple[str, ...] = ()

    def of(self, *kinds: What) -> list[Line]:
        """The lines of some kinds."""
        return [line for line in self.lines if line.what in kinds]

    @property
    def digest(self) -> str | None:
        """What enters a product that honours it; None where nothing is left out."""
        left_out = sorted((line.what, line.frame, line.span, line.star) for line in self.lines)
        return digest_of(repr(left_out)) if left_out else None

    @property
    def comparisons(self) -> tuple[int, ...]:
        """Ids of stars that are not compared with."""
        return tuple(line.star for line in self.of(What.COMPARISON))

    def leaves_out(self, frames: Table) -> Bools:
        """(frames,) which of the rows of FRAMES are left out."""
        names = {Path(line.frame).name for line in self.of(What.FRAME)}
        out = np.array([str(name).strip() in names for name in frames["frame_id"]], bool)
        middle = np.asarray(frames["jd_mid"], float)
        for line in self.of(What.TIME):
            out |= (middle >= line.span[0]) & (middle <= line.span[1])
        return out

    def leaves_out_stars(self, stars: Table) -> Bools:
        """(stars,) which of the rows of STARS are left out."""
        ids = [line.star for line in self.of(What.STAR)]
        out: Bools = np.isin(np.asarray(stars["gaia_id"]), ids) | np.isin(np.asarray(stars["tic_id"]), ids)
        return out

    def told(self, frames: Table, stars: Table) -> str:
        """In one line what is left out of a field; "" for nothing."""
        count, said = int(self.leaves_out(frames).sum()), []
        here = {int(one) for name in ("gaia_id", "tic_id") for one in np.asarray(stars[name])}
        if count:
            said.append(f"{count} frames{_noted(self.of(What.FRAME, What.TIME))}")
        for line in self.of(What.STAR, What.COMPARISON):
            if line.star in here:
                word = "star" if line.what is What.STAR else "comparison star"
                said.append(f"{word} {line.star}{_noted([line])}")
        return f"{NAME} leaves out {', '.join(said)}" if said else ""


NOTHING = Exclusions()


def _noted(lines: list[Line]) -> str:
    told = "; ".join(dict.fromkeys(line.note for line in lines if line.note))
    return f" ({told})" if told else ""


def read_exclusions(*folders: Path) -> Exclusions:
    """What the lists in these folders leave out, all of them together; nothing where there is none."""
    lines: list[Line] = []
    complaints: list[str] = []
    for path in (folder / NAME for folder in folders):
        if not path.exists():
            continue
        try:
            texts = path.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            complaints.append(f"{path}: not readable ({error}), expected lines of {','.join(HEAD)}")
            continue
        for number, text in enumerate(texts, start=1):
            cells = [cell.strip() for cell in next(csv.reader([text]), [])]
            if not any(cells) or cells[0].startswith("#") or cells[0] == HEAD[0]:
                continue
            try:
                lines.append(_line_of(*(cells + [""] * len(HEAD))[: len(HEAD)]))
            except ValueError as error:
                complaints.append(f"{path}: line {number}: {error}; the line is left out")
    return Exclusions(tuple(dict.fromkeys(lines)), tuple(complaints))


def _line_of(what: str, which: str, until: str, note: str) -> Line:
    """The Line of its cells; a ValueError tells what is wrong with it."""
    if what not in set(What):
        raise ValueError(f"{what!r} is nothing to leave out, expected {', '.join(What)}")
    kind = What(what)
    if not which:
        raise ValueError(f"no {kind} is named")
    if kind is What.FRAME:
        return Line(kind, frame=which, note=note)
    if kind is What.TIME:
        first, last = _julian(which), _julian(until)
        if last < first:
            raise ValueError(f"{until} is before {which}")
        return Line(kind, span=(first, last), note=note)
    digits = which.upper().removeprefix("TIC").removeprefix("GAIA").strip()
    if not digits.isdecimal() or int(digits) < 1:
        raise ValueError(f"{which!r} is no id, expected a whole number")
    return Line(kind, star=int(digits), note=note)


def _julian(text: str) -> float:
    try:
        time = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no time, expected UTC as 2024-07-06T04:10") from None
    if time.tzinfo is None:
        time = time.replace(tzinfo=datetime.UTC)
    return JD_1970 + time.timestamp() / DAY_S
