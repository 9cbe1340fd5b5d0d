"""One star through a night: a picture of its flux, sky and place, and its series as CSV on request.

``run(config, night, Wanted(gaia_id=..., bin_length=BinLength(minutes=10), csv="star.csv")) -> Outcome``

Reads the photometry tables of the night and writes nothing but the picture and the CSV, so it needs no lock.
"""

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.table import Row, Table
from numpy.typing import NDArray

from ngcmos.arrays import Floats
from ngcmos.config import Camera, Catalog, Config
from ngcmos.errors import FrameError, ProductError, UsageError, WorkError
from ngcmos.lightcurves.series import BinLength, assign_bins, bin_points, find_outliers, frame_to_frame
from ngcmos.names import flag_names
from ngcmos.night.folder import Night, find_frame
from ngcmos.night.frames import read_frame
from ngcmos.night.outcome import Outcome
from ngcmos.night.products import input_catalog_path, photometry_path, relative_path, write_then_rename
from ngcmos.qc.star_plot import CutOut, StarSeries, plot_star
from ngcmos.steps.catalog import read_catalog
from ngcmos.tables.relative import read_qualities
from ngcmos.tables.table import read_star, read_stars

if TYPE_CHECKING:
    from matplotlib.figure import Figure

log = logging.getLogger(__name__)

STAGE = "analyse_cmos"
PICTURES = (".png", ".pdf", ".svg")
USUAL_RADIUS_PX = 5.0
NEAREST = 3
DOTS_PER_INCH = 120
SAME_TIME_D = 1.0 / 86400


@dataclasses.dataclass(frozen=True, eq=False)
class FoundStar:
    """A star in the photometry table of a field.

    Attributes
    ----------
    field : str
    rows : Table
        A row a frame, see `ngcmos.tables.table`.
    radius_px : float
        Of the aperture to show.
    """

    field: str
    rows: Table
    radius_px: float

    def __getitem__(self, name: str) -> NDArray[Any]:
        """A column as an array; `flux`, `fluxerr` and `max_pixel_value` are those of the aperture."""
        apertures = ("flux", "fluxerr", "max_pixel_value")
        return np.asarray(self.rows[f"{name}_{self.radius_px:g}" if name in apertures else name])

    @property
    def gaia_id(self) -> int:
        return int(self.rows["gaia_id"][0])

    @property
    def tic_id(self) -> int:
        return int(self.rows["tic_id"][0])


@dataclasses.dataclass(frozen=True)
class Wanted:
    """Which star is drawn, and how.

    Attributes
    ----------
    gaia_id, tic_id : int or None
        Exactly one of them.
    bin_length : ngcmos.lightcurves.series.BinLength or None
        Binned points beside those of the frames.
    radius_px : float or None
        A radius of the table; None: 5, else the middle one.
    output : path or None
        The picture, its kind by its ending; None: `light_curve_{id}_aperture_{radius}.png` of the night.
        Where several fields have the star, this is the first one's; the others' have the field behind it.
    csv : path or None
        The series as a table, named alike.
    show : bool
        Open a window as well, if there is a display.
    """

    gaia_id: int | None = None
    tic_id: int | None = None
    bin_length: BinLength | None = None
    radius_px: float | None = None
    output: Path | str | None = None
    csv: Path | str | None = None
    show: bool = False

    def check(self) -> None:
        """Raise UsageError where this cannot be meant."""
        if (self.gaia_id is None) == (self.tic_id is None):
            raise UsageError("the star is named by its gaia_id or its tic_id, expected one of them")
        if self.number < 1:
            raise UsageError(f"{self.key} is {self.number}, expected a positive number")  # 0: without such an id
        check_ending("--output", self.output, PICTURES)
        check_ending("--csv", self.csv, (".csv",))

    @property
    def key(self) -> str:
        """Column of the id that names the star."""
        return "gaia_id" if self.tic_id is None else "tic_id"

    @property
    def number(self) -> int:
        """The id that names the star."""
        return (self.gaia_id if self.tic_id is None else self.tic_id) or 0


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
    stars = _find_star(config, night.folder, wanted, outcome)
    figures = []
    for star in stars:
        behind = "" if star is stars[0] else f"_{star.field}"
        kind = "" if wanted.key == "gaia_id" else "TIC_"
        name = f"light_curve_{kind}{wanted.number}_aperture_{star.radius_px:g}.png"
        relative = None
        with outcome.attempt(star.field):
            relative = _relative_flux(night.folder, star)
        figures.append(_draw(config.camera, night, star, relative, wanted.bin_length))
        _write_picture(with_behind(wanted.output or night.folder / name, behind), figures[-1], outcome)
        if wanted.csv:
            _write_csv(with_behind(wanted.csv, behind), star, relative, outcome, _qualities(night.folder, star))
        _tell(star)
    if wanted.show:
        _show(figures)
    return outcome


def check_ending(option: str, path: Path | str | None, endings: Sequence[str]) -> None:
    if path is not None and Path(path).suffix.lower() not in endings:
        raise UsageError(f"{option} is {path}, expected a name that ends in {', '.join(endings)}")


def with_behind(path: Path | str, text: str) -> Path:
    path = Path(path)
    return path.with_name(f"{path.stem}{text}{path.suffix}")


def _find_star(config: Config, folder: Path, wanted: Wanted, outcome: Outcome) -> list[FoundStar]:
    """FoundStar of each field that has the star, in the order of the fields' names."""
    key, number = wanted.key, wanted.number
    found: list[tuple[str, Table]] = []
    tables: dict[str, Table] = {}
    for path in sorted(folder.glob(photometry_path(folder, "*").name)):
        field = path.stem.removeprefix("phot_")
        with outcome.attempt(path.name):
            tables[field] = read_stars(path)
            if number in tables[field][key]:
                found.append((field, read_star(path, **{key: number})))
    if not tables:
        raise WorkError(f"{folder}: no readable phot_*.fits, expected one a field; run process_cmos first")
    if not found:
        _explain_missing(config.camera, folder, wanted, tables, outcome)
        raise WorkError(f"no star with {key} {number} in {', '.join(f'phot_{field}.fits' for field in tables)}")
    for field, _ in found:
        _tell_twins(field, tables[field], wanted)
    if len(found) > 1:
        log.info("%s: %s %d is in %d fields, a picture each", STAGE, key, number, len(found))
    radius_px = wanted.radius_px
    return [FoundStar(field, rows, _choose_radius(field, rows.meta, radius_px)) for field, rows in found]


def _choose_radius(field: str, header: Mapping[str, Any], wanted: float | None) -> float:
    """The radius asked for, else the usual one, else the middle one of the table."""
    radii = sorted(float(header[key]) for key in header if key.startswith("RADIUS"))
    if wanted is None:
        return USUAL_RADIUS_PX if USUAL_RADIUS_PX in radii else radii[len(radii) // 2]
    if wanted not in radii:
        known = ", ".join(f"{radius:g}" for radius in radii)
        raise UsageError(f"--aper is {wanted:g}, phot_{field}.fits has the radii {known}")
    return wanted


def _tell_twins(field: str, stars: Table, wanted: Wanted) -> None:
    """Say so where several stars have the same id: the Gaia id of a close pair may be given to both."""
    twins = stars["tic_id"][stars[wanted.key] == wanted.number]
    if len(twins) > 1:
        others = ", ".join(f"TIC {tic_id}" for tic_id in twins[1:])
        log.warning("%s: %s: TIC %d is shown; %s has this %s too", STAGE, field, twins[0], others, wanted.key)


def _explain_missing(
    camera: Camera, folder: Path, wanted: Wanted, tables: Mapping[str, Table], outcome: Outcome
) -> None:
    """Say what is known of a star that is in no table, a line a fact."""
    key, number = wanted.key, wanted.number
    other = "tic_id" if key == "gaia_id" else "gaia_id"
    for field, stars in tables.items():
        if number in stars[other]:
            log.warning("%s: %s: %d is a %s, expected --%s", STAGE, field, number, other, other)
        _tell_ids(folder, field, key, stars)
        with outcome.attempt(field):
            catalog = read_catalog(folder, field)
            for row in catalog[catalog[key] == number]:
                why = _why_not_measured(row, camera.catalog)
                log.warning("%s: %s: TIC %d of the catalog is not measured: %s", STAGE, field, row["tic_id"], why)
                log.warning("%s: %s: nearest measured stars: %s", STAGE, field, _name_nearest(row, stars))


def _tell_ids(folder: Path, field: str, key: str, stars: Table) -> None:
    """Say which ids of the kind there are, where they stand, and those of the targets."""
    known = np.asarray(stars[key])[np.asarray(stars[key]) > 0]
    span = f"{known.size} stars with {key} from {known.min()} to {known.max()}" if known.size else f"no {key}"
    place = input_catalog_path(folder, field).name
    log.warning("%s: %s: the table has %s; all stand in %s", STAGE, field, span, place)
    for row in stars[np.asarray(stars["target"], bool)]:
        log.warning("%s: %s: its target is TIC %d, gaia_id %d", STAGE, field, row["tic_id"], row["gaia_id"])


def _why_not_measured(row: Row, settings: Catalog) -> str:
    reasons = []
    if row["blended"]:
        limits = f"{settings.blend_arcsec:g} arcsec and {settings.blend_dmag:g} mag"
        reasons.append(f"blended with a neighbour within {limits}")
    if not row["Tmag"] < settings.tmag_max:
        reasons.append(f"Tmag {row['Tmag']:.2f}, not brighter than {settings.tmag_max:g}")
    return " and ".join(reasons) or "off the chip where the field usually is"


def _name_nearest(row: Row, stars: Table) -> str:
    """Distance and ids of the measured stars nearest to a star of the catalog."""
    from astropy.coordinates import angular_separation

    here = np.radians([row["ra_deg_corr"], row["dec_deg_corr"]])
    ra, dec = np.radians(stars["ra_deg_corr"]), np.radians(stars["dec_deg_corr"])
    distance = np.degrees(angular_separation(*here, np.asarray(ra), np.asarray(dec))) * 3600
    nearest = np.argsort(distance)[:NEAREST]
    return ", ".join(
        f"{distance[at]:.1f} arcsec gaia_id {stars['gaia_id'][at]} TIC {stars['tic_id'][at]}" for at in nearest
    )


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


def _draw(
    camera: Camera,
    night: Night,
    star: FoundStar,
    relative: tuple[Floats, Floats] | None,
    bin_length: BinLength | None,
) -> "Figure":
    """The figure of a star in one field."""
    flux, error = relative or (None, None)
    series = StarSeries(
        bjd=star["jd_bary"],
        airmass=star["airmass"],
        flux=star["flux"],
        fluxerr=star["fluxerr"],
        sky=star["sky"],
        x=star["x"] - 1.0,
        y=star["y"] - 1.0,
        flags=star["flags"],
        relative=flux,
        relative_err=error,
    )
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
        figure.savefig(temporary, format=path.suffix[1:].lower(), dpi=DOTS_PER_INCH)
    _count(path, outcome)


def _qualities(folder: Path, star: FoundStar) -> list[str]:
    """Quality of each row's frame; empty texts where nobody judged them."""
    try:
        known = read_qualities(relative_path(folder, star.field), photometry_path(folder, star.field))
    except ProductError as error:
        log.warning("%s: %s", STAGE, error)
        known = None
    return known or [""] * len(star["frame_id"])


def _write_csv(
    path: Path,
    star: FoundStar,
    relative: tuple[Floats, Floats] | None,
    outcome: Outcome,
    qualities: Sequence[str],
) -> None:
    """The series as a table: a row a frame; x and y are FITS pixels as in the photometry table."""
    names = ("frame_id", "jd_mid", "jd_bary", "airmass", "flux", "fluxerr", "sky", "sky_rms", "x", "y")
    table = Table({name: star[name] for name in (*names, "max_pixel_value", "zp", "flags")})
    if relative is not None:
        table["relative_flux"], table["relative_fluxerr"] = relative
    table["quality"] = qualities
    with write_then_rename(path) as temporary:
        table.write(temporary, format="ascii.csv")
    _count(path, outcome)


def _count(path: Path, outcome: Outcome) -> None:
    outcome.products.append(path)
    outcome.done.append(path.name)
    log.info("%s: written: %s", STAGE, path)


def _tell(star: FoundStar) -> None:
    """What the series is worth, for the log."""
    flux, error = star["flux"], star["fluxerr"]
    measured = np.isfinite(flux)
    log.info(
        "%s: %s: TIC %d, %d frames, %d with a flux", STAGE, star.field, star.tic_id, flux.size, measured.sum()
    )
    if measured.sum() < NEAREST:
        return
    level = np.median(flux[measured])
    log.info(
        "%s: %s: flux %.0f ADU, scatter from frame to frame %.0f, errors (no scintillation) say %.0f",
        STAGE,
        star.field,
        level,
        frame_to_frame(flux),
        np.median(error[measured]),
    )
    wild = star["frame_id"][find_outliers(flux)]
    if wild.size:
        log.info("%s: %s: %d frames stand out: %s", STAGE, star.field, wild.size, ", ".join(wild[:NEAREST]))


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
