"""A season as a scientist reads it: its stars, its frames, one star over all nights.

::

    season = Season(season_folder(base, "NG2320-1302"))
    season.stars, season.frames              # astropy Tables
    season.light_curve(gaia_id=...)          # astropy TimeSeries

Nothing is written and no run is disturbed.
"""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from astropy.table import Table
from numpy.typing import NDArray

from ngcmos.arrays import Ints
from ngcmos.errors import NightError, UsageError, WorkError
from ngcmos.names import Quality
from ngcmos.season.archive import SeasonFolder, numbers_of, read_rows
from ngcmos.season.one_star import read_star_rows

if TYPE_CHECKING:
    from astropy.timeseries import TimeSeries

QUALITIES = tuple(Quality)
_FLUXES = {"relative_flux": "flux", "relative_flux_err": "flux_err"}
_NUMBERS = ("flags", "frame", "x", "y", "sky", "airmass")
_READ = ("bjd_tdb", *_FLUXES, "quality", *_NUMBERS, "night", "camera")


class Season:
    """The season of a field.

    Parameters
    ----------
    folder : SeasonFolder

    Raises
    ------
    NightError
        There is no season of this field.
    """

    def __init__(self, folder: SeasonFolder) -> None:
        if not folder.stars.is_file():
            raise NightError(f"{folder.path}: no season, expected one made by season.py")
        self.folder = folder

    @property
    def field(self) -> str:
        """Name of the field."""
        return self.folder.field

    @property
    def nights(self) -> list[str]:
        """Names of the nights that have light curves, in order."""
        return self.folder.nights()

    @functools.cached_property
    def stars(self) -> Table:
        """A row a star; see docs/season.md."""
        return read_table(self.folder.stars)

    @functools.cached_property
    def frames(self) -> Table:
        """A row a frame of all nights; see docs/season.md."""
        return read_table(self.folder.frames)

    def star(self, *, gaia_id: int | None = None, tic_id: int | None = None) -> int:
        """Row of a star in `stars`.

        Raises
        ------
        UsageError
            Not one id.
        WorkError
            The season has no such star.
        """
        if (gaia_id is None) == (tic_id is None):
            raise UsageError("expected one of gaia_id and tic_id")
        name, wanted = ("gaia_id", gaia_id) if tic_id is None else ("tic_id", tic_id)
        found = np.flatnonzero((np.asarray(self.stars[name]) == wanted) & (wanted != 0))
        if not found.size:
            raise WorkError(f"{self.folder.path}: no star with {name} {wanted} among {len(self.stars)}")
        return int(found[0])

    def light_curve(
        self, *, gaia_id: int | None = None, tic_id: int | None = None, nights: Sequence[str] | None = None
    ) -> "TimeSeries":
        """One star over the nights.

        Parameters
        ----------
        gaia_id, tic_id : int
            One of them.
        nights : sequence of str, optional
            All by default.

        Returns
        -------
        astropy.timeseries.TimeSeries
            A row a frame, night after night: `time` (BJD_TDB), `flux` and `flux_err` (relative, about 1 over the
            season), `quality` (0 good, else the place of its word in `meta["QUALITIES"]`), `flags`, `x`, `y`,
            `sky`, `airmass`, `frame`, `night` (as 20240705), `camera` (place of its name in `meta["CAMERAS"]`).
            All are numbers, as lightkurve cannot bin texts. `meta` holds FIELD and the row of the star.

        Raises
        ------
        UsageError
            Not one id.
        WorkError
            The season has no such star.
        ProductError
            A file is missing or damaged.
        """
        row = self.stars[self.star(gaia_id=gaia_id, tic_id=tic_id)]
        there = self.nights if nights is None else [name for name in self.nights if name[:8] in nights]
        paths = [self.folder.curves(name) for name in there]
        ids = {name: int(row[name]) for name in ("gaia_id", "tic_id")}
        rows = read_star_rows(paths, columns=_READ, **ids)
        columns = dict(zip(rows.column_names, rows.columns, strict=True))
        del rows
        curve, cameras = _as_series(columns)
        curve.meta |= {"FIELD": self.field, "QUALITIES": list(QUALITIES), "CAMERAS": cameras}
        values = zip(row.colnames, row.as_void().item(), strict=True)
        curve.meta |= {name.upper(): value for name, value in values}
        return curve


def _as_series(rows: dict[str, pa.ChunkedArray]) -> tuple["TimeSeries", list[str]]:
    """(the series of these columns, its cameras); each is let go when it is copied, as a star has many points."""
    from astropy.time import Time
    from astropy.timeseries import TimeSeries

    curve = TimeSeries()
    curve.add_column(Time(numbers_of(rows.pop("bjd_tdb")), format="jd", scale="tdb"), name="time", copy=False)
    for name in _FLUXES:
        curve.add_column(numbers_of(rows.pop(name)), name=_FLUXES[name], copy=False)
    curve.add_column(_places(*_coded(rows.pop("quality")), QUALITIES), name="quality", copy=False)
    for name in _NUMBERS:
        curve.add_column(numbers_of(rows.pop(name)), name=name, copy=False)
    codes, nights = _coded(rows.pop("night"))
    curve.add_column(np.array(nights, int)[codes], name="night", copy=False)
    codes, words = _coded(rows.pop("camera"))
    cameras = sorted(set(words))
    curve.add_column(_places(codes, words, cameras), name="camera", copy=False)
    return curve, cameras


def read_table(path: Path, columns: Sequence[str] | None = None) -> Table:
    """The rows of `stars.parquet` or `frames.parquet`, all columns or some.

    Raises
    ------
    ProductError
        The file is missing or damaged.
    """
    rows = read_rows(path, columns)
    return Table({name: _values_of(rows[name]) for name in rows.column_names})


def _values_of(column: pa.ChunkedArray) -> NDArray[Any]:
    """A column of numbers, truths or texts."""
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        return numbers_of(column)
    return np.array(column.to_pylist(), bool if pa.types.is_boolean(column.type) else object)


def _coded(column: pa.ChunkedArray) -> tuple[Ints, list[str]]:
    """(which word each row has, the words) of a column of words, without a text for each row."""
    whole = column.unify_dictionaries().combine_chunks()
    if isinstance(whole, pa.ChunkedArray):  # without a row
        return np.zeros(0, np.int32), []
    return numbers_of(pa.chunked_array([whole.indices])).astype(np.int32), whole.dictionary.to_pylist()


def _places(codes: Ints, words: Sequence[str], known: Sequence[str]) -> Ints:
    """Where the word of each row stands among those known."""
    place = {word: at for at, word in enumerate(known)}
    return np.array([place[word] for word in words], np.int32)[codes]
