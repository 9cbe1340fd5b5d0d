"""What process_cmos costs a frame, beside the least program that measures one: over the same frames, in turns.

`bench_prototype.py BASE [--night YYYYMMDD] [--repeats N]` takes a night that run_night has measured and prints CPU
ms a frame, medians. The prototype reads, calibrates, places the stars by the cards, sums five apertures, takes the
sky and packs rows; it knows no bad pixel, no flag, no trail, no centroid, no quality of a frame, and trusts all it
reads. Its sky is the clipped median of a ring, or the mesh that sep makes of a frame, as process_cmos has them.
"""

import argparse
import dataclasses
import functools
import statistics
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import sep
from astropy.io import fits
from astropy.time import Time
from astropy.wcs import WCS

from ngcmos.calibration.belonging import settings_of
from ngcmos.calibration.masters import load_masters
from ngcmos.config import load_config
from ngcmos.night.folder import open_night
from ngcmos.photometry.sky import estimate_sky
from ngcmos.steps.catalog import read_catalog, read_input_catalog
from ngcmos.steps.measuring import measure_frame, place_frame, prepare_measuring, with_times

RADII = (2.0, 3.0, 4.0, 5.0, 6.0)
ROW = np.dtype(
    [("frame_id", "S80"), ("gaia_id", ">i8"), ("Tmag", ">f4"), ("jd_mid", ">f8"), ("x", ">f4"), ("y", ">f4")]
    + [
        (f"{name}_{radius:g}", ">f4")
        for radius in RADII
        for name in ("flux", "fluxerr", "flux_w_sky", "fluxerr_w_sky", "max_pixel_value")
    ]
)


def main():
    """Measure every frame of a night both ways, in turns, and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", type=Path, help="a base folder as simulate_night makes it")
    parser.add_argument("--night", default="20240705", metavar="YYYYMMDD", help="(%(default)s)")
    parser.add_argument("--repeats", type=int, default=5, metavar="N", help="passes over the frames (%(default)s)")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    config = load_config(camera=options.base / "camera.toml", config=options.base / "directories.json")
    folder = options.base / "nights" / options.night
    costs = compare(config, folder, options.repeats)
    usual = {name: 1e3 * statistics.median(values) for name, values in costs.items()}
    least = usual["prototype, ring"]
    for name, cost in usual.items():
        sys.stdout.write(f"{name:32s} {cost:7.1f} ms  {cost / least:5.2f}\n")


def compare(config, folder, repeats):
    """{program: CPU seconds of each frame}."""
    camera = config.camera
    night = open_night(config, folder)
    [(field, paths)] = night.fields.items()
    masters = load_masters(config, folder, settings_of(night, camera)[field])
    stars, catalog = read_input_catalog(folder, field), read_catalog(folder, field)
    width = max(len(path.name) for path in paths)
    started = time.process_time()
    placed = with_times([place_frame(path, camera) for path in paths], camera)
    placing_s = (time.process_time() - started) / len(paths)
    programs = {}
    for name, psf in (("process_cmos without psf", False), ("process_cmos", True)):
        own = dataclasses.replace(camera, photometry=dataclasses.replace(camera.photometry, psf=psf))
        programs[name] = functools.partial(rows_of, prepare_measuring(own, masters, stars, catalog, width))
    plain = Prototype(masters, stars, camera)
    for name, sky in (("prototype, ring", "annulus"), ("prototype, mesh", "map")):
        programs[name] = functools.partial(plain.measure, sky)
    costs = {name: [] for name in programs}
    with tempfile.TemporaryFile() as file:
        for frame in placed * repeats:
            for name, program in programs.items():
                started = time.process_time()
                file.write(program(frame).tobytes())
                costs[name].append(time.process_time() - started)
                file.seek(0)
    warm = {name: np.array(values[len(paths) :]) for name, values in costs.items()}  # all but the first pass
    return {name: values + placing_s * name.startswith("process_cmos") for name, values in warm.items()}


def rows_of(measuring, placed):
    """The rows of a frame as process_cmos makes them."""
    return measure_frame(placed, measuring)[0]


class Prototype:
    """What a hundred lines would do with a frame."""

    def __init__(self, masters, stars, camera):
        self.bias, self.dark, self.over_flat = masters.bias - 32768, masters.dark, 1 / masters.flat
        self.stars, self.gain = stars, camera.detector.gain_e_adu
        self.settings = camera.photometry
        self.noise = camera.detector.read_noise_e / self.gain
        dy, dx = np.mgrid[-7:8, -7:8].reshape(2, -1)
        near = np.hypot(dx, dy) <= max(RADII) + 1
        self.dx, self.dy = dx[near], dy[near]

    def measure(self, sky, frame):
        """Rows of a frame."""
        with fits.open(frame.path, do_not_scale_image_data=True, memmap=False) as units:
            header, counts = units[0].header, units[0].data
        raw = counts.astype(np.float32)
        image = raw - (self.bias + self.dark * np.float32(header["EXPTIME"]))
        image *= self.over_flat
        x, y = WCS(header).all_world2pix(self.stars["ra_deg_corr"], self.stars["dec_deg_corr"], 0)
        # a star off the chip costs what one at its edge does
        x, y = (np.clip(place, 0, side - 1) for place, side in ((x, image.shape[1]), (y, image.shape[0])))
        under = estimate_sky(image, x, y, dataclasses.replace(self.settings, sky_method=sky))
        level, rms = under.level, under.rms
        rows = np.zeros(len(x), ROW)
        rows["frame_id"], rows["gaia_id"], rows["Tmag"] = (
            frame.path.name,
            self.stars["gaia_id"],
            self.stars["Tmag"],
        )
        rows["jd_mid"] = Time(header["DATE-OBS"]).jd + header["EXPTIME"] / 2 / 86400
        rows["x"], rows["y"] = x + 1, y + 1
        index, distance = self._pixels(image.shape, x, y)
        pixels = raw.reshape(-1)[index] + 32768
        for radius in RADII:
            total = sep.sum_circle(image, x, y, radius, subpix=0)[0]
            area = np.pi * radius**2
            rows[f"flux_{radius:g}"], rows[f"flux_w_sky_{radius:g}"] = total - area * level, total
            noise = area * (rms**2 + self.noise**2)
            rows[f"fluxerr_{radius:g}"] = np.sqrt(np.maximum(total - area * level, 0) / self.gain + noise)
            rows[f"fluxerr_w_sky_{radius:g}"] = np.sqrt(np.maximum(total, 0) / self.gain + area * self.noise**2)
            rows[f"max_pixel_value_{radius:g}"] = np.where(distance <= radius + 0.5, pixels, 0).max(axis=1)
        return rows

    def _pixels(self, shape, x, y):
        column, row = (np.rint(at).astype(int)[:, None] + off for at, off in ((x, self.dx), (y, self.dy)))
        distance = np.hypot(column - x[:, None], row - y[:, None])
        inside = (column >= 0) & (column < shape[1]) & (row >= 0) & (row < shape[0])
        return np.where(inside, row * shape[1] + column, 0), np.where(inside, distance, np.inf)


if __name__ == "__main__":
    main()
