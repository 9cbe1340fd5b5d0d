"""The light curve of one star as others read it: texts of CSV, ECSV, AAVSO, ExoClock, and AstroImageJ's table.

Rules: AAVSO Extended File Format 1.2; AAVSO Exoplanet Report File Format 0.62; ExoClock and HOPS (three columns);
names of columns as AstroImageJ has them, which TFOP asks for.
"""

import dataclasses
import io
import re
from collections.abc import Iterable

import numpy as np
from astropy.table import Table

from ngcmos import __version__
from ngcmos.arrays import Floats

JD_OFFSET = 2_400_000.0
MAG_A_FLUX = 2.5 / np.log(10)
NAME_LENGTH, NOTE_LENGTH = 30, 100  # of AAVSO
OTHER_FILTER = "O"  # of AAVSO: one that its list lacks, named in the notes
ENSEMBLE = "ENSEMBLE"
COLUMNS = {
    "bjd_tdb": "d",
    "jd_utc": "d",
    "relative_flux": "",
    "relative_flux_err": "",
    "flux": "adu",
    "fluxerr": "adu",
    "exptime_s": "s",
    "night": "",
    "frame_id": "",
    "quality": "",
    "flags": "",
    "airmass": "",
    "x": "pix",
    "y": "pix",
    "sky": "adu",
}


@dataclasses.dataclass(frozen=True)
class Result:
    """A transit that was found: values with their errors, BJD_TDB, days, shares; the period is NaN if unknown."""

    mid_bjd: float
    mid_err_d: float
    depth: float
    depth_err: float
    duration_d: float
    duration_err_d: float
    radius_ratio: float
    period_d: float
    limb: tuple[float, float]


@dataclasses.dataclass(frozen=True, eq=False)
class Exported:
    """One star as it leaves the house.

    Attributes
    ----------
    name, planet : str
        What the receiver calls the star, and its planet ("" if none).
    gaia_id, tic_id : int
    ra_deg, dec_deg, tmag : float
    field, filter, profile, fingerprint : str
    nights : list of str
    radius_px : float
    annulus_px : (float, float)
    comparisons : int
    rows : Table
        A row a frame in time order: `COLUMNS`, and `good` (bool), `peak_adu`, `fwhm_px`.
    check : (str, (n,) array) or None
        Name and magnitudes of a star like it that should not vary.
    result : Result or None
    """

    name: str
    planet: str
    gaia_id: int
    tic_id: int
    ra_deg: float
    dec_deg: float
    tmag: float
    field: str
    filter: str
    profile: str
    fingerprint: str
    nights: list[str]
    radius_px: float
    annulus_px: tuple[float, float]
    comparisons: int
    rows: Table
    check: tuple[str, Floats] | None = None
    result: Result | None = None

    @property
    def good(self) -> Table:
        """The rows that are good."""
        return self.rows[np.asarray(self.rows["good"], bool)]

    @property
    def exposure_s(self) -> float:
        """Usual exposure time."""
        return float(np.median(self.rows["exptime_s"]))


def who(star: Exported) -> list[str]:
    """Lines that tell who a file is."""
    return [
        names_line(star.gaia_id, star.tic_id, star.tmag, star.name),
        f"place: {star.ra_deg:.7f} {star.dec_deg:.7f} ICRS degrees at the epoch of the night",
        f"field: {star.field}, nights: {', '.join(star.nights)}, filter: {star.filter}",
        f"aperture: {star.radius_px:g} px; {star.comparisons} comparison stars",
        "units: relative_flux about 1 a night; flux and sky ADU an exposure; x and y FITS pixels",
        "time: bjd_tdb BJD_TDB and jd_utc JD UTC, both of mid exposure",
        made_line(star.profile, star.fingerprint),
    ]


def names_line(gaia_id: int, tic_id: int, tmag: float, name: str = "") -> str:
    """What a star is called, each name once."""
    ids = (f"Gaia {gaia_id}" if gaia_id > 0 else "", f"TIC {tic_id}" if tic_id > 0 else "")
    names = dict.fromkeys(one for one in (name, *ids) if one)
    return f"star: {', '.join(names)}, Tmag {tmag:.3f}"


def made_line(profile: str, fingerprint: str) -> str:
    """What made a file, of what."""
    return f"made by: ngcmos {__version__}, profile {profile}, fingerprint {fingerprint}"


def with_lines(lines: Iterable[str], table: Table) -> str:
    """A table as CSV below lines with #."""
    text = io.StringIO()
    table.write(text, format="ascii.csv")
    return "".join(f"# {line}\n" for line in lines) + text.getvalue()


def csv_text(star: Exported) -> str:
    """All frames as CSV below lines with #."""
    return with_lines(who(star), star.rows[list(COLUMNS)])


def ecsv_text(star: Exported) -> str:
    """All frames as astropy's ECSV, with units."""
    table = star.rows[list(COLUMNS)]
    table.meta.clear()
    table.meta |= dict(line.split(": ", 1) for line in who(star))
    for name, unit in COLUMNS.items():
        table[name].unit = unit or None
    text = io.StringIO()
    table.write(text, format="ascii.ecsv")
    return text.getvalue()


def aavso_text(star: Exported, obscode: str) -> str:
    """Good frames in the AAVSO's extended format; magnitudes are T of the catalog with the changes of the star."""
    lines = [
        "#TYPE=EXTENDED",
        f"#OBSCODE={obscode}",
        f"#SOFTWARE=ngcmos {__version__}",
        "#DELIM=,",
        "#DATE=JD",
        "#OBSTYPE=CCD",
        *(f"# {line.replace('#', '')}" for line in who(star)),
        "#NAME,DATE,MAG,MERR,FILT,TRANS,MTYPE,CNAME,CMAG,KNAME,KMAG,AMASS,GROUP,CHART,NOTES",
    ]
    note = f"filter {star.filter}; {star.comparisons} comparison stars; zero point TIC Tmag {star.tmag:.3f}"
    keep, rows = np.asarray(star.rows["good"], bool), star.good
    magnitude = star.tmag - MAG_A_FLUX * np.log(np.asarray(rows["relative_flux"], float))
    error = MAG_A_FLUX * np.asarray(rows["relative_flux_err"], float) / np.asarray(rows["relative_flux"], float)
    check = ("na", np.full(len(rows), np.nan)) if star.check is None else (star.check[0], star.check[1][keep])
    for row, mag, err, other in zip(rows, magnitude, error, check[1], strict=True):
        known = f"{other:.3f}" if np.isfinite(other) else "na"
        cells = [_plain(star.name)[:NAME_LENGTH], f"{row['jd_utc']:.6f}", f"{mag:.3f}", f"{min(err, 9.999):.3f}"]
        cells += [OTHER_FILTER, "NO", "STD", ENSEMBLE, "na", _plain(check[0]), known]
        cells += [f"{row['airmass']:.3f}" if np.isfinite(row["airmass"]) else "na", "na", "na"]
        lines.append(",".join([*cells, _plain(note)[:NOTE_LENGTH]]))
    return "\n".join(lines) + "\n"


def aavso_exoplanet_text(star: Exported, obscode: str) -> str:
    """Good frames as a report to the AAVSO's exoplanet section."""
    lines = [
        "#TYPE=EXOPLANET",
        f"#OBSCODE={obscode}",
        f"#SOFTWARE=ngcmos {__version__}",
        "#DELIM=,",
        "#DATE_TYPE=BJD_TDB",
        "#OBSTYPE=CCD",
        f"#STAR_NAME={star.name}",
        f"#EXOPLANET_NAME={star.planet or 'unknown'}",
        "#BINNING=1x1",
        f"#EXPOSURE_TIME={star.exposure_s:g}",
        f"#FILTER={OTHER_FILTER}",
        "#DETREND_PARAMETERS=AIRMASS",
        "#MEASUREMENT_TYPE=Rnflux",
        f"#PRIORS={_priors(star.result)}",
        f"#RESULTS={_results(star.result)}",
        f"#NOTES=filter {star.filter}; {'; '.join(who(star)[2:4])}",
        "#DATE,DIFF,ERR,DETREND_1",
    ]
    for row in star.good:
        numbers = (row["relative_flux"], row["relative_flux_err"], row["airmass"])
        lines.append(",".join([f"{row['bjd_tdb']:.8f}", *(f"{number:.7f}" for number in numbers)]))
    return "\n".join(lines) + "\n"


def _priors(result: Result | None) -> str:
    if result is None:
        return "na"
    period = f"Period={result.period_d:.8g}," if np.isfinite(result.period_d) else ""
    return f"{period}ecc=0,u1={result.limb[0]:.4f},u2={result.limb[1]:.4f}"


def _results(result: Result | None) -> str:
    if result is None:
        return "na"
    told = f"Tc={result.mid_bjd:.6f} +/- {result.mid_err_d:.6f},Rp/R*={result.radius_ratio:.5f}"
    depth = f"Depth={result.depth:.6f} +/- {result.depth_err:.6f}"
    return f"{told},{depth},Duration={result.duration_d:.5f} +/- {result.duration_err_d:.5f}"


def exoclock_text(star: Exported) -> str:
    """Good frames in three columns: BJD_TDB of mid exposure, relative flux, error."""
    rows = star.good
    numbers = zip(rows["bjd_tdb"], rows["relative_flux"], rows["relative_flux_err"], strict=True)
    return "".join(f"{time:.8f} {flux:.8f} {error:.8f}\n" for time, flux, error in numbers)


def exoclock_notes(star: Exported) -> str:
    """What the form of ExoClock asks of the file."""
    lines = [f"Planet: {star.planet or star.name}", "Time format: BJD_TDB", "Time stamp: Mid-exposure"]
    lines += ["Flux format: Flux", f"Filter: {star.filter}", f"Exposure time in seconds: {star.exposure_s:g}"]
    return "\n".join([*lines, *who(star)]) + "\n"


def astroimagej_text(star: Exported) -> str:
    """Good frames as a table of measurements, tabs between columns that are named as in AstroImageJ."""
    rows, count = star.good, len(star.good)
    bjd, jd, flux, error = (np.asarray(rows[name], float) for name in ("bjd_tdb", "jd_utc", "flux", "fluxerr"))
    relative, relative_err = (np.asarray(rows[f"relative_flux{end}"], float) for end in ("", "_err"))
    table = Table({"Label": np.asarray(rows["frame_id"], str), "slice": np.arange(1, count + 1)})
    table["Saturated"] = np.zeros(count, int)  # such frames are none of the good ones
    table["J.D.-2400000"], table["JD_UTC"], table["BJD_TDB"] = jd - JD_OFFSET, jd, bjd
    table["JD_SOBS"] = jd - np.asarray(rows["exptime_s"], float) / 2 / 86400
    table["AIRMASS"], table["EXPTIME"] = rows["airmass"], rows["exptime_s"]
    table["Source_Radius"] = np.full(count, star.radius_px)
    table["Sky_Rad(min)"], table["Sky_Rad(max)"] = (np.full(count, one) for one in star.annulus_px)
    table["rel_flux_T1"], table["rel_flux_err_T1"] = relative, relative_err
    table["rel_flux_SNR_T1"] = relative / relative_err
    table["tot_C_cnts"] = flux / relative
    table["X(FITS)_T1"], table["Y(FITS)_T1"] = rows["x"], rows["y"]
    table["RA_T1"], table["DEC_T1"] = np.full(count, star.ra_deg / 15), np.full(count, star.dec_deg)
    table["Source-Sky_T1"], table["Source_Error_T1"], table["Source_SNR_T1"] = flux, error, flux / error
    table["Peak_T1"], table["Sky/Pixel_T1"], table["FWHM_T1"] = rows["peak_adu"], rows["sky"], rows["fwhm_px"]
    text = io.StringIO()
    days = dict.fromkeys(("J.D.-2400000", "JD_UTC", "JD_SOBS", "BJD_TDB"), "%.8f")
    table.write(text, format="ascii.tab", formats=days)
    return text.getvalue()


def tfop_notes(star: Exported) -> str:
    """What was seen, for those who follow up candidates."""
    result, lines = star.result, [f"TIC {star.tic_id} {star.planet} on {', '.join(star.nights)}".strip()]
    if result is None:
        lines.append("No transit was found beyond doubt.")
    else:
        lines.append(f"Mid-time {result.mid_bjd:.6f} +- {result.mid_err_d:.6f} BJD_TDB")
        lines.append(f"Depth {1000 * result.depth:.3f} +- {1000 * result.depth_err:.3f} ppt")
        lines.append(f"Duration {24 * result.duration_d:.3f} +- {24 * result.duration_err_d:.3f} h")
    return "\n".join([*lines, *who(star)]) + "\n"


def _plain(text: str) -> str:
    """Text without what separates fields."""
    return re.sub(r"[,#\s]+", " ", text).strip()
