"""The files of a season: Parquet that pandas, polars, DuckDB, Dask and Spark read as it is.

    BASE/seasons/{field}/stars.parquet                   a row a star
    BASE/seasons/{field}/frames.parquet                  a row a frame of all nights, used or not, with the reason
    BASE/seasons/{field}/light_curves/{night}.parquet    star after star, each in time order
    BASE/seasons/{field}/nights/{night}.npz, .parquet    its solution and its bins, for the season's own use

Stars follow each other by Gaia id, then TIC id, ten or more in a row group, so that one star is read without most
of the others. The files are the same, byte for byte, whenever their content is. Each is written whole and renamed.
"""

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ngcmos.arrays import Ints, Rows
from ngcmos.errors import ProductError, WriteError
from ngcmos.night.products import make_folder, write_then_rename

if TYPE_CHECKING:  # who reads a star needs nothing of what makes its curves
    from ngcmos.season.bins import NightBins
    from ngcmos.season.curves import NightCurves
    from ngcmos.season.read import FieldNight

CURVES = "light_curves"
STARS_A_GROUP, ROWS_A_GROUP = 10, 25_000  # whichever holds more
_WRITTEN: dict[str, Any] = {"compression": "zstd", "write_page_checksum": True}
_MARK = b"ngcmos"
_WORDS = pa.dictionary(pa.int8(), pa.string())
_F4 = pa.float32()
CURVE_SCHEMA = pa.schema(
    [
        ("gaia_id", pa.int64()),
        ("tic_id", pa.int64()),
        ("bjd_tdb", pa.float64()),
        ("relative_flux", _F4),
        ("relative_flux_err", _F4),
        ("flags", pa.int32()),
        ("quality", _WORDS),
        ("frame", pa.int32()),
        ("camera", _WORDS),
        *[(name, _F4) for name in ("x", "y", "sky", "airmass")],
        ("night", _WORDS),
    ]
)
# So one star of many nights is read quickly: numbers that hardly repeat have no dictionary, and snappy costs half
# of what zstd does. Byte streams (BYTE_STREAM_SPLIT) would be half as large, but few versions of Spark read them.
_DIVERSE = ("bjd_tdb", "relative_flux", "relative_flux_err", "x", "y", "sky")
_CURVES_WRITTEN: dict[str, Any] = _WRITTEN | {
    "compression": "snappy",
    "use_dictionary": [name for name in CURVE_SCHEMA.names if name not in _DIVERSE],
}

BIN_COLUMNS = np.dtype([("gaia_id", "i8"), ("tic_id", "i8"), ("bjd_tdb", "f8"), ("flux", "f4"), ("error", "f4")])


@dataclasses.dataclass(frozen=True)
class SeasonFolder:
    """Where the season of a field lies."""

    path: Path

    @property
    def field(self) -> str:
        return self.path.name

    @property
    def stars(self) -> Path:
        return self.path / "stars.parquet"

    @property
    def frames(self) -> Path:
        return self.path / "frames.parquet"

    @property
    def page(self) -> Path:
        return self.path / f"season_{self.field}.html"

    @property
    def reference(self) -> Path:
        """The scale that nights to come are fitted to."""
        return self.path / ".reference.npz"

    def curves(self, night: str) -> Path:
        """The light curves of a night."""
        return self.path / CURVES / f"{night}.parquet"

    def summary(self, night: str) -> Path:
        """The solution of a night."""
        return self.path / "nights" / f"{night}.npz"

    def bins(self, night: str) -> Path:
        """The light curves of a night in bins."""
        return self.path / "nights" / f"{night}.parquet"

    def files(self, night: str) -> tuple[Path, Path, Path]:
        """All that the season keeps of a night."""
        return self.curves(night), self.bins(night), self.summary(night)

    def nights(self) -> list[str]:
        """Names of all nights of which the season holds something, in order."""
        kept = [*self.path.glob(f"{CURVES}/[!.]*.parquet"), *self.path.glob("nights/[!.]*")]
        return sorted({path.stem for path in kept})

    def make(self) -> None:
        """Make the folders.

        Raises
        ------
        WriteError
            They cannot be made.
        """
        for name in (CURVES, "nights"):
            make_folder(self.path / name)

    def remove(self, night: str) -> None:
        """Remove all that the season holds of a night.

        Raises
        ------
        WriteError
            It could not be removed.
        """
        for path in self.files(night):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise WriteError(f"{path}: not removed, {error.strerror or error}") from error


def season_folder(base: Path, field: str) -> SeasonFolder:
    """Where the season of a field lies under a base path."""
    return SeasonFolder(base / "seasons" / field)


def write_curves(path: Path, night: "FieldNight", curves: "NightCurves", made_of: Mapping[str, Any]) -> None:
    """Write the light curves of a night: star after star, all measured frames of each in time order.

    Parameters
    ----------
    path : Path
    night : FieldNight
        With the columns jd_bary and sky.
    curves : NightCurves
    made_of : mapping
        What the file is made of; see `read_mark`.

    Raises
    ------
    WriteError
        The disk is full, read-only or failing.
    """
    order = np.lexsort((night.stars["tic_id"], night.stars["gaia_id"]))
    frames = len(night.measured)
    together = max(STARS_A_GROUP, ROWS_A_GROUP // max(frames, 1))
    with (
        write_then_rename(path) as temporary,
        pq.ParquetWriter(temporary, _marked(CURVE_SCHEMA, made_of), **_CURVES_WRITTEN) as writer,
    ):
        for first in range(0, len(order), together):
            writer.write_table(_curve_rows(night, curves, order[first : first + together]))


def bytes_of_curves(night: "FieldNight") -> int:
    """Most that the light curves of a night need on the disk."""
    width: int = sum(kind.bit_width // 8 for kind in CURVE_SCHEMA.types if not pa.types.is_dictionary(kind))
    return width * night.columns["x"].size


def write_bins(path: Path, stars: Rows, bins: "NightBins", made_of: Mapping[str, Any]) -> None:
    """Write the binned curves of a night: star after star.

    Raises
    ------
    WriteError
        The disk is full, read-only or failing.
    """
    order = np.lexsort((stars["tic_id"], stars["gaia_id"]))
    rows = np.zeros((len(order), len(bins.flux)), BIN_COLUMNS)
    for name in ("gaia_id", "tic_id"):
        rows[name] = stars[name][order, None]
    for name, values in (("bjd_tdb", bins.bjd), ("flux", bins.flux), ("error", bins.error)):
        rows[name] = values[:, order].T
    write_rows(path, rows.reshape(-1), made_of)


def _curve_rows(night: "FieldNight", curves: "NightCurves", stars: Ints) -> pa.Table:
    """Rows of some stars."""
    measured, columns = night.measured, night.columns
    frames = len(measured)

    def of_star(values: Any) -> Any:
        return np.repeat(values[stars], frames)

    def of_frame(values: Any) -> Any:
        return np.tile(values, len(stars))

    def of_point(values: Any) -> Any:
        return np.ascontiguousarray(values[:, stars].T).reshape(-1)

    words = np.unique(measured["quality"], return_inverse=True)
    rows = {
        "gaia_id": of_star(night.stars["gaia_id"]),
        "tic_id": of_star(night.stars["tic_id"]),
        "bjd_tdb": of_point(columns["jd_bary"]),
        "relative_flux": of_point(curves.flux),
        "relative_flux_err": of_point(curves.error),
        "flags": of_point(columns["flags"]),
        "quality": _dictionary(of_frame(words[1]), words[0].tolist()),
        "frame": of_frame(np.arange(frames, dtype=np.int32)),
        "camera": _dictionary(np.zeros(len(stars) * frames), [night.camera.encode()]),
        "airmass": of_frame(measured["airmass"]),
        "night": _dictionary(np.zeros(len(stars) * frames), [night.night.encode()]),
        **{name: of_point(columns[name]) for name in ("x", "y", "sky")},
    }
    return pa.table(
        [
            _array_of(rows[name]) if isinstance(rows[name], np.ndarray) else rows[name]
            for name in CURVE_SCHEMA.names
        ],
        CURVE_SCHEMA,
    )


def _dictionary(codes: Any, words: list[bytes]) -> Any:
    return pa.DictionaryArray.from_arrays(_array_of(codes.astype(np.int8)), _texts_of(words))


def _array_of(values: NDArray[Any]) -> Any:
    """What `pa.array` makes of numbers, truths and texts; that loads pandas to see whether they are of it."""
    if values.dtype.kind in "SU":
        return _texts_of([word.encode() if isinstance(word, str) else word for word in values.tolist()])
    kind = pa.from_numpy_dtype(values.dtype)
    plain = np.packbits(values, bitorder="little") if values.dtype.kind == "b" else np.ascontiguousarray(values)
    return pa.Array.from_buffers(kind, values.size, [None, pa.py_buffer(plain)])


def _texts_of(words: list[bytes]) -> Any:
    """An array of texts; UnicodeDecodeError where one is none."""
    ends = np.cumsum([0, *map(len, words)], dtype=np.int32)
    whole = b"".join(words)
    whole.decode()
    return pa.Array.from_buffers(pa.string(), len(words), [None, pa.py_buffer(ends), pa.py_buffer(whole)])


def write_rows(path: Path, rows: Rows, made_of: Mapping[str, Any]) -> None:
    """Write a structured array as Parquet: texts of bytes become strings, NaN of numbers stays NaN.

    Raises
    ------
    WriteError
        The disk is full, read-only or failing.
    """
    write_pieces(path, iter([rows]), made_of)


def write_pieces(path: Path, pieces: Iterator[Rows | pa.Table], made_of: Mapping[str, Any]) -> None:
    """Write structured arrays of one kind, at least one, below each other as Parquet; as `write_rows`.

    Those that `read_pieces` has read from such a file are written as they are.

    Raises
    ------
    WriteError
        The disk is full, read-only or failing.
    """
    first = _table_of(next(pieces))
    schema = _marked(first.schema, made_of)
    with write_then_rename(path) as temporary, pq.ParquetWriter(temporary, schema, **_WRITTEN) as writer:
        writer.write_table(first.cast(schema))
        for rows in pieces:
            writer.write_table(_table_of(rows).cast(schema))


def read_pieces(path: Path, places: Iterable[int]) -> Iterator[pa.Table]:
    """What `write_pieces` wrote at these places, counted from 0.

    Raises
    ------
    ProductError
        The file is missing or damaged.
    """
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            for place in places:
                yield file.read_row_group(place, use_threads=False)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise damage_of(path, error) from None


def _table_of(rows: Rows | pa.Table) -> pa.Table:
    if isinstance(rows, pa.Table):
        return rows.replace_schema_metadata(None)
    return pa.table({name: _array_of(rows[name]) for name in rows.dtype.names or ()})


def _marked(schema: Any, made_of: Mapping[str, Any]) -> Any:
    """The schema with what the file is made of."""
    return schema.with_metadata({_MARK: text_of_mark(made_of)})


def text_of_mark(made_of: Mapping[str, Any]) -> str:
    """What a file is made of, as it is written in it."""
    return json.dumps(made_of, sort_keys=True)


def read_mark(path: Path) -> dict[str, Any]:
    """What a file of the season is made of; empty where there is none, or a damaged one."""
    try:
        metadata = pq.read_schema(path).metadata or {}
        mark: dict[str, Any] = json.loads(metadata.get(_MARK, b"{}"))
    except (OSError, ValueError, pa.ArrowException):
        return {}
    return mark


def read_whole_mark(path: Path) -> str:
    """What a file of the season is made of, as it is written in it, after all of its rows were read.

    Raises
    ------
    ProductError
        It is missing or damaged.
    """
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            for group in range(file.num_row_groups):
                file.read_row_group(group, use_threads=False)
            return str(file.schema_arrow.metadata[_MARK].decode())
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
        raise damage_of(path, error) from None


def damage_of(path: Path, error: Exception) -> ProductError:
    """That a file of the season is missing or damaged."""
    return ProductError(f"{path}: missing or damaged ({error}); remove it and season.py makes it anew")


def read_rows(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """All rows of a file of the season but the light curves, whose rows are too many to be read at once.

    Of some columns alone where these are named.

    Raises
    ------
    ProductError
        It is missing or damaged.
    """
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:  # read_table brings pandas along
            return file.read(None if columns is None else list(columns))
    except (OSError, ValueError, pa.ArrowException) as error:
        raise damage_of(path, error) from None


def view_of(part: pa.Array) -> NDArray[Any]:
    """Numbers as they lie in memory: what pyarrow itself offers brings pandas along, which is slow and large."""
    return np.frombuffer(part.buffers()[1], _kind_of(part.type))[part.offset : part.offset + len(part)]


def _kind_of(arrow: pa.DataType) -> np.dtype[Any]:
    """Kind of the numbers of an arrow type; its own `to_pandas_dtype` loads pandas in pyarrow 18."""
    letter = "f" if pa.types.is_floating(arrow) else "u" if pa.types.is_unsigned_integer(arrow) else "i"
    return np.dtype(f"{letter}{arrow.bit_width // 8}")


def numbers_of(column: pa.ChunkedArray) -> NDArray[Any]:
    """A column of numbers without gaps."""
    parts = [view_of(part) for part in column.chunks if len(part)]
    return np.concatenate(parts) if parts else np.zeros(0, _kind_of(column.type))
