"""Places of the frames of a field through the night: which belong together, and which is the usual one.

A mount may drift over the night by more than a frame may be off, from frame to frame. `find_jumps` tells that from
a frame that lies elsewhere than its neighbours in time.
"""

import numpy as np

from ngcmos.arrays import Bools, Floats, Ints, Place, Shape
from ngcmos.astrometry.distortion import Solution, centre_of, to_pixels

TREND_FRAMES = 10  # before or after a gap, whose drift goes on


def offsets_of(ra: Floats, dec: Floats, solution: Solution, shape: Shape) -> Floats:
    """(n, 2) pixels by which frames with their centres at `ra`, `dec` (degrees) are off the place of a solution.

    Along its x and y; infinite where a frame looks elsewhere.
    """
    centre = np.array([(shape[1] - 1) / 2.0, (shape[0] - 1) / 2.0])
    off: Floats = centre - np.stack(to_pixels(solution, ra, dec), axis=1)
    return np.where(np.isfinite(off), off, np.inf)


def find_jumps(offsets: Floats, limit_px: float) -> Bools:
    """True for each frame that lies elsewhere than the field, though that may drift.

    Frames whose places follow one another within the limit are one track; the longest is the field. Another track
    belongs to it where it begins or ends within the limit of the nearest frame of the field before or after, or of
    where the drift there leads, or of the field's median.

    Parameters
    ----------
    offsets : (n, 2) array
        Pixels, in time order.
    limit_px : float
        In each axis.
    """
    tracks = _tracks(offsets, limit_px)
    if not tracks:
        return np.zeros(0, dtype=bool)
    longest = max(tracks, key=lambda track: (bool(np.isfinite(offsets[track]).all()), len(track)))
    field = np.zeros(len(offsets), dtype=bool)
    field[longest] = np.isfinite(offsets[longest]).all()
    others = [track for track in tracks if track is not longest]
    while True:
        joined = [track for track in others if _belongs(track, offsets, field, limit_px)]
        if not joined:
            return ~field
        for track in joined:
            field[track] = True
        others = [track for track in others if not field[track[0]]]


def _tracks(offsets: Floats, limit_px: float) -> list[Ints]:
    """Rows of frames that follow one another within the limit."""
    with np.errstate(invalid="ignore"):
        steps = np.abs(np.diff(offsets, axis=0)).max(axis=1, initial=0.0)
    breaks = np.flatnonzero(~(steps <= limit_px)) + 1
    return [track for track in np.split(np.arange(len(offsets)), breaks) if len(track)]


def _belongs(track: Ints, offsets: Floats, field: Bools, limit_px: float) -> bool:
    """Whether a track begins or ends where the field is then, or lies where the field usually is."""
    here = offsets[track]
    if not (np.isfinite(here).all() and field.any()):
        return False
    known = np.flatnonzero(field)
    expected = [(here[0], place) for place in _leads_to(known[known < track[0]][::-1], track[0], offsets)]
    expected += [(here[-1], place) for place in _leads_to(known[known > track[-1]], track[-1], offsets)]
    expected += [(place, np.median(offsets[field], axis=0)) for place in here]
    return any(np.abs(place - there).max() <= limit_px for place, there in expected)


def _leads_to(known: Ints, row: int, offsets: Floats) -> list[Floats]:
    """The place of the nearest of the known frames, and where their drift leads at a row."""
    if not len(known):
        return []
    near = known[:TREND_FRAMES]
    places = [offsets[near[0]]]
    if len(near) > 2:
        slope = np.polyfit(near - near.mean(), offsets[near], 1)
        places.append(slope[0] * (row - near.mean()) + slope[1])
    return places


def usual_row(offsets: Floats, jumped: Bools) -> int:
    """Row of the frame nearest to the median place of those that have not jumped."""
    kept = np.flatnonzero(~jumped) if not jumped.all() else np.arange(len(offsets))
    median = np.median(offsets[kept], axis=0)
    return int(kept[np.argmin(np.hypot(*(offsets[kept] - median).T))])


class FieldPlaces:
    """Plate solutions of the frames of a field, and where it usually is.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns of the chip.
    limit_px : float
        How far off a frame of the field may be, see `find_jumps`.
    """

    def __init__(self, shape: Shape, limit_px: float) -> None:
        self._shape, self._limit_px = shape, limit_px
        self._frames: dict[str, tuple[str, Solution]] = {}
        self._usual: tuple[str, str] | None = None

    def __len__(self) -> int:
        return len(self._frames)

    def add(self, name: str, start: str, solution: Solution) -> None:
        """Add a frame, or its new solution; `start` is ISO text, UTC."""
        self._frames[name] = start, solution
        self._usual = None

    def solution_of(self, name: str) -> Solution:
        """The plate solution of a frame."""
        return self._frames[name][1]

    def usual_names(self) -> tuple[str, str]:
        """Names of the frame nearest to the usual place, and of the first one that belongs to the field."""
        if self._usual is None:
            names = sorted(self._frames, key=lambda name: (self._frames[name][0], name))
            offsets = self._offsets(names)
            jumped = find_jumps(offsets, self._limit_px)
            first = int(np.argmin(jumped))
            self._usual = names[usual_row(offsets, jumped)], names[first]
        return self._usual

    @property
    def usual_place(self) -> Place:
        """Right ascension and declination of the chip's centre at the usual place, degrees."""
        return centre_of(self.solution_of(self.usual_names()[0]), self._shape)

    def usual_off_px(self, place: Place) -> float:
        """How far the usual place is from another one, pixels."""
        solution = self.solution_of(self.usual_names()[0])
        off = offsets_of(np.array([place[0]]), np.array([place[1]]), solution, self._shape)
        return float(np.hypot(*off[0]))

    def _offsets(self, names: list[str]) -> Floats:
        ra, dec = np.array([centre_of(self._frames[name][1], self._shape) for name in names]).T
        return offsets_of(ra, dec, self._frames[names[0]][1], self._shape)
