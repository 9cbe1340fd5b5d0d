"""How low the light curves of the real frames can be, and how well so few points tell it: two tables.

``NGCMOS_REAL_DATA=... python tests/precision_floor.py``. The floor of HAT-P-32 is made of its photons, the sky as
it scatters from pixel to pixel, the air, and its comparison stars. The crowded field tells its brightest constant
stars beside a plain sum of the others, in the same apertures and frames; errors are those of stars and frames
drawn anew.
"""

import json
import logging
import os
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from astropy.table import Table
from precision_sky import HATP32, solve_real, write_table
from running import run_script, run_stage

from ngcmos.lightcurves.cube import read_cube
from ngcmos.lightcurves.scatter import scatter
from ngcmos.stages import process_cmos, relative_photometry
from ngcmos.tables.table import read_frames, read_stars

DRAWS = 2000
BRIGHTEST, FEWEST_POINTS = 15, 30  # of 40 frames
STATISTICS = {
    "scatter, wild points left out": lambda curves: scatter(curves.T),
    "standard deviation": lambda curves: np.nanstd(curves, axis=1, ddof=1),
}


def curves_of(folder):
    """(STARS, (stars, frames) relative flux, how far that lies off a line in time) of a night of one field."""
    path = next(folder.glob("rel_phot_*.fits"))
    stars, rows = Table.read(path, hdu="STARS"), Table.read(path, hdu="REL_PHOT", mask_invalid=False)
    time, flux = (np.asarray(rows[name], float).reshape(len(stars), -1) for name in ("Time_BJD", "Relative_Flux"))
    off = [
        values - np.polyval(np.polyfit(days - days[0], values, 1), days - days[0])
        for days, values in zip(time, flux, strict=True)
    ]
    return stars, flux, np.array(off)


def floor_rows(config, night):
    """Table rows, an aperture each: what HAT-P-32 must scatter by, part by part, and what it does."""
    run_stage(process_cmos, config, night, overwrite=True)
    path, draws = next(night.folder.glob("phot_*.fits")), np.random.default_rng(0)
    star, frames = np.flatnonzero(np.asarray(read_stars(path)["tic_id"]) == HATP32), read_frames(path)
    for radius in config.camera.photometry.radii_px:
        run_stage(relative_photometry, config, night, radius_px=radius, overwrite=True)
        stars, _, off = curves_of(night.folder)
        own = np.flatnonzero(np.asarray(stars["tic_id"]) == HATP32)[0]
        light = np.median(read_cube(path, [f"flux_{radius:g}"], stars=star)[f"flux_{radius:g}"])
        sky = np.pi * np.mean((radius * np.asarray(frames["sky_rms"]) / light) ** 2)
        alone = [
            1 / (light * config.camera.detector.gain_e_adu),
            sky,
            np.mean(np.asarray(frames["scintillation"]) ** 2),
        ]
        compared = sum(alone) / stars["comparisons"][own]  # each as restless as the star, at best
        known_to = np.std(np.std(draws.choice(off[own], (DRAWS, off[own].size)), axis=1))
        told = " | ".join(f"{1e3 * part**0.5:.2f}" for part in (*alone, compared, sum(alone) + compared))
        yield f"{radius:g} | {told} | {1e3 * np.std(off[own]):.2f} +- {1e3 * known_to:.2f}"


def reduce_crowded(real_data, folder):
    """The folder of the crowded field's frames, all in one night, reduced as docs/new_camera.md does."""
    night, profile = folder / "ogle", folder / "ogle.toml"
    shutil.copytree(real_data / "ogle", night, copy_function=shutil.copy)
    stars = (night / "tic_lmc531.fits").rename(folder / "stars.fits")
    (folder / "calibration").mkdir()
    lists = {"calibration_paths": ["calibration"], "base_paths": ["."], "out_paths": ["out"]}
    (folder / "directories.json").write_text(json.dumps(lists))
    run_script("new_camera", *sorted(night.glob("*.fts")), "--catalog", stars, "--output", profile)
    named = ["--config", folder / "directories.json", "--directory", night, "--camera", profile]
    run_script("run_night", *named, "--catalog", stars, "--skip", "QC_control")
    return night


def beside_plain_sums(night):
    """((stars, frames) curves of the brightest constant stars, the same by sums of the others); same points."""
    stars, flux, _ = curves_of(night)
    path = next(night.glob("phot_*.fits"))
    row_of = {star: row for row, star in enumerate(np.asarray(read_stars(path)["tic_id"]).tolist())}
    constant = ~np.asarray(stars["variable"], bool) & (np.asarray(stars["points"]) >= FEWEST_POINTS)
    chosen = [star for star in np.argsort(stars["Tmag"]) if constant[star]][:BRIGHTEST]
    rows = np.array([row_of[star] for star in np.asarray(stars["tic_id"])[chosen].tolist()])
    plain = np.empty_like(flux[chosen])
    for place, star in enumerate(chosen):
        name = f"flux_{stars['radius_px'][star]:g}"
        light = read_cube(path, [name], stars=np.sort(rows))[name].T[np.argsort(np.argsort(rows))].astype(float)
        level, others = np.nanmedian(light, axis=1), np.arange(len(chosen)) != place
        seen = np.isfinite(light) & others[:, None]  # in frames where some are missing, the others' share
        plain[place] = light[place] / level[place] / (np.nansum(light * seen, axis=0) / (level @ seen))
    plain[~np.isfinite(flux[chosen])] = np.nan
    ensemble = np.where(np.isfinite(plain), flux[chosen], np.nan)
    return ensemble, plain


def crowded_rows(night):
    """Table rows: median of the stars by the ensemble and by plain sums, and their difference, in thousandths."""
    both, draws = beside_plain_sums(night), np.random.default_rng(0)
    stars, frames = both[0].shape
    drawn = [(draws.integers(0, stars, stars), draws.integers(0, frames, frames)) for _ in range(DRAWS)]
    for name, statistic in STATISTICS.items():
        found = [_told([statistic(curves) for curves in both])]
        found += [_told([statistic(curves[star][:, frame]) for curves in both]) for star, frame in drawn]
        pairs = zip(found[0], np.std(found[1:], axis=0), strict=True)
        told = " | ".join(f"{value:.2f} +- {error:.2f}" for value, error in pairs)
        quieter = np.count_nonzero(statistic(both[0]) < statistic(both[1]))
        yield f"{name} | {told} | {quieter} of {stars}"


def _told(scatters):
    ensemble, plain = (1e3 * np.median(part) for part in scatters)
    return ensemble, plain, ensemble - plain


def main():
    logging.getLogger("ngcmos").addHandler(logging.NullHandler())
    if "NGCMOS_REAL_DATA" not in os.environ:
        sys.exit("$NGCMOS_REAL_DATA is not set, expected the folder of the real frames")
    real_data = Path(os.environ["NGCMOS_REAL_DATA"])
    with tempfile.TemporaryDirectory() as folder:
        head = "aperture, px | photons | sky | air | comparison stars | floor | HAT-P-32"
        write_table(head, floor_rows(*solve_real(real_data, Path(folder) / "hatp32")))
        head = "of 15 stars | ensemble | plain sum | difference | quieter by the ensemble"
        write_table(head, crowded_rows(reduce_crowded(real_data, Path(folder))))


if __name__ == "__main__":
    main()
