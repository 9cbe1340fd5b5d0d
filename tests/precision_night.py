"""How precise is it? Simulated nights, and the real one where it is, through the chain; the numbers as a table.

``python tests/precision_night.py FOLDER [--frames 300] [--size 2048] [--trials 300]`` writes the table of
docs/precision.md to stdout. FOLDER must be new or hold what an earlier run began; about 12 GB for a full chip.
"""

import argparse
import dataclasses
import json
import logging
import shutil
import sys
from pathlib import Path

import numpy as np
from running import run_stage
from scipy.ndimage import gaussian_filter
from transit_fit import fit_transit

from ngcmos.calibration.masters import load_masters
from ngcmos.config import load_camera, load_config
from ngcmos.lightcurves.audit import audit, bin_curves
from ngcmos.lightcurves.cube import read_cube, read_field, relate_stars
from ngcmos.lightcurves.ensemble import choose_best
from ngcmos.lightcurves.scatter import scatter
from ngcmos.lightcurves.series import BinLength, assign_bins
from ngcmos.names import Flag
from ngcmos.night.folder import open_night
from ngcmos.simulate.detector import make_chip
from ngcmos.simulate.injection import Wanted, inject_night
from ngcmos.simulate.night import simulate_night
from ngcmos.simulate.truth import read_truth
from ngcmos.stages import create_flats, noise_model, process_cmos, simple_wrapper
from ngcmos.tables.table import read_frames, read_stars

ALONE = 1e-3  # light of neighbours in the largest aperture
BRIGHTEST = 9.5
EDGE_PX, SIGMA_TO_FWHM = 50, 2.355
SPOILT = Flag.EDGE | Flag.SATURATED | Flag.BAD_PIXEL | Flag.OFF_CHIP
DAY_MS = 86400e3
SEEDS = range(21, 41)  # nights: copies of one share the noise of its stars
STARS_A_COPY = 10
MORE_SEEDS, FEW_FRAMES = (13, 14, 15, 16), 60
DEPTHS = (0.002, 0.02)


def make_night(base, **plan):
    """(config, night) of a simulated night after its photometry."""
    simulated, done = base / "simulated", base / "done"
    if not simulated.exists():
        shutil.rmtree(base, ignore_errors=True)
        simulate_night(base, load_camera(), **plan)
        simulated.touch()
    config = load_config(camera=str(base / "camera.toml"), config=str(base / "directories.json"))
    night = open_night(config, next((base / "nights").iterdir()))
    if not done.exists():
        run_stage(simple_wrapper, config, night, quiet=True)
        run_stage(create_flats, config, night)
        run_stage(process_cmos, config, night, quiet=True)
        done.touch()
    return config, night


def table_of(night):
    return next(night.folder.glob("phot_*.fits"))


def audit_night(config, night):
    """Rows of scatter over theory at 5 px and in the best apertures, each frame and in 30 minutes."""
    for name, radii in (("r = 5", [5.0]), ("best r", None)):
        counts = read_field(table_of(night), config.camera, tmag_max=16.0, radii=radii)
        noise = noise_model.model_noise(counts, config.camera)
        tmag = np.asarray(counts.stars["Tmag"], float)
        usable = ~noise.curves.variable & ~np.asarray(counts.stars["blended"], bool) & (tmag >= BRIGHTEST)
        curves, predicted = noise.curves, noise.curves.predicted
        limit = 1.05 if radii else 1.10
        for one in audit(np.where(usable, curves.rms / predicted, np.nan), tmag, len(curves.flux)):
            magnitudes = f"{max(one.low, BRIGHTEST):g}-{one.high:g} mag, {one.stars} stars"
            yield f"scatter / theory, {name}, {magnitudes}", one.ratio, f"<= {limit:.2f}"
        bins = assign_bins(np.asarray(counts.frames["jd_mid"], float), BinLength(minutes=30.0))
        means, points = bin_curves(curves.flux, bins)
        whole = scatter(means) * np.sqrt(points)
        for one in audit(np.where(usable, whole / curves.rms, np.nan), tmag, len(means)):
            yield f"beta at 30 min, {name}, {max(one.low, BRIGHTEST):g}-{one.high:g} mag", one.ratio, "<= 1.10"
        near = usable & (np.abs(tmag - 10) < 0.5) & np.isfinite(whole)
        ratio = np.sqrt(np.mean((whole / predicted)[near] ** 2))
        yield f"30 min noise / predicted, {name}, {near.sum()} stars of 9.5-10.5 mag", ratio, "<= 1.10"


def compare_truth(base, config, night):
    """Rows of positions and times against the truth."""
    truth, path = read_truth(base), table_of(night)
    index = in_truth(truth, read_stars(path))
    cube = read_cube(path, ["x", "y", "jd_bary"])
    away = np.hypot(cube["x"] - 1 - truth.x[:, index], cube["y"] - 1 - truth.y[:, index])
    yield "astrometry, median [px]", np.median(away), "<= 0.0040"
    yield "astrometry, 95th percentile [px]", np.percentile(away, 95), "<= 0.0105"
    late = np.abs(cube["jd_bary"] - truth.bjd[:, index]).max() * DAY_MS
    yield "BJD_TDB against astropy's light travel time, worst [ms]", late, "<= 1"


def in_truth(truth, stars):
    """Row of each star in the truth."""
    rows = {tic_id: row for row, tic_id in enumerate(np.asarray(truth.stars["tic_id"]).tolist())}
    return np.array([rows[tic_id] for tic_id in stars["tic_id"].tolist()])


def chip_of(base, config):
    """The chip of a simulated night."""
    seed = json.loads((base / "simulation.json").read_text(encoding="utf-8"))["seed"]
    return make_chip(config.camera.detector, np.random.default_rng([seed, 1]))


def flat_scale(base, config, night):
    """What the flat calls 1, in units of the response of the simulated chip."""
    return float(np.median(load_masters(config, night.folder).flat / chip_of(base, config).response))


def star_pulls(base, config, night):
    """(Tmag, mean and scatter of the pulls of flux_5 against the truth) of each star without neighbours."""
    truth, path, camera = read_truth(base), table_of(night), config.camera
    stars = read_stars(path)
    cube = read_cube(path, ["flux_5", "fluxerr_5", "flags"])
    light = (truth.electrons * truth.scintillation)[:, in_truth(truth, stars)]
    true = light / camera.detector.gain_e_adu / flat_scale(base, config, night)
    pulls = (cube["flux_5"] - true) / cube["fluxerr_5"]
    good = ((cube["flags"] & SPOILT) == 0) & np.isfinite(pulls)
    alone = (np.asarray(stars["contamination"]) < ALONE) & ~np.asarray(stars["blended"], bool)
    chosen = alone & (good.mean(axis=0) > 0.9)
    pulls = np.where(good, pulls, np.nan)[:, chosen]
    return np.asarray(stars["Tmag"], float)[chosen], np.nanmean(pulls, axis=0), np.nanstd(pulls, axis=0, ddof=1)


def pull_rows(pulls):
    """Rows of the pulls of stars: the mean with its own error, which is that from star to star."""
    tmag, mean, spread = (np.concatenate(column) for column in zip(*pulls, strict=True))
    for low, high in ((9.5, 11), (11, 12), (12, 13), (13, 14), (14, 15), (15, 16), (9.5, 16)):
        inside = (tmag >= low) & (tmag < high)
        name = f"pulls of flux_5, {low:g}-{high:g} mag, {inside.sum()} stars"
        if inside.sum() > 1:
            yield f"{name}: scatter of a star", np.sqrt(np.mean(spread[inside] ** 2)), "1.00 +- 0.05"
            error = mean[inside].std(ddof=1) / np.sqrt(inside.sum())
            yield f"{name}: mean (itself known to {error:.3f})", mean[inside].mean(), "0 +- 0.05"


def flat_pull_rows(base, config, night):
    """Rows of what the flat alone does to bright stars without neighbours, in errors of a frame, and anywhere."""
    path, (low, high) = table_of(night), (BRIGHTEST, 11)
    off = (
        load_masters(config, night.folder).flat / chip_of(base, config).response / flat_scale(base, config, night)
    )
    under = gaussian_filter(1 - off.astype(float), np.median(read_frames(path)["fwhm_px"]) / SIGMA_TO_FWHM)
    cube, stars = read_cube(path, ["x", "y", "flux_5", "fluxerr_5", "flags"]), read_stars(path)
    tmag, alone = np.asarray(stars["Tmag"], float), np.asarray(stars["contamination"]) < ALONE
    alone &= (
        ~np.asarray(stars["blended"], bool) & ((cube["flags"][0] & SPOILT) == 0) & (tmag >= low) & (tmag < high)
    )
    x, y, light, error = (cube[name][0, alone] for name in ("x", "y", "flux_5", "fluxerr_5"))
    own = under[np.rint(y - 1).astype(int), np.rint(x - 1).astype(int)] * light / error
    anywhere = under[EDGE_PX:-EDGE_PX, EDGE_PX:-EDGE_PX] * np.median(light / error)
    chance = np.std(anywhere) / np.sqrt(own.size)
    name = f"pulls by the flat alone, {low:g}-{high:g} mag"
    yield f"{name}, {own.size} stars: mean (by chance 0 +- {chance:.3f})", own.mean(), ""
    yield f"{name}: mean over the chip", anywhere.mean(), "0 +- 0.01"


def inject_and_recover(folder, trials):
    """Rows of the pulls of depth and mid-time of injected transits."""
    pulls, depths = [], []
    for copy in range(10**6):
        if len(pulls) >= trials:
            break
        seed = SEEDS[copy % len(SEEDS)]
        plan = {"size": 768, "frames": 200, "exptime_s": 60.0, "cadence_s": 63.0, "density": 2.0}
        config, night = make_night(folder / f"inject{seed}", seed=seed, calibrations=21, **plan)
        for fit, signal in recover_copy(config, night, folder / "copy", copy):
            pulls.append(fit.pulls(signal))
            depths.append(signal.amplitude)
    pulls = np.array(pulls[:trials])
    name = f"{len(pulls)} injected transits of {min(depths):.2%} to {max(depths):.2%}"
    for column, what in enumerate(("depth", "mid-time")):
        yield f"{name}: {what}, mean pull", pulls[:, column].mean(), f"0 +- {2 / np.sqrt(len(pulls)):.2f}"
        spread = 2 / np.sqrt(2 * len(pulls))
        yield f"{name}: {what}, scatter of pulls", pulls[:, column].std(ddof=1), f"1.00 +- {spread:.2f}"


def recover_copy(config, night, target, number):
    """[(Fit, Signal)] of the transits of one copy of a night."""
    truth = read_truth(night.folder.parents[1])
    constant = truth.stars["tic_id"][(truth.stars["signal"] == "constant") & (truth.stars["Tmag"] > 11.7)]
    shutil.rmtree(target, ignore_errors=True)
    wanted = Wanted(STARS_A_COPY, DEPTHS, number, tmag_max=12.8, ids=constant.tolist())
    injected = inject_night(config, night, target, wanted)
    copy_config = load_config(camera=str(config.camera.source), config=str(target / "directories.json"))
    copy = open_night(copy_config, target / "nights" / night.folder.name)
    run_stage(process_cmos, copy_config, copy, quiet=True)
    options = {"tmag_max": 15.0, "further": ("jd_bary",)}
    alone, changed = (read_field(table_of(one), config.camera, **options) for one in (night, copy))
    rows = {tic_id: row for row, tic_id in enumerate(np.asarray(alone.stars["tic_id"]).tolist())}
    found = []
    for one in injected:
        row = rows[one.tic_id]
        if not np.any(changed.columns["flags"][:, row] & SPOILT):
            curve = curve_of(alone, changed, row)
            found.append((fit_transit(*curve, one.signal, DEPTHS), one.signal))
    return found


def curve_of(alone, changed, row):
    """(times, relative flux, error) of one star with its transit, among stars without theirs.

    All stars of a copy have their transits in one night: among its comparison stars they would make each other's
    shallower, by 50 ppm, which is an eighth of an error.
    """
    columns = {name: values.copy() for name, values in alone.columns.items()}
    for name, values in columns.items():
        values[:, row] = changed.columns[name][:, row]
    counts = dataclasses.replace(alone, columns=columns)
    tmag = np.asarray(counts.stars["Tmag"], float)
    curves, _ = choose_best([relate_stars(counts, radius) for radius in counts.radii], tmag)
    return columns["jd_bary"][:, row], curves.flux[:, row].astype(float), curves.error[:, row].astype(float)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", type=int, default=2048)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--trials", type=int, default=300)
    options = parser.parse_args()
    logging.getLogger("ngcmos").addHandler(logging.NullHandler())
    plan = {"size": options.size, "frames": options.frames, "cadence_s": 60.0, "calibrations": 21}
    sys.stdout.write("| what | measured | expected |\n|---|---|---|\n")
    few = {"frames": min(FEW_FRAMES, options.frames)}
    usual = []
    for name, more in (("usual", {"seed": 11}), ("sparse", {"seed": 12, "density": 0.25} | few)):
        base = options.folder / name
        config, night = make_night(base, **plan | more)
        pulls = star_pulls(base, config, night)
        usual += [pulls] if name == "usual" else []
        rows = audit_night(config, night) if name == "usual" else ()
        write_rows(f"{name} field: ", [*rows, *pull_rows([pulls]), *compare_truth(base, config, night)])
        write_rows(f"{name} field: ", flat_pull_rows(base, config, night))
    for seed in MORE_SEEDS:
        base = options.folder / f"usual{seed}"
        config, night = make_night(base, **plan | few, seed=seed)
        usual.append(star_pulls(base, config, night))
        write_rows(f"usual field {seed}: ", flat_pull_rows(base, config, night))
    write_rows(f"{len(usual)} usual fields with flats of their own: ", pull_rows(usual))
    write_rows("", inject_and_recover(options.folder, options.trials))


def write_rows(prefix, rows):
    for what, value, expected in rows:
        sys.stdout.write(f"| {prefix}{what} | {value:.4g} | {expected} |\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
