"""What the stars of a night say of its plate solutions and zero points, and the pictures of it.

``read_stars_of_night(folder, field, camera) -> NightStars``: the usual residual of each star over the chip, and
its own zero point, from some frames of the photometry table.
"""

import dataclasses
import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ngcmos.arrays import Bools, Floats, Reals, Rows, Shape
from ngcmos.config import Camera
from ngcmos.errors import ProductError
from ngcmos.names import Flag
from ngcmos.night.fingerprint import code_of, digest_of
from ngcmos.night.products import photometry_path, plots_folder, write_then_rename
from ngcmos.qc.plots import write_figure
from ngcmos.qc.solution_plot import SolutionPicture, ZeroPointPicture, plot_solution, plot_zero_point
from ngcmos.sphere import sides_of
from ngcmos.stats import column_medians
from ngcmos.tables.table import read_frames, rows_of_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FRAMES_READ = 40  # evenly through the night: what is usual shows in these
SURE_PX = 0.1  # residuals of stars whose centroid is less sure are noise
LARGE_DPI, SMALL_DPI = 110, 45
_PNG_END = b"IEND\xaeB`\x82"
_ROOMS = ("ngcmos.report.solution", *(f"ngcmos.qc.{name}" for name in ("layout", "plots", "solution_plot")))
_SPOILT = Flag.EDGE | Flag.SATURATED | Flag.BAD_PIXEL | Flag.BLENDED | Flag.OFF_CHIP | Flag.TRAIL | Flag.CLOUD


@dataclasses.dataclass(frozen=True, eq=False)
class NightStars:
    """A field in a night. (stars,) arrays: places (0-based), measured minus predicted (px), colour, zero point
    over that of the frame; (frames,) arrays: zero point and airmass."""

    x: Floats
    y: Floats
    dx: Floats
    dy: Floats
    colour: Floats
    offset_mag: Floats
    zp: Floats
    airmass: Floats
    shape: Shape


def read_stars_of_night(folder: Path, field: str, camera: Camera) -> NightStars | None:
    """The NightStars of a field; None where there is no sound table, or one without centroids.

    Frames of a turned sky are left out: a star is elsewhere on the chip there.
    """
    path = photometry_path(folder, field)
    try:
        rows, frames = rows_of_table(path), read_frames(path)
    except ProductError:
        return None
    if "dx" not in (rows.dtype.names or ()):
        return None
    sides = sides_of(np.asarray(frames["rotation_deg"], float))
    usual = np.flatnonzero(sides == np.bincount(sides).argmax())
    chosen = usual[np.linspace(0, usual.size - 1, min(FRAMES_READ, usual.size)).astype(int)]
    some = np.array(rows[chosen])
    fit = (some["flags"] & _SPOILT) == 0
    sure = fit & (np.hypot(some["dxerr"], some["dyerr"]) < SURE_PX)
    zp, exptime_s = (np.asarray(frames[name], float) for name in ("zp", "exptime_s"))
    return NightStars(
        x=_median(some["x"] - 1.0, fit),
        y=_median(some["y"] - 1.0, fit),
        dx=_median(some["dx"], sure),
        dy=_median(some["dy"], sure),
        colour=some["gaiabp"][0].astype(float) - some["gaiarp"][0].astype(float),
        offset_mag=_offsets(some, fit, zp[chosen], exptime_s[chosen], camera),
        zp=zp,
        airmass=np.asarray(frames["airmass"], float),
        shape=camera.detector.shape,
    )


def _median(values: Reals, used: Bools) -> Floats:
    """(stars,) medians of (frames, stars) values, of those that are used."""
    medians: Floats = column_medians(np.where(used, values.astype(float), np.nan)).astype(float)
    return medians


def _offsets(rows: Rows, fit: Bools, zp: Floats, exptime_s: Floats, camera: Camera) -> Floats:
    """(stars,) own zero points over those of their frames, in the middle aperture, magnitudes."""
    radius = sorted(camera.photometry.radii_px)[len(camera.photometry.radii_px) // 2]
    flux = np.where(fit, rows[f"flux_{radius:g}"].astype(float), np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        own = rows["Tmag"] + 2.5 * np.log10(flux / exptime_s[:, None])
    offsets = _median(own - zp[:, None], fit)
    known = offsets[np.isfinite(offsets)]
    return offsets - float(np.median(known)) if known.size else offsets


@dataclasses.dataclass(frozen=True)
class DrawnSolution:
    """Pictures of a field: small ones (JPEG, caption) for the page, and the large files."""

    small: list[tuple[bytes, str]]
    large: list[Path]


def draw_solution(base: Path, field: str, date: str, stars: NightStars) -> DrawnSolution:
    """Large pictures in `shifts_plots`: residuals of the plate solution, zero point by air and colour."""
    residuals = SolutionPicture(stars.x, stars.y, stars.dx, stars.dy, stars.shape)
    zero_point = ZeroPointPicture(stars.airmass, stars.zp, stars.colour, stars.offset_mag)
    title, made_of = f"{field}, {date}", _made_of(stars)
    pictures: dict[str, tuple[Callable[[], Figure], str]] = {
        "wcs_residuals": (lambda: plot_solution(residuals, title=title), "residuals of the plate solution"),
        "zero_point": (lambda: plot_zero_point(zero_point, title=title), "zero point against airmass and color"),
    }
    small, large = [], []
    for name, (plot, caption) in pictures.items():
        path = plots_folder(base) / f"{name}_{field}_{date}.png"
        if not _stands(path, made_of):
            with write_then_rename(path) as temporary:
                write_figure(plot(), temporary, dpi=LARGE_DPI, metadata={"Comment": made_of})
        small.append((_smaller(path), caption))
        large.append(path)
    return DrawnSolution(small, large)


def _made_of(stars: NightStars) -> str:
    """Digest of what the pictures show, and of the code that draws them."""
    values = b"".join(np.asarray(value).tobytes() for value in vars(stars).values())
    return digest_of(values + code_of(*_ROOMS).encode())


def _stands(path: Path, made_of: str) -> bool:
    """Whether a whole picture of the same lies there: drawing takes longer than the rest of the page."""
    content = path.read_bytes() if path.is_file() else b""
    return made_of.encode() in content and content.endswith(_PNG_END)


def _smaller(path: Path) -> bytes:
    """A picture as a small JPEG for the page."""
    from PIL import Image

    content = io.BytesIO()
    with Image.open(path) as picture:
        size = (round(picture.width * SMALL_DPI / LARGE_DPI), round(picture.height * SMALL_DPI / LARGE_DPI))
        picture.convert("RGB").resize(size).save(content, format="jpeg")
    return content.getvalue()
