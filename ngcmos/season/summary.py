"""What a season keeps of a night: its own solution in each aperture, its stars and its frames.

``summarise(name, night, camera) -> NightSummary`` is made of that night's table alone; ``write_summary`` and
``read_summary`` keep it in an `.npz` beside the light curves, with what it was made of.
"""

import dataclasses
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ngcmos.arrays import Bools, Floats, Ints, Reals, Rows
from ngcmos.config import Camera
from ngcmos.errors import ProductError
from ngcmos.lightcurves.cube import DOUBTFUL, SPOILT
from ngcmos.lightcurves.ensemble import Counts
from ngcmos.names import Quality
from ngcmos.night.products import write_then_rename
from ngcmos.photometry.noise import scintillation
from ngcmos.season.known import UNKNOWN, KnownStars
from ngcmos.season.nightly import NightSolution, Setting, solve_night
from ngcmos.season.pointings import find_pointings, middle_places
from ngcmos.season.read import FRAME_COLUMNS, FieldNight

USUAL_COLOUR = 0.9  # Gaia BP - RP: the slope in colour turns there in all nights; stands for unknown ones
FEWEST_SHARE = 0.5  # of the frames of a pointing that a star which compares others is trusted in
_OF_STARS = ("level", "level_error", "inflation", "rms", "expected", "points", "say")
_OF_FRAMES = ("share", "covariance", "jitter")


@dataclasses.dataclass(frozen=True, eq=False)
class NightSummary:
    """A night of a season.

    Attributes
    ----------
    name : str
        What its files are called.
    night, camera : str
    made_of : str
        JSON that tells what this was made of.
    radii : (apertures,) array
        Pixels.
    stars : (stars,) structured array
        See `ngcmos.season.read.STAR_COLUMNS`.
    frames : (frames,) structured array
        See `ngcmos.season.read.FRAME_COLUMNS`; those measured in time order, then those refused.
    pointing : (measured frames,) int array
    place : (pointings, stars, 2) array
        Median x and y, FITS pixels.
    counting : (pointings,) bool array
        Has a good frame.
    level, level_error, inflation, rms, expected, points, say, variable : (apertures, pointings, stars) arrays
    share, covariance, jitter : (apertures, measured frames, ...) arrays
        All as of `ngcmos.season.nightly.NightSolution`.
    """

    name: str
    night: str
    camera: str
    made_of: str
    radii: Floats
    stars: Rows
    frames: Rows
    pointing: Ints
    place: Floats
    counting: Bools
    level: Reals
    level_error: Reals
    inflation: Reals
    rms: Reals
    expected: Reals
    points: Reals
    say: Reals
    variable: Bools
    share: Reals
    covariance: Reals
    jitter: Reals

    @property
    def keys(self) -> Ints:
        """(stars,) what a star is known by over the nights, see `star_keys`."""
        return star_keys(self.stars)


_NAMES = [field.name for field in dataclasses.fields(NightSummary)]
OF_SCALE = tuple(name for name in _NAMES if name not in ("share", "covariance"))


def star_keys(stars: Rows) -> Ints:
    """A number that tells a star from all others: its TIC id, without one its Gaia id, negative."""
    keys: Ints = np.where(stars["tic_id"] > 0, stars["tic_id"], -stars["gaia_id"])
    return keys


def summarise(name: str, night: FieldNight, camera: Camera, known: KnownStars = UNKNOWN) -> NightSummary:
    """The summary of a night.

    Parameters
    ----------
    name : str
        What its files are called.
    night : ngcmos.season.read.FieldNight
    camera : ngcmos.config.Camera
    known : KnownStars
        Stars that compare no others.
    """
    x, y = night.columns["x"], night.columns["y"]
    pointing = find_pointings(x, y, max(camera.detector.shape))
    place = middle_places(x, y, pointing)
    good = night.measured["quality"] == Quality.GOOD.value.encode()
    parts = [np.flatnonzero(pointing == number) for number in range(len(place))]
    able = ~known.are_known(night.stars)
    settings = [_setting(night, camera, part, place[n], good) for n, part in enumerate(parts)]
    settings = [dataclasses.replace(one, comparing=one.comparing & able) for one in settings]
    solved = [
        [solve_night(_counts(night, radius, part), setting) for part, setting in zip(parts, settings, strict=True)]
        for radius in night.radii
    ]
    return NightSummary(
        name=name,
        night=night.night,
        camera=night.camera,
        made_of=night.made_of,
        radii=np.array(night.radii, float),
        stars=night.stars,
        frames=night.frames,
        pointing=pointing,
        place=place,
        counting=np.array([bool(good[part].any()) for part in parts]),
        variable=np.array([[one.variable for one in row] for row in solved]),
        **{name: np.array([[getattr(one, name) for one in row] for row in solved], "f4") for name in _OF_STARS},
        **{name: np.array([_joined(row, name, parts) for row in solved], "f4") for name in _OF_FRAMES},
    )


def star_basis(stars: Rows, place: Floats, shape: tuple[int, int]) -> Floats:
    """(stars, 4) terms of a share: 1, x and y from the middle of the chip in units of half its size, colour.

    Parameters
    ----------
    stars : (stars,) structured array
    place : (stars, 2) array
        FITS pixels; unknown ones count as the middle.
    shape : (rows, columns)
    """
    rows, columns = shape
    middle = np.array([columns + 1, rows + 1]) / 2
    across = np.nan_to_num((place - middle) / (np.array([columns, rows]) / 2))
    colour = np.nan_to_num(stars["gaiabp"].astype(float) - stars["gaiarp"] - USUAL_COLOUR)
    return np.column_stack([np.ones(len(stars)), across, colour])


def air_scatter(frames: Rows, camera: Camera) -> Floats:
    """(frames,) relative scatter by scintillation."""
    air: Floats = scintillation(
        frames["exptime_s"].astype(float),
        np.nan_to_num(frames["airmass"].astype(float), nan=1.0),
        telescope=camera.telescope,
        elevation_m=camera.site.elevation_m,
    )
    return air


def _setting(night: FieldNight, camera: Camera, part: Ints, place: Floats, good: Bools) -> Setting:
    trusted = (night.columns["flags"][part] & DOUBTFUL) == 0
    counting = good[part]
    seen = trusted[counting] if counting.any() else trusted
    return Setting(
        basis=star_basis(night.stars, place, camera.detector.shape),
        mag=night.stars["Tmag"].astype(float),
        air_rms=air_scatter(night.measured[part], camera),
        counting=counting,
        comparing=~night.stars["blended"] & (seen.mean(axis=0) >= FEWEST_SHARE),
    )


def _counts(night: FieldNight, radius_px: float, part: Ints) -> Counts:
    flags = night.columns["flags"][part]
    flux, error = (night.columns[f"{name}_{radius_px:g}"][part] for name in ("flux", "fluxerr"))
    flux = np.where(flags & SPOILT, np.float32(np.nan), flux)
    return Counts(flux, error, ((flags & DOUBTFUL) == 0) & np.isfinite(flux) & np.isfinite(error))


def _joined(solved: list[NightSolution], name: str, parts: list[Ints]) -> Floats:
    """What the frames of all pointings have, in the order of the frames."""
    pieces = [getattr(one, name) for one in solved]
    joined = np.empty((sum(len(part) for part in parts), *pieces[0].shape[1:]))
    for part, piece in zip(parts, pieces, strict=True):
        joined[part] = piece
    return joined


def write_summary(path: Path, summary: NightSummary) -> None:
    """Write a summary whole.

    Raises
    ------
    WriteError
        The disk is full, read-only or failing.
    """
    arrays: dict[str, Any] = {name: np.asarray(getattr(summary, name)) for name in _NAMES}
    arrays["frames"] = _without_room(summary.frames)
    with write_then_rename(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)


def _without_room(frames: Rows) -> Rows:
    """Rows whose texts are no wider than the longest one: two thirds of a summary would be room for texts."""
    kinds = []
    for name in frames.dtype.names or ():
        kind = frames.dtype[name]
        if kind.kind == "S":
            kind = np.dtype(f"S{max(1, int(np.char.str_len(frames[name]).max(initial=0)))}")
        kinds.append((name, kind))
    return frames.astype(kinds)


def read_summary(path: Path) -> NightSummary:
    """A summary back.

    Raises
    ------
    ProductError
        It is damaged or of another kind.
    """
    values = read_parts(path, _NAMES)
    return NightSummary(**values | _texts(values) | {"frames": values["frames"].astype(FRAME_COLUMNS)})


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(values[name]) for name in ("name", "night", "camera", "made_of")}


def read_for_scale(path: Path) -> NightSummary:
    """A summary without what the scale of a season does not need: of its frames there are the times alone.

    So a season of many nights has room in memory.

    Raises
    ------
    ProductError
        It is damaged or of another kind.
    """
    return for_scale(read_parts(path, OF_SCALE))


def for_scale(values: Mapping[str, Any]) -> NightSummary:
    """What `read_for_scale` gives, of the parts `OF_SCALE`."""
    times = np.zeros(len(values["frames"]), [("jd_mid", "f8")])
    times["jd_mid"] = values["frames"]["jd_mid"]
    left_out = {"frames": times, "covariance": np.zeros(0), "share": np.zeros((*values["jitter"].shape, 0))}
    return NightSummary(**{**values, **_texts(values), **left_out})


def read_parts(path: Path, names: Sequence[str]) -> dict[str, Any]:
    """Some of the arrays of a summary, without reading the others.

    Raises
    ------
    ProductError
        It is damaged or of another kind.
    """
    try:
        with path.open("rb") as file, np.load(file) as arrays:
            return {name: arrays[name] for name in names}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        told = f"{path}: missing or damaged ({error}); remove it and season.py makes it anew"
        raise ProductError(told) from None


def read_made_of(path: Path) -> str:
    """What a summary was made of, after all of it was read.

    Raises
    ------
    ProductError
        It is missing, damaged or of another kind.
    """
    return str(read_parts(path, _NAMES)["made_of"])
