"""Straight lines of bright pixels: satellites and aeroplanes that crossed a frame, and the stars they spoilt.

``find_trails(image, x, y, sky=..., sky_rms=...)`` gives the straightest line of a frame and any other that is a
trail; ``trail.crosses(x, y, reach_px)`` tells which stars it passed over.
"""

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ngcmos.arrays import Bools, Floats, Ints, Reals
from ngcmos.neighbours import tree_of

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

STEP_PX = 16  # rows and columns looked at
BRIGHT_SIGMA = 5.0
TRAIL_SHARE = 0.6  # of the lines looked at that a trail crosses between its ends
SHORTEST = 0.3  # of the chip: a shorter line is counted as if it were that long
MOST_TRAILS = 4
MOST_CHANCE = 0.1  # that a line has a point in a cell; a frame with more bright pixels shows no trail
STAR_REACH_PX = 8.0
CELL_PX = 3  # of the offsets of lines
BAND_PX = 12.0  # a line of the coarse slopes strays by 9 px over a chip of 2048 px
LONGEST_RUN_PX = 60  # of bright pixels; a longer one is a bright frame or the halo of a star
WIDE_PX = 6.0  # runs that belong to a trail
WIDEST = 0.9  # of its runs are no longer than what its width is taken for
BLOCK = 250_000  # points times slopes at a time, so that memory stays flat under a bright sky
SLOPES = np.tan(np.radians(np.linspace(-45, 45, 181)))
FINE_SLOPES = np.linspace(-0.009, 0.009, 37)  # around a coarse one


@dataclasses.dataclass(frozen=True)
class Trail:
    """A line of bright pixels: ``x = offset + slope * y``, or ``y = offset + slope * x`` where it runs along x.

    Attributes
    ----------
    share : float
        Of the rows (columns) looked at between its ends on the chip, that it crosses, beyond what chance lets
        expect; `TRAIL_SHARE` and more is a trail.
    half_width_px : float
        Of its light, across.
    along_x : bool
    slope, offset_px : float
        0-based pixels.
    """

    share: float
    half_width_px: float
    along_x: bool
    slope: float
    offset_px: float

    @property
    def is_trail(self) -> bool:
        """Whether it is more than a chance alignment."""
        return self.share >= TRAIL_SHARE

    def crosses(self, x: Floats, y: Floats, reach_px: float) -> Bools:
        """Whether its light comes within a distance of each place; False where that is NaN."""
        along, place = (x, y) if self.along_x else (y, x)
        away = np.abs(place - self.offset_px - self.slope * along) / np.hypot(1, self.slope)
        with np.errstate(invalid="ignore"):
            near: Bools = away <= reach_px + self.half_width_px
        return near


@dataclasses.dataclass(frozen=True, eq=False)
class _Points:
    """Runs of bright pixels on the lines looked at: where the line is, the run's middle on it, its pixels; and how
    far the lines reach, along and across."""

    along: Ints
    place: Floats
    run: Ints
    length: int
    width: int

    def of(self, chosen: Bools) -> "_Points":
        names = ("along", "place", "run")
        return dataclasses.replace(self, **{name: getattr(self, name)[chosen] for name in names})

    def off(self, slope: float, offset: float) -> Floats:
        """Distance of each point from a line, along its own row or column."""
        return self.place - (slope * self.along + offset)


def find_trails(
    image: Reals, x: Floats, y: Floats, *, sky: float, sky_rms: float, bad: Bools | None = None
) -> list[Trail]:
    """The straightest line of bright pixels, be it a trail or not, and all others that are; the straightest first.

    Every sixteenth row and column is looked at, pixels near catalog stars apart; the lines are counted by their
    slope and offset (the transform of Hough), first coarsely, then finely around the best. A satellite has a share
    of about 1, a frame of stars of about 0.1.

    Parameters
    ----------
    image : (rows, columns) array
    x, y : (n,) arrays
        0-based pixels of the catalog stars.
    sky, sky_rms : float
        ADU per pixel.
    bad : bool array, optional
        Pixels that do not count.
    """
    known = np.isfinite(x) & np.isfinite(y)
    stars = tree_of(np.column_stack([x[known], y[known]])) if known.any() else None
    found: list[Trail] = []
    for along_x in (False, True):
        points = _bright_points(image, bad, sky + BRIGHT_SIGMA * sky_rms, stars, along_x)
        found += _lines_through(points, along_x)
    found.sort(key=lambda trail: -trail.share)
    return [trail for trail in found[:MOST_TRAILS] if trail.is_trail] or found[:1]


def _bright_points(
    image: Reals, bad: Bools | None, limit: float, stars: "cKDTree | None", along_x: bool
) -> _Points:
    """Bright pixels of every sixteenth row, or column, that are near no star."""
    lines = image[:, ::STEP_PX].T if along_x else image[::STEP_PX]
    bright = lines > limit
    if bad is not None:
        bright &= ~(bad[:, ::STEP_PX].T if along_x else bad[::STEP_PX])
    line, place = np.nonzero(bright)
    begins = np.flatnonzero((np.diff(place, prepend=-2) != 1) | (np.diff(line, prepend=-1) != 0))
    run = np.diff(begins, append=line.size)
    middle = place[begins] + (run - 1) / 2
    points = _Points(line[begins] * STEP_PX, middle, run, len(lines) * STEP_PX, lines.shape[1])
    points = points.of(run <= LONGEST_RUN_PX)
    if stars is None or not points.run.size:
        return points
    at = (points.along, points.place) if along_x else (points.place, points.along)
    away, _ = stars.query(np.column_stack(at), distance_upper_bound=STAR_REACH_PX)
    return points.of(np.isinf(away))


def _lines_through(points: _Points, along_x: bool) -> Iterator[Trail]:
    """The straightest line through the points, and further ones as long as they are trails."""
    for _ in range(MOST_TRAILS):
        chance = points.run.size * STEP_PX * CELL_PX / (points.length * points.width)
        if not 0 < chance < MOST_CHANCE:
            return
        slope, offset, _ = _straightest(points, SLOPES)
        near = points.of(np.abs(points.off(slope, offset)) <= BAND_PX)
        slope, offset, share = _straightest(near, slope + FINE_SLOPES)
        slope, offset, half_width_px = _fit(near, slope, offset)
        trail = Trail(max(share - chance, 0) / (1 - chance), half_width_px, along_x, slope, offset)
        yield trail
        if not trail.is_trail:
            return
        points = points.of(np.abs(points.off(slope, offset)) > WIDE_PX)


def _straightest(points: _Points, slopes: Floats) -> tuple[float, float, float]:
    """(slope, offset, share) of the line `CELL_PX` wide that crosses the largest share of the lines looked at."""
    best = 0.0, 0.0, 0.0
    for some in np.array_split(slopes, min(slopes.size, 1 + slopes.size * points.along.size // BLOCK)):
        cells = np.rint((points.place - some[:, None] * points.along) / CELL_PX).astype(int)
        lowest = cells.min()
        counts = _count(cells - lowest)
        slope, cell = np.nonzero(counts >= SHORTEST * counts.max())  # fewer cannot be the largest share
        offsets = CELL_PX * (cell + lowest)
        shares = counts[slope, cell] / _lines_crossed(some[slope], offsets, points)
        most = shares.argmax()
        if shares[most] > best[2]:
            best = float(some[slope[most]]), float(offsets[most]), float(shares[most])
    return best


def _count(cells: NDArray[np.int_]) -> NDArray[np.int_]:
    """(slopes, cells) number of points in each cell."""
    width = cells.max() + 1
    index = np.arange(len(cells))[:, None] * width + cells
    return np.bincount(index.ravel(), minlength=len(cells) * width).reshape(len(cells), width)


def _lines_crossed(slopes: Floats, offsets: Ints, points: _Points) -> Floats:
    """(n,) lines looked at that each straight line crosses on the chip, `SHORTEST` of all at least."""
    steep = np.where(slopes == 0, 1e-9, slopes)
    one, other = (np.clip((edge - offsets) / steep, 0, points.length) for edge in (0, points.width))
    return np.maximum(np.abs(other - one), SHORTEST * points.length) / STEP_PX


def _fit(points: _Points, slope: float, offset: float) -> tuple[float, float, float]:
    """(slope, offset, half width across) by least squares through the points near a line.

    By plain sums: linear algebra libraries give other last digits on another number of cores.
    """
    for _ in range(2):
        near = points.of(np.abs(points.off(slope, offset)) <= CELL_PX)
        along, place = near.along - near.along.mean(), near.place - near.place.mean()
        slope = float((along * place).sum() / max((along * along).sum(), 1.0))
        offset = float(near.place.mean() - slope * near.along.mean())
    run = points.run[np.abs(points.off(slope, offset)) <= CELL_PX]
    return slope, offset, float(np.quantile(run, WIDEST) / 2 / np.hypot(1, slope))
