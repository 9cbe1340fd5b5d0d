"""Where the centre of a star's light moves while it dips: the star itself, or another one whose light is in it.

``motion_of(observed, fit, limb, fwhm_px) -> Motion | None`` is what was measured, ``Motion.misfit`` how well a
star explains it.
"""

import dataclasses

import numpy as np
from astropy.table import Table

from ngcmos.arrays import Floats
from ngcmos.names import Flag
from ngcmos.photometry.centroids import window_sigma
from ngcmos.tables.observed import Observed
from ngcmos.tables.table import rows_of_table
from ngcmos.transits.curve import Curve
from ngcmos.transits.fit import TransitFit, depth_in
from ngcmos.transits.shape import Limb

SHARED_STARS = 60  # the brightest ones, by which is known how all places of a frame are off
SPOILT = Flag.SATURATED | Flag.OFF_CHIP | Flag.EDGE | Flag.BLENDED
MODEL_ERROR, LEAST_ERROR_PX = 0.3, 0.002  # of what is expected: shapes of stars are not Gaussians
ROUNDS = 8  # the balance stands still after a few
PLACES_ARCSEC, FEWEST_PLACES = 1200.0, 6
_SIGMA_A_FWHM = 1 / np.sqrt(8 * np.log(2))


@dataclasses.dataclass(frozen=True, eq=False)
class Motion:
    """How the centre of a star's light moved during a dip, and what that is measured with.

    Attributes
    ----------
    shift, error : (2,) arrays
        Pixels in x and y, at mid-dip.
    window_px, star_px : float
        Sigmas of the window that centroids are measured in, and of the stars.
    """

    shift: Floats
    error: Floats
    window_px: float
    star_px: float

    def misfit(self, neighbours: Floats, dipping: int | None, depth: float) -> float:
        """chi^2 of the motion if one star loses a share `depth` of its light.

        Parameters
        ----------
        neighbours : (n, 3) array
            Place from the target in pixels, and light over that of the target; NaN where the place is not known.
        dipping : int or None
            Which of them; None: the target.
        depth : float
        """
        if dipping is not None and not np.isfinite(neighbours[dipping]).all():
            dipping, depth = None, 0.0  # a motion speaks neither for nor against it
        expected = self.expected(neighbours, dipping, depth)
        error = np.hypot(np.hypot(self.error, LEAST_ERROR_PX), MODEL_ERROR * expected)
        return float((((self.shift - expected) / error) ** 2).sum())

    def expected(self, neighbours: Floats, dipping: int | None, depth: float) -> Floats:
        """(2,) motion of the balance in pixels if one star loses a share of its light."""
        stars = np.vstack([[0.0, 0.0, 1.0], neighbours])
        dimmed = stars.copy()
        dimmed[0 if dipping is None else dipping + 1, 2] *= 1 - depth
        known = np.isfinite(stars).all(axis=1)
        motion: Floats = self._balance(dimmed[known]) - self._balance(stars[known])
        return motion

    def _balance(self, stars: Floats) -> Floats:
        """Where the light of round Gaussian stars balances under the window that is centred on the balance.

        The product of two Gaussians is one: a star weighs by its light at the distance of both sigmas together,
        and its light in the window is drawn to the centre by the same share for all.
        """
        variance = self.window_px**2 + self.star_px**2
        centre = np.zeros(2)
        for _ in range(ROUNDS):
            away = stars[:, :2] - centre
            weight = stars[:, 2] * np.exp(-0.5 * (away**2).sum(axis=1) / variance)
            centre = weight @ stars[:, :2] / weight.sum() if weight.sum() > 0 else centre
        return centre


def motion_of(observed: Observed, fit: TransitFit, limb: Limb, fwhm_px: float) -> Motion | None:
    """The Motion of a star at a dip; None where its table has no centroids, or too few good ones.

    What all bright stars of a frame do is taken off: it is of the frame's plate solution.
    """
    if "dx" not in observed.rows.colnames:
        return None
    rows = rows_of_table(observed.path)[:, :SHARED_STARS]
    good = (rows["flags"] & SPOILT) == 0
    moved = []
    for name in ("dx", "dy"):
        own, error = observed.column(name), observed.column(f"{name}err")
        curve = _as_curve(observed, own - _shared(np.where(good, rows[name], np.nan)), error)
        moved.append(depth_in(curve, fit, limb))
    (x, x_err), (y, y_err) = moved
    if not np.isfinite([x, x_err, y, y_err]).all():
        return None
    window = window_sigma(np.array(observed.radii_px))
    return Motion(np.array([-x, -y]), np.array([x_err, y_err]), window, fwhm_px * _SIGMA_A_FWHM)


def _shared(values: Floats) -> Floats:
    """(frames,) median over the stars; 0 where nothing is known."""
    known = np.isfinite(values).any(axis=1)
    shared = np.zeros(len(values))
    shared[known] = np.nanmedian(values[known].astype(float), axis=1)
    return shared


def _as_curve(observed: Observed, moved_px: Floats, error_px: Floats) -> Curve:
    """A series of places as a light curve around 1, in which a dip is a motion to the other side."""
    assert observed.compared is not None
    airmass = np.where(np.isfinite(observed.column("airmass")), observed.column("airmass"), 1.0)
    time, exptime_s = observed.column("jd_bary"), observed.of_frames("exptime_s")
    curve = Curve(time, 1 + moved_px, error_px, airmass, exptime_s, np.zeros(time.size, int))
    known = np.isfinite(observed.compared.flux) & np.isfinite(moved_px) & np.isfinite(exptime_s) & (error_px > 0)
    return curve.at(known & np.isfinite(time))


def places_px(observed: Observed, catalog: Table, near: np.ndarray) -> Floats:
    """(n, 2) places of some stars of a catalog from that of the one observed, pixels; NaN where nothing tells.

    By the places of the measured stars around it, in the middle frame: the chip may lie in any way on the sky.
    """
    stars, frame = observed.stars, rows_of_table(observed.path)[len(observed.rows) // 2]
    centre = (float(observed.star["ra_deg_corr"]), float(observed.star["dec_deg_corr"]))

    def offsets(table: Table) -> Floats:
        east = (np.asarray(table["ra_deg_corr"], float) - centre[0] + 180) % 360 - 180
        north = np.asarray(table["dec_deg_corr"], float) - centre[1]
        return 3600 * np.stack([east * np.cos(np.radians(centre[1])), north], axis=1)

    away = offsets(stars)
    at = np.stack([frame["x"], frame["y"]], axis=1).astype(float)
    known = (np.hypot(*away.T) < PLACES_ARCSEC) & np.isfinite(at).all(axis=1)
    if known.sum() < FEWEST_PLACES:
        return np.full((near.size, 2), np.nan)
    design = np.column_stack([away[known], np.ones(known.sum())])
    linear = np.linalg.lstsq(design, at[known], rcond=None)[0][:2]
    found: Floats = offsets(catalog[near]) @ linear
    return found
