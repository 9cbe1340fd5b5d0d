"""How likely each transit is: depth, mid-time, length and shape over a grid, the trend fitted to each.

A transit is linear in its depth, so for a mid-time, a length and an impact parameter the likelihood of all depths
is known in closed form. The grid zooms in until it resolves what is likely. What finds medians takes half a second
to import: only where something is fitted.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from ngcmos.arrays import Floats
from ngcmos.transits.curve import DAY_S, Curve
from ngcmos.transits.red_noise import Whitener
from ngcmos.transits.shape import USUAL_PERIOD_D, Limb, Shape, dips

IMPACTS = (0.08, 0.25, 0.42, 0.58, 0.75, 0.9)  # middles of bands that are about alike likely
MID_STEPS, WIDTH_STEPS = 49, 15
MOST_ZOOMS = 8
COARSE_STEP = 0.25  # of a width: a mid-time further off cannot tell of the dip
WIDE_ENOUGH_STEPS = 1.2  # steps in a standard error
UNLIKELY = 1e-4  # of the best cell: what a zoom leaves out
DEPTHS = (1e-4, 0.7)  # evenly likely in their logarithm
DEPTH_NODES = 24
DEPTH_REACH_SIGMA = 5.0
LEAST_SHARE = 1e-4  # of all: so much of the least likely cells moves no median
LEAST_WIDTH = 1e-12  # of what a cell stands for: where it is one value
MOST_WIDTHS = 6.0  # from the middle of a cell to where nothing of it is left
FINE_ENOUGH = 1e-4  # of the spread: a median is not known better
MIDDLE_SHARES = (0.15865, 0.5, 0.84135)  # of a normal distribution below -1, 0 and 1 sigma


@dataclasses.dataclass(frozen=True)
class Search:
    """Where to look for a transit.

    Attributes
    ----------
    mids : (float, float)
        Earliest and latest mid-time, BJD_TDB; evenly likely between.
    widths_d : (float, float)
        Shortest and longest width (see Shape), evenly likely in their logarithm.
    period_d : float or None
        Further transits follow by it.
    duration_d, duration_err_d : float
        NaN where the length is not known beforehand.
    """

    mids: tuple[float, float]
    widths_d: tuple[float, float]
    period_d: float | None = None
    duration_d: float = float("nan")
    duration_err_d: float = float("nan")


@dataclasses.dataclass(frozen=True, eq=False)
class Model:
    """What is fitted to a curve beside the transit.

    Attributes
    ----------
    trend : (points, terms) array
    level : (points,) array
        What the transit takes its share of.
    limb : Limb
    radius_ratio : float
        For the length of the ingress.
    """

    trend: Floats
    level: Floats
    limb: Limb
    radius_ratio: float


@dataclasses.dataclass(frozen=True, eq=False)
class Grid:
    """Transits to try: `losses` (points, cells) of light by one of depth 1, and what each is, (cells,) arrays.

    Steps are from a cell to the next one; 0 where there is none.
    """

    losses: Floats
    mid: Floats
    mid_step: Floats
    width_d: Floats
    impact: Floats
    duration_d: Floats
    duration_step: Floats


@dataclasses.dataclass(frozen=True)
class Dip:
    """One transit: mid-time (BJD_TDB), width, impact parameter, loss of light at mid-transit."""

    mid: float
    width_d: float
    impact: float
    depth: float = 1.0


@dataclasses.dataclass(frozen=True, eq=False)
class Cells:
    """How likely the cells of a grid are, one noise after the other; arrays of one length.

    `weight` sums to 1; `depth` and `variance` are mean and variance of the depth within the cell.
    """

    mid: Floats
    mid_step: Floats
    width_d: Floats
    impact: Floats
    duration_d: Floats
    duration_step: Floats
    weight: Floats
    depth: Floats
    variance: Floats

    def mean(self, values: Floats) -> float:
        """Mean of values of the cells."""
        return float(self.weight @ values)

    def spread(self, values: Floats) -> float:
        """Standard deviation of values of the cells."""
        return float(np.sqrt(self.weight @ (values - self.mean(values)) ** 2))

    @property
    def likeliest(self) -> Dip:
        """The transit of the likeliest cell."""
        best = int(np.argmax(self.weight))
        values = (self.mid, self.width_d, self.impact, self.depth)
        return Dip(*(float(of_cells[best]) for of_cells in values))

    def middle(self, values: Floats, step: Floats) -> tuple[float, float]:
        """(median, half of the span that holds 68 %) of values of the cells: what is unlikely counts little.

        Each cell's are evenly spread over its `step`.
        """
        return self._spread_out(
            values, step, lambda steps: np.clip(np.add(steps, 0.5, out=steps), 0, 1, out=steps)
        )

    def depth_middle(self) -> tuple[float, float]:
        """(median, half of the span that holds 68 %) of the depth, each cell's taken as normal."""
        from scipy.special import ndtr

        return self._spread_out(
            self.depth, np.sqrt(np.maximum(self.variance, 0)), lambda steps: ndtr(steps, out=steps)
        )

    def _spread_out(
        self, values: Floats, width: Floats, share_below: Callable[[Floats], Floats]
    ) -> tuple[float, float]:
        """`middle` of values spread over a width of each cell, by the share that lies below so many widths.

        It may write over what it is given: new arrays of this size cost more than what is done with them.
        """
        from scipy.optimize import brentq

        ordered = np.sort(self.weight)
        kept = self.weight >= ordered[np.searchsorted(np.cumsum(ordered), LEAST_SHARE)]  # all that are alike, too
        weight, values, width = self.weight[kept], values[kept], np.maximum(width[kept], LEAST_WIDTH)
        weight = weight / weight.sum()
        reach = MOST_WIDTHS * width
        ends = float((values - reach).min()), float((values + reach).max())
        spread = float(np.sqrt(weight @ (values - weight @ values) ** 2 + weight @ width**2))
        steps = np.empty_like(values)

        def below(value: float, share: float) -> float:
            np.divide(np.subtract(value, values, out=steps), width, out=steps)
            return float(weight @ share_below(steps)) - share

        low, middle, high = (
            brentq(below, *ends, args=(share,), xtol=FINE_ENOUGH * spread) for share in MIDDLE_SHARES
        )
        return middle, (high - low) / 2


def make_grid(
    curve: Curve,
    model: Model,
    search: Search,
    mids: Floats,
    widths_d: Floats,
    impacts: tuple[float, ...] = IMPACTS,
) -> Grid:
    """All transits of these mid-times, widths and impact parameters, as the points of a curve would see them."""
    offset = curve.bjd_tdb[:, None] - mids[None, :]
    if search.period_d is not None:
        offset -= np.round(offset / search.period_d) * search.period_d
    exptime_d = float(np.median(curve.exptime_s)) / DAY_S
    shapes = [
        Shape(float(width_d), impact, model.radius_ratio, search.period_d or USUAL_PERIOD_D)
        for width_d in widths_d
        for impact in impacts
    ]
    losses = [dips(offset, shape, model.limb, exptime_d=exptime_d) for shape in shapes]
    widths_step = _step(np.log(widths_d))
    facts = np.array([(shape.width_d, shape.impact, shape.duration_d) for shape in shapes])
    width_d, impact, duration_d = np.repeat(facts, mids.size, axis=0).T
    return Grid(
        losses=np.concatenate(losses, axis=1) * model.level[:, None],
        mid=np.tile(mids, len(shapes)),
        mid_step=np.full(width_d.size, _step(mids)),
        width_d=width_d,
        impact=impact,
        duration_d=duration_d,
        duration_step=duration_d * widths_step,
    )


def _step(values: Floats) -> float:
    return float(values[1] - values[0]) if values.size > 1 else 0.0


@dataclasses.dataclass(frozen=True, eq=False)
class Likelihood:
    """Likelihood of each transit of a grid under one noise, at any depth d: its chi^2 is
    `chi2 - 2 d product + d^2 information`, all trends fitted.

    `freedom` is the number of points less the terms of the trend; `log_det` is of covariance and normal equations.
    """

    chi2: float
    information: Floats
    product: Floats
    freedom: int
    log_det: float

    @property
    def best_chi2(self) -> Floats:
        """At the best depth of each transit that is none below 0."""
        gain = np.maximum(self.product, 0) ** 2 / np.maximum(self.information, 1e-30)
        chi2: Floats = np.maximum(self.chi2 - gain, 1e-30)
        return chi2

    @property
    def depth_sigma(self) -> Floats:
        """Standard error of the depth of each transit."""
        sigma: Floats = np.sqrt(self.best_chi2 / self.freedom / np.maximum(self.information, 1e-30))
        return sigma


def likelihood_of(whitener: Whitener, flux: Floats, trend: Floats, losses: Floats) -> Likelihood:
    """Likelihood of each of the (points, cells) losses of light."""
    basis, triangle = np.linalg.qr(whitener(trend))
    white = whitener(flux)
    white -= basis @ (basis.T @ white)
    loss = whitener(losses)
    shared = (
        np.vstack([basis.T, white]) @ loss
    )  # what the trend takes up of each loss, and what it has of the flux
    log_det = whitener.log_det + float(2 * np.log(np.abs(np.diag(triangle))).sum())
    information = np.maximum(np.einsum("ij,ij->j", loss, loss) - (shared[:-1] ** 2).sum(axis=0), 0)
    return Likelihood(float(white @ white), information, -shared[-1], flux.size - trend.shape[1], log_det)


def weigh_depths(likelihood: Likelihood) -> tuple[Floats, Floats, Floats]:
    """(log of the likelihood integrated over depth and scale of the noise, mean depth, variance) of each cell.

    Depths are evenly likely in their logarithm, and so is the scale of the noise.
    """
    sigma = likelihood.depth_sigma
    best = likelihood.product / np.maximum(likelihood.information, 1e-30)
    low, high = (np.clip(best + side * DEPTH_REACH_SIGMA * sigma, *DEPTHS) for side in (-1, 1))
    high = np.maximum(high, 1.05 * low)
    share = (np.arange(DEPTH_NODES) + 0.5) / DEPTH_NODES
    depth = (high / low) ** share[:, None]
    depth *= low
    linear = 2 * depth  # in place from here: new arrays of all nodes cost as much as what is done with them
    linear *= likelihood.product
    density = depth**2
    density *= likelihood.information
    density += np.subtract(likelihood.chi2, linear, out=linear)  # chi^2, then its logarithm, then its exponential
    np.log(np.maximum(density, 1e-30, out=density), out=density)
    density *= -0.5 * likelihood.freedom
    peak = density.max(axis=0)
    np.exp(np.subtract(density, peak, out=density), out=density)
    total = density.sum(axis=0)
    mean = np.multiply(density, depth, out=linear).sum(axis=0) / total
    away = np.subtract(depth, mean, out=depth)
    away *= away
    away *= density
    variance = away.sum(axis=0) / total
    return peak + np.log(total * np.log(high / low)) - 0.5 * likelihood.log_det, mean, variance


def weigh_cells(whiteners: list[Whitener], flux: Floats, model: Model, search: Search, grid: Grid) -> Cells:
    """How likely each transit of a grid is under all of the noises."""
    prior, found = log_prior(search, grid.duration_d), []
    for whitener in whiteners:
        log_weight, depth, variance = weigh_depths(likelihood_of(whitener, flux, model.trend, grid.losses))
        found.append((log_weight + np.log(whitener.noise.weight) + prior, depth, variance))
    log_weight, depth, variance = (np.concatenate(values) for values in zip(*found, strict=True))
    weight = np.exp(log_weight - log_weight.max())
    of_grid = {
        field.name: np.tile(getattr(grid, field.name), len(whiteners))
        for field in dataclasses.fields(Grid)
        if field.name != "losses"
    }
    return Cells(**of_grid, weight=weight / weight.sum(), depth=depth, variance=variance)


def together(weighed: list[tuple[Cells, float]]) -> Cells:
    """Cells of several models, each with how likely that is."""
    names = [field.name for field in dataclasses.fields(Cells)]
    joined = {name: np.concatenate([getattr(cells, name) for cells, _ in weighed]) for name in names}
    joined["weight"] = np.concatenate([cells.weight * share for cells, share in weighed])
    joined["weight"] /= joined["weight"].sum()
    return Cells(**joined)


def log_prior(search: Search, duration_d: Floats) -> Floats:
    """Log of how likely lengths are beforehand."""
    if not np.isfinite(search.duration_d):
        return np.zeros(duration_d.size)
    log: Floats = -0.5 * ((duration_d - search.duration_d) / search.duration_err_d) ** 2
    return log


def zoom(curve: Curve, model: Model, search: Search, whiteners: list[Whitener]) -> Cells:
    """Cells of a grid that resolves mid-time and width of the likely transits."""
    steps = int((search.mids[1] - search.mids[0]) / (COARSE_STEP * search.widths_d[0])) + 2
    mids = np.linspace(*search.mids, max(steps, MID_STEPS))
    widths = np.geomspace(*search.widths_d, WIDTH_STEPS)
    for level in range(MOST_ZOOMS):
        first = level == 0  # it only tells where to look more closely
        grid = make_grid(curve, model, search, mids, widths, IMPACTS[2:3] if first else IMPACTS)
        cells = weigh_cells(whiteners[:1] if first else whiteners, curve.flux, model, search, grid)
        if not first and _is_resolved(cells, mids, widths):
            break
        likely = cells.weight > (UNLIKELY**2 if first else UNLIKELY) * cells.weight.max()
        mids = np.linspace(*_around(cells.mid[likely], mids, search.mids), MID_STEPS)
        logs = (np.log(values) for values in (cells.width_d[likely], widths, search.widths_d))
        widths = np.exp(np.linspace(*_around(*logs), WIDTH_STEPS))
    return cells


def _is_resolved(cells: Cells, mids: Floats, widths_d: Floats) -> bool:
    """Whether the steps are finer than the errors."""
    pairs = ((cells.mid, mids), (np.log(cells.width_d), np.log(widths_d)))
    return all(WIDE_ENOUGH_STEPS * cells.spread(found) > values[1] - values[0] for found, values in pairs)


def _around(likely: Floats, values: Floats, limits: Floats | tuple[float, float]) -> tuple[float, float]:
    """From a step before the first likely value to a step behind the last one, within the limits."""
    step = float(values[1] - values[0])
    return max(float(likely.min()) - step, float(limits[0])), min(float(likely.max()) + step, float(limits[1]))
