"""One star out of the light curves of a season, read without most of the others.

``read_star_rows(paths, gaia_id=..., tic_id=...) -> pa.Table``.
"""

import bisect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ngcmos.season.archive import CURVE_SCHEMA, damage_of, numbers_of, view_of


def read_star_rows(
    paths: Sequence[Path], *, gaia_id: int, tic_id: int, columns: Sequence[str] | None = None
) -> pa.Table:
    """Rows of one star in the light curves of some nights, night after night.

    Raises
    ------
    ProductError
        A file is missing or damaged.
    """
    names = CURVE_SCHEMA.names if columns is None else list(columns)
    tables: list[pa.Table] = []
    for path in paths:
        try:
            with pq.ParquetFile(path, page_checksum_verification=True) as file:  # a rotten byte is no number
                for group in _groups_of(file.metadata, gaia_id):
                    tables += _rows_of_star(file, group, names, (gaia_id, tic_id))
        except (OSError, ValueError, pa.ArrowException) as error:
            raise damage_of(path, error) from None
    return pa.concat_tables(tables) if tables else CURVE_SCHEMA.empty_table().select(names)


def _groups_of(metadata: pq.FileMetaData, gaia_id: int) -> list[int]:
    """Row groups that may hold a star: they follow each other by Gaia id, and each tells its range."""
    ids = _GroupIds(metadata)
    first = bisect.bisect_left(ids, gaia_id, key=lambda span: span[1])
    last = bisect.bisect_right(ids, gaia_id, key=lambda span: span[0])
    return list(range(first, last))


class _GroupIds(Sequence[tuple[int, int]]):
    """(least, largest) Gaia id of each row group; read where it is asked for, as a file has many."""

    def __init__(self, metadata: pq.FileMetaData) -> None:
        self.metadata = metadata
        self.column = CURVE_SCHEMA.names.index("gaia_id")  # to ask the file keeps it in memory

    def __len__(self) -> int:
        return int(self.metadata.num_row_groups)

    def __getitem__(self, group: Any) -> Any:
        told = self.metadata.row_group(group).column(self.column).statistics
        return told.min, told.max


def _rows_of_star(file: pq.ParquetFile, group: int, names: Sequence[str], star: tuple[int, int]) -> list[pa.Table]:
    """The rows of a star in a row group, which lie together; copied, as a part would hold all of the group."""
    rows = file.read_row_group(
        group, columns=list(dict.fromkeys([*names, "gaia_id", "tic_id"])), use_threads=False
    )
    here = np.flatnonzero((numbers_of(rows["gaia_id"]) == star[0]) & (numbers_of(rows["tic_id"]) == star[1]))
    if not here.size:
        return []
    rows = rows.select(names).slice(here[0], here.size)
    schema = rows.schema.remove_metadata()  # what a file is made of is long
    return [pa.table([_copied(column) for column in rows.columns], schema)]


def _copied(column: pa.ChunkedArray) -> pa.Array:
    part = column.combine_chunks()
    if pa.types.is_dictionary(part.type):
        return pa.DictionaryArray.from_arrays(_copy_of(part.indices), part.dictionary)
    return _copy_of(part)


def _copy_of(part: pa.Array) -> pa.Array:
    return pa.Array.from_buffers(part.type, len(part), [None, pa.py_buffer(view_of(part).tobytes())])
