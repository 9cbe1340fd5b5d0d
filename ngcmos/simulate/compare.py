"""A photometry table of a simulated night against its truth, in numbers that a test can demand.

``python -m ngcmos.simulate.compare BASE`` prints them for every field of a simulated base folder.
"""

import dataclasses
import itertools
import json
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyUserWarning
from numpy.typing import NDArray

from ngcmos.config import Camera, load_camera
from ngcmos.errors import NgcmosError, ProductError
from ngcmos.names import Flag
from ngcmos.simulate.base import MARKER, NIGHTS
from ngcmos.simulate.compare_season import SeasonComparison, compare_season, describe_season, season_path
from ngcmos.simulate.signals import Floats
from ngcmos.simulate.theory import RADIUS_PX, relative_noise
from ngcmos.simulate.truth import FOLDER, Truth, read_season_truth, read_truth
from ngcmos.stats import mad_sigma

MAG_BINS = (9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0, 16.0)
FEWEST_STARS = 5
FEWEST_FRAMES = 12
LONELY = 0.002  # light of other stars within 6 px, relative
ISOLATED = 0.1
BRIGHT_TMAG = 12.0
DAY_S = 86400.0
COLUMNS = {name: name for name in ("x", "y", "jd_mid", "jd_bary", "flags")} | {"flux": f"flux_{RADIUS_PX}"}

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
    numbers: dict[str, float]
    scatter: dict[tuple[float, float], float]

    @property
    def failed(self) -> list[str]:
        """Names of the numbers over their limits, and "frames" where not all measurable ones were measured."""
        over = [name for name, value in self.numbers.items() if value > LIMITS[name]]
        return over + (["frames"] if self.frames[0] != self.frames[1] else [])


@dataclasses.dataclass(frozen=True, eq=False)
class Measured:
    """What a table says: its frames and stars, and arrays (frames, stars) of its columns; `flux` at 5 px."""

    frame_ids: tuple[str, ...]
    ids: NDArray[np.int64]
    blended: NDArray[np.bool_]
    x: Floats
    y: Floats
    jd_mid: Floats
    jd_bary: Floats
    flags: NDArray[np.int32]
    flux: Floats

    def of_stars(self, rows: NDArray[np.intp]) -> "Measured":
        """Of some of its stars alone."""
        cubes = {name: getattr(self, name)[:, rows] for name in COLUMNS}
        return Measured(self.frame_ids, self.ids[rows], self.blended[rows], **cubes)


def compare_field(path: Path, truth: Truth, camera: Camera) -> Comparison:
    """Comparison of the table at `path` with its Truth.

    Raises
    ------
    ProductError
        The table is missing or damaged.
    """
    table = read_measured(path)
    table = dataclasses.replace(table, ids=_ids_of(table, truth))
    names = list(truth.frames["file"])
    seen = truth.cut(frames=[names.index(name) for name in table.frame_ids])
    _, in_table, in_truth = np.intersect1d(table.ids, truth.stars["tic_id"], return_indices=True)
    measured, true = table.of_stars(in_table), seen.cut(stars=in_truth)
    scatter = _scatter(measured, true, camera)
    return Comparison(
        field=truth.field,
        frames=(len(table.frame_ids), int(np.sum(truth.frames["measurable"]))),
        numbers={
            **_positions(measured, true),
            "isolated stars not measured [%]": _missing(seen, table.ids, camera),
            "flux scale from star to star [%]": _flux_scale(measured, true, camera),
            **_times(measured, true),
            "worst scatter / theory at r = 5": max(scatter.values(), default=np.nan),
        },
        scatter=scatter,
    )


def read_measured(path: Path) -> Measured:
    """What a photometry table says, read by astropy alone.

    Raises
    ------
    ProductError
        The table is missing or damaged.
    """
    try:
        with warnings.catch_warnings(), fits.open(path, memmap=True) as units:
            warnings.simplefilter("error", AstropyUserWarning)  # a file cut short is one to astropy
            rows, stars = units["PHOT"], units["STARS"].data
            shape = rows.header["NFRAMES"], rows.header["NSTARS"]
            cubes = {name: np.array(rows.data[column]).reshape(shape) for name, column in COLUMNS.items()}
            frame_ids = tuple(str(name).strip() for name in units["FRAMES"].data["frame_id"])
            return Measured(frame_ids, np.array(stars["tic_id"]), np.array(stars["blended"], bool), **cubes)
    except (OSError, KeyError, ValueError, TypeError, AstropyUserWarning) as error:
        raise ProductError(f"{path}: cannot be compared ({error}), expected a whole photometry table") from None


def _ids_of(measured: Measured, truth: Truth) -> NDArray[np.int64]:
    """TIC ids of the stars; those of a catalog of Gaia are called by minus their Gaia ids."""
    known = dict(zip(truth.stars["gaia_id"].tolist(), truth.stars["tic_id"].tolist(), strict=True))
    return np.array([known.get(-one, one) for one in measured.ids.tolist()], np.int64)


def _lonely(measured: Measured, true: Truth) -> NDArray[np.bool_]:
    return np.asarray(true.stars["foreign"] < LONELY) & ~measured.blended


def _positions(measured: Measured, true: Truth) -> dict[str, float]:
    """Distances from the truth, pixels; the table counts from 1."""
    dx, dy = measured.x - 1.0 - true.x, measured.y - 1.0 - true.y
    on_chip = (measured.flags & Flag.OFF_CHIP) == 0
    away = np.hypot(dx, dy)[on_chip]
    return {
        "median position error [px]": float(np.median(away)),
        "95th percentile of it [px]": float(np.percentile(away, 95)),
        "constant offset [px]": float(max(abs(np.median(dx[on_chip])), abs(np.median(dy[on_chip])))),
    }


def _missing(truth: Truth, measured: NDArray[np.int64], camera: Camera) -> float:
    """Per cent of the isolated stars that are on the chip of most frames which the table lacks."""
    rows, columns = camera.detector.shape
    x, y = truth.x, truth.y
    on_chip = ((x >= 0) & (x <= columns - 1) & (y >= 0) & (y <= rows - 1)).mean(axis=0) > 0.5
    isolated = (np.asarray(truth.stars["foreign"]) < ISOLATED) & ~np.asarray(truth.stars["blended"])
    wanted = on_chip & isolated & (np.asarray(truth.stars["Tmag"]) < camera.catalog.tmag_max)
    return 100.0 * float(1.0 - np.isin(truth.stars["tic_id"][wanted], measured).mean())


def _relative(measured: Measured, true: Truth, camera: Camera) -> Floats:
    """Measured flux over the light that fell in, NaN where flagged in a way that spoils it."""
    spoilt = Flag.EDGE | Flag.SATURATED | Flag.OFF_CHIP | Flag.BAD_PIXEL
    good = ((measured.flags & spoilt) == 0) & (true.electrons > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = measured.flux * camera.detector.gain_e_adu / true.electrons
    return np.where(good, ratio, np.nan)


def _flux_scale(measured: Measured, true: Truth, camera: Camera) -> float:
    """Robust scatter from star to star of measured over true flux of bright lonely stars, per cent."""
    ratio = _relative(measured, true, camera) / true.scintillation
    bright = _lonely(measured, true) & np.asarray(true.stars["Tmag"] < BRIGHT_TMAG)
    whole = bright & (np.isfinite(ratio).sum(axis=0) >= max(1, ratio.shape[0] // 2))
    if np.count_nonzero(whole) < FEWEST_STARS:
        return float("nan")
    scale = np.nanmedian(ratio[:, whole], axis=0)
    return 100.0 * mad_sigma(scale) / float(np.median(scale))


def _times(measured: Measured, true: Truth) -> dict[str, float]:
    mid = np.abs(measured.jd_mid - np.asarray(true.frames["jd_mid"])[:, None]).max()
    bary = np.abs(measured.jd_bary - true.bjd).max()
    return {
        "largest error of jd_mid [ms]": float(mid * DAY_S * 1e3),
        "largest error of jd_bary [ms]": float(bary * DAY_S * 1e3),
    }


def _scatter(measured: Measured, true: Truth, camera: Camera) -> dict[tuple[float, float], float]:
    """Scatter from frame to frame over its prediction by the truth alone, median of each magnitude bin."""
    ratio = _relative(measured, true, camera)
    often = np.isfinite(ratio).sum(axis=0) >= FEWEST_FRAMES
    usable = np.flatnonzero(_lonely(measured, true) & often & ~np.asarray(true.stars["blended"], bool))
    if len(ratio) < FEWEST_FRAMES or not usable.size:
        return {}
    chosen = true.cut(stars=usable)
    tmag = np.asarray(chosen.stars["Tmag"])
    seen = ratio[:, usable]
    seen = seen / np.nanmedian(seen, axis=0)
    seen = seen / np.nanmedian(seen[:, tmag < BRIGHT_TMAG + 1.0], axis=1)[:, None]  # one factor a frame
    excess = np.nanstd(seen, axis=0, ddof=1) / np.nanmean(relative_noise(chosen, camera), axis=0)
    bins = itertools.pairwise(MAG_BINS)
    members = {(low, high): excess[(tmag >= low) & (tmag < high)] for low, high in bins}
    return {edges: float(np.median(found)) for edges, found in members.items() if len(found) >= FEWEST_STARS}


def compare_night(base: Path | str) -> list[tuple[Path, Comparison]]:
    """Comparisons of all fields and nights of a simulated base folder.

    Raises
    ------
    ProductError
        A table or a truth is missing or damaged.
    """
    base = Path(base)
    camera = load_camera(base / "camera.toml")
    comparisons = []
    for told in sorted((base / FOLDER).rglob("truth_*.fits")):
        field, night = told.stem.removeprefix("truth_"), told.parent.name
        if night == FOLDER:  # not a season
            night = json.loads((base / MARKER).read_text(encoding="utf-8"))["date"]
            truth = read_truth(base, field)
        else:
            truth = read_truth(base, field, night=night)
        path = base / NIGHTS / night / f"phot_{field}.fits"
        comparisons.append((path, compare_field(path, truth, camera)))
    return comparisons


def compare_seasons(base: Path | str) -> list[SeasonComparison]:
    """Comparisons of the seasons that were made of a simulated base folder.

    Raises
    ------
    ProductError
        A file of a season or a truth is missing or damaged.
    """
    base = Path(base)
    camera = load_camera(base / "camera.toml")
    fields = [path.stem.removeprefix("season_") for path in sorted((base / FOLDER).glob("season_*.fits"))]
    made = [field for field in fields if season_path(base, field).is_dir()]
    return [compare_season(base, read_season_truth(base, field), camera) for field in made]


def describe(path: Path, comparison: Comparison) -> Iterator[str]:
    """Lines that tell an observer how a table compares with its truth."""
    yield f"{path}"
    yield f"  frames measured {comparison.frames[0]} of {comparison.frames[1]}"
    for name, value in comparison.numbers.items():
        verdict = (
            "too few stars or frames to tell" if np.isnan(value) else "OVER" if value > LIMITS[name] else "good"
        )
        yield f"  {name:34s} {value:8.4f}   limit {LIMITS[name]:g}   {verdict}"


def main(argv: Sequence[str]) -> int:
    """Print the comparison of a base folder; 1 where a number is over its limit, 2 without a folder."""
    if len(argv) != 1:
        sys.stderr.write("usage: python -m ngcmos.simulate.compare BASE\n")
        return 2
    try:
        compared, seasons = compare_night(argv[0]), compare_seasons(argv[0])
    except NgcmosError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    for path, comparison in compared:
        sys.stdout.write("\n".join(describe(path, comparison)) + "\n")
    for season in seasons:
        sys.stdout.write("\n".join(describe_season(season)) + "\n")
    over = [one.failed for _, one in compared] + [one.failed for one in seasons]
    failed = sorted({name for names in over for name in names})
    sys.stdout.write(
        f"compared with the truth: {'over the limit: ' + ', '.join(failed) if failed else 'all good'}\n"
    )
    return 1 if failed or not compared else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
