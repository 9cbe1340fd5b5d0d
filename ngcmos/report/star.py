"""One star through a night: a picture of its flux, sky and place, and its series as CSV on request.

``run(config, night, Wanted(gaia_id=..., bin_length=BinLength(minutes=10), csv="star.csv")) -> Outcome``

Reads the photometry tables of the night and writes nothing but the picture and the CSV, so it needs no lock.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from astropy.table import Table

from ngcmos.arrays import Floats
from ngcmos.config import Camera, Config
from ngcmos.errors import FrameError, ProductError
from ngcmos.lightcurves.series import BinLength, assign_bins, bin_points, find_outliers, frame_to_frame
from ngcmos.names import flag_names
from ngcmos.night.fingerprint import digest_of
from ngcmos.night.folder import Night, find_frame
from ngcmos.night.frames import read_frame
from ngcmos.night.outcome import Outcome
from ngcmos.night.products import photometry_path, relative_path, write_text, write_then_rename
from ngcmos.qc.comparison_map import ComparisonMap
from ngcmos.qc.plots import write_figure
from ngcmos.qc.star_plot import CutOut, StarSeries, plot_star
from ngcmos.report.comparisons import comparisons_of, map_of, write_comparisons
from ngcmos.report.wanted import STAGE, FoundStar, Wanted, find_star
from ngcmos.tables.exports import made_line, names_line, with_lines
from ngcmos.tables.relative import read_qualities
from ngcmos.tables.table import read_stars

if TYPE_CHECKING:
    from matplotlib.figure import Figure

log = logging.getLogger(__name__)

FEWEST = 3
DOTS_PER_INCH = 120
SAME_TIME_D = 1.0 / 86400


def run(config: Config, night: Night, wanted: Wanted) -> Outcome:
    """Draw a star in each field that has it; an Outcome.

    Raises
    ------
    UsageError
        None or both ids, a radius that the table has not, an ending that is no picture's or table's.
    WorkError
        There is no table, or the star is in none; the log tells where it is and what is near.
    """
    wanted.check()
    outcome = Outcome(STAGE)
    stars = find_star(config, night.folder, wanted, outcome)
    figures = []
    for star in stars:
        behind = "" if star is stars[0] else f"_{star.field}"
        kind = "" if wanted.key == "gaia_id" else "TIC_"
        name = f"light_curve_{kind}{wanted.number}_aperture_{star.radius_px:g}.png"
        relative = None
        with outcome.attempt(star.field):
            relative = _relative_flux(night.folder, star)
        compared = comparisons_of(night.folder, star.field, star.tic_id)
        figures.append(_draw(config.camera, night, star, relative, wanted.bin_length, compared))
        _write_picture(with_behind(wanted.output or night.folder / name, behind), figures[-1], outcome)
        if wanted.csv:
            table = _series(star, relative, _qualities(night.folder, star))
            write_text(with_behind(wanted.csv, behind), with_lines(_who(config.camera, night, star), table))
            _count(with_behind(wanted.csv, behind), outcome)
            if compared is not None:
                _count(write_comparisons(with_behind(wanted.csv, behind), compared), outcome)
        _tell(star)
    if wanted.show:
        _show(figures)
    return outcome


def with_behind(path: Path | str, text: str) -> Path:
    path = Path(path)
    return path.with_name(f"{path.stem}{text}{path.suffix}")


def _relative_flux(folder: Path, star: FoundStar) -> tuple[Floats, Floats] | None:
    """(flux, error) relative to comparison stars of each row; NaN for rows without, None where none is there."""
    path = folder / f"rel_phot_{star.field}.fits"
    if not path.exists():
        return None
    try:
        table = Table.read(path, format="fits", hdu=1, mask_invalid=False)
        table = table[table["TIC_ID"] == star.tic_id]
        names = ("Time_BJD", "Relative_Flux", "Relative_Flux_err")
        time, flux, error_of_flux = (np.ravel(table[name]).astype(float) for name in names)
    except (OSError, ValueError, TypeError, KeyError, IndexError) as error:
        raise ProductError(f"{path}: damaged or of another kind ({error})") from error
    if not time.size:
        return None
    distance = np.abs(star["jd_bary"][:, None] - time[None, :])
    nearest = np.argmin(distance, axis=1)
    same = np.take_along_axis(distance, nearest[:, None], axis=1)[:, 0] <= SAME_TIME_D
    return np.where(same, flux[nearest], np.nan), np.where(same, error_of_flux[nearest], np.nan)


def series_of(
    star: FoundStar, relative: tuple[Floats, Floats] | None, compared: ComparisonMap | None
) -> StarSeries:
    """What is drawn of a star; its counts a second where exposure times differ."""
    flux, error = relative or (None, None)
    return StarSeries(
        bjd=star["jd_bary"],
        airmass=star["airmass"],
        flux=star["flux"] / star.per,
        fluxerr=star["fluxerr"] / star.per,
        sky=star["sky"] / star.per,
        x=star["x"] - 1.0,
        y=star["y"] - 1.0,
        flags=star["flags"],
        relative=flux,
        relative_err=error,
        is_per_second=star.has_exposures,
        compared=compared,
    )


def _draw(
    camera: Camera,
    night: Night,
    star: FoundStar,
    relative: tuple[Floats, Floats] | None,
    bin_length: BinLength | None,
    compared: Table | None,
) -> "Figure":
    """The figure of a star in one field."""
    place = (float(np.nanmedian(star[name])) - 1.0 for name in ("x", "y"))
    series = series_of(star, relative, map_of(compared, camera, *place))
    gaia = f"Gaia {star.gaia_id}, " if star.gaia_id else ""
    who = f"{gaia}TIC {star.tic_id}, Tmag {star['Tmag'][0]:.2f}"
    title = f"{who}: {star.field}, {night.date}, aperture {star.radius_px:g} px"
    cut_out = _cut_out(camera, night.folder, star)
    return plot_star(series, cut_out, title=title, flag_names=flag_names(), binned=_bin(series, bin_length))


def _bin(series: StarSeries, length: BinLength | None) -> dict[str, tuple[Floats, Floats, Floats]]:
    """Binned points of the panels; none where there is nothing to bin."""
    if length is None:
        return {}
    bins = assign_bins(series.bjd, length)
    points = {"flux": bin_points(bins, series.bjd, series.flux, series.fluxerr)}
    if series.relative is not None and series.relative_err is not None:
        points["relative"] = bin_points(bins, series.bjd, series.relative, series.relative_err)
    return {name: (point.time_d, point.value, point.error) for name, point in points.items() if point.count.size}


def _cut_out(camera: Camera, folder: Path, star: FoundStar) -> CutOut:
    """Where the star lies on its first frame; without an image where that is gone."""
    name = str(star["frame_id"][0])
    path = find_frame(folder, name)
    data, caption = None, str(path.relative_to(folder))
    try:
        data = read_frame(path, camera).data
    except FrameError as error:
        caption = f"first frame not shown: {error}"
        log.warning("%s: first frame not shown: %s", STAGE, error)
    return CutOut(
        data=data,
        x=float(star["x"][0]) - 1.0,
        y=float(star["y"][0]) - 1.0,
        radius_px=star.radius_px,
        annulus_px=camera.photometry.annulus_px,
        caption=caption,
    )


def _write_picture(path: Path, figure: "Figure", outcome: Outcome) -> None:
    with write_then_rename(path) as temporary:
        write_figure(figure, temporary, kind=path.suffix[1:].lower(), dpi=DOTS_PER_INCH)
    _count(path, outcome)


def _qualities(folder: Path, star: FoundStar) -> list[str]:
    """Quality of each row's frame; empty texts where nobody judged them."""
    try:
        known = read_qualities(relative_path(folder, star.field), photometry_path(folder, star.field))
    except ProductError as error:
        log.warning("%s: %s", STAGE, error)
        known = None
    return known or [""] * len(star["frame_id"])


def _who(camera: Camera, night: Night, star: FoundStar) -> list[str]:
    """Lines at the head of a CSV."""
    stars = read_stars(photometry_path(night.folder, star.field))
    at = int(np.flatnonzero((stars["tic_id"] == star.tic_id) & (stars["gaia_id"] == star.gaia_id))[0])
    ra_deg, dec_deg = stars["ra_deg_corr"][at], stars["dec_deg_corr"][at]
    filter_name = night.filter_of(star.field) or camera.detector.filter
    return [
        names_line(star.gaia_id, star.tic_id, float(stars["Tmag"][at])),
        f"place: {ra_deg:.7f} {dec_deg:.7f} ICRS degrees at the epoch of the night",
        f"field: {star.field}, night: {night.date}, filter: {filter_name}",
        f"aperture: {star.radius_px:g} px",
        "units: relative_flux about 1 a night; flux and sky ADU an exposure; x and y FITS pixels",
        "time: jd_bary BJD_TDB and jd_mid JD UTC, both of mid exposure",
        made_line(camera.name, digest_of(str(star.rows.meta.get("FINGERPR", "")))),
    ]


def _series(star: FoundStar, relative: tuple[Floats, Floats] | None, qualities: Sequence[str]) -> Table:
    """The series as a table: a row a frame; x and y are FITS pixels as in the photometry table."""
    names = ("frame_id", "jd_mid", "jd_bary", "airmass", "flux", "fluxerr", "sky", "sky_rms", "x", "y")
    centroid = [name for name in ("dx", "dy", "dxerr", "dyerr") if name in star.rows.colnames]  # not in old tables
    table = Table({name: star[name] for name in (*names, "max_pixel_value", "zp", "flags", *centroid)})
    table.add_column(star.exptime_s, index=table.colnames.index("fluxerr") + 1, name="exptime_s")
    if relative is not None:
        table["relative_flux"], table["relative_fluxerr"] = relative
    table["quality"] = qualities
    return table


def _count(path: Path, outcome: Outcome) -> None:
    outcome.products.append(path)
    outcome.done.append(path.name)
    log.info("%s: written: %s", STAGE, path)


def _tell(star: FoundStar) -> None:
    """What the series is worth, for the log."""
    flux, error = star["flux"] / star.per, star["fluxerr"] / star.per
    measured = np.isfinite(flux)
    log.info(
        "%s: %s: TIC %d, %d frames, %d with a flux", STAGE, star.field, star.tic_id, flux.size, measured.sum()
    )
    if measured.sum() < FEWEST:
        return
    level = np.median(flux[measured])
    log.info(
        "%s: %s: flux %.0f %s, scatter from frame to frame %.0f, errors (no scintillation) say %.0f",
        STAGE,
        star.field,
        level,
        "ADU/s" if star.has_exposures else "ADU",
        frame_to_frame(flux),
        np.median(error[measured]),
    )
    wild = star["frame_id"][find_outliers(flux)]
    if wild.size:
        log.info("%s: %s: %d frames stand out: %s", STAGE, star.field, wild.size, ", ".join(wild[:FEWEST]))


def _show(figures: Sequence["Figure"]) -> None:
    """Open a window of each figure, where there is a display; returns when they are closed."""
    from matplotlib import pyplot

    try:
        windows = [pyplot.figure(figsize=figure.get_size_inches()) for figure in figures]
    except ImportError as error:
        log.warning("%s: no window: %s", STAGE, error)
        return
    if windows[0].canvas.required_interactive_framework is None:
        log.warning("%s: no window: no display, or no toolkit that matplotlib knows", STAGE)
        pyplot.close("all")
        return
    for window, figure in zip(windows, figures, strict=True):
        window.canvas.figure = figure
        figure.set_canvas(window.canvas)
    pyplot.show()
