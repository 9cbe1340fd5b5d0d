"""What does not fit together in the frames of a field, or is good to know of them, as remarks of the night."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from astropy.table import Table

from ngcmos.calibration.masters import Masters
from ngcmos.errors import FrameError
from ngcmos.names import Record
from ngcmos.night.fields import say_misfits
from ngcmos.night.folder import Night
from ngcmos.night.job import Job
from ngcmos.night.remarks import TIME, TURN, keep_remark
from ngcmos.photometry.air import AirCards, clock_lag_s, tell_air, tell_lag
from ngcmos.photometry.counts import tell_colour, tell_counts
from ngcmos.sphere import sides_of
from ngcmos.tables.table import read_frames

AIR, COLOUR, COUNTS, MASTERS, SETUP, SHAPE = "airmass", "colour", "counts", "masters", "setup", "shape"


class Saying(Protocol):
    """What the header of a frame says: of the air, and of its filters."""

    @property
    def said(self) -> AirCards: ...
    @property
    def colour(self) -> str: ...


def refuse_misfits(job: Job, night: Night, field: str, *, among: Collection[Path] | None = None) -> list[Path]:
    """Refuse the frames (`among` these) of another setup than most of their field, and remark on them; which."""
    misfits = night.misfits.get(field, {})
    refused = [path for path in misfits if among is None or path in among]
    for path in refused:
        job.settle(path, field, FrameError(f"{path.name}: {misfits[path]}"))
    all_frames = len(misfits) + len(night.fields.get(field, ()))
    keep_remark(job.ledger, field, SETUP, say_misfits(misfits.values(), all_frames))
    return refused


def remark_on_air(job: Job, field: str, said: Sequence[AirCards]) -> None:
    """Cards of altitude and airmass that the sky contradicts, or the clock that they contradict.

    A clock that contradicts the names, too, is told of there.
    """
    names, lag_s = job.camera.headers, clock_lag_s(said)
    told = tell_lag(lag_s, names.altitude, names.date_obs[0]) if lag_s else tell_air(said, names.altitude)
    kinds = {one.text("kind") for one in job.recall(Record.REMARK, field).values()}
    is_told = bool(lag_s) and TIME in kinds
    keep_remark(job.ledger, field, AIR, "" if is_told else told)


def remark_on_headers(job: Job, field: str, frames: Sequence[Saying]) -> None:
    """Cards that the sky contradicts; a colour camera."""
    remark_on_air(job, field, [frame.said for frame in frames])
    keep_remark(job.ledger, field, COLOUR, tell_colour([frame.colour for frame in frames]))


def remark_on_masters(job: Job, masters: Iterable[Masters]) -> None:
    """Masters that are too old, or of an odd level."""
    notes = dict.fromkeys(note for one in masters for note in one.notes)
    keep_remark(job.ledger, "", MASTERS, "; ".join(notes))


def remark_on_counts(job: Job, field: str, faults: Sequence[str]) -> None:
    """Counts that cannot be right; `faults` of each frame."""
    keep_remark(job.ledger, field, COUNTS, tell_counts(faults))


def remark_on_table(job: Job, field: str, table: Path, shapeless: int) -> None:
    """Counts that cannot be right, turns of the sky, frames without fluxes by shape, of a photometry table."""
    frames = read_frames(table)
    keep_remark(job.ledger, field, SHAPE, tell_shapeless(shapeless, len(frames)))
    remark_on_counts(job, field, [str(fault) for fault in frames["counts"]])
    keep_remark(job.ledger, field, TURN, tell_turns(frames))


def tell_shapeless(shapeless: int, frames: int) -> str:
    """One line where frames have no fluxes by the shape of their stars; "" where all have."""
    why = "their stars do not tell their shape; those of the apertures are not touched"
    return f"no flux_psf in {shapeless} of {frames} frames: {why}" if shapeless else ""


def tell_turns(frames: Table) -> str:
    """One line where the sky turned between frames of FRAMES; "" where it did not."""
    rotation = np.asarray(frames["rotation_deg"], float)
    sides = sides_of(rotation)
    turns = np.flatnonzero(np.diff(sides)) + 1
    if not turns.size:
        return ""
    angle_deg = np.abs((np.diff(rotation) + 180) % 360 - 180)
    told = [f"by {angle_deg[at - 1]:.0f} deg before {frames['date_obs'][at][11:19]} UTC" for at in turns[:2]]
    more = f", and {turns.size - 2} times more" if turns.size > 2 else ""
    return f"the sky turned on the chip {', '.join(told)}{more}; shifts have a reference on each side"
