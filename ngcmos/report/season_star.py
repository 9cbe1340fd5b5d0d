"""One star over the nights of its season: a picture, and its series as CSV on request.

Reads the seasons under the base path, and the photometry of the nights for the CSV; writes nothing but those two.
"""

import dataclasses
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from astropy.table import Row, Table
from astropy.timeseries import LombScargle, TimeSeries
from numpy.typing import NDArray

from ngcmos.arrays import Bools, Floats
from ngcmos.config import Config
from ngcmos.errors import NightError, ProductError, UsageError, WorkError
from ngcmos.lightcurves.cube import DOUBTFUL
from ngcmos.lightcurves.series import BinLength, assign_bins, bin_points
from ngcmos.night.fingerprint import digest_of
from ngcmos.night.outcome import Outcome
from ngcmos.night.products import photometry_path, write_text, write_then_rename
from ngcmos.qc.plots import write_figure
from ngcmos.qc.season_plot import Folding, SeasonSeries, plot_season
from ngcmos.report.star import DOTS_PER_INCH, with_behind
from ngcmos.report.wanted import PICTURES, STAGE, check_ending
from ngcmos.season.archive import read_mark, season_folder
from ngcmos.season.cameras import AWAY_SIGMA, compare_cameras
from ngcmos.season.periods import FEWEST_POINTS, SHORTEST_D, frequency_grid
from ngcmos.season.reader import Season
from ngcmos.season.search import SURE_SNR
from ngcmos.season.sources import others_of, telescope_of
from ngcmos.season.variability import FALSE_ALARMS
from ngcmos.tables.exports import made_line, names_line, with_lines
from ngcmos.tables.table import read_star

if TYPE_CHECKING:
    from matplotlib.figure import Figure

log = logging.getLogger(__name__)

COLUMNS = (
    *("bjd_tdb", "relative_flux", "relative_flux_err", "flux", "fluxerr", "exptime_s", "night", "frame_id"),
    *("quality", "flags", "airmass", "x", "y", "sky"),
)
_KEPT = ("flags", "airmass", "x", "y", "sky")


@dataclasses.dataclass(frozen=True)
class WantedOfSeason:
    """Which star is drawn, and how.

    Attributes
    ----------
    gaia_id, tic_id : int or None
        Exactly one of them.
    nights : sequence of str or None
        YYYYMMDD; None: all.
    field : str or None
        None: all seasons that have the star.
    period_d, epoch_bjd : float or None
        To fold by; None: what the season has found.
    bin_length : ngcmos.lightcurves.series.BinLength or None
        Binned points beside those of the frames.
    output, csv : path or None
        The picture (None: `light_curve_{id}.png` beside the season), and the series as a table.
    """

    gaia_id: int | None = None
    tic_id: int | None = None
    nights: Sequence[str] | None = None
    field: str | None = None
    period_d: float | None = None
    epoch_bjd: float | None = None
    bin_length: BinLength | None = None
    output: Path | str | None = None
    csv: Path | str | None = None

    def check(self) -> None:
        """Raise UsageError where this cannot be meant."""
        if (self.gaia_id is None) == (self.tic_id is None):
            raise UsageError("the star is named by its gaia_id or its tic_id, expected one of them")
        if self.epoch_bjd is not None and self.period_d is None:
            raise UsageError("--epoch without --period, expected both")
        if self.period_d is not None and not self.period_d > 0:
            raise UsageError(f"--period is {self.period_d}, expected days, more than 0")
        check_ending("--output", self.output, PICTURES)
        check_ending("--csv", self.csv, (".csv",))

    @property
    def ids(self) -> dict[str, int | None]:
        """The star, as `Season` takes it."""
        return {"gaia_id": self.gaia_id, "tic_id": self.tic_id}


def run(config: Config, wanted: WantedOfSeason) -> Outcome:
    """Draw a star in each season that has it; an Outcome.

    Raises
    ------
    UsageError
        None or both ids, an ending that is no picture's or table's, an epoch without a period.
    NightError
        There is no season.
    WorkError
        No season has the star.
    """
    wanted.check()
    outcome = Outcome(STAGE)
    found = _find(config.directories.base, wanted)
    for number, season in enumerate(found):
        with outcome.attempt(season.field):
            row = season.stars[season.star(**wanted.ids)]
            curve = season.light_curve(**wanted.ids, nights=wanted.nights)
            if not len(curve):
                raise WorkError(f"{season.folder.path}: no light curves of these nights")
            behind = "" if number == 0 else f"_{season.field}"
            path = with_behind(wanted.output or _usual_path(season, row), behind)
            with write_then_rename(path) as temporary:
                figure = _draw(season, row, curve, wanted)
                write_figure(figure, temporary, kind=path.suffix[1:].lower(), dpi=DOTS_PER_INCH)
            _count(path, outcome)
            if wanted.csv:
                _write_csv(config.directories.base, season, row, curve, with_behind(wanted.csv, behind))
                _count(with_behind(wanted.csv, behind), outcome)
            _tell(season, row)
            _tell_cameras(curve)
    return outcome


def _usual_path(season: Season, row: Row) -> Path:
    who = row["gaia_id"] or f"TIC_{row['tic_id']}"
    return season.folder.path / f"light_curve_{who}.png"


def _find(base: Path, wanted: WantedOfSeason) -> list[Season]:
    """Seasons that have the star."""
    fields = [wanted.field] if wanted.field else sorted(path.name for path in (base / "seasons").glob("[!.]*"))
    if not fields:
        raise NightError(f"{base / 'seasons'}: no season, expected those made by season.py")
    seasons, missing = [], None
    for field in fields:
        season = Season(season_folder(base, field))
        try:
            season.star(**wanted.ids)
            seasons.append(season)
        except ProductError:
            raise
        except WorkError as error:
            missing = error
    if not seasons and missing is not None:
        raise missing
    return seasons


def _good(curve: TimeSeries) -> Bools:
    """Points of good frames that no flag spoils."""
    flux, error = np.asarray(curve["flux"]), np.asarray(curve["flux_err"])
    unspoilt = (np.asarray(curve["flags"]) & DOUBTFUL) == 0
    good: Bools = (np.asarray(curve["quality"]) == 0) & unspoilt & np.isfinite(flux) & (error > 0)
    return good


def _draw(season: Season, row: Row, curve: TimeSeries, wanted: WantedOfSeason) -> "Figure":
    """The figure of a star."""
    good = _good(curve)
    series = SeasonSeries(
        bjd=np.asarray(curve.time.jd),
        flux=np.asarray(curve["flux"], float),
        error=np.asarray(curve["flux_err"], float),
        good=good,
        night=np.asarray(curve["night"]).astype(str),
        camera=np.asarray(curve["camera"]),
        cameras=curve.meta["CAMERAS"],
    )
    binned = _bin(series, wanted.bin_length) if wanted.bin_length and good.any() else None
    series = dataclasses.replace(series, binned=binned)
    power = _power(series.bjd[good], series.flux[good], series.error[good])
    return plot_season(series, _foldings(row, wanted), power=power, title=_title(season, row))


def _bin(series: SeasonSeries, length: BinLength) -> tuple[Floats, Floats, Floats, NDArray[np.str_]]:
    """Binned points; no bin reaches from one night into the next."""
    bjd, good = series.bjd[series.good], series.good
    bins = assign_bins(bjd, length)
    points = bin_points(bins, bjd, series.flux[good], series.error[good])
    _, first = np.unique(bins, return_index=True)
    return points.time_d, points.value, points.error, series.night[good][first]


def _foldings(row: Row, wanted: WantedOfSeason) -> list[Folding]:
    """By what the curve is folded: what is asked for, else what the season has found and is sure of."""
    if wanted.period_d is not None:
        epoch = row["dip_t0_bjd"] if wanted.epoch_bjd is None else wanted.epoch_bjd
        return [Folding(wanted.period_d, float(np.nan_to_num(epoch)), np.nan, "folded by")]
    found = []
    if row["period_fap"] < FALSE_ALARMS:
        found.append(Folding(float(row["period_d"]), 0.0, np.nan, "wave of"))
    if row["dip_snr"] >= SURE_SNR and np.isfinite(row["dip_period_d"]):
        period, middle, length = (float(row[name]) for name in ("dip_period_d", "dip_t0_bjd", "dip_duration_h"))
        found.append(Folding(period, middle, length, "dips every"))
    return found


def _power(bjd: Floats, flux: Floats, error: Floats) -> tuple[Floats, Floats] | None:
    """(periods in days, power); None for too few points."""
    if bjd.size < FEWEST_POINTS or np.ptp(bjd) < 2 * SHORTEST_D:
        return None
    import nifty_ls  # noqa: F401  - tells astropy of the method "fastnifty"

    grid = frequency_grid(float(np.ptp(bjd)))
    found = LombScargle(bjd - bjd[0], flux, error)
    return 1 / grid, found.power(grid, method="fastnifty", assume_regular_frequency=True)


def _title(season: Season, row: Row) -> str:
    gaia = f"Gaia {row['gaia_id']}, " if row["gaia_id"] else ""
    scatter = f"nightly means scatter {row['rms_night']:.2%} (expected {row['rms_night_expected']:.2%})"
    who = f"{gaia}TIC {row['tic_id']}, Tmag {row['Tmag']:.2f}: {season.field}, {len(season.nights)} nights"
    return f"{who}, aperture {row['radius_px']:g} px\n{scatter}{', varies' if row['variable'] else ''}"


def _write_csv(base: Path, season: Season, row: Row, curve: TimeSeries, path: Path) -> None:
    """The series as a table, with lines that tell who it is; counts come from the photometry of each night."""
    table = Table(
        {"bjd_tdb": curve.time.jd, "relative_flux": curve["flux"], "relative_flux_err": curve["flux_err"]}
    )
    table["night"] = np.asarray(curve["night"]).astype(str)
    table["quality"] = np.array(curve.meta["QUALITIES"])[np.asarray(curve["quality"])]
    for name in _KEPT:
        table[name] = np.asarray(curve[name])
    frames = season.frames[np.asarray(season.frames["frame"]) >= 0]
    place = {(one["night"], one["camera"], one["frame"]): at for at, one in enumerate(frames)}
    cameras = np.array(curve.meta["CAMERAS"])[np.asarray(curve["camera"])]
    table["camera"] = cameras
    at = [place[key] for key in zip(table["night"], cameras, curve["frame"], strict=True)]
    for name in ("exptime_s", "frame_id"):
        table[name] = np.asarray(frames[name])[at]
    table["flux"], table["fluxerr"] = _counts(base, season, row, table)
    profiles = ", ".join(dict.fromkeys(str(camera).partition(" ")[0] for camera in cameras)) or "unknown"
    write_text(path, with_lines(_who(season, row, profiles), table[list(COLUMNS)]))


def _counts(base: Path, season: Season, row: Row, table: Table) -> tuple[Floats, Floats]:
    """Counts and their errors in the aperture of the season, ADU; NaN for nights whose table is gone."""
    values = np.full((2, len(table)), np.nan)
    bases = {telescope_of(other): other for other in others_of(season.folder)}
    for night, camera in sorted({(str(one["night"]), str(one["camera"])) for one in table["night", "camera"]}):
        here = np.flatnonzero((table["night"] == night) & (table["camera"] == camera))
        folder = bases.get(camera.rpartition(" ")[2], base) / night
        try:
            star = read_star(photometry_path(folder, season.field), tic_id=int(row["tic_id"]))
        except WorkError as error:
            log.warning("%s: no counts of %s: %s", STAGE, night, error)
            continue
        known = {name: number for number, name in enumerate(star["frame_id"])}
        rows = [known.get(name, -1) for name in table["frame_id"][here]]
        for number, name in enumerate(("flux", "fluxerr")):
            column = np.append(np.asarray(star[f"{name}_{row['radius_px']:g}"], float), np.nan)
            values[number, here] = column[rows]
    return values[0], values[1]


def _who(season: Season, row: Row, profiles: str) -> list[str]:
    """Lines at the head of a CSV."""
    made_of = read_mark(season.folder.stars).get("nights", {})
    return [
        names_line(int(row["gaia_id"]), int(row["tic_id"]), float(row["Tmag"])),
        f"place: {row['ra_deg']:.7f} {row['dec_deg']:.7f} ICRS degrees",
        f"season: {season.field}, {len(season.nights)} nights from {season.nights[0]} to {season.nights[-1]}",
        f"aperture: {row['radius_px']:g} px; flux and sky in ADU an exposure; x and y FITS pixels",
        "relative_flux: about 1 over the season; time: BJD_TDB of mid exposure",
        made_line(profiles, digest_of(json.dumps(made_of, sort_keys=True))),
    ]


def _count(path: Path, outcome: Outcome) -> None:
    outcome.products.append(path)
    outcome.done.append(path.name)
    log.info("%s: written: %s", STAGE, path)


def _tell(season: Season, row: Row) -> None:
    """What the season knows of the star, for the log."""
    nights = f"{row['nights']} nights, {row['points']} points"
    log.info("%s: %s: TIC %d, %s, %s", STAGE, season.field, row["tic_id"], nights, said_of(row))


def _tell_cameras(curve: TimeSeries) -> None:
    """Cameras whose star is brighter or fainter than in the others that saw it in the same night."""
    good = _good(curve)
    columns = (np.asarray(curve[name])[good] for name in ("night", "camera", "flux", "flux_err"))
    expected = float(np.nan_to_num(curve.meta["RMS_NIGHT_EXPECTED"]))
    for (night, camera), (off, error) in compare_cameras(*columns, least_error=expected).items():
        if abs(off) >= AWAY_SIGMA * error:
            name, sigma = curve.meta["CAMERAS"][camera], abs(off) / error
            log.warning(
                "%s: %s: %s is off the others by %.2f%% (%.1f sigma)", STAGE, night, name, 100 * off, sigma
            )


def said_of(row: Row) -> str:
    """What a season has found of a star, in words."""
    found = [f"known as {row['name']}"] if row["name"] else []
    found.append("varies" if row["variable"] else "does not vary")
    if row["period_fap"] < FALSE_ALARMS:
        alias = f", or its alias of a day {row['alias_d']:.5g} d" if np.isfinite(row["alias_d"]) else ""
        found.append(f"period {row['period_d']:.5g} d{alias}, amplitude {row['amplitude']:.2%}")
    if row["dip_snr"] >= SURE_SNR:
        often = f"every {row['dip_period_d']:.6g} d" if np.isfinite(row["dip_period_d"]) else "once"
        found.append(f"dips of {row['dip_depth']:.2%} {often}, {row['dips']} seen, {row['dip_snr']:.1f} sigma")
    return "; ".join(found)
