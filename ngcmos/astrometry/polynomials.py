"""Polynomials of two variables as squares of coefficients: `square[i, j]` belongs to u**i v**j."""

import math

import numpy as np

from ngcmos.arrays import Floats, Ints

Exponents = list[tuple[int, int]]  # of u and v, one pair a term


def exponents_of(lowest: int, highest: int) -> Exponents:
    return [(i, total - i) for total in range(lowest, highest + 1) for i in range(total, -1, -1)]


def design_matrix(u: Floats, v: Floats, exponents: Exponents) -> Floats:
    """Matrix of u**i v**j, one column a pair of exponents."""
    highest = max(max(pair) for pair in exponents)
    powers_u, powers_v = np.vander(u, highest + 1, increasing=True), np.vander(v, highest + 1, increasing=True)
    return np.stack([powers_u[:, i] * powers_v[:, j] for i, j in exponents], axis=1)


def as_square(coefficients: Floats, exponents: Exponents, order: int) -> Floats:
    square = np.zeros((order + 1, order + 1))
    for value, (i, j) in zip(coefficients, exponents, strict=True):
        square[i, j] = value
    return square


def shift_origin(square: Floats, origin: Floats) -> Floats:
    """Coefficients of the same polynomial in coordinates that start at `origin` (Taylor)."""
    size = len(square)
    left, right = (
        np.array([[math.comb(i, k) * at ** max(i - k, 0) for i in range(size)] for k in range(size)])
        for at in origin
    )
    moved: Floats = left @ square @ right.T
    return moved


def total_order(size: int) -> Ints:
    """(size, size) array of i + j."""
    total: Ints = np.add.outer(np.arange(size), np.arange(size))
    return total
