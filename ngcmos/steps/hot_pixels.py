"""The hot pixels of a field, found in its own frames of the night and put into its masters.

They lie in `hot_pixels_{field}.fits`: `x` and `y` (the first pixel is 1), `excess` in ADU per second, `flickers`.
"""

import dataclasses
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from astropy.table import Table
from astropy.time import Time

from ngcmos.arrays import Floats32
from ngcmos.astrometry.distortion import Solution, to_pixels
from ngcmos.calibration.hot_pixels import HotPixels, do_stars_move, excess_of, find_hot_pixels
from ngcmos.calibration.masters import Masters
from ngcmos.calibration.reduce import subtract_dark
from ngcmos.config import Camera
from ngcmos.errors import FrameError, ProductError
from ngcmos.night.fingerprint import Inputs, digest_of
from ngcmos.night.frames import read_frame
from ngcmos.night.job import Job
from ngcmos.night.products import hot_pixels_path, read_written, write_table
from ngcmos.night.provenance import keep_product
from ngcmos.night.trimming import without_zero
from ngcmos.photometry.sky import KnownStars, cover_stars, star_reach

log = logging.getLogger(__name__)

MOST_FRAMES = 40  # of a field, evenly spread over the night
ROOMS = (
    *[f"ngcmos.calibration.{name}" for name in ("hot_pixels", "reduce")],
    "ngcmos.photometry.sky",
    "ngcmos.steps.hot_pixels",
)


class Sighted(Protocol):
    """What must be known of a frame: its plate solution, and what that was made of."""

    @property
    def path(self) -> Path: ...
    @property
    def start(self) -> Time: ...
    @property
    def exptime_s(self) -> float: ...
    @property
    def solution(self) -> Solution: ...
    @property
    def solution_sum(self) -> str: ...


def spread_frames(paths: Sequence[Path]) -> Sequence[Path]:
    """Those of the frames of a field that are to show its hot pixels."""
    return paths[:: max(1, -(-len(paths) // MOST_FRAMES))]


def with_hot_pixels(
    job: Job, field: str, masters: Masters, frames: Sequence[Sighted], catalog: Table, catalog_sum: str
) -> Masters:
    """The masters of a field with the hot pixels that its frames show.

    Unchanged, and said, where too few frames have a plate solution or the stars stand still.

    Parameters
    ----------
    job : ngcmos.night.job.Job
    field : str
    masters : ngcmos.calibration.masters.Masters
    frames : sequence of Sighted
    catalog : Table
        All stars of the field.
    catalog_sum : str
        Checksum of it.
    """
    places = [_known_stars(frame, catalog) for frame in frames]
    if not places or not do_stars_move(*(np.array([getattr(one, axis)[0] for one in places]) for axis in "xy")):
        log.info(
            "%s: %d frames with plate solutions, or stars that stand still: no hot pixels", field, len(frames)
        )
        return masters
    path, inputs = hot_pixels_path(job.folder, field), _inputs(job, masters, frames, catalog_sum)
    hot = _read(path, masters.dark.shape, inputs)
    if hot is None:
        hot = _find(frames, places, masters, job.camera)
        _write(path, hot, masters.dark.shape, inputs)
        keep_product(job.ledger, path, field, inputs)
        job.outcome.products.append(path)
        told = "%s: %d hot pixels in %d frames, %d of them flicker"
        log.info(told, field, hot.index.size, len(frames), hot.flickers.sum())
    dark, bad = hot.added_to(masters.dark, masters.bad)
    return dataclasses.replace(masters, dark=dark, bad=bad, hot_pixels=inputs.fingerprint)


def _known_stars(frame: Sighted, catalog: Table) -> KnownStars:
    """Where the stars of the catalog lie on a frame, the brightest first."""
    tmag = np.asarray(catalog["Tmag"], float)
    order = np.argsort(tmag, kind="stable")[: np.count_nonzero(np.isfinite(tmag))]
    x, y = to_pixels(
        frame.solution, *(np.asarray(catalog[name])[order] for name in ("ra_deg_corr", "dec_deg_corr"))
    )
    return KnownStars(x, y, star_reach(tmag[order]))


def _inputs(job: Job, masters: Masters, frames: Sequence[Sighted], catalog_sum: str) -> Inputs:
    bias, dark = (masters.checksums[name] or "none" for name in ("bias", "dark"))
    told = digest_of("\n".join(f"{one.path.name} {one.start.isot} {one.solution_sum}" for one in frames))
    sections = job.camera.calibration.sections_said
    return Inputs.of(ROOMS, bias=bias, dark=dark, catalog=catalog_sum, solution=told, trim=sections)


def _find(frames: Sequence[Sighted], places: Sequence[KnownStars], masters: Masters, camera: Camera) -> HotPixels:
    """The HotPixels of frames, excesses in ADU per second."""
    shape = masters.dark.shape

    def excesses() -> Iterator[Floats32]:
        for one, known in zip(frames, places, strict=True):
            try:
                frame = read_frame(one.path, camera)
            except FrameError:  # it is told of where it is measured
                continue
            counts = without_zero(frame.data, frame.zero_adu)
            net = subtract_dark(counts, frame.exptime, masters.bias, masters.dark, detector=camera.detector)
            yield excess_of(net, cover_stars(shape, known)) / np.float32(frame.exptime)

    exptime_s = float(np.median([one.exptime_s for one in frames]))
    return find_hot_pixels(excesses, shape, camera.detector.gain_e_adu * exptime_s)


def _read(path: Path, shape: tuple[int, int], inputs: Inputs) -> HotPixels | None:
    """The hot pixels that lie in the night; None where there are none, or none of these inputs, or damaged."""
    if not path.exists():
        return None
    try:
        table = read_written(path)
    except ProductError as error:
        log.warning("%s, made anew", error)
        return None
    if table.meta.get("FINGERPR") != inputs.fingerprint:
        return None
    index = np.ravel_multi_index((np.asarray(table["y"]) - 1, np.asarray(table["x"]) - 1), shape)
    return HotPixels(index, np.asarray(table["excess"], float), np.asarray(table["flickers"], bool))


def _write(path: Path, hot: HotPixels, shape: tuple[int, int], inputs: Inputs) -> None:
    y, x = np.unravel_index(hot.index, shape)
    table = Table({"x": x + 1, "y": y + 1, "excess": hot.excess, "flickers": hot.flickers})
    table["excess"].unit = "adu / s"
    table.meta["FINGERPR"] = inputs.fingerprint
    write_table(path, table)
