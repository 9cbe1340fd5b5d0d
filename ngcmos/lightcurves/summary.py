"""What a photometry table held, in short: kept when the table is made anew, to be compared with the new one.

``summarise(path)`` makes it of a table, ``keep_summary(path)`` writes it beside that, ``read_summary`` reads it.
"""

import dataclasses
import json
from pathlib import Path

import numpy as np

from ngcmos.arrays import Floats, Ints
from ngcmos.errors import ProductError, WorkError
from ngcmos.lightcurves.cube import read_cube
from ngcmos.lightcurves.series import frame_to_frame
from ngcmos.names import Flag
from ngcmos.night.products import summary_path, write_text
from ngcmos.tables.table import check_table, read_frames, read_stars

USUAL_RADIUS_PX = 5.0
SPOILT = Flag.SATURATED | Flag.OFF_CHIP | Flag.EDGE
_DIGITS = 7


@dataclasses.dataclass(frozen=True, eq=False)
class TableSummary:
    """The stars of a table in one aperture, and its frames.

    Attributes
    ----------
    tic_id, tmag : (stars,) arrays
    level, scatter, error : (stars,) arrays
        Median flux in ADU; scatter from frame to frame without what all stars do, and usual error, both over it.
        NaN where nothing is known.
    frames : tuple of str
    radius_px : float
    inputs : str
        What it was made of, as its card INPUTS says.
    """

    tic_id: Ints
    tmag: Floats
    level: Floats
    scatter: Floats
    error: Floats
    frames: tuple[str, ...]
    radius_px: float
    inputs: str


_ARRAYS = ("tic_id", "tmag", "level", "scatter", "error")


def summarise(path: Path, radius_px: float | None = None) -> TableSummary:
    """The TableSummary of a table, in the aperture of 5 px if it has that, else the middle one.

    Raises
    ------
    ProductError
        It is damaged.
    WorkError
        It has no such aperture.
    """
    header, stars, frames = check_table(path), read_stars(path), read_frames(path)
    radii = sorted(float(header[key]) for key in header if key.startswith("RADIUS"))
    radius = radius_px or (USUAL_RADIUS_PX if USUAL_RADIUS_PX in radii else radii[len(radii) // 2])
    if radius not in radii:
        raise WorkError(f"{path}: no aperture of {radius:g} px, expected one of {', '.join(map(str, radii))}")
    cube = read_cube(path, [f"flux_{radius:g}", f"fluxerr_{radius:g}", "flags"])
    good = ((cube["flags"] & SPOILT) == 0) & (cube[f"flux_{radius:g}"] > 0)
    flux, error = (
        np.where(good, cube[f"{name}_{radius:g}"], np.nan).astype(float) for name in ("flux", "fluxerr")
    )
    known = good.sum(axis=0) >= 2
    numbers = {name: np.full(known.size, np.nan) for name in ("level", "scatter", "error")}
    if known.any():
        numbers["level"][known] = np.nanmedian(flux[:, known], axis=0)
        numbers["scatter"][known], numbers["error"][known] = scatter_and_errors(flux[:, known], error[:, known])
    names = tuple(str(name).strip() for name in frames["frame_id"])
    ids, tmag = np.asarray(stars["tic_id"]), np.asarray(stars["Tmag"], float)
    return TableSummary(ids, tmag, **numbers, frames=names, radius_px=radius, inputs=str(header.get("INPUTS", "")))


def scatter_and_errors(flux: Floats, error: Floats) -> tuple[Floats, Floats]:
    """(scatter from frame to frame without what all stars do, usual error), relative, a star.

    Parameters
    ----------
    flux, error : (frames, stars) arrays
        NaN where a count is spoilt; each star has some that are not.
    """
    level = np.nanmedian(flux, axis=0)
    relative = flux / level
    frames = np.array([np.nanmedian(row) if np.isfinite(row).any() else np.nan for row in relative])
    scatter = np.array([frame_to_frame(star) for star in (relative / frames[:, None]).T])
    return scatter, np.nanmedian(error, axis=0) / level


def keep_summary(path: Path) -> None:
    """Write the summary of a table that is to be made anew beside it.

    Raises
    ------
    ProductError
        The table is damaged.
    WriteError
        It cannot be written.
    """
    summary = summarise(path)
    facts: dict[str, object] = {name: _plain(getattr(summary, name)) for name in _ARRAYS}
    facts |= {"frames": summary.frames, "radius_px": summary.radius_px, "inputs": summary.inputs}
    write_text(summary_path(path), json.dumps(facts, allow_nan=False) + "\n")


def _plain(values: Floats | Ints) -> list[int | float | None]:
    if np.issubdtype(values.dtype, np.integer):
        return [int(value) for value in values]
    return [float(f"{value:.{_DIGITS}g}") if np.isfinite(value) else None for value in values.tolist()]


def read_summary(path: Path) -> TableSummary:
    """The TableSummary that a file holds.

    Raises
    ------
    ProductError
        It is damaged, or none.
    """
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        ids = np.array(facts["tic_id"], np.int64)
        numbers = {name: np.array(facts[name], float) for name in _ARRAYS[1:]}
        if any(values.shape != ids.shape for values in numbers.values()):
            raise ValueError("columns of different lengths")
        frames = tuple(map(str, facts["frames"]))
        return TableSummary(
            ids, **numbers, frames=frames, radius_px=float(facts["radius_px"]), inputs=str(facts["inputs"])
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ProductError(f"{path}: damaged or no summary of a photometry table ({error})") from None
