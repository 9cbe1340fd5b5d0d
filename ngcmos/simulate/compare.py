"""A photometry table of a simulated night against its truth, in numbers that a test can demand.

``python -m ngcmos.simulate.compare BASE`` prints them for every field of a simulated base folder.
"""

import dataclasses
import itertools
import sys
from pathlib import Path

import numpy as np
from astropy.table import Table

from ngcmos.config import Camera, load_camera
from ngcmos.errors import NgcmosError
from ngcmos.names import Flag
from ngcmos.simulate.signals import scintillation_sigma
from ngcmos.simulate.truth import FOLDER, read_truth
from ngcmos.tables.table import check_table, read_frames, read_stars

RADIUS_PX = 5
MAG_BINS = (9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0, 16.0)
FEWEST_STARS = 5
FEWEST_FRAMES = 12
LONELY = 0.002  # light of other stars within 6 px, relative
ISOLATED = 0.1
BRIGHT_TMAG = 12.0
MAD_A_SIGMA = 1.4826
DAY_S = 86400.0

LIMITS = {
    "median position error [px]": 0.01,
    "95th percentile of it [px]": 0.03,
    "constant offset [px]": 0.005,
    "isolated stars not measured [%]": 1.0,
    "flux scale from star to star [%]": 0.4,
    "largest error of jd_mid [ms]": 1.0,
    "largest error of jd_bary [ms]": 20.0,
    "worst scatter / theory at r = 5": 1.15,
}


@dataclasses.dataclass(frozen=True, eq=False)
class Comparison:
    """What a table gets wrong.

    Attributes
    ----------
    field : str
    frames : (int, int)
        Measured, and measurable by the truth.
    numbers : dict
        The keys of `LIMITS` and their values; NaN where the night is too small to tell.
    scatter : dict of (low, high) to float
        Measured over predicted scatter at 5 px, by magnitude.
    """

    field: str
    frames: tuple[int, int]
    numbers: dict
    scatter: dict

    @property
    def failed(self):
        """Names of the numbers over their limits, and "frames" where not all measurable ones were measured."""
        over = [name for name, value in self.numbers.items() if value > LIMITS[name]]
        return over + (["frames"] if self.frames[0] != self.frames[1] else [])


def compare_field(path, truth, camera: Camera):
    """Comparison of the table at `path` with its Truth.

    Raises
    ------
    ProductError
        The table is missing or damaged.
    """
    header, stars, frames = check_table(path), read_stars(path), read_frames(path)
    rows = Table.read(path, hdu="PHOT", memmap=True, mask_invalid=False)
    shape = header["NFRAMES"], header["NSTARS"]
    in_truth, known = _match(np.asarray(stars["tic_id"]), np.asarray(truth.stars["tic_id"]))
    when = [list(truth.frames["file"]).index(name.strip()) for name in frames["frame_id"]]
    cube = {
        name: np.asarray(rows[name]).reshape(shape)[:, known]
        for name in ("x", "y", "jd_mid", "jd_bary", f"flux_{RADIUS_PX}", "flags")
    }
    true = {
        name: getattr(truth, name)[np.ix_(when, in_truth)]
        for name in ("x", "y", "electrons", "scintillation", "bjd")
    }
    lonely = _lonely(truth, in_truth, np.asarray(stars["blended"])[known])
    measurable = set(np.asarray(truth.frames["file"])[np.asarray(truth.frames["measurable"])])
    scatter = _scatter(cube, true, truth, when, in_truth, lonely, camera)
    return Comparison(
        field=truth.field,
        frames=(len(when), len(measurable)),
        numbers={
            **_positions(cube, true),
            "isolated stars not measured [%]": _missing(
                truth, when, set(np.asarray(stars["tic_id"]).tolist()), camera
            ),
            "flux scale from star to star [%]": _flux_scale(cube, true, truth, in_truth, lonely, camera),
            **_times(cube, true, truth, when),
            "worst scatter / theory at r = 5": max(scatter.values(), default=np.nan),
        },
        scatter=scatter,
    )


def _match(ids, true_ids):
    """Rows in the truth and in the table of the stars that both hold."""
    _, in_table, in_truth = np.intersect1d(ids, true_ids, return_indices=True)
    return in_truth, in_table


def _lonely(truth, in_truth, blended):
    return (np.asarray(truth.stars["foreign"])[in_truth] < LONELY) & ~blended


def _positions(cube, true):
    """Distances from the truth, pixels; the table counts from 1."""
    dx, dy = cube["x"] - 1.0 - true["x"], cube["y"] - 1.0 - true["y"]
    measured = (cube["flags"] & Flag.OFF_CHIP) == 0
    away = np.hypot(dx, dy)[measured]
    return {
        "median position error [px]": float(np.median(away)),
        "95th percentile of it [px]": float(np.percentile(away, 95)),
        "constant offset [px]": float(max(abs(np.median(dx[measured])), abs(np.median(dy[measured])))),
    }


def _missing(truth, when, measured, camera):
    """Per cent of the isolated stars that are on the chip of most frames which the table lacks."""
    rows, columns = camera.detector.shape
    x, y = truth.x[when], truth.y[when]
    on_chip = ((x >= 0) & (x <= columns - 1) & (y >= 0) & (y <= rows - 1)).mean(axis=0) > 0.5
    isolated = (np.asarray(truth.stars["foreign"]) < ISOLATED) & ~np.asarray(truth.stars["blended"])
    wanted = on_chip & isolated & (np.asarray(truth.stars["Tmag"]) < camera.catalog.tmag_max)
    ids = np.asarray(truth.stars["tic_id"])[wanted]
    return 100.0 * float(np.mean([tic_id not in measured for tic_id in ids.tolist()]))


def _relative(cube, true, camera):
    """Measured flux over the light that fell in, NaN where flagged in a way that spoils it."""
    spoilt = Flag.EDGE | Flag.SATURATED | Flag.OFF_CHIP | Flag.BAD_PIXEL
    good = ((cube["flags"] & spoilt) == 0) & (true["electrons"] > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = cube[f"flux_{RADIUS_PX}"] * camera.detector.gain_e_adu / true["electrons"]
    return np.where(good, ratio, np.nan)


def _flux_scale(cube, true, truth, in_truth, lonely, camera):
    """Robust scatter from star to star of measured over true flux of bright lonely stars, per cent."""
    ratio = _relative(cube, true, camera) / true["scintillation"]
    bright = lonely & (np.asarray(truth.stars["Tmag"])[in_truth] < BRIGHT_TMAG)
    whole = bright & (np.isfinite(ratio).sum(axis=0) >= max(1, ratio.shape[0] // 2))
    if np.count_nonzero(whole) < FEWEST_STARS:
        return np.nan
    scale = np.nanmedian(ratio[:, whole], axis=0)
    return 100.0 * float(_robust_sigma(scale) / np.median(scale))


def _times(cube, true, truth, when):
    mid = np.abs(cube["jd_mid"] - np.asarray(truth.frames["jd_mid"])[when][:, None]).max()
    bary = np.abs(cube["jd_bary"] - true["bjd"]).max()
    return {
        "largest error of jd_mid [ms]": float(mid * DAY_S * 1e3),
        "largest error of jd_bary [ms]": float(bary * DAY_S * 1e3),
    }


def _scatter(cube, true, truth, when, in_truth, lonely, camera):
    """Scatter from frame to frame over its prediction by the truth alone, median of each magnitude bin."""
    ratio = _relative(cube, true, camera)
    often = np.isfinite(ratio).sum(axis=0) >= FEWEST_FRAMES
    tmag = np.asarray(truth.stars["Tmag"])[in_truth]
    usable = lonely & often & (np.asarray(truth.stars["blended"])[in_truth] == 0)
    if len(when) < FEWEST_FRAMES or not usable.any():
        return {}
    seen = ratio[:, usable]
    seen = seen / np.nanmedian(seen, axis=0)
    seen = seen / np.nanmedian(seen[:, tmag[usable] < BRIGHT_TMAG + 1.0], axis=1)[:, None]  # one factor a frame
    theory = np.nanmean(_theory(true["electrons"][:, usable], truth.frames[when], camera), axis=0)
    excess = np.nanstd(seen, axis=0, ddof=1) / theory
    bins = itertools.pairwise(MAG_BINS)
    members = {(low, high): excess[(tmag[usable] >= low) & (tmag[usable] < high)] for low, high in bins}
    return {edges: float(np.median(found)) for edges, found in members.items() if len(found) >= FEWEST_STARS}


def _theory(electrons, frames, camera):
    """Relative scatter of a flux at 5 px: photons of star and sky, dark, read noise, scintillation."""
    detector, telescope = camera.detector, camera.telescope
    sky_e = np.asarray(frames["sky_e"], float)[:, None]
    exptime_s = np.asarray(frames["exptime_s"], float)[:, None]
    area = np.pi * RADIUS_PX**2
    noise = electrons + area * (sky_e + detector.dark_e_s * exptime_s + detector.read_noise_e**2)
    air = scintillation_sigma(
        aperture_m=telescope.aperture_m,
        cy=telescope.scintillation_cy,
        exptime_s=exptime_s,
        airmass=np.asarray(frames["airmass"], float)[:, None],
        elevation_m=camera.site.elevation_m,
    )
    return np.sqrt(noise / electrons**2 + air**2)


def _robust_sigma(values):
    return MAD_A_SIGMA * np.median(np.abs(values - np.median(values)))


def compare_night(base):
    """Comparisons of all fields of a simulated base folder.

    Raises
    ------
    ProductError
        A table or a truth is missing or damaged.
    """
    base = Path(base)
    camera = load_camera(base / "camera.toml")
    fields = [path.stem.removeprefix("truth_") for path in sorted((base / FOLDER).glob("truth_*.fits"))]
    comparisons = []
    for field in fields:
        tables = sorted((base / "nights").glob(f"*/phot_{field}.fits"))
        path = tables[0] if tables else base / "nights" / f"phot_{field}.fits"
        comparisons.append((path, compare_field(path, read_truth(base, field), camera)))
    return comparisons


def describe(path, comparison):
    """Lines that tell an observer how a table compares with its truth."""
    yield f"{path}"
    yield f"  frames measured {comparison.frames[0]} of {comparison.frames[1]}"
    for name, value in comparison.numbers.items():
        verdict = (
            "too few stars or frames to tell" if np.isnan(value) else "OVER" if value > LIMITS[name] else "good"
        )
        yield f"  {name:34s} {value:8.4f}   limit {LIMITS[name]:g}   {verdict}"


def main(argv):
    """Print the comparison of a base folder; 1 where a number is over its limit, 2 without a folder."""
    if len(argv) != 1:
        sys.stderr.write("usage: python -m ngcmos.simulate.compare BASE\n")
        return 2
    try:
        compared = compare_night(argv[0])
    except NgcmosError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    for path, comparison in compared:
        sys.stdout.write("\n".join(describe(path, comparison)) + "\n")
    failed = sorted({name for _, comparison in compared for name in comparison.failed})
    sys.stdout.write(
        f"compared with the truth: {'over the limit: ' + ', '.join(failed) if failed else 'all good'}\n"
    )
    return 1 if failed or not compared else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
