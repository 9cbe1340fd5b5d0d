"""Frames measured so far, kept in parts beside the table: what a stopped run leaves for the next.

A part is an uncompressed `.npz` (checked by its CRC) with the rows of some frames, written whole; the hidden
folder of the parts says with what they were measured, and parts measured otherwise are never used.
"""

import contextlib
import dataclasses
import json
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ngcmos.arrays import Ints, Rows
from ngcmos.errors import ProductError, WriteError
from ngcmos.night.products import make_folder, write_text, write_then_rename
from ngcmos.tables.frame_row import FrameRow
from ngcmos.tables.sums import check_rows, sum_of
from ngcmos.tables.table import read_frames, rows_of_table, sums_of

FRAMES_A_PART = 32
_INPUTS = "inputs.json"
_CUT = (OSError, ValueError, KeyError, zipfile.BadZipFile)


@dataclasses.dataclass(frozen=True)
class Place:
    """Where the rows of a frame lie: a part or a table, and the how-manieth frame there."""

    path: Path
    index: int


def parts_folder(table_path: Path) -> Path:
    """Folder of the parts of a table."""
    return table_path.with_name(f".{table_path.stem}.parts")


def open_parts(folder: Path, inputs: Mapping[str, object]) -> dict[str, Place]:
    """{frame: Place} of the parts measured with these inputs; all others are removed.

    Parameters
    ----------
    folder : Path
        Made where there is none.
    inputs : dict
        Everything the rows depend on, as JSON knows it.

    Raises
    ------
    WriteError
        The folder cannot be written.
    """
    text = json.dumps(inputs, sort_keys=True)
    if not _has_inputs(folder, text):
        remove_parts(folder)
        make_folder(folder)
        write_text(folder / _INPUTS, text)
    known: dict[str, Place] = {}
    for path in sorted(folder.glob("part-*.npz")):
        try:
            names = _names(path)
        except ProductError:
            path.unlink()
            continue
        known |= {name: Place(path, index) for index, name in enumerate(names)}
    return known


def frames_in_parts(table_path: Path) -> set[str]:
    """Names of the frames in the parts of a table, as far as they can be read; rows are not looked at."""
    found: set[str] = set()
    for path in parts_folder(table_path).glob("part-*.npz"):
        with contextlib.suppress(*_CUT), np.load(path) as part:  # gone, or cut: not on the disk
            found |= {str(name) for name in json.loads(str(part["names"]))}
    return found


def _has_inputs(folder: Path, text: str) -> bool:
    try:
        return (folder / _INPUTS).read_text(encoding="utf-8") == text
    except OSError:
        return False


def _names(path: Path) -> list[str]:
    """Frames of a whole part."""
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.testzip() is not None:
                raise ProductError(f"{path}: damaged")
        with np.load(path) as part:
            return [str(name) for name in json.loads(str(part["names"]))]
    except _CUT as error:
        raise ProductError(f"{path}: damaged ({error})") from None


def write_part(folder: Path, entries: Sequence[tuple[Rows, FrameRow]]) -> Path:
    """Write a part of [(rows, row of the frame), ...]; its path.

    Raises
    ------
    WriteError
        The disk is full, read-only or failing.
    """
    taken = [int(path.stem.removeprefix("part-")) for path in folder.glob("part-*.npz")]
    rows, frames = zip(*entries, strict=True)
    names, facts = [frame.frame_id for frame in frames], [frame.as_dict() for frame in frames]
    path = folder / f"part-{max(taken, default=0) + 1:05d}.npz"
    with write_then_rename(path) as temporary, temporary.open("wb") as file:
        np.savez(file, rows=np.stack(rows), names=json.dumps(names), facts=json.dumps(facts))
    return path


def remove_parts(folder: Path) -> None:
    """Remove the parts of a table that is finished."""
    if not folder.exists():
        return
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise WriteError(f"{folder}: parts not removed, {error.strerror or error}") from error


class RowReader:
    """The rows of frames, and their own row, by their places; one part or table open at a time."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._rows: Rows = np.zeros((0, 0), [("nothing", "u1")])
        self._frames: list[FrameRow] = []
        self._sums: Ints | None = None

    def read(self, place: Place) -> tuple[Rows, FrameRow]:
        """(rows, row of the frame) at a place.

        Raises
        ------
        ProductError
            The part or table is damaged.
        """
        self._open(place.path)
        rows, frame = self._rows[place.index], self._frames[place.index]
        if self._sums is not None:
            check_rows(place.path, frame.frame_id, rows, self._sums[place.index])
        return rows, frame

    def frames(self, path: Path) -> list[FrameRow]:
        """The FrameRows of a part or table; errors as `read`."""
        self._open(path)
        return self._frames

    def is_sound(self, place: Place) -> bool:
        """Whether the rows of a frame are those that were written; errors of what they lie in as `read`."""
        self._open(place.path)
        return self._sums is None or sum_of(self._rows[place.index]) == self._sums[place.index]

    def _open(self, path: Path) -> None:
        if path != self._path:
            is_table = path.suffix == ".fits"
            self._rows, self._frames = _load_table(path) if is_table else _load_part(path)
            self._sums = sums_of(path, "FRAMES") if is_table else None  # a part is a zip file, which has its own
            self._path = path


def _load_table(path: Path) -> tuple[Rows, list[FrameRow]]:
    frames = read_frames(path)
    columns = [frames[name].tolist() for name in frames.colnames]
    known = [dict(zip(frames.colnames, row, strict=True)) for row in zip(*columns, strict=True)]
    return rows_of_table(path), [FrameRow.of(row) for row in known]


def _load_part(path: Path) -> tuple[Rows, list[FrameRow]]:
    try:
        with np.load(path) as part:
            return part["rows"], [FrameRow.of(row) for row in json.loads(str(part["facts"]))]
    except _CUT as error:
        raise ProductError(f"{path}: damaged ({error})") from None
