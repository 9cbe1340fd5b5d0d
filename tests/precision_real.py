"""What the real frames gain by their hot pixels, and what a decorrelation would: two tables.

``NGCMOS_REAL_DATA=... python tests/precision_real.py``. Scatter is about a straight line. A decorrelation is
judged where it has not looked: each point by a fit to all others, and five points in a row likewise, so that what
drifts as a star does cannot hide. The ratio is to the line alone: above 1 the fit adds more than it takes away.
"""

import dataclasses
import logging
import os
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from astropy.table import Table
from precision_sky import HATP32, after_trend, solve_real, write_table
from running import run_stage

from ngcmos.lightcurves.cube import read_cube
from ngcmos.stages import process_cmos, relative_photometry
from ngcmos.tables.table import read_frames, read_stars

TMAG_MAX = 15.0
BINS = ((10, 11.5), (11.5, 12.5), (12.5, 13.5), (13.5, 15))
WITH_LINE = {
    "x, y": ("x", "y"),
    "FWHM": ("fwhm_px",),
    "elongation": ("elongation",),
    "sky": ("sky",),
    "airmass": ("airmass",),
    "x, y, FWHM, sky": ("x", "y", "fwhm_px", "sky"),
}
LEFT_OUT = {"one point": 1, "five in a row": 5}


@dataclasses.dataclass(frozen=True, eq=False)
class Curves:
    """Relative curves of the stars that all frames have: (stars,) ids and magnitudes, (stars, frames) the rest."""

    tic_id: np.ndarray
    tmag: np.ndarray
    predicted: np.ndarray
    time: np.ndarray
    flux: np.ndarray

    @property
    def scatter(self):
        return np.array([after_trend(*pair) for pair in zip(self.time, self.flux, strict=True)])


def with_hot_pixels(config, wanted):
    """The configuration with hot pixels looked for, or not."""
    own = dataclasses.replace(config.camera.calibration, night_hot_pixels=wanted)
    return dataclasses.replace(config, camera=dataclasses.replace(config.camera, calibration=own))


def curves_of(config, night):
    """Curves of the night, measured anew."""
    run_stage(process_cmos, config, night, overwrite=True, quiet=True)
    run_stage(relative_photometry, config, night, tmag_max=TMAG_MAX, overwrite=True)
    path = next(night.folder.glob("rel_phot_*.fits"))
    stars, rows = Table.read(path, hdu="STARS"), Table.read(path, hdu="REL_PHOT", mask_invalid=False)
    time, flux = (np.asarray(rows[name], float).reshape(len(stars), -1) for name in ("Time_BJD", "Relative_Flux"))
    whole = np.isfinite(flux).all(axis=1)
    own = (np.asarray(stars[name])[whole] for name in ("tic_id", "Tmag", "predicted"))
    return Curves(*own, (time - time[:, :1])[whole], flux[whole])


def hot_rows(without, mended):
    """Table rows: scatter of the stars of a magnitude without their hot pixels taken off, and with."""
    for low, high in BINS:
        told = []
        for curves in (without, mended):
            inside = (curves.tmag >= low) & (curves.tmag < high)
            median, worst = np.percentile(curves.scatter[inside], [50, 97])
            told += [f"{1e3 * median:.2f}", f"{1e3 * worst:.1f}"]
        yield f"{low:g}-{high:g} | {inside.sum()} | {told[0]} | {told[2]} | {told[1]} | {told[3]}"
    own = [f"{1e3 * curves.scatter[curves.tic_id == HATP32][0]:.2f}" for curves in (without, mended)]
    yield f"HAT-P-32 | 1 | {own[0]} | {own[1]} | | "


def decorrelation_rows(curves, night):
    """Table rows: scatter about what was fitted to other points, over that about a line alone."""
    known = regressors(night, curves.tic_id)
    errors = {
        (name, length): np.array(
            [left_out_error(curves, known, star, names, length) for star in range(len(curves.flux))]
        )
        for name, names in {"": (), **WITH_LINE}.items()
        for length in LEFT_OUT.values()
    }
    own = curves.tic_id == HATP32
    for name in WITH_LINE:
        ratios = [errors[name, length] / errors["", length] for length in LEFT_OUT.values()]
        bright = curves.tmag < BINS[0][1]
        told = [f"{np.median(part):.3f}" for ratio in ratios for part in (ratio, ratio[bright], ratio[own])]
        yield f"{name} | {' | '.join(told)}"


def regressors(night, tic_id):
    """{name: (stars, frames) array} of what a curve may hang on."""
    path = next(night.folder.glob("phot_*.fits"))
    order = {star: row for row, star in enumerate(np.asarray(read_stars(path)["tic_id"]).tolist())}
    rows = np.array([order[star] for star in tic_id.tolist()])
    cube, frames = read_cube(path, ["x", "y", "sky"], stars=rows), read_frames(path)
    shared = {name: np.asarray(frames[name], float) for name in ("fwhm_px", "elongation", "airmass")}
    own = {name: values.T.astype(float) for name, values in cube.items()}
    return own | {name: np.tile(values, (rows.size, 1)) for name, values in shared.items()}


def left_out_error(curves, known, star, names, length):
    """Root mean square of a star's points about a fit of a line and of these to all points but themselves."""
    flux = curves.flux[star]
    columns = np.stack([np.ones(flux.size), curves.time[star], *(known[name][star] for name in names)], axis=1)
    columns[:, 1:] -= columns[:, 1:].mean(axis=0)
    columns[:, 1:] /= np.maximum(columns[:, 1:].std(axis=0), 1e-12)
    off = np.empty(flux.size)
    for first in range(0, flux.size, length):
        out = np.zeros(flux.size, bool)
        out[first : first + length] = True
        fit = np.linalg.lstsq(columns[~out], flux[~out], rcond=None)[0]
        off[out] = flux[out] - columns[out] @ fit
    return np.sqrt(np.mean(off**2))


def main():
    logging.getLogger("ngcmos").addHandler(logging.NullHandler())
    if "NGCMOS_REAL_DATA" not in os.environ:
        sys.exit("$NGCMOS_REAL_DATA is not set, expected the folder of the real frames")
    with tempfile.TemporaryDirectory() as folder:
        shutil.rmtree(folder)
        config, night = solve_real(Path(os.environ["NGCMOS_REAL_DATA"]), Path(folder))
        without, mended = (curves_of(with_hot_pixels(config, wanted), night) for wanted in (False, True))
        head = "Tmag | stars | median before | after | worst 3 % before | after"
        write_table(head, hot_rows(without, mended))
        columns = [f"{who}, {name} left out" for name in LEFT_OUT for who in ("all", "bright", "HAT-P-32")]
        head = " | ".join(["a line and", *columns])
        write_table(head, decorrelation_rows(mended, night))


if __name__ == "__main__":
    main()
