"""A star looked at for its transit: fitted, freed of the light of its neighbours, and whether it is the star that
dips."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from astropy.table import Table

from ngcmos.arrays import Floats
from ngcmos.errors import WorkError
from ngcmos.tables.observed import Observed
from ngcmos.tables.table import read_star
from ngcmos.transits.centre import Motion, motion_of
from ngcmos.transits.curve import Curve, join_nights
from ngcmos.transits.doubts import doubts_of_fit
from ngcmos.transits.ephemeris import Ephemeris, Expected, expect
from ngcmos.transits.fit import FEWEST_POINTS, TransitFit, depth_in, fit_transit, undiluted
from ngcmos.transits.grid import MIDDLE_SHARES
from ngcmos.transits.mcmc import sample_transit
from ngcmos.transits.neighbours import Checked, Star, check_expected, check_neighbours
from ngcmos.transits.shape import Limb, limb_of
from ngcmos.transits.star import curve_in, curve_of, neighbours_of, spoilt_frames, width_px


@dataclasses.dataclass(frozen=True, eq=False)
class Result:
    """What the nights tell of the transit of a star.

    Attributes
    ----------
    fit : TransitFit
        Its depths are those of the star alone.
    observed : list of Observed
        The nights, by time.
    expected : Expected or None
    limb : Limb
    contamination : float
        Light of catalogued neighbours in the aperture over the star's own.
    checked : list of Checked
        Neighbours, nearest first.
    culprit : Star or None
        The neighbour that dips in place of the star.
    motion : Motion or None
        Of the centre of the star's light; None where no dip is beyond doubt, or nothing tells.
    by_chain : bool
        Whether Markov chains made the errors.
    doubts : sequence of str
        What the curve says against the ephemeris.
    """

    fit: TransitFit
    observed: list[Observed]
    expected: Expected | None
    limb: Limb
    contamination: float
    checked: list[Checked]
    culprit: Star | None
    motion: Motion | None = None
    by_chain: bool = False
    doubts: Sequence[str] = ()

    @property
    def is_measured(self) -> bool:
        """Whether the numbers are of a transit: one that is there, or that should be at that time."""
        return self.fit.is_transit or (self.expected is not None and self.expected.is_seen)

    @property
    def aperture_px(self) -> float:
        """Radius of the aperture of most of the nights."""
        radii = [one.compared.radius_px for one in self.observed if one.compared is not None]
        return max(set(radii), key=radii.count)

    @property
    def comparison_stars(self) -> int:
        """Effective number of comparison stars, the median of the nights."""
        return round(float(np.median([one.compared.comparisons for one in self.observed if one.compared])))


def find_transit(
    observed: list[Observed], catalog: Table, *, scale_arcsec: float, ephemerides: list[Ephemeris]
) -> Result:
    """Look for a transit of a star in its nights and measure it.

    Parameters
    ----------
    observed : list of Observed
    catalog : Table
        All stars around the field.
    scale_arcsec : float
        Of a pixel.
    ephemerides : list of Ephemeris
        Of all that transits the star; that of which most is seen is taken.

    Raises
    ------
    WorkError
        Nobody compared the star with others, or too few frames are good.
    """
    curves = [(curve_of(one), one) for one in observed]
    some = sorted(((curve, one) for curve, one in curves if len(curve)), key=lambda pair: pair[0].bjd_tdb[0])
    if sum(len(curve) for curve, _ in some) < FEWEST_POINTS:
        count = sum(len(curve) for curve, _ in curves)
        lost = "; ".join(f"{one.night}: {spoilt_frames(one)}" for one in observed)
        raise WorkError(f"{count} good frames of the star, expected {FEWEST_POINTS} at least ({lost})")
    curve, nights = join_nights([curve for curve, _ in some]), [one for _, one in some]
    expected = most_seen(ephemerides, curve)
    limb = limb_of(_temperature(nights[0], catalog))
    fit = fit_transit(curve, limb=limb, expected=expected)
    there = _night_of(fit, nights, curve)
    neighbours = neighbours_of(there, catalog, scale_arcsec)
    checked: list[Checked] = []
    culprit: Star | None = None
    motion: Motion | None = None
    if fit.is_transit:
        motion = motion_of(there, fit, limb, width_px(there))
        checked, culprit = _check(there, fit, limb, neighbours, motion)
    elif expected is not None and expected.is_seen and expected.depth > 0:
        asked = dataclasses.replace(
            fit, mid_bjd=expected.mid_bjd, width_d=expected.duration_d if expected.duration_d > 0 else fit.width_d
        )
        measured = [_with_depth(there, star, asked, limb) for star in neighbours]
        checked, culprit = check_expected(measured, expected.depth)
    share = _share(there, neighbours)
    own = undiluted(fit, share)
    doubts = doubts_of_fit(own, expected, _unforeseen(curve, limb, expected, fit))
    return Result(own, nights, expected, limb, share, checked, culprit, motion, doubts=doubts)


def _unforeseen(curve: Curve, limb: Limb, expected: Expected | None, fit: TransitFit) -> TransitFit | None:
    """The curve fitted without its ephemeris, where that has a transit that is not there."""
    if expected is None or fit.is_transit or not expected.is_seen:
        return None
    return fit_transit(curve, limb=limb)


def with_chain(result: Result) -> Result:
    """The result with depth, mid-time, length and their errors by Markov chains.

    Raises
    ------
    ToolError
        emcee is not installed.
    """
    fit = undiluted(result.fit, 1 / (1 + result.contamination) - 1)
    chain = sample_transit(fit, limb=result.limb, expected=result.expected)
    depth, depth_err = _middle(chain.depth)
    offset, mid_err_d = _middle(chain.mid_bjd - fit.mid_bjd)
    duration_d, duration_err_d = _middle(chain.duration_d)
    sampled = dataclasses.replace(
        fit,
        depth=depth,
        depth_err=depth_err,
        mid_bjd=fit.mid_bjd + offset,
        mid_err_d=mid_err_d,
        duration_d=duration_d,
        duration_err_d=duration_err_d,
    )
    timed = sampled.against(result.expected)
    return dataclasses.replace(result, fit=undiluted(timed, result.contamination), by_chain=True)


def _middle(samples: Floats) -> tuple[float, float]:
    """(median, half of the span that holds 68 %)."""
    low, middle, high = np.quantile(samples, MIDDLE_SHARES)
    return float(middle), float(high - low) / 2


def most_seen(ephemerides: list[Ephemeris], curve: Curve) -> Expected | None:
    """The transit to expect: that of which most is seen, if any is; the first of those alike."""
    expected = [expect(one, curve.bjd_tdb) for one in ephemerides]
    return max(expected, key=lambda one: one.points_in(curve.bjd_tdb) if one.is_seen else 0, default=None)


def _temperature(observed: Observed, catalog: Table) -> float:
    """Effective temperature by the catalog; NaN where it has none."""
    same = np.flatnonzero(np.asarray(catalog["tic_id"]) == int(observed.star["tic_id"]))
    if not same.size or "Teff" not in catalog.colnames:
        return float("nan")
    return float(np.ma.filled(np.ma.asarray(catalog["Teff"]).astype(float), np.nan)[same[0]])


def _night_of(fit: TransitFit, nights: list[Observed], curve: Curve) -> Observed:
    """The night that has the most of the transit."""
    dipped = (fit.trend_flux - fit.model) / fit.trend_flux
    time = fit.curve.bjd_tdb
    spans = [curve.bjd_tdb[rows][[0, -1]] for rows in curve.nights]
    lost = [float(dipped[(time >= first) & (time <= last)].sum()) for first, last in spans]
    return nights[int(np.argmax(lost))]


def _share(observed: Observed, neighbours: list[Star]) -> float:
    """Light of the neighbours in the aperture of the star's curve, over its own."""
    assert observed.compared is not None
    aperture = observed.radii_px.index(observed.compared.radius_px)
    return float(sum(star.shares[aperture] for star in neighbours))


def _check(
    observed: Observed, fit: TransitFit, limb: Limb, neighbours: list[Star], motion: Motion | None
) -> tuple[list[Checked], Star | None]:
    """What is known of each neighbour, and the one that dips in place of the star."""
    assert observed.compared is not None
    apertures = [depth_in(curve_in(observed, observed.rows, radius), fit, limb) for radius in observed.radii_px]
    depths, errors = np.array(apertures).T
    known = np.isfinite(depths) & np.isfinite(errors)
    stars = [
        dataclasses.replace(_with_depth(observed, star, fit, limb), shares=star.shares[known])
        for star in neighbours
    ]
    aperture = observed.radii_px.index(observed.compared.radius_px)
    return check_neighbours(stars, depths[known], errors[known], int(known[:aperture].sum()), motion)


def _with_depth(observed: Observed, star: Star, fit: TransitFit, limb: Limb) -> Star:
    """A neighbour with the dip of its own curve, where it is measured."""
    assert observed.compared is not None
    if star.tic_id not in np.asarray(observed.stars["tic_id"]):
        return star
    rows, radius_px = read_star(observed.path, tic_id=star.tic_id), observed.compared.radius_px
    depth, error = depth_in(curve_in(observed, rows, radius_px), fit, limb)
    own, there = (np.nanmedian(np.asarray(one[f"flux_{radius_px:g}"], float)) for one in (rows, observed.rows))
    alone = own / there / star.light  # light of others in its aperture makes its dip shallower
    return dataclasses.replace(star, depth=float(depth * alone), depth_err=float(error * alone))
