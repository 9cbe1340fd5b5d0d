"""TAN-SIP plate solutions: the fit, the two transformations, and their header cards.

A `Solution` maps pixels to the sky as the SIP convention does (Shupe et al. 2005, ASP Conf. 347, 491)::

    u, v = x - crpix_x, y - crpix_y
    xi, eta = CD @ (u + A(u, v), v + B(u, v))        tangent plane at crval, degrees

with 0-based pixels and polynomials A, B without constant or linear terms. `fit_solution` makes one from
matched stars, `to_pixels` and `to_sky` apply it, `wcs_cards` writes it and `solution_from_header` reads it.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy.io.fits import VerifyError
from numpy.polynomial.polynomial import polyder, polyval2d
from numpy.typing import ArrayLike

from ngcmos.arrays import Floats, Ints, Place, Shape
from ngcmos.astrometry.spots import Pairs
from ngcmos.errors import UnsolvedError
from ngcmos.names import Card

Header = Mapping[str, Any]  # of a frame: values by keyword
Exponents = list[tuple[int, int]]  # of u and v, one pair a term

ORDER = 3
FAR_PX = 1e4  # larger than any chip
HIGHEST_ORDER = 9  # of SIP (Shupe et al. 2005, ASP Conf. 347, 491)
INVERSE_ORDER = 5
FIELD_LIMIT_DEG = 30.0
TILE_PX = 512
NEWTON_STEPS = 6
CONFORMAL_STEPS = 3
CONVERGED_PX = 1e-7
ROOT_CONVERGED = 1e-14
FOLD_LIMIT = 0.5
DEGENERATE = "the fit is degenerate: the stars do not span the chip"


def _no_distortion(order: int = ORDER) -> Floats:
    return np.zeros((order + 1, order + 1))


def _empty() -> Floats:
    return np.empty(0)


@dataclasses.dataclass(frozen=True, eq=False)
class Solution:
    """A plate solution, with the stars it was made from where they are known.

    Attributes
    ----------
    crval : (float, float)
        Right ascension and declination of the tangent point, degrees.
    crpix : (float, float)
        Its 0-based pixel x, y.
    cd : (2, 2) array
        Degrees per pixel.
    a, b : (n, n) arrays
        SIP coefficients: `a[i, j]` belongs to u**i v**j, zero for i + j < 2.
    ap, bp : (m, m) arrays
        Coefficients of the approximate inverse, as in the AP_i_j and BP_i_j cards.
    index : (k,) int array
        Rows of the matched stars in the list that was given to the fit.
    x, y : (k,) arrays
        Their measured 0-based positions.
    dx, dy : (k,) arrays
        Measured minus predicted, pixels.
    rms : float
        Root mean square of hypot(dx, dy); NaN without matched stars.
    fwhm : float
        Median width of the brightest of them, pixels; NaN where it was not measured.
    rung : str
        What found it: forced, shift, triangles, guess, solve-field or header.
    """

    crval: Place
    crpix: Place
    cd: Floats
    a: Floats = dataclasses.field(default_factory=_no_distortion)
    b: Floats = dataclasses.field(default_factory=_no_distortion)
    ap: Floats = dataclasses.field(default_factory=_no_distortion)
    bp: Floats = dataclasses.field(default_factory=_no_distortion)
    index: Ints = dataclasses.field(default_factory=lambda: np.empty(0, dtype=int))
    x: Floats = dataclasses.field(default_factory=_empty)
    y: Floats = dataclasses.field(default_factory=_empty)
    dx: Floats = dataclasses.field(default_factory=_empty)
    dy: Floats = dataclasses.field(default_factory=_empty)
    rms: float = math.nan
    fwhm: float = math.nan
    rung: str = ""

    @property
    def n(self) -> int:
        """Number of matched stars."""
        return len(self.index)

    @property
    def scale_arcsec(self) -> float:
        """Arcseconds per pixel at the tangent point."""
        return 3600.0 * math.sqrt(abs(np.linalg.det(self.cd)))

    @property
    def residual(self) -> Floats:
        """Distance of each matched star from its prediction, pixels."""
        distance: Floats = np.hypot(self.dx, self.dy)
        return distance


def project(ra: ArrayLike, dec: ArrayLike, crval: Place) -> tuple[Floats, Floats]:
    """Tangent-plane coordinates xi, eta in degrees; NaN more than 30 degrees from `crval`.

    Calabretta & Greisen 2002, A&A 395, 1077, section 5.1.3.
    """
    ra0, dec0 = np.radians(crval)
    alpha, delta = np.radians(ra) - ra0, np.radians(dec)
    cos_distance = np.sin(dec0) * np.sin(delta) + np.cos(dec0) * np.cos(delta) * np.cos(alpha)
    near = np.where(cos_distance > math.cos(math.radians(FIELD_LIMIT_DEG)), cos_distance, np.nan)
    xi = np.cos(delta) * np.sin(alpha) / near
    eta = (np.cos(dec0) * np.sin(delta) - np.sin(dec0) * np.cos(delta) * np.cos(alpha)) / near
    return np.degrees(xi), np.degrees(eta)


def deproject(xi: ArrayLike, eta: ArrayLike, crval: Place) -> tuple[Floats, Floats]:
    """Right ascension (0 to 360) and declination of tangent-plane coordinates, all in degrees."""
    ra0, dec0 = np.radians(crval)
    east, up = np.radians(xi), np.radians(eta)
    north = np.cos(dec0) - up * np.sin(dec0)
    ra = ra0 + np.arctan2(east, north)
    dec = np.arctan2(np.sin(dec0) + up * np.cos(dec0), np.hypot(east, north))
    return np.degrees(ra) % 360.0, np.degrees(dec)


def rotation_of(solution: Solution) -> float:
    """Position angle of the chip's y axis, degrees east of north, 0 to 360."""
    east, north = solution.cd[:, 1]
    return float(np.degrees(np.arctan2(east, north)) % 360)


def to_sky(solution: Solution, x: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
    """Right ascension and declination in degrees of 0-based pixels."""
    u, v = np.asarray(x, dtype=float) - solution.crpix[0], np.asarray(y, dtype=float) - solution.crpix[1]
    plane_x, plane_y = u + polyval2d(u, v, solution.a), v + polyval2d(u, v, solution.b)
    (cd11, cd12), (cd21, cd22) = solution.cd
    return deproject(cd11 * plane_x + cd12 * plane_y, cd21 * plane_x + cd22 * plane_y, solution.crval)


def centre_of(solution: Solution, shape: Shape) -> Place:
    """Right ascension and declination in degrees of the middle of a chip."""
    ra, dec = to_sky(solution, (shape[1] - 1) / 2.0, (shape[0] - 1) / 2.0)
    return float(ra), float(dec)


def to_pixels(solution: Solution, ra: ArrayLike, dec: ArrayLike) -> tuple[Floats, Floats]:
    """0-based pixels x, y of positions in degrees.

    NaN where the position is more than 30 degrees away, or so far off the chip that the distortion
    polynomial folds back and has no unique inverse. The inverse is iterated (Newton) to 1e-7 px.
    """
    xi, eta = project(np.asarray(ra, dtype=float), np.asarray(dec, dtype=float), solution.crval)
    (inv11, inv12), (inv21, inv22) = np.linalg.inv(solution.cd)
    u, v = _undistort(solution, inv11 * xi + inv12 * eta, inv21 * xi + inv22 * eta)
    return u + solution.crpix[0], v + solution.crpix[1]


def to_pixels_roughly(solution: Solution, ra: ArrayLike, dec: ArrayLike) -> tuple[Floats, Floats]:
    """As `to_pixels`, in less than half the time: distorted as the position without distortion is.

    That is off by the distortion times its slope: 0.02 px where it reaches 3 px in the corners.
    """
    xi, eta = project(np.asarray(ra, dtype=float), np.asarray(dec, dtype=float), solution.crval)
    (inv11, inv12), (inv21, inv22) = np.linalg.inv(solution.cd)
    u, v = inv11 * xi + inv12 * eta, inv21 * xi + inv22 * eta
    x, y = u - polyval2d(u, v, solution.a), v - polyval2d(u, v, solution.b)
    return x + solution.crpix[0], y + solution.crpix[1]


def _undistort(solution: Solution, plane_x: Floats, plane_y: Floats) -> tuple[Floats, Floats]:
    """u, v with u + A(u, v) = plane_x and v + B(u, v) = plane_y."""
    if not (solution.a.any() or solution.b.any()):
        return plane_x, plane_y
    a_u, a_v = polyder(solution.a, axis=0), polyder(solution.a, axis=1)
    b_u, b_v = polyder(solution.b, axis=0), polyder(solution.b, axis=1)
    u, v = plane_x, plane_y
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        for _ in range(NEWTON_STEPS):
            miss_x = u + polyval2d(u, v, solution.a) - plane_x
            miss_y = v + polyval2d(u, v, solution.b) - plane_y
            j11, j12 = 1.0 + polyval2d(u, v, a_u), polyval2d(u, v, a_v)
            j21, j22 = polyval2d(u, v, b_u), 1.0 + polyval2d(u, v, b_v)
            det = j11 * j22 - j12 * j21
            step_u, step_v = (j22 * miss_x - j12 * miss_y) / det, (j11 * miss_y - j21 * miss_x) / det
            u, v = u - step_u, v - step_v
            step = np.hypot(step_u, step_v)
            if not np.any(step > CONVERGED_PX):
                break
        good = (step <= CONVERGED_PX) & (np.abs(det - 1.0) < FOLD_LIMIT)
    return np.where(good, u, np.nan), np.where(good, v, np.nan)


def _exponents(lowest: int, highest: int) -> Exponents:
    return [(i, total - i) for total in range(lowest, highest + 1) for i in range(total, -1, -1)]


def _design(u: Floats, v: Floats, exponents: Exponents) -> Floats:
    """Matrix of u**i v**j, one column a pair of exponents."""
    highest = max(max(pair) for pair in exponents)
    powers_u, powers_v = np.vander(u, highest + 1, increasing=True), np.vander(v, highest + 1, increasing=True)
    return np.stack([powers_u[:, i] * powers_v[:, j] for i, j in exponents], axis=1)


def _as_square(coefficients: Floats, exponents: Exponents, order: int) -> Floats:
    square = np.zeros((order + 1, order + 1))
    for value, (i, j) in zip(coefficients, exponents, strict=True):
        square[i, j] = value
    return square


def fit_linear_sip(
    pairs: Pairs, *, crval: Place, shape: Shape, order: int = ORDER, weights: Floats | None = None
) -> Solution:
    """TAN-SIP solution through matched positions by linear least squares, without its inverse.

    xi and eta are full polynomials of the pixels; their constant and linear terms then become CRPIX
    and CD, so that A and B hold orders 2 and up only.

    Parameters
    ----------
    pairs : Pairs
        The matched stars.
    crval : (float, float)
        Tangent point to use, degrees.
    shape : (int, int)
        Ints and columns of the chip.
    order : int
        1, 2 or 3.
    weights : (n,) array, optional
        Weights of the squared residuals.

    Raises
    ------
    UnsolvedError
        Fewer stars than coefficients, or a degenerate solution.
    """
    exponents = _exponents(0, order)
    if len(pairs) < len(exponents):
        raise UnsolvedError(
            f"{len(pairs)} stars are too few for a fit of order {order}, expected at least {len(exponents)}"
        )
    unit = max(shape) / 2.0
    origin = np.array([(shape[1] - 1) / 2.0, (shape[0] - 1) / 2.0])
    xi, eta = project(pairs.ra, pairs.dec, crval)
    design = _design((pairs.x - origin[0]) / unit, (pairs.y - origin[1]) / unit, exponents)
    solved = _least_squares(design, np.stack([xi, eta], axis=1), weights)
    squares = [_as_square(column, exponents, ORDER) for column in solved.T]
    return _fold(squares, crval=crval, origin=origin, unit=unit)


def fit_conformal(guess: Solution, pairs: Pairs, *, weights: Floats | None = None) -> Solution:
    """`guess` shifted, turned and stretched onto matched positions by least squares: all that few stars can carry.

    Its tangent pixel, parity and distortion stay; four numbers are fitted.
    """
    u, v = pairs.x - guess.crpix[0], pairs.y - guess.crpix[1]
    plane_x, plane_y = u + polyval2d(u, v, guess.a), v + polyval2d(u, v, guess.b)
    parity, one, none = np.sign(np.linalg.det(guess.cd)), np.ones(len(pairs)), np.zeros(len(pairs))
    design = np.concatenate(
        [
            np.stack([plane_x, -parity * plane_y, one, none], axis=1),
            np.stack([parity * plane_y, plane_x, none, one], axis=1),
        ]
    )
    both = None if weights is None else np.concatenate([weights, weights])
    crval = guess.crval
    for _ in range(CONFORMAL_STEPS):  # the tangent point moves with the shift
        places = np.concatenate(project(pairs.ra, pairs.dec, crval))
        along, across, east, north = _least_squares(design, places, both)
        ra, dec = deproject(east, north, crval)
        crval = _place(float(ra), float(dec))
    cd = np.array([[along, -parity * across], [across, parity * along]])
    return dataclasses.replace(guess, crval=crval, cd=cd)


def _least_squares(design: Floats, values: Floats, weights: Floats | None = None) -> Floats:
    """Coefficients by the normal equations: pixels scaled to the chip keep them well conditioned, and many times
    faster than a decomposition of the design matrix.
    """
    weighted = design if weights is None else design * weights[:, None]
    try:
        return np.linalg.solve(weighted.T @ design, weighted.T @ values).astype(float, copy=False)
    except np.linalg.LinAlgError:
        raise UnsolvedError(DEGENERATE) from None


def _fold(squares: Sequence[Floats] | Floats, *, crval: Place, origin: Floats, unit: float) -> Solution:
    """Solution of xi, eta given as polynomials of (x, y) - origin in units of `unit` pixels."""
    root: Floats = np.zeros(2)
    for _ in range(NEWTON_STEPS):
        moved = [_shift_origin(square, root) for square in squares]
        linear = np.array([[square[1, 0], square[0, 1]] for square in moved])
        if not abs(np.linalg.det(linear)) > 0:
            raise UnsolvedError(DEGENERATE)
        step = np.linalg.solve(linear, [square[0, 0] for square in moved])
        root -= step
        if np.max(np.abs(step)) < ROOT_CONVERGED:
            break
    moved = [_shift_origin(square, root) for square in squares]
    linear = np.array([[square[1, 0], square[0, 1]] for square in moved])
    total = _total_order(len(squares[0]))
    scaled = np.where(total >= 2, np.stack(moved) * unit ** (1.0 - total), 0.0)
    a, b = np.einsum("kl,lij->kij", np.linalg.inv(linear), scaled)
    crpix = origin + unit * root
    return Solution(_place(*crval), _place(*crpix), linear / unit, a, b)


def _place(first: float, second: float) -> Place:
    return float(first), float(second)


def _shift_origin(square: Floats, origin: Floats) -> Floats:
    """Coefficients of the same polynomial in coordinates that start at `origin` (Taylor)."""
    size = len(square)
    left, right = (
        np.array([[math.comb(i, k) * at ** max(i - k, 0) for i in range(size)] for k in range(size)])
        for at in origin
    )
    moved: Floats = left @ square @ right.T
    return moved


def fit_inverse(solution: Solution, shape: Shape) -> Solution:
    """`solution` with AP and BP fitted over the chip (order 5)."""
    x, y = np.meshgrid(np.linspace(-1, shape[1], 15), np.linspace(-1, shape[0], 15))
    u, v = x.ravel() - solution.crpix[0], y.ravel() - solution.crpix[1]
    plane_x, plane_y = u + polyval2d(u, v, solution.a), v + polyval2d(u, v, solution.b)
    exponents = _exponents(1, INVERSE_ORDER)
    unit = max(shape) / 2.0
    design = _design(plane_x / unit, plane_y / unit, exponents)
    solved = _least_squares(design, np.stack([u - plane_x, v - plane_y], axis=1))
    scaled = solved / np.array([unit ** (i + j) for i, j in exponents])[:, None]
    ap, bp = (_as_square(column, exponents, INVERSE_ORDER) for column in scaled.T)
    return dataclasses.replace(solution, ap=ap, bp=bp)


def with_matches(solution: Solution, index: Ints, pairs: Pairs, *, rung: str) -> Solution:
    """`solution` with its matched stars, their residuals and the rms."""
    predicted_x, predicted_y = to_pixels(solution, pairs.ra, pairs.dec)
    dx, dy = pairs.x - predicted_x, pairs.y - predicted_y
    rms = float(np.sqrt(np.mean(dx**2 + dy**2)))
    return dataclasses.replace(solution, index=index, x=pairs.x, y=pairs.y, dx=dx, dy=dy, rms=rms, rung=rung)


def wcs_cards(solution: Solution, shape: Shape) -> list[Card]:
    """Header cards of a solution: list of (keyword, value, comment).

    CRPIX is 1-based as FITS wants it. MATCH-* are median residuals of the matched stars in the 512-px
    tiles at the corners (T = high y, R = high x) and at the centre; a tile without stars has no card, as
    have WCSRMS and MATCH-* of a solution without matched stars.
    """
    cards: list[Card] = [
        ("WCSAXES", 2, "number of world axes"),
        ("CTYPE1", "RA---TAN-SIP", "tangent plane with SIP distortion"),
        ("CTYPE2", "DEC--TAN-SIP", "tangent plane with SIP distortion"),
        ("CUNIT1", "deg", ""),
        ("CUNIT2", "deg", ""),
        ("CRVAL1", solution.crval[0], "[deg] right ascension of the tangent point"),
        ("CRVAL2", solution.crval[1], "[deg] declination of the tangent point"),
        ("CRPIX1", solution.crpix[0] + 1.0, "[px] its column, first pixel is 1"),
        ("CRPIX2", solution.crpix[1] + 1.0, "[px] its row, first pixel is 1"),
    ]
    cards += [(f"CD{i + 1}_{j + 1}", float(solution.cd[i, j]), "[deg/px]") for i in (0, 1) for j in (0, 1)]
    cards += [("RADESYS", "ICRS", "reference frame"), ("EQUINOX", 2000.0, "[yr]")]
    for name, square, lowest in (("A", solution.a, 2), ("B", solution.b, 2)):
        cards += _polynomial_cards(name, square, lowest, "SIP distortion")
    for name, square, lowest in (("AP", solution.ap, 1), ("BP", solution.bp, 1)):
        cards += _polynomial_cards(name, square, lowest, "inverse SIP distortion")
    return cards + _quality_cards(solution, shape)


def _polynomial_cards(name: str, square: Floats, lowest: int, comment: str) -> list[Card]:
    order = len(square) - 1
    terms: list[Card] = [
        (f"{name}_{i}_{j}", float(square[i, j]), comment)
        for i in range(order + 1)
        for j in range(order + 1 - i)
        if i + j >= lowest
    ]
    return [(f"{name}_ORDER", order, f"{comment}, order"), *terms]


def _quality_cards(solution: Solution, shape: Shape) -> list[Card]:
    cards: list[Card] = [("WCSNSTAR", solution.n, "stars in the plate solution")]
    if not solution.n:
        return cards
    cards.append(("WCSRMS", solution.rms, "[px] rms residual of the plate solution"))
    for name, value in tile_residuals(solution, shape).items():
        cards.append((f"MATCH-{name}", value, "[px] median residual of a tile"))
    return cards


def tile_residuals(solution: Solution, shape: Shape) -> dict[str, float]:
    """Median residual in pixels of the corner tiles TL, TR, BL, BR and the centre C, where they hold stars."""
    rows, columns = shape
    left, right = solution.x < TILE_PX, solution.x >= columns - TILE_PX
    low, high = solution.y < TILE_PX, solution.y >= rows - TILE_PX
    centre_x = np.abs(solution.x - (columns - 1) / 2) <= TILE_PX / 2
    centre_y = np.abs(solution.y - (rows - 1) / 2) <= TILE_PX / 2
    tiles = {"TL": left & high, "TR": right & high, "BL": left & low, "BR": right & low, "C": centre_x & centre_y}
    return {name: float(np.median(solution.residual[tile])) for name, tile in tiles.items() if tile.any()}


def solution_from_header(header: Header) -> Solution:
    """The solution that a header holds (TAN or TAN-SIP), without matched stars and without the inverse AP, BP.

    Constant and linear SIP terms, as older programs wrote them, are folded into CRPIX and CD.

    Raises
    ------
    UnsolvedError
        The header holds no such solution.
    """
    kinds = [str(_value(header, f"CTYPE{axis}", "")) for axis in (1, 2)]
    if kinds not in (["RA---TAN-SIP", "DEC--TAN-SIP"], ["RA---TAN", "DEC--TAN"]):
        found = ", ".join(kind for kind in kinds if kind) or "missing"
        raise UnsolvedError(
            f"no plate solution in the header: CTYPE is {found}, expected RA---TAN-SIP, DEC--TAN-SIP"
        )
    crval = _number(header, "CRVAL1"), _number(header, "CRVAL2")
    origin = np.array([_number(header, f"CRPIX{axis}") - 1.0 for axis in (1, 2)])
    cd = np.array([[_number(header, f"CD{i}_{j}") for j in (1, 2)] for i in (1, 2)])
    a, b = _header_square(header, "A"), _header_square(header, "B")
    _require_sense(origin, cd, (a, b))
    rms = _number(header, "WCSRMS") if "WCSRMS" in header else math.nan
    if any(square[i, j] for square in (a, b) for i, j in _exponents(0, 1)):
        return dataclasses.replace(_fold_into_linear(crval, origin, cd, a, b), rms=rms, rung="header")
    if not abs(np.linalg.det(cd)) > 0:
        raise UnsolvedError(DEGENERATE)
    return Solution(crval, _place(*origin), cd, a, b, rms=rms, rung="header")


def _fold_into_linear(crval: Place, origin: Floats, cd: Floats, a: Floats, b: Floats) -> Solution:
    """Solution of distortion polynomials that hold constant and linear terms too."""
    size = max(len(a), len(b), ORDER + 1)
    full = np.stack([np.pad(square, (0, size - len(square))) for square in (a, b)])
    full[0, 1, 0] += 1.0
    full[1, 0, 1] += 1.0
    unit = 1000.0
    total = _total_order(size)
    return _fold(np.einsum("kl,lij->kij", cd, full) * unit**total, crval=crval, origin=origin, unit=unit)


def _total_order(size: int) -> Ints:
    """(size, size) array of i + j."""
    total: Ints = np.add.outer(np.arange(size), np.arange(size))
    return total


def _require_sense(origin: Floats, cd: Floats, squares: Sequence[Floats]) -> None:
    """Refuse numbers that no chip has: far origins, pixels of degrees, distortions beyond all bounds."""
    if not (np.abs(origin).max() < FAR_PX**2 and np.abs(cd).max() < 1):
        raise UnsolvedError("no plate solution in the header: CRPIX and CD are those of no chip")
    with np.errstate(over="ignore"):
        reach = [np.max(np.abs(square) * FAR_PX ** _total_order(len(square))) for square in squares]
    if not max(reach) < FAR_PX**2:
        raise UnsolvedError("no plate solution in the header: its distortion is beyond all bounds")


def _header_square(header: Header, name: str) -> Floats:
    order = int(_number(header, f"{name}_ORDER")) if f"{name}_ORDER" in header else ORDER
    if not 0 <= order <= HIGHEST_ORDER:
        raise UnsolvedError(
            f"no plate solution in the header: {name}_ORDER is {order}, expected 0 to {HIGHEST_ORDER}"
        )
    square = _no_distortion(max(order, ORDER))
    for i, j in _exponents(0, order):
        if f"{name}_{i}_{j}" in header:
            square[i, j] = _number(header, f"{name}_{i}_{j}")
    return square


def _number(header: Header, keyword: str) -> float:
    try:
        value = float(_value(header, keyword))
    except (KeyError, TypeError, ValueError):
        raise UnsolvedError(f"no plate solution in the header: {keyword} is missing or no number") from None
    if not math.isfinite(value):
        raise UnsolvedError(f"no plate solution in the header: {keyword} is {value}")
    return value


def _value(header: Header, keyword: str, default: Any = None) -> Any:
    """Value of a card or the default; a card that cannot be read is as good as none of a plate solution."""
    try:
        return header.get(keyword, default)
    except VerifyError:
        raise UnsolvedError(f"no plate solution in the header: {keyword} is not readable") from None
