"""One star in one night: its rows, its place in the catalog, and its curve against comparison stars."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from astropy.table import Row, Table

from ngcmos.arrays import Floats
from ngcmos.errors import ProductError, WorkError
from ngcmos.night.products import photometry_path, relative_path
from ngcmos.tables.relative import Compared, read_relative_star
from ngcmos.tables.table import read_frames, read_star, read_stars


@dataclasses.dataclass(frozen=True)
class StarId:
    """A star by its Gaia id, or else by its TIC id; 0 is none."""

    gaia_id: int = 0
    tic_id: int = 0

    def __post_init__(self) -> None:
        if (self.gaia_id > 0) == (self.tic_id > 0):
            raise ValueError("a star is named by a gaia_id or a tic_id, expected one of them, above 0")

    @property
    def column(self) -> str:
        """Column of tables that holds the id."""
        return "gaia_id" if self.gaia_id else "tic_id"

    @property
    def number(self) -> int:
        """The id."""
        return self.gaia_id or self.tic_id

    @property
    def in_file_names(self) -> str:
        """What the names of files call the star."""
        return str(self.gaia_id) if self.gaia_id else f"TIC_{self.tic_id}"


def id_of_row(tic_id: int) -> StarId:
    """StarId of a star by the tic_id of its row, which is minus its Gaia id where the TIC does not know it."""
    return StarId(tic_id=tic_id) if tic_id > 0 else StarId(gaia_id=-tic_id)


@dataclasses.dataclass(frozen=True, eq=False)
class Observed:
    """A star in the photometry table of a night.

    Attributes
    ----------
    path : Path
        Of the table.
    rows : Table
        Of PHOT, a row a frame; its `meta` holds the cards.
    star : Row
        Of STARS.
    frames, stars : Table
        The extensions.
    compared : Compared or None
        None where nobody compared it with others.
    """

    path: Path
    rows: Table
    star: Row
    frames: Table
    stars: Table
    compared: Compared | None

    @property
    def field(self) -> str:
        """Field of the table."""
        return self.path.stem.removeprefix("phot_")

    @property
    def night(self) -> str:
        """Name of the night's folder."""
        return self.path.parent.name

    @property
    def radii_px(self) -> list[float]:
        """Radii of the apertures, rising."""
        return sorted(float(self.rows.meta[key]) for key in self.rows.meta if key.startswith("RADIUS"))

    def column(self, name: str) -> Floats:
        """A column of the rows as numbers."""
        return np.asarray(self.rows[name], float)

    def of_frames(self, name: str) -> Floats:
        """A column of FRAMES as numbers; NaN where there is none."""
        known = name in self.frames.colnames
        return np.asarray(self.frames[name], float) if known else np.full(len(self.frames), np.nan)


def observed_in(folder: Path, star: StarId) -> Iterator[Observed]:
    """The star in each field of a night that has measured it, in the order of the fields' names.

    Raises
    ------
    ProductError
        A table or its light curves are damaged.
    """
    for path in sorted(folder.glob(photometry_path(folder, "*").name)):
        stars = read_stars(path)
        found = np.flatnonzero(np.asarray(stars[star.column]) == star.number)
        if found.size:
            rows = read_star(path, **{star.column: star.number})
            curves = relative_path(folder, path.stem.removeprefix("phot_"))
            compared = read_relative_star(curves, path, tic_id=int(rows["tic_id"][0]))
            yield Observed(path, rows, stars[found[0]], read_frames(path), stars, compared)


def observe(folders: list[Path], star: StarId) -> tuple[list[Observed], list[str]]:
    """(the star in all nights that have measured it, one line for each night that has not or cannot be read).

    Raises
    ------
    WorkError
        No night has it.
    """
    found: list[Observed] = []
    missing: list[str] = []
    for folder in folders:
        try:
            here = list(observed_in(folder, star))
        except ProductError as error:
            missing.append(str(error))
            continue
        found += here
        if not here:
            missing.append(f"{folder}: no phot_*.fits has a star with {star.column} {star.number}")
    if not found:
        raise WorkError("; ".join(missing) or "no night, expected one at least")
    return found, missing
