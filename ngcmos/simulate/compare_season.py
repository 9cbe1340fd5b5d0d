"""The season of a simulated field against its truth, in numbers that a test can demand."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from astropy.table import Table
from numpy.typing import NDArray
from pyarrow import ArrowException

from ngcmos.config import Camera
from ngcmos.errors import ProductError
from ngcmos.simulate.base import NIGHTS
from ngcmos.simulate.signals import Floats
from ngcmos.simulate.theory import relative_noise
from ngcmos.simulate.truth import SeasonTruth, read_truth

SEASONS = "seasons"
BRIGHT, *FAINTER = MAG_BINS = ((9.5, 11.5), (11.5, 12.5), (12.5, 13.5), (13.5, 14.0))
FEWEST_STARS, FEWEST_NIGHTS = 5, 5
LONELY = 0.002  # light of other stars within 6 px, relative
SPOILT = 1 + 2 + 4 + 64  # edge, saturated, bad pixel, off chip
CLEAR = 0.9
ENOUGH_TRANSITS = 3
PLANET_PERIOD, PLANET_DEPTH = 0.005, 0.2  # relative
PHASE = 0.25  # cycles by which a period that counts as right runs away over the season

SEASON_LIMITS = {
    "nights not in the season": 0.0,
    "nightly means of bright stars [mmag]": 1.2,
    "worst fainter means / photons and air": 1.4,
    "constant stars called variable [%]": 1.0,
    "sines and binaries of another period": 0.0,
    "planets of another period": 1.0,
    "planets of another depth": 1.0,
    "single transits not listed": 0.0,
}


@dataclasses.dataclass(frozen=True, eq=False)
class SeasonComparison:
    """What a season gets wrong.

    Attributes
    ----------
    field : str
    numbers : dict
        The keys of `SEASON_LIMITS` and their values; NaN where the season is too small to tell.
    means : dict of (low, high) to (float, float)
        Scatter of the nightly means of constant stars, and what photons and air leave, relative, by magnitude.
    stars : list of str
        A line for each star that varies: what it does, and what was found.
    """

    field: str
    numbers: dict[str, float]
    means: dict[tuple[float, float], tuple[float, float]]
    stars: list[str]

    @property
    def failed(self) -> list[str]:
        """Names of the numbers over their limits."""
        return [name for name, value in self.numbers.items() if value > SEASON_LIMITS[name]]


def season_path(base: Path, field: str) -> Path:
    """Folder of the season of a field."""
    return base / NIGHTS / SEASONS / field


def compare_season(base: Path, truth: SeasonTruth, camera: Camera) -> SeasonComparison:
    """Comparison of the season of a field in a simulated base folder with its truth.

    Raises
    ------
    ProductError
        A file of the season is missing or damaged.
    """
    folder = season_path(base, truth.field)
    found = _rows(folder / "stars.parquet", None)
    both = _paired(truth.stars, found)
    nights = [name for name in truth.nights["night"] if (folder / "light_curves" / f"{name}.parquet").is_file()]
    means = _nightly_means(base, folder, truth, camera, nights)
    span_d = float(np.ptp(truth.frames["jd_mid"]))
    verdicts = [judge(row, span_d) for row in both if row["signal"] != "constant"]
    constant = both["signal"] == "constant"
    ratios = [seen / floor for seen, floor in (means[edges] for edges in FAINTER if edges in means)]
    return SeasonComparison(
        field=truth.field,
        numbers={
            "nights not in the season": float(len(truth.nights) - len(nights)),
            "nightly means of bright stars [mmag]": 1e3 * means[BRIGHT][0] if BRIGHT in means else np.nan,
            "worst fainter means / photons and air": max(ratios, default=np.nan),
            "constant stars called variable [%]": 100.0 * float(np.mean(both["variable"][constant])),
            "sines and binaries of another period": _count(verdicts, "cycle", right_period=False),
            "planets of another period": _count(verdicts, "planet", right_period=False),
            "planets of another depth": _count(verdicts, "planet", right_depth=False),
            "single transits not listed": _count(verdicts, "single", right_period=False),
        },
        means=means,
        stars=[one.text for one in verdicts],
    )


@dataclasses.dataclass(frozen=True)
class VerdictOnStar:
    """Of one star that varies: its kind ("cycle", "planet", "single", or "" where nothing can be demanded)."""

    kind: str
    right_period: bool
    right_depth: bool
    text: str


def judge(row: Table.Row, span_d: float) -> VerdictOnStar:
    """Whether what was found of a star is what it does.

    Parameters
    ----------
    row : Row
        Columns of the truth and, of what was found, period_found, dip_period_d, dip_t0_bjd, dip_depth.
    span_d : float
        Length of the season.
    """
    what = f"TIC {row['tic_id']} Tmag {row['Tmag']:.1f}: {row['signal']} of {row['amplitude']:.2%}"
    if row["signal"] != "transit":
        return _judge_cycle(row, span_d, f"{what}, {row['period_d']:.4f} d")
    if not row["period_d"]:
        near = abs(row["dip_t0_bjd"] - row["epoch_bjd"]) < row["duration_d"] / 2
        return VerdictOnStar("single", near, near, f"{what}, once: {'listed' if near else 'NOT LISTED'}")
    return _judge_planet(row, f"{what}, {row['period_d']:.4f} d, {row['transits']} transits")


def _judge_cycle(row: Table.Row, span_d: float, what: str) -> VerdictOnStar:
    """A sine by its period; a binary also by half or twice of it, and by its eclipses."""
    binary = row["signal"] == "eclipse"
    columns = ["period_found", "dip_period_d"] if binary else ["period_found"]
    multiples = [1.0, 2.0, 0.5] if binary else [1.0]
    found = [1 / row[name] for name in columns if row[name] > 0]
    true, allowed = 1 / row["period_d"], PHASE / span_d
    right = any(abs(one - k * true) < allowed * k for one in found for k in multiples)
    aliases = [abs(k * true + day) for k in multiples for day in (-2, -1, 1, 2)]
    alias = any(abs(one - other) < allowed for one in found for other in aliases)
    word = "right" if right else "alias of a day" if alias else "WRONG"
    text = f"{what}: {', '.join(f'{1 / one:.4f} d' for one in found) or 'none'}, {word}"
    return VerdictOnStar("cycle", right or alias, True, text)


def _judge_planet(row: Table.Row, what: str) -> VerdictOnStar:
    period = abs(row["dip_period_d"] / row["period_d"] - 1) < PLANET_PERIOD
    depth = abs(row["dip_depth"] / row["amplitude"] - 1) < PLANET_DEPTH
    word = "right" if period and depth else "other depth" if period else "WRONG"
    kind = "planet" if row["transits"] >= ENOUGH_TRANSITS else ""
    return VerdictOnStar(
        kind, period, depth, f"{what}: {row['dip_period_d']:.4f} d, {row['dip_depth']:.2%}, {word}"
    )


def _count(verdicts: list[VerdictOnStar], kind: str, **wanted: bool) -> float:
    of_kind = [one for one in verdicts if one.kind == kind]
    return float(sum(all(getattr(one, name) == value for name, value in wanted.items()) for one in of_kind))


def _rows(path: Path, columns: list[str] | None) -> Table:
    """Columns of a Parquet file; null is NaN."""
    try:
        table = pq.read_table(path, columns=columns)
    except (OSError, ArrowException) as error:
        raise ProductError(f"{path}: cannot be compared ({error}), expected a whole file of a season") from None
    return Table({name: table[name].to_numpy() for name in table.column_names})


def _paired(true: Table, found: Table) -> Table:
    """Stars of the truth that the season holds, with what it says of them."""
    _, in_truth, in_season = np.intersect1d(true["tic_id"], found["tic_id"], return_indices=True)
    both = true[in_truth]
    both["period_found"] = np.asarray(found["period_d"][in_season], float)
    for name in ("dip_period_d", "dip_t0_bjd", "dip_depth"):
        both[name] = np.asarray(found[name][in_season], float)
    both["variable"] = [bool(value) for value in found["variable"][in_season]]
    return both


def _nightly_means(
    base: Path, folder: Path, truth: SeasonTruth, camera: Camera, nights: list[str]
) -> dict[tuple[float, float], tuple[float, float]]:
    """Scatter of the nightly means of lonely constant stars, and that of photons and air, medians of each bin."""
    stars = truth.stars
    usable = (stars["signal"] == "constant") & (stars["foreign"] < LONELY) & (stars["blended"] == 0)
    chosen = stars[usable]
    seen, floor = (np.full((len(nights), len(chosen)), np.nan) for _ in range(2))
    for number, night in enumerate(nights):
        ids = np.asarray(chosen["tic_id"])
        seen[number], points = _means(folder / "light_curves" / f"{night}.parquet", ids)
        of_night = read_truth(base, truth.field, night=night)
        clear = np.flatnonzero(of_night.frames["transparency"] > CLEAR)
        _, mine, theirs = np.intersect1d(ids, of_night.stars["tic_id"], return_indices=True)
        noise = relative_noise(of_night.cut(frames=clear, stars=theirs), camera)
        floor[number, mine] = np.median(noise, axis=0) / np.sqrt(np.maximum(1, points[mine]))
    whole = np.flatnonzero(np.isfinite(seen).sum(axis=0) >= FEWEST_NIGHTS)
    scatter = np.nanstd(seen[:, whole], axis=0, ddof=1) if whole.size else np.empty(0)
    theory = np.sqrt(np.nanmean(floor[:, whole] ** 2, axis=0)) if whole.size else np.empty(0)
    tmag = np.asarray(chosen["Tmag"])[whole]
    bins = {edges: (tmag >= edges[0]) & (tmag < edges[1]) for edges in MAG_BINS}
    return {
        edges: (float(np.median(scatter[inside])), float(np.median(theory[inside])))
        for edges, inside in bins.items()
        if inside.sum() >= FEWEST_STARS
    }


def _means(path: Path, ids: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Mean relative flux of each star over its good points of a night, and how many these are."""
    rows = _rows(path, ["tic_id", "relative_flux", "flags", "quality"])
    flux = np.asarray(rows["relative_flux"], float)
    good = (
        np.isfinite(flux) & ((np.asarray(rows["flags"]) & SPOILT) == 0) & (np.asarray(rows["quality"]) == "good")
    )
    order = np.argsort(ids)
    place = np.searchsorted(ids[order], rows["tic_id"]).clip(max=ids.size - 1)
    good &= ids[order][place] == rows["tic_id"]
    star = order[place[good]]
    points = np.bincount(star, minlength=ids.size).astype(float)
    total = np.bincount(star, flux[good], minlength=ids.size)
    return np.where(points > 0, total / np.maximum(points, 1), np.nan), points


def describe_season(comparison: SeasonComparison) -> Iterator[str]:
    """Lines that tell an observer how a season compares with its truth."""
    yield f"season of {comparison.field}"
    for name, value in comparison.numbers.items():
        limit = SEASON_LIMITS[name]
        word = "too few stars or nights to tell" if np.isnan(value) else "OVER" if value > limit else "good"
        yield f"  {name:38s} {value:8.4f}   limit {limit:g}   {word}"
    for (low, high), (seen, floor) in comparison.means.items():
        of_them = f"{seen * 1e3:.2f} mmag, {floor * 1e3:.2f} of photons and air"
        yield f"  nightly means, Tmag {low:g} to {high:g}: {of_them}"
    yield from (f"  {line}" for line in comparison.stars)
