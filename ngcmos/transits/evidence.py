"""Is there a transit in a curve at all, and how deep must one be to be told from trends and red noise?

``bic_difference(points, whiteners, design, terms)`` of a curve, ``depths_needed(...)`` of transits that it might
have had; both by the Bayesian information criterion, each model under the noise that suits it best.
"""

import dataclasses

import numpy as np

from ngcmos.arrays import Floats
from ngcmos.transits.curve import Curve
from ngcmos.transits.ephemeris import Expected
from ngcmos.transits.grid import DEPTHS
from ngcmos.transits.red_noise import RED_TERMS, Whitener, best_fit
from ngcmos.transits.trend import TRENDS, trend_columns

TRANSIT_TERMS = 4  # depth, mid-time, length, impact parameter
CERTAIN_BIC = 10.0  # "very strong" of Kass & Raftery 1995, JASA 90, 773
AS_EXPECTED_SIGMA = 3.0
KNOWN_SHARE = 0.25  # of a width: so well a mid-time is known beforehand, and by a transit that is just found
LIMIT_DEPTHS = 200
TINY = 1e-30


def terms_of(expected: Expected | None, width_d: float, off_d: float = 0.0) -> int:
    """Number of terms that a transit takes from the data: what an ephemeris tells rightly is no term.

    Parameters
    ----------
    expected : Expected or None
    width_d : float
        Of the transit.
    off_d : float
        How far the likeliest transit lies from the expected time.
    """
    known_d = KNOWN_SHARE * width_d
    if expected is None or not expected.is_seen or expected.mid_err_d > known_d:
        return TRANSIT_TERMS
    if abs(off_d) > np.hypot(AS_EXPECTED_SIGMA * expected.mid_err_d, known_d):
        return TRANSIT_TERMS
    return TRANSIT_TERMS - 1 - (expected.duration_d > 0)


def bic_difference(points: Curve, whiteners: list[Whitener], design: Floats, terms: int) -> float:
    """BIC without a transit, under the trend that suits best, minus that of a (points, n) design with one.

    The last column of the design is the transit of best shape, which took so many `terms` to find.
    """
    with_it = best_fit(whiteners, points.flux, design).bic + (terms - 1) * float(np.log(len(points)))
    return min(best_fit(whiteners, points.flux, trend_columns(points, name)).bic for name in TRENDS) - with_it


def depths_needed(points: Curve, whiteners: list[Whitener], trend: str, losses: Floats, terms: int) -> Floats:
    """(n,) depths of transits that would be beyond doubt in a curve without; infinite where none would be.

    A transit is told from every trend and noise that makes up for it, so it is put in at many depths. That leaves
    what the transit does not explain as it was, so all are known in closed form.

    Parameters
    ----------
    points : Curve
        Without any transit.
    whiteners : list of Whitener
    trend : str
        That is fitted together with the transit.
    losses : (points, n) array
        Of light by transits of depth 1.
    terms : int
        See `terms_of`.
    """
    depth = np.geomspace(*DEPTHS, LIMIT_DEPTHS)[:, None]
    without, with_it = np.full((LIMIT_DEPTHS, losses.shape[1]), np.inf), np.full(losses.shape[1], np.inf)
    trends = {name: trend_columns(points, name) for name in TRENDS}
    for whitener in whiteners:
        white = whitener(np.column_stack([points.flux, losses]))
        for name, columns in trends.items():
            left = _left_over(whitener, columns, white)
            without = np.minimum(without, left.bic(left.chi2_at(depth)))
            if name == trend:
                with_it = np.minimum(with_it, left.bic(left.best_chi2))
    sure = without - with_it - terms * np.log(len(points)) > CERTAIN_BIC
    doubtful = LIMIT_DEPTHS - np.argmax(~sure[::-1], axis=0)  # the first depth beyond all that are in doubt
    needed: Floats = np.append(depth[:, 0], np.inf)[np.where(sure.all(axis=0), 0, doubtful)]
    return needed


@dataclasses.dataclass(frozen=True, eq=False)
class _Left:
    """What a trend leaves of a curve and of n dips under a noise; `terms` are of trend and noise."""

    chi2: float
    product: Floats
    information: Floats
    points: int
    terms: int
    log_det: float

    def chi2_at(self, depth: Floats) -> Floats:
        """With dips of these depths put in."""
        chi2: Floats = self.chi2 - 2 * depth * self.product + depth**2 * self.information
        return chi2

    @property
    def best_chi2(self) -> Floats:
        """With a dip fitted, whatever its depth is."""
        chi2: Floats = self.chi2 - self.product**2 / np.maximum(self.information, TINY)
        return chi2

    def bic(self, chi2: Floats) -> Floats:
        """As that of `Fitted`."""
        log_points = float(np.log(self.points))
        bic: Floats = self.points * (np.log(np.maximum(chi2, TINY)) - log_points)
        bic += self.log_det + self.terms * log_points
        return bic


def _left_over(whitener: Whitener, trend: Floats, white: Floats) -> _Left:
    """What a (points, terms) trend leaves of whitened flux, the first column, and losses."""
    basis, _ = np.linalg.qr(whitener(trend))
    left = white - basis @ (basis.T @ white)
    flux, loss = left[:, 0], left[:, 1:]
    terms = trend.shape[1] + (RED_TERMS if whitener.noise.ratio > 0 else 0)
    information = np.einsum("ij,ij->j", loss, loss)
    return _Left(float(flux @ flux), flux @ loss, information, len(white), terms, whitener.log_det)
