"""Transits put into the pixels of a copy of a night, simulated or real, to see whether they are found again.

::

    injected = inject_night(config, night, "copy", Wanted(count=20, depths=(0.002, 0.02), seed=1))
    scripts/run_night.py --config copy/directories.json ...

The copy is a base folder of its own with frames, catalogs and calibrations; `copy/injected.fits` tells the truth:
a row a star with tic_id, field, kind, amplitude, epoch_bjd, duration_d (see `ngcmos.simulate.signals.Signal`). The
night is only read. A star's own light is made less, pixel by pixel: its shape and noise stay as they were.
"""

import dataclasses
import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.table import Table
from astropy.time import Time
from astropy.wcs import WCS
from numpy.typing import NDArray

from ngcmos.config import Config
from ngcmos.errors import UsageError, WorkError, WriteError
from ngcmos.night.cards import Header, header_text
from ngcmos.night.filenames import is_fits, split_ending
from ngcmos.night.folder import Night
from ngcmos.night.frames import read_frame
from ngcmos.night.products import catalog_path, input_catalog_path
from ngcmos.simulate.ephemeris import barycentric_dates
from ngcmos.simulate.signals import Floats, Signal, relative_flux

CALIBRATION, NIGHTS, OUT, TRUTH = "calibration", "nights", "out", "injected.fits"
TAPER_PX = 2.0  # over which the change fades out beyond the largest aperture
RING_PX = 6.0  # width of the ring whose median is the sky
MOST_CONTAMINATION = 0.02
DURATION_SHARE = (0.3, 0.5)  # of the night
ROOM_DURATIONS = 1.4  # of the transit that must lie within the series
WCS_CARD = re.compile(r"(CTYPE|CRVAL|CRPIX|CUNIT|CDELT|CD\d_|PC\d_|[AB]P?_(\d_\d|ORDER)|RADESYS|EQUINOX|L..POLE)")
Whole = TypeVar("Whole", bound=np.integer[Any])


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What is to be put on a night.

    Attributes
    ----------
    count : int
        Stars of each field, fewer where there are not so many.
    depths : (float, float)
        Range of the depths, drawn evenly in their logarithm.
    seed : int
    tmag_max : float
        Faintest star.
    ids : sequence of int, optional
        TIC ids to choose among.
    """

    count: int
    depths: tuple[float, float]
    seed: int = 0
    tmag_max: float = 13.0
    ids: Sequence[int] | None = None

    def __post_init__(self) -> None:
        if not 0 < self.depths[0] <= self.depths[1] < 1:
            raise UsageError(f"depths are {self.depths}, expected two rising numbers between 0 and 1")


@dataclasses.dataclass(frozen=True)
class Injected:
    """A star and what was put on it."""

    tic_id: int
    field: str
    signal: Signal


def change_star(
    data: NDArray[Whole], x: float, y: float, factor: float, *, radius_px: float, rng: np.random.Generator
) -> NDArray[Whole]:
    """Raw counts with the light of one star times `factor`, as whole numbers; the other pixels as they were.

    Parameters
    ----------
    data : (rows, columns) integer array
        Not changed.
    x, y : float
        0-based pixels.
    factor : float
    radius_px : float
        Within it all light is changed; it fades out over 2 px more.
    rng : numpy.random.Generator
        Rounds up or down by chance, so that on average nothing is lost.
    """
    reach = radius_px + TAPER_PX + RING_PX
    rows, columns = (slice(max(0, round(at - reach)), round(at + reach) + 1) for at in (y, x))
    changed = data.copy()
    stamp = changed[rows, columns]
    up, across = np.ogrid[: stamp.shape[0], : stamp.shape[1]]
    distance = np.hypot(across + columns.start - x, up + rows.start - y)
    ring = (distance > radius_px + TAPER_PX) & (distance <= reach)
    near = distance <= radius_px + TAPER_PX
    if not ring.any():
        return changed
    share = np.clip((radius_px + TAPER_PX - distance[near]) / TAPER_PX, 0, 1)
    counts = stamp[near].astype(float)
    wanted = counts + (factor - 1) * share * (counts - np.median(stamp[ring]))
    limits = np.iinfo(data.dtype)
    stamp[near] = np.clip(np.floor(wanted + rng.random(wanted.size)), limits.min, limits.max)
    return changed


def inject_night(config: Config, night: Night, target: Path | str, wanted: Wanted) -> list[Injected]:
    """Copy a solved night to a new base folder and put a transit on some stars of each field.

    Parameters
    ----------
    config : ngcmos.config.Config
    night : ngcmos.night.folder.Night
        Solved: its catalogs are there.
    target : path
        New or empty.
    wanted : Wanted

    Raises
    ------
    UsageError
        The folder is in use.
    WorkError
        There is no star to choose.
    """
    target = Path(target).absolute()
    folder = _prepare(config, night, target)
    rng = np.random.default_rng(wanted.seed)
    injected: list[Injected] = []
    for field, paths in night.fields.items():
        stars = Table.read(input_catalog_path(night.folder, field), mask_invalid=False)
        for make in (catalog_path, input_catalog_path):
            shutil.copy(make(night.folder, field), folder)
        chosen = stars[_choose(stars, wanted, rng)]
        signals, factors = _draw_field(config, paths, chosen, wanted.depths, rng)
        _write_field(config, paths, folder, chosen, factors, rng)
        ids = chosen["tic_id"].tolist()
        injected += [Injected(tic_id, field, signal) for tic_id, signal in zip(ids, signals, strict=True)]
    if not injected:
        raise WorkError(
            f"{night.folder}: no star to put a transit on, expected one with Tmag up to {wanted.tmag_max:g}"
        )
    _table_of(injected).write(target / TRUTH)
    return injected


def _prepare(config: Config, night: Night, target: Path) -> Path:
    """The night folder of an empty base folder with calibrations and flats."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{target}: is in use, expected a new or an empty folder")
    folder = target / NIGHTS / night.folder.name
    try:
        folder.mkdir(parents=True)
        for source, name in ((config.directories.calibration, CALIBRATION), (config.directories.out, OUT)):
            shutil.copytree(source, target / name)
        for path in night.folder.iterdir():
            if "flat" in path.name and is_fits(path.name):
                shutil.copy2(path, folder)
        lists = {
            "calibration_paths": [CALIBRATION],
            "base_paths": [NIGHTS],
            "out_paths": [OUT],
            "cameras": [str(config.camera.source)],
        }
        (target / "directories.json").write_text(json.dumps(lists, indent=1), encoding="utf-8")
    except OSError as error:
        raise WriteError(f"{target}: cannot be prepared ({error})") from None
    return folder


def _choose(stars: Table, wanted: Wanted, rng: np.random.Generator) -> NDArray[np.intp]:
    """Rows of stars that are alone and bright enough."""
    fit = (np.asarray(stars["Tmag"], float) <= wanted.tmag_max) & ~np.asarray(stars["blended"], bool)
    if "contamination" in stars.colnames:
        fit &= np.asarray(stars["contamination"], float) < MOST_CONTAMINATION
    if wanted.ids is not None:
        fit &= np.isin(stars["tic_id"], list(wanted.ids))
    rows = np.flatnonzero(fit)
    return np.sort(rng.choice(rows, min(wanted.count, rows.size), replace=False))


def _draw_field(
    config: Config, paths: Sequence[Path], stars: Table, depths: tuple[float, float], rng: np.random.Generator
) -> tuple[list[Signal], Floats]:
    """A transit for each star, and what it leaves of the light: (frames, stars)."""
    frames = [read_frame(path, config.camera, pixels=False) for path in paths]
    middle = Time([frame.start + frame.exptime / 2 * u.s for frame in frames])
    bjd = barycentric_dates(middle, stars["ra_deg_corr"], stars["dec_deg_corr"], config.site)
    signals = [draw_transit(bjd[:, column], depths, rng) for column in range(len(stars))]
    factors = [relative_flux(signal, bjd[:, column]) for column, signal in enumerate(signals)]
    return signals, np.array(factors).reshape(len(stars), len(paths)).T


def _write_field(
    config: Config, paths: Sequence[Path], folder: Path, stars: Table, factors: Floats, rng: np.random.Generator
) -> None:
    """Write the frames of a field with the light of these stars times `factors` (frames, stars)."""
    radius = max(config.camera.photometry.radii_px) + TAPER_PX
    for path, factor in zip(paths, factors, strict=True):
        frame = read_frame(path, config.camera)
        data = np.asarray(frame.data)
        changing = np.flatnonzero(factor != 1)
        x, y = _pixels_of(frame.header, stars[changing])
        for at_x, at_y, one in zip(x, y, factor[changing], strict=True):
            if 0 <= at_x < data.shape[1] - 0.5 and 0 <= at_y < data.shape[0] - 0.5:
                data = change_star(data, at_x, at_y, one, radius_px=radius, rng=rng)
        _write_copy(folder, path, frame.header, data)


def _pixels_of(header: Mapping[str, Any], stars: Table) -> tuple[Floats, Floats]:
    """0-based x, y of stars by the solution in a header, TAN-SIP, as astropy inverts it."""
    cards = fits.Header([(key, header[key]) for key in header if WCS_CARD.match(key)])
    x, y = WCS(cards).all_world2pix(stars["ra_deg_corr"], stars["dec_deg_corr"], 0, quiet=True)
    return np.asarray(x), np.asarray(y)


def draw_transit(bjd: Floats, depths: tuple[float, float], rng: np.random.Generator) -> Signal:
    """A transit of random length, depth (evenly in its logarithm) and time (evenly in `mid_time_window`)."""
    duration = (bjd.max() - bjd.min()) * rng.uniform(*DURATION_SHARE)
    depth = np.exp(rng.uniform(*np.log(depths)))
    epoch = rng.uniform(*mid_time_window(bjd, duration))
    return Signal("transit", float(depth), float(epoch), float(duration))


def mid_time_window(bjd: Floats, duration_d: float) -> tuple[float, float]:
    """(earliest, latest) mid-time (BJD) of a transit that lies within a series with some light before and after.

    Mid-times are drawn evenly from it, so whoever looks for one may know no more than that.
    """
    middle = float(bjd.max() + bjd.min()) / 2
    room = max(float(bjd.max() - bjd.min()) - ROOM_DURATIONS * duration_d, 0.0) / 2
    return middle - room, middle + room


def _write_copy(folder: Path, source: Path, header: Header, data: NDArray[Any]) -> None:
    """A plain file, whatever holds the frame, with the cards that count for it: those beside it too."""
    cards = fits.Header.fromstring(header_text(header))
    cards.strip()
    path = folder / f"{split_ending(source.name)[0]}.fits"
    fits.PrimaryHDU(data, cards).writeto(path)
    known = source.stat()
    os.utime(path, ns=(known.st_atime_ns, known.st_mtime_ns))


def _table_of(injected: Sequence[Injected]) -> Table:
    rows = [{"tic_id": one.tic_id, "field": one.field, **dataclasses.asdict(one.signal)} for one in injected]
    return Table(rows)
