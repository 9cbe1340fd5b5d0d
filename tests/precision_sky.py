"""Which sky is the best, on a simulated field and on real frames; and what the flat adds: three tables.

``python tests/precision_sky.py FOLDER`` after precision_night.py with the same FOLDER; the real frames where
$NGCMOS_REAL_DATA tells their folder.
"""

import argparse
import dataclasses
import logging
import os
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from astropy.table import Table
from precision_night import ALONE, SPOILT, chip_of, flat_scale, in_truth, make_night
from running import run_stage
from test_real_frames import HATP32, lay_out, options

from ngcmos.calibration.masters import load_masters
from ngcmos.config import SKY_METHODS, load_config
from ngcmos.night.folder import open_night
from ngcmos.simulate.scene import sky_image
from ngcmos.simulate.truth import read_truth
from ngcmos.stages import process_cmos, relative_photometry, simple_wrapper
from ngcmos.steps.catalog import read_catalog, read_input_catalog
from ngcmos.steps.measuring import measure_frame, place_frame, prepare_measuring, with_times

EVERY = 15  # frames of the simulated night
BRIGHT = (9.5, 11.0)
FAINT = (15.0, 16.0)
RADIUS_PX, GRADIENT = 5.0, 0.06


def with_sky(camera, method):
    """The camera with another way to the sky."""
    return dataclasses.replace(camera, photometry=dataclasses.replace(camera.photometry, sky_method=method))


def measure_by(config, night, field, paths):
    """(stars, {method: (frames, stars) rows}) of these frames of a field."""
    masters = load_masters(config, night.folder)
    found = {}
    for method in SKY_METHODS:
        stars, found[method] = measure(with_sky(config.camera, method), masters, night, field, paths)
    return stars, found


def measure(camera, masters, night, field, paths):
    """(stars, (frames, stars) rows) of these frames of a field."""
    stars, catalog = (read(night.folder, field) for read in (read_input_catalog, read_catalog))
    placed = with_times([place_frame(path, camera) for path in paths], camera)
    measuring = prepare_measuring(camera, masters, stars, catalog, 80)
    return stars, np.stack([measure_frame(frame, measuring)[0] for frame in placed])


def flat_rows(base, config, night):
    """Table rows of bright stars flattened by the master flat, and by the response that the chip truly has."""
    truth, masters = read_truth(base), load_masters(config, night.folder)
    paths = next(iter(night.fields.values()))[::EVERY]
    response = (chip_of(base, config).response * flat_scale(base, config, night)).astype(np.float32)
    for name, flat in (("the master flat", masters.flat), ("the response of the chip", response)):
        used = dataclasses.replace(masters, flat=flat)
        stars, rows = measure(config.camera, used, night, truth.field, paths)
        light, _ = true_counts(base, config, night, truth, stars, paths)
        good = (((rows["flags"] & SPOILT) == 0) & alone_within(stars, *BRIGHT)).all(axis=0)
        mean = ((rows["flux_5"] - light) / rows["fluxerr_5"])[:, good].mean(axis=0)
        error = mean.std(ddof=1) / np.sqrt(mean.size)
        yield f"{name} | {mean.mean():+.3f} +- {error:.3f} | {mean.std(ddof=1):.3f} | {mean.size}"


def alone_within(stars, low, high):
    """(stars,) bool: of these magnitudes, without neighbours."""
    tmag = np.asarray(stars["Tmag"], float)
    alone = (np.asarray(stars["contamination"]) < ALONE) & ~np.asarray(stars["blended"], bool)
    return alone & (tmag >= low) & (tmag < high)


def simulated_rows(base, config, night):
    """Table rows of the methods: faint stars without neighbours against the truth."""
    truth = read_truth(base)
    paths = next(iter(night.fields.values()))[::EVERY]
    stars, found = measure_by(config, night, truth.field, paths)
    light, sky = true_counts(base, config, night, truth, stars, paths)
    for method, rows in found.items():
        good = ((rows["flags"] & SPOILT) == 0) & alone_within(stars, *FAINT)
        off = np.where(good, rows["flux_5"] - light, np.nan)[:, good.all(axis=0)]
        pulls = off / rows["fluxerr_5"][:, good.all(axis=0)]
        own = off - off.mean(axis=0)
        lift = np.median((rows["sky"] - sky)[:, good.all(axis=0)].mean(axis=0))
        scatter = np.sqrt(np.median((own**2).sum(axis=0) / (len(own) - 1)))
        yield f"`{method}` | {lift:+.2f} | {scatter:.1f} | {pulls.mean():+.3f} | {pulls.std():.3f}"


def true_counts(base, config, night, truth, stars, paths):
    """((frames, stars) true flux, (frames, stars) true sky) in ADU of calibrated pixels."""
    frames = [list(truth.frames["file"]).index(path.name) for path in paths]
    unit = config.camera.detector.gain_e_adu * flat_scale(base, config, night)
    index = in_truth(truth, stars)
    shape = config.camera.detector.shape
    x, y = (np.rint(places[frames][:, index]).astype(int) for places in (truth.x, truth.y))
    tilt = sky_image(shape, 1.0, GRADIENT)[np.clip(y, 0, shape[0] - 1), np.clip(x, 0, shape[1] - 1)]
    light = (truth.electrons * truth.scintillation)[frames][:, index]
    return light / unit, np.asarray(truth.frames["sky_e"])[frames][:, None] * tilt / unit


def solve_real(real_data, base):
    """(config, night) of a copy of the real frames with their plate solutions."""
    lay_out(real_data, base)
    named = dict(zip(options(base)[::2], options(base)[1::2], strict=True))
    config = load_config(camera="microobservatory", config=str(named["--config"]))
    night = open_night(config, base / "nights" / "20171219")
    run_stage(simple_wrapper, config, night, catalogs=[base / "tic82_hatp32.fits"], quiet=True)
    return config, night


def real_scatters(config, night, method, *, overwrite=True):
    """{TIC id: scatter of its relative light curve after a linear trend} of the stars seen on every frame.

    A table that stands is measured anew, but without `overwrite`.
    """
    config = dataclasses.replace(config, camera=with_sky(config.camera, method))
    run_stage(process_cmos, config, night, overwrite=overwrite, quiet=True)
    run_stage(relative_photometry, config, night, tmag_max=FAINT[0], overwrite=True)
    path = next(night.folder.glob("rel_phot_*.fits"))
    ids = np.asarray(Table.read(path, hdu="STARS")["tic_id"]).tolist()
    rows = Table.read(path, hdu="REL_PHOT", mask_invalid=False)
    time, flux = (np.asarray(rows[name], float).reshape(len(ids), -1) for name in ("Time_BJD", "Relative_Flux"))
    whole = np.flatnonzero(np.isfinite(flux).all(axis=1))
    return {ids[row]: after_trend(time[row] - time[row, 0], flux[row]) for row in whole}


def after_trend(time, flux):
    """Scatter about a straight line."""
    return float(np.std(flux - np.polyval(np.polyfit(time, flux, 1), time)))


def compare_scatters(found, best):
    """(median ratio to the scatters of `best`, its own error, stars) over the stars that both hold."""
    ratio = np.array([found[star] / best[star] for star in best if star in found])
    spread = 1.4826 * np.median(np.abs(ratio - np.median(ratio)))
    return np.median(ratio), 1.2533 * spread / np.sqrt(ratio.size), ratio.size


def real_rows(config, night):
    """Table rows of the methods on the real frames."""
    found = {method: real_scatters(config, night, method) for method in SKY_METHODS}
    for method in SKY_METHODS:
        ratio, error, stars = compare_scatters(found[method], found["map"])
        yield f"`{method}` | {found[method][HATP32]:.5f} | {ratio:.4f} +- {error:.4f} | {stars}"


def write_table(head, rows):
    columns = head.count("|") + 1
    sys.stdout.write("\n".join([f"| {head} |", "|" + "---|" * columns, *(f"| {row} |" for row in rows)]) + "\n\n")
    sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    base = parser.parse_args().folder / "usual"
    logging.getLogger("ngcmos").addHandler(logging.NullHandler())
    head = "`sky_method` | sky off the true one [ADU] | scatter of a star [ADU] | mean pull | scatter of all pulls"
    write_table(head, simulated_rows(base, *make_night(base)))
    head = "divided by | mean pull, 9.5-11 mag | scatter of the means from star to star | stars"
    write_table(head, flat_rows(base, *make_night(base)))
    if "NGCMOS_REAL_DATA" in os.environ:
        with tempfile.TemporaryDirectory() as folder:
            shutil.rmtree(folder)
            solved = solve_real(Path(os.environ["NGCMOS_REAL_DATA"]), Path(folder))
            head = "`sky_method` | scatter of HAT-P-32 | scatter of a star over that by `map`, median | stars"
            write_table(head, real_rows(*solved))


if __name__ == "__main__":
    main()
