"""Fluxes by the shape of the stars: an effective point spread function of each frame, fitted to groups of stars.

``build_psf(stamps, flux, ...) -> Psf`` from stars that stand alone; ``fit_groups(stamps, psf, ...)`` gives fluxes
of all stars at places that are known, neighbours at once, by linear least squares.

The effective function (Anderson & King 2000, PASP 112, 1360) is what a pixel at a distance from the star gets,
light and pixel in one: a surface of cubic B-splines with two knots a pixel, which may change linearly over the
chip. What a pixel gets is linear in its coefficients, and so is the fit: every frame tells its own, in
milliseconds.
"""

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from ngcmos.arrays import Bools, Floats, Floats32, Ints, Reals, Shape
from ngcmos.neighbours import tree_of

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

REACH_FWHM = 2.0  # half a stamp
REACH_PX = (3, 8)
KNOTS_A_PX = 2
FIVE = np.arange(-2, 3)  # knots beside that of a pixel whose splines reach a star's own pixel
FEWEST_TO_VARY = 80  # stars, to tell how the function changes over the chip
ROUNDS, STEPS = 2, 7  # of weighing; of conjugate gradients in each
UNKNOWN = 1e-9  # of the most that a knot is known by
TIGHT = 1e-3  # how fast the function is held to the one before it, where the stars say nothing;
TIGHT_OF_FEW = 1.0  # fewer than vary it leave gaps between their places in a pixel, and tell it their own errors
SHAPE_ERROR = 0.01  # of the function, so that no single star tells it
CLIP_SIGMA = 5.0
MEDIAN_CHI2 = 0.4549  # of one degree of freedom
COUPLED = 0.02  # correlation from which on stars are one group; weaker neighbours follow by iteration
SWEEPS = 4
LEAST_SEEN = 0.6  # of the information in a star's pixels that must be good
_SIGMA_A_FWHM = 1 / np.sqrt(8 * np.log(2))


@dataclasses.dataclass(frozen=True, eq=False)
class Stamps:
    """The m pixels around each of n stars.

    Attributes
    ----------
    half : int
        Pixels on each side of the star's own.
    counts, variance : (n, m) arrays
        ADU over the sky, and ADU^2 without the light of stars.
    good : (n, m) bool array
    column, row : (n,) int arrays
        The star's own pixel.
    blend : (n, terms * 25) array
        How much each knot around a pixel gives to it.
    """

    half: int
    counts: Reals
    variance: Reals
    good: Bools
    column: Ints
    row: Ints
    blend: Reals

    @property
    def terms(self) -> int:
        """Of the function: 1, or 3 where it changes over the chip."""
        return int(self.blend.shape[1] // FIVE.size**2)

    def of(self, stars: Bools | Ints) -> "Stamps":
        """Those of some of the stars."""
        values = {name: value[stars] for name, value in vars(self).items() if name != "half"}
        return Stamps(half=self.half, **values)


@dataclasses.dataclass(frozen=True, eq=False)
class Psf:
    """Coefficients (terms, knots, knots) of an effective function; `at` gives stamps of it for stars of flux 1."""

    knots: Floats

    def at(self, stamps: Stamps) -> Reals:
        """(n, m) share of each pixel in a star's light."""
        shares: Reals = stamps.blend @ _spread(self.knots, stamps.half)
        return shares


def half_stamp(fwhm_px: float) -> int:
    """Pixels on each side of a star's own that its function is told for."""
    return int(np.clip(np.ceil(REACH_FWHM * fwhm_px), *REACH_PX))


@dataclasses.dataclass(frozen=True, eq=False)
class Under:
    """Sky under each of n stars, ADU a pixel, and the variance of its pixels, ADU^2."""

    sky: Floats
    variance: Floats


def cut_stamps(
    image: Reals, x: Floats, y: Floats, half: int, *, under: Under, spoilt: Bools, varies: bool
) -> Stamps:
    """Stamps of stars.

    Parameters
    ----------
    image : (rows, columns) array
        ADU.
    x, y : (n,) arrays
        0-based pixels, finite.
    half : int
        Of `half_stamp`.
    under : Under
    spoilt : (rows, columns) bool array
        Pixels that tell nothing.
    varies : bool
        Whether the function changes over the chip.
    """
    column, row = np.rint(x).astype(np.intp), np.rint(y).astype(np.intp)
    dy, dx = np.mgrid[-half : half + 1, -half : half + 1].reshape(2, -1)
    at_column, at_row = column[:, None] + dx, row[:, None] + dy
    inside = (at_column >= 0) & (at_column < image.shape[1]) & (at_row >= 0) & (at_row < image.shape[0])
    index = np.where(inside, at_row * image.shape[1] + at_column, 0)
    counts = image.reshape(-1)[index] - under.sky[:, None].astype(np.float32)
    good = inside & ~spoilt.reshape(-1)[index] & np.isfinite(counts)
    spread = np.broadcast_to(under.variance[:, None].astype(np.float32), counts.shape)
    blend = _blend(x - column, y - row, _terms(x, y, image.shape) if varies else np.ones((x.size, 1)))
    return Stamps(half, np.where(good, counts, np.float32(0)), spread, good, column, row, blend)


def _terms(x: Floats, y: Floats, shape: Shape) -> Floats:
    """(n, 3): 1, and the place on the chip from -1 to 1."""
    return np.column_stack([np.ones(x.size), 2 * x / shape[1] - 1, 2 * y / shape[0] - 1])


def _blend(off_x: Floats, off_y: Floats, terms: Floats) -> Reals:
    """(n, terms * 25) weight of each knot around a pixel, for stars so far off the middle of their own pixel."""
    along, up = (_spline(-KNOTS_A_PX * off[:, None] - FIVE) for off in (off_x, off_y))
    weights = terms[:, :, None, None] * up[:, None, :, None] * along[:, None, None, :]
    return weights.reshape(len(terms), -1).astype(np.float32)


def _spline(t: Floats) -> Floats:
    """Cubic B-spline of unit knots."""
    t = np.abs(t)
    return np.where(t < 1, 2 / 3 - t**2 + t**3 / 2, np.clip(2 - t, 0, None) ** 3 / 6)


def _spread(knots: Reals, half: int) -> Floats32:
    """(terms * 25, m): what each weight gives to each pixel, from (terms, knots, knots)."""
    last = 2 * KNOTS_A_PX * half + 1
    windows = np.lib.stride_tricks.sliding_window_view(knots.astype(np.float32), (last, last), axis=(1, 2))
    return windows[..., ::KNOTS_A_PX, ::KNOTS_A_PX].reshape(-1, (2 * half + 1) ** 2)


def _gather(given: Reals, half: int, terms: int) -> Floats:
    """(terms, knots, knots) of what each weight gets from each pixel: the transpose of `_spread`."""
    last, pixels = 2 * KNOTS_A_PX * half + 1, 2 * half + 1
    knots = np.zeros((terms, last + FIVE.size - 1, last + FIVE.size - 1))
    given = given.reshape(terms, FIVE.size, FIVE.size, pixels, pixels)
    for up in range(FIVE.size):
        for along in range(FIVE.size):
            knots[:, up : up + last : KNOTS_A_PX, along : along + last : KNOTS_A_PX] += given[:, up, along]
    return knots


def gaussian_psf(fwhm_px: float, half: int, terms: int) -> Psf:
    """The function of round Gaussian stars, light over square pixels; the same over the chip."""
    from scipy.ndimage import spline_filter  # a third of a second to import: only where stars are fitted
    from scipy.special import erf

    side = KNOTS_A_PX * half + FIVE.size // 2
    edge = (np.arange(-side, side + 1)[:, None] / KNOTS_A_PX + [-0.5, 0.5]) / (
        np.sqrt(2) * _SIGMA_A_FWHM * fwhm_px
    )
    share = np.diff(erf(edge), axis=1)[:, 0] / 2
    knots = np.zeros((terms, share.size, share.size))
    knots[0] = spline_filter(share[:, None] * share, order=3, mode="mirror")
    return Psf(knots)


def build_psf(stamps: Stamps, flux: Floats, start: Psf, gain_e_adu: float) -> Psf:
    """The effective function of stars that stand alone, by weighted least squares.

    Parameters
    ----------
    stamps : Stamps
        Of those stars.
    flux : (n,) array
        ADU, from the largest aperture: fluxes by the function are as if measured in that.
    start : Psf
        What it is where the stars tell nothing.
    gain_e_adu : float
    """
    psf = start
    for _ in range(ROUNDS):
        model = flux[:, None] * psf.at(stamps)
        light = np.maximum(model, 0)
        variance = stamps.variance + light / gain_e_adu + (SHAPE_ERROR * light) ** 2
        away = stamps.counts - model
        limit = CLIP_SIGMA**2 * _misfit(away**2 / variance, stamps.good)
        kept = stamps.good & ((away**2 <= limit * variance) | (psf is start))
        psf = _nearer(psf, stamps, flux, away, np.where(kept, 1 / variance, 0))
    return psf if len(flux) >= FEWEST_TO_VARY else _with_light_of(psf, stamps, flux)


def _misfit(chi2: Reals, good: Bools) -> float:
    """How much larger than expected residuals are, 1 at least: where the function is wrong no pixel stands out."""
    known = chi2[good]
    return max(1.0, float(np.median(known)) / MEDIAN_CHI2) if known.size else 1.0


def _with_light_of(psf: Psf, stamps: Stamps, flux: Floats) -> Psf:
    """The function as high as the middle one of its stars wants it: held to a guess, it has the light of that."""
    share = psf.at(stamps)
    weight = np.where(stamps.good, share / stamps.variance, 0)
    own = np.einsum("ij,ij->i", weight, share)
    ratio = np.einsum("ij,ij->i", weight, stamps.counts) / np.where(own > 0, own, np.nan) / flux
    known = ratio[np.isfinite(ratio) & (ratio > 0)]
    return Psf(psf.knots * float(np.median(known))) if known.size else psf


def _nearer(psf: Psf, stamps: Stamps, flux: Floats, away: Reals, weight: Reals) -> Psf:
    """The function closer to what is left of the stars: conjugate gradients for the normal equations."""
    tight = TIGHT if len(flux) >= FEWEST_TO_VARY else TIGHT_OF_FEW
    terms, lit = len(psf.knots), (flux[:, None] * stamps.blend).astype(np.float32)
    weight = weight.astype(np.float32)

    def back(values: Reals) -> Floats:
        return _gather(lit.T @ (weight * values), stamps.half, terms)

    known = _gather((lit**2).T @ weight, stamps.half, terms)
    known += UNKNOWN * known.max() if known.any() else 1.0
    change = np.zeros_like(psf.knots)
    left = back(away.astype(np.float32))
    scaled = left / known
    step, size = scaled, float((left * scaled).sum())
    for _ in range(STEPS):
        if size == 0:
            break
        curved = back(lit @ _spread(step, stamps.half)) + tight * known * step
        length = size / float((step * curved).sum())
        change += length * step
        left = left - length * curved
        scaled = left / known
        size, before = float((left * scaled).sum()), size
        step = scaled + size / before * step
    return Psf(psf.knots + change)


def fit_groups(
    stamps: Stamps, psf: Psf, expected: Floats, sky_error: Floats, gain_e_adu: float
) -> tuple[Floats, Floats]:
    """(flux, error) of n stars in ADU, those of a group at once, by weighted least squares.

    Parameters
    ----------
    stamps : Stamps
    psf : Psf
    expected : (n,) array
        Fluxes by which pixels are weighed, not those of the pixels themselves: these would be biased.
    sky_error : (n,) array
        Standard error of the sky, ADU a pixel.
    gain_e_adu : float

    Returns
    -------
    flux, error : (n,) float64 arrays
        NaN where too few of a star's pixels are good.
    """
    share = psf.at(stamps)
    one, other = _neighbours(stamps)
    foreign = _on_pixels_of(stamps, share, one, other)
    variance = (
        stamps.variance + np.maximum(expected, 0)[:, None].astype(np.float32) * np.maximum(share, 0) / gain_e_adu
    )
    light = np.maximum(foreign, 0) * (np.maximum(expected[other], 0) / gain_e_adu).astype(np.float32)[:, None]
    np.add.at(variance, one, light)
    weighed = np.where(stamps.good, share / variance, 0)
    own = np.einsum("ij,ij->i", weighed, share).astype(float)
    seen = own >= LEAST_SEEN * np.einsum("ij,ij->i", share / variance, share)
    own = np.where(seen & (own > 0), own, np.inf)  # a star of no information: flux 0 beside the others
    both = np.einsum("ij,ij->i", weighed[one], foreign).astype(float)
    told = np.einsum("ij,ij->i", weighed, stamps.counts).astype(float)
    pull = weighed.sum(axis=1, dtype=float)
    flux, variance_of_flux, lift = _solve(own, both, one, other, told, pull)
    error = np.sqrt(variance_of_flux + (lift * sky_error) ** 2)
    return np.where(np.isfinite(own), flux, np.nan), np.where(np.isfinite(own), error, np.nan)


def _neighbours(stamps: Stamps) -> tuple[Ints, Ints]:
    """Stars whose stamps overlap by more than a corner: each pair both ways round."""
    tree = tree_of(np.column_stack([stamps.column, stamps.row]))
    pairs = tree.query_pairs(2 * stamps.half - 0.5, output_type="ndarray")
    pairs = pairs[np.lexsort(pairs.T[::-1])]
    return np.concatenate([pairs[:, 0], pairs[:, 1]]), np.concatenate([pairs[:, 1], pairs[:, 0]])


def _on_pixels_of(stamps: Stamps, share: Reals, one: Ints, other: Ints) -> Reals:
    """(pairs, m) share of the other star's light in the pixels of the one."""
    half, side = stamps.half, 2 * stamps.half + 1
    dy, dx = np.mgrid[-half : half + 1, -half : half + 1].reshape(2, -1)
    along = dx + (stamps.column[one] - stamps.column[other])[:, None]
    up = dy + (stamps.row[one] - stamps.row[other])[:, None]
    inside = (np.abs(along) <= half) & (np.abs(up) <= half)
    index = np.where(inside, (up + half) * side + along + half, 0)
    found: Reals = np.where(inside, share[other[:, None], index], np.float32(0))
    return found


def _solve(
    own: Floats, both: Floats, one: Ints, other: Ints, told: Floats, pull: Floats
) -> tuple[Floats, Floats, Floats]:
    """(flux, variance, what an ADU of sky adds) of each star: groups whole, weaker neighbours by iteration."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    strength = np.sqrt(own[one] * own[other])
    linked = np.abs(both) > COUPLED * strength
    both = np.where(np.isfinite(strength), both, 0.0)
    count = own.size
    graph = coo_matrix((np.ones(linked.sum()), (one[linked], other[linked])), shape=(count, count))
    group = connected_components(graph, directed=False)[1]
    inverse = _inverses(own, both, one, other, group)
    weak = ~linked
    flux = inverse @ told
    for _ in range(SWEEPS if weak.any() else 0):
        foreign = np.bincount(one[weak], both[weak] * flux[other[weak]], minlength=count)
        flux = inverse @ (told - foreign)
    return flux, inverse.diagonal(), inverse @ pull


def _inverses(own: Floats, both: Floats, one: Ints, other: Ints, group: Ints) -> "csr_matrix":
    """The inverted normal equations, group by group; groups of one size together."""
    from scipy.sparse import coo_matrix

    sizes = np.bincount(group)
    order = np.argsort(group, kind="stable")
    first = np.cumsum(sizes) - sizes
    place = np.empty(own.size, np.intp)  # in its group
    place[order] = np.arange(own.size) - np.repeat(first, sizes)
    inside = group[one] == group[other]
    rows, columns, values = [], [], []
    for size in np.unique(sizes):
        groups = np.flatnonzero(sizes == size)
        members = order[first[groups][:, None] + np.arange(size)]
        matrix = np.zeros((groups.size, size, size))
        matrix[:, np.arange(size), np.arange(size)] = np.where(np.isfinite(own), own, 1.0)[members]
        pairs = np.flatnonzero(inside & (sizes[group[one]] == size))
        matrix[np.searchsorted(groups, group[one[pairs]]), place[one[pairs]], place[other[pairs]]] = both[pairs]
        known = np.isfinite(own)[members].astype(float)
        values.append((np.linalg.inv(matrix) * known[:, :, None] * known[:, None, :]).ravel())
        rows.append(np.repeat(members, size, axis=1).ravel())
        columns.append(np.tile(members, size).ravel())
    index = np.concatenate(rows), np.concatenate(columns)
    return coo_matrix((np.concatenate(values), index), shape=(own.size, own.size)).tocsr()
