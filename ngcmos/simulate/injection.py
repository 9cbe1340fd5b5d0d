"""Transits put into the pixels of a copy of a night, simulated or real, to see whether they are found again.

::

    injected = inject_night(config, night, "copy", count=20, depths=(0.002, 0.02), seed=1)
    scripts/run_night.py --config copy/directories.json ...

The copy is a base folder of its own with frames, catalogs and calibrations; `copy/injected.fits` tells the truth:
a row a star with tic_id, field, kind, amplitude, epoch_bjd, duration_d (see `ngcmos.simulate.signals.Signal`). The
night is only read. A star's own light is made less, pixel by pixel: its shape and noise stay as they were.
"""

import dataclasses
import json
import os
import shutil
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table

from ngcmos.astrometry.distortion import solution_from_header, to_pixels
from ngcmos.errors import UsageError, WorkError, WriteError
from ngcmos.night.frames import read_frame
from ngcmos.night.products import catalog_path, input_catalog_path
from ngcmos.photometry.sky import pixels_around
from ngcmos.photometry.times import bjd_tdb, mid_exposure
from ngcmos.simulate.signals import Signal, relative_flux

CALIBRATION, NIGHTS, OUT, TRUTH = "calibration", "nights", "out", "injected.fits"
TAPER_PX = 2.0  # over which the change fades out beyond the largest aperture
RING_PX = 6.0  # width of the ring whose median is the sky
MOST_CONTAMINATION = 0.02
DURATION_SHARE = (0.3, 0.5)  # of the night
ROOM_DURATIONS = 1.4  # of the transit that must lie within the series


@dataclasses.dataclass(frozen=True)
class Injected:
    """A star and what was put on it."""

    tic_id: int
    field: str
    signal: Signal


def change_star(data, x, y, factor, *, radius_px, rng):
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
    index, distance = (values[0] for values in pixels_around(data.shape, np.array([x]), np.array([y]), reach))
    counts = data.reshape(-1)[index].astype(float)
    ring = (distance > radius_px + TAPER_PX) & (distance <= reach)
    near = distance <= radius_px + TAPER_PX
    if not ring.any():
        return data.copy()
    share = np.clip((radius_px + TAPER_PX - distance[near]) / TAPER_PX, 0, 1)
    wanted = counts[near] + (factor - 1) * share * (counts[near] - np.median(counts[ring]))
    limits = np.iinfo(data.dtype)
    changed = data.copy()
    changed.reshape(-1)[index[near]] = np.clip(np.floor(wanted + rng.random(wanted.size)), limits.min, limits.max)
    return changed


def inject_night(config, night, target, *, count, depths, seed=0, tmag_max=13.0, ids=None):
    """Copy a solved night to a new base folder and put a transit on some stars of each field.

    Parameters
    ----------
    config : ngcmos.config.Config
    night : ngcmos.night.folder.Night
        Solved: its catalogs are there.
    target : path
        New or empty.
    count : int
        Stars of each field, fewer where there are not so many.
    depths : (float, float)
        Range of the depths, drawn evenly in their logarithm.
    seed : int
    tmag_max : float
        Faintest star.
    ids : sequence of int, optional
        TIC ids to choose among.

    Returns
    -------
    list of Injected

    Raises
    ------
    UsageError
        The folder is in use, or the depths make no sense.
    WorkError
        There is no star to choose.
    """
    target = Path(target).absolute()
    if not 0 < depths[0] <= depths[1] < 1:
        raise UsageError(f"depths are {depths}, expected two rising numbers between 0 and 1")
    folder = _prepare(config, night, target)
    rng = np.random.default_rng(seed)
    injected = []
    for field, paths in night.fields.items():
        stars = Table.read(input_catalog_path(night.folder, field), mask_invalid=False)
        for make in (catalog_path, input_catalog_path):
            shutil.copy(make(night.folder, field), folder)
        chosen = _choose(stars, count, tmag_max, ids, rng)
        injected += _inject_field(config, field, paths, folder, stars[chosen], depths, rng)
    if not injected:
        raise WorkError(f"{night.folder}: no star to put a transit on, expected one with Tmag up to {tmag_max:g}")
    _table_of(injected).write(target / TRUTH)
    return injected


def read_injected(target):
    """[Injected] of a copy."""
    table = Table.read(Path(target) / TRUTH, character_as_bytes=False)
    return [
        Injected(int(row["tic_id"]), str(row["field"]), Signal(str(row["kind"]), *map(float, list(row)[3:])))
        for row in table
    ]


def _prepare(config, night, target):
    """The night folder of an empty base folder with calibrations and flats."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{target}: is in use, expected a new or an empty folder")
    folder = target / NIGHTS / night.folder.name
    try:
        folder.mkdir(parents=True)
        for source, name in ((config.directories.calibration, CALIBRATION), (config.directories.out, OUT)):
            shutil.copytree(source, target / name)
        for path in [*night.folder.glob("*flat*.fits")]:
            shutil.copy2(path, folder)
        lists = {"calibration_paths": [CALIBRATION], "base_paths": [NIGHTS], "out_paths": [OUT]}
        (target / "directories.json").write_text(json.dumps(lists, indent=1), encoding="utf-8")
    except OSError as error:
        raise WriteError(f"{target}: cannot be prepared ({error})") from None
    return folder


def _choose(stars, count, tmag_max, ids, rng):
    """Rows of stars that are alone and bright enough."""
    fit = (np.asarray(stars["Tmag"], float) <= tmag_max) & ~np.asarray(stars["blended"], bool)
    if "contamination" in stars.colnames:
        fit &= np.asarray(stars["contamination"], float) < MOST_CONTAMINATION
    if ids is not None:
        fit &= np.isin(stars["tic_id"], list(ids))
    rows = np.flatnonzero(fit)
    return np.sort(rng.choice(rows, min(count, rows.size), replace=False))


def _inject_field(config, field, paths, folder, stars, depths, rng):
    """Write the frames of a field with their transits; [Injected]."""
    frames = [read_frame(path, config.camera, pixels=False) for path in paths]
    middle = [mid_exposure(frame.start, frame.exptime) for frame in frames]
    ra, dec = np.asarray(stars["ra_deg_corr"], float), np.asarray(stars["dec_deg_corr"], float)
    bjd = np.concatenate([bjd_tdb(time, ra, dec, config.site) for time in middle])
    signals = [draw_transit(bjd[:, column], depths, rng) for column in range(len(stars))]
    factor = np.array([relative_flux(signal, bjd[:, column]) for column, signal in enumerate(signals)])
    factor = factor.reshape(len(stars), len(paths)).T
    radius = max(config.camera.photometry.radii_px) + TAPER_PX
    for path, factors in zip(paths, factor, strict=True):
        frame = read_frame(path, config.camera)
        x, y = to_pixels(solution_from_header(frame.header), ra, dec)
        data = frame.data
        for at_x, at_y, one in zip(x, y, factors, strict=True):
            if one != 1 and 0 <= at_x < data.shape[1] - 0.5 and 0 <= at_y < data.shape[0] - 0.5:
                data = change_star(data, at_x, at_y, one, radius_px=radius, rng=rng)
        _write_copy(folder / path.name, path, data)
    return [Injected(int(tic_id), field, one) for tic_id, one in zip(stars["tic_id"], signals, strict=True)]


def draw_transit(bjd, depths, rng):
    """A transit of random length, depth (evenly in its logarithm) and time (evenly in `mid_time_window`)."""
    duration = (bjd.max() - bjd.min()) * rng.uniform(*DURATION_SHARE)
    depth = np.exp(rng.uniform(*np.log(depths)))
    epoch = rng.uniform(*mid_time_window(bjd, duration))
    return Signal("transit", float(depth), float(epoch), float(duration))


def mid_time_window(bjd, duration_d):
    """(earliest, latest) mid-time (BJD) of a transit that lies within a series with some light before and after.

    Mid-times are drawn evenly from it, so whoever looks for one may know no more than that.
    """
    middle = (bjd.max() + bjd.min()) / 2
    room = max(bjd.max() - bjd.min() - ROOM_DURATIONS * duration_d, 0.0) / 2
    return middle - room, middle + room


def _write_copy(path, source, data):
    fits.PrimaryHDU(data, fits.getheader(source)).writeto(path)
    known = source.stat()
    os.utime(path, ns=(known.st_atime_ns, known.st_mtime_ns))


def _table_of(injected):
    rows = [{"tic_id": one.tic_id, "field": one.field, **dataclasses.asdict(one.signal)} for one in injected]
    return Table(rows)
