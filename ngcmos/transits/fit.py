"""A transit in the light curve of a star: is there one, how deep, when, how long, and how well is that known.

``fit_transit(curve, expected=..., limb=...) -> TransitFit``. The model is limb-darkened and fitted together with a
trend in time or airmass: each counts as much as the data want it (BIC). The noise may be red: its strength and
memory are fitted too, and what is not known of them goes into the errors.
"""

import dataclasses

import numpy as np

from ngcmos.arrays import Floats
from ngcmos.stats import mad_sigma
from ngcmos.transits.curve import Curve, bin_curve
from ngcmos.transits.ephemeris import Expected
from ngcmos.transits.evidence import CERTAIN_BIC, TRANSIT_TERMS, bic_difference, depths_needed, terms_of
from ngcmos.transits.grid import Cells, Dip, Model, Search, likelihood_of, make_grid, together, zoom
from ngcmos.transits.red_noise import (
    Noise,
    Whitener,
    best_fit,
    beta,
    fit_linear,
    likely_noises,
    try_noises,
)
from ngcmos.transits.shape import Limb, radius_ratio_of
from ngcmos.transits.trend import TREND_SHARES, TRENDS, trend_columns

FEWEST_POINTS = 12
MOST_POINTS, MOST_POINTS_A_NIGHT = 1200, 300
SHORTEST_D, LONGEST_D = 20 / 1440, 12 / 24
SHORTEST_CADENCES = 4.0
LONGEST_NIGHTS, LONGEST_SHARE = 1.5, 0.25  # of the night; of the period
LEAST_SEARCH_D = 2 / 24  # on each side of the expected time: planets do not keep it to the second
SEARCH_SIGMA = 5.0
BEYOND_D = 1 / 24  # mid-times so far before or after the points may still be told by one half of the transit
USUAL_DURATION_ERROR = 0.1  # of a length that is given without an error
LEAST_DURATION_ERROR = 0.01  # of the length: other bands and other stars' models differ by that
WIDTH_RANGE = (0.4, 1.3)  # of the known length
USUAL_IMPACT, USUAL_RADIUS_RATIO = 0.42, 0.1
RATIO_DEPTHS = (0.001, 0.05)  # that tell of a planet's size
COARSE_WIDTHS, COARSE_STEP = 15, 0.25  # widths; step of mid-times in units of the shortest
TANGENT_STEP = 0.02  # of the width
LIMIT_STEPS = 20
LEAST_TREND = 0.03  # of the likeliest: less likely ones are left out
LIMIT_PERCENTILE = 90.0
USUAL_DURATION_D = 1 / 24  # of the transit a limit speaks of, where none is expected
OUTLIER_SIGMA = 5.0
MOST_WILD = 0.05  # of the points: more are no accident


@dataclasses.dataclass(frozen=True, eq=False)
class TransitFit:
    """What a light curve tells of a transit; fluxes relative, times BJD_TDB.

    Attributes
    ----------
    depth, depth_err : float
        Light lost at mid-transit.
    mid_bjd, mid_err_d, duration_d, duration_err_d : float
        Duration from first to last contact.
    width_d : float
        See `ngcmos.transits.shape.Shape`.
    impact, radius_ratio : float
    chi2 : float
        Of the residuals with the errors as given, of `degrees_of_freedom` more points than parameters.
    degrees_of_freedom : int
    beta : float
        How much more the residuals scatter in bins than white noise.
    trend : str
        One of `TRENDS`.
    model, trend_flux : (n,) arrays
        At the points of `curve`: trend times transit, and trend alone.
    curve : Curve
        The points that were fitted, wild ones left out.
    bic_difference : float
        BIC without the transit minus that with it.
    depth_limit : float
        A deeper transit would have been found, at nine of ten times it may have had; infinite where none would.
    oc_d, oc_err_d : float
        Observed minus expected mid-time, and the error of both together; NaN where none was expected.
    """

    depth: float
    depth_err: float
    mid_bjd: float
    mid_err_d: float
    duration_d: float
    duration_err_d: float
    width_d: float
    impact: float
    radius_ratio: float
    chi2: float
    degrees_of_freedom: int
    beta: float
    trend: str
    model: Floats
    trend_flux: Floats
    curve: Curve
    bic_difference: float = float("nan")
    depth_limit: float = float("nan")
    oc_d: float = float("nan")
    oc_err_d: float = float("nan")

    @property
    def is_transit(self) -> bool:
        """Whether there is one beyond doubt."""
        return self.bic_difference > CERTAIN_BIC

    def against(self, expected: Expected | None) -> "TransitFit":
        """The fit with its mid-time compared with the expected one."""
        if expected is None:
            return self
        oc_err_d = float(np.hypot(self.mid_err_d, expected.mid_err_d))
        return dataclasses.replace(self, oc_d=self.mid_bjd - expected.mid_bjd, oc_err_d=oc_err_d)


@dataclasses.dataclass(frozen=True, eq=False)
class _Look:
    """Trend, search and about where the transit is; `bic` tells how likely the trend is."""

    trend: str
    model: Model
    search: Search
    mid: float
    width_d: float
    bic: float


def fit_transit(curve: Curve, *, limb: Limb, expected: Expected | None = None) -> TransitFit:
    """Look for a transit in a curve and measure it.

    Parameters
    ----------
    curve : Curve
        Of one night, or of several; without a period there is one transit in all of them.
    limb : Limb
    expected : Expected, optional
        What is known beforehand.

    Raises
    ------
    ValueError
        Fewer than `FEWEST_POINTS` points.
    """
    if len(curve) < FEWEST_POINTS:
        raise ValueError(f"{len(curve)} points, expected {FEWEST_POINTS} at least")
    fit = _fit_once(curve, limb, expected)
    residual = curve.flux - fit.model
    wild = np.abs(residual) > OUTLIER_SIGMA * mad_sigma(residual)
    if 0 < wild.mean() <= MOST_WILD:
        fit = _fit_once(curve.at(~wild), limb, expected)
    return fit.against(expected)


def _fit_once(curve: Curve, limb: Limb, expected: Expected | None) -> TransitFit:
    points = points_of(curve)
    whiteners = try_noises(points)
    looks = _first_looks(points, search_of(points, expected), limb, whiteners)
    found = sorted((_weighed(points, look, whiteners) for look in looks), key=lambda one: one[0].bic)
    look, first, likely = found[0]
    cells = together([(cells, _share(other, look)) for other, cells, _ in found])
    free = _free(_tangents(points, look), look.search)
    summary = _summed_up(curve, look, cells, first.likeliest, _permuted_errors(points, look, likely[0], free))
    with_it = np.column_stack([look.model.trend, _loss(points, look, first.likeliest)])
    off_d = first.likeliest.mid - expected.mid_bjd if expected else 0.0
    terms = terms_of(expected, first.likeliest.width_d, off_d)
    return dataclasses.replace(
        summary,
        bic_difference=bic_difference(points, whiteners, with_it, terms),
        depth_limit=_depth_limit(_without(points, look, first.likeliest), look, whiteners, expected),
    )


def _without(points: Curve, look: _Look, dip: Dip) -> Curve:
    """The points as they would be without a transit."""
    return dataclasses.replace(points, flux=points.flux + dip.depth * _loss(points, look, dip))


def _weighed(points: Curve, look: _Look, whiteners: list[Whitener]) -> tuple[_Look, Cells, list[Whitener]]:
    """The look with the BIC of its likeliest transit, how likely transits are with it, and the likely noises."""
    likely = likely_noises(whiteners, points.flux, np.hstack([look.model.trend, _tangents(points, look)]))
    cells = zoom(points, look.model, look.search, likely)
    loss = _loss(points, look, cells.likeliest)
    return dataclasses.replace(look, bic=_bic_with(points, look, loss, whiteners)), cells, likely


def _bic_with(points: Curve, look: _Look, loss: Floats, whiteners: list[Whitener]) -> float:
    """BIC of trend and transit under the best noise, and how likely the trend is beforehand."""
    bic = best_fit(whiteners, points.flux, np.column_stack([look.model.trend, loss])).bic
    return bic - 2 * float(np.log(TREND_SHARES[look.trend]))


def _share(look: _Look, first: _Look) -> float:
    """How likely a trend is, over another one."""
    return float(np.exp((first.bic - look.bic) / 2))


def _free(tangents: Floats, search: Search) -> Floats:
    """The tangents of what is fitted: a length that is known is not."""
    return tangents if np.isnan(search.duration_d) else tangents[:, :2]


def _summed_up(curve: Curve, look: _Look, cells: Cells, dip: Dip, chance: tuple[float, float]) -> TransitFit:
    """The fit by all cells: medians and half of what holds 68 %, but errors not below those by permutation."""
    model, trend_flux = _drawn(curve, look, dip)
    impact = cells.mean(cells.impact)
    depth, depth_err = cells.depth_middle()
    offset, mid_err_d = cells.middle(cells.mid - dip.mid, cells.mid_step)
    duration_d, duration_err_d = cells.middle(cells.duration_d, cells.duration_step)
    return TransitFit(
        depth=depth,
        depth_err=max(depth_err, chance[0]),
        mid_bjd=dip.mid + offset,
        mid_err_d=max(mid_err_d, chance[1]),
        duration_d=duration_d,
        duration_err_d=duration_err_d,
        width_d=cells.mean(cells.width_d),
        impact=impact,
        radius_ratio=radius_ratio_of(depth, impact, look.model.limb),
        chi2=float((((curve.flux - model) / curve.error) ** 2).sum()),
        degrees_of_freedom=len(curve) - look.model.trend.shape[1] - TRANSIT_TERMS,
        beta=beta(curve.flux - model, curve.bjd_tdb),
        trend=look.trend,
        model=model,
        trend_flux=trend_flux,
        curve=curve,
    )


def points_of(curve: Curve) -> Curve:
    """The points that are fitted: neighbours of a night are put together where there are too many."""
    return bin_curve(curve, min(MOST_POINTS, MOST_POINTS_A_NIGHT * len(curve.nights)))


def search_of(curve: Curve, expected: Expected | None) -> Search:
    """Where to look for a transit: around the expected time where the curve has points of it, else everywhere."""
    night_d = max(float(np.ptp(curve.bjd_tdb[rows])) for rows in curve.nights)
    shortest = max(SHORTEST_D, SHORTEST_CADENCES * float(np.median(np.diff(curve.bjd_tdb))))
    longest = min(LONGEST_D, max(LONGEST_NIGHTS * night_d, 2 * shortest))
    first, last = curve.bjd_tdb[0] - BEYOND_D, curve.bjd_tdb[-1] + BEYOND_D
    if expected is None:
        return Search((first, last), (shortest, longest))
    error_d = np.nan
    if expected.duration_d > 0:
        shortest, longest = (share * expected.duration_d for share in WIDTH_RANGE)
        known = expected.duration_err_d > 0
        error_d = expected.duration_err_d if known else USUAL_DURATION_ERROR * expected.duration_d
        error_d = max(error_d, LEAST_DURATION_ERROR * expected.duration_d)
    else:
        longest = max(min(longest, LONGEST_SHARE * expected.period_d), 2 * shortest)
    if expected.is_seen:
        half = min(max(LEAST_SEARCH_D, SEARCH_SIGMA * expected.mid_err_d), expected.period_d / 2)
        first, last = expected.mid_bjd - half, expected.mid_bjd + half
    last = min(last, first + expected.period_d)
    return Search((first, last), (shortest, longest), expected.period_d, expected.duration_d, error_d)


def _first_looks(points: Curve, search: Search, limb: Limb, whiteners: list[Whitener]) -> list[_Look]:
    """About where the transit is with each trend that the data allow."""
    plain = Model(np.ones((len(points), 1)), np.ones(len(points)), limb, USUAL_RADIUS_RATIO)
    widths = np.geomspace(*search.widths_d, COARSE_WIDTHS)
    grid = make_grid(points, plain, search, _coarse_mids(points, search), widths, (USUAL_IMPACT,))
    white = Whitener(points, Noise(0.0, 1.0))
    found = []
    for trend in TRENDS:
        columns = trend_columns(points, trend)
        cell = int(np.argmin(likelihood_of(white, points.flux, columns, grid.losses).best_chi2))
        fitted = fit_linear(white, points.flux, np.column_stack([columns, -grid.losses[:, cell]]))
        *levels, depth = fitted.coefficients
        ratio = radius_ratio_of(float(np.clip(depth, *RATIO_DEPTHS)), USUAL_IMPACT, limb)
        model = Model(columns, columns @ np.array(levels), limb, ratio)
        mid = float(grid.mid[cell])
        look = _Look(trend, model, _of_one_night(points, search, mid), mid, float(grid.width_d[cell]), np.nan)
        bic = _bic_with(points, look, grid.losses[:, cell], whiteners)
        found.append(dataclasses.replace(look, bic=bic))
    first = min(found, key=lambda look: look.bic)
    return [look for look in found if _share(look, first) > LEAST_TREND]


def _coarse_mids(points: Curve, search: Search) -> Floats:
    """Mid-times to try first, none where there is no point near."""
    step = COARSE_STEP * search.widths_d[0]
    mids = np.arange(search.mids[0], search.mids[1] + step, step)
    if search.period_d is not None:
        return mids
    after = np.clip(np.searchsorted(points.bjd_tdb, mids), 1, len(points) - 1)
    away = np.minimum(np.abs(mids - points.bjd_tdb[after - 1]), np.abs(mids - points.bjd_tdb[after]))
    return mids[away <= BEYOND_D]


def _of_one_night(points: Curve, search: Search, mid: float) -> Search:
    """The search within the night of a mid-time, where no period ties the nights together."""
    if search.period_d is not None or len(points.nights) == 1:
        return search
    night = min((points.bjd_tdb[rows] for rows in points.nights), key=lambda times: np.abs(times - mid).min())
    return dataclasses.replace(search, mids=(night[0] - BEYOND_D, night[-1] + BEYOND_D))


def _loss(points: Curve, look: _Look, dip: Dip) -> Floats:
    """Loss of light by one transit of depth 1."""
    mids, widths = np.array([dip.mid]), np.array([dip.width_d])
    return make_grid(points, look.model, look.search, mids, widths, (dip.impact,)).losses[:, 0]


def _tangents(points: Curve, look: _Look) -> Floats:
    """(points, 3) change with depth, mid-time and width of the transit at the first look; fewer where none."""
    mid, width_d, step = look.mid, look.width_d, TANGENT_STEP * look.width_d
    dips = ((mid, width_d), (mid + step, width_d), (mid - step, width_d), (mid, width_d + step))
    here, late, early, long = (_loss(points, look, Dip(*dip, USUAL_IMPACT)) for dip in dips)
    columns = np.stack([here, (late - early) / (2 * step), (long - here) / step], axis=1)
    return columns[:, np.ptp(columns, axis=0) > 0]


def _permuted_errors(points: Curve, look: _Look, whitener: Whitener, tangents: Floats) -> tuple[float, float]:
    """Scatter of depth and mid-time when the residuals are shifted along the curve, all ways (their order kept).

    The model is taken as linear around the first look; 0 where it cannot be.
    """
    terms = look.model.trend.shape[1]
    design = np.hstack([look.model.trend, tangents])
    fitted = fit_linear(whitener, points.flux, design)
    if tangents.shape[1] < 2 or not fitted.coefficients[terms : terms + 2].all():
        return 0.0, 0.0
    depth = -float(fitted.coefficients[terms])
    residual = points.flux - design @ fitted.coefficients
    shifted = np.stack([np.roll(residual, shift) for shift in range(len(points))], axis=1)
    basis, triangle = np.linalg.qr(whitener(design))
    moved = np.linalg.lstsq(triangle, basis.T @ whitener(shifted), rcond=None)[0][terms : terms + 2]
    return float(moved[0].std()), float(moved[1].std() / abs(depth))


def _drawn(curve: Curve, look: _Look, dip: Dip) -> tuple[Floats, Floats]:
    """(trend times transit, trend) at all points of a curve; the trend fits what the transit leaves over."""
    flat = dataclasses.replace(look, model=dataclasses.replace(look.model, level=np.ones(len(curve))))
    shadow = 1 - dip.depth * _loss(curve, flat, dip)
    columns, weight = trend_columns(curve, look.trend), shadow / curve.error
    coefficients = np.linalg.lstsq(columns * weight[:, None], curve.flux / curve.error, rcond=None)[0]
    trend = columns @ coefficients
    return trend * shadow, trend


def _depth_limit(points: Curve, look: _Look, whiteners: list[Whitener], expected: Expected | None) -> float:
    """The depth beyond which a transit could not be overlooked: the expected one, else one of an hour.

    At `LIMIT_PERCENTILE` percent of the mid-times that are as expected, or that put it wholly into a night.
    """
    duration_d = USUAL_DURATION_D
    if expected is not None and expected.is_seen:
        duration_d = expected.duration_d if expected.duration_d > 0 else USUAL_DURATION_D
        mids = expected.mid_bjd + np.linspace(-1, 1, LIMIT_STEPS) * expected.mid_err_d
    else:
        mids = np.concatenate([_inside(points.bjd_tdb[rows], duration_d) for rows in points.nights])
    losses = make_grid(points, look.model, look.search, mids, np.array([duration_d]), (USUAL_IMPACT,)).losses
    needed = depths_needed(points, whiteners, look.trend, losses, terms_of(expected, duration_d))
    return float(np.percentile(needed, LIMIT_PERCENTILE, method="higher"))


def _inside(times: Floats, duration_d: float) -> Floats:
    """Mid-times that put a transit wholly between first and last time; the middle where it does not fit."""
    first, last = times[0] + duration_d / 2, times[-1] - duration_d / 2
    return np.linspace(first, last, LIMIT_STEPS) if last > first else np.array([(times[0] + times[-1]) / 2])


def depth_in(curve: Curve, fit: TransitFit, limb: Limb, period_d: float | None = None) -> tuple[float, float]:
    """Depth, and its error, of a dip of the same time and shape in another curve, with a trend of its own.

    The noise is white and as large as the residuals, times their redness. NaN for too few points.
    """
    if len(curve) < FEWEST_POINTS:
        return float("nan"), float("nan")
    flat = Model(np.ones((len(curve), 1)), np.ones(len(curve)), limb, fit.radius_ratio)
    search = Search((fit.mid_bjd, fit.mid_bjd), (fit.width_d, fit.width_d), period_d)
    loss = make_grid(curve, flat, search, np.array([fit.mid_bjd]), np.array([fit.width_d]), (fit.impact,)).losses
    design = np.hstack([trend_columns(curve, fit.trend), -loss])
    if not loss.any():
        return float("nan"), float("nan")
    fitted = fit_linear(Whitener(curve, Noise(0.0, 1.0)), curve.flux, design)
    residual = curve.flux - design @ fitted.coefficients
    covariance = np.linalg.inv((design / curve.error[:, None]).T @ (design / curve.error[:, None]))
    scatter = np.sqrt(fitted.chi2 / max(fitted.points - fitted.terms, 1)) * beta(residual, curve.bjd_tdb)
    return float(fitted.coefficients[-1]), float(np.sqrt(covariance[-1, -1]) * scatter)


def undiluted(fit: TransitFit, contamination: float) -> TransitFit:
    """The fit with its depths as they are without the light of neighbours, `contamination` over the star's own."""
    factor = 1 + contamination
    return dataclasses.replace(
        fit,
        depth=fit.depth * factor,
        depth_err=fit.depth_err * factor,
        depth_limit=fit.depth_limit * factor,
        radius_ratio=fit.radius_ratio * np.sqrt(factor),
    )
