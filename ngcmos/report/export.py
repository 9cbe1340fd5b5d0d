"""The light curve of one star for other houses: CSV, ECSV, AAVSO, ExoClock, ExoFOP/TFOP.

``run(config, folders, WantedExport(StarId(gaia_id=...), Format.CSV))``; nothing of a night is changed.
"""

import dataclasses
import enum
import logging
from pathlib import Path

import numpy as np
from astropy.table import Table, vstack

from ngcmos.config import Config
from ngcmos.errors import UsageError, WorkError
from ngcmos.names import star_name
from ngcmos.night.fingerprint import digest_of
from ngcmos.night.outcome import Outcome
from ngcmos.night.products import relative_path, write_text, write_then_rename
from ngcmos.qc.plots import write_figure
from ngcmos.report.transit import DOTS_PER_INCH, draw, look, targets_at
from ngcmos.tables.exports import (
    COLUMNS,
    MAG_A_FLUX,
    Exported,
    Result,
    aavso_exoplanet_text,
    aavso_text,
    astroimagej_text,
    csv_text,
    ecsv_text,
    exoclock_notes,
    exoclock_text,
    tfop_notes,
)
from ngcmos.tables.observed import Observed, StarId, observe
from ngcmos.tables.relative import find_like, read_relative_star
from ngcmos.transits.result import Result as Found
from ngcmos.transits.star import is_good

log = logging.getLogger(__name__)

TASK = "export_star"


class Format(enum.StrEnum):
    """Who reads it."""

    CSV = "csv"
    ECSV = "ecsv"
    AAVSO = "aavso"
    AAVSO_EXOPLANET = "aavso-exoplanet"
    EXOCLOCK = "exoclock"
    EXOFOP = "exofop"


ENDINGS = {Format.CSV: ".csv", Format.ECSV: ".ecsv", Format.EXOFOP: "_measurements.tbl"}
WITH_CODE = (Format.AAVSO, Format.AAVSO_EXOPLANET)
WITH_TRANSIT = (Format.AAVSO_EXOPLANET, Format.EXOCLOCK, Format.EXOFOP)


@dataclasses.dataclass(frozen=True)
class WantedExport:
    """Which star, for whom.

    Attributes
    ----------
    star : StarId
    format : Format
    output : path or None
        None: in the first of the nights, named by the format's custom.
    obscode : str
        Of the observer with the AAVSO.
    name : str
        What the receiver calls the star; "TIC ..." by default.
    """

    star: StarId
    format: Format
    output: Path | None = None
    obscode: str = ""
    name: str = ""

    def __post_init__(self) -> None:
        if self.format in WITH_CODE and not self.obscode.isalnum():
            raise UsageError(f"--obscode is {self.obscode!r}, expected the observer's code with the AAVSO")


def run(config: Config, folders: list[Path], wanted: WantedExport) -> Outcome:
    """Write the star for its receiver; an Outcome.

    Raises
    ------
    WorkError
        No night has the star, or nobody compared it with others.
    """
    outcome = Outcome(TASK)
    observed, missing = observe(folders, wanted.star)
    for line in missing:
        log.warning("%s: %s", TASK, line)
    compared = [one for one in observed if one.compared is not None and one.field == observed[0].field]
    if not compared:
        raise WorkError(
            f"{observed[0].path.parent}: no light curve of the star, expected one of relative_photometry"
        )
    found = _find(config, compared) if wanted.format in WITH_TRANSIT else None
    star = export(config, compared, wanted.name, found)
    path = wanted.output or folders[0] / _name_of(star, wanted.format, config.camera.name)
    for target, text in _texts(star, wanted, path).items():
        write_text(target, text)
        _count(target, outcome)
    if wanted.format is Format.EXOFOP and found is not None:
        picture = _beside(path, "_lightcurve.png")
        with write_then_rename(picture) as temporary:
            write_figure(draw(found), temporary, dpi=DOTS_PER_INCH)
        _count(picture, outcome)
    return outcome


def _find(config: Config, observed: list[Observed]) -> Found | None:
    """The transit of the nights, or None where they are too few for one."""
    try:
        return look(config, observed)
    except WorkError as error:
        log.warning("%s: not looked at for a transit: %s", TASK, error)
        return None


def _name_of(star: Exported, wanted: Format, camera: str) -> str:
    """Names of TFOP for ExoFOP, else the format before the id."""
    if wanted is Format.EXOFOP:
        place = camera.replace("_", "-")
        return f"TIC{star.tic_id}-01_{star.nights[0]}_{place}_{star.filter}{ENDINGS[wanted]}"
    number = star.gaia_id or f"TIC_{star.tic_id}"
    return f"{wanted.replace('-', '_')}_{number}{ENDINGS.get(wanted, '.txt')}"


def _texts(star: Exported, wanted: WantedExport, path: Path) -> dict[Path, str]:
    """{path: text} of all that a format has."""
    match wanted.format:
        case Format.CSV:
            return {path: csv_text(star)}
        case Format.ECSV:
            return {path: ecsv_text(star)}
        case Format.AAVSO:
            return {path: aavso_text(star, wanted.obscode)}
        case Format.AAVSO_EXOPLANET:
            return {path: aavso_exoplanet_text(star, wanted.obscode)}
        case Format.EXOCLOCK:
            return {path: exoclock_text(star), _beside(path, "_info.txt"): exoclock_notes(star)}
        case Format.EXOFOP:
            return {path: astroimagej_text(star), _beside(path, "_notes.txt"): tfop_notes(star)}


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.stem.removesuffix("_measurements") + ending)


def _count(path: Path, outcome: Outcome) -> None:
    outcome.products.append(path)
    outcome.done.append(path.name)
    log.info("%s: written: %s", TASK, path)


def export(config: Config, observed: list[Observed], name: str, found: Found | None) -> Exported:
    """The star of some nights of a field as Exported."""
    first = observed[0]
    ordered = sorted(observed, key=lambda one: float(np.nanmin(one.column("jd_bary"))))
    radii = [one.compared.radius_px for one in observed if one.compared]
    comparisons = [one.compared.comparisons for one in observed if one.compared]
    planets = [target.name for target in targets_at(config, first)]
    checks = [_check_star(one) for one in ordered]
    made_of = "".join(str(one.rows.meta.get("FINGERPR", "")) for one in ordered)
    return Exported(
        name=name or star_name(int(first.star["tic_id"])),
        planet=planets[0] if planets else "",
        gaia_id=int(first.star["gaia_id"]),
        tic_id=int(first.star["tic_id"]),
        ra_deg=float(first.star["ra_deg_corr"]),
        dec_deg=float(first.star["dec_deg_corr"]),
        tmag=float(first.star["Tmag"]),
        field=first.field,
        filter=config.camera.detector.filter,
        profile=config.camera.name,
        fingerprint=digest_of(made_of),
        nights=[one.night for one in ordered],
        radius_px=max(set(radii), key=radii.count),
        annulus_px=config.camera.photometry.annulus_px,
        comparisons=round(float(np.median(comparisons))),
        rows=vstack([_rows_of(one) for one in ordered], metadata_conflicts="silent"),
        check=(checks[0][0], np.concatenate([magnitudes for _, magnitudes in checks])),
        result=_result_of(found),
    )


def _rows_of(observed: Observed) -> Table:
    """Frames of a night: the columns of an export."""
    compared = observed.compared
    assert compared is not None
    aperture = f"{compared.radius_px:g}"
    own = {name: observed.column(name) for name in ("airmass", "x", "y", "sky")}
    own |= {"bjd_tdb": observed.column("jd_bary"), "jd_utc": observed.column("jd_mid")}
    own |= {"flux": observed.column(f"flux_{aperture}"), "fluxerr": observed.column(f"fluxerr_{aperture}")}
    table = Table(own | {"relative_flux": compared.flux, "relative_flux_err": compared.error})
    table["exptime_s"], table["fwhm_px"] = observed.of_frames("exptime_s"), observed.of_frames("fwhm_px")
    table["night"], table["frame_id"] = observed.night, np.asarray(observed.rows["frame_id"], str)
    table["quality"], table["flags"] = compared.quality, np.asarray(observed.rows["flags"])
    table["peak_adu"] = observed.column(f"max_pixel_value_{aperture}")
    table["good"] = is_good(observed, compared.flux, compared.error) & (compared.flux > 0)
    return table[[*COLUMNS, "good", "peak_adu", "fwhm_px"]]


def _check_star(observed: Observed) -> tuple[str, np.ndarray]:
    """Name and magnitudes of the star most like it that does not vary."""
    curves = relative_path(observed.path.parent, observed.field)
    tic_id, tmag = find_like(curves, tic_id=int(observed.star["tic_id"]), tmag=float(observed.star["Tmag"]))
    other = read_relative_star(curves, observed.path, tic_id=tic_id) if tic_id else None
    if other is None:
        return "na", np.full(len(observed.rows), np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        return f"TIC {tic_id}", tmag - MAG_A_FLUX * np.log(other.flux)


def _result_of(found: Found | None) -> Result | None:
    if found is None or not found.fit.is_transit:
        return None
    fit = found.fit
    return Result(
        mid_bjd=fit.mid_bjd,
        mid_err_d=fit.mid_err_d,
        depth=fit.depth,
        depth_err=fit.depth_err,
        duration_d=fit.duration_d,
        duration_err_d=fit.duration_err_d,
        radius_ratio=fit.radius_ratio,
        period_d=found.expected.period_d if found.expected is not None else float("nan"),
        limb=(found.limb.u1, found.limb.u2),
    )
