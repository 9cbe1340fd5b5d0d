"""Columns of a photometry table as (frames, stars) arrays, and the comparison stars they give.

``read_cube(path, names, stars=...) -> {name: array}`` reads the table once, some frames at a time, however
large it is; ``relate_stars(field, radius_px) -> Relative`` compares all stars of a field in one aperture,
``relate_best(field)`` in the best aperture of each.
"""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io.fits import Header
from astropy.table import Table
from numpy.typing import NDArray

from ngcmos.arrays import Bools, Floats, Ints, Reals
from ngcmos.config import Camera
from ngcmos.errors import ProductError, WorkError
from ngcmos.lightcurves.choice import EVERY_STAR, Choice
from ngcmos.lightcurves.ensemble import Counts, Kinship, Relative, choose_best, relate
from ngcmos.lightcurves.sides import level_sides
from ngcmos.names import Flag
from ngcmos.night.exclusions import NOTHING, Exclusions
from ngcmos.photometry.noise import scintillation
from ngcmos.sphere import sides_of
from ngcmos.tables.table import check_table, chunks_of_table, read_frames, read_stars

CHUNK_BYTES = 2**26
FRAME_COLUMNS = ("frame_id", "jd_mid", "exptime_s", "airmass", "sky", "sky_rms")
SPOILT = Flag.SATURATED | Flag.OFF_CHIP  # no light curve can be made of such a count
DOUBTFUL = SPOILT | Flag.EDGE | Flag.BAD_PIXEL | Flag.POOR_SKY  # good enough for itself, not to compare others
CROSSED = Flag.TRAIL  # shown, but it tells nothing of the star


@dataclasses.dataclass(frozen=True, eq=False)
class FieldCounts:
    """What a photometry table holds of some of its stars.

    Attributes
    ----------
    header : Header
    stars, frames : Table
        Of the extensions, a row a star and a row a frame.
    columns : dict of str to (frames, stars) array
    x, y : (stars,) arrays
        Median places on the side of most frames, FITS pixels; that of all stars where one has none.
    radii : list of float
        Apertures, pixels.
    air_rms : (frames,) array
        Relative scatter by scintillation.
    sides : (frames,) int array
        As of `ngcmos.sphere.sides_of`.
    """

    header: Header
    stars: Table
    frames: Table
    columns: Mapping[str, NDArray[Any]]
    x: Floats
    y: Floats
    radii: list[float]
    air_rms: Floats
    sides: Ints


def read_field(
    path: Path,
    camera: Camera,
    *,
    tmag_max: float,
    radii: Sequence[float] | None = None,
    further: Sequence[str] = (),
    exclusions: Exclusions = NOTHING,
) -> FieldCounts:
    """FieldCounts of the stars brighter than `tmag_max`, and of targets of any magnitude.

    Parameters
    ----------
    path : Path
    camera : ngcmos.config.Camera
    tmag_max : float
    radii : sequence of float, optional
        Apertures to read; all by default.
    further : sequence of str
        Columns to read beside counts, their errors, sky and flags.
    exclusions : Exclusions
        Frames and stars whose counts are NaN.

    Raises
    ------
    ProductError
        The table is damaged, or of a version that had other columns.
    WorkError
        It has no such star or no such aperture.
    """
    header, stars, frames = check_table(path), read_stars(path), read_frames(path)
    _require_columns(path, FRAME_COLUMNS, frames.colnames)
    known = sorted(header[key] for key in header if key.startswith("RADIUS"))
    radii = known if radii is None else list(radii)
    if not set(radii) <= set(known):
        there, wanted = (", ".join(f"{radius:g}" for radius in some) for some in (known, radii))
        raise WorkError(f"{path}: has apertures of {there} px, expected {wanted}")
    chosen = np.asarray(stars["Tmag"], float) <= tmag_max
    if "target" in stars.colnames:
        chosen |= np.asarray(stars["target"], bool)
    if not chosen.any():
        raise WorkError(f"{path}: no star with Tmag up to {tmag_max:g}")
    names = [f"{name}_{radius:g}" for radius in radii for name in ("flux", "fluxerr")]
    columns = read_cube(path, [*names, "x", "y", "sky", "flags", *further], stars=chosen)
    _leave_out(columns, names, exclusions.leaves_out(frames), exclusions.leaves_out_stars(stars[chosen]))
    sides = _sides_of(frames)
    here = sides == np.bincount(sides).argmax()
    x, y = (_middle(columns.pop(name)[here]) for name in ("x", "y"))
    air = scintillation(
        np.asarray(frames["exptime_s"], float),
        np.nan_to_num(np.asarray(frames["airmass"], float), nan=1.0),
        telescope=camera.telescope,
        elevation_m=camera.site.elevation_m,
    )
    return FieldCounts(header, stars[chosen], frames, columns, x, y, radii, air, sides)


def _leave_out(columns: Mapping[str, NDArray[Any]], names: Sequence[str], frames: Bools, stars: Bools) -> None:
    """Counts of these frames, and of these stars, become NaN."""
    for name in names:
        columns[name][frames] = np.nan
        columns[name][:, stars] = np.nan


def _sides_of(frames: Table) -> Ints:
    """Side of each frame; one for all where the table was made before frames told of their rotation."""
    if "rotation_deg" not in frames.colnames:
        return np.zeros(len(frames), int)
    return sides_of(np.asarray(frames["rotation_deg"], float))


def read_cube(
    path: Path, names: Sequence[str], *, stars: slice | Bools | Ints = slice(None)
) -> dict[str, NDArray[Any]]:
    """{name: (frames, stars) array in the machine's byte order} of columns of the table at `path`.

    `stars` chooses among the stars as an index of numpy. Memory holds what is returned and a few frames more.

    Raises
    ------
    ProductError
        The table is damaged, or of a version that had other columns.
    """
    header = check_table(path)
    cube: dict[str, NDArray[Any]] = {}
    chosen = np.arange(header["NSTARS"])[stars]
    for first, chunk in chunks_of_table(path, most_bytes=CHUNK_BYTES):
        if not cube:
            _require_columns(path, names, chunk.dtype.names or ())
            shape = (header["NFRAMES"], chosen.size)
            cube = {name: np.empty(shape, chunk.dtype[name].newbyteorder("=")) for name in names}
        for name, values in cube.items():
            values[first : first + len(chunk)] = chunk[name][:, chosen]
    return cube


def _require_columns(path: Path, names: Sequence[str], there: Collection[str]) -> None:
    missing = [name for name in names if name not in there]
    if missing:
        known = "expected those of this version; process_cmos.py --overwrite makes the table anew"
        raise ProductError(f"{path}: no column {', '.join(missing)}, {known}")


def relate_stars(field: FieldCounts, radius_px: float, choice: Choice = EVERY_STAR) -> Relative:
    """Relative curves of all stars of a FieldCounts in one aperture, against the comparison stars of a choice."""
    flags = field.columns["flags"]
    flux = np.where(flags & SPOILT, np.float32(np.nan), field.columns[f"flux_{radius_px:g}"])
    trusted, crossed = (flags & (DOUBTFUL | CROSSED)) == 0, (flags & CROSSED) != 0
    counts = Counts(flux, field.columns[f"fluxerr_{radius_px:g}"], trusted, crossed)
    alike = (np.asarray(field.stars["Tmag"], float), colours(field.stars), field.x, field.y)
    kinship = Kinship(
        *alike, choice.barred(field.stars), trusted=bool(choice.only), allowed=choice.allowed(*alike)
    )
    time_d = np.asarray(field.frames["jd_mid"], float)
    levelled = level_sides(counts, field.sides, time_d, barred=np.asarray(field.stars["blended"], bool))
    return relate(levelled, kinship, field.air_rms)


def relate_best(field: FieldCounts, choice: Choice = EVERY_STAR) -> tuple[Relative, Ints]:
    """All stars, each in the aperture where it is the quietest, and the (stars,) index of that aperture."""
    curves = (relate_stars(field, radius, choice) for radius in field.radii)
    stars = field.stars
    return choose_best(curves, np.asarray(stars["Tmag"], float), np.asarray(stars["blended"], bool))


def colours(stars: Table) -> Floats:
    """Gaia BP - RP, NaN where unknown."""
    colour: Floats = np.asarray(stars["gaiabp"], float) - np.asarray(stars["gaiarp"], float)
    return colour


def _middle(places: Reals) -> Floats:
    """Median place of each star; that of all stars where it has none."""
    finite = np.isfinite(places)
    centre = float(np.median(places[finite])) if finite.any() else 0.0
    middle: Floats = np.median(np.where(finite, places, centre), axis=0)
    return middle
