"""How good are fluxes by the shape of the stars? Pairs on painted frames; real frames whose few stars drift.

``python tests/precision_pairs.py`` writes two tables of docs/precision.md, the second where $NGCMOS_REAL_DATA
tells the folder of the real frames. Theory is the least that photons and read noise allow where shapes and
places are known (Cramer & Rao); scatter on real frames is that of each star over the sum of the bright ones.
"""

import importlib.util
import logging
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
from precision_sky import HATP32, solve_real, write_table
from running import run_stage

from ngcmos.config import load_camera
from ngcmos.lightcurves.cube import read_cube
from ngcmos.stages import process_cmos
from ngcmos.tables.table import read_stars

PAIRS = [(fwhm, apart, dmag) for fwhm in (1.6, 2.5) for apart in (2, 3, 4, 6) for dmag in (0.0, 1.5)]
BINS = ((10, 11.5), (11.5, 12.5), (12.5, 13.5), (13.5, 15))
COMPARING = 12.5  # mag


def painted():
    """The module of the tests that paints pairs."""
    path = Path(__file__).parent / "photometry" / "test_psf.py"
    spec = importlib.util.spec_from_file_location("painted_pairs", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pair_rows():
    """Table rows: mean over the painted flux, and scatter over theory, of both stars of pairs."""
    pairs, detector = painted(), load_camera().detector
    for fwhm, apart, dmag in PAIRS:
        sky = pairs.Sky(fwhm, float(apart), dmag, detector)
        flux = np.array([sky.fit(sky.frame())[0] for _ in range(pairs.FRAMES)])
        least = np.array([sky.theory(*pair) for pair in zip(sky.first, sky.second, strict=True)]).T
        told = []
        for stars, theory in zip((sky.first, sky.second), least, strict=True):
            mean, scatter = flux[:, stars].mean(axis=0), flux[:, stars].std(axis=0, ddof=1)
            weighed = np.average(mean / sky.flux[stars], weights=(sky.flux[stars] / theory) ** 2)
            told.append(f"{weighed:.4f}, {np.sqrt(np.mean((scatter / theory) ** 2)):.2f}")
        yield f"{fwhm} | {apart} | {dmag} | {' | '.join(told)}"


def over_sum(flux, telling):
    """(stars,) scatter of each star over the sum of those that tell and are on every frame."""
    value = flux / np.nanmedian(flux, axis=0)
    telling = telling & np.isfinite(value).all(axis=0)
    return np.std(value / np.median(value[:, telling], axis=1)[:, None], axis=0)


def shape_rows(table):
    """Table rows: median scatter of stars by their shape and in 5 px, thousandths."""
    stars, cube = read_stars(table), read_cube(table, ["flux_psf", "flux_5"])
    mag, own = np.asarray(stars["Tmag"], float), np.asarray(stars["tic_id"]) == HATP32
    seen = np.all(
        [np.isfinite(flux).all(axis=0) & (np.median(flux, axis=0) > 0) for flux in cube.values()], axis=0
    )
    telling = seen & (mag < COMPARING) & ~np.asarray(stars["blended"], bool)
    scatter = {name: over_sum(flux[:, seen], telling[seen]) for name, flux in cube.items()}
    mag, own = mag[seen], own[seen]
    for name, chosen in [(f"{low:g}-{high:g}", (mag >= low) & (mag < high)) for low, high in BINS] + [
        ("HAT-P-32", own)
    ]:
        told = [f"{1e3 * np.median(scatter[name][chosen]):.1f}" for name in cube]
        yield f"{name} | {chosen.sum()} | {' | '.join(told)}"


def main():
    logging.getLogger("ngcmos").addHandler(logging.NullHandler())
    who = "mean, scatter / theory"
    write_table(f"FWHM, px | apart, px | mag apart | brighter: {who} | fainter: {who}", pair_rows())
    if "NGCMOS_REAL_DATA" not in os.environ:
        return
    with tempfile.TemporaryDirectory() as folder:
        shutil.rmtree(folder)
        config, night = solve_real(Path(os.environ["NGCMOS_REAL_DATA"]), Path(folder))
        run_stage(process_cmos, config, night, quiet=True)
        write_table("Tmag | stars | by shape | in 5 px", shape_rows(next(night.folder.glob("phot_*.fits"))))


if __name__ == "__main__":
    main()
