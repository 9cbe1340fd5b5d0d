"""What another reduction has changed: two photometry tables of a field, star by star and frame by frame.

``compare_tables(field, a, b) -> Change``, and ``compare_with_before(field, table)`` with what that was before it
was made anew; ``in_lines(change)`` and ``draw_changes(changes)`` tell it.
"""

import dataclasses
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ngcmos.arrays import Floats, Ints
from ngcmos.errors import WorkError
from ngcmos.lightcurves.cube import read_cube
from ngcmos.lightcurves.summary import SPOILT, USUAL_RADIUS_PX, read_summary, scatter_and_errors, summarise
from ngcmos.night.fingerprint import Inputs
from ngcmos.night.products import photometry_path, summary_path
from ngcmos.report import html as page
from ngcmos.tables.table import Cards, check_table, read_frames, read_stars

MOST_OFFSET_MMAG = 1.0  # of the median of a bin
MOST_WORSE = 0.02  # of scatter or errors
FEWEST_STARS = 5  # of a bin that is judged
MAG_A_FLUX = 2.5 / math.log(10)
DIFFERENT = 4  # the exit code
NAMES_SHOWN = 5
_HEAD = ["Tmag", "stars", "offset [mmag]", "scatter A [mmag]", "scatter B", "errors A", "errors B"]


@dataclasses.dataclass(frozen=True)
class Bin:
    """Stars of a magnitude, medians in mmag: how much fainter B has them, scatter from frame to frame, errors."""

    tmag: int
    stars: int
    offset: float
    scatter: tuple[float, float]
    errors: tuple[float, float]

    @property
    def is_alike(self) -> bool:
        """Whether nothing to speak of has changed; too few stars tell nothing."""
        if self.stars < FEWEST_STARS:
            return True
        pairs = (self.scatter, self.errors)
        worse = any(abs(after - before) > MOST_WORSE * before for before, after in pairs)
        return abs(self.offset) <= MOST_OFFSET_MMAG and not worse


@dataclasses.dataclass(frozen=True)
class Change:
    """What differs between two tables A and B of a field; names of stars are TIC ids."""

    field: str
    radius_px: float
    bins: tuple[Bin, ...]
    stars_lost: tuple[int, ...]
    stars_gained: tuple[int, ...]
    frames_lost: tuple[str, ...]
    frames_gained: tuple[str, ...]
    made_otherwise: tuple[str, ...]

    @property
    def is_alike(self) -> bool:
        """Whether stars, frames, fluxes, scatter and errors are the same within the limits."""
        whole = not (self.stars_lost or self.stars_gained or self.frames_lost or self.frames_gained)
        return whole and all(one.is_alike for one in self.bins)


def tables_of(path: Path) -> dict[str, Path]:
    """{field: its photometry table} of a night folder, or of one table.

    Raises
    ------
    WorkError
        There is none.
    """
    tables = sorted(path.glob(photometry_path(path, "*").name)) if path.is_dir() else [path]
    if not tables or not all(table.is_file() for table in tables):
        raise WorkError(f"{path}: no photometry, expected a table phot_*.fits or a night that has some")
    return {table.stem.removeprefix("phot_"): table for table in tables}


@dataclasses.dataclass(frozen=True, eq=False)
class _Side:
    """One of the tables: its header, and TIC ids, magnitudes and names of frames in its own order."""

    path: Path
    header: Cards
    tic_id: Ints
    tmag: Floats
    frames: NDArray[np.str_]

    @classmethod
    def of(cls, path: Path) -> "_Side":
        stars, frames = read_stars(path), read_frames(path)
        names = np.array([str(name).strip() for name in frames["frame_id"]], str)
        return cls(path, check_table(path), np.asarray(stars["tic_id"]), np.asarray(stars["Tmag"], float), names)

    @property
    def radii_px(self) -> set[float]:
        return {float(self.header[key]) for key in self.header if key.startswith("RADIUS")}


@dataclasses.dataclass(frozen=True, eq=False)
class _Counts:
    """(frames, stars) arrays of what both tables have, stars by rising TIC id; NaN where a count is spoilt."""

    flux: Floats
    error: Floats

    @classmethod
    def of(cls, side: _Side, radius_px: float, tic_id: Ints, frames: NDArray[np.str_]) -> "_Counts":
        order = np.argsort(side.tic_id)
        columns = order[np.searchsorted(side.tic_id, tic_id, sorter=order)]
        flux, error = f"flux_{radius_px:g}", f"fluxerr_{radius_px:g}"
        cube = read_cube(side.path, [flux, error, "flags"], stars=columns)
        rows = np.isin(side.frames, frames)
        good = ((cube["flags"] & SPOILT) == 0) & (cube[flux] > 0)
        return cls(*(np.where(good, cube[name], np.nan)[rows].astype(float) for name in (flux, error)))


def compare_tables(field: str, a: Path, b: Path, radius_px: float | None = None) -> Change:
    """The Change from one table to another.

    Raises
    ------
    ProductError
        One of them is damaged.
    WorkError
        They have no star, frame or aperture in common.
    """
    one, other = _Side.of(a), _Side.of(b)
    radius = _common_radius(one.radii_px & other.radii_px, radius_px)
    tic_id, frames = np.intersect1d(one.tic_id, other.tic_id), np.intersect1d(one.frames, other.frames)
    if not (tic_id.size and frames.size):
        raise WorkError(f"{a} and {b} have no star or no frame in common, expected tables of one night")
    counts = tuple(_Counts.of(side, radius, tic_id, frames) for side in (one, other))
    order = np.argsort(one.tic_id)
    tmag = one.tmag[order[np.searchsorted(one.tic_id, tic_id, sorter=order)]]
    made_of, before = (str(side.header.get("INPUTS", "")) for side in (other, one))
    return Change(
        field,
        radius,
        tuple(_bins(tmag, counts[0], counts[1])),
        *_gone_and_come(one.tic_id, other.tic_id),
        *_gone_and_come(one.frames, other.frames),
        _made_otherwise(before, made_of),
    )


def compare_with_before(field: str, table: Path, before: Path | None = None) -> Change:
    """The Change of a table from what it was before it was made anew (by the file `before`, that beside it).

    Levels are medians of all frames of each, not of those that both have.

    Raises
    ------
    ProductError
        One of them is damaged, or nothing was kept.
    WorkError
        They have no star or aperture in common.
    """
    one = read_summary(before or summary_path(table))
    other = summarise(table, one.radius_px)
    tic_id, in_one, in_other = np.intersect1d(one.tic_id, other.tic_id, return_indices=True)
    if not tic_id.size:
        raise WorkError(f"{table}: no star in common with what it was before")
    offset = -np.log(other.level[in_other] / one.level[in_one])
    scatter, errors = (
        (getattr(one, name)[in_one], getattr(other, name)[in_other]) for name in ("scatter", "error")
    )
    known = np.isfinite(offset)
    pairs = [tuple(values[known] for values in pair) for pair in (scatter, errors)]
    return Change(
        field,
        one.radius_px,
        tuple(_bins_of(one.tmag[in_one][known], offset[known], *pairs)),
        *_gone_and_come(one.tic_id, other.tic_id),
        *_gone_and_come(np.array(one.frames), np.array(other.frames)),
        _made_otherwise(one.inputs, other.inputs),
    )


def _gone_and_come(before: NDArray[Any], after: NDArray[Any]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """What is only in the one, and only in the other."""
    return tuple(np.setdiff1d(before, after).tolist()), tuple(np.setdiff1d(after, before).tolist())


def _made_otherwise(before: str, after: str) -> tuple[str, ...]:
    return tuple(Inputs.read(after).differences(before)) if after != before else ()


def _common_radius(common: set[float], wanted: float | None) -> float:
    if not common or (wanted is not None and wanted not in common):
        known = ", ".join(f"{radius:g}" for radius in sorted(common)) or "none"
        asked = "any radius" if wanted is None else f"{wanted:g} px"
        raise WorkError(f"no common aperture of {asked}, both have {known}")
    if wanted is not None:
        return wanted
    return USUAL_RADIUS_PX if USUAL_RADIUS_PX in common else sorted(common)[len(common) // 2]


def _bins(tmag: Floats, a: _Counts, b: _Counts) -> Iterator[Bin]:
    """A Bin a magnitude, of the counts that both have."""
    both = np.isfinite(a.flux) & np.isfinite(b.flux)
    known = both.sum(axis=0) >= 2
    sides = [
        _Counts(*(np.where(both, one, np.nan)[:, known] for one in (side.flux, side.error))) for side in (a, b)
    ]
    scatter, errors = zip(*(scatter_and_errors(side.flux, side.error) for side in sides), strict=True)
    offset = -np.nanmedian(np.log(sides[1].flux / sides[0].flux), axis=0)
    yield from _bins_of(tmag[known], offset, scatter, errors)


def _bins_of(tmag: Floats, offset: Floats, scatter: Sequence[Floats], errors: Sequence[Floats]) -> Iterator[Bin]:
    """A Bin a magnitude, of numbers of stars; those of A and of B in each pair."""
    whole = np.floor(tmag)
    for magnitude in np.unique(whole[np.isfinite(whole)]).tolist():
        here = whole == magnitude
        middle = [_mmag(values[here]) for values in (offset, *scatter, *errors)]
        yield Bin(int(magnitude), int(here.sum()), middle[0], (middle[1], middle[2]), (middle[3], middle[4]))


def _mmag(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(1000 * MAG_A_FLUX * np.median(known)) if known.size else float("nan")


def in_lines(change: Change) -> list[str]:
    """A change in lines of text."""
    lines = [f"{change.field}, aperture {change.radius_px:g} px: {'alike' if change.is_alike else 'DIFFERENT'}"]
    lines += [" ".join(f"{cell:>17}" for cell in row) for row in (_HEAD, *_rows(change))]
    return [*lines, *_say_rest(change)]


def _rows(change: Change) -> list[list[str]]:
    rows = []
    for one in change.bins:
        numbers = [f"{value:.3f}" for value in (*one.scatter, *one.errors)]
        rows.append([f"{one.tmag}-{one.tmag + 1}", str(one.stars), f"{one.offset:+.3f}", *numbers])
    return rows


def _say_rest(change: Change) -> list[str]:
    """Stars and frames that came or went, and what the tables were made of."""
    said = []
    kinds: tuple[tuple[str, Sequence[object]], ...] = (
        ("stars only in A", change.stars_lost),
        ("stars only in B", change.stars_gained),
        ("frames only in A", change.frames_lost),
        ("frames only in B", change.frames_gained),
    )
    for words, some in kinds:
        if some:
            more = ", …" if len(some) > NAMES_SHOWN else ""
            said.append(f"{len(some)} {words}: {', '.join(map(str, some[:NAMES_SHOWN]))}{more}")
    if change.made_otherwise:
        said.append(f"made with another {', '.join(change.made_otherwise)}")
    return said


def draw_changes(a: str | Path, b: str | Path, changes: Sequence[Change]) -> str:
    """The page of a comparison."""
    sections = [
        page.section(
            f"{change.field}: {'alike' if change.is_alike else 'different'}",
            page.paragraph(f"Aperture of {change.radius_px:g} px; medians of the stars of each magnitude."),
            page.table(_HEAD, _rows(change), marks=["good" if one.is_alike else "look" for one in change.bins]),
            page.items(_say_rest(change)),
            anchor=change.field,
        )
        for change in changes
    ]
    head = page.Html("<h1>Two reductions</h1>")
    body = page.join(head, page.paragraph(f"A: {a}"), page.paragraph(f"B: {b}"), *sections)
    return page.document("ngcmos: two reductions", body, summary={})
