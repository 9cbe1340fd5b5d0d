"""Columns of a photometry table as (frames, stars) arrays, and the comparison stars they give.

``read_cube(path, names, stars=...) -> {name: array}`` reads the table once, some frames at a time, however
large it is; ``relate_stars(field, radius_px) -> Relative`` compares all stars of a field in one aperture,
``relate_best(field)`` in the best aperture of each.
"""

import dataclasses
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
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
from ngcmos.tables.table import Cards, check_table, chunks_of_table, layout_of_table, read_frames, read_stars

CHUNK_BYTES = 2**24
FRAME_COLUMNS = ("frame_id", "jd_mid", "exptime_s", "airmass", "sky", "sky_rms")
SPOILT = Flag.SATURATED | Flag.OFF_CHIP  # no light curve can be made of such a count
DOUBTFUL = SPOILT | Flag.EDGE | Flag.BAD_PIXEL | Flag.POOR_SKY  # good enough for itself, not to compare others
CROSSED = Flag.TRAIL  # shown, but it tells nothing of the star


@dataclasses.dataclass(frozen=True, eq=False)
class FieldCounts:
    """What a photometry table holds of some of its stars.

    Attributes
    ----------
    header : Cards
    stars, frames : Table
        Of the extensions, a row a star and a row a frame.
    columns : mapping of str to (frames, stars) array
        Of a table, read anew whenever they are asked for; `columns_of` reads several at once.
    x, y : (stars,) arrays
        Median places on the side of most frames, FITS pixels; that of all stars where one has none.
    radii : list of float
        Apertures, pixels.
    air_rms : (frames,) array
        Relative scatter by scintillation.
    sides : (frames,) int array
        As of `ngcmos.sphere.sides_of`.
    """

    header: Cards
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
    counted = [f"{name}_{radius:g}" for radius in radii for name in ("flux", "fluxerr")]
    left_out = exclusions.leaves_out(frames), exclusions.leaves_out_stars(stars[chosen])
    names = [*counted, "sky", "flags", *further]
    _require_columns(path, names, layout_of_table(path)[1].names or ())
    columns = TableColumns(path, names, chosen, *left_out)
    sides = _sides_of(frames)
    here = sides == np.bincount(sides).argmax()
    places = read_cube(path, ["x", "y"], stars=chosen)
    x, y = (_middle(places.pop(name)[here]) for name in ("x", "y"))
    air = scintillation(
        np.asarray(frames["exptime_s"], float),
        np.nan_to_num(np.asarray(frames["airmass"], float), nan=1.0),
        telescope=camera.telescope,
        elevation_m=camera.site.elevation_m,
    )
    return FieldCounts(header, stars[chosen], frames, columns, x, y, radii, air, sides)


class TableColumns(Mapping[str, NDArray[Any]]):
    """Columns of a table by their names, read when they are asked for: all at once a night's would take a GB.

    Parameters
    ----------
    path : Path
    names : sequence of str
        Of those there are.
    stars : (stars,) bool array
        Which of the table's.
    frames_out, stars_out : bool arrays
        Of those that are read, whose counts are NaN.
    """

    def __init__(
        self, path: Path, names: Sequence[str], stars: Bools, frames_out: Bools, stars_out: Bools
    ) -> None:
        self._path, self._names, self._stars = path, list(names), stars
        self._frames_out, self._stars_out = frames_out, stars_out

    def read(self, names: Sequence[str]) -> dict[str, NDArray[Any]]:
        """Several columns, for one look at the table."""
        if not set(names) <= set(self._names):
            raise KeyError(f"{self._path}: {', '.join(sorted(set(names) - set(self._names)))} not asked for")
        columns = read_cube(self._path, names, stars=self._stars, checked=False)
        for name in names:
            if name.startswith("flux"):
                columns[name][self._frames_out] = np.nan
                columns[name][:, self._stars_out] = np.nan
        return columns

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.read([name])[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def columns_of(field: FieldCounts, *names: str) -> dict[str, NDArray[Any]]:
    """Some columns of a field, for one look at its table."""
    columns = field.columns
    return columns.read(names) if isinstance(columns, TableColumns) else {name: columns[name] for name in names}


def _sides_of(frames: Table) -> Ints:
    """Side of each frame; one for all where the table was made before frames told of their rotation."""
    if "rotation_deg" not in frames.colnames:
        return np.zeros(len(frames), int)
    return sides_of(np.asarray(frames["rotation_deg"], float))


def read_cube(
    path: Path, names: Sequence[str], *, stars: slice | Bools | Ints = slice(None), checked: bool = True
) -> dict[str, NDArray[Any]]:
    """{name: (frames, stars) array in the machine's byte order} of columns of the table at `path`.

    `stars` chooses among the stars as an index of numpy. Memory holds what is returned and a few frames more.
    Checksums of the rows need be `checked` only once.

    Raises
    ------
    ProductError
        The table is damaged, or of a version that had other columns.
    """
    header = check_table(path)
    cube: dict[str, NDArray[Any]] = {}
    chosen = np.arange(header["NSTARS"])[stars]
    for first, chunk in chunks_of_table(path, most_bytes=CHUNK_BYTES, checked=checked):
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
    alike = (np.asarray(field.stars["Tmag"], float), colours(field.stars), field.x, field.y)
    kinship = Kinship(
        *alike, choice.barred(field.stars), trusted=bool(choice.only), allowed=choice.allowed(*alike)
    )
    time_d = np.asarray(field.frames["jd_mid"], float)
    blended = np.asarray(field.stars["blended"], bool)
    levelled = [level_sides(_counts_of(field, radius_px), field.sides, time_d, barred=blended)]
    return relate(levelled.pop(), kinship, field.air_rms)  # nobody else holds it: it goes when it is done with


def _counts_of(field: FieldCounts, radius_px: float) -> Counts:
    """What one aperture counted of all stars, spoilt counts left out."""
    names = f"flux_{radius_px:g}", f"fluxerr_{radius_px:g}"
    flux, error, flags = columns_of(field, *names, "flags").values()
    spoilt, trusted, crossed = (flags & SPOILT) != 0, (flags & (DOUBTFUL | CROSSED)) == 0, (flags & CROSSED) != 0
    del flags  # a night's are many
    return Counts(np.where(spoilt, np.float32(np.nan), flux), error, trusted, crossed)


def relate_best(
    field: FieldCounts,
    choice: Choice = EVERY_STAR,
    *,
    radii: Iterable[float] | None = None,
    weighed: bool = True,
) -> tuple[Relative, Ints]:
    """All stars, each in the aperture where it is the quietest, and the (stars,) index of that aperture.

    Parameters
    ----------
    field : FieldCounts
    choice : Choice
    radii : iterable of float, optional
        The apertures of the field, by one who wants to see how far it is.
    weighed : bool
        Whether `weights` are kept; without, they have no row: those of thousands of stars take 40 MB.
    """
    curves: Iterable[Relative] = (
        relate_stars(field, r, choice) for r in (field.radii if radii is None else radii)
    )
    if not weighed:
        curves = map(_without_weights, curves)  # a loop would hold the one before
    stars = field.stars
    return choose_best(curves, np.asarray(stars["Tmag"], float), np.asarray(stars["blended"], bool))


def _without_weights(curves: Relative) -> Relative:
    return dataclasses.replace(curves, weights=curves.weights[:0].copy())


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
