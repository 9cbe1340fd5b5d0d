"""Plate solutions from matched stars, by linear least squares."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.polynomial.polynomial import polyval2d

from ngcmos.arrays import Floats, Ints, Place, Shape
from ngcmos.astrometry.distortion import NEWTON_STEPS, ORDER, Solution, deproject, project, to_pixels
from ngcmos.astrometry.polynomials import as_square, design_matrix, exponents_of, shift_origin, total_order
from ngcmos.astrometry.spots import Pairs
from ngcmos.errors import UnsolvedError

INVERSE_ORDER = 5
CONFORMAL_STEPS = 3
ROOT_CONVERGED = 1e-14
DEGENERATE = "the fit is degenerate: the stars do not span the chip"


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
    exponents = exponents_of(0, order)
    if len(pairs) < len(exponents):
        raise UnsolvedError(
            f"{len(pairs)} stars are too few for a fit of order {order}, expected at least {len(exponents)}"
        )
    unit = max(shape) / 2.0
    origin = np.array([(shape[1] - 1) / 2.0, (shape[0] - 1) / 2.0])
    xi, eta = project(pairs.ra, pairs.dec, crval)
    design = design_matrix((pairs.x - origin[0]) / unit, (pairs.y - origin[1]) / unit, exponents)
    solved = _least_squares(design, np.stack([xi, eta], axis=1), weights)
    squares = [as_square(column, exponents, ORDER) for column in solved.T]
    return fold(squares, crval=crval, origin=origin, unit=unit)


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
        crval = place(float(ra), float(dec))
    cd = np.array([[along, -parity * across], [across, parity * along]])
    return dataclasses.replace(guess, crval=crval, cd=cd)


def fit_inverse(solution: Solution, shape: Shape) -> Solution:
    """`solution` with AP and BP fitted over the chip (order 5)."""
    x, y = np.meshgrid(np.linspace(-1, shape[1], 15), np.linspace(-1, shape[0], 15))
    u, v = x.ravel() - solution.crpix[0], y.ravel() - solution.crpix[1]
    plane_x, plane_y = u + polyval2d(u, v, solution.a), v + polyval2d(u, v, solution.b)
    exponents = exponents_of(1, INVERSE_ORDER)
    unit = max(shape) / 2.0
    design = design_matrix(plane_x / unit, plane_y / unit, exponents)
    solved = _least_squares(design, np.stack([u - plane_x, v - plane_y], axis=1))
    scaled = solved / np.array([unit ** (i + j) for i, j in exponents])[:, None]
    ap, bp = (as_square(column, exponents, INVERSE_ORDER) for column in scaled.T)
    return dataclasses.replace(solution, ap=ap, bp=bp)


def with_matches(solution: Solution, index: Ints, pairs: Pairs, *, rung: str) -> Solution:
    """`solution` with its matched stars, their residuals and the rms."""
    predicted_x, predicted_y = to_pixels(solution, pairs.ra, pairs.dec)
    dx, dy = pairs.x - predicted_x, pairs.y - predicted_y
    rms = float(np.sqrt(np.mean(dx**2 + dy**2)))
    return dataclasses.replace(solution, index=index, x=pairs.x, y=pairs.y, dx=dx, dy=dy, rms=rms, rung=rung)


def _least_squares(design: Floats, values: Floats, weights: Floats | None = None) -> Floats:
    """Coefficients by the normal equations: pixels scaled to the chip keep them well conditioned, and many times
    faster than a decomposition of the design matrix.
    """
    weighted = design if weights is None else design * weights[:, None]
    try:
        return np.linalg.solve(weighted.T @ design, weighted.T @ values).astype(float, copy=False)
    except np.linalg.LinAlgError:
        raise UnsolvedError(DEGENERATE) from None


def fold(squares: Sequence[Floats] | Floats, *, crval: Place, origin: Floats, unit: float) -> Solution:
    """Solution of xi, eta given as polynomials of (x, y) - origin in units of `unit` pixels."""
    root: Floats = np.zeros(2)
    for _ in range(NEWTON_STEPS):
        moved = [shift_origin(square, root) for square in squares]
        linear = np.array([[square[1, 0], square[0, 1]] for square in moved])
        if not abs(np.linalg.det(linear)) > 0:
            raise UnsolvedError(DEGENERATE)
        step = np.linalg.solve(linear, [square[0, 0] for square in moved])
        root -= step
        if np.max(np.abs(step)) < ROOT_CONVERGED:
            break
    moved = [shift_origin(square, root) for square in squares]
    linear = np.array([[square[1, 0], square[0, 1]] for square in moved])
    total = total_order(len(squares[0]))
    scaled = np.where(total >= 2, np.stack(moved) * unit ** (1.0 - total), 0.0)
    a, b = np.einsum("kl,lij->kij", np.linalg.inv(linear), scaled)
    crpix = origin + unit * root
    return Solution(place(*crval), place(*crpix), linear / unit, a, b)


def place(first: float, second: float) -> Place:
    return float(first), float(second)
