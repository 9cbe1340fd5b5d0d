"""Light curves of a field's targets while it is observed: of each frame a few stars' counts are kept as it comes.

::

    live = LiveCounts(camera)
    live.add(rows, frame, targets=[188620407])
    curves = live.curves()
"""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from astropy.table import Table

from ngcmos.arrays import Bools, Floats, Floats32, Ints, Rows
from ngcmos.config import Camera
from ngcmos.lightcurves.cube import CROSSED, DOUBTFUL, SPOILT, colours
from ngcmos.lightcurves.ensemble import Counts, Kinship, relate
from ngcmos.lightcurves.sides import level_sides
from ngcmos.names import Flag, Quality
from ngcmos.night.spans import DAY_S, JD_1970
from ngcmos.photometry.quality import judge_frames
from ngcmos.sphere import sides_of

if TYPE_CHECKING:  # only the numbers of a row are asked for
    from ngcmos.tables.frame_row import FrameRow

USUAL_RADIUS_PX = 5.0
MOST_COMPARISONS = 120
BRIGHTER_MAG = 0.5  # comparison stars are chosen around a magnitude brighter than the target by this
FEWEST_FRAMES = 3
_SHOWN = ("shift_x", "shift_y", "fwhm_px", "sky", "airmass", "exptime_s")
_JUDGED = ("zp", "airmass", "elongation", "sky", "place_x", "place_y", "stars_seen", "trail", "rotation_deg")


@dataclasses.dataclass(frozen=True, eq=False)
class LiveFrames:
    """The frames of a field so far, in time order; arrays of a value a frame.

    Attributes
    ----------
    unix : array
        Mid exposure, seconds UTC.
    shift_x, shift_y, fwhm_px, sky, airmass, exptime_s : arrays
    light : array
        Transparency against the clearest frames so far.
    quality : array of str
        Of `ngcmos.names.Quality`.
    """

    unix: Floats
    shift_x: Floats
    shift_y: Floats
    fwhm_px: Floats
    sky: Floats
    airmass: Floats
    exptime_s: Floats
    light: Floats
    quality: np.ndarray

    @property
    def bad(self) -> Bools:
        """Whether each frame is clouded or spoilt otherwise."""
        return np.asarray(self.quality != Quality.GOOD)


@dataclasses.dataclass(frozen=True, eq=False)
class LiveCurve:
    """A target against its comparison stars so far; arrays of a value a frame, as the frames.

    Attributes
    ----------
    tic_id, gaia_id : int
    tmag, radius_px, comparisons : float
        `comparisons` is their effective number.
    bjd_tdb, flux, error : arrays
        Relative flux, NaN where there is none.
    """

    tic_id: int
    gaia_id: int
    tmag: float
    radius_px: float
    comparisons: float
    bjd_tdb: Floats
    flux: Floats
    error: Floats


@dataclasses.dataclass(frozen=True, eq=False)
class _Chosen:
    """The stars that are kept: `rows` of a frame, the targets first, and what makes them alike."""

    ids: Ints  # of all stars of a frame
    rows: Ints
    targets: int
    stars: Table
    x: Floats
    y: Floats


class LiveCounts:
    """What is kept of the frames of a field: about 2 kB each."""

    def __init__(self, camera: Camera) -> None:
        self._camera = camera
        radii = np.array(camera.photometry.radii_px, float)
        self._radius_px = float(radii[np.argmin(np.abs(radii - USUAL_RADIUS_PX))])
        self._chosen: _Chosen | None = None
        self._frames: list[FrameRow] = []
        self._counts: list[tuple[Floats32, Floats32, Ints, Floats]] = []  # flux, its error, flags, BJD of targets

    def __len__(self) -> int:
        return len(self._frames)

    def add(self, rows: Rows, frame: "FrameRow", targets: Sequence[int]) -> None:
        """Keep a frame; where its stars are other ones than before, what was kept is dropped.

        Parameters
        ----------
        rows : (stars,) structured array
            As `ngcmos.tables.writer.rows_of_frame` makes it.
        frame : FrameRow
        targets : sequence of int
            TIC ids.
        """
        if self._chosen is None or not np.array_equal(rows["tic_id"], self._chosen.ids):
            self._chosen, self._frames, self._counts = self._choose(rows, targets), [], []
        chosen, radius = self._chosen, f"{self._radius_px:g}"
        own = rows[chosen.rows]
        flux, error = (own[f"{name}_{radius}"].astype(np.float32) for name in ("flux", "fluxerr"))
        times = own["jd_bary"][: chosen.targets].astype(float)
        self._counts.append((flux, error, own["flags"].astype(np.int32), times))
        self._frames.append(frame)

    def _choose(self, rows: Rows, targets: Sequence[int]) -> _Chosen:
        """The targets, and the stars nearest to the first of them in brightness that may compare it."""
        ids = rows["tic_id"].astype(np.int64)
        here = [
            int(np.flatnonzero(ids == tic_id)[0]) for tic_id in dict.fromkeys(targets) if (ids == tic_id).any()
        ]
        tmag = rows["Tmag"].astype(float)
        able = (rows["flags"] & (DOUBTFUL | Flag.BLENDED)) == 0
        able[here] = False
        around = tmag[here[0]] - BRIGHTER_MAG if here else float(np.median(tmag))
        others = np.flatnonzero(able)
        others = others[np.argsort(np.abs(tmag[others] - around), kind="stable")][:MOST_COMPARISONS]
        kept = np.array([*here, *others.tolist()], np.int64)
        names = ("tic_id", "gaia_id", "Tmag", "gaiabp", "gaiarp")
        stars = Table({name: rows[name][kept].astype(rows[name].dtype.newbyteorder("=")) for name in names})
        x, y = (rows[name][kept].astype(float) for name in ("x", "y"))
        return _Chosen(ids, kept, len(here), stars, np.nan_to_num(x), np.nan_to_num(y))

    def frames(self) -> LiveFrames:
        """The frames so far."""
        frames = [self._frames[row] for row in self._order()]
        known = {name: _column(frames, name) for name in ("jd_mid", *_SHOWN, *_JUDGED)}
        judged = judge_frames(
            Table({name: known[name] for name in _JUDGED}),
            jump_px=self._camera.jump_px,
            limits=self._camera.quality,
        )
        return LiveFrames(
            unix=(known["jd_mid"] - JD_1970) * DAY_S,
            light=judged.transparency,
            quality=judged.verdict,
            **{name: known[name] for name in _SHOWN},
        )

    def curves(self) -> list[LiveCurve]:
        """The curve of each target; none before there are a few frames, and where nothing can compare."""
        chosen = self._chosen
        if chosen is None or len(self) < FEWEST_FRAMES or len(chosen.rows) == chosen.targets:
            return []
        order = self._order()
        flux, error, flags = (np.stack([self._counts[row][part] for row in order]) for part in range(3))
        times = np.stack([self._counts[row][3] for row in order])
        frames = [self._frames[row] for row in order]
        spoilt = np.where(flags & SPOILT, np.float32(np.nan), flux)
        counts = Counts(spoilt, error, (flags & (DOUBTFUL | CROSSED)) == 0, (flags & CROSSED) != 0)
        levelled = level_sides(counts, sides_of(_column(frames, "rotation_deg")), _column(frames, "jd_mid"))
        related = relate(levelled, self._kinship(chosen), _column(frames, "scintillation"))
        return [
            LiveCurve(
                int(chosen.stars["tic_id"][star]),
                int(chosen.stars["gaia_id"][star]),
                float(chosen.stars["Tmag"][star]),
                self._radius_px,
                float(related.comparisons[star]),
                times[:, star],
                related.flux[:, star].astype(float),
                related.error[:, star].astype(float),
            )
            for star in range(chosen.targets)
        ]

    def _kinship(self, chosen: _Chosen) -> Kinship:
        """Targets compare no star."""
        barred = np.arange(len(chosen.rows)) < chosen.targets
        return Kinship(np.asarray(chosen.stars["Tmag"], float), colours(chosen.stars), chosen.x, chosen.y, barred)

    def _order(self) -> Ints:
        order: Ints = np.argsort(_column(self._frames, "jd_mid"), kind="stable")
        return order


def _column(frames: Sequence["FrameRow"], name: str) -> Floats:
    """A number of all frames; NaN where it is not known."""
    return np.array([getattr(frame, name) for frame in frames], float)
