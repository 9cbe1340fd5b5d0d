"""The target and its neighbours as a fit wants them: curves of good frames, light of others in the apertures."""

import numpy as np
from astropy.table import Table
from numpy.typing import ArrayLike

from ngcmos.arrays import Bools, Floats
from ngcmos.errors import WorkError
from ngcmos.names import Flag, Quality
from ngcmos.sphere import separation_deg
from ngcmos.tables.observed import Observed
from ngcmos.transits.centre import places_px
from ngcmos.transits.curve import Curve
from ngcmos.transits.neighbours import REACH_ARCSEC, Star

SPOILT = Flag.SATURATED | Flag.OFF_CHIP | Flag.EDGE
USUAL_FWHM_PX = 2.5
FAINTER_BY = 7.0  # mag: such a neighbour makes no depth that could be measured, whatever it does
_SIGMA_A_FWHM = 1 / np.sqrt(8 * np.log(2))


def curve_of(observed: Observed) -> Curve:
    """The curve of a star against its comparison stars in one night, of the frames that are good.

    Raises
    ------
    WorkError
        Nobody compared it with others.
    """
    if observed.compared is None:
        raise WorkError(
            f"{observed.path.parent}: no light curve of the star in rel_phot_{observed.field}.fits, expected one; "
            f"run relative_photometry (--tmag_max {float(observed.star['Tmag']) + 0.1:.1f} for a star so faint)"
        )
    return _good_curve(observed, observed.compared.flux, observed.compared.error)


def curve_in(observed: Observed, star: Table, radius_px: float) -> Curve:
    """The curve of any star of a table in one aperture, against the comparison stars of the one observed.

    Parameters
    ----------
    observed : Observed
        Compared with others.
    star : Table
        Rows of the star, a row a frame.
    radius_px : float
    """
    assert observed.compared is not None
    compared = observed.compared
    common = observed.column(f"flux_{compared.radius_px:g}") / compared.flux
    flux, error = (np.asarray(star[f"{name}_{radius_px:g}"], float) / common for name in ("flux", "fluxerr"))
    known = np.isfinite(flux)
    level = float(np.median(flux[known])) if known.any() else float("nan")
    return _good_curve(observed, flux / level, error / abs(level))


def _good_curve(observed: Observed, flux: Floats, error: Floats) -> Curve:
    airmass, exptime_s = observed.column("airmass"), observed.of_frames("exptime_s")
    airmass = np.where(np.isfinite(airmass), airmass, 1.0)
    time = observed.column("jd_bary")
    curve = Curve(time, flux, error, airmass, exptime_s, np.zeros(time.size, int))
    return curve.at(is_good(observed, flux, error))


def is_good(observed: Observed, flux: Floats, error: Floats) -> Bools:
    """Which frames tell of a star with such a series of flux: good ones, with nothing that spoils it."""
    assert observed.compared is not None
    good: Bools = np.isin(observed.compared.quality, [Quality.GOOD, ""])
    good &= (np.asarray(observed.rows["flags"]) & SPOILT) == 0
    for values in (observed.column("jd_bary"), flux, error, observed.of_frames("exptime_s")):
        good &= np.isfinite(values)
    return good & (error > 0)


def spoilt_frames(observed: Observed) -> str:
    """How many frames of a night are no good for the star, and for what reason."""
    flags = np.asarray(observed.rows["flags"])
    counts = {str(flag.name).lower().replace("_", " "): int((flags & flag != 0).sum()) for flag in SPOILT}
    quality = [] if observed.compared is None else observed.compared.quality.tolist()
    counts |= {str(word): quality.count(word) for word in Quality if word is not Quality.GOOD}
    named = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    return f"of {len(flags)} frames {named or 'none spoilt'}"


def light_within(radius_px: ArrayLike, distance_px: ArrayLike, fwhm_px: float) -> Floats:
    """Share of the light of a round Gaussian star in a circle so far from it."""
    from scipy.special import chndtr

    sigma = _SIGMA_A_FWHM * fwhm_px
    share: Floats = chndtr((np.asarray(radius_px) / sigma) ** 2, 2, (np.asarray(distance_px) / sigma) ** 2)
    return share


def width_px(observed: Observed) -> float:
    """Usual width of the stars of a night, full at half maximum."""
    widths = observed.of_frames("fwhm_px")
    known = widths[np.isfinite(widths) & (widths > 0)]
    return float(np.median(known)) if known.size else USUAL_FWHM_PX


def neighbours_of(observed: Observed, catalog: Table, scale_arcsec: float) -> list[Star]:
    """The stars of a catalog near the one observed, nearest first, and the light of each in its apertures."""
    here = (float(observed.star["ra_deg_corr"]), float(observed.star["dec_deg_corr"]))
    away = separation_deg(*here, catalog["ra_deg_corr"], catalog["dec_deg_corr"]) * 3600
    tmag = np.ma.filled(np.ma.asarray(catalog["Tmag"]).astype(float), np.nan)
    own = float(observed.star["Tmag"])
    near = (away <= REACH_ARCSEC) & (np.asarray(catalog["tic_id"]) != int(observed.star["tic_id"]))
    near &= tmag < own + FAINTER_BY
    radii, fwhm = np.array(observed.radii_px), width_px(observed)
    stars, rows = [], np.array(sorted(np.flatnonzero(near), key=lambda row: float(away[row])), np.int64)
    for row, place in zip(rows, places_px(observed, catalog, rows), strict=True):
        light = 10 ** (-0.4 * (tmag[row] - own))
        shares = light * light_within(radii, away[row] / scale_arcsec, fwhm) / light_within(radii, 0.0, fwhm)
        ids = (int(catalog["tic_id"][row]), int(catalog["gaia_id"][row]))
        x_px, y_px = map(float, place)
        stars.append(Star(*ids, float(away[row]), float(tmag[row]), float(light), shares, x_px, y_px))
    return stars
